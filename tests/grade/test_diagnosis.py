"""Mistakes get their names: one, two at once, in some parts only, and those that values alone do not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import Generator

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Case, Exercise, Mistake, Part
from coursekit.grade.generators import normal
from coursekit.grade.judge import judge
from coursekit.grade.verdict import Verdict


def recipe(first: float = 1, second: float = 1, shift: float = 0) -> Callable:
    def function(x, w):
        product = (first * x) @ w.T
        return product.exp() / second, (x - shift).sum(0), product.logsumexp(dim=1)

    return function


def cases(generator: Generator) -> Iterator[Case]:
    for rows, columns in ((3, 4), (1, 2), (2, 1)):
        yield Case(f"{rows} rows", (normal(generator, rows, columns), normal(generator, 5, columns)))
    yield Case("large", (torch.full((2, 3), 1000.0).double(), torch.ones(5, 3).double() / 3), extreme=True)


def overflows(x, w):
    return *recipe()(x, w)[:2], (x @ w.T).exp().sum(1).log()


def detached(x, w):
    return *recipe()(x, w)[:2], (x @ w.detach().T).logsumexp(dim=1)


def writes(x, w):
    result = recipe()(x, w)
    with torch.no_grad():
        w.add_(1)
    return tuple(item.clone() for item in result)


def coarse(x, w):
    return *recipe()(x, w)[:2], (x.bfloat16() @ w.bfloat16().T).to(x.dtype).logsumexp(
        1
    ) if x.dtype == torch.float32 else recipe()(x, w)[2]


ALL = "Both x."
MISTAKES = (
    Mistake("T-1", "Halve it not.", recipe(first=0.5)),
    Mistake("T-2", "Divide by one.", recipe(second=3)),
    Mistake("T-3", "Shift by nothing.", recipe(shift=2)),
    Mistake("T-4", "Use logsumexp.", overflows),
    Mistake("T-5", "Do not detach.", detached),
    Mistake("T-6", "Do not write.", writes),
    Mistake("T-7", "Keep the precision.", coarse),
)


def pairs() -> Iterator[Mistake]:
    yield Mistake("T-1", "Halve it not.", recipe(first=0.5, second=3), also=("T-2", "Divide by one."))


TOY = Exercise(
    id="toy.recipe",
    arguments=("x", "w"),
    parts=(Part("the ratio"), Part("the sum"), Part("the logarithm")),
    cases=cases,
    reference=recipe(),
    mistakes=MISTAKES,
    pairs=pairs,
)


def told(function: Callable, exercise: Exercise = TOY, key: str = "a") -> Verdict:
    exam = make_exam(exercise, key)
    return judge(exam, perform_all(function, exam.calls, {}))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.id)
def test_a_mistake_is_named_wherever_it_shows(mistake: Mistake) -> None:
    for key in "abc":
        verdict = told(mistake.wrong, key=key)
        assert (verdict.mistake, verdict.message) == (mistake.id, mistake.say)
        assert verdict.status == "failed" and verdict.score < 3


def test_two_mistakes_at_once_are_both_named() -> None:
    verdict = told(recipe(first=0.5, second=3))
    assert verdict.mistake == "T-1"
    assert verdict.message == "Halve it not. Also T-2: Divide by one."
    assert told(recipe(first=0.5, second=3), replace(TOY, pairs=tuple)).mistake is None


def test_two_mistakes_in_different_parts_need_no_declaration() -> None:
    verdict = told(recipe(second=3, shift=2))
    assert (verdict.mistake, verdict.score) == ("T-2", 1)
    assert verdict.message == "Divide by one. Also T-3: Shift by nothing."


def test_a_mistake_made_in_some_parts_only_is_named() -> None:
    def halved_in_one(x, w):
        return recipe(first=0.5)(x, w)[0], *recipe()(x, w)[1:]

    verdict = told(halved_in_one)
    assert (verdict.mistake, verdict.score) == ("T-1", 2)


def test_pairs_are_made_only_for_what_no_single_mistake_explains() -> None:
    def costly() -> Iterator[Mistake]:
        raise AssertionError("nobody needed these")
        yield

    assert told(MISTAKES[0].wrong, replace(TOY, pairs=costly)).mistake == "T-1"
    with pytest.raises(AssertionError, match="nobody needed these"):
        told(recipe(first=7), replace(TOY, pairs=costly))


def other(x, w):
    return recipe(first=7)(x, w)


def zeros(x, w):
    return tuple(0 * item for item in recipe()(x, w))


def fails(x, w):
    raise RuntimeError


@pytest.mark.parametrize("function", [other, zeros, fails, lambda x, w: recipe()(x, w)[0]])
def test_what_the_catalogue_does_not_hold_gets_no_name(function: Callable) -> None:
    assert told(function).mistake is None


def test_nothing_is_named_where_two_explanations_fit() -> None:
    twice = replace(TOY, mistakes=(*MISTAKES, MISTAKES[0]._replace(id="T-8")))
    assert told(MISTAKES[0].wrong, twice).mistake is None
    assert told(MISTAKES[1].wrong, twice).mistake == "T-2"


def test_a_version_that_is_right_explains_nothing() -> None:
    harmless = replace(TOY, mistakes=(Mistake("T-9", "No harm.", recipe()),))
    assert told(other, harmless).mistake is None
    assert told(writes, harmless).mistake is None
    nearly = replace(TOY, mistakes=(Mistake("T-9", "Hardly any harm.", recipe(shift=1e-5)),))
    verdict = told(recipe(shift=1e-5), nearly)
    assert (verdict.status, verdict.mistake) == ("failed", None)
