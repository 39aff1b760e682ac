"""What a unit's homework hands over to be graded: right answers, and the same answers with mistakes typed in.

Each unit keeps them in `units/<unit>`: `answers.py` has `ANSWERS`, two or more right answers to each exercise
as text, `typed.py` has `TYPED`, and `variants.py` has `VARIANTS`, unusual right answers by exercise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Answer(NamedTuple):
    """A right answer, and those of its mutants that are right as well, each with the reason why."""

    exercise: str
    name: str
    source: str
    before: str = ""  # what its notebook defines first
    equivalent: Mapping[str, str] = MappingProxyType({})  # change -> reason


class Typed(NamedTuple):
    """A right answer into which mistakes were typed, and the ids that it must get."""

    ids: tuple[str, ...]
    answer: Answer
    edits: tuple[tuple[str, str], ...]  # each text, which stands there once, with what is typed instead

    @property
    def source(self) -> str:
        source = self.answer.source
        for right, wrong in self.edits:
            assert source.count(right) == 1, (right, self.answer.name)
            source = source.replace(right, wrong)
        return source


def typed(ids: str, answer: Answer, *edits: tuple[str, str]) -> Typed:
    """`ids` as in "ERR-35" or "ERR-35 + MIS-27"."""
    return Typed(tuple(ids.split(" + ")), answer, edits)
