"""Mistakes that have nothing to do with the equations, in any exercise whose result is tensors.

They have no id in a catalogue: the checks see each by itself, and its sentence is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from coursekit.grade.exercise import Exercise

Function = Callable[..., Any]


class Habit(NamedTuple):
    name: str
    function: Function
    words: str  # that the sentence must contain


def habits_of(exercise: Exercise) -> Iterator[Habit]:
    """The reference with one bad habit each."""
    right = exercise.reference
    first = exercise.arguments[0]
    several = len(exercise.parts) > 1
    asked_before: list[Tensor] = []

    def writes_into_its_argument(*arguments: Tensor) -> Any:
        results = right(*arguments)
        arguments[0].detach().mul_(2)
        return results

    def remembers(*arguments: Tensor) -> Any:
        asked_before.append(arguments[0])
        return each(lambda y: y + (len(asked_before) - 1), right(*arguments))

    def made_on_the_cpu(*arguments: Tensor) -> Any:
        return each(lambda y: y + torch.zeros(y.shape, dtype=y.dtype), right(*arguments))

    def altered(change: Callable[[Tensor], Any]) -> Function:
        return lambda *arguments: each(change, right(*arguments))

    yield Habit("changes its argument", writes_into_its_argument, f"changes its argument {first}")
    yield Habit("remembers the last call", remembers, "differently when it is asked again")
    yield Habit("makes a tensor on the CPU", made_on_the_cpu, "makes a tensor on the CPU")
    yield Habit("float64 whatever comes in", altered(Tensor.double), "has dtype float64")
    yield Habit("float32 on the way", altered(lambda y: y.float().to(y.dtype)), "lower precision")
    yield Habit("an axis too many", altered(lambda y: y[None]), "has shape (1, ")
    yield Habit("numpy instead of a tensor", altered(lambda y: y.detach().numpy()), "should be a tensor")
    yield Habit("twice the right answer", altered(lambda y: 2 * y), "every element is 2 times")
    yield Habit("not a number", altered(lambda y: y / 0 * 0), "nan")
    if exercise.differentiable:
        yield Habit("cuts the graph", altered(Tensor.detach), "no gradient flows")
    if several:
        yield Habit("first and last result exchanged", exchanged(right), "order")
        yield Habit(
            "forgets the last result",
            lambda *a: tuple(right(*a))[:-1],
            f"should return {len(exercise.parts)}",
        )


def each(change: Callable[[Tensor], Any], results: Any) -> Any:
    return change(results) if isinstance(results, Tensor) else tuple(map(change, results))


def exchanged(right: Function) -> Function:
    def function(*arguments: Tensor) -> tuple[Any, ...]:
        first, *others, last = right(*arguments)
        return last, *others, first

    return function
