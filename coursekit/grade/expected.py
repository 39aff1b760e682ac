"""A question and its right answer, with how far off an answer may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from coursekit.grade.calls import Array, Call
from coursekit.grade.exercise import Case

FLOOR = 1e-8  # tolerance in float64, relative to the largest value or to 1
FACTOR = 16  # how many times what rounding does to the reference is still accepted in float32
EPS = torch.finfo(torch.float32).eps
NUMBER = "number"


class Expected(NamedTuple):
    """Right floating-point values, in float64, and how far each may be off."""

    value: Array
    tolerance: float
    dtype: str  # "float64" or "float32"; "" for a tensor of either; NUMBER for a Python number


class Check(NamedTuple):
    """One call and its right answer.

    An output is an `Expected`, an integer or boolean array, None, a bool, int or string, or lists and tuples
    of these.
    """

    case: Case
    call: Call
    dtype: str
    outputs: tuple[Any, ...] = ()  # per part
    gradients: tuple[tuple[Expected, ...], ...] = ()  # per part and wanted tensor
    raises: str = ""  # the right answer is this exception
    wanted: tuple[str, ...] = ()  # the arguments, as a sentence calls them, that gradients are for
    aspect: str = ""  # what a mistake shows in here: "values", "gradients", "extremes" or "float32"
    repeats: bool = False  # asked before: right then and wrong now means that something was kept


class Undecided(Exception):
    """Rounding to float32 decides the answer to a case, so that it is no question in float32."""


def expected(right: Any, shaken: Sequence[Any], dtype: str) -> Any:
    """An output as checks hold it, from the right answer and what rounding may make of it."""
    if isinstance(right, (list, tuple)):
        if any(len(other) != len(right) for other in shaken):
            raise Undecided
        items = (expected(item, others, dtype) for item, *others in zip(right, *shaken, strict=True))
        return list(items) if isinstance(right, list) else tuple(items)
    number = isinstance(right, float)
    if number or (isinstance(right, Tensor) and right.is_floating_point()):
        value = np.asarray(right) if number else right.detach().double().numpy()
        gaps = [error(value, np.asarray(other) if number else other.double().numpy()) for other in shaken]
        rounding = FLOOR if dtype == "float64" else FACTOR * EPS
        tolerance = max([rounding * largest(value), *(FACTOR * gap for gap in gaps)])
        return Expected(value, tolerance, NUMBER if number else dtype)
    if isinstance(right, Tensor):
        if any(not torch.equal(right, other) for other in shaken):
            raise Undecided
        return right.numpy()
    if any(other != right for other in shaken):
        raise Undecided
    return right


def largest(value: Array) -> float:
    """The largest finite magnitude, but at least 1."""
    return float(np.abs(value[np.isfinite(value)]).max(initial=1.0))


def error(right: Array, other: Array) -> float:
    """The largest difference; Undecided where one of them overflows and the other does not."""
    finite = np.isfinite(right)
    if right.shape != other.shape or not np.array_equal(right[~finite], other[~finite], equal_nan=True):
        raise Undecided
    if not np.isfinite(other[finite]).all():
        raise Undecided
    return float(np.abs(right[finite] - other[finite]).max(initial=0.0))
