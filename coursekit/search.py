"""Hyperparameters: draw them, and judge each drawing on the later parts of a series by what came before."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

Settings = dict[str, Any]  # one value per hyperparameter
Draw = Callable[[torch.Generator], Any]


class Fold(NamedTuple):
    """Samples in order of time, by their numbers: those to learn from, and later ones to judge by."""

    train: range
    validation: range


def blocked_splits(n: int, folds: int, *, gap: int = 0, train_size: int | None = None) -> list[Fold]:
    """Cross-validation for `n` samples in order of time: each fold learns from the past of its block.

    The last `folds` of `folds + 1` equal blocks are judged one after the other (what does not divide goes to
    the first). A fold's training part is all that lies before its block, or the last `train_size` of that,
    less the `gap` samples next to the block. Windows of w values with the value that follows, as
    `data.series.sliding` makes them, share values with their w neighbours: there the gap should be w, or the
    score is too good. Nothing is shuffled: at random, the neighbours of every judged sample would be learned.
    Equal to `TimeSeriesSplit` of scikit-learn. Raises `ValueError` where a part would be empty.
    Source: Bergmeir and Benitez (2012), On the use of cross-validation for time series predictor evaluation.
    """
    if folds < 1 or gap < 0 or (train_size is not None and train_size < 1):
        raise ValueError(
            f"expected folds >= 1, gap >= 0 and train_size >= 1 or None, "
            f"received {folds}, {gap} and {train_size}"
        )
    block = n // (folds + 1)
    first = n - folds * block
    if block < 1 or first <= gap:
        raise ValueError(f"n: expected enough samples for {folds} folds with a gap of {gap}, received {n}")
    starts = range(first, n, block)
    return [
        Fold(
            range(0 if train_size is None else max(0, start - gap - train_size), start - gap),
            range(start, start + block),
        )
        for start in starts
    ]


def choice(*values: Any) -> Draw:
    """One of `values`, each as likely as the others. Raises `ValueError` for none."""
    if not values:
        raise ValueError("choice: expected at least one value, received none")
    return lambda generator: values[int(torch.randint(len(values), (), generator=generator))]


def log_uniform(low: float, high: float) -> Draw:
    """A number whose logarithm is uniform, so that each power of ten is as likely: for rates and penalties.

    Raises `ValueError` unless 0 < low <= high < infinity.
    """
    if not 0 < low <= high < math.inf:
        raise ValueError(f"log_uniform: expected 0 < low <= high < infinity, received {low} and {high}")
    ratio = math.log(high) - math.log(low)
    return lambda generator: (
        low * math.exp(ratio * torch.rand((), dtype=torch.float64, generator=generator).item())
    )


def draw_settings(space: Mapping[str, Draw], trials: int, seed: int = 0) -> list[Settings]:
    """`trials` drawings from `space`, e.g. `{"lr": log_uniform(1e-4, 1e-1), "units": choice(8, 16, 32)}`.

    The same seed gives the same ones, more trials the same ones first; the global generator is left alone.
    Where a grid of 9 tries 3 rates, 9 drawings try 9: only few hyperparameters matter, and nobody knows
    which. Raises `ValueError` for fewer than one trial.
    Source: Bergstra and Bengio (2012), Random search for hyper-parameter optimization.
    """
    if trials < 1:
        raise ValueError(f"trials: expected at least 1, received {trials}")
    generator = torch.Generator().manual_seed(seed)
    return [{name: draw(generator) for name, draw in space.items()} for _ in range(trials)]


class Trial(NamedTuple):
    """One setting of the hyperparameters and its loss on every fold; infinity where training broke down."""

    settings: Settings
    losses: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.losses) / len(self.losses)


def search(
    loss: Callable[[Settings, Fold], float], candidates: Sequence[Settings], folds: Sequence[Fold]
) -> list[Trial]:
    """Every candidate on every fold, the lowest mean loss first; of equals, the one that was given first.

    `loss(settings, fold)` trains on one part and returns the loss on the other. One that is NaN, or raises
    `FloatingPointError` as `fit` does when a rate is too high, counts as infinite: the search goes on. The
    winner's loss is the least of many and so too good; a last part of the series, kept out of all folds,
    tells the truth. Raises `ValueError` for no candidates or no folds.
    """
    if not candidates or not folds:
        raise ValueError(
            f"expected at least one candidate and one fold, received {len(candidates)} and {len(folds)}"
        )
    trials = [
        Trial(settings, tuple(_finite(loss, settings, fold) for fold in folds)) for settings in candidates
    ]
    return sorted(trials, key=lambda trial: trial.mean)


def _finite(loss: Callable[[Settings, Fold], float], settings: Settings, fold: Fold) -> float:
    try:
        value = loss(settings, fold)
    except FloatingPointError:
        return math.inf
    return math.inf if math.isnan(value) else value
