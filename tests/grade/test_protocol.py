"""Bytes between judge and worker: what one side says the other understands, and nothing else gets through."""

from __future__ import annotations

import io
import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.grade import protocol
from coursekit.grade.calls import Call, Error, Outcome, Value, perform
from coursekit.grade.protocol import Block, ProtocolError, Task

TENSORS = [
    torch.tensor([[1.5, -2.0]], dtype=torch.float64),
    torch.tensor([float("nan"), float("inf"), -0.0]),
    torch.zeros(0, 3),
    torch.tensor(3.0, dtype=torch.float64),
    torch.arange(12.0).reshape(3, 4).T,
]


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.nan_to_num(7), b.nan_to_num(7))


def message(text: bytes, rest: bytes = b"") -> bytes:
    return struct.pack("<I", len(text)) + text + rest


def test_tensors_arrive_as_they_were() -> None:
    content, tensors = protocol.decode(protocol.encode({"a": [1, "ä"]}, TENSORS))
    assert content == {"a": [1, "ä"]}
    assert all(same(a, b) for a, b in zip(TENSORS, tensors, strict=True))


def test_a_task_arrives_and_a_tensor_used_twice_travels_once() -> None:
    x = TENSORS[0]
    task = Task(
        (Block("code cell 1", 3, "def f(): ..."),), "f", (Call((x,), (x,)), Call((x,), elsewhere=True)), 2.5
    )
    body = protocol.encode_task(task)
    again = protocol.decode_task(body)
    assert again._replace(calls=()) == task._replace(calls=())
    assert [call.elsewhere for call in again.calls] == [False, True]
    assert same(again.calls[0].cotangents[0], x)
    assert body.count(x.numpy().tobytes()) == 1


def test_outcomes_arrive_as_they_were() -> None:
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    outcomes = [
        perform(lambda a: (a * 2, a.detach(), a.half(), 3), Call((x,), (x, x, x, x)), {}),
        Outcome(error=Error("ValueError", "no", "code cell 2, line 4")),
        Outcome("tuple of 1", (Value("Tensor", "float64", (2,), "meta"),), changed=(0,)),
    ]
    for before, after in zip(
        outcomes, protocol.decode_outcomes(protocol.encode_outcomes(outcomes)), strict=True
    ):
        assert (after.returned, after.changed, after.error) == (before.returned, before.changed, before.error)
        assert [value._replace(data=None) for value in after.outputs] == [
            value._replace(data=None) for value in before.outputs
        ]
        assert [[g is None for g in row] for row in after.gradients] == [
            [g is None for g in row] for row in before.gradients
        ]
    assert [value.dtype for value in outcomes[0].outputs] == ["float64", "float64", "float16", ""]
    assert outcomes[0].gradients[1] == (None,) and outcomes[0].gradients[2] == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x05\x00\x00\x00[]",
        message(b"not json"),
        message(b"[" * 100_000),
        message(b"[" + b"9" * 10_000 + b"]"),
        message(b'"\xff"'),
        struct.pack("<I", protocol.MAX_JSON + 1) + b"[]".rjust(protocol.MAX_JSON + 1),
        message(b"[]", b"\x01"),
        message(b"[]", struct.pack("<BBI", 1, 1, 1000)),  # announces 1000 values and brings none
        message(b"[]", struct.pack("<BBI", 3, 1, 0)),  # a dtype that nobody agreed on
        message(b"[]", struct.pack("<BB17I", 1, 17, *[1] * 17)),
        message(b"[]", struct.pack("<BB4I", 1, 4, 0, *[2**32 - 1] * 3)),
        message(b"[]", struct.pack("<BB3I", 2, 3, *[2**32 - 1] * 3)),
        message(b"[]", struct.pack("<BBf", 1, 0, 1.0) * (protocol.MAX_TENSORS + 1)),
    ],
    ids=range(14),
)
def test_a_lying_message_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.decode(body)


def test_a_message_cut_anywhere_is_refused_or_shorter() -> None:
    whole = protocol.encode({"a": 1}, TENSORS[:2])
    for end in range(len(whole)):
        try:
            _, tensors = protocol.decode(whole[:end])
        except ProtocolError:
            continue
        assert len(tensors) < 2


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_get_further_than_a_protocol_error(body: bytes) -> None:
    for decode in (protocol.decode, protocol.decode_outcomes):
        for attempt in (body, message(b"[]", body), message(body)):
            try:
                decode(attempt)
            except ProtocolError:
                pass


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(
                st.sampled_from(["returned", "outputs", "gradients", "changed", "error"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_random_json_is_an_outcome_or_a_protocol_error(content: object) -> None:
    honest = {"returned": "", "outputs": [], "gradients": [], "changed": [], "error": None}
    candidates = [content, [content], [honest | content] if isinstance(content, dict) else [honest]]
    candidates += [[honest | {key: content}] for key in honest]
    for candidate in candidates:
        try:
            outcomes = protocol.decode_outcomes(message(json.dumps(candidate).encode()))
        except ProtocolError:
            continue
        assert all(isinstance(outcome, Outcome) for outcome in outcomes)


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
