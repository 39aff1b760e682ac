"""Find a unit's homework, and what of it is released."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from re import Match

from nbformat import NotebookNode

import coursekit
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises import select
from coursekit.grade.release.cutting import HomeworkError, read_homework, starter
from coursekit.grade.release.notebooks import as_notebook, package_address


@dataclass(frozen=True)
class Homework:
    """A unit's homework, and the exercises of it that are graded."""

    target: str  # unit or unit.function, as `coursekit grade` takes it
    source: Path
    exercises: tuple[Exercise, ...]

    @property
    def unit(self) -> str:
        return self.exercises[0].unit

    @property
    def address(self) -> str:
        """Where pip finds the package."""
        root = self.source.parent.parent
        known = (root / "_config.yml").is_file()  # not of a source that --source took from elsewhere
        return package_address(root) if known else f"coursekit=={coursekit.__version__}"

    def notebook(self, instead: Callable[[Match[str]], str] = starter) -> NotebookNode:
        """The notebook without notes for instructors, with `instead(answer)` in place of each answer."""
        name = f"{self.source.parent.name}/{self.source.name}"
        return as_notebook(read_homework(self.source, name, instead), name, self.address)


def find_homework(target: str, source: Path | None = None) -> Homework:
    """The homework of a unit or of one exercise: in `source`, or in the solutions of a checkout.

    Looked for are the checkout that this package runs from and the current folder. Raises `ValueError` for an
    unknown unit and `HomeworkError` where there is no source, or a function is not in it.
    """
    exercises = select(target)
    unit = exercises[0].unit
    if source is None:
        roots = (Path(coursekit.__file__).parents[1], Path.cwd())
        places = [root / "solutions" / f"{unit}.md" for root in roots]
        source = next((place for place in places if place.is_file()), None)
        if source is None:
            raise HomeworkError(
                f"there is no solutions/{unit}.md here: run this in a checkout of the course, or name the "
                "file with --source"
            )
    homework = Homework(target, source.resolve(), exercises)
    there = {name for cell in homework.notebook().cells for name in functions_in(cell)}
    missing = [exercise.function for exercise in exercises if exercise.function not in there]
    if missing:
        raise HomeworkError(f"{source} has no function {', '.join(missing)}")
    return homework


def functions_in(cell: NotebookNode) -> set[str]:
    """The functions that a code cell defines."""
    if cell.cell_type != "code" or "def " not in cell.source:
        return set()
    return {node.name for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)}
