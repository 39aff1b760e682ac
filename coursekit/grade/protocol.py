"""How judge and worker talk.

The judge gives orders to the worker's parent over a socket: an order is one byte, the length of what belongs
to it (8 bytes) and that many bytes, together with descriptors. The submission and its answer go past the
parent, between the judge and the child that runs it, as frames: a length (8 bytes) and that many bytes.
"""

from __future__ import annotations

import enum
import hashlib
import json
import socket
import struct
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from coursekit.grade.calls import Call

MAX_FRAME = 64 * 2**20
FRAME_LENGTH = struct.Struct("<Q")
ORDER = struct.Struct("<BQ")
MAX_TASKS = 32  # of a submission, for one child
MAX_DESCRIPTORS = MAX_TASKS + 2


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


class Order(enum.IntEnum):
    READY = 1  # from the worker: at which level it locks its children in
    QUESTIONS = 2  # to the worker: a key, and the calls it stands for
    RUN = 3  # to the worker: seconds, and a key per task; descriptors of submission, answers, prints of each
    STOP = 4  # to the worker: end what runs
    ENDED = 5  # from the worker: how it ended


class Message(NamedTuple):
    order: Order
    body: bytes
    descriptors: list[int]


def send(to: socket.socket, order: Order, body: bytes = b"", descriptors: Sequence[int] = ()) -> None:
    head = ORDER.pack(order, len(body))
    if descriptors:
        socket.send_fds(to, [head], descriptors)
    else:
        to.sendall(head)
    to.sendall(body)


def receive(source: socket.socket) -> Message | None:
    """The next order, or None at the end; a ProtocolError if the stream ends early or announces too much."""
    head, descriptors, _, _ = socket.recv_fds(source, ORDER.size, MAX_DESCRIPTORS)
    if not head:
        return None
    head += receive_exactly(source, ORDER.size - len(head))
    number, length = ORDER.unpack(head)
    if number not in list(Order) or length > MAX_FRAME:
        raise ProtocolError(f"order {number} with {length} bytes")
    return Message(Order(number), receive_exactly(source, length), descriptors)


def receive_exactly(source: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        piece = source.recv(min(length - len(received), 2**20))
        if not piece:
            raise ProtocolError("the stream ended inside an order")
        received += piece
    return bytes(received)


class Block(NamedTuple):
    """A piece of a submission: one statement, and where it stood."""

    file: str  # how messages call it, e.g. "code cell 2"
    line: int  # its first line there
    source: str


class Questions(NamedTuple):
    """The calls of an exam as bytes. They are the same for all submissions, so a worker gets them once."""

    key: str  # names them
    body: bytes

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Questions:
        from coursekit.grade.encoding import encode_calls  # it loads torch

        body = encode_calls(calls)
        return cls(hashlib.sha256(body).hexdigest(), body)


class Task(NamedTuple):
    """Run the blocks, then call a function they define."""

    blocks: tuple[Block, ...]
    function: str
    questions: Questions
    seconds: float  # wall clock for all of it


def encode_source(tasks: Sequence[Task]) -> bytes:
    return json.dumps([(task.blocks, task.function) for task in tasks]).encode()


def decode_source(body: bytes) -> list[tuple[tuple[Block, ...], str]]:
    return [(tuple(Block(*block) for block in blocks), function) for blocks, function in json.loads(body)]
