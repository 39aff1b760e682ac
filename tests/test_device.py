"""Devices by name, and two processes that train like one."""

import json
import os
import runpy
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from coursekit.device import World, describe_device, map_tensors, pick_device, placed, tensors_in


class Pair(NamedTuple):
    h: Tensor
    c: Tensor


def test_map_tensors_keeps_the_nest() -> None:
    nest = {"state": [Pair(torch.ones(1), torch.zeros(2)), None], "length": 3, "x": (torch.ones(3),)}
    doubled = map_tensors(lambda tensor: 2 * tensor, nest)
    assert isinstance(doubled["state"][0], Pair)
    assert torch.equal(doubled["state"][0].h, torch.tensor([2.0]))
    assert doubled["length"] == 3 and doubled["state"][1] is None and isinstance(doubled["x"], tuple)
    assert [len(tensor) for tensor in tensors_in(nest)] == [1, 2, 3]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No accelerator, whatever is here; `cards` and `apple` add some."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    return monkeypatch


def cards(machine: pytest.MonkeyPatch, number: int) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: number)


def test_auto_takes_what_there_is(machine: pytest.MonkeyPatch) -> None:
    assert pick_device() == torch.device("cpu")
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device() == torch.device("mps") == pick_device("mps")
    cards(machine, 2)
    assert pick_device() == torch.device("cuda:0") == pick_device("cuda")
    assert pick_device("cuda:1") == torch.device("cuda:1")
    assert pick_device("cpu") == torch.device("cpu")
    machine.setenv("LOCAL_RANK", "1")  # the second process of torchrun
    assert pick_device() == torch.device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:-1", "CPU", "cpu:0", "meta"])
def test_unknown_device(machine: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(ValueError) as caught:
        pick_device(name)
    assert str(caught.value) == f"device: expected auto, cpu, cuda, cuda:N or mps, received {name!r}"


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_missing_device(machine: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(ValueError, match=r"expected one that this machine has \(cpu\), received"):
        pick_device(name)


def test_missing_card(machine: pytest.MonkeyPatch) -> None:
    cards(machine, 2)
    with pytest.raises(ValueError, match=r"has \(cpu, cuda:0, cuda:1\), received 'cuda:2'"):
        pick_device("cuda:2")


def test_description(machine: pytest.MonkeyPatch) -> None:
    assert describe_device(torch.device("cpu")) == "cpu"
    machine.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    assert describe_device(torch.device("cuda:0")) == "cuda:0 (NVIDIA H200)"


class Traveller(nn.Linear):
    """Notes where it is sent, and stays at home."""

    def to(self, device: torch.device) -> "Traveller":  # type: ignore[override]
        self.journey = [*getattr(self, "journey", []), device]
        return self


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_placed_brings_the_model_back_whatever_happens(error: type[BaseException] | None) -> None:
    home, abroad, model = torch.device("cpu"), torch.device("meta"), Traveller(2, 1)
    with suppress(KeyboardInterrupt), placed(model, abroad):
        assert model.journey == [abroad]
        if error is not None:
            raise error
    assert model.journey == [abroad, home]
    with placed(model, home):
        pass
    assert model.journey == [abroad, home]  # nothing to do


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
def test_placed_takes_the_state_of_the_optimizer_along() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    with placed(model, torch.device("cuda:0"), optimizer):
        assert model.weight.is_cuda and optimizer.state[model.weight]["exp_avg"].is_cuda
    assert not model.weight.is_cuda and not optimizer.state[model.weight]["exp_avg"].is_cuda


def test_shares_cover_a_batch() -> None:
    batch = (torch.arange(5), torch.arange(10, 15))
    shares = [World(rank, 3).share(batch, lambda part: part[1].numel()) for rank in range(3)]
    assert sorted(torch.cat([share[0][0] for share in shares]).tolist()) == [0, 1, 2, 3, 4]
    assert [share[1] for share in shares] == [2 / 5, 2 / 5, 1 / 5]
    assert {share[2] for share in shares} == {5.0}
    (x, _), weight, count = World(2, 3).share(tuple(part[:2] for part in batch), lambda part: part[1].numel())
    assert (len(x), weight, count) == (1, 0.0, 2.0)  # nothing left for the third: a guest that does not count
    assert World().share(batch, lambda part: 5) == (batch, 1.0, 5.0)


SCRIPT = """
import json, sys
from pathlib import Path
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from coursekit.data.loader import Batches
from coursekit.metrics import accuracy
from coursekit.train import evaluate, fit

path, out = sys.argv[1:]
draw = torch.Generator().manual_seed(1)
x, y = torch.randn(29, 6, generator=draw).double(), torch.randint(3, (29,), generator=draw)
torch.manual_seed(5)
model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def run(epochs):  # batches of 7: unequal shares, and the last batch is a single point
    return fit(
        model, Batches((x, y), 7, torch.Generator().manual_seed(3)), F.cross_entropy, epochs=epochs, lr=0.05,
        clip_norm=0.1, validation=Batches((x, y), 10), metric=accuracy, seed=0, device="cpu", checkpoint=path,
    )


run(2)
history = run(4)  # goes on from the checkpoint
result = evaluate(model, Batches((x, y), 29), F.cross_entropy, device="cpu")
rank = dist.get_rank() if dist.is_initialized() else 0
weights = [weight.tolist() for weight in model.parameters()]
record = {"history": json.loads(history.to_json()), "loss": result.loss, "weights": weights}
Path(f"{out}.{rank}").write_text(json.dumps(record))
"""


def test_two_processes_train_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    monkeypatch.setattr(sys, "argv", ["script.py", str(tmp_path / "one.pt"), str(tmp_path / "one")])
    runpy.run_path(str(script))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, str(script), str(tmp_path / "two.pt"), str(tmp_path / "two")]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr

    one, two, other = (json.loads((tmp_path / name).read_text()) for name in ("one.0", "two.0", "two.1"))
    assert two["weights"] == other["weights"]
    assert two["history"]["step_loss"] == other["history"]["step_loss"]
    assert len(one["history"]["step_loss"]) == 20
    for name in ("step_loss", "train_loss", "validation_loss", "metric"):
        assert two["history"][name] == pytest.approx(one["history"][name], rel=1e-9)
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-9)
    for ours, theirs in zip(two["weights"], one["weights"], strict=True):
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-8, atol=1e-10)
