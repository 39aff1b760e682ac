"""What an exercise is: a function to write, a reference to compare it with, and mistakes that have a name.

An exercise is declared once, in `coursekit.grade.exercises`. All checks follow from its cases, reference
and parts (`exam.py`), and what a student reads from its mistakes (`diagnosis.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from torch import Generator, Tensor


class Part(NamedTuple):
    """One tensor of the result, graded by itself."""

    name: str  # as a sentence says it, e.g. "the output gate o"
    equation: str  # label of the equation it comes from
    points: float = 1.0
    blocks: tuple[str, ...] = ()  # what the equal blocks of its rows belong to, e.g. the four gates


class Mistake(NamedTuple):
    """A wrong version of the function that people really write, and the sentence that helps them."""

    id: str
    say: str
    wrong: Callable[..., tuple[Tensor, ...]]


class Case(NamedTuple):
    """One set of arguments, in float64; the checks repeat it in float32."""

    words: str  # for messages, e.g. "batch 3, 5 inputs, 4 hidden units"
    arguments: tuple[Tensor, ...]
    extreme: bool = False  # saturates on purpose: values are compared, gradients are not


@dataclass(frozen=True)
class Exercise:
    """A function to write.

    `cases` draws the arguments; `reference` takes them in any floating dtype and returns one tensor per
    part. With `differentiable`, gradients flow through the function and are compared for every argument.
    `forbidden` lists what would do the student's work: dotted names, with all that lies below them, and
    methods as ".name".
    """

    id: str  # unit.function
    arguments: tuple[str, ...]
    parts: tuple[Part, ...]
    cases: Callable[[Generator], Iterator[Case]]
    reference: Callable[..., tuple[Tensor, ...]]
    mistakes: tuple[Mistake, ...]
    section: str  # what it is about, as the homework's link to the section that explains it says
    forbidden: tuple[str, ...] = ()
    differentiable: bool = True

    @property
    def unit(self) -> str:
        return self.id.partition(".")[0]

    @property
    def function(self) -> str:
        return self.id.partition(".")[2]

    @property
    def max_score(self) -> float:
        return sum((part.points for part in self.parts), 0.0)
