"""Mistakes that have nothing to do with the equations, in any exercise where they can be made.

They have no id in a catalogue: the checks see each by itself, and its sentence is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from coursekit.grade.calls import tensors_in
from coursekit.grade.exercise import Case, Exercise

Function = Callable[..., Any]


class Habit(NamedTuple):
    name: str
    function: Function
    words: str  # that the sentence must contain


def habits_of(exercise: Exercise) -> Iterator[Habit]:
    """The reference with one bad habit each: those that its arguments and results allow."""
    case = next(iter(exercise.cases(Generator().manual_seed(0))))
    result = exercise.reference(*case.arguments, **case.keywords)
    if case.arguments:
        yield from with_arguments(exercise, case)
    if any(isinstance(piece, Tensor) for piece in pieces(result)):
        yield from with_tensors(exercise)
    floating = [piece for piece in pieces(result) if isinstance(piece, Tensor) and piece.is_floating_point()]
    if floating and any(tensor.is_floating_point() for tensor in tensors_in(case.arguments)):
        yield from with_fractions(exercise)
    if len(exercise.parts) > 1:
        yield from with_several(exercise)


def with_arguments(exercise: Exercise, case: Case) -> Iterator[Habit]:
    right = exercise.reference
    asked_before: list[Any] = []

    def writes_into_its_argument(*arguments: Any, **keywords: Any) -> Any:
        results = right(*arguments, **keywords)
        first = arguments[0]
        if isinstance(first, Tensor):
            first.detach().add_(1)
        else:
            first.append(first[0])
        return results

    def remembers(*arguments: Any, **keywords: Any) -> Any:
        asked_before.append(arguments[0])
        return each(lambda y: y + (len(asked_before) - 1), right(*arguments, **keywords))

    def made_on_the_cpu(first: Tensor, *arguments: Any, **keywords: Any) -> Any:
        return right(first + torch.zeros(first.shape, dtype=first.dtype), *arguments, **keywords)

    yield Habit(
        "changes its argument", writes_into_its_argument, f"changes its argument {exercise.arguments[0]}"
    )
    yield Habit("remembers the last call", remembers, "differently when it is asked again")
    if isinstance(case.arguments[0], Tensor):
        yield Habit("makes a tensor on the CPU", made_on_the_cpu, "makes a tensor on the CPU")


def with_tensors(exercise: Exercise) -> Iterator[Habit]:
    yield Habit("an axis too many", altered(exercise, lambda y: y[None]), "has shape (1,")
    yield Habit(
        "numpy instead of a tensor", altered(exercise, lambda y: y.detach().numpy()), "should be a tensor"
    )


def with_fractions(exercise: Exercise) -> Iterator[Habit]:
    """Where floating-point tensors go in and come out."""
    yield Habit("float64 whatever comes in", altered(exercise, Tensor.double), "has dtype float64")
    yield Habit("float32 on the way", altered(exercise, lambda y: y.float().to(y.dtype)), "lower precision")
    yield Habit("twice the right answer", altered(exercise, lambda y: 2 * y), "is 2 times")
    yield Habit("not a number", altered(exercise, lambda y: y / 0 * 0), "nan")
    if exercise.differentiable:
        yield Habit("cuts the graph", altered(exercise, Tensor.detach), "no gradient flows")


def with_several(exercise: Exercise) -> Iterator[Habit]:
    def exchanged(*arguments: Any, **keywords: Any) -> tuple[Any, ...]:
        first, *others, last = exercise.reference(*arguments, **keywords)
        return last, *others, first

    def forgotten(*arguments: Any, **keywords: Any) -> tuple[Any, ...]:
        return tuple(exercise.reference(*arguments, **keywords))[:-1]

    yield Habit("first and last result exchanged", exchanged, "order")
    yield Habit("forgets the last result", forgotten, f"should return {len(exercise.parts)}")


def altered(exercise: Exercise, change: Callable[[Tensor], Any]) -> Function:
    """The reference with a change to each tensor in its result."""

    def function(*arguments: Any, **keywords: Any) -> Any:
        result = exercise.reference(*arguments, **keywords)
        return each(lambda y: change(y) if isinstance(y, Tensor) else y, result)

    return function


def each(change: Callable[[Any], Any], results: Any) -> Any:
    return tuple(map(change, results)) if isinstance(results, (list, tuple)) else change(results)


def pieces(result: Any) -> Iterator[Any]:
    """The tensors, numbers and other single things in a result."""
    if isinstance(result, (list, tuple)):
        for item in result:
            yield from pieces(item)
    else:
        yield result
