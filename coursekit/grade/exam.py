"""The strict check: what a function is asked, what it should answer, and how far off the answer may be.

Every case is asked in float64, with gradients for every argument where they flow, and in float32. The first
case is asked twice in a row, once more at the end, because a function has no memory, and once to see where
it makes its tensors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from coursekit.grade.calls import Call
from coursekit.grade.exercise import Case, Exercise
from coursekit.grade.protocol import Questions

FLOOR = 1e-8  # tolerance in float64, relative to the largest value or to 1
FACTOR = 16  # how many times what rounding does to the reference is still accepted in float32
PERTURBATIONS = 4
EPS = torch.finfo(torch.float32).eps


class Expected(NamedTuple):
    """A right tensor, in float64, and how far each element may lie from it."""

    value: Tensor
    tolerance: float


class Check(NamedTuple):
    """One call and its right answer."""

    case: Case
    call: Call
    dtype: str
    outputs: tuple[Expected, ...]  # per part
    gradients: tuple[tuple[Expected, ...], ...] = ()  # per part and argument
    repeats: bool = False  # asked before: right then and wrong now means that something was kept


@dataclass(frozen=True)
class Exam:
    """All checks of an exercise, on inputs from one key."""

    exercise: Exercise
    checks: tuple[Check, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(check.call for check in self.checks)

    @cached_property
    def questions(self) -> Questions:
        return Questions.of(self.calls)

    @cached_property
    def telling(self) -> tuple[int, ...]:
        """The checks by which a mistake is recognised: precise ones, each case once."""
        cases: dict[int, int] = {}
        for number, check in enumerate(self.checks):
            if check.dtype == "float64" and not check.case.extreme:
                cases.setdefault(id(check.case), number)
        return tuple(cases.values())

    @cached_property
    def wrong_answers(self) -> tuple[tuple[tuple[Tensor, ...] | None, ...], ...]:
        """What each wrong version of the catalogue returns in the telling checks; None where it cannot."""
        calls = [self.checks[number].call for number in self.telling]
        mistakes = self.exercise.mistakes
        return tuple(tuple(attempted(mistake.wrong, call) for call in calls) for mistake in mistakes)


def make_exam(exercise: Exercise, key: str) -> Exam:
    """The exam that follows from a key. Whoever has the key can draw the same inputs again."""
    digest = hashlib.sha256(f"{key}/{exercise.id}".encode()).digest()
    generator = Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    cases = tuple(exercise.cases(generator))
    ordinary = tuple(case for case in cases if not case.extreme)
    extreme = tuple(case for case in cases if case.extreme)

    first = values(exercise, ordinary[0], generator)
    again = first._replace(repeats=True)
    if exercise.differentiable:
        precise = [with_gradients(exercise, case, generator) for case in ordinary]
    else:
        precise = [values(exercise, case, generator) for case in ordinary[1:]]
    precise += [values(exercise, case, generator) for case in extreme]
    single = [values(exercise, case, generator, torch.float32) for case in cases]
    elsewhere = first._replace(call=first.call._replace(elsewhere=True))
    return Exam(exercise, (first, again, *precise, *single, again, elsewhere))


def values(exercise: Exercise, case: Case, generator: Generator, dtype: torch.dtype = torch.float64) -> Check:
    """Each part's values."""
    arguments = tuple(tensor.to(dtype) for tensor in case.arguments)
    return Check(case, Call(arguments), str(dtype)[6:], expected_outputs(exercise, arguments, generator))


def expected_outputs(
    exercise: Exercise, arguments: tuple[Tensor, ...], generator: Generator
) -> tuple[Expected, ...]:
    """The reference in float64; the tolerance in float32 comes from what rounding does to the reference."""
    exact = tuple(tensor.double() for tensor in arguments)
    right = exercise.reference(*exact)
    if arguments[0].dtype == torch.float64:
        return tuple(Expected(value, FLOOR * largest(value)) for value in right)
    errors = [EPS * largest(value) for value in right]
    for _ in range(PERTURBATIONS):  # one run alone can be right by luck, above all on few elements
        noise = (2 * torch.rand(x.shape, generator=generator, dtype=torch.float64) - 1 for x in exact)
        shaken = exercise.reference(*((x * (1 + EPS * n)).float() for x, n in zip(exact, noise, strict=True)))
        gaps = (float((a - b).abs().max()) for a, b in zip(right, shaken, strict=True))
        errors = [max(pair) for pair in zip(errors, gaps, strict=True)]
    return tuple(Expected(value, FACTOR * error) for value, error in zip(right, errors, strict=True))


def with_gradients(exercise: Exercise, case: Case, generator: Generator) -> Check:
    """Each part's gradients for all arguments, under a random cotangent."""
    check = values(exercise, case, generator)
    leaves = [tensor.clone().requires_grad_() for tensor in case.arguments]
    outputs = exercise.reference(*leaves)
    cotangents = tuple(torch.randn(y.shape, generator=generator, dtype=y.dtype) for y in outputs)
    gradients = []
    for y, cotangent in zip(outputs, cotangents, strict=True):
        row = torch.autograd.grad(y, leaves, cotangent, retain_graph=True, materialize_grads=True)
        gradients.append(tuple(Expected(gradient, FLOOR * largest(gradient)) for gradient in row))
    return check._replace(call=Call(case.arguments, cotangents), gradients=tuple(gradients))


def largest(value: Tensor) -> float:
    """The largest magnitude in a tensor, but at least 1."""
    return max(1.0, float(value.detach().abs().max()))


def attempted(function: Callable[..., tuple[Tensor, ...]], call: Call) -> tuple[Tensor, ...] | None:
    try:
        return tuple(output.detach() for output in function(*call.arguments))
    except RuntimeError:  # shapes that do not fit
        return None
