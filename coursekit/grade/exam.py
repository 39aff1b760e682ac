"""The strict check: what a function is asked, what it should answer, and how far off the answer may be.

Every case is asked in float64, with gradients where they flow, and in float32. The first case is asked twice
in a row (watched, the second time, for what the exercise forbids), once more at the end, because a function
has no memory, with tensors that are not contiguous, and once to see where it makes its tensors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Generator, Tensor

from coursekit.grade.calls import Call, copied, tensors_in, weighed
from coursekit.grade.compare import Comparison
from coursekit.grade.diagnosis import Diagnosis
from coursekit.grade.exercise import Case, Exercise
from coursekit.grade.expected import EPS, FLOOR, Check, Expected, Undecided, expected
from coursekit.grade.protocol import Questions

PERTURBATIONS = 4


@dataclass(frozen=True)
class Exam:
    """All checks of an exercise, on inputs from one key."""

    exercise: Exercise
    checks: tuple[Check, ...]

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        return tuple(check.call for check in self.checks)

    @cached_property
    def questions(self) -> Questions:
        return Questions.of(self.calls)

    @cached_property
    def comparison(self) -> Comparison:
        return Comparison(self.checks)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return Diagnosis(self.exercise, self.checks)


def make_exam(exercise: Exercise, key: str) -> Exam:
    """The exam that follows from a key. Whoever has the key can draw the same inputs again."""
    digest = hashlib.sha256(f"{key}/{exercise.id}".encode()).digest()
    generator = Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    cases = tuple(exercise.cases(generator))
    answered = [case for case in cases if case.raises is None]
    ordinary = [case for case in answered if not case.extreme]
    if not ordinary:
        raise ValueError("it needs at least one case that is neither extreme nor raises")

    first = values(exercise, ordinary[0])
    again = first._replace(repeats=True, aspect="")
    watched = again._replace(call=first.call._replace(forbidden=exercise.forbidden))
    with_gradients = [gradients(exercise, case, generator) for case in ordinary]
    precise = with_gradients if with_gradients[0].gradients else with_gradients[1:]
    for case in (case for case in answered if case.extreme):
        precise.append(gradients(exercise, case, generator) if case.slopes else values(exercise, case))
    refused = [asked(case)._replace(raises=case.raises.__name__) for case in cases if case.raises is not None]
    single = [check for case in answered for check in in_float32(exercise, case, generator)]
    layout = elsewhere = []
    if any(True for _ in tensors_in(first.call.arguments)):
        layout = [first._replace(call=first.call._replace(transposed=True), aspect="")]
        elsewhere = [first._replace(call=first.call._replace(elsewhere=True), aspect="")]
    return Exam(exercise, (first, watched, *precise, *refused, *single, again, *layout, *elsewhere))


def asked(case: Case) -> Check:
    """The question alone."""
    return Check(
        case, Call(case.arguments, case.keywords), "float64", aspect="extremes" if case.extreme else "values"
    )


def values(exercise: Exercise, case: Case) -> Check:
    """Each part's values in float64."""
    check = asked(case)
    right = parts_of(exercise, exercise.reference(*case.arguments, **case.keywords))
    return check._replace(
        outputs=tuple(expected(part, (), precision(check.call, torch.float64)) for part in right)
    )


def gradients(exercise: Exercise, case: Case, generator: Generator) -> Check:
    """Each part's values, and its gradients for the differentiable arguments under a random cotangent."""
    check = asked(case)
    wanted = dict(differentiable(exercise, check.call))
    if not wanted:
        return values(exercise, case)
    leaves = [tensor.clone() for tensor in tensors_in([*case.arguments, *case.keywords.values()])]
    copies = iter(leaves)
    arguments = [copied(value, lambda _: next(copies)) for value in case.arguments]
    keywords = {name: copied(value, lambda _: next(copies)) for name, value in case.keywords.items()}
    inputs = [leaves[number].requires_grad_() for number in wanted]
    right = parts_of(exercise, exercise.reference(*arguments, **keywords))

    reach = FLOOR * max(float(leaf.detach().abs().max()) if leaf.numel() else 0.0 for leaf in inputs)
    rows: list[tuple[Expected, ...]] = []
    cotangents: list[tuple[Tensor, ...]] = []
    for part, result in zip(exercise.parts, right, strict=True):
        outputs = [y for y in tensors_in(result) if y.is_floating_point()] if part.graph else []
        weights = tuple(torch.randn(y.shape, generator=generator, dtype=y.dtype) for y in outputs)
        cotangents.append(weights)
        flowing = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
        if outputs and not flowing:
            raise ValueError(
                f"no gradient flows through {part.name}: is it differentiable=False or graph=False?"
            )
        if not flowing:
            rows.append(())
            continue
        row = torch.autograd.grad(
            weighed(flowing), inputs, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        rows.append(tuple(of_gradient(gradient, reach) for gradient in row))
    return check._replace(
        call=check.call._replace(wanted=tuple(wanted), cotangents=tuple(cotangents)),
        outputs=tuple(expected(part, (), precision(check.call, torch.float64)) for part in right),
        gradients=tuple(rows),
        wanted=tuple(wanted.values()),
        aspect=check.aspect if case.extreme else "gradients",
    )


def of_gradient(gradient: Tensor, reach: float) -> Expected:
    """A right gradient. What is off by FLOOR before a product with an argument is off by `reach` after it."""
    right: Expected = expected(gradient, (), "float64")
    return right._replace(tolerance=max(right.tolerance, reach))


def differentiable(exercise: Exercise, call: Call) -> Iterator[tuple[int, str]]:
    """Number and name of each tensor whose gradient is compared."""
    number = 0
    for name, value in named_arguments(exercise, call):
        tensors = list(tensors_in(value))
        for place, tensor in enumerate(tensors):
            if tensor.is_floating_point() and exercise.has_gradient(name):
                yield number, name if tensors == [value] else f"{name}[{place}]"
            number += 1


def named_arguments(exercise: Exercise, call: Call) -> list[tuple[str, Any]]:
    return [*zip(exercise.arguments, call.arguments, strict=False), *call.keywords.items()]


def in_float32(exercise: Exercise, case: Case, generator: Generator) -> Iterator[Check]:
    """The same question in float32, where that is another question and has an answer.

    The right answer is the reference's in float64; the tolerance comes from what rounding does to the
    reference in float32.
    """

    def single(tensor: Tensor) -> Tensor:
        return tensor.float() if tensor.is_floating_point() else tensor

    def exact(tensor: Tensor) -> Tensor:
        return tensor.double() if tensor.is_floating_point() else tensor

    def shaken(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        noise = 2 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64) - 1
        noise = torch.where(tensor == tensor.round(), 0, noise)  # a probability of 1 must not become larger
        return (tensor * (1 + EPS * noise)).float()

    def answer(copy: Callable[[Tensor], Tensor]) -> Sequence[Any]:
        arguments = [copied(value, lambda tensor: copy(exact(single(tensor)))) for value in case.arguments]
        keywords = {
            name: copied(value, lambda tensor: copy(exact(single(tensor))))
            for name, value in case.keywords.items()
        }
        return parts_of(exercise, exercise.reference(*arguments, **keywords))

    call = Call(
        tuple(copied(value, single) for value in case.arguments),
        {name: copied(value, single) for name, value in case.keywords.items()},
    )
    if precision(call, torch.float32) == "":
        return
    right = answer(exact)
    runs = [answer(shaken) for _ in range(PERTURBATIONS)]  # one alone can be right by luck
    try:
        outputs = tuple(expected(part, others, "float32") for part, *others in zip(right, *runs, strict=True))
    except Undecided:
        return
    yield Check(case, call, "float32", outputs, aspect="float32")


def precision(call: Call, dtype: torch.dtype) -> str:
    """The dtype of the call's floating-point tensors, which is that of the result; "" where it has none."""
    tensors = tensors_in([*call.arguments, *call.keywords.values()])
    return str(dtype).removeprefix("torch.") if any(t.is_floating_point() for t in tensors) else ""


def parts_of(exercise: Exercise, result: Any) -> Sequence[Any]:
    """A result of the reference as one value per part."""
    if len(exercise.parts) == 1:
        return (result,)
    if not isinstance(result, (list, tuple)) or len(result) != len(exercise.parts):
        received = f"{len(result)} items" if isinstance(result, (list, tuple)) else type(result).__name__
        raise ValueError(f"{len(exercise.parts)} parts are declared and the reference returned {received}")
    return result
