"""An interrupted run goes on to the losses of one that was not, to the last bit, or not at all."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from coursekit.checkpoint import random_state, restore_random_state
from coursekit.data.loader import Batches
from coursekit.train import History, fit, set_seed

draw = torch.Generator().manual_seed(1)
POINTS = torch.randn(29, 6, generator=draw)
CLASSES = torch.randint(3, (29,), generator=draw)
TOKENS = torch.randint(11, (4, 31), generator=draw)  # (N, T)


def classifier() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.25), nn.Linear(8, 3))


def own_generator() -> Batches:
    return Batches((POINTS, CLASSES), 8, torch.Generator().manual_seed(7))


def torch_loader() -> DataLoader:
    """It shuffles with PyTorch's global generator."""
    return DataLoader(TensorDataset(POINTS, CLASSES), batch_size=8, shuffle=True)


class Augmented:
    """Its noise comes from NumPy, its order from Python."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rows = list(range(len(POINTS)))
        random.shuffle(rows)
        for start in range(0, len(rows), 8):
            batch = rows[start : start + 8]
            noise = torch.from_numpy(np.random.randn(len(batch), 6)).float()
            yield POINTS[batch] + noise, CLASSES[batch]


class State(NamedTuple):
    h: Tensor
    c: Tensor


class Language(nn.Module):
    """Its norm has running statistics, which a look at a batch would change."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(11, 4), nn.BatchNorm1d(4)
        self.cell, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 11)

    def forward(self, tokens: Tensor, state: State | None) -> tuple[Tensor, State]:
        x = self.norm(self.embed(tokens).transpose(1, 2)).transpose(1, 2)  # (N, T, 4)
        memory = None if state is None else (state.h, state.c)
        output, (h, c) = self.cell(F.dropout(x, 0.2, self.training), memory)
        return self.head(output), State(h, c)


def windows() -> list[tuple[Tensor, Tensor]]:
    return [(TOKENS[:, i : i + 5], TOKENS[:, i + 1 : i + 6]) for i in range(0, 30, 5)]


def language_step(
    model: nn.Module, batch: tuple[Tensor, Tensor], state: State | None
) -> tuple[Tensor, State]:
    logits, state = model(batch[0], state)
    return F.cross_entropy(logits.flatten(0, 1), batch[1].flatten()), state


class Cut:
    """Data whose reading is interrupted at one batch, counted over all epochs."""

    def __init__(self, data: object, at: int, error: type[BaseException]) -> None:
        self.data, self.left, self.error = data, at, error
        self.generator = getattr(data, "generator", None)

    def __iter__(self) -> Iterator[object]:
        for batch in self.data:
            if self.left == 0:
                raise self.error
            self.left -= 1
            yield batch


def train(
    data: object, path: Path | None, *, every: float = 0.0, model: nn.Module | None = None
) -> tuple[History, nn.Module]:
    """Three epochs of a classifier; where `model` starts must not matter when there is a checkpoint."""
    if model is None:
        torch.manual_seed(5)
        model = classifier()
    validation = Batches((POINTS, CLASSES), 29)
    history = fit(
        model, data, F.cross_entropy, epochs=3, lr=0.05, clip_norm=1.0, validation=validation, seed=3,
        device="cpu", checkpoint=path, checkpoint_every=every,
    )  # fmt: skip
    return history, model


def losses(history: History) -> list[list[float]]:
    return [history.step_loss, history.train_loss, history.validation_loss]


def assert_same(a: tuple[History, nn.Module], b: tuple[History, nn.Module]) -> None:
    assert losses(a[0]) == losses(b[0])
    assert a[0].best_epoch == b[0].best_epoch
    ours, theirs = a[1].state_dict(), b[1].state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("every", [0.0, 1000.0], ids=["every step", "every epoch"])
@pytest.mark.parametrize("at", [2, 4, 7], ids=["first epoch", "between epochs", "second epoch"])
@pytest.mark.parametrize("data", [own_generator, torch_loader, Augmented])
def test_an_interrupted_run_goes_on_to_the_same_losses(
    tmp_path: Path, data: Callable[[], object], at: int, every: float
) -> None:
    whole = train(data(), None)
    with pytest.raises(RuntimeError):
        train(Cut(data(), at, RuntimeError), tmp_path / "run.pt", every=every)
    set_seed(99)  # a new process starts with other random states, another model and an untouched loader
    resumed = train(data(), tmp_path / "run.pt", every=every, model=classifier())
    assert_same(whole, resumed)
    assert len(set(whole[0].step_loss)) == 12  # there is something to be equal


def test_ctrl_c_twice(tmp_path: Path) -> None:
    whole = train(own_generator(), None)
    for at in (3, 5):
        with pytest.raises(KeyboardInterrupt) as caught:
            train(Cut(own_generator(), at, KeyboardInterrupt), tmp_path / "run.pt")
        note = f"The run is saved in {tmp_path / 'run.pt'}; the same call goes on from there."
        assert caught.value.__notes__ == [note]
    assert_same(whole, train(own_generator(), tmp_path / "run.pt"))


def test_ctrl_c_in_the_middle_of_a_step_leaves_no_half_step(tmp_path: Path) -> None:
    """The optimizer has moved one tensor of many when the signal comes: the file holds the step before."""

    class Torn(torch.optim.SGD):
        left = 6

        def step(self, closure: None = None) -> None:  # type: ignore[override]
            if self.left == 0:
                with torch.no_grad():
                    self.param_groups[0]["params"][0].add_(100.0)
                raise KeyboardInterrupt
            self.left -= 1
            super().step()

    def run(left: int, path: Path | None) -> History:
        torch.manual_seed(5)
        model = classifier()
        Torn.left = left
        optimizer = Torn(model.parameters(), lr=0.1, momentum=0.9)
        return fit(
            model, own_generator(), F.cross_entropy, epochs=3, optimizer=optimizer, seed=1, device="cpu",
            checkpoint=path, checkpoint_every=0,
        )  # fmt: skip

    whole = run(99, None)
    with pytest.raises(KeyboardInterrupt):
        run(6, tmp_path / "run.pt")
    assert losses(run(99, tmp_path / "run.pt")) == losses(whole)


@pytest.mark.topic("RNN-15")
def test_a_language_model_gets_its_state_back(tmp_path: Path) -> None:
    def run(data: object, path: Path | None) -> tuple[History, nn.Module]:
        torch.manual_seed(6)
        model = Language()
        history = fit(
            model, data, epochs=2, step=language_step, lr=0.1, seed=0, device="cpu", checkpoint=path,
            checkpoint_every=0,
        )  # fmt: skip
        return history, model

    whole = run(windows(), None)
    with pytest.raises(RuntimeError):
        run(Cut(windows(), 9, RuntimeError), tmp_path / "run.pt")
    assert_same(whole, run(windows(), tmp_path / "run.pt"))


KILLED = """
import sys, time
from pathlib import Path
from tests_of_checkpoints import own_generator, train

class Slow:
    generator = None
    def __init__(self):
        self.data = own_generator()
        self.generator = self.data.generator
    def __iter__(self):
        for number, batch in enumerate(self.data):
            yield batch
            print("step", flush=True)
            time.sleep(0.05)

train(Slow(), Path(sys.argv[1]))
"""


def test_a_killed_process_goes_on_to_the_same_losses(tmp_path: Path) -> None:
    (tmp_path / "tests_of_checkpoints.py").write_text(Path(__file__).read_text("utf8"), "utf8")
    path = tmp_path / "run.pt"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(6):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = len(History.from_json(torch.load(path, weights_only=True)["history"]).step_loss)
    assert 5 <= done <= 7  # in the second epoch
    assert_same(train(own_generator(), None), train(own_generator(), path))


def test_a_finished_run_returns_at_once_with_its_weights(tmp_path: Path) -> None:
    whole = train(own_generator(), tmp_path / "run.pt")
    state = torch.get_rng_state()
    again = train(Cut(own_generator(), 0, AssertionError), tmp_path / "run.pt", model=classifier())
    assert_same(whole, again)
    assert torch.equal(torch.get_rng_state(), state)  # so what comes after draws the same numbers


def test_early_stopping_remembers_its_best_weights(tmp_path: Path) -> None:
    def run(data: object, path: Path | None) -> tuple[History, nn.Module]:
        torch.manual_seed(5)
        model = classifier()
        other = Batches((POINTS, CLASSES.flip(0)), 29)
        history = fit(
            model, data, F.cross_entropy, epochs=40, lr=0.5, validation=other, patience=3, seed=3,
            device="cpu", checkpoint=path, checkpoint_every=0,
        )  # fmt: skip
        return history, model

    whole = run(own_generator(), None)
    best = whole[0].best_epoch
    assert best is not None and len(whole[0].train_loss) == best + 3 < 40
    with pytest.raises(RuntimeError):
        run(Cut(own_generator(), 4 * best + 6, RuntimeError), tmp_path / "run.pt")  # after the best epoch
    assert_same(whole, run(own_generator(), tmp_path / "run.pt"))


def test_more_epochs_go_on_and_fewer_are_refused(tmp_path: Path) -> None:
    def run(epochs: int, path: Path | None) -> History:
        torch.manual_seed(5)
        model = classifier()
        return fit(
            model, own_generator(), F.cross_entropy, epochs=epochs, seed=3, device="cpu", checkpoint=path
        )

    run(2, tmp_path / "run.pt")
    assert losses(run(4, tmp_path / "run.pt")) == losses(run(4, None))
    with pytest.raises(ValueError, match="epochs: expected at least the 4 of .*run.pt, received 3"):
        run(3, tmp_path / "run.pt")


def test_nan_leaves_the_checkpoint_of_the_step_before(tmp_path: Path) -> None:
    path, calls = tmp_path / "run.pt", iter(range(100))
    torch.manual_seed(5)
    model = classifier()

    def loss(y: Tensor, t: Tensor) -> Tensor:
        return F.cross_entropy(y, t) * (np.nan if next(calls) == 6 else 1.0)

    with pytest.raises(FloatingPointError, match="loss is nan at epoch 2, step 3"):
        fit(model, own_generator(), loss, epochs=3, checkpoint=path, checkpoint_every=0)
    content = torch.load(path, weights_only=True)
    assert len(History.from_json(content["history"]).step_loss) == 6
    for name, parameter in model.named_parameters():
        assert torch.equal(content["model"][name], parameter.detach())
    assert content["model"]["1.running_mean"].isfinite().all()
    history = fit(model, own_generator(), F.cross_entropy, epochs=3, lr=1e-4, checkpoint=path, resume=True)
    assert len(history.step_loss) == 12


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "run.pt"
    torch.manual_seed(5)
    fit(classifier(), own_generator(), F.cross_entropy, epochs=1, device="cpu", checkpoint=path)
    return path


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused_and_left_alone(finished: Path, keep: float) -> None:
    content = finished.read_bytes()
    damaged = content[: int(len(content) * keep)]
    finished.write_bytes(damaged)
    with pytest.raises(
        ValueError, match="run.pt: expected a checkpoint, received a damaged or different file"
    ):
        fit(classifier(), own_generator(), F.cross_entropy, epochs=1, checkpoint=finished)
    assert finished.read_bytes() == damaged


def test_one_wrong_byte_in_the_weights_is_noticed(finished: Path) -> None:
    """torch.load itself would not notice."""
    content = bytearray(finished.read_bytes())
    weight = torch.load(finished, weights_only=True)["model"]["0.weight"].numpy().tobytes()
    content[bytes(content).index(weight) + 9] ^= 0x40
    finished.write_bytes(content)
    torch.load(finished, weights_only=True)
    with pytest.raises(ValueError, match="received a damaged or different file"):
        fit(classifier(), own_generator(), F.cross_entropy, epochs=1, checkpoint=finished)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(classifier().state_dict(), path)
    with pytest.raises(ValueError, match="expected a checkpoint, received a damaged or different file"):
        fit(classifier(), own_generator(), F.cross_entropy, epochs=1, checkpoint=path)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("run-by-unpickling",)


def test_a_malicious_file_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(Evil(), tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="expected a checkpoint"):
        fit(classifier(), own_generator(), F.cross_entropy, epochs=1, checkpoint="evil.pt")
    assert not (tmp_path / "run-by-unpickling").exists()


def test_another_model_is_refused(finished: Path) -> None:
    wider = nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.Tanh(), nn.Dropout(0.25), nn.Linear(9, 3))
    before = finished.read_bytes()
    for resume in ("auto", True):
        with pytest.raises(
            ValueError, match=r"another model: expected 0.weight of shape \(8, 6\), received \(9, 6\)"
        ):
            fit(wider, own_generator(), F.cross_entropy, epochs=2, checkpoint=finished, resume=resume)
    with pytest.raises(ValueError, match=r"expected 0.weight of shape \(8, 6\), received None"):
        fit(nn.Linear(6, 3), own_generator(), F.cross_entropy, epochs=2, checkpoint=finished)
    assert finished.read_bytes() == before


def test_another_optimizer_is_refused(finished: Path) -> None:
    model = classifier()
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    with pytest.raises(
        ValueError, match="another run: expected optimizer Adam, received SGD; resume=False starts"
    ):
        fit(
            model, own_generator(), F.cross_entropy, epochs=2, optimizer=sgd, checkpoint=finished, resume=True
        )


def test_other_hyperparameters_are_refused_unless_wished(finished: Path) -> None:
    model = classifier()
    message = (
        "another run: expected lr 0.001, received 0.01; resume=True goes on with it; resume=False starts over"
    )
    with pytest.raises(ValueError, match=message):
        fit(model, own_generator(), F.cross_entropy, epochs=2, lr=0.01, checkpoint=finished)
    with pytest.raises(ValueError, match="expected clip_norm None, received 1.0"):
        fit(model, own_generator(), F.cross_entropy, epochs=2, clip_norm=1.0, checkpoint=finished)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    history = fit(
        model,
        own_generator(),
        F.cross_entropy,
        epochs=2,
        optimizer=optimizer,
        checkpoint=finished,
        resume=True,
    )
    assert len(history.train_loss) == 2
    assert optimizer.param_groups[0]["lr"] == 0.01
    assert optimizer.state_dict()["state"][0]["step"] == 8  # the moments went on from the file


def test_resume_true_insists_and_false_starts_over(finished: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match="resume=True: expected a checkpoint at .*none.pt, found none"
    ):
        fit(
            classifier(),
            own_generator(),
            F.cross_entropy,
            epochs=1,
            checkpoint=finished.parent / "none.pt",
            resume=True,
        )
    history = fit(
        classifier(), own_generator(), F.cross_entropy, epochs=1, lr=0.5, checkpoint=finished, resume=False
    )
    assert len(history.step_loss) == 4
    assert torch.load(finished, weights_only=True)["settings"]["lr"] == "0.5"


def test_data_that_became_shorter_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    with pytest.raises(RuntimeError):
        train(Cut(own_generator(), 3, RuntimeError), path)
    with pytest.raises(ValueError, match="train: expected the 3 batches used, received 1"):
        train(Batches((POINTS, CLASSES), 29, torch.Generator()), path)


FULL = """
import resource, sys
from pathlib import Path
from tests_of_checkpoints import own_generator, train

path = Path(sys.argv[1])
class Shrinking:
    generator = None
    def __iter__(self):
        for number, batch in enumerate(own_generator()):
            if number == 2:  # from now on no file may grow beyond this
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
            yield batch
try:
    train(Shrinking(), path)
except OSError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_checkpoint_of_before(tmp_path: Path) -> None:
    """A limit on the size of files makes the kernel refuse to write, as a full disk does."""
    pytest.importorskip("resource")
    (tmp_path / "tests_of_checkpoints.py").write_text(Path(__file__).read_text("utf8"), "utf8")
    path = tmp_path / "folder" / "run.pt"
    result = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.startswith(f"cannot write the checkpoint {path}: "), result.stderr
    assert result.stdout.endswith("; the one saved before is unharmed\n")
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]
    assert len(History.from_json(torch.load(path, weights_only=True)["history"]).step_loss) == 2


def test_a_checkpoint_that_cannot_be_written_is_told_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot write the checkpoint .*file/run.pt: ") as caught:
        train(Cut(own_generator(), 0, AssertionError), tmp_path / "file" / "run.pt")
    assert "saved before" not in str(caught.value)


def test_checkpoints_within_an_epoch_keep_their_distance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    clock = iter(range(10**6))
    monkeypatch.setattr(
        time, "perf_counter", lambda: float(next(clock))
    )  # a second passes whenever one looks
    monkeypatch.setattr(
        "coursekit.checkpoint.write", lambda content, path: written.append(content["position"]["step"])
    )
    train(Batches((POINTS[:28], CLASSES[:28]), 2, torch.Generator()), tmp_path / "run.pt", every=10.0)
    assert 5 <= len(written) <= 12 and max(written) > 0
    assert written[0] == 0 and written.count(0) == 4  # the start and the ends of three epochs


def test_random_states_return() -> None:
    def numbers() -> list[float]:
        return [random.random(), random.gauss(), np.random.rand(), np.random.randn(), torch.rand(()).item()]

    cpu, own = torch.device("cpu"), torch.Generator().manual_seed(1)
    numbers()  # leaves half a pair of normal numbers behind
    state = random_state(cpu, own)
    first = [*numbers(), torch.rand((), generator=own).item()]
    restore_random_state(state, cpu, own)
    assert [*numbers(), torch.rand((), generator=own).item()] == first
