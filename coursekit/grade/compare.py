"""Whether what came back is what was expected: all numbers of an exam in one comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from coursekit.grade.calls import Array, Outcome, Value
from coursekit.grade.expected import NUMBER, Check, Expected

EXACT = (bool, int, str, type(None))


class Unit(NamedTuple):
    """What is compared and may be wrong by itself: an output of a check, or the gradients of one."""

    check: int
    part: int
    gradients: bool
    expected: Any
    parts: int  # of the result
    unknown: Array  # stands for the numbers of an answer of another form


class Comparison:
    """All right answers to an exam, side by side."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self.units = tuple(units_of(checks))
        numbers = [list(numbers_in(unit.expected)) for unit in self.units]
        sizes = [sum(item.value.size for item in found) for found in numbers]
        flat = [item for found in numbers for item in found]
        self._right = np.concatenate([np.empty(0), *(item.value.reshape(-1) for item in flat)])
        self._tolerance = np.repeat([item.tolerance for item in flat], [item.value.size for item in flat])
        self._counted = np.flatnonzero(sizes)  # reduceat knows no empty stretch
        self._starts = (np.cumsum(sizes) - sizes)[self._counted].astype(np.intp)

    def right(self, outcomes: Sequence[Outcome]) -> Array:
        """For each unit whether the outcomes agree with it."""
        fine = np.ones(len(self.units), dtype=bool)
        numbers: list[Array] = [np.empty(0)]
        for k, unit in enumerate(self.units):
            found: list[Array] = []
            if agrees_in_form(unit, outcomes[unit.check], found):
                numbers += found
            else:
                fine[k] = False
                numbers.append(unit.unknown)
        if len(self._counted):
            near = close(np.concatenate(numbers), self._right, self._tolerance)
            fine[self._counted] &= np.logical_and.reduceat(near, self._starts)
        return fine


def units_of(checks: Sequence[Check]) -> Iterator[Unit]:
    for number, check in enumerate(checks):
        for part, output in enumerate(check.outputs):
            for gradients, expected in ((False, output), (True, check.gradients[part : part + 1])):
                if not gradients or (expected and expected[0]):
                    wanted = expected[0] if gradients else expected
                    size = sum(item.value.size for item in numbers_in(wanted))
                    yield Unit(number, part, gradients, wanted, len(check.outputs), np.full(size, np.nan))


def agrees_in_form(unit: Unit, outcome: Outcome, numbers: list[Array]) -> bool:
    if unit.gradients:
        row = outcome.gradients[unit.part] if unit.part < len(outcome.gradients) else ()
        return len(row) == len(unit.expected) and all(
            gradient_matches(*pair, numbers) for pair in zip(unit.expected, row, strict=True)
        )
    if outcome.error is not None:
        return False
    if unit.parts == 1:
        return matches(unit.expected, outcome.result, numbers)
    return len(outcome.outputs) == unit.parts and matches(unit.expected, outcome.outputs[unit.part], numbers)


def gradient_matches(expected: Expected, got: Value | None, numbers: list[Array]) -> bool:
    """As `matches`; where nothing flows, the gradient is zero."""
    if got is None:
        numbers.append(np.zeros(expected.value.size))
        return True
    return matches(expected, got, numbers)


def close(got: Array, right: Array, tolerance: Array | float) -> Array:
    """Per element: within the tolerance, the same infinity, or both no number."""
    with np.errstate(invalid="ignore"):
        near: Array = (np.abs(got - right) <= tolerance) | (got == right) | ((got != got) & (right != right))
    return near


def numbers_in(expected: Any) -> Iterator[Expected]:
    """The floating-point values of an expected output, in order."""
    if isinstance(expected, Expected):
        yield expected
    elif isinstance(expected, (list, tuple)):
        for item in expected:
            yield from numbers_in(item)


def matches(expected: Any, got: Any, numbers: list[Array]) -> bool:
    """Whether form and exact values are as expected; floating-point values are added to `numbers`.

    Python's way of saying the same thing differently is accepted: a tuple for a list, an integer tensor for
    nested lists of integers, a tensor of one element for a number.
    """
    if isinstance(expected, Expected):
        if expected.dtype == NUMBER:
            number = as_number(got)
            numbers.append(np.array([number or 0.0]))
            return number is not None
        if not isinstance(got, Value) or got.data is None or got.shape != expected.value.shape:
            return False
        numbers.append(got.data.reshape(-1))
        return got.dtype == expected.dtype or (not expected.dtype and got.data.dtype.kind == "f")
    if isinstance(expected, np.ndarray):
        if not isinstance(got, Value) or got.data is None or got.shape != expected.shape:
            return False
        return same_kind(got.data, expected) and bool((got.data == expected).all())
    got = as_plain(got)
    if isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)) or isinstance(got, Value) or len(got) != len(expected):
            return False
        return all([matches(*pair, numbers) for pair in zip(expected, got, strict=True)])
    return isinstance(got, EXACT) and got == expected


def same_kind(got: Array, expected: Array) -> bool:
    """Whether both hold integers, of whatever size, or both truth values."""
    return (got.dtype.kind == "b") == (expected.dtype.kind == "b") and got.dtype.kind in "iub"


def as_plain(got: Any) -> Any:
    """An integer or boolean tensor as nested lists, or as the number it is."""
    if isinstance(got, Value) and got.data is not None and got.data.dtype.kind in "iub":
        return got.data.tolist()
    return got


def as_number(got: Any) -> float | None:
    if isinstance(got, Value) and got.data is not None and got.data.size == 1 and got.data.dtype.kind != "b":
        return float(got.data.item())
    return float(got) if isinstance(got, (int, float)) and not isinstance(got, bool) else None
