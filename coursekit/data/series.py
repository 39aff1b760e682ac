"""Generated sequences: two tests of memory, and a wave to forecast. N batch, T time, D features.

Every function draws from its own generator: the same arguments give the same numbers, another seed other
ones.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Sequences(NamedTuple):
    """Sequences, and what is to be said of each after its last step."""

    inputs: Tensor  # (N, T, D) float32
    targets: Tensor  # (N,) int64 classes, or (N, 1) float32 values


def delay(n: int, gap: int, classes: int = 2, noise: float = 0.2, seed: int = 0) -> Sequences:
    """The delay task: a class is shown at the first step and has to be named after `gap` steps of noise.

    inputs (n, gap + 1, classes): one-hot at the first step, then normal noise of standard deviation `noise`;
    targets (n,). Guessing is right in one of `classes` cases. Source: the latch problem of Bengio et al.
    (1994).
    """
    if n < 1 or gap < 0 or classes < 2 or not 0 <= noise < math.inf:
        raise ValueError(
            f"expected n >= 1, gap >= 0, classes >= 2 and a finite noise >= 0, "
            f"received {n}, {gap}, {classes} and {noise}"
        )
    g = torch.Generator().manual_seed(seed)
    targets = torch.randint(classes, (n,), generator=g)  # (N,)
    inputs = noise * torch.randn(n, gap + 1, classes, generator=g)  # (N, T, D)
    inputs[:, 0] = torch.nn.functional.one_hot(targets, classes).float()
    return Sequences(inputs, targets)


def adding(n: int, length: int, seed: int = 0) -> Sequences:
    """The adding task: the sum of the two marked numbers of a long row.

    inputs (n, length, 2): numbers uniform in [0, 1), and marks, 1 at one step of the first half and at one of
    the second, 0 elsewhere; targets (n, 1). Always answering 1 has a mean squared error of 1/6. Source:
    Hochreiter & Schmidhuber (1997), experiment 4, with one mark in each half.
    """
    if n < 1 or length < 2:
        raise ValueError(f"expected n >= 1 and length >= 2, received {n} and {length}")
    g = torch.Generator().manual_seed(seed)
    numbers = torch.rand(n, length, generator=g)  # (N, T)
    half = length // 2
    first = torch.randint(half, (n, 1), generator=g)
    second = torch.randint(half, length, (n, 1), generator=g)
    marks = torch.zeros(n, length).scatter(1, torch.cat([first, second], dim=1), 1.0)  # (N, T)
    targets = (numbers * marks).sum(dim=1, keepdim=True)  # (N, 1)
    return Sequences(torch.stack([numbers, marks], dim=2), targets)  # (N, T, 2)


def sine(
    steps: int = 1000, window: int = 10, period: float = 25.0, noise: float = 0.0, seed: int = 0
) -> Sequences:
    """Windows of a sine wave and the value that follows each, in order of time.

    x_t = sin(2 pi t / period) + noise e_t, e_t standard normal, t = 0 ... steps - 1; windows as in `sliding`.
    Cut training and test part by time, not at random: neighbouring windows share all values but one.
    """
    if not (0 < period < math.inf and 0 <= noise < math.inf):
        raise ValueError(
            f"expected a period > 0 and a noise >= 0, both finite, received {period} and {noise}"
        )
    g = torch.Generator().manual_seed(seed)
    time = torch.arange(steps, dtype=torch.float64)
    clean = torch.sin(
        2 * math.pi * time / period
    ).float()  # (T,), phases in double so that long waves stay exact
    return sliding(clean + noise * torch.randn(steps, generator=g), window)


def sliding(values: Tensor, window: int) -> Sequences:
    """Every run of `window` values and the next one: (L,) -> (L - window, window, 1), (L - window, 1)."""
    if values.dim() != 1 or not values.is_floating_point():
        raise ValueError(
            f"expected floats of shape (L,), received {values.dtype} of shape {tuple(values.shape)}"
        )
    if window < 1 or len(values) <= window:
        raise ValueError(
            f"a window must be from 1 to {len(values) - 1} of the {len(values)} values, received {window}"
        )
    if not values.isfinite().all():
        first = int((~values.isfinite()).nonzero()[0])
        raise ValueError(f"expected finite values, received {values[first].item()} at step {first}")
    runs = values.unfold(0, window + 1, 1)  # (N, window + 1)
    return Sequences(runs[:, :-1, None].contiguous(), runs[:, -1:].contiguous())
