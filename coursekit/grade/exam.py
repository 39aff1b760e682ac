"""The strict check: what a function is asked, what it should answer, and how far off the answer may be.

Every case is asked in float64 and float32, with gradients for every argument where they flow, at the limits of its gates, and
on another device; the first case also twice in a row and once more at the end, because a function has no memory.
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
    repeats: bool = False  # asked before: a right answer then and a wrong one now means that something was kept


@dataclass(frozen=True)
class Exam:
    """All checks of an exercise, on inputs from one key."""

    exercise: Exercise
    checks: tuple[Check, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(check.call for check in self.checks)

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
        """What every wrong version of the catalogue returns in the telling checks; None where it cannot run."""
        calls = [self.checks[number].call for number in self.telling]
        return tuple(tuple(attempted(mistake.wrong, call) for call in calls) for mistake in self.exercise.mistakes)


def make_exam(exercise: Exercise, key: str) -> Exam:
    """The exam that follows from a key. Whoever has the key can draw the same inputs again."""
    digest = hashlib.sha256(f"{key}/{exercise.id}".encode()).digest()
    generator = Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    cases = tuple(exercise.cases(generator))
    ordinary = tuple(case for case in cases if not case.extreme)
    extreme = tuple(case for case in cases if case.extreme)

    def values(case: Case, dtype: torch.dtype = torch.float64, repeats: bool = False, elsewhere: bool = False) -> Check:
        arguments = tuple(tensor.to(dtype) for tensor in case.arguments)
        expected = expected_outputs(exercise, arguments, generator)
        return Check(case, Call(arguments, elsewhere=elsewhere), str(dtype)[6:], expected, repeats=repeats)

    first = values(ordinary[0])
    again = first._replace(repeats=True)
    return Exam(
        exercise,
        (
            first,
            again,
            *((with_gradients(exercise, c, generator) for c in ordinary) if exercise.differentiable else map(values, ordinary[1:])),
            *(values(case) for case in extreme),
            *(values(case, torch.float32) for case in cases),
            values(ordinary[0], elsewhere=True),
            again,
        ),
    )


def expected_outputs(exercise: Exercise, arguments: tuple[Tensor, ...], generator: Generator) -> tuple[Expected, ...]:
    """The reference in float64 on these arguments, which may be float32, and what their rounding does to it."""
    exact = tuple(tensor.double() for tensor in arguments)
    values = exercise.reference(*exact)
    if arguments[0].dtype == torch.float64:
        return tuple(Expected(value, FLOOR * largest(value)) for value in values)
    errors = [EPS * largest(value) for value in values]
    for _ in range(PERTURBATIONS):
        noise = (2 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64) - 1 for tensor in exact)
        shaken = exercise.reference(*(tensor * (1 + EPS * n) for tensor, n in zip(exact, noise, strict=True)))
        errors = [max(error, float((a - b).abs().max())) for error, a, b in zip(errors, values, shaken, strict=True)]
    return tuple(Expected(value, FACTOR * error) for value, error in zip(values, errors, strict=True))


def with_gradients(exercise: Exercise, case: Case, generator: Generator) -> Check:
    """Each part's gradients for all arguments, under a random cotangent."""
    leaves = [tensor.clone().requires_grad_() for tensor in case.arguments]
    outputs = exercise.reference(*leaves)
    cotangents = tuple(torch.randn(y.shape, generator=generator, dtype=y.dtype) for y in outputs)
    gradients = (
        torch.autograd.grad(y, leaves, cotangent, retain_graph=True, allow_unused=True, materialize_grads=True)
        for y, cotangent in zip(outputs, cotangents, strict=True)
    )
    return Check(
        case,
        Call(case.arguments, cotangents),
        "float64",
        tuple(Expected(y.detach(), FLOOR * largest(y)) for y in outputs),
        tuple(tuple(Expected(g, FLOOR * largest(g)) for g in row) for row in gradients),
    )


def largest(value: Tensor) -> float:
    """The largest magnitude in a tensor, but at least 1."""
    return max(1.0, float(value.detach().abs().max()))


def attempted(function: Callable[..., tuple[Tensor, ...]], call: Call) -> tuple[Tensor, ...] | None:
    try:
        return tuple(output.detach() for output in function(*call.arguments))
    except RuntimeError:  # shapes that do not fit
        return None
