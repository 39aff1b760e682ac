"""Wrong LSTMs that people really write: each on purpose, with the id and the sentence of its mistake.

Three tables, each built on the one before: wrong gates give wrong cells, wrong cells give wrong gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.grade.exercise import Mistake

NO_SIGMOID = "A gate must lie between 0 and 1: apply the sigmoid to f, i and o."
ROUNDED = "Do not round the gate: a step has zero gradient, and the LSTM needs fractions."
OUTPUT_READS_CELL = "The output gate reads the input x_t and h_{t-1}, not the cell state."
NO_CANDIDATE = (
    "What enters the cell is i_t times the candidate tanh(W x_t + U h_{t-1} + b), not i_t times W h_{t-1}."
)
IGNORES_CELL = "Your h_t does not depend on c_t: the output is o_t times tanh(c_t)."
SIGMOID_OF_CELL = "Use tanh, not the sigmoid, on the cell: h must be able to be negative."
CANDIDATE_READS_CELL = "The candidate reads h_{t-1}, not f_t c_{t-1}."
INDICES_SWAPPED = (
    "The forget gate of step t multiplies the old cell c_{t-1}; your new cell does not contain the old one."
)
SHARED_WEIGHTS = "Every gate needs its own weights; with one matrix i, f and o are always equal."
DELTA_C = (
    "Going back from t+1 to t multiplies by the forget gate of step t+1, "
    "and adds the error that comes through h_t."
)
NOT_SQUASHED = "Squash the cell with tanh before the output gate."
GATE_ORDER = "PyTorch's order is i, f, g, o (Keras: the same; TensorFlow 1: i, j, f, o)."
ONE_BIAS = "Load b_ih + b_hh (for the GRU's n keep them apart)."
OLD_CELL = "h_t uses the new c_t."


class Inputs(NamedTuple):
    """What a step of the LSTM reads."""

    x: Tensor  # (N, D)
    h: Tensor  # (N, H)
    c: Tensor  # (N, H)
    weight_ih: Tensor  # (4H, D)
    weight_hh: Tensor  # (4H, H)
    bias_ih: Tensor  # (4H,)
    bias_hh: Tensor  # (4H,)


Gates = tuple[Tensor, Tensor, Tensor, Tensor]  # i, f, g, o, each (N, H)
State = tuple[Tensor, Tensor]  # h, c
Gradients = tuple[Tensor, ...]  # one for each of Inputs, in their order
Reading = Callable[[Inputs], Gates]
Cell = Callable[[Inputs], State]


# Wrong gates


def before_activation(n: Inputs) -> Gates:
    i, f, g, o = (n.x @ n.weight_ih.T + n.h @ n.weight_hh.T + n.bias_ih + n.bias_hh).chunk(4, dim=-1)
    return i, f, g, o


def activated(i: Tensor, f: Tensor, g: Tensor, o: Tensor) -> Gates:
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def right_gates(n: Inputs) -> Gates:
    return activated(*before_activation(n))


def without_sigmoid(n: Inputs) -> Gates:
    i, f, g, o = before_activation(n)
    return i, f, g.tanh(), o


def rounded(n: Inputs) -> Gates:
    i, f, g, o = right_gates(n)
    return i.round(), f.round(), g, o.round()


def candidate_without_input(n: Inputs) -> Gates:
    i, f, _, o = right_gates(n)
    return i, f, n.h @ n.weight_hh.chunk(4)[2].T, o


def shared(block: int) -> Reading:
    """i, f and o all from the weights of one block."""

    def gates(n: Inputs) -> Gates:
        gate = before_activation(n)[block].sigmoid()
        return gate, gate, right_gates(n)[2], gate

    return gates


def stacked(order: str) -> Reading:
    """The blocks of the parameters taken for gates in another order."""

    def gates(n: Inputs) -> Gates:
        block = dict(zip(order, before_activation(n), strict=True))
        return activated(block["i"], block["f"], block["g"], block["o"])

    return gates


def biased(use_ih: bool, use_hh: bool) -> Reading:
    """One bias left out, or both."""

    def gates(n: Inputs) -> Gates:
        return right_gates(n._replace(bias_ih=n.bias_ih * use_ih, bias_hh=n.bias_hh * use_hh))

    return gates


def returned(order: str) -> Reading:
    """The right gates, handed back in another order."""

    def gates(n: Inputs) -> Gates:
        gate = dict(zip("ifgo", right_gates(n), strict=True))
        first, second, third, fourth = (gate[name] for name in order)
        return first, second, third, fourth

    return gates


MISREAD: tuple[tuple[str, str, Reading], ...] = (
    ("ERR-35", NO_SIGMOID, without_sigmoid),
    ("ERR-36", ROUNDED, rounded),
    ("ERR-39", NO_CANDIDATE, candidate_without_input),
    ("ERR-43", SHARED_WEIGHTS, shared(0)),
    ("ERR-43", SHARED_WEIGHTS, shared(1)),
    ("ERR-43", SHARED_WEIGHTS, shared(3)),
    ("MIS-27", GATE_ORDER, stacked("ifog")),
    ("MIS-27", GATE_ORDER, stacked("fiog")),
    ("MIS-27", GATE_ORDER, stacked("figo")),
    ("MIS-27", GATE_ORDER, stacked("igfo")),
    ("MIS-29", ONE_BIAS, biased(True, False)),
    ("MIS-29", ONE_BIAS, biased(False, True)),
    ("MIS-29", ONE_BIAS, biased(False, False)),
)


def of_gates(gates: Reading) -> Callable[..., Gates]:
    """As the exercise calls it: without the cell state."""

    def lstm_gates(x: Tensor, h: Tensor, *parameters: Tensor) -> Gates:
        return gates(Inputs(x, h, torch.zeros_like(h), *parameters))

    return lstm_gates


WRONG_GATES = tuple(
    Mistake(id, say, of_gates(gates))
    for id, say, gates in (
        *MISREAD,
        ("MIS-27", GATE_ORDER, returned("ifog")),
        ("MIS-27", GATE_ORDER, returned("figo")),
        ("MIS-27", GATE_ORDER, returned("fiog")),
        ("MIS-27", GATE_ORDER, returned("igfo")),
    )
)

# Wrong cells


def updated(gates: Gates, c: Tensor) -> State:
    i, f, g, o = gates
    c = f * c + i * g
    return o * c.tanh(), c


def misreading(gates: Reading) -> Cell:
    """The right update on wrong gates."""

    def cell(n: Inputs) -> State:
        return updated(gates(n), n.c)

    return cell


def showing(shown: Callable[[Inputs, Tensor], Tensor]) -> Cell:
    """The right cell state c, but h is the output gate times `shown(inputs, c)`."""

    def cell(n: Inputs) -> State:
        _, c = updated(right_gates(n), n.c)
        return right_gates(n)[3] * shown(n, c), c

    return cell


def output_gate_from(read: Callable[[Inputs, Tensor], Inputs]) -> Cell:
    """The output gate computed from `read(inputs, c)`, where c is the new cell state."""

    def cell(n: Inputs) -> State:
        _, c = updated(right_gates(n), n.c)
        return right_gates(read(n, c))[3] * c.tanh(), c

    return cell


def candidate_reads_cell(n: Inputs) -> State:
    i, f, _, o = right_gates(n)
    g = right_gates(n._replace(h=f * n.c))[2]
    return updated((i, f, g, o), n.c)


def indices_swapped(n: Inputs) -> State:
    i, f, g, o = right_gates(n)
    c = f * g + i * g
    return o * c.tanh(), c


def previous_output_twice(n: Inputs, c: Tensor) -> Tensor:
    input_block, recurrent_block = n.weight_ih.chunk(4)[2], n.weight_hh.chunk(4)[2]
    return (n.h @ recurrent_block.T + n.h @ input_block.T + (n.bias_ih + n.bias_hh).chunk(4)[2]).tanh()


MISCOMPUTED: tuple[tuple[str, str, Cell], ...] = (
    *((id, say, misreading(gates)) for id, say, gates in MISREAD),
    ("ERR-38", OUTPUT_READS_CELL, output_gate_from(lambda n, c: n._replace(x=c))),  # runs only where D = H
    ("ERR-38", OUTPUT_READS_CELL, output_gate_from(lambda n, c: n._replace(h=c))),
    ("ERR-38", OUTPUT_READS_CELL, output_gate_from(lambda n, c: n._replace(h=n.c))),
    ("ERR-40", IGNORES_CELL, showing(previous_output_twice)),  # runs only where D = H
    ("ERR-40", IGNORES_CELL, showing(lambda n, c: right_gates(n)[2])),
    ("ERR-41", SIGMOID_OF_CELL, showing(lambda n, c: c.sigmoid())),
    ("ERR-41", CANDIDATE_READS_CELL, candidate_reads_cell),
    ("ERR-42", INDICES_SWAPPED, indices_swapped),
    ("ERR-57", NOT_SQUASHED, showing(lambda n, c: c)),
    ("MIS-36", OLD_CELL, showing(lambda n, c: n.c.tanh())),
    ("MIS-36", OLD_CELL, showing(lambda n, c: n.c)),
)


def of_cell(cell: Cell) -> Callable[..., State]:
    """As the exercise calls it: one argument for each input."""

    def lstm_cell(*inputs: Tensor) -> State:
        return cell(Inputs(*inputs))

    return lstm_cell


WRONG_CELLS = tuple(Mistake(id, say, of_cell(cell)) for id, say, cell in MISCOMPUTED)

# Wrong gradients


class Step(NamedTuple):
    """What the backward pass of one step has at hand, each (N, H)."""

    grad_h: Tensor
    grad_c: Tensor
    f: Tensor
    o: Tensor
    old_c: Tensor
    c: Tensor


def through_output(s: Step) -> Tensor:
    return s.grad_h * s.o * (1 - s.c.tanh() ** 2)


def through_old_output(s: Step) -> Tensor:
    return s.grad_h * s.o * (1 - s.old_c.tanh() ** 2)


def gradient_of(cell: Callable[..., tuple[Tensor, ...]]) -> Callable[..., Gradients]:
    """The function (grad_h, grad_c, *inputs) -> gradients of the inputs, by autograd through `cell`."""

    def backward(grad_h: Tensor, grad_c: Tensor, *inputs: Tensor) -> Gradients:
        with torch.enable_grad():
            leaves = [tensor.detach().requires_grad_() for tensor in inputs]
            outputs = cell(*leaves)
            return torch.autograd.grad(
                outputs, leaves, (grad_h, grad_c), allow_unused=True, materialize_grads=True
            )

    return backward


def by_hand(
    delta_c: Callable[[Step], Tensor] = lambda s: through_output(s) + s.grad_c,
    delta_old_c: Callable[[Step, Tensor], Tensor] = lambda s, delta: delta * s.f,
    shown: Callable[[Step], Tensor] = lambda s: s.c.tanh(),
    gates: Reading = right_gates,
) -> Callable[..., Gradients]:
    """The backward pass written out, right but for the term that an argument puts something else for."""

    def backward(grad_h: Tensor, grad_c: Tensor, *inputs: Tensor) -> Gradients:
        n = Inputs(*inputs)
        i, f, g, o = gates(n)
        _, c = updated((i, f, g, o), n.c)
        s = Step(grad_h, grad_c, f, o, n.c, c)
        delta = delta_c(s)
        terms = (
            delta * g * i * (1 - i),
            delta * n.c * f * (1 - f),
            delta * i * (1 - g**2),
            grad_h * shown(s) * o * (1 - o),
        )
        a = torch.cat(terms, dim=-1)  # (N, 4H)
        bias = a.sum(0)
        return a @ n.weight_ih, a @ n.weight_hh, delta_old_c(s, delta), a.T @ n.x, a.T @ n.h, bias, bias

    return backward


WRONG_GRADIENTS = (
    *(Mistake(id, say, gradient_of(wrong)) for id, say, wrong in WRONG_CELLS),
    *(Mistake(id, say, by_hand(gates=gates)) for id, say, gates in MISREAD),
    Mistake("ERR-46", DELTA_C, by_hand(lambda s: through_output(s) + s.grad_c * s.f)),
    Mistake("ERR-46", DELTA_C, by_hand(lambda s: through_output(s) + s.grad_c * s.f, lambda s, delta: delta)),
    Mistake("ERR-46", DELTA_C, by_hand(delta_old_c=lambda s, delta: delta)),
    Mistake("ERR-46", DELTA_C, by_hand(lambda s: s.grad_c)),
    Mistake("MIS-36", OLD_CELL, by_hand(lambda s: through_old_output(s) + s.grad_c)),
    Mistake(
        "MIS-36",
        OLD_CELL,
        by_hand(lambda s: through_old_output(s) + s.grad_c, shown=lambda s: s.old_c.tanh()),
    ),
)
