"""Exercises from an instructor's file: tried out, and refused with one sentence where they are amiss."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.grade import check
from coursekit.grade.exercises import select

GOOD = """
import torch
from coursekit.grade.exercise import Case, Exercise, Mistake, Part

def cases(generator):
    for size in (3, 1, 4):
        yield Case(f"{size} numbers", (torch.randn(size, generator=generator, dtype=torch.float64),))

def twice(x):
    return 2 * x

EXERCISES = Exercise(
    id="toy.twice",
    arguments=("x",),
    parts=(Part("the result"),),
    cases=cases,
    reference=twice,
    mistakes=(Mistake("T-1", "Not three times.", lambda x: 3 * x),),
)
"""


def declared(folder: Path, text: str) -> str:
    path = folder / "unit.py"
    path.write_text(text, "utf8")
    return str(path)


def test_a_file_may_declare_one_exercise_or_several(tmp_path: Path) -> None:
    (one,) = select(declared(tmp_path, GOOD))
    assert (one.id, one.max_score) == ("toy.twice", 1)
    second = "from dataclasses import replace\nEXERCISES = [EXERCISES, replace(EXERCISES, id='toy.again')]\n"
    assert [e.id for e in select(declared(tmp_path, GOOD + second))] == ["toy.twice", "toy.again"]


def test_a_file_may_import_from_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_a_unit.py").write_text("POINTS = 4.0\n", "utf8")
    text = "from neighbour_of_a_unit import POINTS\n" + GOOD.replace(
        '"the result"', '"the result", points=POINTS'
    )
    assert select(declared(tmp_path, text))[0].max_score == 4


BROKEN = [
    ('id="toy.twice"', 'id="twice"', "its id should have the form unit.function; received 'twice'"),
    (
        "EXERCISES =",
        "EXERCISE =",
        "should declare EXERCISES, an Exercise or a list of them; it has nothing of that name",
    ),
    (
        "EXERCISES = Exercise(",
        "EXERCISES = dict(",
        "should declare EXERCISES, an Exercise or a list of them; it has dict",
    ),
    ("import torch", "import torhc", "cannot be run (ModuleNotFoundError: No module named 'torhc')"),
    ('Part("the result")', 'Part("the result", points=0)', "each part's points must be above 0"),
    ('Part("the result"),', 'Part("a"), Part("a"),', "two parts are called 'a'"),
    (
        "reference=twice",
        "reference=twice, differentiable=('y',)",
        "differentiable names 'y', which is none of its arg",
    ),
    (
        "reference=twice",
        "reference=lambda x: x[1 // 0]",
        "its cases or its reference fail (ZeroDivisionError",
    ),
    (
        "for size in (3, 1, 4)",
        "for size in ()",
        "it needs at least one case that is neither extreme nor raises",
    ),
    (
        "reference=twice",
        "reference=lambda x: x.detach()",
        "its cases or its reference fail (ValueError: no gradient flows through the r",
    ),
    ("reference=twice", "reference=lambda x: x.mul_(2)", "its reference"),
    ("return 2 * x", "return 2 * x + torch.rand(())", "its reference does not pass its own checks: "),
    ("lambda x: 3 * x", "lambda x: x + x", "its mistake T-1 (Not three times.) passes all checks"),
    ('arguments=("x",)', "arguments=()", "it names 0 arguments; there are 1 in the case '3 numbers'"),
    ('Part("the result"),', 'Part("a"), Part("b"),', "its cases or its reference fail (ValueError: 2 parts"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), BROKEN, ids=[sentence[:40] for *_, sentence in BROKEN])
def test_a_bad_declaration_is_refused_in_one_sentence(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    assert old in GOOD
    path = declared(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ValueError) as refused:
        select(path)
    said = str(refused.value)
    assert said.startswith(path) and sentence in said and "\n" not in said


def test_two_exercises_of_one_name_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exercise toy.twice: its id is used twice"):
        select(declared(tmp_path, GOOD + "EXERCISES = [EXERCISES, EXERCISES]\n"))
    with pytest.raises(ValueError, match="there is no file .*nothing.py to read exercises from"):
        select(str(tmp_path / "nothing.py"))


def test_a_notebook_can_check_against_such_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def twice(x):
        return 3 * x

    path = declared(tmp_path, GOOD)
    first = check(twice, exercises=path)
    assert first is not None and first.sentence == "T-1: Not three times."
    assert check(twice, exercises=str(tmp_path / "no.py")) is None
    assert "check cannot use the exercises of" in capsys.readouterr().out
