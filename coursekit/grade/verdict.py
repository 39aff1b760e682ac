"""What is said about one exercise: status, points, and one sentence that helps; as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # reports want the words below without the second that torch takes
    from coursekit.grade.exercise import Exercise

Status = Literal["passed", "failed", "error", "timeout", "missing", "not_attempted", "flagged"]

WORDS: dict[Status, str] = {
    "passed": "passed",
    "failed": "not right yet",
    "error": "could not be run",
    "timeout": "took too long",
    "missing": "missing",
    "not_attempted": "not attempted yet",
    "flagged": "a person will look at it",
}
EDGES: dict[Status, str] = {"passed": "#2e8b57", "not_attempted": "#808080"}
EDGE_OTHERWISE = "#d2691e"


@dataclass(frozen=True, repr=False)
class Verdict:
    """The result of one exercise. A notebook shows it as HTML, everything else as text."""

    exercise: Exercise
    status: Status
    message: str = ""
    mistake: str | None = None  # its id in the catalogue
    right: frozenset[int] = frozenset()  # numbers of the parts that earn their points
    output: str = ""  # what the function printed

    @property
    def score(self) -> float:
        parts = enumerate(self.exercise.parts)
        return sum((part.points for number, part in parts if number in self.right), 0.0)

    @property
    def headline(self) -> str:
        return f"{WORDS[self.status]}, {self.score:g} of {self.exercise.max_score:g} points"

    @property
    def sentence(self) -> str:
        return f"{self.mistake}: {self.message}" if self.mistake else self.message

    @property
    def advice(self) -> str:
        """Where to read again: the equation of the first part that is not right; "" if none is declared."""
        wrong = (part for number, part in enumerate(self.exercise.parts) if number not in self.right)
        first = next(wrong, None) if self.status == "failed" else None
        if first is None:
            return ""
        equation = f"equation {first.equation}" if first.equation else ""
        section = f"the section on {self.exercise.section}" if self.exercise.section else ""
        place = " in ".join(text for text in (equation, section) if text)
        return f"Read again: {place}." if place else ""

    @property
    def rows(self) -> list[tuple[bool, str]]:
        """For each part whether it is right, and its name; empty where nothing was compared."""
        if self.status not in ("passed", "failed"):
            return []
        return [(number in self.right, part.name) for number, part in enumerate(self.exercise.parts)]

    def __repr__(self) -> str:
        rows = [f"  {'✓' if right else '✗'} {name}" for right, name in self.rows]
        lines = [f"{self.exercise.function}: {self.headline}", *rows, self.sentence, self.advice]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        edge = EDGES.get(self.status, EDGE_OTHERWISE)  # decoration: the words say the same
        rows = "".join(
            f'<li><span aria-hidden="true">{"✓" if right else "✗"}</span> '
            f"{escape(name)}: {'right' if right else 'not right'}</li>"
            for right, name in self.rows
        )
        listed = f'<ul style="list-style: none; padding-left: 0">{rows}</ul>' if rows else ""
        sentences = "".join(f"<p>{escape(text)}</p>" for text in (self.sentence, self.advice) if text)
        headline = f"<p><strong>{escape(self.exercise.function)}</strong>: {self.headline}</p>"
        style = f"border-left: 0.3em solid {edge}; padding-left: 1em; margin: 0.5em 0"
        return f'<div style="{style}">{headline}{listed}{sentences}</div>'
