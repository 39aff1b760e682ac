"""Inputs for one step of a recurrent cell, whichever it is.

N batch, D inputs, H hidden units.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Generator, Tensor

from coursekit.grade.generators import uniform


class Sizes(NamedTuple):
    """The sizes of one step, and how large what it reads is."""

    batch: int
    inputs: int
    hidden: int
    scale: float = 1.0

    @property
    def words(self) -> str:
        """As a message says them."""
        inputs = f"{self.inputs} input{'s' * (self.inputs > 1)}"
        hidden = f"{self.hidden} hidden unit{'s' * (self.hidden > 1)}"
        return f"batch {self.batch}, {inputs}, {hidden}"


SIZES = (
    Sizes(3, 5, 4),
    Sizes(1, 3, 2, scale=0.3),
    Sizes(4, 1, 3, scale=3.0),
    Sizes(2, 4, 1, scale=10.0),
    Sizes(5, 3, 3),  # D = H: some wrong versions run only here
    Sizes(1, 1, 1, scale=30.0),
    Sizes(2, 6, 5, scale=30.0),
)


class Parameters(NamedTuple):
    """Of as many layers as the cell has, one on top of the other."""

    weight_ih: Tensor  # (layers * H, D)
    weight_hh: Tensor  # (layers * H, H)
    bias_ih: Tensor  # (layers * H,)
    bias_hh: Tensor  # (layers * H,)


def parameters(generator: Generator, sizes: Sizes, layers: int) -> Parameters:
    """Such that what enters a layer is about as large as what the step reads."""
    spread = math.sqrt(3 / (sizes.inputs + sizes.hidden))
    rows = layers * sizes.hidden
    return Parameters(
        uniform(generator, spread, rows, sizes.inputs),
        uniform(generator, spread, rows, sizes.hidden),
        uniform(generator, 1.0, rows),
        uniform(generator, 1.0, rows),
    )


def driven(given: Parameters) -> Parameters:
    """With a bias that saturates every unit."""
    return given._replace(bias_ih=1000 * given.bias_ih.sign())
