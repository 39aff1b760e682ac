"""Values as bytes, without pickle: the arguments of calls and what came back; what arrives is checked first.

A message is a JSON text that refers to tensors by number, and the tensors as dtype, shape and raw values,
all little-endian::

    4 bytes  length of the JSON text
    JSON     {"...": ..., "tensor": 0}
    per tensor: 1 byte dtype, 1 byte number of axes, 4 bytes per axis, the values
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coursekit.grade.calls import MAX_TEXT, Call, Error, Outcome, Value

MAX_JSON = 4 * 2**20
MAX_TENSORS = 20_000
MAX_AXES = 16
DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 2: np.dtype("<f8")}
CODES = {torch.float32: 1, torch.float64: 2}
JSON_LENGTH = struct.Struct("<I")
TENSOR_HEAD = struct.Struct("<BB")


class EncodingError(ValueError):
    """The other side sent something that is no message."""


def encode(content: Any, tensors: list[Tensor]) -> bytes:
    text = json.dumps(content).encode()
    chunks = [JSON_LENGTH.pack(len(text)), text]
    for tensor in tensors:
        code = CODES[tensor.dtype]
        chunks.append(TENSOR_HEAD.pack(code, tensor.ndim) + struct.pack(f"<{tensor.ndim}I", *tensor.shape))
        chunks.append(tensor.detach().numpy().astype(DTYPES[code], copy=False).tobytes())
    return b"".join(chunks)


def decode(body: bytes) -> tuple[Any, list[Tensor]]:
    """The content and tensors of a message; an EncodingError for anything else."""
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        if count > len(body) - position:
            raise EncodingError(f"a message that announces {count} more bytes and has {len(body) - position}")
        position += count
        return body[position - count : position]

    (length,) = JSON_LENGTH.unpack(take(JSON_LENGTH.size))
    if length > MAX_JSON:
        raise EncodingError(f"a text of {length} bytes, at most {MAX_JSON} are read")
    try:
        content = json.loads(take(length))
    except (ValueError, RecursionError) as error:
        raise EncodingError(f"a text that is no JSON ({type(error).__name__})") from None
    tensors: list[Tensor] = []
    while position < len(body):
        code, axes = TENSOR_HEAD.unpack(take(TENSOR_HEAD.size))
        if code not in DTYPES or axes > MAX_AXES or len(tensors) == MAX_TENSORS:
            raise EncodingError(f"tensor {len(tensors)} of dtype {code} with {axes} axes")
        shape = struct.unpack(f"<{axes}I", take(4 * axes))
        raw = np.frombuffer(take(math.prod(shape) * DTYPES[code].itemsize), DTYPES[code])
        try:
            tensors.append(torch.from_numpy(raw.astype(DTYPES[code].newbyteorder("="))).reshape(shape))
        except (RuntimeError, ValueError, OverflowError):  # e.g. (0, 2**32 - 1, 2**32 - 1, 2**32 - 1)
            raise EncodingError(f"a tensor of impossible shape {shape}") from None
    return content, tensors


# What a function is called with: the judge wrote it


def encode_calls(calls: Sequence[Call]) -> bytes:
    tensors: list[Tensor] = []
    numbers: dict[int, int] = {}  # the same tensor, used in several calls, is sent once

    def number(tensor: Tensor) -> int:
        if id(tensor) not in numbers:
            numbers[id(tensor)] = len(tensors)
            tensors.append(tensor)
        return numbers[id(tensor)]

    content = [
        {
            "arguments": [number(t) for t in call.arguments],
            "cotangents": [number(t) for t in call.cotangents],
            "elsewhere": call.elsewhere,
        }
        for call in calls
    ]
    return encode(content, tensors)


def decode_calls(body: bytes) -> tuple[Call, ...]:
    content, tensors = decode(body)
    return tuple(
        Call(
            tuple(tensors[number] for number in call["arguments"]),
            tuple(tensors[number] for number in call["cotangents"]),
            call["elsewhere"],
        )
        for call in content
    )


# What came back. A process that ran a student's code wrote it, so nothing in it is trusted.


def encode_outcomes(outcomes: list[Outcome]) -> bytes:
    tensors: list[Tensor] = []

    def value(item: Value | None) -> Any:
        if item is None or item.data is None:
            return None if item is None else [item.type, item.dtype, item.shape, item.device]
        tensors.append(item.data)
        return len(tensors) - 1

    content = [
        {
            "returned": outcome.returned,
            "outputs": [value(item) for item in outcome.outputs],
            "gradients": [[value(item) for item in row] for row in outcome.gradients],
            "changed": outcome.changed,
            "error": outcome.error,
        }
        for outcome in outcomes
    ]
    return encode(content, tensors)


def decode_outcomes(body: bytes) -> list[Outcome]:
    content, tensors = decode(body)

    def text(item: Any) -> str:
        if not isinstance(item, str):
            raise EncodingError("something else where a text should be")
        return item[:MAX_TEXT]

    def whole(item: Any, end: int) -> int:
        if not isinstance(item, int) or not 0 <= item < end:
            raise EncodingError("something else where a number should be")
        return item

    def each(item: Any, length: int | None = None) -> list[Any]:
        if not isinstance(item, list) or length not in (None, len(item)):
            raise EncodingError("something else where a list should be")
        return item

    def value(item: Any) -> Value:
        if isinstance(item, list):
            type_name, dtype, shape, device = each(item, 4)
            sizes = tuple(whole(size, 2**63) for size in each(shape))
            return Value(text(type_name), text(dtype), sizes, text(device))
        data = tensors[whole(item, len(tensors))]
        return Value("Tensor", str(data.dtype).removeprefix("torch."), tuple(data.shape), "cpu", data)

    def outcome(item: Any) -> Outcome:
        if not isinstance(item, dict) or item.keys() != set(Outcome._fields):
            raise EncodingError("something else where the outcome of a call should be")
        rows = [each(row) for row in each(item["gradients"])]
        error = item["error"]
        return Outcome(
            text(item["returned"]),
            tuple(value(output) for output in each(item["outputs"])),
            tuple(tuple(None if gradient is None else value(gradient) for gradient in row) for row in rows),
            tuple(whole(number, MAX_TENSORS) for number in each(item["changed"])),
            None if error is None else Error(*(text(field) for field in each(error, 3))),
        )

    return [outcome(item) for item in each(content)]
