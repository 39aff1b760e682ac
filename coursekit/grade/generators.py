"""Draw arguments for the cases of an exercise; floating-point tensors are float64."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def uniform(generator: Generator, bound: float, *shape: int) -> Tensor:
    """Uniform between -bound and bound."""
    return bound * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)


def normal(generator: Generator, *shape: int) -> Tensor:
    """Standard normal."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def integers(generator: Generator, low: int, high: int, *shape: int) -> Tensor:
    """Uniform among low, ..., high - 1, as int64: targets, tokens, classes."""
    return torch.randint(low, high, shape, generator=generator)


def padding_mask(generator: Generator, batch: int, length: int) -> Tensor:
    """(batch, length), True on the first 1 to `length` steps of a row; the first row has them all."""
    lengths = integers(generator, 1, length + 1, batch, 1)
    lengths[0] = length
    return torch.arange(length) < lengths
