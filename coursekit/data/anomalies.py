"""A stream of measurements in which something goes wrong now and then, and a note of what and when.

One step is one measurement. Normal values are a wave of amplitude 1 around 0 with noise, so all sizes are in
units of that amplitude.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.data.forecast import Season, place, seasonal

KINDS = ("normal", "spike", "drift", "silence")


class Stream(NamedTuple):
    """Measurements, and the truth about each."""

    values: Tensor  # (L,) float32
    kinds: Tensor  # (L,) int64, an index of KINDS


class Event(NamedTuple):
    """A run of steps of one kind."""

    kind: str
    start: int
    stop: int  # the first step after it


def stream(
    steps: int = 3000,
    spikes: int = 8,
    drifts: int = 3,
    silences: int = 3,
    *,
    period: float = 40.0,
    noise: float = 0.1,
    size: float = 1.0,
    duration: int = 30,
    healthy: float = 0.5,
    seed: int = 0,
) -> Stream:
    """A wave with three kinds of fault, all after the first `healthy` share of the steps.

    - spike: one step is off by `size` to twice as much, up or down. Up from a trough it stays in the usual
      range, so a threshold on the value misses some.
    - drift: within `duration` steps the sensor wanders off evenly, at the end by `size` to twice as much, and
      is then set right. It is slow: no single step looks odd beside the one before.
    - silence: for `duration` steps the sensor sends exactly 0, a value as usual as any.

    Faults neither overlap nor touch, and their order is drawn. Learn what is normal on the healthy part, set
    the threshold there too, and look at `kinds` only to judge. Raises `ValueError` if the faults do not fit.
    """
    if min(spikes, drifts, silences) < 0 or duration < 2 or not 0 <= healthy < 1 or not 0 < size < torch.inf:
        raise ValueError(
            f"expected counts >= 0, duration >= 2, healthy in [0, 1) and a finite size > 0, "
            f"received {(spikes, drifts, silences)}, {duration}, {healthy} and {size}"
        )
    values = seasonal(steps, [Season(period, 1.0)], level=0.0, noise=noise, seed=seed).values  # (L,)
    g = torch.Generator().manual_seed(seed + 1)  # a series and its faults are drawn apart
    kinds = torch.zeros(steps, dtype=torch.int64)
    faults = torch.tensor([1] * spikes + [2] * drifts + [3] * silences)
    faults = faults[torch.randperm(len(faults), generator=g)]
    lengths = [1 if fault == 1 else duration for fault in faults.tolist()]
    starts = place(lengths, int(healthy * steps), steps, g)
    for fault, start, length in zip(faults.tolist(), starts, lengths, strict=True):
        run = slice(start, start + length)
        kinds[run] = fault
        draw = torch.rand(2, generator=g)
        offset = size * (1 + draw[0]) * (1 if draw[1] < 0.5 else -1)
        if fault == 3:
            values[run] = 0.0
        else:
            values[run] += offset * torch.arange(1, length + 1) / length  # (length,) a spike has one step
    return Stream(values, kinds)


def events(kinds: Tensor) -> list[Event]:
    """The runs of steps that are not normal, in order of time: kinds (L,), indices of KINDS."""
    if kinds.dim() != 1 or kinds.dtype != torch.int64:
        raise ValueError(
            f"expected int64 kinds of shape (L,), received {kinds.dtype} of shape {tuple(kinds.shape)}"
        )
    found, start = [], 0
    for kind, length in zip(
        *(part.tolist() for part in kinds.unique_consecutive(return_counts=True)), strict=True
    ):
        if not 0 <= kind < len(KINDS):
            raise ValueError(f"a kind must be from 0 to {len(KINDS) - 1}, received {kind} at step {start}")
        if kind:
            found.append(Event(KINDS[kind], start, start + length))
        start += length
    return found
