"""Splits against scikit-learn's, drawings by their distribution, and a search that finds what is there."""

import math
from collections.abc import Callable

import pytest
import torch
from sklearn.model_selection import TimeSeriesSplit
from torch.nn import functional as F

from coursekit.data.loader import Batches
from coursekit.data.series import sine
from coursekit.nn.sequence import SequenceRegressor
from coursekit.search import (
    Fold,
    Settings,
    blocked_splits,
    choice,
    draw_settings,
    log_uniform,
    search,
)
from coursekit.train import evaluate, fit


@pytest.mark.topic("RNN-62")
@pytest.mark.parametrize("n", [12, 13, 100])
@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("gap", [0, 1])
@pytest.mark.parametrize("train_size", [None, 1, 7])
def test_splits_equal_those_of_scikit_learn(n: int, folds: int, gap: int, train_size: int | None) -> None:
    splitter = TimeSeriesSplit(folds, gap=gap, max_train_size=train_size)
    expected = [(train.tolist(), validation.tolist()) for train, validation in splitter.split(range(n))]
    ours = blocked_splits(n, folds, gap=gap, train_size=train_size)
    assert [(list(train), list(validation)) for train, validation in ours] == expected


@pytest.mark.topic("RNN-62")
def test_eleven_samples_by_hand() -> None:
    assert blocked_splits(11, 3, gap=1) == [
        Fold(range(0, 4), range(5, 7)),
        Fold(range(0, 6), range(7, 9)),
        Fold(range(0, 8), range(9, 11)),
    ]
    assert blocked_splits(11, 3, gap=1, train_size=4)[2] == Fold(range(4, 8), range(9, 11))


@pytest.mark.topic("RNN-62")
def test_a_gap_of_one_window_keeps_judged_values_out_of_training() -> None:
    window, count = 10, 120
    values = [set(range(start, start + window + 1)) for start in range(count)]  # of each sample of `sliding`
    for gap in (0, window - 1, window):
        for train, validation in blocked_splits(count, 4, gap=gap):
            learned = set().union(*(values[i] for i in train))
            judged = set().union(*(values[i] for i in validation))
            assert max(train) < min(validation)
            assert learned.isdisjoint(judged) == (gap == window)


@pytest.mark.topic("RNN-62")
def test_drawings_repeat_begin_alike_and_leave_the_global_generator_alone() -> None:
    space = {"lr": log_uniform(1e-4, 1e-1), "units": choice(8, 16, 32), "cell": choice("lstm", "gru")}
    state = torch.random.get_rng_state()
    twelve = draw_settings(space, 12, seed=3)
    assert draw_settings(space, 12, seed=3) == twelve and draw_settings(space, 20, seed=3)[:12] == twelve
    assert draw_settings(space, 12, seed=4) != twelve
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(list(settings) == ["lr", "units", "cell"] for settings in twelve)
    assert len({settings["lr"] for settings in twelve}) == 12


@pytest.mark.topic("RNN-62")
def test_each_power_of_ten_and_each_choice_is_as_likely() -> None:
    drawn = draw_settings({"lr": log_uniform(1e-4, 1e-1), "units": choice(8, 16, 32)}, 3000)
    rates = [settings["lr"] for settings in drawn]
    assert 1e-4 <= min(rates) and max(rates) <= 1e-1
    for power in (1e-4, 1e-3, 1e-2):
        share = sum(power <= rate < 10 * power for rate in rates) / 3000
        assert share == pytest.approx(1 / 3, abs=0.04)
    for units in (8, 16, 32):
        assert sum(settings["units"] == units for settings in drawn) / 3000 == pytest.approx(1 / 3, abs=0.04)
    assert draw_settings({"lr": log_uniform(0.1, 0.1)}, 1)[0]["lr"] == pytest.approx(0.1)


@pytest.mark.topic("RNN-62")
def test_the_lowest_mean_wins_and_a_breakdown_comes_last() -> None:
    table = {"a": [1.0, 5.0], "b": [2.0, 2.0], "c": [0.0, math.nan], "d": None, "e": [3.0, 1.0]}
    asked: list[tuple[str, Fold]] = []

    def loss(settings: Settings, fold: Fold) -> float:
        asked.append((settings["name"], fold))
        losses = table[settings["name"]]
        if losses is None:
            raise FloatingPointError("the loss is nan at epoch 1, step 1")
        return losses[folds.index(fold)]

    folds = blocked_splits(9, 2)
    found = search(loss, [{"name": name} for name in table], folds)
    assert [trial.settings["name"] for trial in found] == ["b", "e", "a", "c", "d"]
    assert [trial.mean for trial in found] == [2.0, 2.0, 3.0, math.inf, math.inf]
    assert found[3].losses == (0.0, math.inf) and found[4].losses == (math.inf, math.inf)
    assert asked == [(name, fold) for name in table for fold in folds]


@pytest.mark.topic("RNN-62")
def test_another_error_is_not_swallowed() -> None:
    def loss(settings: Settings, fold: Fold) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        search(loss, [{}], blocked_splits(4, 1))


@pytest.mark.topic("RNN-48", "RNN-62")
def test_a_random_search_over_a_forecast_is_repeatable_and_finds_a_rate_that_learns() -> None:
    data = sine(steps=210, noise=0.05)
    folds = blocked_splits(len(data.inputs), 2, gap=10)

    def loss(settings: Settings, fold: Fold) -> float:
        parts = [
            Batches((data.inputs[part.start : part.stop], data.targets[part.start : part.stop]), 32)
            for part in fold
        ]
        torch.manual_seed(0)
        model = SequenceRegressor(1, settings["units"])
        fit(model, parts[0], F.mse_loss, epochs=8, lr=settings["lr"], device="cpu", progress=False)
        return evaluate(model, parts[1], F.mse_loss, device="cpu").loss

    candidates = draw_settings({"lr": log_uniform(1e-5, 1e-1), "units": choice(4, 8)}, 4, seed=1)
    found = search(loss, candidates, folds)
    assert search(loss, candidates[:1], folds)[0] in found
    best, worst = found[0], found[-1]
    assert best.mean < 0.1 < 0.3 < worst.mean  # 0.5 is the variance of the wave
    assert best.settings["lr"] > worst.settings["lr"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: blocked_splits(10, 0), "received 0, 0 and None"),
        (lambda: blocked_splits(10, 2, gap=-1), "received 2, -1 and None"),
        (lambda: blocked_splits(10, 2, train_size=0), "received 2, 0 and 0"),
        (lambda: blocked_splits(2, 2), "enough samples for 2 folds with a gap of 0, received 2"),
        (lambda: blocked_splits(12, 2, gap=4), "enough samples for 2 folds with a gap of 4, received 12"),
        (lambda: choice(), "choice: expected at least one value, received none"),
        (lambda: log_uniform(0.0, 1.0), "received 0.0 and 1.0"),
        (lambda: log_uniform(2.0, 1.0), "received 2.0 and 1.0"),
        (lambda: log_uniform(1.0, math.inf), "received 1.0 and inf"),
        (lambda: draw_settings({}, 0), "trials: expected at least 1, received 0"),
        (lambda: search(lambda settings, fold: 0.0, [], [Fold(range(1), range(1, 2))]), "received 0 and 1"),
        (lambda: search(lambda settings, fold: 0.0, [{}], []), "received 1 and 0"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
