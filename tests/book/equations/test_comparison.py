"""The equation of the comparison chapter, and what it says of networks and of stored runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean

import pytest
import torch
from torch import Tensor, nn

from coursekit import records
from coursekit.nn.recurrent import GRU, LSTM, RNN, Bidirectional, SequenceLayer
from coursekit.train import early_stopping


def accuracy_error(a: float, n: int) -> float:
    return math.sqrt(a * (1 - a) / n)


def difference_error(a: float, n: int) -> float:
    """Of two accuracies near a, each measured on n reviews of its own."""
    return math.sqrt(accuracy_error(a, n) ** 2 + accuracy_error(a, n) ** 2)


@pytest.mark.topic("RNN-59")
@pytest.mark.parametrize(("a", "n"), [(0.84, 25_000), (0.5, 100), (0.99, 400)])
def test_eq_accuracy_error(a: float, n: int) -> None:
    coins = torch.distributions.Binomial(n, torch.tensor(a, dtype=torch.float64))
    assert accuracy_error(a, n) == pytest.approx(coins.stddev.item() / n)
    torch.manual_seed(0)
    measured = coins.sample((2, 20_000)) / n
    assert measured[0].std().item() == pytest.approx(accuracy_error(a, n), rel=0.03)
    assert (measured[0] - measured[1]).std().item() == pytest.approx(difference_error(a, n), rel=0.03)
    record = records.load("recurrent-comparison")
    found = mean(run["test_accuracy"] for runs in record["runs"].values() for run in runs)
    assert record["sampling_error"] == pytest.approx(100 * difference_error(found, record["reviews"]))


@pytest.mark.topic("RNN-58", "RNN-59")
def test_the_reference_runs_are_a_tie() -> None:
    lstm, gru = records.load("imdb-lstm"), records.load("imdb-gru")
    for run in (lstm, gru):
        assert {len(run[key]) for key in run if key.startswith(("train", "validation"))} == {run["epochs"]}
    assert gru["steps_per_epoch"] == lstm["steps_per_epoch"] == math.ceil(25_000 / 32)
    last = 100 * (gru["validation_accuracy"][-1] - lstm["validation_accuracy"][-1])
    best = [early_stopping(run["validation_loss"], None).best_epoch for run in (gru, lstm)]
    at_best = [
        run["validation_accuracy"][epoch - 1] for run, epoch in zip((gru, lstm), best, strict=True) if epoch
    ]
    assert best == [3, 2]
    assert (round(last, 2), round(100 * (at_best[0] - at_best[1]), 2)) == (0.58, -0.08)
    assert round(100 * difference_error(0.84, 25_000), 2) == 0.33


@pytest.mark.topic("RNN-71")
def test_a_gru_has_three_quarters_of_the_products_and_the_record_counts_them() -> None:
    record = records.load("recurrent-comparison")
    counted = {cell: record["parameters"][cell]["layer"] for cell in ("rnn", "lstm", "gru")}
    layers = {
        "rnn": RNN(32, record["hidden"]),
        "lstm": LSTM(32, record["hidden"]),
        "gru": GRU(32, record["hidden"]),
    }
    assert counted == {name: sum(p.numel() for p in layer.parameters()) for name, layer in layers.items()}
    products = {name: layer.weight_ih.numel() + layer.weight_hh.numel() for name, layer in layers.items()}
    assert products["gru"] / products["lstm"] == 0.75 and products["lstm"] / products["rnn"] == 4
    for runs in record["runs"].values():
        assert len(runs) == record["seeds"] >= 5
        for run in runs:
            losses = run["validation_loss"]
            assert losses[run["best_epoch"] - 1] == min(losses) and len(losses) == record["epochs"]
            assert 0 < run["test_accuracy"] < 1 and run["seconds_per_epoch"] > 0


T, D = 9, 4
Model = Callable[[Tensor], Tensor]


def dependencies(model: Model) -> Tensor:
    """(T, T): whether the output of the row changes with the input of the column."""
    x = torch.randn(1, T, D, dtype=torch.float64)
    before, rows = model(x), []
    for t in range(T):
        changed = x.clone()
        changed[0, t] += 1.0
        rows.append((model(changed) != before).any(dim=-1)[0])
    return torch.stack(rows, dim=1)


@pytest.mark.topic("RNN-61")
@pytest.mark.parametrize("layer", [RNN(D, 3), LSTM(D, 3), GRU(D, 3)], ids=["rnn", "lstm", "gru"])
def test_recurrent_layers_see_the_past_and_share_their_weights(layer: SequenceLayer) -> None:
    layer = layer.double()
    assert torch.equal(dependencies(lambda x: layer(x)[0]), torch.ones(T, T).tril().bool())
    both = Bidirectional(layer).double()
    assert dependencies(lambda x: both(x)[0]).all()
    x = torch.randn(1, T, D, dtype=torch.float64)
    states = layer(x[:, :4])[1]
    later, _ = layer(x[:, 4:], states)  # the same weights go on from the state: no step is special
    torch.testing.assert_close(later, layer(x)[0][:, 4:])
    order = torch.randperm(T, generator=torch.Generator().manual_seed(1))
    assert not torch.allclose(layer(x[:, order])[0][:, -1], layer(x)[0][:, -1])


@pytest.mark.topic("RNN-61")
def test_convolution_and_attention_take_any_length_and_attention_reaches_all_at_once() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv1d(D, D, 5, padding=2).double()
    attention = nn.MultiheadAttention(D, 1, batch_first=True).double()
    assert torch.equal(dependencies(lambda x: convolution(x.mT).mT), torch.ones(T, T).tril(2).triu(-2).bool())
    assert dependencies(lambda x: attention(x, x, x)[0]).all()
    for steps in (4, 9):
        x = torch.randn(1, steps, D, dtype=torch.float64)
        assert convolution(x.mT).shape == (1, D, steps) and attention(x, x, x)[0].shape == (1, steps, D)
    order = torch.randperm(T)
    x = torch.randn(1, T, D, dtype=torch.float64)
    moved = x[:, order]
    torch.testing.assert_close(attention(moved, moved, moved)[0], attention(x, x, x)[0][:, order])
