"""The exercises on losses: what they expect is what PyTorch computes, and what they ask leaves no gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch import Generator, Tensor
from torch.nn import functional as F

from coursekit.grade.calls import perform_all
from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises.losses import EXERCISES
from coursekit.grade.exercises.losses_classes import SequenceCrossEntropy, SoftmaxCrossEntropy
from coursekit.grade.exercises.losses_mistakes import BinaryCrossEntropy, Dice, Huber, Poisson

OF = {exercise.function: exercise for exercise in EXERCISES}
SEEDS = range(20)
each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.function)


# The references


def library_huber(prediction: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    return F.huber_loss(prediction, target, delta=delta)


def library_softmax(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    leaf = logits.detach().clone().requires_grad_()
    loss = F.cross_entropy(leaf, targets)
    loss.backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


def library_poisson(rate: Tensor, counts: Tensor) -> Tensor:
    return F.poisson_nll_loss(rate, counts, log_input=False, eps=0)


def library_sequence(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    ignored = torch.where(mask, targets, -100)
    return F.cross_entropy(logits.movedim(-1, 1), ignored, ignore_index=-100)


ORACLES: dict[str, Callable[..., Any]] = {
    "huber": library_huber,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "softmax_cross_entropy": library_softmax,
    "poisson_nll": library_poisson,
    "sequence_cross_entropy": library_sequence,
}


def double(value: Any) -> Any:
    return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value


def close(expected: Any, right: Tensor) -> None:
    torch.testing.assert_close(torch.as_tensor(expected.value), right.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.topic("LOSS-04", "LOSS-05", "LOSS-07", "LOSS-10", "LOSS-12", "LOSS-16")
@pytest.mark.parametrize("function", ORACLES)
def test_what_is_expected_is_what_pytorch_computes(function: str) -> None:
    exercise, oracle = OF[function], ORACLES[function]
    for check in make_exam(exercise, "oracle").checks:
        arguments = [double(argument) for argument in check.call.arguments]
        answer = oracle(*arguments, **check.call.keywords)
        parts = answer if len(exercise.parts) > 1 else (answer,)
        for expected, right in zip(check.outputs, parts, strict=True):
            close(expected, right)


@pytest.mark.parametrize("function", [name for name in ORACLES if OF[name].differentiable])
def test_expected_gradients_are_those_of_pytorch(function: str) -> None:
    exercise, compared = OF[function], 0
    for check in make_exam(exercise, "oracle").checks:
        if check.gradients:
            call = check.call
            leaves = [
                argument.clone().requires_grad_(number in call.wanted)
                if isinstance(argument, Tensor)
                else argument
                for number, argument in enumerate(call.arguments)
            ]
            loss = ORACLES[function](*leaves, **call.keywords)
            wanted = [leaves[number] for number in call.wanted]
            for expected, right in zip(
                check.gradients[0], torch.autograd.grad(loss * call.cotangents[0][0], wanted), strict=True
            ):
                close(expected, right)
            compared += 1
    assert compared > 8


@pytest.mark.topic("LOSS-14")
def test_dice_of_hard_masks_is_the_f1_score() -> None:
    for check in make_exam(OF["dice_loss"], "oracle").checks:
        p, g = (double(tensor).round() for tensor in check.call.arguments[:2])
        if p.any() or g.any():
            score = f1_score(g.flatten(), p.flatten(), zero_division=0)
            loss = OF["dice_loss"].reference(p, g, eps=0.0).item()
            assert loss == pytest.approx(1 - score, abs=1e-12)


@pytest.mark.topic("LOSS-14")
def test_expected_dice_is_the_quotient_of_the_sums() -> None:
    for check in make_exam(OF["dice_loss"], "oracle").checks:
        p, g = (double(tensor).numpy().astype(np.longdouble) for tensor in check.call.arguments[:2])
        eps = [*check.call.arguments[2:], *check.call.keywords.values(), 1.0][0]
        numerator, denominator = 2 * np.vdot(p, g) + eps, np.sum(p + g) + eps
        assert float(check.outputs[0].value) == pytest.approx(float(1 - numerator / denominator), abs=1e-12)


@each
def test_the_reference_earns_full_marks(exercise: Exercise) -> None:
    for seed in SEEDS:
        verdict = verdict_on(exercise.reference, exam_of(exercise, str(seed)))
        assert (verdict.status, verdict.score) == ("passed", exercise.max_score), verdict


@pytest.mark.parametrize(
    "whole",
    [Huber(), BinaryCrossEntropy(), SoftmaxCrossEntropy(), Poisson(), Dice(), SequenceCrossEntropy()],
)
def test_the_pieces_that_mistakes_replace_are_right(whole: Callable[..., Any]) -> None:
    exercise = EXERCISES[[type(e.mistakes[0].wrong) for e in EXERCISES].index(type(whole))]
    assert verdict_on(whole, exam_of(exercise, "pieces")).status == "passed"


def test_the_homework_has_sixteen_points() -> None:
    assert {name: exercise.max_score for name, exercise in OF.items()} == {
        "huber": 2,
        "binary_cross_entropy_with_logits": 3,
        "softmax_cross_entropy": 4,
        "poisson_nll": 2,
        "dice_loss": 2,
        "sequence_cross_entropy": 3,
    }


# What the cases cover


def cases(function: str) -> list[Any]:
    return list(OF[function].cases(Generator().manual_seed(0)))


def test_huber_is_asked_near_and_far_with_many_deltas_in_every_way() -> None:
    asked = cases("huber")
    deltas = [[*case.arguments[2:], *case.keywords.values(), 1.0][0] for case in asked]
    assert len(set(deltas)) > 8
    assert {len(case.arguments) + len(case.keywords) for case in asked} == {2, 3}
    errors = [(case.arguments[0] - case.arguments[1]).abs() for case in asked]
    far = [(e > delta).double().mean().item() for e, delta in zip(errors, deltas, strict=True)]
    assert min(far) == 0 and max(far) > 0.7 and any(0.2 < share < 0.8 for share in far)
    assert {e.ndim for e in errors} == {1, 2, 3} and any(e.numel() == 1 for e in errors)


def test_yes_and_no_are_asked_with_soft_targets_and_huge_logits_of_both_signs() -> None:
    asked = cases("binary_cross_entropy_with_logits")
    assert any(((case.arguments[1] > 0) & (case.arguments[1] < 1)).all() for case in asked)
    huge = [case for case in asked if case.arguments[0].abs().min() > 800]
    assert [case.slopes for case in huge] == [True]
    logits, targets = huge[0].arguments
    assert {(z > 0, y) for z, y in zip(logits.tolist(), targets.tolist(), strict=True)} == {
        (sign, target) for sign in (True, False) for target in (0.0, 1.0)
    }


def test_every_class_is_a_target_and_batches_differ_from_classes() -> None:
    asked = cases("softmax_cross_entropy")
    shapes = {tuple(case.arguments[0].shape) for case in asked}
    assert {1} < {n for n, _ in shapes} and any(n > k for n, k in shapes) and any(n < k for n, k in shapes)
    assert any(set(case.arguments[1].tolist()) == set(range(case.arguments[0].shape[1])) for case in asked)


def test_counts_of_zero_are_asked_alone_and_among_others_and_not_at_all() -> None:
    zeros = [(case.arguments[1] == 0).double().mean().item() for case in cases("poisson_nll")]
    assert min(zeros) == 0 and max(zeros) == 1 and any(0 < share < 1 for share in zeros)
    assert all((case.arguments[0] > 0).all() for case in cases("poisson_nll"))


def test_masks_are_empty_full_and_mixed() -> None:
    asked = [case.arguments[:2] for case in cases("dice_loss")]
    assert any(not g.any() and not p.any() for p, g in asked) and any(g.all() for _, g in asked)
    assert any(not g.any() and p.any() for p, g in asked)
    assert all(bool(((g == 0) | (g == 1)).all()) for _, g in asked)


def test_padding_is_behind_before_nowhere_and_a_whole_row() -> None:
    masks = [case.arguments[2] for case in cases("sequence_cross_entropy")]
    assert all(mask.any() and mask.dtype == torch.bool for mask in masks)
    assert any(mask.all() for mask in masks) and any(not mask.any(1).all() for mask in masks)
    assert any(not mask[:, 0].all() and mask[:, -1].all() for mask in masks)
    lengths = [mask.sum(1).unique().numel() for mask in masks]
    assert max(lengths) >= 3  # a mean of means differs


@pytest.mark.topic("LOSS-16")
def test_what_stands_in_the_padding_changes_neither_loss_nor_gradient() -> None:
    exercise = OF["sequence_cross_entropy"]
    for case in cases("sequence_cross_entropy"):
        logits, targets, mask = case.arguments
        other = torch.where(mask[..., None], logits, torch.full_like(logits, 123.0) + logits)
        found = []
        for u, t in ((logits, targets), (other, torch.where(mask, targets, 0))):
            leaf = u.clone().requires_grad_()
            loss = exercise.reference(leaf, t, mask)
            found.append((loss.detach(), torch.autograd.grad(loss, leaf)[0]))
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
        assert not found[0][1][~mask].any()


# Verdicts


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    ids = {name: {mistake.id for mistake in exercise.mistakes} for name, exercise in OF.items()}
    of_scores = {"ERR-77", "ERR-96", "ERR-102", "MIS-61", "MIS-65", "MIS-66", "MIS-67", "MIS-68"}
    assert ids == {
        "huber": {"ERR-96", "ERR-101", "MIS-67"},
        "binary_cross_entropy_with_logits": {
            *("ERR-96", "ERR-97", "ERR-98", "ERR-102", "MIS-61", "MIS-65", "MIS-66", "MIS-67")
        },
        "softmax_cross_entropy": of_scores | {"ERR-76"},
        "poisson_nll": {"ERR-96", "ERR-100", "MIS-61", "MIS-67"},
        "dice_loss": {"ERR-12", "ERR-96", "ERR-99", "MIS-11", "MIS-66"},
        "sequence_cross_entropy": of_scores | {"ERR-91", "ERR-94", "MIS-69"},
    }


def test_a_slope_of_nan_is_seen_where_the_value_is_right() -> None:
    """`where` computes both branches, and the gradient of the one that overflows is not a number."""

    def softplus_by_where(logits: Tensor, targets: Tensor) -> Tensor:
        positive = torch.where(logits > 30, logits, torch.log1p(torch.exp(logits)))
        return (positive - logits * targets).mean()

    verdict = verdict_on(softplus_by_where, exam_of(OF["binary_cross_entropy_with_logits"], "0"))
    assert (verdict.status, verdict.mistake) == ("failed", None)
    assert "right, but its gradient for logits is not" in verdict.message
    assert "nan" in verdict.message and "logits of 1000 and -1000" in verdict.message


@pytest.mark.parametrize(
    ("maximum", "slope"),
    [
        (lambda z: torch.maximum(z, torch.zeros_like(z)), -0.5),
        (lambda z: z.clamp(min=0), 0.0),
        (torch.relu, -1.0),
    ],
)
def test_nobody_loses_points_to_the_corner_at_zero(maximum: Callable[[Tensor], Tensor], slope: float) -> None:
    def typed(logits: Tensor, targets: Tensor) -> Tensor:
        return (maximum(logits) - logits * targets + torch.log1p(torch.exp(-logits.abs()))).mean()

    assert verdict_on(typed, exam_of(OF["binary_cross_entropy_with_logits"], "0")).status == "passed"
    z = torch.zeros(1, requires_grad=True)
    typed(z, torch.ones(1)).backward()
    assert z.grad is not None and z.grad.item() == slope  # as the solutions say


def test_loss_and_gradient_earn_their_points_apart() -> None:
    def unshared(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        loss, gradient = library_softmax(logits, targets)
        return loss, gradient * len(logits)

    verdict = verdict_on(unshared, exam_of(OF["softmax_cross_entropy"], "0"))
    assert (verdict.score, verdict.mistake) == (2.0, "ERR-96")
    assert "1/N" in verdict.message
    assert verdict.advice == (
        "Read again: equation eq-softmax-gradient in the section on the softmax and its gradient."
    )


@each
def test_a_wrong_number_is_told_in_plain_words(exercise: Exercise) -> None:
    """Without talk of shapes and elements, of which a number has none."""

    def three_times(*arguments: Any, **keywords: Any) -> Any:
        result = exercise.reference(*arguments, **keywords)
        return 3 * result if isinstance(result, Tensor) else (3 * result[0], *result[1:])

    message = verdict_on(three_times, exam_of(exercise, "0")).message
    assert "is 3 times what it should be (" in message and "shape ()" not in message


FORBIDDEN: tuple[tuple[str, Callable[..., Any], str], ...] = (
    ("huber", lambda p, t, delta=1.0: F.huber_loss(p, t, delta=delta), "huber_loss"),
    ("huber", lambda p, t, delta=1.0: delta * F.smooth_l1_loss(p, t, beta=delta), "smooth_l1_loss"),
    ("huber", lambda p, t, delta=1.0: torch.nn.HuberLoss(delta=delta)(p, t), "HuberLoss"),
    ("binary_cross_entropy_with_logits", lambda z, y: F.binary_cross_entropy_with_logits(z, y), "binary"),
    ("binary_cross_entropy_with_logits", lambda z, y: torch.nn.BCEWithLogitsLoss()(z, y), "BCE"),
    ("softmax_cross_entropy", library_softmax, "cross_entropy"),
    ("poisson_nll", library_poisson, "poisson_nll_loss"),
    ("poisson_nll", lambda r, y: torch.nn.PoissonNLLLoss(log_input=False, eps=0)(r, y), "Poisson"),
    ("sequence_cross_entropy", library_sequence, "cross_entropy"),
)


@pytest.mark.parametrize(("function", "answer", "used"), FORBIDDEN, ids=lambda item: str(item)[:20])
def test_the_library_function_of_the_same_job_is_noticed_when_it_runs(
    function: str, answer: Callable[..., Any], used: str
) -> None:
    exam = make_exam(OF[function], "forbidden")
    files = {answer.__code__.co_filename: "the answer"}
    reached = [outcome.reached for outcome in perform_all(answer, exam.calls, files) if outcome.reached]
    assert len(reached) == 1 and used in reached[0]
