"""Damaged answers are rejected, all but those that are right all the same, each for a stated reason."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable

import pytest

from coursekit.grade.exercises import EXERCISES, select

from .collected import ANSWERS, UNITS
from .forms import Answer
from .mutants import RULES, mutants
from .scores import define, exam_of, exercise_of, grade_mutants, largest_gap, mutants_of, verdict_on
from .solutions import code_of

ROUNDING = 64  # last digits in which two ways of adding up the same numbers may differ
every_answer = pytest.mark.parametrize(
    "answer", ANSWERS, ids=lambda answer: f"{answer.exercise}, {answer.name}"
)

EXAMPLE = """
def f(x, w):
    a, b = (x @ w).chunk(2, dim=1)
    return a.sigmoid(), a + b[:2]
"""


@every_answer
def test_every_mutant_is_rejected_unless_it_is_known_to_be_right(
    answer: Answer, record_property: Callable[[str, object], None]
) -> None:
    graded = list(grade_mutants(answer))
    fates = Counter(one.fate for one in graded)
    assert [one.mutant.change for one in graded if one.fate == "survived"] == []
    blurred = [one.mutant for one in graded if one.fate == "on some inputs"]
    assert {mutant.kind for mutant in blurred} <= {"dtype"}, blurred  # a rounding that shows now and then
    assert len(blurred) < 0.03 * len(graded)
    accepted = {one.mutant.change for one in graded if one.fate == "equivalent"}
    assert accepted == answer.equivalent.keys(), "a reason for a mutant that is rejected, or is none"
    # Were one comparison of values enough, none of this would be needed.
    once = sum(one.right_once for one in graded)
    assert once > fates["equivalent"] + len(blurred) or not exercise_of(answer).differentiable
    of = len(graded)
    record_property("score", ("mutants rejected", fates["rejected"], of))
    record_property("score", ("mutants rejected on some inputs only", len(blurred), of))
    record_property("score", ("mutants that are right, each with a reason", fates["equivalent"], of))


@every_answer
def test_a_mutant_called_equivalent_is_equal_on_many_inputs(answer: Answer) -> None:
    for mutant in mutants_of(answer):
        if mutant.change in answer.equivalent:
            assert largest_gap(answer, mutant) <= ROUNDING, mutant.change


@every_answer
def test_the_answers_are_right_and_their_mutants_of_every_kind(answer: Answer) -> None:
    verdict = verdict_on(define(answer, answer.source), exam_of(exercise_of(answer), "answers"))
    assert verdict.status == "passed", verdict
    assert len(mutants_of(answer)) > 20


@pytest.mark.parametrize("unit", UNITS)
def test_the_answers_as_in_the_solutions_are_theirs(unit: str) -> None:
    solutions = code_of(unit)
    for exercise in select(unit):
        (own,) = [
            answer.source
            for answer in ANSWERS
            if (answer.exercise, answer.name) == (exercise.id, "as in the solutions")
        ]
        assert body_of(solutions, exercise.function) == body_of(own, exercise.function)


def test_every_exercise_has_two_answers_to_be_damaged() -> None:
    answers = Counter(answer.exercise for answer in ANSWERS)
    assert answers.keys() == {exercise.id for exercise in EXERCISES} and min(answers.values()) >= 2


def body_of(source: str, function: str) -> list[str]:
    """The statements of a function, without its docstring."""
    (found,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == function)
    assert isinstance(found, ast.FunctionDef)
    documented = ast.get_docstring(found) is not None
    return [ast.unparse(statement) for statement in found.body[documented:]]


def test_all_kinds_of_damage_are_done() -> None:
    kinds = {mutant.kind for answer in ANSWERS for mutant in mutants_of(answer)}
    assert kinds == RULES.keys()


def test_what_is_not_equal_is_not_called_equivalent() -> None:
    answer = next(answer for answer in ANSWERS if answer.exercise == "recurrent.lstm_gates")
    signs = [mutant for mutant in mutants_of(answer) if mutant.kind == "sign" and "-1" not in mutant.change]
    assert len(signs) > 5 and all(largest_gap(answer, mutant) > 1e6 for mutant in signs[:6])


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("operator", {"x @ w -> x * w", "a + b[:2] -> a - b[:2]", "a + b[:2] -> a * b[:2]"}),
        ("constant", {"2 -> 3", "2 -> 1", "1 -> 2", "1 -> 0"}),
        ("axis", {"dim=1 -> dim=0"}),
        ("index", {"(a, b) -> (b, a)", ":2 -> :2 + 1", ":2 -> :2 - 1"}),
        ("activation", {"a.sigmoid() -> a.tanh()", "a.sigmoid() -> a.relu()", "a.sigmoid() -> a"}),
        ("term", {"a + b[:2] -> a", "a + b[:2] -> b[:2]"}),
        ("arguments", {"x @ w -> w @ x", "(a.sigmoid(), a + b[:2]) -> (a + b[:2], a.sigmoid())"}),
        ("variable", {"x -> b", "x -> w", "w -> x", "w -> a", "a -> w", "a -> b", "b -> a", "b -> x"}),
    ],
)
def test_the_damage_of_a_kind(kind: str, changes: set[str]) -> None:
    found = mutants(EXAMPLE, RULES.keys() - {kind})
    assert {mutant.change.partition(": ")[2] for mutant in found} == changes
    assert {mutant.kind for mutant in found} == {kind}
    assert len({mutant.source for mutant in found}) == len(found)


def test_comparisons_are_turned_around() -> None:
    (mutant,) = mutants("def f(x):\n    return x <= 1", RULES.keys() - {"operator"})
    assert mutant.source.endswith("return x >= 1")


def test_signs_detaches_and_precisions_are_tried_on_every_value() -> None:
    of = {kind: {m.change.partition(": ")[2] for m in mutants(EXAMPLE) if m.kind == kind} for kind in RULES}
    assert of["sign"] >= {"x @ w -> -x @ w", "x @ w -> x @ -w", "a + b[:2] -> -a + b[:2]"}
    assert of["detach"] >= {
        "x -> x.detach()",
        "x @ w -> (x @ w).detach()",
        "a.sigmoid() -> a.sigmoid().detach()",
    }
    assert of["dtype"] >= {"w -> w.float()", "w -> w.double()", "w -> w.float().to(w.dtype)"}
    assert of["statement"] == {"a, b = (x @ w).chunk(2, dim=1) -> pass"}
