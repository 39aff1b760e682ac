"""How an answer differs from the right one, in words: where, in which shape, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np

from coursekit.grade.calls import Array, Value
from coursekit.grade.compare import EXACT, as_number, as_plain, close, matches
from coursekit.grade.expected import NUMBER, Expected

SLIGHTLY = 1e-4  # a relative error that looks like rounding
MAX_SHOWN = 60  # characters of an item


def agree(expected: Any, got: Any) -> bool:
    """Whether an output is right."""
    numbers: list[Array] = []
    if not matches(expected, got, numbers):
        return False
    flat = [item for item in flattened(expected) if isinstance(item, Expected)]
    pairs = zip(flat, numbers, strict=True)
    return all(close(found, right.value.reshape(-1), right.tolerance).all() for right, found in pairs)


def flattened(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)) and not isinstance(value, (Value, Expected)):
        return [item for child in value for item in flattened(child)]
    return [value]


def output_fault(expected: Any, got: Any, blocks: tuple[str, ...] = ()) -> str:
    """What is wrong with an output, as the end of a sentence about it; `blocks` as in `Part`."""
    if isinstance(expected, Expected):
        return (
            number_fault(expected, got) if expected.dtype == NUMBER else tensor_fault(expected, got, blocks)
        )
    if isinstance(expected, np.ndarray):
        return exact_tensor_fault(expected, got)
    got = as_plain(got)
    if not isinstance(expected, (list, tuple)):
        if isinstance(got, EXACT):
            return f"is {shown(got)} and should be {shown(expected)}"
        return f"should be {shown(expected)}, not {kind(got)}"
    if not isinstance(got, (list, tuple)) or isinstance(got, Value):
        return f"should be a {'list' if isinstance(expected, list) else 'tuple'}, not {kind(got)}"
    if len(got) != len(expected):
        return f"has {items(len(got))} and should have {len(expected)}"
    wrong = [k for k in range(len(got)) if not agree(expected[k], got[k])]
    count = "" if len(got) == 1 else f"{len(wrong)} of {len(got)} items differ; "
    return f"differs: {count}the item at {wrong[0]} {output_fault(expected[wrong[0]], got[wrong[0]])}"


def tensor_fault(expected: Expected, got: Any, blocks: tuple[str, ...]) -> str:
    if not isinstance(got, Value) or got.type != "Tensor":
        return f"should be a tensor, not {kind(got)}"
    if expected.dtype and got.dtype != expected.dtype:
        return f"has dtype {got.dtype}; for {expected.dtype} inputs it should be {expected.dtype}"
    if got.shape != expected.value.shape:
        return f"has shape {got.shape} and should have {expected.value.shape}"
    if got.data is None or got.data.dtype.kind != "f":
        return f"has dtype {got.dtype}; it should be a floating-point tensor on the CPU"
    return difference(got.data, expected, blocks)


def number_fault(expected: Expected, got: Any) -> str:
    number = as_number(got)
    if number is None:
        return f"should be a number, not {kind(got)}"
    right = float(expected.value)
    if abs(right) <= expected.tolerance or not np.isfinite([number, right]).all():
        return f"is {number:.3g} and should be {right:.3g}"
    if abs(number - right) < SLIGHTLY * abs(right):
        return f"is off by {abs(number - right):.1g}: is something computed in a lower precision on the way?"
    return f"is {number / right:.3g} times what it should be"


def exact_tensor_fault(expected: Array, got: Any) -> str:
    name = "True and False" if expected.dtype.kind == "b" else "integers"
    if not isinstance(got, Value) or got.type != "Tensor":
        return f"should be a tensor of {name}, not {kind(got)}"
    if (
        got.data is None
        or (got.data.dtype.kind == "b") != (expected.dtype.kind == "b")
        or got.data.dtype.kind == "f"
    ):
        return f"has dtype {got.dtype} and should hold {name}"
    if got.shape != expected.shape:
        return f"has shape {got.shape} and should have {expected.shape}"
    wrong = got.data != expected
    place = position(wrong)
    count = f"{int(wrong.sum())} of {wrong.size} elements differ"
    first = f"the first, at {list(place)}, is {got.data[place]} and should be {expected[place]}"
    return f"has shape {got.shape}; {count}, {first}"


def difference(got: Array, expected: Expected, blocks: tuple[str, ...] = ()) -> str:
    """How floating-point values of the right shape differ, as the end of a sentence about them."""
    if not got.shape:
        return number_fault(expected, got.item())
    right, shape = expected.value, got.shape
    wrong = ~close(got, right, expected.tolerance)
    odd = wrong & ~(np.isfinite(got) & np.isfinite(right))
    if odd.any():
        place = position(odd)
        should = "" if np.isfinite(right[place]) else f" and should be {right[place]}"
        return f"has shape {shape} and is {got[place]} at {list(place)}{should}"
    gaps = np.where(wrong, np.abs(got.astype(np.float64) - right, where=wrong, out=np.zeros(shape)), -1.0)
    place = position(gaps == gaps.max())
    if abs(right[place]) <= expected.tolerance:
        worst = f"is {got[place]:.3g} and should be 0"
    elif gaps.max() < SLIGHTLY * abs(right[place]):
        worst = f"only by {gaps.max():.1g}: is something computed in a lower precision on the way?"
    else:
        ratio = float(got[place] / right[place])
        if wrong.size > 1 and close(got, ratio * right, expected.tolerance * max(1.0, abs(ratio))).all():
            return f"has shape {shape}, and every element is {ratio:.3g} times what it should be"
        worst = f"is {ratio:.3g} times what it should be"
    count = f"{int(wrong.sum())} of {wrong.size} elements differ{rows_of(wrong, blocks)}"
    return f"has shape {shape}; {count}, the worst, at {list(place)}, {worst}"


def position(mask: Array) -> tuple[int, ...]:
    """The index of the first True."""
    return tuple(int(k) for k in np.argwhere(mask)[0])


def rows_of(wrong: Array, blocks: tuple[str, ...]) -> str:
    """Where only some of the blocks of rows are wrong: which."""
    if not blocks:
        return ""
    names = [
        name for name, rows in zip(blocks, np.array_split(wrong, len(blocks)), strict=True) if rows.any()
    ]
    return "" if len(names) == len(blocks) else f" (only in the rows of {' and '.join(names)})"


def kind(got: Any) -> str:
    """What something is, e.g. "None" or "tuple of 2"."""
    if isinstance(got, Value):
        return got.type if got.type != "Tensor" else f"a tensor of shape {got.shape}"
    if got is None or isinstance(got, (bool, int, float, str)):
        return "None" if got is None else f"{type(got).__name__} {shown(got)}"
    return f"{type(got).__name__} of {len(got)}"


def shown(item: Any) -> str:
    text = repr(item)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def items(count: int) -> str:
    return f"{count} item{'s' * (count != 1)}"
