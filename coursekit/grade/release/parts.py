"""What nbgrader and Otter test: each part of each exercise, on public and on secret inputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from nbformat import NotebookNode

from coursekit.grade.exercise import Exercise
from coursekit.grade.release.homework import functions_in

PUBLIC_SEED = 0


class PartTest(NamedTuple):
    """One part of an exercise."""

    name: str  # unique in the homework, e.g. "lstm_gates-output-gate-o"
    title: str  # e.g. "the output gate o, 1 point"
    points: float
    function: str
    part: str

    def line(self, seed: int) -> str:
        return f"require({self.function}, {json.dumps(self.part)}, seed={seed})"


def parts_of(exercise: Exercise) -> Iterator[PartTest]:
    for part in exercise.parts:
        words = re.findall(r"\w+", part.name.removeprefix("the "))
        points = f"{part.points:g} point{'s' * (part.points != 1)}"
        name = "-".join((exercise.function, *words))
        yield PartTest(name, f"{part.name}, {points}", part.points, exercise.function, part.name)


def is_check(cell: NotebookNode) -> bool:
    """A cell in which students check their function."""
    source: str = cell.source
    return cell.cell_type == "code" and source.startswith("check(")


def exercise_in(cell: NotebookNode, exercises: tuple[Exercise, ...]) -> Exercise | None:
    """The exercise whose function a cell defines."""
    defined = functions_in(cell)
    return next((exercise for exercise in exercises if exercise.function in defined), None)
