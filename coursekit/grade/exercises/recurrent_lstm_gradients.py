"""Wrong gradients of an LSTM's step that people really write, each with the id of its mistake and a sentence.

Three kinds: the right gradient of a wrong step; wrong gates in a backward pass that is right; and a backward
pass, taken to pieces as the step is in `recurrent_lstm_mistakes.py`, with a wrong piece in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.grade.exercise import Mistake
from coursekit.grade.exercises.recurrent_lstm_mistakes import (
    CELL_SLIPS,
    GATE_ORDER,
    GATE_SLIPS,
    OLD_CELL,
    ORDERS,
    Inputs,
    Step,
    remembered,
)
from coursekit.grade.exercises.slips import Slip, two_places, with_slips

DELTA_C = (
    "Going back from t+1 to t multiplies by the forget gate of step t+1, "
    "and adds the error that comes through h_t."
)
SLOPES = "The slope of a sigmoid s is s(1 - s), that of a tanh g is 1 - g^2."
SLOPE_OF_CELL = "From h_t back to c_t, multiply by the slope of tanh there: 1 - tanh(c_t)^2."
SHOWN = "The gradient of the output gate is taken with what it multiplied: tanh(c_t)."
FORGOTTEN = "The gradient of the forget gate is taken with what it multiplied: the old cell c_{t-1}."
SUMMED = "The weights serve every example: add up their gradients over the batch, do not average them."
BOTH_BIASES = "The two biases are only ever added: each has the whole gradient of the sum."

Gradients = tuple[Tensor, ...]  # one for each of Inputs, in their order


def gradient_of(cell: Callable[..., tuple[Tensor, ...]]) -> Callable[..., Gradients]:
    """The function (grad_h, grad_c, *inputs) -> gradients of the inputs, by autograd through `cell`."""

    def backward(grad_h: Tensor, grad_c: Tensor, *inputs: Tensor) -> Gradients:
        with torch.enable_grad():
            leaves = [tensor.detach().requires_grad_() for tensor in inputs]
            h, c = cell(*leaves)
            total = (h * grad_h).sum() + (c * grad_c).sum()  # its gradient, without loading symbolic algebra
            return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)

    return backward


class Pass(NamedTuple):
    """What the backward pass of one step has at hand, each (N, H)."""

    grad_h: Tensor
    grad_c: Tensor
    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor
    old_c: Tensor
    c: Tensor


# The right pieces


def sigmoid_slope(s: Tensor) -> Tensor:
    return s * (1 - s)


def tanh_slope(g: Tensor) -> Tensor:
    return 1 - g**2


def through_output(p: Pass, slope: Tensor) -> Tensor:
    return p.grad_h * p.o * slope + p.grad_c


def summed(a: Tensor, read: Tensor) -> Tensor:
    return a.T @ read


@dataclass(frozen=True)
class Backward:
    """The backward pass written out, all right unless a piece is replaced."""

    step: Step = Step()
    cell_slope: Callable[[Pass], Tensor] = lambda p: 1 - p.c.tanh() ** 2
    delta_c: Callable[[Pass, Tensor], Tensor] = through_output
    old_c: Callable[[Pass, Tensor], Tensor] = lambda p, delta: delta * p.f
    slopes: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] = (sigmoid_slope, tanh_slope)
    forgotten: Callable[[Pass], Tensor] = lambda p: p.old_c
    shown: Callable[[Pass], Tensor] = lambda p: p.c.tanh()
    order: str = "ifgo"
    weights: Callable[[Tensor, Tensor], Tensor] = summed
    biases: Callable[[Tensor], tuple[Tensor, Tensor]] = lambda a: (a.sum(0), a.sum(0))

    def __call__(self, grad_h: Tensor, grad_c: Tensor, *inputs: Tensor) -> Gradients:
        n = Inputs(*inputs)
        i, f, g, o = gates = self.step.gates(n)
        p = Pass(grad_h, grad_c, i, f, g, o, n.c, remembered(gates, n))
        delta = self.delta_c(p, self.cell_slope(p))
        of_sigmoid, of_tanh = self.slopes
        terms = {
            "i": delta * g * of_sigmoid(i),
            "f": delta * self.forgotten(p) * of_sigmoid(f),
            "g": delta * i * of_tanh(g),
            "o": grad_h * self.shown(p) * of_sigmoid(o),
        }
        a = torch.cat([terms[gate] for gate in self.order], dim=-1)  # (N, 4H)
        states = a @ n.weight_ih, a @ n.weight_hh, self.old_c(p, delta)
        return *states, self.weights(a, n.x), self.weights(a, n.h), *self.biases(a)


# Wrong pieces


def unchanged(y: Tensor) -> Tensor:
    return torch.ones_like(y)


BACKWARD_SLIPS = (
    Slip("ERR-46", DELTA_C, "delta_c", lambda p, slope: p.grad_h * p.o * slope + p.grad_c * p.f),
    Slip("ERR-46", DELTA_C, "delta_c", lambda p, slope: p.grad_c),
    Slip("ERR-46", DELTA_C, "delta_c", lambda p, slope: p.grad_h * p.o * slope),
    Slip("ERR-46", DELTA_C, "old_c", lambda p, delta: delta),
    Slip("ERR-46", DELTA_C, "old_c", lambda p, delta: p.grad_c * p.f),
    Slip("ERR-56", SLOPE_OF_CELL, "cell_slope", lambda p: unchanged(p.c)),
    Slip("ERR-56", SLOPE_OF_CELL, "cell_slope", lambda p: 1 - p.c**2),
    Slip("ERR-56", SLOPE_OF_CELL, "cell_slope", lambda p: 1 - p.c.tanh()),
    Slip("MIS-36", OLD_CELL, "cell_slope", lambda p: 1 - p.old_c.tanh() ** 2),
    Slip("ERR-56", SLOPES, "slopes", (unchanged, unchanged)),
    Slip("ERR-56", SLOPES, "slopes", (unchanged, tanh_slope)),
    Slip("ERR-56", SLOPES, "slopes", (sigmoid_slope, unchanged)),
    Slip("ERR-56", SLOPES, "slopes", (sigmoid_slope, sigmoid_slope)),
    Slip("ERR-56", SLOPES, "slopes", (tanh_slope, tanh_slope)),
    Slip("ERR-56", SLOPES, "slopes", (sigmoid_slope, lambda g: 1 - g)),
    Slip("ERR-42", FORGOTTEN, "forgotten", lambda p: p.c),
    Slip("ERR-57", SHOWN, "shown", lambda p: p.c),
    Slip("MIS-36", OLD_CELL, "shown", lambda p: p.old_c.tanh()),
    *(Slip("MIS-27", GATE_ORDER, "order", order) for order in ORDERS),
    Slip("ERR-64", SUMMED, "weights", lambda a, read: a.T @ read / len(a)),
    Slip("ERR-64", SUMMED, "biases", lambda a: (a.mean(0), a.mean(0))),
    Slip("MIS-29", BOTH_BIASES, "biases", lambda a: (a.sum(0), torch.zeros_like(a[0]))),
    Slip("MIS-29", BOTH_BIASES, "biases", lambda a: (a.sum(0) / 2, a.sum(0) / 2)),
    Slip("MIS-29", BOTH_BIASES, "biases", lambda a: (2 * a.sum(0), 2 * a.sum(0))),
)


def on_wrong_gates(backward: Backward, slip: Slip) -> Backward:
    return replace(backward, step=with_slips(Step(), slip))


WRONG_GRADIENTS = (
    *(Mistake(slip.id, slip.say, gradient_of(with_slips(Step(), slip).cell)) for slip in CELL_SLIPS),
    *(Mistake(slip.id, slip.say, on_wrong_gates(Backward(), slip)) for slip in GATE_SLIPS),
    *(Mistake(slip.id, slip.say, with_slips(Backward(), slip)) for slip in BACKWARD_SLIPS),
)


def pairs_of_gradients() -> Iterator[Mistake]:
    """Two mistakes on the way back, or wrong gates and one mistake on the way back."""
    for a, b in two_places(BACKWARD_SLIPS):
        yield Mistake(a.id, a.say, with_slips(Backward(), a, b), also=(b.id, b.say))
    for a in GATE_SLIPS:
        for b in BACKWARD_SLIPS:
            yield Mistake(a.id, a.say, on_wrong_gates(with_slips(Backward(), b), a), also=(b.id, b.say))
