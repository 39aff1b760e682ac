"""The grader graded: what becomes of mutants, of unusual answers and of known mistakes.

For the tests, which hold it to a standard, and for `benchmarks/catalogue.py`, which records it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Literal, NamedTuple

import torch
from torch import Generator, Tensor

from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exam import Exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises import select

from .answers import Answer
from .mutants import Mutant, mutants
from .typed import Typed

KEYS = tuple(f"mutants {number}" for number in range(8))  # what the first does not notice, others may
FEW = 3  # checks that reject most mutants already
SCALES = (1e-3, 1.0, 1e2, 1e4)  # of inputs on which equivalent answers must agree

Fate = Literal["rejected", "on some inputs", "equivalent", "survived"]


class Graded(NamedTuple):
    mutant: Mutant
    fate: Fate
    right_once: bool  # its values agree for one set of inputs: what a single comparison looks at


def exercise_of(answer: Answer) -> Exercise:
    (exercise,) = select(answer.exercise)
    return exercise


def define(answer: Answer, source: str) -> Callable[..., Any]:
    """The function that a source defines, with what the answer may use from earlier in the notebook."""
    namespace: dict[str, Any] = {"torch": torch}
    for text in (answer.before, source):
        exec(compile(text, answer.name, "exec"), namespace)
    function: Callable[..., Any] = namespace[exercise_of(answer).function]
    return function


@cache
def damaged(source: str, without: tuple[str, ...]) -> list[Mutant]:
    return mutants(source, without)


def mutants_of(answer: Answer) -> list[Mutant]:
    # Where no gradient is asked for, a detach changes nothing that is compared.
    return damaged(answer.source, () if exercise_of(answer).differentiable else ("detach",))


def grade_mutants(answer: Answer) -> Iterator[Graded]:
    """Each mutant with its fate.

    Rejected: by a single exam, as a submission gets. Damage that shows in the eighth digit only is seen on
    some inputs and not on others. Equivalent: accepted on all, and the answer says why that is right.
    """
    plain = replace(exercise_of(answer), mistakes=(), pairs=tuple)  # its name does not matter here
    first, *others = (exam_of(plain, key) for key in KEYS)
    one, few = (replace(first, checks=first.checks[:count]) for count in (1, FEW))
    for mutant in mutants_of(answer):
        function = define(answer, mutant.source)
        once = passes(function, one)
        if not (once and passes(function, few) and passes(function, first)):  # who fails a few, fails all
            fate: Fate = "rejected"
        elif not all(passes(function, exam) for exam in others):
            fate = "on some inputs"
        else:
            fate = "equivalent" if mutant.change in answer.equivalent else "survived"
        yield Graded(mutant, fate, once)


def passes(function: Callable[..., Any], exam: Exam) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a mutant that broadcasts by accident is warned about
        return verdict_on(function, exam).status == "passed"


def is_named(typed: Typed, exam: Exam) -> bool:
    """Whether the mistakes typed into an answer get all their ids."""
    verdict = verdict_on(define(typed.answer, typed.source), exam)
    others = (id for id in typed.ids if id != verdict.mistake)
    return verdict.mistake in typed.ids and all(f"Also {id}:" in verdict.message for id in others)


def largest_gap(answer: Answer, mutant: Mutant) -> float:
    """How far a mutant's results and gradients ever are from the answer's, on many inputs, huge ones too.

    In units of rounding: of the last digit of the largest number in the right result.
    """
    right, other = define(answer, answer.source), define(answer, mutant.source)
    exercise = exercise_of(answer)
    generator = Generator().manual_seed(0)
    gap = 0.0
    for scale in SCALES:
        for case in exercise.cases(generator):
            for dtype in (torch.float64, torch.float32):
                inputs = tuple((scale * argument).to(dtype) for argument in case.arguments)
                gap = max(gap, *gaps(results(right, inputs, exercise), results(other, inputs, exercise)))
    return gap


def results(function: Callable[..., Any], inputs: tuple[Tensor, ...], exercise: Exercise) -> list[Tensor]:
    """What a function returns, and the gradients of its sum where they are asked for."""
    if not exercise.differentiable:
        return list(function(*inputs))
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    outputs = list(function(*leaves))
    total = sum((output * k).sum() for k, output in enumerate(outputs, 1))
    return [*outputs, *torch.autograd.grad(total, leaves, materialize_grads=True)]


def gaps(right: list[Tensor], other: list[Tensor]) -> Iterator[float]:
    for a, b in zip(right, other, strict=True):
        a, b = a.detach(), b.detach()
        if a.dtype != b.dtype or a.shape != b.shape:
            yield float("inf")
        else:
            same = (a == b) | (a.isnan() & b.isnan())
            digit = torch.finfo(a.dtype).eps * max(1.0, float(a.nan_to_num().abs().max()))
            yield float((a - b).abs().where(~same, 0.0).max()) / digit
