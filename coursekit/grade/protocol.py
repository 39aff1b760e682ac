"""How judge and worker talk: frames of bytes over a pipe, without pickle; what arrives is checked first.

A frame is its length (8 bytes) and that many bytes. A message is one frame: a JSON text that refers to
tensors by number, and the tensors as dtype, shape and raw values, all little-endian::

    4 bytes  length of the JSON text
    JSON     {"...": ..., "tensor": 0}
    per tensor: 1 byte dtype, 1 byte number of axes, 4 bytes per axis, the values
"""

from __future__ import annotations

import json
import math
import struct
from typing import IO, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from coursekit.grade.calls import MAX_TEXT, Call, Error, Outcome, Value

MAX_FRAME = 64 * 2**20
MAX_JSON = 4 * 2**20
MAX_TENSORS = 20_000
MAX_AXES = 16
DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 2: np.dtype("<f8")}
CODES = {torch.float32: 1, torch.float64: 2}
FRAME_LENGTH = struct.Struct("<Q")
JSON_LENGTH = struct.Struct("<I")
TENSOR_HEAD = struct.Struct("<BB")


class ProtocolError(ValueError):
    """The other side sent something that is no message."""


def write_frame(stream: IO[bytes], body: bytes) -> None:
    stream.write(FRAME_LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None at the end; a ProtocolError if the stream ends early or announces too much."""
    head = stream.read(FRAME_LENGTH.size)
    if not head:
        return None
    if len(head) < FRAME_LENGTH.size:
        raise ProtocolError("the stream ended inside a frame")
    (length,) = FRAME_LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise ProtocolError(f"a frame of {length} bytes, at most {MAX_FRAME} are read")
    body = stream.read(length)
    if len(body) < length:
        raise ProtocolError("the stream ended inside a frame")
    return body


# Messages


def encode(content: Any, tensors: list[Tensor]) -> bytes:
    text = json.dumps(content).encode()
    chunks = [JSON_LENGTH.pack(len(text)), text]
    for tensor in tensors:
        code = CODES[tensor.dtype]
        chunks.append(TENSOR_HEAD.pack(code, tensor.ndim) + struct.pack(f"<{tensor.ndim}I", *tensor.shape))
        chunks.append(tensor.detach().numpy().astype(DTYPES[code], copy=False).tobytes())
    return b"".join(chunks)


def decode(body: bytes) -> tuple[Any, list[Tensor]]:
    """The content and tensors of a message; a ProtocolError for anything else."""
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        if count > len(body) - position:
            raise ProtocolError(f"a message that announces {count} more bytes and has {len(body) - position}")
        position += count
        return body[position - count : position]

    (length,) = JSON_LENGTH.unpack(take(JSON_LENGTH.size))
    if length > MAX_JSON:
        raise ProtocolError(f"a text of {length} bytes, at most {MAX_JSON} are read")
    try:
        content = json.loads(take(length))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a text that is no JSON ({type(error).__name__})") from None
    tensors: list[Tensor] = []
    while position < len(body):
        code, axes = TENSOR_HEAD.unpack(take(TENSOR_HEAD.size))
        if code not in DTYPES or axes > MAX_AXES or len(tensors) == MAX_TENSORS:
            raise ProtocolError(f"tensor {len(tensors)} of dtype {code} with {axes} axes")
        shape = struct.unpack(f"<{axes}I", take(4 * axes))
        raw = np.frombuffer(take(math.prod(shape) * DTYPES[code].itemsize), DTYPES[code])
        try:
            tensors.append(torch.from_numpy(raw.astype(DTYPES[code].newbyteorder("="))).reshape(shape))
        except (RuntimeError, ValueError, OverflowError):  # e.g. (0, 2**32 - 1, 2**32 - 1, 2**32 - 1)
            raise ProtocolError(f"a tensor of impossible shape {shape}") from None
    return content, tensors


# Judge to worker: what to run


class Block(NamedTuple):
    """A piece of a submission: one statement, and where it stood."""

    file: str  # how messages call it, e.g. "code cell 2"
    line: int  # its first line there
    source: str


class Task(NamedTuple):
    """Run the blocks, then call a function they define."""

    blocks: tuple[Block, ...]
    function: str
    calls: tuple[Call, ...]
    seconds: float  # wall clock for all of it


def encode_task(task: Task) -> bytes:
    tensors: list[Tensor] = []
    numbers: dict[int, int] = {}  # the same tensor, used in several calls, is sent once

    def number(tensor: Tensor) -> int:
        if id(tensor) not in numbers:
            numbers[id(tensor)] = len(tensors)
            tensors.append(tensor)
        return numbers[id(tensor)]

    calls = [
        {
            "arguments": [number(t) for t in call.arguments],
            "cotangents": [number(t) for t in call.cotangents],
            "elsewhere": call.elsewhere,
        }
        for call in task.calls
    ]
    content = {"blocks": task.blocks, "function": task.function, "calls": calls, "seconds": task.seconds}
    return encode(content, tensors)


def decode_task(body: bytes) -> Task:
    content, tensors = decode(body)
    calls = (
        Call(
            tuple(tensors[number] for number in call["arguments"]),
            tuple(tensors[number] for number in call["cotangents"]),
            call["elsewhere"],
        )
        for call in content["calls"]
    )
    blocks = tuple(Block(*block) for block in content["blocks"])
    return Task(blocks, content["function"], tuple(calls), content["seconds"])


# Worker to judge: what came back. A process that ran a student's code wrote it, so nothing in it is trusted.


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
            raise ProtocolError("something else where a text should be")
        return item[:MAX_TEXT]

    def whole(item: Any, end: int) -> int:
        if not isinstance(item, int) or not 0 <= item < end:
            raise ProtocolError("something else where a number should be")
        return item

    def each(item: Any, length: int | None = None) -> list[Any]:
        if not isinstance(item, list) or length not in (None, len(item)):
            raise ProtocolError("something else where a list should be")
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
            raise ProtocolError("something else where the outcome of a call should be")
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
