"""nbgrader itself takes the release: it cuts it, grades submissions, and keeps the points of each part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat

from coursekit.grade.exercises import select

from ..environments import environment, nbgrader_python
from .students import Answers, filled, own_lines, run, secret_seeds, write

SCORES = """
import json
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as book:
    print(json.dumps({
        submission.student.id: {
            "score": submission.score,
            "max_score": submission.max_score,
            "lost": [g.cell.name for n in submission.notebooks for g in n.grades if g.score < g.max_score],
        }
        for submission in book.assignment_submissions("recurrent")
    }))
"""


def test_nbgrader_grades_the_release(
    released: Callable[..., Path], right: Answers, wrong: Answers, public_only: Answers, tmp_path: Path
) -> None:
    course = released("nbgrader")
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
    python = nbgrader_python()
    variables = environment(python, tmp_path)
    nbgrader = str(python.with_name("nbgrader"))

    run([nbgrader, "generate_assignment", "recurrent", "--create"], course, variables)
    handed_out = nbformat.read(course / "release" / "recurrent" / "recurrent.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in handed_out.cells)
    assert not [line for line in own_lines(right) if line in text]
    (secret,) = secret_seeds(course / "source" / "recurrent" / "recurrent.ipynb")
    assert secret not in text
    assert "SOLUTION" not in text and "HIDDEN" not in text and "seed=0" in text
    assert "# Write one step: eq-lstm-cell, eq-lstm-hidden\n" in text

    students = {"right": right, "wrong": wrong, "public-only": public_only, "absent": {}}
    for student, answers in students.items():
        path = course / "submitted" / student / "recurrent" / "recurrent.ipynb"
        write(filled(handed_out, answers), path)
    run([nbgrader, "autograde", "recurrent"], course, variables)

    scores = json.loads(run([str(python), "-c", SCORES], course, variables))
    both = ["lstm_cell-cell-state-c", "lstm_cell-hidden-state-h"]
    full = sum(exercise.max_score for exercise in select("recurrent"))
    assert scores["right"] == {"score": full, "max_score": full, "lost": []}
    assert scores["wrong"] == {"score": full - 1, "max_score": full, "lost": both[1:]}
    assert scores["public-only"]["score"] == full - 2 and sorted(scores["public-only"]["lost"]) == both
    assert scores["absent"]["score"] == 0

    graded = nbformat.read(course / "autograded" / "wrong" / "recurrent" / "recurrent.ipynb", as_version=4)
    cell = next(c for c in graded.cells if c.metadata.get("nbgrader", {}).get("grade_id") == both[1])
    (error,) = cell.outputs
    assert error.ename == "AssertionError" and "the hidden state h" in error.evalue
    assert "ERR-57: Squash the cell with tanh before the output gate." in error.evalue
