"""Values as bytes: what one side says the other understands, and nothing else gets through."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.grade import encoding
from coursekit.grade.calls import MAX_INT, Call, Error, Outcome, Value, perform
from coursekit.grade.encoding import EncodingError

ARRAYS = [
    np.array([[1.5, -2.0]]),
    np.array([np.nan, np.inf, -0.0], dtype=np.float32),
    np.zeros((0, 3)),
    np.array(3.0),
    np.arange(12).reshape(3, 4).T,
    np.array([True, False]),
    np.array([200, 3], dtype=np.uint8),
]


def message(content: object, table: object = (), values: bytes = b"") -> bytes:
    text = json.dumps({"tensors": table, "content": content}).encode()
    return raw(text, values)


def raw(text: bytes, values: bytes = b"") -> bytes:
    return struct.pack("<I", len(text)) + text + values


def test_arrays_arrive_as_they_were() -> None:
    content, arrays = encoding.decode(encoding.encode({"a": [1, "ä"]}, ARRAYS))
    assert content == {"a": [1, "ä"]}
    for before, after in zip(ARRAYS, arrays, strict=True):
        np.testing.assert_array_equal(after, before, strict=True)


ARGUMENTS = (
    torch.tensor([[1.5, -2.0]], dtype=torch.float64),
    torch.tensor([3, 1]),
    torch.tensor([True]),
    None,
    True,
    -7,
    0.1,
    float("nan"),
    "sum",
    [(3, 1), (2, 2)],
    [torch.zeros(2, 0), [torch.ones(())]],
    (),
)


def test_calls_arrive_with_every_kind_of_argument() -> None:
    x = ARGUMENTS[0]
    call = Call(ARGUMENTS, {"p": 0.5, "x": x}, (0,), ((x,), ()), transposed=True, forbidden=("torch.lstm",))
    body = encoding.encode_calls([call, Call((x,))])
    first, second = encoding.decode_calls(body)
    assert repr(first) == repr(call)  # NaN, dtypes and nesting included
    assert torch.equal(second.arguments[0], x) and second == Call(second.arguments)
    assert body.count(x.numpy().tobytes()) == 1  # a tensor used often travels once


def test_outcomes_arrive_as_they_were() -> None:
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)

    def everything(a):
        return a * 2, a.detach(), a.half(), [3, None, True, 0.5, "s", (a.long(),)], {}, 2**70, np.int64(4)

    outcomes = [
        perform(lambda a: (a * 2, a.detach()), Call((x,), wanted=(0,), cotangents=((x,), (x,))), {}),
        perform(everything, Call((x,)), {}),
        Outcome(error=Error("KeyError", "no", "code cell 2, line 4", ("KeyError", "LookupError"))),
        Outcome(Value("Tensor", "float64", (2,), "meta"), changed=(0, 3), reached="torch.lstm (line 2)"),
    ]
    again = encoding.decode_outcomes(encoding.encode_outcomes(outcomes))
    assert repr(again) == repr(outcomes)
    result = again[1].result
    assert [item.dtype for item in result[:3]] == ["float64", "float64", "float16"]
    assert result[2].data is None and result[3][:5] == [3, None, True, 0.5, "s"]
    assert [result[4].type, result[5].type, result[6]] == ["dict", "int", 4]
    np.testing.assert_array_equal(result[3][5][0].data, [[1, 2]])
    assert again[0].gradients[1] == (None,) and [value.graph for value in again[0].result] == [True, False]


def test_what_is_too_large_or_too_deep_is_described_and_not_sent() -> None:
    deep: list = []
    for _ in range(50):
        deep = [deep]
    cyclic: list = []
    cyclic.append(cyclic)
    for result in (deep, cyclic, list(range(10**6)), [[0] * 400] * 400, torch.zeros(2000, 2000)):
        outcome = perform(lambda result=result: result, Call(()), {})
        body = encoding.encode_outcomes([outcome])
        assert len(body) < 10**6 and repr(encoding.decode_outcomes(body)) == repr([outcome])


ONE = ["float32", 1]
LIES = [
    b"",
    b"\x05\x00\x00\x00[]",
    raw(b"not json"),
    raw(b"[" * 100_000),
    raw(b"[" + b"9" * 10_000 + b"]"),
    raw(b'"\xff"'),
    raw(b"[]"),
    raw(b'{"tensors": []}'),
    struct.pack("<I", encoding.MAX_JSON + 1) + b"[]".rjust(encoding.MAX_JSON + 1),
    message([], [["float32", 1000]]),  # announces 1000 values and brings none
    message([], [["float16", 0]]),  # a dtype that nobody agreed on
    message([], [[["float32"], 0]]),
    message([], [[]]),
    message([], [ONE, 5], bytes(8)),
    message([], {"0": ONE}, bytes(4)),
    message([], [["float32", *[1] * 17]], bytes(4)),
    message([], [["float32", -1]]),
    message([], [["float32", True]], bytes(4)),
    message([], [["float32", 1.0]], bytes(4)),
    message([], [["float32", 0, 2**62, 2**62]]),
    message([], [["float64", 2**62, 2**62, 2**62]]),
    message([], [ONE] * (encoding.MAX_TENSORS + 1), bytes(4 * encoding.MAX_TENSORS + 4)),
    message([], [ONE], bytes(5)),  # more than was announced
]


@pytest.mark.parametrize("body", LIES, ids=range(len(LIES)))
def test_a_lying_message_is_refused(body: bytes) -> None:
    with pytest.raises(EncodingError):
        encoding.decode(body)


HONEST = [None, [], [], None, ""]


@pytest.mark.parametrize(
    "result",
    [
        MAX_INT,
        -MAX_INT - 1,
        {},
        {"tensor": 0},
        {"tensor": 1, "graph": True},
        {"tensor": -1, "graph": True},
        {"tensor": True, "graph": True},
        {"tensor": 0, "graph": 1},
        {"tuple": 3},
        {"value": ["Tensor", "float64", [2], "cpu"]},
        {"value": ["Tensor", "float64", [-2], "cpu", False]},
        {"value": ["Tensor", 5, [], "cpu", False]},
        [[[[[[[[[[[]]]]]]]]]]],
        {"tuple": [{"tuple": [{}]}]},
    ],
)
def test_a_result_that_cannot_be_is_refused(result: object) -> None:
    with pytest.raises(EncodingError):
        encoding.decode_outcomes(message([[result, *HONEST[1:]]], [ONE], bytes(4)))


def test_a_byte_that_is_neither_true_nor_false_becomes_one_of_them() -> None:
    (outcome,) = encoding.decode_outcomes(
        message([[{"tensor": 0, "graph": False}, *HONEST[1:]]], [["bool", 3]], b"\x00\x01\x02")
    )
    assert outcome.result.data.view(np.uint8).tolist() == [0, 1, 1]


def test_a_message_cut_anywhere_is_refused() -> None:
    whole = encoding.encode({"a": 1}, ARRAYS[:2])
    for end in range(len(whole)):
        with pytest.raises(EncodingError):
            encoding.decode(whole[:end])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_get_further_than_an_encoding_error(body: bytes) -> None:
    for decode in (encoding.decode, encoding.decode_outcomes):
        for attempt in (body, message([], [ONE], body), raw(body)):
            try:
                decode(attempt)
            except EncodingError:
                pass


PIECES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["tuple", "tensor", "graph", "value"]), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(PIECES)
def test_random_json_is_an_outcome_or_an_encoding_error(content: object) -> None:
    candidates = [content, [content], [HONEST]]
    candidates += [[[*HONEST[:k], content, *HONEST[k + 1 :]]] for k in range(len(HONEST))]
    for candidate in candidates:
        try:
            outcomes = encoding.decode_outcomes(message(candidate, [ONE], bytes(4)))
        except EncodingError:
            continue
        assert all(isinstance(outcome, Outcome) for outcome in outcomes)
        encoding.encode_outcomes(outcomes)
