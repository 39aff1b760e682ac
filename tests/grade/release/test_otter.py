"""Otter itself takes the release: `otter assign` accepts it, `otter run` grades submissions part by part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat

from coursekit.grade.exercises import select

from ..environments import environment, otter_python
from .students import Answers, filled, own_lines, run, secret_seeds, write

CHECK = """
import json, nbformat, otter
grader = otter.Notebook("recurrent.ipynb")
names = {"seed": 0}
for cell in nbformat.read("recurrent.ipynb", as_version=4).cells:
    if cell.cell_type == "code" and cell.source.startswith(("import torch", "def ")):
        exec(cell.source, names)
print(json.dumps([str(grader.check(name, global_env=names)) for name in ("lstm_gates", "lstm_cell")]))
"""


def test_otter_grades_the_release(
    released: Callable[..., Path], right: Answers, wrong: Answers, public_only: Answers, tmp_path: Path
) -> None:
    folder = released("otter") / "recurrent"
    python = otter_python()
    variables = environment(python, tmp_path)
    otter = str(python.with_name("otter"))

    # runs its tests on the answers, and fails unless they pass
    run([otter, "assign", "recurrent.ipynb", "dist"], folder, variables)
    handed_out = folder / "dist" / "student" / "recurrent.ipynb"
    assert [path.name for path in handed_out.parent.iterdir()] == ["recurrent.ipynb"]
    text = handed_out.read_text("utf8")
    (secret,) = secret_seeds(folder / "recurrent.ipynb")
    assert secret not in text
    assert "SOLUTION" not in text and "hidden=True" not in text
    assert 'raise NotImplementedError(\\"Write one step: eq-lstm-cell, eq-lstm-hidden\\")' in text
    starter = nbformat.read(handed_out, as_version=4)
    assert not [line for line in own_lines(right) if line in text]

    (zipped,) = (folder / "dist" / "autograder").glob("*.zip")

    def scores(answers: Answers) -> dict[str, tuple[float, str]]:
        write(filled(starter, answers), tmp_path / "submission.ipynb")
        command = [otter, "run", "--autograder", str(zipped), "--no-logo", "submission.ipynb"]
        run(command, tmp_path, variables)
        tests = json.loads((tmp_path / "results.json").read_text("utf8"))["tests"]
        return {test["name"]: (test["score"], test["output"]) for test in tests if "score" in test}

    points = {exercise.function: exercise.max_score for exercise in select("recurrent")}
    assert {name: score for name, (score, _) in scores(right).items()} == points
    found = scores(wrong)
    assert {name: score for name, (score, _) in found.items()} == points | {"lstm_cell": 1}
    assert "ERR-57: Squash the cell with tanh before the output gate." in found["lstm_cell"][1]
    assert {name: score for name, (score, _) in scores(public_only).items()} == points | {"lstm_cell": 0}

    write(filled(starter, wrong), handed_out)
    gates, cell = json.loads(run([str(python), "-c", CHECK], handed_out.parent, variables).splitlines()[-1])
    assert "passed" in gates and "ERR-57" in cell


def test_otter_cuts_the_answers_that_are_not_graded(
    released: Callable[..., Path], right: Answers, tmp_path: Path
) -> None:
    folder = released("otter", "recurrent.lstm_cell") / "recurrent"
    python = otter_python()
    command = [str(python.with_name("otter")), "assign", "--no-run-tests", "recurrent.ipynb", "dist"]
    run(command, folder, environment(python, tmp_path))
    text = (folder / "dist" / "student" / "recurrent.ipynb").read_text("utf8")
    assert not [line for line in own_lines(right) if line in text]
    assert text.count("raise NotImplementedError") == len(right) and text.count("grader.check") == 1
