"""Homework without another grader: a notebook and a script for students, and a page for whoever grades it."""

from __future__ import annotations

import re

import jupytext

from coursekit.grade.release.homework import Homework
from coursekit.grade.release.notebooks import COLAB_TAG, notebook_text
from coursekit.grade.release.parts import is_check

README = """\
# {unit}: how to hand it out and grade it

Give students `student/{unit}.ipynb` or `student/{unit}.py`; both are the same homework. They check their
work with `coursekit check`. Collect the files into one folder, one file or one folder per student, then:

    coursekit grade {target} FOLDER --out reports --json results.json

It is worth {points:g} points: {questions}.
"""


def plain_files(homework: Homework) -> dict[str, str]:
    unit = homework.unit
    questions = ", ".join(f"{exercise.function} {exercise.max_score:g}" for exercise in homework.exercises)
    points = sum(exercise.max_score for exercise in homework.exercises)
    return {
        f"README-{unit}.md": README.format(
            unit=unit, target=homework.target, points=points, questions=questions
        ),
        f"student/{unit}.ipynb": notebook_text(homework.notebook()),
        f"student/{unit}.py": script(homework),
    }


def script(homework: Homework) -> str:
    """The notebook as a script with cells, which prints what a notebook would show."""
    notebook = homework.notebook()
    notebook.cells = [cell for cell in notebook.cells if COLAB_TAG not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if is_check(cell):
            cell.source = f"print({cell.source})"
    text: str = jupytext.writes(notebook, fmt="py:percent")
    return re.sub(r"\A(# .*\n)+\n*", "", text)  # what jupytext says about itself
