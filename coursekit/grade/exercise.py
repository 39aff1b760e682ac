"""What an exercise is: a function to write, a reference to compare it with, and mistakes that have a name.

An exercise is declared once, in `coursekit.grade.exercises` or in a file of an instructor's own. All checks
follow from its cases, reference and parts (`exam.py`), and what a student reads from its mistakes
(`diagnosis.py`).

Mistakes. Each is a wrong version of the function. All of them answer the judge's questions; the student's
answer is named if exactly one id gives it. Two mistakes made at once are a wrong version with both in it: a
`Mistake` with `also`. `Exercise.pairs` yields them, from mistakes that touch different places, and is called
only for an answer that no single mistake explains::

    def pairs() -> Iterator[Mistake]:
        for reading, update in itertools.product(WRONG_READINGS, WRONG_UPDATES):
            wrong = cell(reading.gates, update.cell)
            yield Mistake(reading.id, reading.say, wrong, also=(update.id, update.say))

The verdict carries the first id; its message says both sentences and the second id. Mistakes in different
parts of the result need no such declaration: each wrong part is compared by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import Generator

NO_KEYWORDS: Mapping[str, Any] = MappingProxyType({})


class Part(NamedTuple):
    """One item of the result, graded by itself."""

    name: str  # as a sentence says it, e.g. "the output gate o"
    equation: str = ""  # label of the equation it comes from
    points: float = 1.0
    blocks: tuple[str, ...] = ()  # what the equal blocks of its rows belong to, e.g. the four gates
    graph: bool = True  # False: must carry no graph, as running statistics must not


class Mistake(NamedTuple):
    """A wrong version of the function that people really write, and the sentence that helps them."""

    id: str
    say: str
    wrong: Callable[..., Any]
    also: tuple[str, str] | None = None  # id and sentence of a second mistake in the same version


class Case(NamedTuple):
    """One set of arguments; floating-point tensors in float64, the checks repeat it in float32.

    Arguments are tensors, None, bools, ints, floats, strings, and lists and tuples of these.
    """

    words: str  # for messages, e.g. "batch 3, 5 inputs, 4 hidden units"
    arguments: tuple[Any, ...]
    extreme: bool = False  # saturates on purpose: values are compared, gradients are not unless `slopes`
    keywords: Mapping[str, Any] = NO_KEYWORDS
    raises: type[Exception] | None = None  # the right answer is this exception
    slopes: bool = False  # gradients of an extreme case are compared as well


def no_pairs() -> Iterable[Mistake]:
    return ()


@dataclass(frozen=True, eq=False)
class Exercise:
    """A function to write.

    `cases` draws the arguments; `reference` takes them in any floating dtype. With one part, its result is
    that part; with more, it returns them in a tuple. `differentiable` names the arguments whose gradients are
    compared: True means every floating-point tensor, () or False none, as for a gradient written by hand.
    `forbidden` lists what would do the student's work: dotted names, with all that lies below them, and
    methods as ".name".
    """

    id: str  # unit.function
    arguments: tuple[str, ...]
    parts: tuple[Part, ...]
    cases: Callable[[Generator], Iterator[Case]]
    reference: Callable[..., Any]
    mistakes: tuple[Mistake, ...] = ()
    section: str = ""  # what it is about, as the homework's link to the section that explains it says
    forbidden: tuple[str, ...] = ()
    differentiable: bool | tuple[str, ...] = True
    pairs: Callable[[], Iterable[Mistake]] = no_pairs

    @property
    def unit(self) -> str:
        return self.id.partition(".")[0]

    @property
    def function(self) -> str:
        return self.id.partition(".")[2]

    @property
    def max_score(self) -> float:
        return sum((part.points for part in self.parts), 0.0)

    def has_gradient(self, argument: str) -> bool:
        """Whether gradients for an argument are compared, if it is a floating-point tensor."""
        wanted = self.differentiable
        return wanted if isinstance(wanted, bool) else argument in wanted
