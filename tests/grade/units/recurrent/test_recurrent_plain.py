"""The exercises on the plain recurrent network: what they expect is what PyTorch computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from coursekit.grade import check
from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises.recurrent_clipping_mistakes import Clipping
from coursekit.grade.exercises.recurrent_plain import EXERCISES
from coursekit.grade.exercises.recurrent_plain_gradients import WayBack
from coursekit.grade.exercises.recurrent_plain_mistakes import Step

CELL, BACKWARD, CLIP = EXERCISES


def double(argument):
    """An argument in float64, whatever it holds."""
    if isinstance(argument, Tensor):
        return argument.double()
    return [double(item) for item in argument] if isinstance(argument, list) else argument


def checks_of(exercise: Exercise):
    """Each check of an exam with its arguments in float64 and its right answer as tensors."""
    for asked in make_exam(exercise, "oracle").checks:
        outputs = asked.outputs[0] if isinstance(asked.outputs[0], list) else asked.outputs
        yield double(list(asked.call.arguments)), [torch.as_tensor(output.value) for output in outputs]


def assert_equal(right: list[Tensor], expected: list[Tensor]) -> None:
    assert len(right) == len(expected)
    for one, other in zip(right, expected, strict=True):
        torch.testing.assert_close(other, one.detach(), rtol=1e-10, atol=1e-10)


# The references


@pytest.mark.topic("RNN-03")
def test_the_expected_step_is_that_of_the_library() -> None:
    for (x, h, *parameters), expected in checks_of(CELL):
        cell = torch.nn.RNNCell(x.shape[1], h.shape[1], dtype=x.dtype)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        given = dict(zip(names, parameters, strict=True))
        assert_equal([torch.func.functional_call(cell, given, (x, h))], expected)


@pytest.mark.topic("RNN-14")
def test_the_expected_gradients_are_those_of_autograd_through_the_library() -> None:
    for (grad_outputs, *inputs), expected in checks_of(BACKWARD):
        leaves = [tensor.requires_grad_() for tensor in inputs]
        x, h0, weight_ih, weight_hh, bias = leaves
        layer = torch.nn.RNN(x.shape[2], h0.shape[1], dtype=x.dtype)
        zero = torch.zeros_like(bias)
        given = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias, "bias_hh": zero}
        layers = {f"{name}_l0": tensor for name, tensor in given.items()}
        states, _ = torch.func.functional_call(layer, layers, (x, h0[None]))
        assert_equal(list(torch.autograd.grad(states, leaves, grad_outputs)), expected)


@pytest.mark.topic("RNN-19")
def test_the_expected_clipping_is_that_of_the_library() -> None:
    clipped = 0
    for (gradients, max_norm), expected in checks_of(CLIP):
        weights = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient.clone()
        norm = torch.nn.utils.clip_grad_norm_(weights, max_norm)
        clipped += bool(norm > max_norm)
        for weight, other in zip(weights, expected, strict=True):
            # The library divides by the norm and 1e-6.
            torch.testing.assert_close(other, weight.grad, rtol=1e-6 / 200, atol=1e-10)
        assert norm > 200 or norm < max_norm
    assert clipped > 10


# The cases


def test_the_cases_of_a_step_cover_what_hides_bugs() -> None:
    shapes = {check.call.arguments[2].shape for check in make_exam(CELL, "cover").checks}
    batches = {len(check.call.arguments[0]) for check in make_exam(CELL, "cover").checks}
    assert any(rows == columns for rows, columns in shapes) and any(r != c for r, c in shapes)
    assert 1 in batches and len(shapes) >= 5


def test_the_cases_through_time_cover_what_hides_bugs() -> None:
    checks = make_exam(BACKWARD, "cover").checks
    sizes = {(*check.call.arguments[1].shape, check.call.arguments[2].shape[1]) for check in checks}
    steps, batches, inputs, hidden = map(set, zip(*sizes, strict=True))
    assert min(steps) == min(batches) == min(inputs) == min(hidden) == 1 and max(steps) >= 4
    assert any(d == h > 1 and t > 1 for t, _, d, h in sizes)  # where a transposed weight fits
    assert any(len({t, n, d, h}) == 4 for t, n, d, h in sizes)
    assert all(check.call.arguments[2].abs().max() > 0 for check in checks)  # a start at zero hides bugs
    assert any(check.case.extreme for check in checks)


def test_the_cases_of_clipping_cover_what_hides_bugs() -> None:
    lists = [check.call.arguments for check in make_exam(CLIP, "cover").checks]
    norms = [torch.cat([g.flatten() for g in gradients]).norm() for gradients, _ in lists]
    limits = [max_norm for _, max_norm in lists]
    assert any(norm == 0 for norm in norms) and {len(gradients) for gradients, _ in lists} >= {1, 2, 3, 4}
    assert any(0 < norm < limit for norm, limit in zip(norms, limits, strict=True))
    assert any(limit < 1 for limit in limits) and any(limit > 10 for limit in limits)
    alone = [max(float(g.norm()) for g in gradients) for gradients, _ in lists]
    least = [min(float(g.norm()) for g in gradients) for gradients, _ in lists]
    assert any(low < limit < high for low, limit, high in zip(least, limits, alone, strict=True))


# The catalogue


def ids(exercise: Exercise) -> set[str]:
    return {mistake.id for mistake in exercise.mistakes if not mistake.id.startswith("RNN-S")}


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    assert ids(CELL) == {"ERR-37", "ERR-59", "ERR-60", "MIS-29"}
    assert ids(BACKWARD) == {"ERR-56", "ERR-60", "ERR-64"}
    assert ids(CLIP) == {"MIS-34"}


@pytest.mark.parametrize(("exercise", "whole"), [(CELL, Step()), (BACKWARD, WayBack()), (CLIP, Clipping())])
def test_the_pieces_that_mistakes_replace_are_right(exercise: Exercise, whole: Callable[..., object]) -> None:
    assert verdict_on(whole, exam_of(exercise, "catalogue")).status == "passed"


# Verdicts


def test_points_of_the_way_back_are_earned_part_by_part() -> None:
    def without_the_gradient_of_the_state(*arguments: Tensor) -> list[Tensor]:
        x, h0, *others = BACKWARD.reference(*arguments)
        return [x, 3 * h0, *others]

    verdict = verdict_on(without_the_gradient_of_the_state, exam_of(BACKWARD, "0"))
    assert (verdict.status, verdict.score, verdict.mistake) == ("failed", 4.0, None)
    assert verdict.message.startswith("The gradient of h0 has shape (3, 2), and every element is 3 times")
    assert verdict.advice == (
        "Read again: equation eq-rnn-delta in the section on backpropagation through time."
    )


def test_clipping_in_place_is_told() -> None:
    def in_place(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        if norm > max_norm:
            for gradient in gradients:
                gradient *= max_norm / norm
        return gradients

    verdict = verdict_on(in_place, exam_of(CLIP, "0"))
    assert verdict.status == "failed"
    assert verdict.message.startswith("clip_gradient_norm changes its argument gradients")


def test_the_small_number_of_the_library_is_accepted_and_a_larger_one_is_not() -> None:
    def clip_with(small: float) -> Callable[[list[Tensor], float], list[Tensor]]:
        def clip(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
            norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
            return [gradient * (max_norm / (norm + small)).clamp(max=1) for gradient in gradients]

        return clip

    for seed in range(20):
        exam = exam_of(CLIP, str(seed))
        assert verdict_on(clip_with(1e-6), exam).status == "passed"
        assert verdict_on(clip_with(1e-3), exam).status == "failed"


def by_the_library(x, h, w_ih, w_hh, b_ih, b_hh):
    return torch.nn.RNNCell(x.shape[1], h.shape[1])(x, h)


def by_the_library_in_place(gradients, max_norm):
    torch.nn.utils.clip_grad_norm_(gradients, max_norm)
    return gradients


@pytest.mark.parametrize(
    ("name", "answer", "used"),
    [
        ("rnn_cell", by_the_library, "torch.nn.RNNCell"),
        ("clip_gradient_norm", by_the_library_in_place, "torch.nn.utils.clip_grad_norm_"),
    ],
)
def test_the_library_is_not_to_do_the_work(name: str, answer: Callable, used: str) -> None:
    answer.__name__ = name
    verdict = check(answer)
    assert verdict is not None and verdict.status == "flagged" and used in verdict.message
