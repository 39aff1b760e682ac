"""`require`, the strict check as an assertion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from coursekit.grade import require

from .students import Answers


@pytest.fixture
def function(right: Answers) -> Callable[[Answers, str], Any]:
    """A function as it is after these answers were typed into a notebook that was right."""

    def define(answers: Answers, name: str) -> Any:
        names: dict[str, Any] = {"torch": torch, "Tensor": torch.Tensor}
        for source in (right | answers).values():
            exec(source, names)
        return names[name]

    return define


def test_a_right_function_is_let_pass(function: Callable[..., Any], right: Answers) -> None:
    assert require(function(right, "lstm_cell")) is None
    assert require(function(right, "lstm_gates"), "the output gate o", seed=5) is None


def test_a_wrong_part_fails_alone_and_names_the_mistake(function: Callable[..., Any], wrong: Answers) -> None:
    cell = function(wrong, "lstm_cell")
    require(cell, "the cell state c")
    for part in ("the hidden state h", None):
        with pytest.raises(AssertionError, match="^lstm_cell: the hidden state h: not right yet. ERR-57: "):
            require(cell, part)


def test_the_seed_draws_the_inputs(function: Callable[..., Any], public_only: Answers) -> None:
    cell = function(public_only, "lstm_cell")
    require(cell, seed=0)
    with pytest.raises(AssertionError, match="the hidden state h, the cell state c: not right yet"):
        require(cell, seed=1)


def test_a_starter_is_not_attempted(function: Callable[..., Any]) -> None:
    starter = {"lstm_cell": "def lstm_cell(*arguments):\n    raise NotImplementedError('Write it')"}
    with pytest.raises(AssertionError, match="^lstm_cell: not attempted yet. Write it$"):
        require(function(starter, "lstm_cell"), "the hidden state h")


def test_a_part_that_is_none_is_a_fault_of_the_caller(function: Callable[..., Any], right: Answers) -> None:
    with pytest.raises(ValueError, match="has the parts the hidden state h, the cell state c; received 'h'"):
        require(function(right, "lstm_cell"), "h")


def test_a_function_of_no_exercise_fails() -> None:
    with pytest.raises(AssertionError, match="no exercise"):
        require(lambda x: x)
