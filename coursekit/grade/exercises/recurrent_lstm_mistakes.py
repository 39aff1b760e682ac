"""Wrong LSTMs that people really write: each on purpose, with the id and the sentence of its mistake.

A step of the LSTM is taken to pieces, as `slips.py` says. The gradient's own mistakes are in
`recurrent_lstm_gradients.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.grade.exercise import Mistake
from coursekit.grade.exercises.recurrent_plain_mistakes import JOINED_APART
from coursekit.grade.exercises.slips import Slip, two_places, with_slips

NO_SIGMOID = "A gate must lie between 0 and 1: apply the sigmoid to f, i and o."
ROUNDED = "Do not round the gate: a step has zero gradient, and the LSTM needs fractions."
OUTPUT_READS_CELL = "The output gate reads the input x_t and h_{t-1}, not the cell state."
GATES_READ_CELL = "The gates read the input x_t and h_{t-1}, not the cell state."
NO_CANDIDATE = (
    "What enters the cell is i_t times the candidate tanh(W x_t + U h_{t-1} + b), not i_t times W h_{t-1}."
)
LINEAR_CANDIDATE = "The candidate is squashed with tanh: without it the cell takes in numbers of any size."
WHAT_ENTERS = "What enters the cell is i_t times the candidate: both factors are needed."
IGNORES_CELL = "Your h_t does not depend on c_t: the output is o_t times tanh(c_t)."
SIGMOID_OF_CELL = "Use tanh, not the sigmoid, on the cell: h must be able to be negative."
CANDIDATE_READS_CELL = "The candidate reads h_{t-1}, not f_t c_{t-1}."
INDICES_SWAPPED = (
    "The forget gate of step t multiplies the old cell c_{t-1}; your new cell does not contain the old one."
)
SHARED_WEIGHTS = "Every gate needs its own weights; with one matrix for several, these are always equal."
TIED_GATES = "The input gate has weights of its own: it is not 1 - f_t."
ONE_READ = "Every gate reads the input and the last output: W x_t + U h_{t-1} + b."
SIGMOID_CANDIDATE = (
    "Three layers end in a sigmoid; the fourth, the candidate, ends in tanh, so that c can fall."
)
BORROWED_CANDIDATE = (
    "The candidate is a layer of its own, the third block of the weights, not the input gate's."
)
STATES_EXCHANGED = "An LSTM shows h and remembers c: you read the one where the other belongs."
NOT_SQUASHED = "Squash the cell with tanh before the output gate."
NO_FORGET_GATE = "Multiply the old cell by the forget gate: without it the LSTM is that of 1997."
OUTPUT_UNFINISHED = "The last line is missing a factor: h_t is o_t times tanh(c_t)."
GATE_ORDER = "PyTorch's order is i, f, g, o (Keras: the same; TensorFlow 1: i, j, f, o)."
EXCHANGED = (
    "Input gate and forget gate are exchanged: the order is i, f, g, o, and c_t is f_t c_{t-1} + i_t g_t."
)
ONE_BIAS = "Load b_ih + b_hh (for the GRU's n keep them apart)."
OLD_CELL = "h_t uses the new c_t."

ORDERS = ("ifog", "fiog", "figo", "igfo", "iofg", "gifo")  # of other libraries and papers


class Inputs(NamedTuple):
    """What a step of the LSTM reads."""

    x: Tensor  # (N, D)
    h: Tensor  # (N, H)
    c: Tensor  # (N, H)
    weight_ih: Tensor  # (4H, D)
    weight_hh: Tensor  # (4H, H)
    bias_ih: Tensor  # (4H,)
    bias_hh: Tensor  # (4H,)


class Layers(NamedTuple):
    """The three gates and the candidate, before or after their activations, each (N, H)."""

    i: Tensor
    f: Tensor
    g: Tensor
    o: Tensor


Gates = tuple[Tensor, Tensor, Tensor, Tensor]  # i, f, g, o, each (N, H)
State = tuple[Tensor, Tensor]  # h, c

# The right pieces


def sums(n: Inputs) -> Tensor:
    return n.x @ n.weight_ih.T + n.h @ n.weight_hh.T + n.bias_ih + n.bias_hh  # (N, 4H)


def activated(a: Layers) -> Layers:
    return Layers(a.i.sigmoid(), a.f.sigmoid(), a.g.tanh(), a.o.sigmoid())


def remembered(gates: Layers, n: Inputs) -> Tensor:
    return gates.f * n.c + gates.i * gates.g


@dataclass(frozen=True)
class Step:
    """A step of the LSTM in pieces, all right unless replaced."""

    state: Callable[[Inputs], Inputs] = lambda n: n
    sums: Callable[[Inputs], Tensor] = sums
    blocks: Callable[..., Layers] = Layers
    activations: Callable[[Layers], Layers] = activated
    candidate: Callable[[Step, Inputs, Layers], Tensor] = lambda step, n, gates: gates.g
    memory: Callable[[Layers, Inputs], Tensor] = remembered
    output_gate: Callable[[Step, Inputs, Layers, Tensor], Tensor] = lambda step, n, gates, c: gates.o
    shown: Callable[[Layers, Inputs, Tensor], Tensor] = lambda gates, n, c: gates.o * c.tanh()

    def before(self, n: Inputs) -> Layers:
        return self.blocks(*self.sums(n).chunk(4, dim=-1))

    def gates(self, n: Inputs) -> Layers:
        gates = self.activations(self.before(n))
        return gates._replace(g=self.candidate(self, n, gates))

    def cell(self, *inputs: Tensor) -> State:
        n = self.state(Inputs(*inputs))
        gates = self.gates(n)
        c = self.memory(gates, n)
        gates = gates._replace(o=self.output_gate(self, n, gates, c))
        return self.shown(gates, n, c), c

    def gates_alone(self, x: Tensor, h: Tensor, *parameters: Tensor) -> Gates:
        """As the first exercise asks for them: there is no cell state."""
        return self.gates(Inputs(x, h, torch.zeros_like(h), *parameters))


# Wrong pieces: sums


def biased(use_ih: bool, use_hh: bool) -> Callable[[Inputs], Tensor]:
    """One bias left out, or both."""
    return lambda n: sums(n._replace(bias_ih=n.bias_ih * use_ih, bias_hh=n.bias_hh * use_hh))


def joined_apart(n: Inputs) -> Tensor:
    joined, weight = torch.cat([n.h, n.x], dim=1), torch.cat([n.weight_ih, n.weight_hh], dim=1)
    return joined @ weight.T + n.bias_ih + n.bias_hh


def without_input(n: Inputs) -> Tensor:
    return n.h @ n.weight_hh.T + n.bias_ih + n.bias_hh


def without_last_output(n: Inputs) -> Tensor:
    return n.x @ n.weight_ih.T + n.bias_ih + n.bias_hh


# Wrong pieces: blocks and activations


def stacked(order: str) -> Callable[..., Layers]:
    """The blocks of the parameters taken for gates in another order."""
    return lambda *blocks: Layers(**dict(zip(order, blocks, strict=True)))


def one_for(gate: str, *others: str) -> Callable[..., Layers]:
    """The block of one gate serves others as well."""

    def blocks(*right: Tensor) -> Layers:
        layers = Layers(*right)
        return layers._replace(**dict.fromkeys(others, getattr(layers, gate)))

    return blocks


def linear(*gates: str) -> Callable[[Layers], Layers]:
    """Gates without their activation."""
    return lambda a: activated(a)._replace(**{gate: getattr(a, gate) for gate in gates})


def squashed_with_tanh(a: Layers) -> Layers:
    return Layers(*(gate.tanh() for gate in a))


def rounded(a: Layers) -> Layers:
    i, f, g, o = activated(a)
    return Layers(i.round(), f.round(), g, o.round())


def shown_twice(n: Inputs) -> Tensor:
    """The candidate's layer with both of its matrices on h, as the input matrix is sometimes printed."""
    input_block, recurrent_block = n.weight_ih.chunk(4)[2], n.weight_hh.chunk(4)[2]
    return (n.h @ recurrent_block.T + n.h @ input_block.T + (n.bias_ih + n.bias_hh).chunk(4)[2]).tanh()


MISREAD = (
    Slip("MIS-29", ONE_BIAS, "sums", biased(True, False)),
    Slip("MIS-29", ONE_BIAS, "sums", biased(False, True)),
    Slip("MIS-29", ONE_BIAS, "sums", biased(False, False)),
    Slip("ERR-37", JOINED_APART, "sums", joined_apart),
    Slip("ERR-43", ONE_READ, "sums", without_input),
    Slip("ERR-43", ONE_READ, "sums", without_last_output),
    *(Slip("ERR-43", SHARED_WEIGHTS, "blocks", one_for(*gates)) for gates in ("ifo", "fio", "oif")),
    *(
        Slip("ERR-43", SHARED_WEIGHTS, "blocks", one_for(*gates))
        for gates in ("if", "io", "fi", "fo", "oi", "of")
    ),
    *(Slip("MIS-27", GATE_ORDER, "blocks", stacked(order)) for order in ORDERS if order != "figo"),
    Slip("ERR-35", NO_SIGMOID, "activations", linear("i", "f", "o")),
    Slip("ERR-35", NO_SIGMOID, "activations", linear("i")),
    Slip("ERR-35", NO_SIGMOID, "activations", linear("f")),
    Slip("ERR-35", NO_SIGMOID, "activations", linear("o")),
    Slip("ERR-35", NO_SIGMOID, "activations", squashed_with_tanh),
    Slip("ERR-36", ROUNDED, "activations", rounded),
    Slip("ERR-39", NO_CANDIDATE, "candidate", lambda step, n, _: n.h @ n.weight_hh.chunk(4)[2].T),
    Slip("ERR-39", NO_CANDIDATE, "candidate", lambda step, n, _: (n.h @ n.weight_hh.chunk(4)[2].T).tanh()),
    Slip("ERR-39", LINEAR_CANDIDATE, "candidate", lambda step, n, _: step.before(n).g),
    Slip("ERR-44", SIGMOID_CANDIDATE, "candidate", lambda step, n, _: step.before(n).g.sigmoid()),
    Slip("ERR-44", BORROWED_CANDIDATE, "candidate", lambda step, n, _: step.before(n).i.tanh()),
)

# The first exercise

GATE_SLIPS = (*MISREAD, Slip("MIS-27", GATE_ORDER, "blocks", stacked("figo")))
REORDERED = tuple("".join(order) for order in permutations("ifgo") if order != tuple("ifgo"))


def returned(order: str) -> Callable[..., Gates]:
    """The right gates, handed back in another order."""

    def lstm_gates(*inputs: Tensor) -> Gates:
        gate = Step().gates_alone(*inputs)
        first, second, third, fourth = (gate["ifgo".index(name)] for name in order)
        return first, second, third, fourth

    return lstm_gates


# While the candidate stays third, handing back f before i gives what taking block 0 for f gives: sigmoids of
# blocks 1 and 0. No answer can tell the two apart, and one of them is enough.
WRONG_GATES = (
    *(Mistake(slip.id, slip.say, with_slips(Step(), slip).gates_alone) for slip in GATE_SLIPS),
    *(
        Mistake("MIS-27", GATE_ORDER, returned(order))
        for order in REORDERED
        if not (order in ORDERS and order[2] == "g")
    ),
)


def pairs_of_gates() -> Iterator[Mistake]:
    for a, b in two_places(GATE_SLIPS):
        yield Mistake(a.id, a.say, with_slips(Step(), a, b).gates_alone, also=(b.id, b.say))


# The second exercise

CELL_SLIPS = (
    *MISREAD,
    # The update i * c + f * g, and the right one on blocks read in the order f, i, g, o, are one function:
    # sigmoid(block 0) * c + sigmoid(block 1) * g, from which h follows. The sentence names both places.
    Slip("MIS-27", EXCHANGED, "blocks", stacked("figo")),
    Slip("ERR-53", STATES_EXCHANGED, "state", lambda n: n._replace(h=n.c, c=n.h)),
    Slip("ERR-38", GATES_READ_CELL, "sums", lambda n: sums(n._replace(h=n.c))),
    Slip(
        "ERR-41", CANDIDATE_READS_CELL, "candidate", lambda step, n, gates: read(step, n, h=gates.f * n.c).g
    ),
    Slip("ERR-41", CANDIDATE_READS_CELL, "candidate", lambda step, n, gates: read(step, n, h=n.c).g),
    Slip("ERR-42", INDICES_SWAPPED, "memory", lambda gates, n: gates.f * gates.g + gates.i * gates.g),
    Slip("ERR-39", WHAT_ENTERS, "memory", lambda gates, n: gates.f * n.c + gates.g),
    Slip("ERR-39", WHAT_ENTERS, "memory", lambda gates, n: gates.f * n.c + gates.i),
    Slip("ERR-43", TIED_GATES, "memory", lambda gates, n: gates.f * n.c + (1 - gates.f) * gates.g),
    Slip("ERR-53", STATES_EXCHANGED, "memory", lambda gates, n: gates.f * n.h + gates.i * gates.g),
    Slip("ERR-57", NO_FORGET_GATE, "memory", lambda gates, n: n.c + gates.i * gates.g),
    Slip(
        "ERR-38", OUTPUT_READS_CELL, "output_gate", lambda step, n, _, c: read(step, n, x=c).o
    ),  # where D = H
    Slip(
        "ERR-38", OUTPUT_READS_CELL, "output_gate", lambda step, n, _, c: read(step, n, x=n.c).o
    ),  # where D = H
    Slip("ERR-38", OUTPUT_READS_CELL, "output_gate", lambda step, n, _, c: read(step, n, h=c).o),
    Slip("ERR-38", OUTPUT_READS_CELL, "output_gate", lambda step, n, _, c: read(step, n, h=n.c).o),
    Slip("ERR-38", OUTPUT_READS_CELL, "output_gate", lambda step, n, _, c: (step.before(n).o + c).sigmoid()),
    Slip("ERR-40", IGNORES_CELL, "shown", lambda gates, n, c: gates.o * shown_twice(n)),  # where D = H
    Slip("ERR-40", IGNORES_CELL, "shown", lambda gates, n, c: gates.o * gates.g),
    Slip("ERR-41", SIGMOID_OF_CELL, "shown", lambda gates, n, c: gates.o * c.sigmoid()),
    Slip("ERR-57", NOT_SQUASHED, "shown", lambda gates, n, c: gates.o * c),
    Slip("ERR-57", NOT_SQUASHED, "shown", lambda gates, n, c: (gates.o * c).tanh()),
    Slip("ERR-69", OUTPUT_UNFINISHED, "shown", lambda gates, n, c: gates.o),
    Slip("ERR-69", OUTPUT_UNFINISHED, "shown", lambda gates, n, c: c.tanh()),
    Slip("MIS-36", OLD_CELL, "shown", lambda gates, n, c: gates.o * n.c.tanh()),
    Slip("MIS-36", OLD_CELL, "shown", lambda gates, n, c: gates.o * n.c),
)


def read(step: Step, n: Inputs, **instead: Tensor) -> Layers:
    """The gates of a step that reads something else."""
    return step.activations(step.before(n._replace(**instead)))


WRONG_CELLS = tuple(Mistake(slip.id, slip.say, with_slips(Step(), slip).cell) for slip in CELL_SLIPS)


def pairs_of_cells() -> Iterator[Mistake]:
    for a, b in two_places(CELL_SLIPS):
        yield Mistake(a.id, a.say, with_slips(Step(), a, b).cell, also=(b.id, b.say))
