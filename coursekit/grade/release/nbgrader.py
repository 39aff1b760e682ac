"""The source notebook of an nbgrader assignment.

Cells carry nbgrader's metadata, schema 3: answers stand between its marks, and each part of an exercise has a
locked test cell with its points, half of it hidden until the submission is graded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from nbformat import NotebookNode

from coursekit.grade.exercises import EXERCISES
from coursekit.grade.release.homework import Homework
from coursekit.grade.release.notebooks import code_cell, notebook_text
from coursekit.grade.release.parts import PUBLIC_SEED, PartTest, exercise_in, is_check, parts_of

TEST = """\
# {title}
from coursekit.grade import require

{public}
### BEGIN HIDDEN TESTS
{secret}
### END HIDDEN TESTS"""


README = """\
# {unit}: an assignment for nbgrader

In your course folder, where `nbgrader_config.py` is and `source/{unit}/` belongs:

    nbgrader generate_assignment {unit}
    nbgrader release_assignment {unit}     # or hand out release/{unit}/{unit}.ipynb yourself
    nbgrader collect {unit}                # or put files into submitted/STUDENT/{unit}/{unit}.ipynb
    nbgrader autograde {unit}

`coursekit` must be installed where nbgrader runs the notebooks, and where students work.

`source/{unit}/{unit}.ipynb` holds the answers and the secret inputs: keep it from students. Their code runs
in the process that tests it, so a student who tries can read the hidden tests and the answers of the package.
`coursekit grade {target}` takes the same notebooks and keeps code and answers apart.
"""


def nbgrader_files(homework: Homework, seed: int) -> dict[str, str]:
    """What belongs into a course folder of nbgrader; `seed` draws the hidden inputs."""
    notebook = homework.notebook(marked)
    notebook.cells = list(with_tests(notebook.cells, homework, seed))
    path = f"source/{homework.unit}/{homework.unit}.ipynb"
    return {
        f"README-{homework.unit}.md": README.format(unit=homework.unit, target=homework.target),
        path: notebook_text(notebook),
    }


def marked(answer: re.Match[str]) -> str:
    """nbgrader puts a text of its own in place of an answer, so ours goes before it."""
    indent = answer["indent"]
    return (
        f"{indent}# {answer['what'].strip()}\n"
        f"{indent}### BEGIN SOLUTION\n{answer['lines']}{indent}### END SOLUTION"
    )


def with_tests(cells: list[NotebookNode], homework: Homework, seed: int) -> Iterator[NotebookNode]:
    """The cells with nbgrader's metadata; tests follow each exercise and the cell that checks it."""
    waiting: list[PartTest] = []
    for cell in cells:
        exercise = exercise_in(cell, EXERCISES)
        if not is_check(cell):
            yield from (test_cell(test, seed) for test in waiting)
            waiting = []
        if exercise is not None:
            cell.metadata["nbgrader"] = metadata(exercise.function, solution=True)
            if exercise in homework.exercises:
                waiting = list(parts_of(exercise))
        yield cell
    yield from (test_cell(test, seed) for test in waiting)


def test_cell(test: PartTest, seed: int) -> NotebookNode:
    source = TEST.format(title=test.title, public=test.line(PUBLIC_SEED), secret=test.line(seed))
    about = metadata(test.name, locked=True, points=test.points)
    return code_cell(source, {"nbgrader": about})


def metadata(
    name: str, solution: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, Any]:
    about = {
        "schema_version": 3,
        "grade_id": name,
        "grade": points is not None,
        "solution": solution,
        "task": False,
        "locked": locked,
    }
    return about if points is None else about | {"points": points}
