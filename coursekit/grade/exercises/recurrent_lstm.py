"""The exercises on the LSTM: its gates, one step of the cell, and that step's gradient by hand.

N batch, D inputs, H hidden units. Gates come in the order i, f, g, o. Parameters are laid out as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.library import AUTOGRAD, RECURRENT
from coursekit.grade.exercises.recurrent_cases import SIZES, Parameters, Sizes, driven, parameters
from coursekit.grade.exercises.recurrent_lstm_gradients import (
    WRONG_GRADIENTS,
    gradient_of,
    pairs_of_gradients,
)
from coursekit.grade.exercises.recurrent_lstm_mistakes import (
    WRONG_CELLS,
    WRONG_GATES,
    Gates,
    Inputs,
    State,
    pairs_of_cells,
    pairs_of_gates,
)
from coursekit.grade.generators import uniform
from coursekit.nn import recurrent as package


def drawn(generator: Generator, sizes: Sizes) -> Inputs:
    """Arguments on both sides of zero."""
    x = uniform(generator, sizes.scale, sizes.batch, sizes.inputs)
    h, c = (uniform(generator, sizes.scale, sizes.batch, sizes.hidden) for _ in range(2))
    return Inputs(x, h, c, *parameters(generator, sizes, layers=4))


def cell_cases(generator: Generator) -> Iterator[Case]:
    for sizes in SIZES:
        yield Case(sizes.words, drawn(generator, sizes))
    x, h, c, *given = drawn(generator, Sizes(2, 3, 4))
    yield Case("every gate driven to its limit", (x, h, c, *driven(Parameters(*given))), extreme=True)


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
        forbidden=RECURRENT,
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
        forbidden=RECURRENT,
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
        forbidden=(*RECURRENT, *AUTOGRAD),
        differentiable=False,
    ),
)
