"""Wrong steps of a GRU that people really write, each with its id and a sentence.

A step is taken to pieces, as `slips.py` says. N batch, D inputs, H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.grade.exercises.recurrent_plain_mistakes import (
    JOINED_APART,
    WEIGHTS_EXCHANGED,
    Inputs,
    exchanged,
    joined_apart,
)
from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of

GATE_ORDER = "PyTorch's order is r, z, n (Keras: z, r, h)."
EXCHANGED = (
    "r and z are exchanged: blocks come as r, z, n; r weakens h inside the candidate, z mixes old and new."
)
ONE_BIAS = "Both biases count: bias_ih goes with x, bias_hh with h, in all three blocks."
JOINED_BIASES = "In n keep the biases apart: r weakens U_n h + b_hh, while b_ih stays outside with W_n x."
SKIPS_BIAS = "In n the reset gate weakens U_n h + b_hh together: the bias bias_hh stands inside the bracket."
RESET_BEFORE = (
    "You follow the other convention, r times h before the product: right in a paper, not PyTorch's GRU."
)
Z_SWAPPED = "You follow the other convention, z on the new state: right in a paper, not PyTorch's GRU."
RESET_MIXES = (
    "The update gate z mixes old and new; the reset gate r only weakens h_{t-1} inside the candidate."
)
CANDIDATE_READS_X = "The candidate n also reads the input: W_n x stands beside what r weakens."
CANDIDATE_READS_H = "The candidate n also reads the old state: r times (U_n h + b_hh) belongs in its sum."
NO_RESET = "The reset gate is missing: n takes r times (U_n h + b_hh), not all of it."
RESET_ALL = "r weakens only what comes from the old state; W_n x + b_ih enters n in full."
UPDATE_INSIDE = "Inside the candidate stands the reset gate r; the update gate z works only in the last line."
OWN_WEIGHTS = "r, z and n have weights of their own: three blocks, none of which serves twice."
NO_SIGMOID = "A gate must lie between 0 and 1: apply the sigmoid to r and z."
ROUNDED = "Do not round the gate: a step has zero gradient, and the GRU needs fractions."
CANDIDATE_TANH = "The candidate n ends in tanh, so that the state stays between -1 and 1 and can fall."
NO_OLD_STATE = "The old state is missing in the last line: z times h is what the unit remembers."
NO_SHARE = "The shares of old and new add up to 1: z times h, and (1 - z) times n."
RESET_TWICE = "z keeps h itself: the reset gate weakens it inside the candidate only."
SQUASHED_AGAIN = "h_t is a mean of h_{t-1} and n_t, weighed by z: no activation follows."


class Blocks(NamedTuple):
    """A parameter cut up, one block for each layer."""

    r: Tensor
    z: Tensor
    n: Tensor


class Candidate(NamedTuple):
    """What enters the candidate."""

    from_x: Tensor  # (N, H) W_n x
    bias_x: Tensor  # (H,)
    h: Tensor  # (N, H)
    weight: Tensor  # (H, H) U_n
    bias_h: Tensor  # (H,)

    @property
    def from_h(self) -> Tensor:
        return self.h @ self.weight.T


def gates(r: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    return r.sigmoid(), z.sigmoid()


def candidate(c: Candidate, r: Tensor, z: Tensor) -> Tensor:
    return c.from_x + c.bias_x + r * (c.from_h + c.bias_h)


def mixed(n: Tensor, z: Tensor, h: Tensor, r: Tensor) -> Tensor:
    return (1 - z) * n + z * h


@dataclass(frozen=True)
class Step:
    """A step of the GRU in pieces, all right unless replaced."""

    read: Callable[[Inputs], Inputs] = lambda n: n
    bias: Callable[[Inputs], Inputs] = lambda n: n
    blocks: Callable[..., Blocks] = Blocks
    gates: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = gates
    candidate: Callable[[Candidate, Tensor, Tensor], Tensor] = candidate
    squashed: Callable[[Tensor], Tensor] = torch.tanh
    mixed: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] = mixed
    result: Callable[[Tensor], Tensor] = lambda h: h

    def __call__(self, *inputs: Tensor) -> Tensor:
        given = self.bias(self.read(Inputs(*inputs)))
        w, u, b, c = (self.blocks(*each.chunk(3)) for each in given[2:])
        r, z = self.gates(*(given.x @ w[k].T + b[k] + given.h @ u[k].T + c[k] for k in (0, 1)))
        before = self.candidate(Candidate(given.x @ w.n.T, b.n, given.h, u.n, c.n), r, z)
        return self.result(self.mixed(self.squashed(before), z, given.h, r))


# Wrong pieces


def biased(use_ih: bool, use_hh: bool) -> Callable[[Inputs], Inputs]:
    """One bias left out, or both."""
    return lambda n: n._replace(bias_ih=n.bias_ih * use_ih, bias_hh=n.bias_hh * use_hh)


def stacked(order: str) -> Callable[..., Blocks]:
    """The blocks of the parameters taken for layers in another order."""
    return lambda *blocks: Blocks(**dict(zip(order, blocks, strict=True)))


def one_for(layer: str, other: str) -> Callable[..., Blocks]:
    """The block of one layer serves another as well."""
    return lambda *blocks: Blocks(*blocks)._replace(**{other: getattr(Blocks(*blocks), layer)})


def before_the_product(c: Candidate, r: Tensor, z: Tensor) -> Tensor:
    return c.from_x + c.bias_x + (r * c.h) @ c.weight.T + c.bias_h


# Blocks read as z, r, n, and r and z in each other's place from the first line to the last, are one function.
STEP_SLIPS = (
    Slip("MIS-28", EXCHANGED, "blocks", stacked("zrn")),
    *(Slip("MIS-28", GATE_ORDER, "blocks", stacked(order)) for order in ("rnz", "znr", "nrz", "nzr")),
    # The block of r for z, or of z for r, is what "ERR-51" below says in other words.
    Slip("ERR-43", OWN_WEIGHTS, "blocks", one_for("r", "n")),
    Slip("ERR-43", OWN_WEIGHTS, "blocks", one_for("z", "n")),
    Slip("MIS-29", ONE_BIAS, "bias", biased(True, False)),
    Slip("MIS-29", ONE_BIAS, "bias", biased(False, True)),
    Slip("MIS-29", ONE_BIAS, "bias", biased(False, False)),
    Slip("ERR-37", JOINED_APART, "read", joined_apart),
    Slip("ERR-35", NO_SIGMOID, "gates", lambda r, z: (r, z)),
    Slip("ERR-35", NO_SIGMOID, "gates", lambda r, z: (r, z.sigmoid())),
    Slip("ERR-35", NO_SIGMOID, "gates", lambda r, z: (r.sigmoid(), z)),
    Slip("ERR-35", NO_SIGMOID, "gates", lambda r, z: (r.tanh(), z.tanh())),
    Slip("ERR-35", NO_SIGMOID, "gates", lambda r, z: (r.tanh(), z.sigmoid())),
    Slip("ERR-35", NO_SIGMOID, "gates", lambda r, z: (r.sigmoid(), z.tanh())),
    Slip("ERR-36", ROUNDED, "gates", lambda r, z: (r.sigmoid().round(), z.sigmoid().round())),
    Slip(
        "MIS-29", JOINED_BIASES, "candidate", lambda c, r, z: c.from_x + r * (c.from_h + c.bias_x + c.bias_h)
    ),
    Slip("ERR-52", SKIPS_BIAS, "candidate", lambda c, r, z: c.from_x + c.bias_x + r * c.from_h + c.bias_h),
    Slip("ERR-52", RESET_BEFORE, "candidate", before_the_product),
    Slip("ERR-51", CANDIDATE_READS_X, "candidate", lambda c, r, z: c.bias_x + r * (c.from_h + c.bias_h)),
    Slip("ERR-51", CANDIDATE_READS_X, "candidate", lambda c, r, z: r * (c.from_h + c.bias_h)),
    Slip("ERR-51", UPDATE_INSIDE, "candidate", lambda c, r, z: candidate(c, z, z)),
    Slip("RNN-S30", NO_RESET, "candidate", lambda c, r, z: candidate(c, torch.ones_like(r), z)),
    Slip("RNN-S31", RESET_ALL, "candidate", lambda c, r, z: r * (c.from_x + c.bias_x + c.from_h + c.bias_h)),
    Slip("RNN-S31", RESET_ALL, "candidate", lambda c, r, z: r * (c.from_x + c.bias_x) + c.from_h + c.bias_h),
    Slip("RNN-S32", CANDIDATE_READS_H, "candidate", lambda c, r, z: c.from_x + c.bias_x),
    Slip("RNN-S32", CANDIDATE_READS_H, "candidate", lambda c, r, z: c.from_x + c.bias_x + r * c.bias_h),
    Slip("RNN-S33", CANDIDATE_TANH, "squashed", torch.sigmoid),
    Slip("RNN-S33", CANDIDATE_TANH, "squashed", lambda before: before),
    Slip("ERR-52", Z_SWAPPED, "mixed", lambda n, z, h, r: z * n + (1 - z) * h),
    Slip("ERR-51", RESET_MIXES, "mixed", lambda n, z, h, r: (1 - r) * n + r * h),
    Slip("RNN-S34", NO_OLD_STATE, "mixed", lambda n, z, h, r: (1 - z) * n),
    Slip("RNN-S34", NO_OLD_STATE, "mixed", lambda n, z, h, r: n),
    Slip("RNN-S35", NO_SHARE, "mixed", lambda n, z, h, r: n + z * h),
    Slip("RNN-S35", NO_SHARE, "mixed", lambda n, z, h, r: (1 - z) * n + h),
    Slip("RNN-S35", NO_SHARE, "mixed", lambda n, z, h, r: z * n + z * h),
    Slip("RNN-S36", RESET_TWICE, "mixed", lambda n, z, h, r: (1 - z) * n + z * (r * h)),
    Slip("RNN-S37", SQUASHED_AGAIN, "result", torch.tanh),
)
ONE_GATE = (UPDATE_INSIDE, NO_RESET, CANDIDATE_READS_H, RESET_MIXES, NO_OLD_STATE)  # only r or z is left


def hide_each_other(one: Slip, other: Slip) -> bool:
    """Where only one gate is left, nobody can tell which block it was meant to have."""
    exchanged = one.place == "blocks" or one.say in ONE_GATE
    return exchanged and other.say in ONE_GATE


STEP_ALONE = (Slip("RNN-S04", WEIGHTS_EXCHANGED, "read", exchanged),)  # where D = H
WRONG_CELLS = mistakes_of(Step(), (*STEP_SLIPS, *STEP_ALONE))
pairs_of_cells = pairs_of(Step(), STEP_SLIPS, but=hide_each_other)
