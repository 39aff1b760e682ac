"""Mistakes as wrong pieces. A right function is taken apart; a mistake is what people put in a piece's place.

The pieces are the fields of a frozen dataclass that can be called. Two mistakes in two places make a wrong
version with both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple, TypeVar

from coursekit.grade.exercise import Mistake

Pieces = TypeVar("Pieces")


class Slip(NamedTuple):
    """A mistake in one place: a wrong piece, to be put where the right one was."""

    id: str
    say: str
    place: str  # a field of the dataclass
    piece: Any


def said_twice(one: Slip, other: Slip) -> bool:
    """Whether two slips have one sentence, which is enough said."""
    return one.say == other.say


def with_slips(whole: Pieces, *slips: Slip) -> Pieces:
    """A copy with wrong pieces in it."""
    pieces: dict[str, Any] = {slip.place: slip.piece for slip in slips}
    changed: Pieces = replace(whole, **pieces)  # type: ignore[type-var]
    return changed


def two_places(slips: Iterable[Slip]) -> Iterator[tuple[Slip, Slip]]:
    """Every two that can be made at once."""
    return ((a, b) for a, b in combinations(slips, 2) if a.place != b.place)


def mistakes_of(whole: Callable[..., Any], slips: Iterable[Slip]) -> tuple[Mistake, ...]:
    """One wrong version for each slip."""
    return tuple(Mistake(slip.id, slip.say, with_slips(whole, slip)) for slip in slips)


def pairs_of(
    whole: Callable[..., Any], slips: tuple[Slip, ...], but: Callable[[Slip, Slip], bool] = lambda a, b: False
) -> Callable[[], Iterator[Mistake]]:
    """What an exercise takes as its `pairs`: every two slips that can be made at once.

    `but` names those to leave out: in a third way they give what two others give, so nobody can tell.
    """

    def pairs() -> Iterator[Mistake]:
        for a, b in two_places(slips):
            if not but(a, b):
                yield Mistake(a.id, a.say, with_slips(whole, a, b), also=(b.id, b.say))

    return pairs
