"""The oracle of `fit` is the same training written plainly with torch.optim, to the last bit."""

import copy
import json
import math
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.data.loader import Batches
from coursekit.metrics import accuracy
from coursekit.train import History, early_stopping, evaluate, fit, set_seed

IMDB_LSTM = [0.3677, 0.3555, 0.3752, 0.4489, 0.5063]  # validation losses of RNN-50, epochs 1 to 5
IMDB_GRU = [0.4034, 0.3662, 0.3657, 0.4209, 0.4318]  # of RNN-58


def classifier(p: float = 0.25) -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(p), nn.Linear(8, 3))


def points(seed: int | None = 7, batch_size: int = 8) -> Batches:
    """29 points of 3 classes, so that the last of the batches of 8 has 5."""
    draw = torch.Generator().manual_seed(1)
    x, y = torch.randn(29, 6, generator=draw), torch.randint(3, (29,), generator=draw)
    return Batches((x, y), batch_size, None if seed is None else torch.Generator().manual_seed(seed))


class State(NamedTuple):
    h: Tensor
    c: Tensor


class Language(nn.Module):
    """A language model whose state is a NamedTuple."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.cell, self.head = (
            nn.Embedding(11, 4),
            nn.LSTM(4, 5, batch_first=True),
            nn.Linear(5, 11),
        )

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        memory = None if state is None else (state.h, state.c)
        output, (h, c) = self.cell(F.dropout(self.embed(tokens), 0.2, self.training), memory)
        return self.head(output), State(h, c)


def language_step(
    model: nn.Module, batch: tuple[Tensor, Tensor], state: State | None
) -> tuple[Tensor, State]:
    logits, state = model(batch[0], state)
    return F.cross_entropy(logits.flatten(0, 1), batch[1].flatten()), state


def text(windows: int = 6) -> list[tuple[Tensor, Tensor]]:
    ids = torch.randint(11, (4, 5 * windows + 1), generator=torch.Generator().manual_seed(2))  # (N, T)
    return [(ids[:, i : i + 5], ids[:, i + 1 : i + 6]) for i in range(0, 5 * windows, 5)]


def language_model() -> Language:
    torch.manual_seed(6)
    return Language()


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_fit_equals_the_loop_written_plainly() -> None:
    ours, theirs = classifier(), classifier()
    history = fit(ours, points(), F.cross_entropy, epochs=3, lr=0.01, clip_norm=0.5, seed=3, device="cpu")

    torch.manual_seed(3)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.01)
    losses = []
    data = points()
    for _ in range(3):
        for x, y in data:
            loss = F.cross_entropy(theirs(x), y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            optimizer.step()
            losses.append(loss.item())

    assert history.step_loss == losses
    assert same_weights(ours, theirs)
    means = [(8 * (a + b + c) + 5 * d) / 29 for a, b, c, d in (losses[:4], losses[4:8], losses[8:])]  # MIS-69
    assert history.train_loss == pytest.approx(means, rel=1e-12)
    assert len(history.seconds) == 3 and history.device == "cpu" and history.seed == 3


def test_fit_trains_in_training_mode_whatever_the_mode_before() -> None:
    model = classifier()
    fit(model.eval(), points(), F.cross_entropy, epochs=1)
    assert model[1].num_batches_tracked == 4


@pytest.mark.topic("RNN-19")
def test_clipping_shortens_the_gradient_and_keeps_its_direction() -> None:
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    batch = [(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0]]))]
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    fit(model, batch, lambda y, t: (t - y).sum(), epochs=1, optimizer=sgd, clip_norm=1.0)
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[0.6, 0.8]]))


@pytest.mark.topic("RNN-15")
def test_the_carry_is_the_state_of_the_step_before_detached() -> None:
    ours, theirs = language_model(), language_model()
    sgd = torch.optim.SGD(ours.parameters(), lr=0.5)
    history = fit(ours, text(), epochs=2, step=language_step, optimizer=sgd, seed=0, device="cpu")

    set_seed(0)
    sgd = torch.optim.SGD(theirs.parameters(), lr=0.5)
    losses = []
    for _ in range(2):
        state = None
        for batch in text():
            loss, state = language_step(theirs, batch, state)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            state = State(state.h.detach(), state.c.detach())
            losses.append(loss.item())
    assert history.step_loss == losses
    assert same_weights(ours, theirs)


def test_evaluate_is_the_mean_over_all_examples_in_evaluation_mode() -> None:
    model, data = classifier(), points(None)
    model.train()
    x, y = data.tensors
    with torch.no_grad():
        model.eval()
        logits = model(x)
        model.train()
    result = evaluate(model, data, F.cross_entropy, metric=accuracy, device="cpu")
    assert result.loss == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-6)
    assert result.metric == pytest.approx((logits.argmax(1) == y).double().mean().item(), rel=1e-12)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_count_says_how_many_terms_a_mean_has() -> None:
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    batches = [(torch.tensor([[1.0, 2.0, 3.0]]), mask[:1]), (torch.tensor([[10.0, 0.0, 0.0]]), mask[1:])]

    def step(model: nn.Module, batch: tuple[Tensor, Tensor], carry: object) -> tuple[Tensor, None]:
        x, keep = batch
        return (model(x[..., None]).squeeze(-1) * keep).sum() / keep.sum(), None

    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    result = evaluate(model, batches, step=step, count=lambda batch: int(batch[1].sum()))
    assert result.loss == pytest.approx((1 + 2 + 3 + 10) / 4)
    assert evaluate(model, batches, step=step).loss == pytest.approx(
        (2 + 10) / 2
    )  # without: three elements each


@pytest.mark.topic("REG-17")
@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        (IMDB_LSTM, 1, (2, 3)),
        (IMDB_LSTM, 2, (2, 4)),
        (IMDB_GRU, 1, (3, 4)),
        (IMDB_GRU, 2, (3, 5)),
        (IMDB_LSTM, 4, (2, None)),
        (IMDB_LSTM, None, (2, None)),
        (
            [1.0, 0.5, 0.7, 0.6, 0.8, 0.7],
            2,
            (2, 4),
        ),  # a zigzag: compared with the best, not with the last (ERR-22)
        ([1.0, 1.0, 1.0], 2, (1, 3)),  # a tie is no improvement
        ([math.nan, math.nan], 2, (None, 2)),
        ([0.5, math.nan, 0.4, math.nan], 2, (3, None)),
        ([], 1, (None, None)),
    ],
)
def test_early_stopping(losses: list[float], patience: int | None, expected: tuple[int, int]) -> None:
    assert early_stopping(losses, patience) == expected


@pytest.mark.topic("REG-17")
def test_min_delta_asks_for_more_than_a_lower_loss() -> None:
    assert early_stopping([1.0, 0.95, 0.92, 0.7], 9, min_delta=0.1) == (4, None)
    assert early_stopping([1.0, 0.95, 0.92, 0.7], 2, min_delta=0.1) == (1, 3)


class Scripted(nn.Module):
    """Its validation loss follows a script, and its weight counts the training steps."""

    def __init__(self, script: list[float]) -> None:
        super().__init__()
        self.steps, self.script = nn.Parameter(torch.zeros(())), script

    def forward(self, x: Tensor) -> Tensor:
        return self.steps if self.training else torch.tensor(self.script[int(self.steps.item()) - 1])


@pytest.mark.topic("REG-17")
@pytest.mark.parametrize(("losses", "patience", "stop", "best"), [(IMDB_LSTM, 2, 4, 2), (IMDB_GRU, 1, 4, 3)])
def test_patience_restores_the_weights_of_the_best_epoch(
    losses: list[float], patience: int, stop: int, best: int
) -> None:
    """A reference instead of a copy (MIS-26) would leave the last weight, `stop`."""
    model = Scripted(losses)
    one = [(torch.zeros(1), torch.zeros(1))]
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    history = fit(
        model, one, lambda y, t: y if not model.training else -y, epochs=5, optimizer=sgd, validation=one,
        patience=patience,
    )  # fmt: skip
    assert history.validation_loss == pytest.approx(losses[:stop])
    assert history.best_epoch == best
    assert model.steps.item() == best


def test_without_patience_the_last_weights_stay() -> None:
    model, one = Scripted(IMDB_LSTM), [(torch.zeros(1), torch.zeros(1))]
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    history = fit(
        model, one, lambda y, t: y if not model.training else -y, epochs=5, optimizer=sgd, validation=one
    )
    assert (model.steps.item(), history.best_epoch) == (5, 2)


def test_metric_is_measured_on_the_validation_data_every_epoch() -> None:
    history = fit(
        classifier(),
        points(),
        F.cross_entropy,
        epochs=2,
        validation=points(None),
        metric=lambda y, t: float(len(t)),
    )
    assert history.metric == pytest.approx([(3 * 8 * 8 + 5 * 5) / 29] * 2)


def poisoned(at: int) -> list[tuple[Tensor, Tensor]]:
    batches = list(points(None))
    batches[at][0][0, 0] = math.nan
    return batches


def test_a_loss_that_is_not_finite_stops_before_the_weights() -> None:
    model = classifier()
    before = copy.deepcopy(list(model.parameters()))
    with pytest.raises(FloatingPointError, match="loss is nan at epoch 1, step 1.*batch itself"):
        fit(model, poisoned(0), F.cross_entropy, epochs=1)
    assert all(torch.equal(new, old) for new, old in zip(model.parameters(), before, strict=True))

    data = list(points(None))
    calls = iter(range(100))

    def loss(y: Tensor, t: Tensor) -> Tensor:
        value = F.cross_entropy(y, t)
        return value * math.inf if next(calls) == 6 else value

    with pytest.raises(
        FloatingPointError, match=r"inf at epoch 2, step 3; .*lower lr \(now 0.02\) or clip_norm"
    ):
        fit(classifier(), data, loss, epochs=3, lr=0.02)


def test_a_loss_that_is_not_finite_stops_even_with_a_finite_gradient() -> None:
    with pytest.raises(FloatingPointError, match="the loss is nan at epoch 1, step 1"):
        fit(classifier(), points(), lambda y, t: F.cross_entropy(y, t) + math.nan, epochs=1)


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    data = [(torch.ones(1, 1), torch.zeros(1, 1))]
    with pytest.raises(FloatingPointError, match="the gradient's norm is nan at epoch 1, step 1"):
        fit(model, data, lambda y, t: y.abs().sqrt().sum() + 1, epochs=1)  # the root's slope at 0 is infinite
    assert model.weight.item() == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(epochs=0), ValueError, "epochs: expected at least 1, received 0"),
        (dict(patience=0, validation=[]), ValueError, "patience: expected at least 1"),
        (dict(patience=2), ValueError, "patience: expected together with validation=, received without"),
        (dict(metric=accuracy), ValueError, "metric: expected together with validation="),
        (dict(clip_norm=0.0), ValueError, "clip_norm: expected a positive number or None, received 0.0"),
        (dict(resume="yes"), ValueError, "resume: expected True, False or 'auto', received 'yes'"),
        (dict(seed=-1), ValueError, "seed: expected an integer from 0"),
        (dict(device="gpu"), ValueError, "device: expected auto, cpu, cuda, cuda:N or mps, received 'gpu'"),
        (dict(step=language_step), TypeError, "expected either loss= or step=, received both"),
        (dict(loss=None), TypeError, "expected either loss= or step=, received neither"),
        (dict(loss=lambda y, t: y), ValueError, r"loss: expected a scalar tensor, received shape \(8, 3\)"),
        (dict(loss=lambda y, t: 1.0), ValueError, "loss: expected a scalar tensor, received float"),
        (dict(loss=lambda y, t: y.detach().sum()), ValueError, "model's weights, received a constant"),
        (dict(train=iter([])), TypeError, "train: expected batches that can be read in every epoch"),
        (dict(train=[]), ValueError, "train: expected at least one batch with a target, received none"),
        (dict(train=[torch.zeros(2, 6)]), TypeError, "batch: expected .*inputs, target.*received Tensor"),
        (dict(loss=None, step=lambda m, b, c: b[0].sum()), TypeError, r"return \(loss, carry\), received T"),
        (dict(validation=[]), ValueError, "data: expected at least one batch, received none"),
    ],
)  # fmt: skip
def test_bad_arguments_get_one_sentence(change: dict, error: type, message: str) -> None:
    call = dict(model=classifier(), train=points(), loss=F.cross_entropy, epochs=1, device="cpu") | change
    with pytest.raises(error, match=message) as caught:
        fit(**call)
    assert "\n" not in str(caught.value)


def test_a_metric_needs_the_output_that_a_step_hides() -> None:
    with pytest.raises(ValueError, match="metric: expected together with loss="):
        fit(language_model(), text(), epochs=1, step=language_step, validation=text(), metric=accuracy)


def test_batches_of_other_kinds_need_a_count() -> None:
    with pytest.raises(TypeError, match="ends in a tensor, or count=; received dict"):
        evaluate(classifier(), [{"x": torch.zeros(1)}], step=language_step)


def test_set_seed_seeds_python_numpy_and_torch() -> None:
    import random

    import numpy as np

    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), torch.rand(()).item()

    set_seed(4)
    first = draw()
    assert draw() != first
    set_seed(4)
    assert draw() == first


def test_history_survives_json() -> None:
    history = fit(classifier(), points(), F.cross_entropy, epochs=2, validation=points(None), seed=1)
    assert History.from_json(history.to_json()) == history
    assert json.loads(history.to_json())["versions"]["torch"] == torch.__version__
    assert "seconds" not in repr(history) and "epochs=2" in repr(history)

    history.validation_loss[0] = math.nan  # JSON knows no NaN
    assert "NaN" not in history.to_json()
    assert math.isnan(History.from_json(history.to_json()).validation_loss[0])
    with pytest.raises(ValueError, match="expected the JSON of a History"):
        History.from_json('{"loss": [1, 2]}')


def test_flags_change_how_and_not_what(monkeypatch: pytest.MonkeyPatch) -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))

    draw = torch.Generator().manual_seed(0)
    data = [(torch.randn(5, 2, 4, 4, generator=draw), torch.tensor([0, 1, 0, 1, 1])) for _ in range(3)]
    seen: list[torch.dtype] = []

    def loss(y: Tensor, t: Tensor) -> Tensor:
        seen.append(y.dtype)
        return F.cross_entropy(y, t)

    plain = fit(network(), data, loss, epochs=2).step_loss
    assert set(seen) == {torch.float32}
    model = network()
    last = fit(model, data, loss, epochs=2, channels_last=True).step_loss
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert last == pytest.approx(plain, rel=1e-5)

    seen.clear()
    half = fit(network(), data, loss, epochs=2, bf16=True).step_loss
    assert set(seen) == {torch.bfloat16}
    assert half == pytest.approx(plain, rel=0.05) and half != plain


def test_compile_trains_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """With Dynamo's own backend, which needs no C++ compiler."""
    compiled = []
    original = torch.compile

    def eager(model: nn.Module) -> object:
        compiled.append(model)
        return original(model, backend="eager")

    monkeypatch.setattr(torch, "compile", eager)
    ours, theirs = classifier(0.0), classifier(0.0)
    a = fit(ours, points(), F.cross_entropy, epochs=2, validation=points(None), compile=True)
    b = fit(theirs, points(), F.cross_entropy, epochs=2, validation=points(None))
    assert compiled == [ours]
    assert a.step_loss == pytest.approx(b.step_loss, rel=1e-5)
    torch.testing.assert_close(dict(ours.state_dict()), dict(theirs.state_dict()))


class Counted:
    """Data without a length, read once per epoch."""

    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        self.passes += 1
        yield from points(None)


def test_data_without_a_length_will_do() -> None:
    data = Counted()
    assert len(fit(classifier(), data, F.cross_entropy, epochs=3).step_loss) == 12
    assert data.passes == 3
