"""Wrong steps of a plain recurrent network that people really write, each with its id and a sentence.

A step is taken to pieces, as `slips.py` says. Wrong gradients are in `recurrent_plain_gradients.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of

NO_BIAS = "Add the bias: with zero input and zero state the hidden state should be tanh(b), not 0."
BOTH_BIASES = "Both biases count, each once: add bias_ih and bias_hh."
NOT_SQUASHED = "The sum still goes through tanh: without it the state can grow from step to step."
OTHER_ACTIVATION = "The activation is tanh: a state lies between -1 and 1 and can be negative."
ONE_TANH = "Add first, then squash: one tanh goes around the whole sum."
NO_INPUT = "The new state reads the input too: add x W^T with weight_ih, at every step."
NO_STATE = "The new state reads the old one: without h W^T, with weight_hh, nothing is remembered."
WEIGHTS_EXCHANGED = "weight_ih belongs to the input x, weight_hh to the state h: you have them the other way round."
TRANSPOSED = "Weights are stored with one row for each result: multiply by weight.T from the right."
JOINED_APART = (
    "Join the weights in the order of what they multiply: [weight_hh, weight_ih] belongs to [h, x]."
)
OWN_UNIT_ONLY = "W times h is a matrix product: every unit reads all units of the old state, not only itself."
OLD_STATE_ADDED = "The new state replaces the old one; it reads h inside the tanh only."


class Inputs(NamedTuple):
    """What a step reads; weights and biases are as many times as long as the cell has layers."""

    x: Tensor  # (N, D)
    h: Tensor  # (N, H)
    weight_ih: Tensor  # (H, D)
    weight_hh: Tensor  # (H, H)
    bias_ih: Tensor  # (H,)
    bias_hh: Tensor  # (H,)


@dataclass(frozen=True)
class Step:
    """A step in pieces, all right unless replaced."""

    read: Callable[[Inputs], Inputs] = lambda n: n
    from_input: Callable[[Inputs], Tensor] = lambda n: n.x @ n.weight_ih.T
    from_state: Callable[[Inputs], Tensor] = lambda n: n.h @ n.weight_hh.T
    bias: Callable[[Inputs], Tensor] = lambda n: n.bias_ih + n.bias_hh
    squashed: Callable[[Tensor, Tensor], Tensor] = lambda x, h: (x + h).tanh()
    result: Callable[[Tensor, Inputs], Tensor] = lambda new, n: new

    def __call__(self, *inputs: Tensor) -> Tensor:
        n = Inputs(*inputs)
        m = self.read(n)
        return self.result(self.squashed(self.from_input(m) + self.bias(m), self.from_state(m)), n)


# Wrong pieces


def joined_apart(n: Inputs) -> Inputs:
    """[x, h] times [weight_hh, weight_ih]: the columns of the joined weight in the other order."""
    weight = torch.cat([n.weight_hh, n.weight_ih], dim=1)  # (H, H + D)
    inputs = n.x.shape[1]
    return n._replace(weight_ih=weight[:, :inputs], weight_hh=weight[:, inputs:])


def exchanged(n: Inputs) -> Inputs:
    """Where D = H; the shapes stop others."""
    if n.weight_ih.shape != n.weight_hh.shape:
        raise ValueError("shapes that cannot be multiplied")
    return n._replace(weight_ih=n.weight_hh, weight_hh=n.weight_ih)


CELL_SLIPS = (
    Slip("ERR-60", NO_BIAS, "bias", lambda n: torch.zeros_like(n.bias_ih)),
    Slip("MIS-29", BOTH_BIASES, "bias", lambda n: n.bias_ih),
    Slip("MIS-29", BOTH_BIASES, "bias", lambda n: n.bias_hh),
    Slip("MIS-29", BOTH_BIASES, "bias", lambda n: 2 * n.bias_ih),
    Slip("MIS-29", BOTH_BIASES, "bias", lambda n: 2 * n.bias_hh),
    Slip("RNN-S01", NOT_SQUASHED, "squashed", lambda x, h: x + h),
    Slip("RNN-S01", OTHER_ACTIVATION, "squashed", lambda x, h: (x + h).sigmoid()),
    Slip("RNN-S01", OTHER_ACTIVATION, "squashed", lambda x, h: (x + h).relu()),
    Slip("RNN-S02", ONE_TANH, "squashed", lambda x, h: x.tanh() + h.tanh()),
    Slip("RNN-S02", ONE_TANH, "squashed", lambda x, h: x.tanh() + h),
    Slip("RNN-S02", ONE_TANH, "squashed", lambda x, h: x + h.tanh()),
    Slip("RNN-S02", ONE_TANH, "squashed", lambda x, h: (x + h.tanh()).tanh()),
    Slip("RNN-S02", ONE_TANH, "squashed", lambda x, h: (x + h).tanh().tanh()),
    Slip("ERR-59", NO_INPUT, "from_input", lambda n: torch.zeros_like(n.h)),
    Slip("RNN-S03", NO_STATE, "from_state", lambda n: torch.zeros_like(n.h)),
    Slip("RNN-S05", TRANSPOSED, "from_state", lambda n: n.h @ n.weight_hh),
    Slip("ERR-37", OWN_UNIT_ONLY, "from_state", lambda n: n.h * n.weight_hh.diagonal()),
    Slip("ERR-37", JOINED_APART, "read", joined_apart),
    Slip("RNN-S06", OLD_STATE_ADDED, "result", lambda new, n: new + n.h),
)
CELL_ALONE = (
    Slip("RNN-S04", WEIGHTS_EXCHANGED, "read", exchanged),  # where D = H
    Slip("RNN-S05", TRANSPOSED, "from_input", lambda n: n.x @ n.weight_ih),  # where D = H
)
WRONG_CELLS = mistakes_of(Step(), (*CELL_SLIPS, *CELL_ALONE))
pairs_of_cells = pairs_of(Step(), CELL_SLIPS)
