"""The exercise on the gated recurrent unit: one step, with the reset after the product, as in PyTorch.

N batch, D inputs, H hidden units. Gates come in the order r, z, n. Parameters are laid out as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.library import RECURRENT
from coursekit.grade.exercises.recurrent_cases import SIZES, Parameters, Sizes, driven, parameters
from coursekit.grade.exercises.recurrent_gru_mistakes import WRONG_CELLS, pairs_of_cells
from coursekit.grade.exercises.recurrent_plain_mistakes import Inputs
from coursekit.grade.generators import uniform
from coursekit.nn.cells import gru_step


def drawn(generator: Generator, sizes: Sizes) -> Inputs:
    """Arguments on both sides of zero."""
    x = uniform(generator, sizes.scale, sizes.batch, sizes.inputs)
    h = uniform(generator, sizes.scale, sizes.batch, sizes.hidden)
    return Inputs(x, h, *parameters(generator, sizes, layers=3))


def cell_cases(generator: Generator) -> Iterator[Case]:
    for sizes in SIZES:
        yield Case(sizes.words, drawn(generator, sizes))
    x, h, *given = drawn(generator, Sizes(2, 3, 4))
    yield Case("every gate driven to its limit", (x, h, *driven(Parameters(*given))), extreme=True)


def gru_cell(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    return gru_step(x, h, w_ih, w_hh, b_ih, b_hh)


EXERCISES = (
    Exercise(
        id="recurrent.gru_cell",
        arguments=Inputs._fields,
        parts=(Part("the hidden state h", "eq-gru-state", points=2),),
        cases=cell_cases,
        reference=gru_cell,
        mistakes=WRONG_CELLS,
        pairs=pairs_of_cells,
        section="the gated recurrent unit",
        forbidden=RECURRENT,
    ),
)
