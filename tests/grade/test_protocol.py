"""Frames and orders: what was sent arrives whole, and what ends early or announces too much is refused."""

from __future__ import annotations

import io
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from coursekit.grade import protocol
from coursekit.grade.calls import Call
from coursekit.grade.protocol import Block, Order, ProtocolError, Questions, Task


def test_frames_end_where_they_say() -> None:
    stream = io.BytesIO()
    protocol.write_frame(stream, b"abc")
    protocol.write_frame(stream, b"")
    stream.seek(0)
    assert [protocol.read_frame(stream) for _ in range(3)] == [b"abc", b"", None]


@pytest.mark.parametrize("raw", [b"\x01", struct.pack("<Q", 5) + b"abc", struct.pack("<Q", 2**63)])
def test_a_broken_frame_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.read_frame(io.BytesIO(raw))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(10)
        yield here, there


def test_orders_arrive_with_their_descriptors(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    read, write = os.pipe()
    protocol.send(here, Order.QUESTIONS, b"calls")
    protocol.send(here, Order.RUN, b"", [write])
    here.close()
    assert protocol.receive(there) == (Order.QUESTIONS, b"calls", [])
    message = protocol.receive(there)
    assert message is not None and message[:2] == (Order.RUN, b"")
    (passed,) = message.descriptors
    os.write(passed, b"through")
    assert os.read(read, 10) == b"through"
    assert protocol.receive(there) is None
    for descriptor in (read, write, passed):
        os.close(descriptor)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x01",
        protocol.ORDER.pack(99, 0),  # an order that nobody knows
        protocol.ORDER.pack(Order.RUN, protocol.MAX_FRAME + 1),
        protocol.ORDER.pack(Order.RUN, 5) + b"abc",
    ],
)
def test_a_broken_order_is_refused(raw: bytes, ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    here.sendall(raw)
    here.close()
    with pytest.raises(ProtocolError):
        protocol.receive(there)


def test_a_source_arrives_as_it_was() -> None:
    blocks = (Block("code cell 1", 3, "def f(): ..."), Block("ä.py", 1, "x = 'ä\\n'"))
    tasks = [Task(blocks, "f", Questions("", b""), 1.0), Task(blocks[:1], "g", Questions("", b""), 1.0)]
    assert protocol.decode_source(protocol.encode_source(tasks)) == [(blocks, "f"), (blocks[:1], "g")]


def test_the_same_questions_have_the_same_name_and_others_another() -> None:
    one, same, other = (Questions.of([Call((number,))]) for number in (1, 1, 2))
    assert one == same and one.key != other.key
