"""Wrong ways to clip a gradient that people really write, each with its id and a sentence.

Clipping is taken to pieces, as `slips.py` says: a norm for each tensor, from it and max_norm a factor, and
the factor's use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of

BY_VALUE = "clip_grad_norm_ keeps the direction; clipping values changes it."
ONE_NORM = (
    "All tensors together are one gradient with one norm: clipping each by its own turns the direction."
)
ROOT = "The norm is the square root of the sum of squares: take the root before you compare and divide."
SUM_OF_NORMS = "Norms do not add up: sum the squares over all tensors first, then take one root."
EUCLIDEAN = "The norm is Euclidean: squares summed over every element, not absolute values and not a mean."
ONLY_LONGER = (
    "A gradient shorter than max_norm stays as it is: the factor is at most 1, min(1, max_norm / norm)."
)
LARGER = "Clip what is too long and leave the rest: the factor is the smaller of 1 and max_norm / norm."
UPSIDE_DOWN = "The factor is max_norm / norm: the longer the gradient, the smaller the factor."
TO_LENGTH = "What is too long is shortened to length max_norm: divide by the norm, and multiply by max_norm."
NOT_SQUARED = "max_norm is a length, as the norm is: neither of them is squared."
ALL_SHORTENED = "One factor for all tensors: small ones shrink too, or the direction changes."
ZERO = "A gradient of zeros has norm 0: 0 / 0 gives nan. Divide only where the norm is above max_norm."


def joined(tensors: list[Tensor]) -> Tensor:
    """All elements behind one another."""
    return torch.cat([tensor.flatten() for tensor in tensors])


def total(tensors: list[Tensor]) -> list[Tensor]:
    """The norm of all together, for each of them."""
    return [joined(tensors).square().sum().sqrt()] * len(tensors)


def squares(tensors: list[Tensor]) -> Tensor:
    return joined(tensors).square().sum()


@dataclass(frozen=True)
class Clipping:
    """Clipping in pieces, all right unless replaced."""

    norms: Callable[[list[Tensor]], list[Tensor]] = total
    factor: Callable[[Tensor, float], Tensor] = lambda norm, limit: (limit / norm).clamp(max=1)
    applied: Callable[[Tensor, Tensor, float], Tensor] = lambda tensor, factor, limit: tensor * factor

    def __call__(self, gradients: list[Tensor], max_norm: float) -> list[Tensor]:
        norms = self.norms(gradients)
        return [
            self.applied(tensor, self.factor(norm, max_norm), max_norm)
            for tensor, norm in zip(gradients, norms, strict=True)
        ]


# Wrong pieces


def for_each(norm: Callable[[list[Tensor]], Tensor]) -> Callable[[list[Tensor]], list[Tensor]]:
    """Another norm of all together."""
    return lambda tensors: [norm(tensors)] * len(tensors)


def only_long_ones(tensor: Tensor, factor: Tensor, limit: float) -> Tensor:
    """The right factor, but only where a tensor alone is too long."""
    return tensor * factor if tensor.norm() > limit else tensor


def unit(norm: Tensor, limit: float) -> Tensor:
    return torch.where(norm > limit, 1 / norm, 1.0).to(norm.dtype)


CLIPPING_SLIPS = (
    Slip("RNN-S20", ONE_NORM, "norms", lambda tensors: [tensor.norm() for tensor in tensors]),
    Slip("RNN-S23", ROOT, "norms", for_each(squares)),
    Slip("RNN-S24", SUM_OF_NORMS, "norms", for_each(lambda tensors: sum(t.norm() for t in tensors))),
    Slip("RNN-S24", EUCLIDEAN, "norms", for_each(lambda tensors: joined(tensors).abs().sum())),
    Slip("RNN-S24", EUCLIDEAN, "norms", for_each(lambda tensors: joined(tensors).abs().max())),
    Slip("RNN-S24", EUCLIDEAN, "norms", for_each(lambda tensors: joined(tensors).square().mean().sqrt())),
    Slip("RNN-S24", EUCLIDEAN, "norms", for_each(lambda tensors: joined(tensors).sum().abs())),
    Slip("RNN-S21", ONLY_LONGER, "factor", lambda norm, limit: limit / norm),
    Slip("RNN-S21", LARGER, "factor", lambda norm, limit: (limit / norm).clamp(min=1)),
    Slip("RNN-S25", UPSIDE_DOWN, "factor", lambda norm, limit: (norm / limit).clamp(max=1)),
    Slip("RNN-S25", UPSIDE_DOWN, "factor", lambda norm, limit: (norm / limit).clamp(min=1)),
    Slip("RNN-S25", UPSIDE_DOWN, "factor", lambda norm, limit: norm / limit),
    Slip("RNN-S26", TO_LENGTH, "factor", unit),
    Slip("RNN-S26", TO_LENGTH, "factor", lambda norm, limit: (1 / norm).clamp(max=1)),
    Slip("RNN-S27", NOT_SQUARED, "factor", lambda norm, limit: (limit**2 / norm).clamp(max=1)),
    Slip("RNN-S27", NOT_SQUARED, "factor", lambda norm, limit: (limit**2 / norm**2).clamp(max=1)),
    Slip("RNN-S22", ZERO, "factor", lambda norm, limit: norm.clamp(max=limit) / norm),
    Slip("MIS-34", BY_VALUE, "applied", lambda tensor, factor, limit: tensor.clamp(-limit, limit)),
    Slip("MIS-34", BY_VALUE, "applied", lambda tensor, factor, limit: tensor.clamp(max=limit)),
    Slip("RNN-S28", ALL_SHORTENED, "applied", only_long_ones),
)
# Whoever clips values has no use for a norm or a factor: with them is no other mistake.
WRONG_CLIPPINGS = mistakes_of(Clipping(), CLIPPING_SLIPS)
pairs_of_clippings = pairs_of(
    Clipping(), CLIPPING_SLIPS, but=lambda one, other: "MIS-34" in (one.id, other.id)
)
