"""Wrong gradients of a plain recurrent network that people really write, each with its id and a sentence.

The way back through time is taken to pieces, as `slips.py` says: one pass forward, one loop back, and sums
over the steps. T time, N batch, D inputs, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of, said_twice

SLOPE = "The slope of tanh at step t is 1 - h_t^2: multiply by it at every step, before anything goes on."
SLOPE_OF_STATE = "The slope needs the state after tanh: 1 - h_t^2, not the sum before it."
SLOPE_BEFORE = "The tanh of step t made h_t: its slope is 1 - h_t^2, not that of the state before it."
LATER_STEPS = (
    "The loss feels h_t twice: by its own output and by all later steps. Add what step t + 1 hands back."
)
OWN_ERRORS = "Every step has an output of its own: add grad_outputs[t] to what step t + 1 hands back."
HANDED_ON = (
    "What goes back from step t is delta_t, later errors included: else the error dies after one step."
)
WAY_BACK = (
    "Forward was h @ weight_hh.T, so backward is delta @ weight_hh: the matrix turns round, not the product."
)
NO_MATRIX = "On its way from h_t to h_{t-1} an error passes weight_hh at every step."
ALL_STEPS = "The weight is used at every step: sum its gradient over all of them."
SUMMED = "The weights serve every step and every example: add their gradients up, do not average them."
STATE_READ = (
    "At step t weight_hh multiplied the state before it, h_{t-1}: pair delta_t with that, not with h_t."
)
START = "The sequence begins at h0, not at zeros: it is read by the first step, forward and in the sums."
START_REACHED = "The gradient of h0 is what the first step hands back: delta_1 @ weight_hh."
REVERSED = "Your loop runs from the last step to the first: put what it collects back into the order of time."
SHAPE = "A gradient has the shape of its weight: rows from delta, columns from what the weight read."
BATCH_LEFT = "The bias serves every example: sum its gradient over the batch as well as over the steps."
NO_TANH = "Repeat the forward pass first: each state is tanh of the whole sum."
NO_BIAS = "Repeat the forward pass with its bias: the slopes depend on the states, and these on the bias."


class Given(NamedTuple):
    """What the exercise gets."""

    grad_outputs: Tensor  # (T, N, H)
    x: Tensor  # (T, N, D)
    h0: Tensor  # (N, H)
    weight_ih: Tensor  # (H, D)
    weight_hh: Tensor  # (H, H)
    bias: Tensor  # (H,)


class Moment(NamedTuple):
    """What the way back has at hand at one step, each (N, H)."""

    before: Tensor  # the sum that tanh gets
    old: Tensor  # h_{t-1}
    new: Tensor  # h_t


Gradients = tuple[Tensor, ...]  # of x, h0, weight_ih, weight_hh, bias


@dataclass(frozen=True)
class WayBack:
    """Backpropagation through time in pieces, all right unless replaced."""

    start: Callable[[Given], Tensor] = lambda n: n.h0
    biased: Callable[[Given], Tensor] = lambda n: n.x @ n.weight_ih.T + n.bias
    squashed: Callable[[Tensor], Tensor] = torch.tanh
    slope: Callable[[Moment], Tensor] = lambda m: 1 - m.new**2
    arrived: Callable[[Tensor, Tensor, bool], Tensor] = lambda own, later, last: own + later
    kept: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda delta, total, own: delta
    handed_back: Callable[[Tensor, Tensor], Tensor] = lambda delta, weight: delta @ weight
    order: Callable[[Tensor], Tensor] = lambda deltas: deltas
    first: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda later, deltas, total: later
    read: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda states, h0, start: torch.cat(
        [start[None], states[:-1]]
    )
    steps: Callable[[Tensor], Tensor] = lambda products: products.sum((0, 1))
    shaped: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda of_ih, of_hh: (of_ih, of_hh)
    bias: Callable[[Tensor], Tensor] = lambda deltas: deltas.sum((0, 1))

    def __call__(self, *arguments: Tensor) -> Gradients:
        n = Given(*arguments)
        start = self.start(n)
        moments: list[Moment] = []
        for a in self.biased(n):  # (N, H)
            old = moments[-1].new if moments else start
            before = a + old @ n.weight_hh.T
            moments.append(Moment(before, old, self.squashed(before)))
        later = total = torch.zeros_like(n.h0)
        collected: list[Tensor] = []
        for t in reversed(range(len(moments))):
            own = n.grad_outputs[t]
            total = self.arrived(own, later, t == len(moments) - 1)
            slope = self.slope(moments[t])
            collected.append(total * slope)
            later = self.handed_back(self.kept(total * slope, total, own * slope), n.weight_hh)
        deltas = torch.stack(collected[::-1])  # (T, N, H)
        states = torch.stack([moment.new for moment in moments])  # (T, N, H)
        ordered = self.order(deltas)
        return (
            ordered @ n.weight_ih,
            self.first(later, deltas, total),
            *self.shaped(
                self.steps(ordered[..., None] * n.x[..., None, :]),
                self.steps(ordered[..., None] * self.read(states, n.h0, start)[..., None, :]),
            ),
            self.bias(deltas),
        )


# Wrong pieces


def from_zeros(n: Given) -> Tensor:
    return torch.zeros_like(n.h0)


def start_left_out(states: Tensor, h0: Tensor, start: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(h0)[None], states[:-1]])


def start_at_last(states: Tensor, h0: Tensor, start: Tensor) -> Tensor:
    """The axis of steps turned by one: the first step reads the last state."""
    return states.roll(1, 0)


def own_step_last(own: Tensor, later: Tensor, last: bool) -> Tensor:
    """As if there were a single output, that of the last step."""
    return own if last else later


GRADIENT_SLIPS = (
    Slip("ERR-56", SLOPE, "slope", lambda m: torch.ones_like(m.new)),
    Slip("ERR-56", SLOPE, "slope", lambda m: 1 - m.new),
    Slip("ERR-56", SLOPE, "slope", lambda m: m.new * (1 - m.new)),
    Slip("ERR-56", SLOPE, "kept", lambda delta, total, own: total),
    Slip("RNN-S07", SLOPE_OF_STATE, "slope", lambda m: 1 - m.before**2),
    Slip("RNN-S07", SLOPE_OF_STATE, "slope", lambda m: 1 - m.new.tanh() ** 2),
    Slip("RNN-S08", SLOPE_BEFORE, "slope", lambda m: 1 - m.old**2),
    Slip("RNN-S09", LATER_STEPS, "arrived", lambda own, later, last: own),
    Slip("RNN-S10", OWN_ERRORS, "arrived", own_step_last),
    Slip("RNN-S09", HANDED_ON, "kept", lambda delta, total, own: own),
    Slip("RNN-S11", WAY_BACK, "handed_back", lambda delta, weight: delta @ weight.T),
    Slip("RNN-S12", NO_MATRIX, "handed_back", lambda delta, weight: delta),
    Slip("ERR-64", ALL_STEPS, "steps", lambda products: products[-1].sum(0)),
    Slip("ERR-64", ALL_STEPS, "steps", lambda products: products[0].sum(0)),
    Slip("ERR-64", ALL_STEPS, "bias", lambda deltas: deltas[-1].sum(0)),
    Slip("ERR-64", ALL_STEPS, "bias", lambda deltas: deltas[0].sum(0)),
    Slip("ERR-64", SUMMED, "steps", lambda products: products.sum(1).mean(0)),
    Slip("ERR-64", SUMMED, "steps", lambda products: products.mean(1).sum(0)),
    Slip("ERR-64", SUMMED, "steps", lambda products: products.mean((0, 1))),
    Slip("ERR-64", SUMMED, "bias", lambda deltas: deltas.sum(1).mean(0)),
    Slip("ERR-64", SUMMED, "bias", lambda deltas: deltas.mean(1).sum(0)),
    Slip("ERR-64", SUMMED, "bias", lambda deltas: deltas.mean((0, 1))),
    Slip("RNN-S18", BATCH_LEFT, "bias", lambda deltas: deltas.sum(0)),
    Slip("RNN-S13", STATE_READ, "read", lambda states, h0, start: states),
    Slip("RNN-S14", START, "read", start_left_out),
    Slip("RNN-S14", START, "read", start_at_last),
    Slip("RNN-S14", START, "start", from_zeros),
    Slip("RNN-S15", START_REACHED, "first", lambda later, deltas, total: torch.zeros_like(later)),
    Slip("RNN-S15", START_REACHED, "first", lambda later, deltas, total: deltas[0]),
    Slip("RNN-S15", START_REACHED, "first", lambda later, deltas, total: total),
    Slip("RNN-S16", REVERSED, "order", lambda deltas: deltas.flip(0)),
    Slip("RNN-S17", SHAPE, "shaped", lambda of_ih, of_hh: (of_ih, of_hh.T)),
    Slip("RNN-S17", SHAPE, "shaped", lambda of_ih, of_hh: (of_ih.T, of_hh.T)),
    Slip("RNN-S01", NO_TANH, "squashed", lambda before: before),
    Slip("ERR-60", NO_BIAS, "biased", lambda n: n.x @ n.weight_ih.T),
)


WRONG_GRADIENTS = mistakes_of(WayBack(), GRADIENT_SLIPS)
pairs_of_gradients = pairs_of(WayBack(), GRADIENT_SLIPS, but=said_twice)
