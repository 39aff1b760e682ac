"""Forbidden functions reached at run time: found with the line that did it, and nothing else is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from coursekit.grade.calls import Call, perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercises import select
from coursekit.grade.judge import judge
from coursekit.grade.watch import Watch

CELL, BACKWARD = select("recurrent.lstm_cell")[0], select("recurrent.lstm_cell_backward")[0]
FORBIDDEN = (*BACKWARD.forbidden, "torch.nn.functional.conv2d", "torch.nn.functional.batch_norm")
FILES = {__file__: "code cell 1"}
X, H = torch.randn(2, 3), torch.randn(2, 4)
WEIGHTS = torch.randn(16, 3), torch.randn(16, 4), torch.randn(16), torch.randn(16)
LIBRARY_CELL = nn.LSTMCell(3, 4)
NAME = "_".join(["lstm", "cell"])
SCRIPT = torch.jit.CompilationUnit(
    "def f(x, h, a, b, c, d):\n    return torch.lstm_cell(x, [h, h], a, b, c, d)\n"
)


def in_a_thread() -> None:
    thread = threading.Thread(target=lambda: getattr(torch, NAME)(X, (H, H), *WEIGHTS))
    thread.start()
    thread.join()


def with_the_profile_off() -> None:
    before = sys.getprofile()
    sys.setprofile(None)
    getattr(torch, NAME)(X, (H, H), *WEIGHTS)
    sys.setprofile(before)


def leaf() -> torch.Tensor:
    return torch.ones(2, requires_grad=True)


ROADS = [
    (lambda: LIBRARY_CELL(X, (H, H)), "torch.nn.LSTMCell"),
    (lambda: nn.LSTM(3, 4)(X), "torch.nn.LSTM"),
    (lambda: getattr(torch, NAME)(X, (H, H), *WEIGHTS), "torch.lstm_cell"),
    (lambda: getattr(torch._VF, NAME)(X, (H, H), *WEIGHTS), "torch.lstm_cell"),
    (lambda: getattr(torch.ops.aten, NAME)(X, (H, H), *WEIGHTS), "torch.lstm_cell"),
    (lambda: eval("getattr(torch, NAME)(X, (H, H), *WEIGHTS)"), "torch.lstm_cell"),
    (lambda: SCRIPT.f(X, H, *WEIGHTS), "torch.lstm_cell"),
    (in_a_thread, "torch.lstm_cell"),
    (with_the_profile_off, "sys.setprofile"),
    (lambda: leaf().sum().backward(), "backward"),
    (lambda: torch.autograd.grad(leaf().sum(), leaf(), allow_unused=True), "torch.autograd.grad"),
    (lambda: getattr(torch.func, "v" + "jp")(torch.sin, X), "torch.func.vjp"),
    (lambda: F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)), "torch.nn.functional.conv2d"),
    (lambda: nn.Conv2d(1, 1, 1)(torch.ones(1, 1, 3, 3)), "torch.nn.functional.conv2d"),
    (lambda: nn.BatchNorm1d(3)(X), "torch.nn.functional.batch_norm"),
]


@pytest.mark.parametrize(("road", "name"), ROADS)
def test_every_road_to_a_forbidden_function_is_seen(road: Callable, name: str) -> None:
    (outcome,) = perform_all(road, [Call((), forbidden=FORBIDDEN)], FILES)
    assert outcome.reached.partition(" (")[0] == name
    first = road.__code__.co_firstlineno
    lines = [f"{name} (code cell 1, line {line})" for line in range(first, first + 5)]
    assert outcome.reached in lines or (name, outcome.reached) == ("torch.lstm_cell", name)


def by_linear() -> None:
    i, f, g, o = (nn.Linear(3, 16)(X) + F.linear(H, WEIGHTS[1])).chunk(4, -1)
    c = torch.addcmul(f.sigmoid() * H, i.sigmoid(), g.tanh())
    torch.einsum("ab,ab->a", o.sigmoid(), c.tanh())
    torch.vmap(lambda row: row * 2)(X)


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.from_numpy(np.tanh(x.numpy()))

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def lstm_cell(x):
    return x


def innocent_names() -> None:
    class Cell:
        def backward(self):
            return lstm_cell(X)

    Cell().backward()


@pytest.mark.parametrize(
    "function", [by_linear, lambda: Own.apply(X), innocent_names, lambda: sys.getprofile()]
)
def test_honest_work_is_not_taken_for_it(function: Callable) -> None:
    (outcome,) = perform_all(function, [Call((), forbidden=FORBIDDEN)], FILES)
    assert (outcome.error, outcome.reached) == (None, "")


def test_nobody_is_watched_before_or_after() -> None:
    before = sys.getprofile(), threading.getprofile()
    with Watch(FORBIDDEN, FILES):
        assert sys.getprofile() is not before[0]
    with pytest.raises(ValueError), Watch(FORBIDDEN, FILES):
        raise ValueError
    assert (sys.getprofile(), threading.getprofile()) == before


def test_what_is_reached_is_flagged_with_its_line_and_earns_nothing() -> None:
    def cheats(x, h, c, *parameters):
        return getattr(torch, NAME)(x, (h, c), *parameters)

    exam = make_exam(CELL, "watched")
    verdict = judge(exam, perform_all(cheats, exam.calls, FILES))
    line = cheats.__code__.co_firstlineno + 1
    assert (verdict.status, verdict.score) == ("flagged", 0)
    assert f"uses torch.lstm_cell (code cell 1, line {line})" in verdict.message
