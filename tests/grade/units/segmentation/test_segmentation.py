"""The exercises on segmentation: they expect what PyTorch computes, and what they ask leaves no gap."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from torch import Generator
from torch.nn import functional as F

from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exam import make_exam
from coursekit.grade.exercises.segmentation import EXERCISES
from coursekit.grade.exercises.segmentation_mistakes import MeanIoU, Transposed

TRANSPOSED, IOU = EXERCISES


# The references


@pytest.mark.topic("CNN-29")
def test_the_expected_map_and_its_gradients_are_those_of_pytorch() -> None:
    for check in make_exam(TRANSPOSED, "oracle").checks:
        leaves = [tensor.double().requires_grad_() for tensor in check.call.arguments]
        y = F.conv_transpose2d(*leaves, **check.call.keywords)
        (expected,) = check.outputs
        torch.testing.assert_close(torch.as_tensor(expected.value), y.detach(), rtol=1e-10, atol=1e-10)
        if check.gradients:
            theirs = torch.autograd.grad(y, leaves, *check.call.cotangents)
            for right, gradient in zip(check.gradients[0], theirs, strict=True):
                torch.testing.assert_close(torch.as_tensor(right.value), gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.topic("CNN-29")
def test_what_is_asked_is_the_adjoint_of_a_convolution() -> None:
    for check in make_exam(TRANSPOSED, "adjoint").checks:
        x, weight, bias = (tensor.double() for tensor in check.call.arguments)
        y = torch.as_tensor(check.outputs[0].value) - bias[:, None, None]
        z = torch.randn(y.shape, generator=Generator().manual_seed(0), dtype=y.dtype)
        stride, padding = (check.call.keywords.get(name, k) for name, k in (("stride", 1), ("padding", 0)))
        back = F.conv2d(z, weight, stride=stride, padding=padding)
        assert back.shape == x.shape
        torch.testing.assert_close((back * x).sum(), (z * y).sum(), rtol=1e-9, atol=1e-9)


@pytest.mark.topic("CNN-41")
def test_the_expected_indices_are_those_of_counting_pixel_by_pixel() -> None:
    for check in make_exam(IOU, "oracle").checks:
        prediction, target, classes = check.call.arguments
        pairs = list(zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True))
        indices = []
        for k in range(classes):
            shared, either = sum(a == b == k for a, b in pairs), sum(k in pair for pair in pairs)
            indices.append(Fraction(shared, either) if either else None)
        per_class, mean = check.outputs
        assert per_class.value.tolist() == pytest.approx(
            [math.nan if index is None else float(index) for index in indices], abs=1e-12, nan_ok=True
        )
        present = [index for index in indices if index is not None]
        assert float(mean.value) == pytest.approx(float(sum(present) / len(present)), abs=1e-12)


# The cases


def test_the_maps_cover_what_hides_bugs() -> None:
    checks = make_exam(TRANSPOSED, "cover").checks
    names = ("stride", "padding", "output_padding")
    asked = [[check.call.keywords.get(name, name == "stride") for name in names] for check in checks]
    shapes = [(*check.call.arguments[0].shape, *check.call.arguments[1].shape[1:3]) for check in checks]
    assert {check.dtype for check in checks} == {"float32", "float64"}
    assert any(not check.call.keywords for check in checks), "the defaults are never used"
    for name, column in zip(names, zip(*asked, strict=True), strict=True):
        assert len({*column}) >= 3, name
    sizes = [(h, k, s, p, q) for (_, _, h, _, _, k), (s, p, q) in zip(shapes, asked, strict=True)]
    twice = [(h - 1) * s + k - 2 * p + q == h * s for h, k, s, p, q in sizes]
    assert any(twice) and not all(twice)
    kernels = {(k > s) - (k < s) for _, k, s, _, _ in sizes}
    assert kernels == {-1, 0, 1}, "stamps that leave holes, that touch, and that overlap"
    assert any(q and p for *_, p, q in sizes), "output_padding without padding looks like zeros"
    assert any(c == o for _, c, _, _, o, _ in shapes) and any(c != o for _, c, _, _, o, _ in shapes)
    assert all(h != w for _, _, h, w, _, _ in shapes[:1]), "rows and columns alike"
    assert any(check.gradients for check in checks) and any(check.call.elsewhere for check in checks)


def test_the_masks_cover_what_hides_bugs() -> None:
    cases = list(IOU.cases(Generator().manual_seed(0)))
    kinds = set()
    for case in cases:
        prediction, target, classes = case.arguments
        a, b = ({*labels.flatten().tolist()} for labels in (prediction, target))
        assert a | b <= {*range(classes)}
        kinds |= {("absent", len(a | b) < classes), ("only predicted", bool(a - b))}
        kinds |= {("only true", bool(b - a)), ("no background", 0 not in a | b), ("images", prediction.ndim)}
    assert kinds == {
        *((name, found) for name in ("absent", "only predicted", "only true") for found in (True, False)),
        *(("no background", found) for found in (True, False)),
        ("images", 2),
        ("images", 3),
    }


# The catalogue


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    """ERR-11, 13, 14 and 15 are about whole networks, pictures and training: none can be made in here."""
    ids = {exercise.function: {mistake.id for mistake in exercise.mistakes} for exercise in EXERCISES}
    assert ids == {
        "conv_transpose2d": {"ERR-10", "MIS-01", *(f"SEG-0{k}" for k in range(1, 8))},
        "mean_iou": {"ERR-12", "SEG-08", "SEG-09", *(f"SEG-1{k}" for k in range(6))},
    }


@pytest.mark.parametrize(("exercise", "whole"), [(TRANSPOSED, Transposed()), (IOU, MeanIoU())])
def test_the_pieces_that_mistakes_replace_are_right(exercise, whole) -> None:
    assert verdict_on(whole, exam_of(exercise, "catalogue")).status == "passed"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("form", [float, torch.tensor])
def test_a_mistake_has_its_name_in_either_precision_and_form(dtype: torch.dtype, form: Callable) -> None:
    """No precision comes in with masks: a result may have any, and its mean be a number or a tensor."""

    def dice(prediction, target, num_classes):
        a, b = (F.one_hot(labels.flatten(), num_classes).to(dtype) for labels in (prediction, target))
        index = 2 * (a * b).sum(0) / (a.sum(0) + b.sum(0))
        return index, form(index.nanmean().item())

    assert verdict_on(dice, exam_of(IOU, "catalogue")).mistake == "SEG-08"


def test_twice_as_large_is_right_only_where_the_numbers_make_it_so() -> None:
    """ERR-10, as the sentence says it: 4 pixels, kernel 3, stride 2, padding 1."""
    x, weight = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
    assert F.conv_transpose2d(x, weight, stride=2, padding=1).shape[-1] == 7
    assert F.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1).shape[-1] == 8
    (wrong,) = [m.wrong for m in TRANSPOSED.mistakes if m.id == "ERR-10" and "not n times s" in m.say]
    assert wrong(x, weight, torch.zeros(1), 2, 1).shape[-1] == 8


# The homework's predictions


def test_the_predictions_of_the_homework() -> None:
    target = torch.zeros(1, 10, 10, dtype=torch.int64)
    target[0, 4:6, 4:6] = 1  # a bird of 4 pixels
    sky = torch.zeros_like(target)
    assert MeanIoU()(sky, target, 2)[1] == pytest.approx(0.48)
    assert MeanIoU()(sky, target, 3)[1] == pytest.approx(0.48)
    sky[0, 0, 0] = 2
    assert MeanIoU()(sky, target, 3)[1] == pytest.approx(0.95 / 3)
    one, kernel = torch.ones(1, 1, 1, 1), torch.arange(9.0).view(1, 1, 3, 3)
    assert torch.equal(Transposed()(one, kernel, torch.zeros(1)), kernel)
