"""The exercises on the LSTM: what they expect is what PyTorch computes, and what they ask leaves no gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises.recurrent_lstm import EXERCISES
from coursekit.grade.exercises.recurrent_lstm_gradients import Backward
from coursekit.grade.exercises.recurrent_lstm_mistakes import Step

GATES, CELL, BACKWARD = EXERCISES


# The references


def library_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    inputs, hidden = weight_ih.shape[1], weight_hh.shape[1]
    cell = torch.nn.LSTMCell(inputs, hidden, dtype=x.dtype)
    parameters = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias_ih, "bias_hh": bias_hh}
    return torch.func.functional_call(cell, parameters, (x, (h, c)))


def library_backward(grad_h, grad_c, *inputs):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    return torch.autograd.grad(library_cell(*leaves), leaves, (grad_h, grad_c))


@pytest.mark.topic("RNN-37", "RNN-43")
@pytest.mark.parametrize(("exercise", "oracle"), [(CELL, library_cell), (BACKWARD, library_backward)])
def test_what_is_expected_is_what_pytorch_computes(exercise: Exercise, oracle: Callable) -> None:
    for check in make_exam(exercise, "oracle").checks:
        answer = oracle(*(tensor.double() for tensor in check.call.arguments))
        for right, expected in zip(answer, check.outputs, strict=True):
            torch.testing.assert_close(
                torch.as_tensor(expected.value), right.detach(), rtol=1e-10, atol=1e-10
            )


@pytest.mark.topic("RNN-32", "RNN-33", "RNN-34", "RNN-36")
def test_the_expected_gates_make_the_library_step() -> None:
    for check in make_exam(GATES, "gates").checks:
        x, h, *parameters = (tensor.double() for tensor in check.call.arguments)
        i, f, g, o = (torch.as_tensor(expected.value) for expected in check.outputs)
        c = torch.linspace(-2, 2, h.numel(), dtype=h.dtype).view_as(h)
        new_h, new_c = library_cell(x, h, c, *parameters)
        torch.testing.assert_close(f * c + i * g, new_c, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(o * new_c.tanh(), new_h, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.function)
def test_the_cases_cover_what_hides_bugs(exercise: Exercise) -> None:
    checks = make_exam(exercise, "cover").checks
    x, w = exercise.arguments.index("x"), exercise.arguments.index("weight_hh")
    batches, inputs = zip(*(check.call.arguments[x].shape for check in checks), strict=True)
    hidden = [check.call.arguments[w].shape[1] for check in checks]
    assert len(set(zip(batches, inputs, hidden, strict=True))) >= 5
    assert 1 in batches and 1 in inputs and 1 in hidden
    assert {check.dtype for check in checks} == {"float32", "float64"}
    ordinary = [check.call.arguments[x].abs().max() for check in checks if not check.case.extreme]
    assert min(ordinary) < 0.3 and max(ordinary) > 15
    assert {check.dtype for check in checks if check.case.extreme} == {"float32", "float64"}
    assert any(check.call.elsewhere for check in checks)
    assert exercise.differentiable == any(check.gradients for check in checks)


def test_another_key_gives_other_inputs_and_the_same_key_the_same() -> None:
    one, same, other = (make_exam(CELL, key).checks[0].call.arguments[0] for key in ("a", "a", "b"))
    assert torch.equal(one, same) and not torch.equal(one, other)


# The catalogue


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    ids = {exercise.function: {mistake.id for mistake in exercise.mistakes} for exercise in EXERCISES}
    of_gates = {"ERR-35", "ERR-36", "ERR-37", "ERR-39", "ERR-43", "ERR-44", "MIS-27", "MIS-29"}
    of_cells = {"ERR-38", "ERR-40", "ERR-41", "ERR-42", "ERR-53", "ERR-57", "ERR-69", "MIS-36"} | of_gates
    of_gradients = {"ERR-46", "ERR-56", "ERR-64"} | of_cells
    assert ids == {"lstm_gates": of_gates, "lstm_cell": of_cells, "lstm_cell_backward": of_gradients}


@pytest.mark.topic("RNN-37", "RNN-43")
@pytest.mark.parametrize(
    ("exercise", "whole"), [(GATES, Step().gates_alone), (CELL, Step().cell), (BACKWARD, Backward())]
)
def test_the_pieces_that_mistakes_replace_are_right(exercise: Exercise, whole: Callable[..., object]) -> None:
    assert verdict_on(whole, exam_of(exercise, "catalogue")).status == "passed"


# Verdicts


def test_a_wrong_version_that_is_right_names_nobody() -> None:
    harmless = replace(CELL, mistakes=(CELL.mistakes[0]._replace(wrong=CELL.reference),), pairs=tuple)
    verdict = verdict_on(
        lambda *inputs: [y.detach() for y in CELL.reference(*inputs)], exam_of(harmless, "0")
    )
    assert (verdict.status, verdict.mistake) == ("failed", None)


def test_points_are_earned_part_by_part() -> None:
    def only_the_output_gate_is_wrong(*arguments: Tensor) -> list[Tensor]:
        i, f, g, o = GATES.reference(*arguments)
        return [i, f, g, 1 - o]

    verdict = verdict_on(only_the_output_gate_is_wrong, exam_of(GATES, "0"))
    assert (verdict.status, verdict.score, verdict.mistake) == ("failed", 3.0, None)
    assert verdict.message.startswith(
        "The output gate o has shape (3, 4); 12 of 12 elements differ, the worst"
    )
    assert verdict.advice == "Read again: equation eq-lstm-output in the section on the gates."
