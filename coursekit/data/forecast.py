"""Time series to forecast: generated ones, and honest ways to cut, scale and judge them. N windows, L steps.

A step may be an hour and a value a megawatt: nothing here depends on it, so every length is in steps and
every value in the unit of the series. A value that was not measured is NaN. What is after a forecast in
time must not help to make it: the cuts follow the order of time, gaps are filled from the left, and the
scale is that of the training part.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Season(NamedTuple):
    """A wave that returns."""

    period: float  # in steps
    amplitude: float


class Series(NamedTuple):
    """A series as measured, and what it would be without noise and gaps."""

    values: Tensor  # (L,) float32, NaN in the gaps
    clean: Tensor  # (L,) float32


class Windows(NamedTuple):
    """Examples for a forecaster, in order of time."""

    inputs: Tensor  # (N, window, 1) float32
    targets: Tensor  # (N, horizon) float32
    times: Tensor  # (N,) int64, the step of the first target


class Split(NamedTuple):
    """Three stretches of time, one after the other."""

    train: slice
    validation: slice
    test: slice


class Fold(NamedTuple):
    """A past to train on and the block after it to judge by."""

    train: slice
    validation: slice


class Scaled(NamedTuple):
    """Values with mean 0 and deviation 1 on the training part, and how to return: values * std + mean."""

    values: Tensor  # (L,) float32
    mean: float
    std: float


def seasonal(
    steps: int = 2016,
    seasons: Sequence[Season] = (Season(24, 10.0), Season(168, 4.0)),
    level: float = 50.0,
    slope: float = 0.0,
    noise: float = 1.0,
    memory: float = 0.0,
    gaps: int = 0,
    gap: int = 12,
    seed: int = 0,
) -> Series:
    r"""A level, a trend, waves and noise, as the hourly use of energy of a town over twelve weeks.

    $$y_t = a + b t + \sum_k A_k \sin(2 \pi t / P_k + \varphi_k) + e_t, \quad
    e_t = \rho e_{t-1} + \sqrt{1 - \rho^2}\, s\, u_t$$
    with a = `level`, b = `slope` per step, periods and amplitudes of `seasons`, phases drawn by the seed, u_t
    standard normal and $\rho$ = `memory` in [0, 1): noise of deviation s = `noise` whatever its memory.
    `gaps` runs of `gap` steps each are missing; no two touch, and the first and last step are always there.
    The other draws do not depend on the gaps. Raises `ValueError` for settings that fit no series.
    """
    numbers = [level, slope, noise, *(number for season in seasons for number in season)]
    if steps < 1 or not all(map(math.isfinite, numbers)) or noise < 0 or not 0 <= memory < 1:
        raise ValueError(
            f"expected steps >= 1, finite numbers, noise >= 0 and a memory in [0, 1), "
            f"received {steps}, {numbers} and {memory}"
        )
    if any(season.period <= 0 for season in seasons):
        raise ValueError(f"expected periods above 0, received {[season.period for season in seasons]}")
    g = torch.Generator().manual_seed(seed)
    time = torch.arange(steps, dtype=torch.float64)
    clean = level + slope * time  # (L,)
    for period, amplitude in seasons:
        phase = torch.rand((), generator=g, dtype=torch.float64)
        clean = clean + amplitude * torch.sin(2 * math.pi * (time / period + phase))
    draws = torch.randn(steps, generator=g, dtype=torch.float64)
    draws[1:] *= math.sqrt(1 - memory**2)  # the first one has the final deviation at once
    errors, error = [], 0.0
    for draw in draws.tolist():
        error = memory * error + draw
        errors.append(error)
    values = (clean + noise * torch.tensor(errors, dtype=torch.float64)).float()
    for start in place([gap] * gaps, 1, steps - 1, g):
        values[start : start + gap] = torch.nan
    return Series(values, clean.float())


def random_walk(
    steps: int = 1000, start: float = 100.0, drift: float = 0.0, volatility: float = 0.01, seed: int = 0
) -> Tensor:
    """A price without memory, (steps,) float32: each step changes its logarithm by drift + volatility u_t.

    u_t is standard normal. Nothing in the past tells the sign of the next change, so without drift the last
    value is the best forecast of the logarithm: a model that seems to do better has seen the future, or luck.
    """
    if steps < 1 or not (0 < start < math.inf and 0 <= volatility < math.inf and math.isfinite(drift)):
        raise ValueError(
            f"expected steps >= 1, start > 0, a finite drift and volatility >= 0, "
            f"received {steps}, {start}, {drift} and {volatility}"
        )
    g = torch.Generator().manual_seed(seed)
    changes = drift + volatility * torch.randn(steps, generator=g, dtype=torch.float64)
    changes[0] = 0.0
    return (start * changes.cumsum(0).exp()).float()


def place(lengths: Sequence[int], start: int, stop: int, generator: torch.Generator) -> list[int]:
    """Where runs of these lengths begin, drawn so that all lie in [start, stop) and no two overlap or touch.

    Every arrangement in the given order is equally likely. Raises `ValueError` if they do not fit.
    """
    free = stop - start - sum(lengths)  # steps that belong to no run
    if any(length < 1 for length in lengths) or free + 1 < len(lengths):
        raise ValueError(
            f"expected runs of at least 1 step that fit into {max(stop - start, 0)} steps with one between "
            f"each two, received {len(lengths)} of {sum(lengths)} steps in all"
        )
    before = torch.randperm(free + 1, generator=generator)[: len(lengths)].sort().values.tolist()
    starts, used = [], start
    for gaps_before, length in zip(before, lengths, strict=True):
        starts.append(used + gaps_before)
        used += length
    return starts


def carry_forward(values: Tensor) -> Tensor:
    """Fill each gap with the last value before it: (L,) with NaN -> (L,) without.

    A straight line across the gap would look smoother and know its far end, which lies in the future.
    """
    _check(values)
    known = ~values.isnan()
    if not known[0]:
        raise ValueError("expected a value at step 0 to carry forward, received a gap")
    return values[torch.where(known, torch.arange(len(values)), 0).cummax(0).values]


def windows(values: Tensor, window: int, horizon: int = 1) -> Windows:
    """Every run of `window` values and the `horizon` values after it in which nothing is missing.

    values (L,) -> at most L - window - horizon + 1 examples. `times` tells where each one lies.
    """
    _check(values)
    if window < 1 or horizon < 1 or len(values) < window + horizon:
        raise ValueError(
            f"window and horizon must be at least 1 and fit into the {len(values)} values, "
            f"received {window} and {horizon}"
        )
    runs = values.unfold(0, window + horizon, 1)  # (L - window - horizon + 1, window + horizon)
    times = (~runs.isnan().any(dim=1)).nonzero()[:, 0]  # (N,)
    if len(times) == 0:
        raise ValueError(f"expected {window + horizon} values in a row without a gap, received none")
    chosen = runs[times]
    return Windows(chosen[:, :window, None].contiguous(), chosen[:, window:].contiguous(), times + window)


def last_values(inputs: Tensor, horizon: int = 1, period: int = 1) -> Tensor:
    """The forecast to beat: what was there one `period` ago. Inputs (N, window, 1) -> (N, horizon).

    With period 1 the last value is repeated; with that of the season, the last season is. Beyond one period
    the forecast goes round again.
    """
    if inputs.dim() != 3 or horizon < 1 or not 1 <= period <= inputs.shape[1]:
        raise ValueError(
            f"expected inputs (N, window, 1), horizon >= 1 and a period from 1 to the window, "
            f"received {tuple(inputs.shape)}, {horizon} and {period}"
        )
    return inputs[:, inputs.shape[1] - period + torch.arange(horizon) % period, 0]


def split(length: int, validation: float = 0.2, test: float = 0.2, gap: int = 0) -> Split:
    """Training, validation and test part of `length` steps, in this order of time.

    The last two are shares of the length, rounded. `gap` steps before each of them belong to no part:
    where noise has a memory, neighbours across the cut would otherwise know of each other. Cut the values
    first and make `windows` of each part: then no window has a foot in two.
    """
    if not (0 < validation and 0 < test and validation + test < 1 and gap >= 0):
        raise ValueError(
            f"validation and test must be positive shares that leave some for training, and gap >= 0, "
            f"received {validation}, {test} and {gap}"
        )
    tested, validated = round(length * test), round(length * validation)
    first = length - tested - gap - validated  # of the validation part
    if min(tested, validated, first - gap) < 1:
        raise ValueError(
            f"expected enough steps for three parts, received {length} for {validation}, {test} and gap {gap}"
        )
    return Split(slice(0, first - gap), slice(first, first + validated), slice(length - tested, length))


def folds(length: int, count: int, gap: int = 0) -> list[Fold]:
    """Blocked cross-validation: `count` later and later blocks, each judged by what was learned before it.

    The steps are cut into count + 1 blocks, of equal length but for the first, which takes the remainder.
    Fold k trains on all blocks before block k + 1, less the last `gap` steps. A random choice of steps
    would let the model look up each answer between its neighbours.
    """
    block = length // (count + 1) if count >= 1 else 0
    first = length - count * block  # where the first judged block begins
    if count < 1 or gap < 0 or block < 1 or first <= gap:
        raise ValueError(
            f"expected count >= 1, gap >= 0 and steps for count + 1 blocks longer than the gap, "
            f"received {length} steps, {count} and {gap}"
        )
    return [Fold(slice(0, start - gap), slice(start, start + block)) for start in range(first, length, block)]


def scale(values: Tensor, train: slice) -> Scaled:
    """The series in units of the deviation of its training part, gaps left alone: (L,) -> (L,)."""
    _check(values)
    known = values[train][~values[train].isnan()].double()
    if len(known) == 0 or not known.std(correction=0) > 0:
        raise ValueError(
            f"expected at least two different values in the training part, received {known[:2].tolist()}"
        )
    mean, std = known.mean().item(), known.std(correction=0).item()
    return Scaled(((values.double() - mean) / std).float(), mean, std)


def _check(values: Tensor) -> None:
    if values.dim() != 1 or len(values) == 0 or not values.is_floating_point():
        raise ValueError(
            f"expected floats of shape (L,), received {values.dtype} of shape {tuple(values.shape)}"
        )
    if values.isinf().any():
        raise ValueError(
            f"expected finite values or NaN, received {values[values.isinf()][0].item()} "
            f"at step {int(values.isinf().nonzero()[0])}"
        )
