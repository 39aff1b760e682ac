"""The grader graded: what becomes of mutants, of unusual answers and of known mistakes.

For the tests, which hold it to a standard, and for `benchmarks/catalogue.py`, which records it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal, NamedTuple

import torch
from torch import Generator, Tensor

from coursekit.grade.calls import copied, tensors_in
from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exam import Exam
from coursekit.grade.exercise import Case, Exercise
from coursekit.grade.exercises import select

from .forms import Answer, Typed
from .habits import pieces
from .mutants import Mutant, mutants

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
    """The mutants of an answer, but for those that change nothing that is asked for.

    These are a detach where no gradient is compared, and another precision where no number comes in with one.
    """
    exercise = exercise_of(answer)
    if not floating(exercise):
        return damaged(answer.source, ("detach", "dtype"))
    if not exercise.differentiable:
        return damaged(answer.source, ("detach",))
    idle = tuple(f"-> {name}.detach()" for name in exercise.arguments if name not in followed(exercise))
    return [mutant for mutant in damaged(answer.source, ()) if not mutant.change.endswith(idle)]


@cache
def floating(exercise: Exercise) -> set[str]:
    """The arguments that hold floating-point tensors in some case."""
    return {
        name
        for case in exercise.cases(Generator().manual_seed(0))
        for name, value in named(exercise, case.arguments, case.keywords)
        if any(tensor.is_floating_point() for tensor in tensors_in(value))
    }


def followed(exercise: Exercise) -> set[str]:
    """The arguments whose gradients are compared."""
    return {name for name in floating(exercise) if exercise.has_gradient(name)}


def named(
    exercise: Exercise, arguments: tuple[Any, ...], keywords: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    return [*zip(exercise.arguments, arguments, strict=False), *keywords.items()]


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
        for case in (case for case in exercise.cases(generator) if case.raises is None):
            for dtype in (torch.float64, torch.float32):
                inputs = inputs_of(case, scale, dtype)
                gap = max(gap, *gaps(results(right, inputs, exercise), results(other, inputs, exercise)))
    return gap


def inputs_of(case: Case, scale: float, dtype: torch.dtype) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A case's arguments and keywords, scaled; what lies between 0 and 1, as probabilities do, stays."""

    def scaled(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        fraction = bool(((tensor >= 0) & (tensor <= 1)).all())
        return (tensor if fraction else scale * tensor).to(dtype)

    keywords = {name: copied(value, scaled) for name, value in case.keywords.items()}
    return copied(tuple(case.arguments), scaled), keywords


def results(
    function: Callable[..., Any], inputs: tuple[tuple[Any, ...], dict[str, Any]], exercise: Exercise
) -> list[Any]:
    """What a function returns, piece by piece, and the gradients of a weighed sum where they are asked."""
    leaves: list[Tensor] = []

    def leaf(tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            tensor = tensor.clone().requires_grad_()
            leaves.append(tensor)
        return tensor

    asked = [
        copied(value, leaf) if exercise.has_gradient(name) else value
        for name, value in named(exercise, *inputs)
    ]
    arguments, keywords = inputs
    count = len(arguments)
    outputs = list(pieces(function(*asked[:count], **dict(zip(keywords, asked[count:], strict=True)))))
    flowing = [y for y in outputs if isinstance(y, Tensor) and y.requires_grad]
    if not (leaves and flowing):
        return outputs
    total = torch.stack([(y * uneven(y)).sum() for y in flowing]).sum()
    return [*outputs, *torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)]


def uneven(tensor: Tensor) -> Tensor:
    """Weights for the elements of a tensor, no two alike."""
    return torch.linspace(-1, 2, tensor.numel(), dtype=tensor.dtype).view(tensor.shape)


def gaps(right: list[Any], other: list[Any]) -> Iterator[float]:
    """Piece by piece in last digits, infinite where form, dtype or anything exact differs."""
    yield 0.0 if len(right) == len(other) else float("inf")
    for a, b in zip(right, other, strict=False):
        if isinstance(a, float) and isinstance(b, float):
            a, b = (torch.tensor(number, dtype=torch.float64) for number in (a, b))
        if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
            yield 0.0 if type(a) is type(b) and a == b else float("inf")
        elif a.dtype != b.dtype or a.shape != b.shape:
            yield float("inf")
        elif not a.is_floating_point():
            yield 0.0 if torch.equal(a, b) else float("inf")
        else:
            a, b = a.detach(), b.detach()
            same = (a == b) | (a.isnan() & b.isnan())
            digit = torch.finfo(a.dtype).eps * max(1.0, float(a.nan_to_num().abs().max()))
            yield float((a - b).abs().where(~same, 0.0).max()) / digit
