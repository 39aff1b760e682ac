"""Values as bytes, without pickle: the arguments of calls and what came back; what arrives is checked first.

A message is a JSON text and the raw values of its tensors, one after the other, little-endian::

    4 bytes  length of the JSON text
    JSON     {"tensors": [[dtype, *shape], ...], "content": ...}
    values   of each tensor, in C order

In the content a value is a JSON scalar, a list, or one of {"tuple": [...]}, {"tensor": number, "graph": bool}
and, for what has no values to send, {"value": [type, dtype, shape, device, graph]}.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coursekit.grade.calls import (
    MAX_DEPTH,
    MAX_INT,
    MAX_ITEMS,
    MAX_TEXT,
    NUMPY,
    Array,
    Call,
    Error,
    Outcome,
    Value,
)

MAX_JSON = 4 * 2**20
MAX_TENSORS = 20_000
MAX_AXES = 16
JSON_LENGTH = struct.Struct("<I")
DTYPES = {name: np.dtype(name).newbyteorder("<") for name in NUMPY.values()}
NAMES = {dtype: name for name in DTYPES for dtype in (np.dtype(name), DTYPES[name])}  # `.name` takes 10 us


class EncodingError(ValueError):
    """The other side sent something that is no message."""


def encode(content: Any, arrays: Sequence[Array] = ()) -> bytes:
    names = [NAMES[array.dtype] for array in arrays]
    table = [[name, *array.shape] for name, array in zip(names, arrays, strict=True)]
    text = json.dumps({"tensors": table, "content": content}).encode()
    values = [a.astype(DTYPES[name], copy=False).tobytes() for name, a in zip(names, arrays, strict=True)]
    return b"".join([JSON_LENGTH.pack(len(text)), text, *values])


def decode(body: bytes) -> tuple[Any, list[Array]]:
    """The content and tensors of a message; an EncodingError for anything else."""
    length = JSON_LENGTH.unpack_from(body)[0] if len(body) >= JSON_LENGTH.size else 0
    position = JSON_LENGTH.size + length
    if not 0 < length <= MAX_JSON or position > len(body):
        raise EncodingError(
            f"{len(body)} bytes that announce a text of {length}, at most {MAX_JSON} are read"
        )
    try:
        message = json.loads(body[JSON_LENGTH.size : position])
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"a text that is no JSON ({type(error).__name__})") from None
    if not isinstance(message, dict) or message.keys() != {"tensors", "content"}:
        raise EncodingError("a text without tensors and content")
    arrays: list[Array] = []
    for entry in each(message["tensors"], MAX_TENSORS):
        name, *shape = each(entry, MAX_AXES + 1) or [None]
        dtype = DTYPES.get(name) if isinstance(name, str) else None
        if dtype is None or any(type(size) is not int or not 0 <= size < MAX_INT for size in shape):
            raise EncodingError(f"tensor {len(arrays)} of no dtype or shape that is known")
        size = math.prod(shape) * dtype.itemsize
        if size > len(body) - position:
            raise EncodingError(f"{len(body) - position} bytes for a tensor of {size}")
        try:
            arrays.append(np.ndarray(shape, dtype, body, position) if size else np.zeros(shape, dtype))
        except ValueError:  # e.g. (0, 2**62, 2**62)
            raise EncodingError("a tensor of impossible shape") from None
        position += size
    if position != len(body):
        raise EncodingError(f"{len(body) - position} bytes after the last tensor")
    return message["content"], arrays


# What the content of a message may be made of


def each(item: Any, most: int = MAX_ITEMS) -> list[Any]:
    if not isinstance(item, list) or len(item) > most:
        raise EncodingError(f"something else where a list of at most {most} should be")
    return item


def fields(item: Any, count: int) -> list[Any]:
    if len(each(item)) != count:
        raise EncodingError(f"{len(item)} fields where {count} should be")
    return each(item)


def text(item: Any) -> str:
    if not isinstance(item, str):
        raise EncodingError("something else where a text should be")
    return item[:MAX_TEXT]


def whole(item: Any, end: int = MAX_INT) -> int:
    if type(item) is not int or not 0 <= item < end:
        raise EncodingError("something else where a number should be")
    return item


def truth(item: Any) -> bool:
    if not isinstance(item, bool):
        raise EncodingError("something else where true or false should be")
    return item


# Nested values


def pack(value: Any, tensor: Callable[[Any], Any]) -> Any:
    """A value as JSON; `tensor` packs what is neither plain nor a list or tuple."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [pack(item, tensor) for item in value]
    if isinstance(value, tuple) and not isinstance(value, Value):
        return {"tuple": [pack(item, tensor) for item in value]}
    return tensor(value)


def unpack(item: Any, tensor: Callable[[dict[str, Any]], Any], depth: int = 0) -> Any:
    """What `pack` packed; `tensor` unpacks every dictionary that is no tuple."""
    if item is None or isinstance(item, (bool, float)):
        return item
    if isinstance(item, str):
        return item[:MAX_TEXT]
    if isinstance(item, int):
        if not -MAX_INT <= item < MAX_INT:
            raise EncodingError("a number of more than 64 bits")
        return item
    if depth > MAX_DEPTH:
        raise EncodingError(f"lists more than {MAX_DEPTH} deep")
    if isinstance(item, list):
        return [unpack(child, tensor, depth + 1) for child in item]
    if item.keys() == {"tuple"}:
        return tuple(unpack(child, tensor, depth + 1) for child in each(item["tuple"]))
    return tensor(item)


# What a function is called with: the judge wrote it


def encode_calls(calls: Sequence[Call]) -> bytes:
    arrays: list[Array] = []
    numbers: dict[int, int] = {}  # the same tensor, used in several calls, is sent once

    def number(tensor: Tensor) -> dict[str, int]:
        if id(tensor) not in numbers:
            numbers[id(tensor)] = len(arrays)
            arrays.append(tensor.detach().contiguous().numpy())
        return {"tensor": numbers[id(tensor)]}

    def packed(call: Call) -> dict[str, Any]:
        parts = ("arguments", "cotangents", "wanted", "forbidden")
        content = call._asdict() | {name: pack(getattr(call, name), number) for name in parts}
        return content | {"keywords": {name: pack(value, number) for name, value in call.keywords.items()}}

    return encode([packed(call) for call in calls], arrays)


def decode_calls(body: bytes) -> tuple[Call, ...]:
    content, arrays = decode(body)
    tensors = [torch.from_numpy(array.copy()) for array in arrays]

    def unpacked(item: Any) -> Any:
        return unpack(item, lambda found: tensors[found["tensor"]])

    def call(item: dict[str, Any]) -> Call:
        keywords = {name: unpacked(value) for name, value in item["keywords"].items()}
        values = {name: unpacked(value) for name, value in item.items() if name != "keywords"}
        return Call(**values, keywords=keywords)

    return tuple(call(item) for item in content)


# What came back. A process that ran a student's code wrote it, so nothing in it is trusted.


def encode_outcomes(outcomes: list[Outcome]) -> bytes:
    arrays: list[Array] = []

    def value(item: Value) -> dict[str, Any]:
        if item.data is None:
            return {"value": item[:-1]}
        arrays.append(item.data)
        return {"tensor": len(arrays) - 1, "graph": item.graph}

    content = [
        [
            pack(outcome.result, value),
            [[None if item is None else value(item) for item in row] for row in outcome.gradients],
            outcome.changed,
            outcome.error,
            outcome.reached,
        ]
        for outcome in outcomes
    ]
    return encode(content, arrays)


def decode_outcomes(body: bytes) -> list[Outcome]:
    content, arrays = decode(body)

    def value(item: Any) -> Value:
        if not isinstance(item, dict):
            raise EncodingError("something else where a tensor should be")
        if item.keys() == {"value"}:
            kind, dtype, shape, device, graph = fields(item["value"], 5)
            sizes = tuple(whole(size) for size in each(shape))
            return Value(text(kind), text(dtype), sizes, text(device), truth(graph))
        if item.keys() != {"tensor", "graph"}:
            raise EncodingError("something else where a value should be")
        data = arrays[whole(item["tensor"], len(arrays))]
        if data.dtype == bool:
            data = data.view(np.uint8) != 0  # a byte of 2 is neither
        return Value("Tensor", NAMES[data.dtype], data.shape, "cpu", truth(item["graph"]), data)

    def outcome(item: Any) -> Outcome:
        result, gradients, changed, error, reached = fields(item, len(Outcome._fields))
        rows = [each(row) for row in each(gradients)]
        return Outcome(
            unpack(result, value),
            tuple(tuple(None if gradient is None else value(gradient) for gradient in row) for row in rows),
            tuple(whole(number) for number in each(changed)),
            None if error is None else described(error),
            text(reached),
        )

    def described(item: Any) -> Error:
        kind, message, where, kinds = fields(item, len(Error._fields))
        return Error(text(kind), text(message), text(where), tuple(text(name) for name in each(kinds)))

    return [outcome(item) for item in each(content)]
