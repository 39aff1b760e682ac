"""The exercises on the LSTM: its gates, one step of the cell, and that step's gradient by hand.

N batch, D inputs, H hidden units. Gates come in the order i, f, g, o. Parameters are laid out as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.recurrent_gradients import WRONG_GRADIENTS, gradient_of, pairs_of_gradients
from coursekit.grade.exercises.recurrent_mistakes import (
    WRONG_CELLS,
    WRONG_GATES,
    Gates,
    Inputs,
    State,
    pairs_of_cells,
    pairs_of_gates,
)
from coursekit.nn import recurrent as package

SIZES = (  # batch, inputs, hidden units, scale of x, h and c
    (3, 5, 4, 1.0),
    (1, 3, 2, 0.3),
    (4, 1, 3, 3.0),
    (2, 4, 1, 10.0),
    (5, 3, 3, 1.0),  # D = H: some wrong versions run only here
    (1, 1, 1, 30.0),
    (2, 6, 5, 30.0),
)


def draw(generator: Generator, batch: int, inputs: int, hidden: int, scale: float) -> Inputs:
    """Arguments on both sides of zero, such that what enters a gate is about as large as `scale`."""

    def uniform(bound: float, *shape: int) -> Tensor:
        return bound * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)

    spread = math.sqrt(3 / (inputs + hidden))
    return Inputs(
        x=uniform(scale, batch, inputs),
        h=uniform(scale, batch, hidden),
        c=uniform(scale, batch, hidden),
        weight_ih=uniform(spread, 4 * hidden, inputs),
        weight_hh=uniform(spread, 4 * hidden, hidden),
        bias_ih=uniform(1.0, 4 * hidden),
        bias_hh=uniform(1.0, 4 * hidden),
    )


def cell_cases(generator: Generator) -> Iterator[Case]:
    for batch, inputs, hidden, scale in SIZES:
        words = f"batch {batch}, {inputs} input{'s' * (inputs > 1)}, {hidden} hidden unit{'s' * (hidden > 1)}"
        yield Case(words, draw(generator, batch, inputs, hidden, scale))
    saturated = draw(generator, 2, 3, 4, 1.0)
    saturated = saturated._replace(bias_ih=1000 * saturated.bias_ih.sign())
    yield Case("every gate driven to its limit", saturated, extreme=True)


def gates_cases(generator: Generator) -> Iterator[Case]:
    for case in cell_cases(generator):
        x, h, _, *parameters = case.arguments
        yield case._replace(arguments=(x, h, *parameters))


def backward_cases(generator: Generator) -> Iterator[Case]:
    for case in cell_cases(generator):
        h = case.arguments[1]
        # Large, so that what is rounded to float32 on the way is seen in a float64 result.
        grad_h, grad_c = 100 * torch.randn(2, *h.shape, generator=generator, dtype=h.dtype)  # (N, H) each
        yield case._replace(arguments=(grad_h, grad_c, *case.arguments))


def lstm_gates(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Gates:
    i, f, g, o = package.lstm_gates(x, package.LSTMState(h, torch.zeros_like(h)), w_ih, w_hh, b_ih + b_hh)
    return i, f, g, o


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> State:
    h, c = package.lstm_step(x, package.LSTMState(h, c), w_ih, w_hh, b_ih + b_hh)
    return h, c


GATES = ("i", "f", "g", "o")
LIBRARY_LSTM = (
    "coursekit",
    "torch.nn.LSTM",
    "torch.nn.LSTMCell",
    "torch.nn.modules.rnn",
    "torch.lstm",
    "torch.lstm_cell",
    "torch.mkldnn_rnn_layer",
    "torch._VF",
    "torch.ops",
)
AUTOGRAD = (
    "torch.autograd.grad",
    "torch.autograd.backward",
    "torch.autograd.functional",
    *(
        f"torch.func.{name}"
        for name in ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian")
    ),
    ".backward",
)

EXERCISES = (
    Exercise(
        id="recurrent.lstm_gates",
        arguments=("x", "h", *Inputs._fields[3:]),
        parts=(
            Part("the input gate i", "eq-lstm-input"),
            Part("the forget gate f", "eq-lstm-forget"),
            Part("the candidate g", "eq-lstm-candidate"),
            Part("the output gate o", "eq-lstm-output"),
        ),
        cases=gates_cases,
        reference=lstm_gates,
        mistakes=WRONG_GATES,
        pairs=pairs_of_gates,
        section="the gates",
        forbidden=LIBRARY_LSTM,
    ),
    Exercise(
        id="recurrent.lstm_cell",
        arguments=Inputs._fields,
        parts=(Part("the hidden state h", "eq-lstm-hidden"), Part("the cell state c", "eq-lstm-cell")),
        cases=cell_cases,
        reference=lstm_cell,
        mistakes=WRONG_CELLS,
        pairs=pairs_of_cells,
        section="the cell state",
        forbidden=LIBRARY_LSTM,
    ),
    Exercise(
        id="recurrent.lstm_cell_backward",
        arguments=("grad_h", "grad_c", *Inputs._fields),
        parts=tuple(
            Part(f"the gradient of {name}", "eq-lstm-delta-c", blocks=GATES if "_" in name else ())
            for name in Inputs._fields
        ),
        cases=backward_cases,
        reference=gradient_of(lstm_cell),
        mistakes=WRONG_GRADIENTS,
        pairs=pairs_of_gradients,
        section="the gradient",
        forbidden=(*LIBRARY_LSTM, *AUTOGRAD),
        differentiable=False,
    ),
)
