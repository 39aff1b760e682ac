"""The right numbers in other clothes: fractions, tensors, a loop over the steps."""

from __future__ import annotations

from fractions import Fraction
from math import log, prod, tanh

import numpy as np
import torch


def memory_in_fractions():
    half, tenth = Fraction(1, 2), Fraction(1, 10)
    kept, written = 8 * tenth * half * 2, 8 * tenth * 6 * tenth * -half
    return float(kept), float(written), float(kept + written + Fraction(1, 5))


def memory_step_by_step():
    """A list, each value carried through the steps that follow it."""
    carried = [2.0]
    for f, i, g in ((0.5, 0.6, -0.5), (0.8, 0.25, 0.8)):
        carried = [f * value for value in carried] + [i * g]
    return [carried[0], carried[1], sum(carried)]


def memory_as_tensors():
    gates = torch.tensor([0.5, 0.8], dtype=torch.float64)
    kept, written = gates.prod() * 2, gates[1] * 0.6 * -0.5
    return kept, written, kept + written + 0.2


def gradient_by_autograd():
    """Not by hand, but right: the question is a number, not how it was found."""
    cell = torch.tensor(-log(3), dtype=torch.float64, requires_grad=True)
    later = 0.5 * cell + (log(2) + 0.5 * log(3))  # such that it is ln 2
    loss = 0.8 * later - 0.25 * cell.tanh() + 0.25 * 0.5 * later.tanh()
    first, second = torch.autograd.grad(loss, (later, cell))
    return first.item(), second.item(), 0.4


def gradient_in_numpy():
    c, o, delta_h = np.array([-log(3), log(2)]), np.array([0.25, 0.5]), np.array([-1.0, 0.25])
    through = delta_h * o * (1 - np.tanh(c) ** 2)
    earlier = 0.8 + through[1]
    return float(earlier), float(0.5 * earlier + through[0]), prod((0.5, 0.8))


def gradient_by_the_other_slope():
    """The slope of tanh by way of the hyperbolic cosine: 1/cosh^2, here (4/5)^2 and (3/5)^2."""
    earlier = 0.8 + 0.125 * 16 / 25
    return earlier, earlier / 2 - 0.25 * 9 / 25, 0.8 * tanh(log(3)) / 1.6


VARIANTS = {
    "recurrent.memory_by_hand": (memory_in_fractions, memory_step_by_step, memory_as_tensors),
    "recurrent.gradient_by_hand": (gradient_by_autograd, gradient_in_numpy, gradient_by_the_other_slope),
}
