"""Homework cut from its solutions: in step, without answers, and readable as a notebook anywhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jupytext
import nbformat
import pytest

from coursekit.grade.exercises import EXERCISES, select
from coursekit.grade.release.cutting import student_page
from coursekit.grade.release.markdown import plain_markdown
from coursekit.grade.submission import needed_for, read_submission

from .collected import UNITS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import homework  # noqa: E402

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

"""


def page(*cells: str) -> str:
    return HEADER + "\n".join(cells)


def code(source: str, tags: str = "") -> str:
    return f"```{{code-cell}} ipython3\n{tags and f':tags: [{tags}]{chr(10) * 2}'}{source}\n```\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one solution, whose folders the tool works on."""
    (tmp_path / "solutions").mkdir()
    (tmp_path / "_config.yml").write_text(
        "repository:\n  url: https://example.org/us/course\n  branch: main\n"
    )
    for name, value in [
        ("ROOT", tmp_path),
        ("SOLUTIONS", tmp_path / "solutions"),
        ("EXERCISES", tmp_path / "exercises"),
    ]:
        monkeypatch.setattr(homework, name, value)
    source = "def f(x):\n    ### BEGIN SOLUTION Write eq-f\n    return x + 41\n    ### END SOLUTION"
    note = '+++ {"tags": ["solution"]}\n\nThe answer is 41.\n\n+++\n'
    text = page(
        "# Title\n", code("seed = 0", "parameters"), code(source), note, code("SECRET = 41", "solution")
    )
    (tmp_path / "solutions" / "hw.md").write_text(text, "utf8")
    return tmp_path


def run(*arguments: str) -> Callable[[pytest.MonkeyPatch], int]:
    def main(monkeypatch: pytest.MonkeyPatch) -> int:
        monkeypatch.setattr(sys, "argv", ["homework.py", *arguments])
        return homework.main()

    return main


# The homework of the course


def test_the_homework_is_in_step_with_its_solutions() -> None:
    command = [sys.executable, str(ROOT / "tools" / "homework.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
@pytest.mark.parametrize("suffix", [".md", ".ipynb"])
def test_every_starter_names_its_equation_and_does_nothing_else(
    exercise, suffix: str, tmp_path: Path
) -> None:
    path = ROOT / "exercises" / f"{exercise.unit}{suffix}"
    if suffix == ".md":
        nbformat.write(jupytext.read(path), tmp_path / "homework.ipynb")
        path = tmp_path / "homework.ipynb"
    blocks = needed_for(exercise.function, read_submission([path]).statements)
    (definition,) = ast.parse(blocks[-1].source).body
    docstring, statement = definition.body
    assert isinstance(statement, ast.Raise) and statement.exc.func.id == "NotImplementedError"
    assert any(part.equation in statement.exc.args[0].value for part in exercise.parts)
    assert [argument.arg for argument in definition.args.args] == list(exercise.arguments)


def answers(unit: str) -> list[str]:
    """The lines of code and prose that only a solution has."""
    source = (ROOT / "solutions" / f"{unit}.md").read_text("utf8")
    blocks = re.findall(r"### BEGIN SOLUTION.*?\n(.*?)### END SOLUTION", source, re.S)
    notes = re.findall(r'\+\+\+ \{"tags": \["solution"\]\}\n(.*?)\n\+\+\+\n', source, re.S)
    lines = {line.strip() for text in (*blocks, *notes) for line in text.splitlines()}
    return sorted(line for line in lines if len(line) > 12)


@pytest.mark.parametrize("unit", UNITS)
def test_no_answer_is_in_what_students_open(unit: str) -> None:
    assert len(answers(unit)) > 10
    student_files = [path for path in (ROOT / "exercises").glob(f"{unit}.*")]
    assert len(student_files) == 2
    for path in student_files:
        text = path.read_text("utf8").replace('\\"', '"')
        assert [line for line in answers(unit) if line in text] == []
        assert not re.search(r"(begin|end) solution", text, re.I)


@pytest.mark.parametrize("unit", UNITS)
def test_the_book_has_every_label_that_the_grader_points_to(unit: str) -> None:
    book = "".join(path.read_text("utf8") for path in (ROOT / "book").rglob("*.md"))
    labels = {part.equation for exercise in select(unit) for part in exercise.parts}
    assert {label for label in labels if f"$$ ({label})" not in book} == set()
    page = (ROOT / "solutions" / f"{unit}.md").read_text("utf8")
    links = dict(re.findall(r"\{ref\}`([^`]+?) <([^`]+?)>`", page))
    assert {exercise.section for exercise in select(unit)} <= links.keys()
    assert {label for label in links.values() if f"({label})=" not in book} == set()


# Cutting


def test_answers_and_notes_are_cut_and_the_rest_stays(project: Path) -> None:
    text = student_page(project / "solutions" / "hw.md", "solutions/hw.md")
    assert text.startswith(
        "---\n# Written by tools/homework.py from solutions/hw.md; edit that file.\njupytext:"
    )
    assert 'def f(x):\n    raise NotImplementedError("Write eq-f")\n```' in text
    assert "41" not in text and "# Title" in text and "jupytext_version" not in text
    again = jupytext.reads(text, fmt="md:myst")
    assert [cell.metadata.get("tags") for cell in again.cells if cell.cell_type == "code"] == [
        ["parameters"],
        None,
    ]


@pytest.mark.parametrize(
    "source",
    [
        "### BEGIN SOLUTION Write it\nx = 1",
        "x = 1\n### END SOLUTION",
        "### BEGIN SOLUTION\nx = 1\n### END SOLUTION",
        "### begin solution Write it\nx = 1\n### end solution",
        "### BEGIN SOLUTION a\nx = 1\n### BEGIN SOLUTION b\ny = 1\n### END SOLUTION\n### END SOLUTION",
        "# BEGIN SOLUTION Write it\nx = 1\n# END SOLUTION",
    ],
)
def test_marks_that_do_not_pair_up_are_refused(
    project: Path, source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "solutions" / "hw.md").write_text(page("# Title\n", code(source)), "utf8")
    assert run()(monkeypatch) == 1
    assert capsys.readouterr().err == (
        "homework: solutions/hw.md, cell 2: BEGIN SOLUTION <what to write> and END SOLUTION do not pair up\n"
    )
    assert not list((project / "exercises").glob("*"))


def test_check_says_in_one_sentence_what_is_out_of_step(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run()(monkeypatch) == 0
    assert capsys.readouterr().out == "exercises/hw.md\nexercises/hw.ipynb\n"
    assert run("--check")(monkeypatch) == 0
    assert run()(monkeypatch) == 0 and capsys.readouterr().out == ""  # nothing is written twice
    (project / "exercises" / "hw.md").write_text("edited by hand")
    (project / "exercises" / "old.ipynb").write_text("{}")
    assert run("--check")(monkeypatch) == 1
    said = "exercises/hw.md, exercises/old.ipynb; run python tools/homework.py\n"
    assert capsys.readouterr().err == f"homework: out of step: {said}"


# Notebooks


def test_a_notebook_begins_with_a_setup_that_leaves_torch_alone(project: Path) -> None:
    notebook = homework.to_notebook(project / "solutions" / "hw.md")
    nbformat.validate(notebook)
    title, setup, parameters = notebook.cells[:3]
    assert title.source == "# Title" and setup.metadata.tags == ["colab-setup"]
    assert parameters.metadata.tags == ["parameters"]
    install = setup.source.splitlines()[-1].strip()
    assert install.startswith('%pip install -q --no-deps "git+https://example.org/us/course@main"')
    assert "torch" not in install
    assert notebook.metadata.kernelspec.name == "python3" and "jupytext" not in notebook.metadata


def test_cell_ids_follow_from_the_content(project: Path) -> None:
    path = project / "solutions" / "hw.md"
    first = [cell.id for cell in homework.to_notebook(path).cells]
    assert first == [cell.id for cell in homework.to_notebook(path).cells] and len(set(first)) == len(first)
    path.write_text(path.read_text("utf8").replace("# Title\n", "# Title\n\n+++\n\nMore.\n"), "utf8")
    later = [cell.id for cell in homework.to_notebook(path).cells]
    assert len(later) == len(first) + 1 and set(first) < set(later)


def test_a_cell_that_occurs_twice_has_two_ids(project: Path) -> None:
    path = project / "solutions" / "hw.md"
    path.write_text(page(code("1"), code("1")), "utf8")
    ids = [cell.id for cell in homework.to_notebook(path).cells]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("see {eq}`eq-f` and {ref}`the gates <sec-g>`", "see (eq-f) and the gates"),
        ("{cite:p}`gers2000` in {doc}`notation`", "[gers2000] in notation"),
        ("$$\nc = f\n$$ (eq-c)\n\nthen", "$$\nc = f\n\\tag{eq-c}\n$$\n\nthen"),
        ("(sec-a)=\n## A", "## A"),
        ("% a comment\ntext", "text"),
        ("```{topics} RNN-30\n```\ntext", "text"),
        ("```{note}\nWith {eq}`eq-f`.\n```", "> **Note**\n>\n> With (eq-f)."),
        (":::{admonition} Why\n:class: tip\na\n\nb\n:::\nc", "> **Why**\n>\n> a\n>\n> b\nc"),
        ("```{tip}\n:class: dropdown\nA\n```", "<details>\n<summary>Tip</summary>\n\nA\n\n</details>"),
        ("````{note}\n```{figure} a.svg\n:alt: A\n\nB\n```\n````", "> **Note**\n>\n> ![A](a.svg)\n>\n> B"),
        ("```{exercise-start}\n:label: ex-a\n```\nDo.\n```{exercise-end}\n```", "**Exercise.**\n\nDo."),
        ("```python\n{eq}\n```", "```python\n{eq}\n```"),
        ("$x^{2}$ and `{a}`", "$x^{2}$ and `{a}`"),
    ],
)  # fmt: skip
def test_pages_read_as_plain_markdown(myst: str, plain: str) -> None:
    assert plain_markdown(myst) == plain


def test_no_page_of_the_book_keeps_a_directive_or_a_role() -> None:
    pages = [path for unit in UNITS for path in (ROOT / "book" / unit).glob("*.md")]
    for path in [*pages, *(ROOT / "exercises" / f"{unit}.md" for unit in UNITS)]:
        cells = [cell for cell in homework.to_notebook(path).cells if cell.cell_type == "markdown"]
        assert [c.source for c in cells if re.search(r"\{[\w:-]+\}`|^(```|:::)\{", c.source, re.M)] == []
