"""The exercises with pen and paper: what is expected is what automatic differentiation finds."""

from __future__ import annotations

import math

import pytest
import torch

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercises.recurrent_by_hand import ERRORS, EXERCISES, MEMORY
from coursekit.grade.judge import judge
from coursekit.nn.recurrent import LSTMGates, lstm_update

FORWARDS, BACKWARDS = EXERCISES


def number(value: float, grad: bool = False) -> torch.Tensor:
    return torch.tensor([[value]], dtype=torch.float64, requires_grad=grad)


@pytest.mark.topic("RNN-42")
def test_the_memory_is_that_of_two_steps_of_the_package() -> None:
    c, first = number(MEMORY.c, grad=True), number(MEMORY.g[0], grad=True)
    state = c
    for f, i, g in zip(MEMORY.f, MEMORY.i, (first, number(MEMORY.g[1])), strict=True):
        state = lstm_update(LSTMGates(i=number(i), f=number(f), g=g, o=number(1.0)), state).c
    of_memory, of_writing = torch.autograd.grad(state, (c, first))  # the cell is linear in both
    right = [(of_memory * c).item(), (of_writing * first).item(), state.item()]
    assert FORWARDS.reference() == pytest.approx(right, abs=1e-12)
    assert [round(value, 10) for value in right] == [0.8, -0.24, 0.76]


@pytest.mark.topic("RNN-43")
@pytest.mark.parametrize("with_outputs", [True, False])
def test_the_errors_are_those_of_automatic_differentiation(with_outputs: bool) -> None:
    oldest = number(ERRORS.c[0], grad=True)
    written = ERRORS.c[1] - ERRORS.f[0] * ERRORS.c[0]  # brings the next cell to its given value
    middle = ERRORS.f[0] * oldest + written
    newest = ERRORS.f[1] * middle
    loss = ERRORS.delta_c * newest
    if with_outputs:
        for c, o, error in zip((oldest, middle), ERRORS.o, ERRORS.delta_h, strict=True):
            loss = loss + error * o * torch.tanh(c)
    found = [gradient.item() for gradient in torch.autograd.grad(loss, (middle, oldest))]
    earlier, earliest, alone = BACKWARDS.reference()
    assert found == pytest.approx([earlier, earliest] if with_outputs else [ERRORS.f[1], alone], abs=1e-12)


def test_all_numbers_are_short_enough_for_paper() -> None:
    assert [math.tanh(c) for c in ERRORS.c] == pytest.approx([-0.8, 0.6], abs=1e-12)
    for exercise in EXERCISES:
        assert exercise.reference() == pytest.approx([round(x, 2) for x in exercise.reference()], abs=1e-12)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.function)
def test_a_wrong_number_does_not_give_the_right_one_away(exercise) -> None:
    exam = make_exam(exercise, "paper")
    for answer in ((9.0, 9.0, 9.0), (0.1234, -5.0, 3.21)):
        verdict = judge(exam, perform_all(lambda answer=answer: answer, exam.calls, {}))
        assert verdict.status == "failed"
        assert f"is not {answer[0]:.5g} (the numbers of the table)." in verdict.message
    verdict = judge(exam, perform_all(lambda: None, exam.calls, {}))
    assert "should return 3 numbers" in verdict.message
