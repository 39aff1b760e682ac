"""`coursekit release`: what it writes, that nothing is lost, and what it says when it cannot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import coursekit.grade.release.homework as homework_module
from coursekit.grade.exercises import select
from coursekit.grade.release.command import release_command
from coursekit.grade.release.parts import parts_of

from ..collected import UNITS
from .students import Answers, filled, own_lines, secret_seeds, write

ROOT = Path(__file__).resolve().parents[3]
FORMATS = ("plain", "nbgrader", "otter")
EXERCISES = select("recurrent")


def command(*arguments: str) -> tuple[int, str, str]:
    code = "from coursekit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def graded(notebook: NotebookNode) -> dict[str, float]:
    """nbgrader's test cells with their points."""
    cells = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    return {about["grade_id"]: about["points"] for about in cells if about.get("grade")}


# What is written


def test_the_command_lists_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "course"
    status, said, errors = command("release", "recurrent", "--format", "plain", "--out", str(out))
    written = [out / "README-recurrent.md", out / "student/recurrent.ipynb", out / "student/recurrent.py"]
    assert (status, said.splitlines(), errors) == (0, [str(path) for path in written], "")
    assert sorted(path for path in out.rglob("*") if path.is_file()) == sorted(written)


def test_students_get_the_same_notebook_as_from_exercises(released: Callable[..., Path]) -> None:
    folder = released("plain")
    notebook, known = read(folder / "student" / "recurrent.ipynb"), read(ROOT / "exercises/recurrent.ipynb")
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in known.cells]
    assert "coursekit grade recurrent FOLDER" in (folder / "README-recurrent.md").read_text("utf8")


def test_the_script_runs_and_says_what_is_left_to_do(
    released: Callable[..., Path], right: Answers, tmp_path: Path
) -> None:
    script = released("plain") / "student" / "recurrent.py"
    text = script.read_text("utf8")
    assert not [line for line in own_lines(right) if line in text] and "%pip" not in text
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("not attempted yet") == len(EXERCISES)


def test_an_exercise_alone_is_the_only_one_that_earns_points(released: Callable[..., Path]) -> None:
    source = read(released("nbgrader", "recurrent.lstm_cell") / "source/recurrent/recurrent.ipynb")
    assert graded(source) == {"lstm_cell-hidden-state-h": 1, "lstm_cell-cell-state-c": 1}
    assert sum(cell.metadata.get("nbgrader", {}).get("solution", False) for cell in source.cells) == len(
        EXERCISES
    )
    master = read(released("otter", "recurrent.lstm_cell") / "recurrent/recurrent.ipynb")
    questions = [cell.source for cell in master.cells if cell.source.startswith("# BEGIN QUESTION")]
    assert questions == ["# BEGIN QUESTION\nname: lstm_cell\npoints: 2"]


def test_each_part_of_each_exercise_has_its_points(released: Callable[..., Path]) -> None:
    points = graded(read(released("nbgrader") / "source/recurrent/recurrent.ipynb"))
    for exercise in EXERCISES:
        mine = {name: p for name, p in points.items() if name.partition("-")[0] == exercise.function}
        assert list(mine.values()) == [part.points for part in exercise.parts]
    assert sum(points.values()) == sum(exercise.max_score for exercise in EXERCISES)


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_can_be_released(unit: str, released: Callable[..., Path]) -> None:
    exercises = select(unit)
    student = read(released("plain", unit) / "student" / f"{unit}.ipynb")
    assert sum(cell.source.startswith("check(") for cell in student.cells) == len(exercises)
    points = graded(read(released("nbgrader", unit) / "source" / unit / f"{unit}.ipynb"))
    assert sum(points.values()) == sum(exercise.max_score for exercise in exercises)
    assert len(points) == sum(len(exercise.parts) for exercise in exercises)
    master = read(released("otter", unit) / unit / f"{unit}.ipynb")
    questions = [cell.source for cell in master.cells if cell.source.startswith("# BEGIN QUESTION")]
    assert [question.splitlines()[1] for question in questions] == [f"name: {e.function}" for e in exercises]


def test_parts_may_earn_fractions() -> None:
    first, *others = EXERCISES[0].parts
    exercise = replace(EXERCISES[0], parts=(first._replace(points=2.5), *others))
    assert [test.points for test in parts_of(exercise)] == [2.5, *(part.points for part in others)]
    assert next(parts_of(exercise)).title == f"{first.name}, 2.5 points"


@pytest.mark.parametrize("form", FORMATS)
def test_notes_for_instructors_are_in_no_notebook(form: str, released: Callable[..., Path]) -> None:
    files = [path for path in released(form).rglob("recurrent.*") if path.is_file()]
    assert files
    for path in files:
        assert not re.search(r"For instructors|Students often answer", path.read_text("utf8"))


@pytest.mark.parametrize(("form", "folder"), [("nbgrader", "source/recurrent"), ("otter", "recurrent")])
def test_every_release_has_secret_inputs_of_its_own(form: str, folder: str, tmp_path: Path) -> None:
    seeds = []
    for name in "ab":
        assert release_command("recurrent", form, tmp_path / name) == 0
        seeds.append(secret_seeds(tmp_path / name / folder / "recurrent.ipynb"))
    first, second = seeds
    assert len(first) == len(second) == 1 and first != second


# What it refuses


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_written_over(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release_command("recurrent", form, tmp_path) == 0
    capsys.readouterr()
    (edited,) = [path for path in tmp_path.rglob("recurrent.ipynb")]
    (tmp_path / "README-recurrent.md").unlink()
    edited.write_text("mine")
    assert release_command("recurrent", form, tmp_path) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"coursekit: {edited}: is there already; move it away or choose another --out\n"
    assert edited.read_text() == "mine" and not (tmp_path / "README-recurrent.md").exists()


def test_a_source_must_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(homework_module.coursekit, "__file__", str(tmp_path / "coursekit" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert release_command("recurrent", "plain", tmp_path / "out") == 2
    assert capsys.readouterr().err == (
        "coursekit: there is no solutions/recurrent.md here: run this in a checkout of the course, "
        "or name the file with --source\n"
    )
    monkeypatch.chdir(ROOT)
    assert release_command("recurrent", "plain", tmp_path / "out") == 0


def test_a_source_of_the_instructors_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "solutions" / "recurrent.md").read_text("utf8")
    mine = tmp_path / "mine.md"
    mine.write_text(text.replace("# Homework: recurrent networks by hand", "# Week 7"), "utf8")
    assert release_command("recurrent", "plain", tmp_path / "out", mine) == 0
    assert read(tmp_path / "out/student/recurrent.ipynb").cells[0].source.startswith("# Week 7")
    mine.write_text(text.replace("def lstm_cell(", "def cell("), "utf8")
    assert release_command("recurrent", "plain", tmp_path / "again", mine) == 2
    assert capsys.readouterr().err == f"coursekit: {mine} has no function lstm_cell\n"
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("release", "gardening", "--format", "plain"), "unknown unit or exercise 'gardening'"),
        (
            ("release", "mine.py", "--format", "otter"),
            "received the file mine.py, which --format plain takes",
        ),
        (("release", "recurrent", "--format", "word"), "'word' is not one of 'plain', 'nbgrader', 'otter'"),
        (("release", "recurrent", "--format", "plain", "--source", "nowhere.md"), "nowhere.md"),
    ],
)
def test_a_wrong_call_is_refused_in_one_sentence(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    status, printed, errors = command(*arguments, "--out", str(tmp_path / "out"))
    assert (status, printed, errors.count("\n")) == (2, "", 1)
    assert said in errors and not (tmp_path / "out").exists()


# Graded without another grader


def test_coursekit_grades_what_each_release_hands_out(
    released: Callable[..., Path], right: Answers, wrong: Answers, tmp_path: Path
) -> None:
    plain, course = released("plain") / "student", released("nbgrader") / "source" / "recurrent"
    folder = tmp_path / "submissions"
    for name, path, answers in [
        ("right", plain / "recurrent.ipynb", right),
        ("wrong", plain / "recurrent.ipynb", wrong),
        ("from-nbgrader", course / "recurrent.ipynb", right),
    ]:
        write(filled(read(path), answers), folder / f"{name}.ipynb")
    script = "\n\n".join([(plain / "recurrent.py").read_text("utf8"), *right.values()])
    (folder / "script.py").write_text(script, "utf8")

    results = tmp_path / "results.json"
    options = ["--json", str(results), "--allow-reduced-isolation"]
    status, _, errors = command("grade", "recurrent", str(folder), *options)
    assert status == 0, errors
    rows = {row["submission"]: row for row in json.loads(results.read_text("utf8"))}
    full = sum(exercise.max_score for exercise in EXERCISES)
    scores = {name: row["score"] for name, row in rows.items()}
    assert scores == {
        "right.ipynb": full,
        "wrong.ipynb": full - 1,
        "from-nbgrader.ipynb": full,
        "script.py": full,
    }
    mistakes = {question["id"]: question["mistake"] for question in rows["wrong.ipynb"]["questions"]}
    assert {id: mistake for id, mistake in mistakes.items() if mistake} == {"recurrent.lstm_cell": "ERR-57"}
