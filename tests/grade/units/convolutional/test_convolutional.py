"""The exercises on convolution: what they expect is what PyTorch computes; their questions leave no gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.grade.calls import Call, perform_all
from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.encoding import decode_calls, encode_calls
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises.convolutional import CONVOLUTIONS, EXERCISES
from coursekit.grade.exercises.convolutional_gradients import Backward
from coursekit.grade.exercises.convolutional_mistakes import Convolution, OnePixel
from coursekit.grade.exercises.convolutional_networks import BACKWARDS, Block, Field
from coursekit.grade.forbidden import forbidden_use
from coursekit.grade.protocol import Block as Source

from ...forms import Answer
from ...scores import define
from .answers import ANSWERS

CONV2D, BACKWARD, CONV1X1, FIELD, BLOCK = EXERCISES


# The references


def library_backward(
    grad_out: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int
) -> tuple[Tensor, ...]:
    bias = weight.new_zeros(len(weight))
    leaves = [tensor.clone().requires_grad_() for tensor in (x, weight, bias)]
    return torch.autograd.grad(F.conv2d(*leaves, stride, padding), leaves, grad_out)


def library_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    layer = nn.Linear(*weight.T.shape, dtype=x.dtype)
    pixels = x.movedim(1, -1)
    return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (pixels,)).movedim(-1, 1)


def library_block(
    x: Tensor, weight1: Tensor, weight2: Tensor, shortcut: Tensor | None = None, stride: int = 1
) -> Tensor:
    """Modules that hold the weights."""

    def layer(weight: Tensor, step: int, padding: int) -> nn.Module:
        made = nn.Conv2d(*weight.shape[1::-1], weight.shape[2], step, padding, bias=False, dtype=x.dtype)
        made.load_state_dict({"weight": weight})
        return made

    learned = nn.Sequential(layer(weight1, stride, 1), nn.ReLU(), layer(weight2, 1, 1))
    around = nn.Identity() if shortcut is None else layer(shortcut, stride, 0)
    return nn.ReLU()(learned(x) + around(x)).detach()


@pytest.mark.topic("CNN-01", "CNN-08", "CNN-22", "CNN-23")
@pytest.mark.parametrize(
    ("exercise", "oracle"),
    [
        (CONV2D, F.conv2d),
        (BACKWARD, library_backward),
        (CONV1X1, library_linear),
        (BLOCK, library_block),
    ],
)
def test_what_is_expected_is_what_pytorch_computes(exercise: Exercise, oracle: Callable[..., Any]) -> None:
    for check in make_exam(exercise, "oracle").checks:
        arguments = [value.double() if isinstance(value, Tensor) else value for value in check.call.arguments]
        answer = oracle(*arguments, **check.call.keywords)
        parts = answer if isinstance(answer, tuple) else (answer,)
        for right, expected in zip(parts, check.outputs, strict=True):
            torch.testing.assert_close(torch.as_tensor(expected.value), right, rtol=1e-10, atol=1e-10)


def seen_by(layers: list[tuple[int, int, int]], output: int, length: int) -> tuple[int, int]:
    """The first and last of `length` pixels that an output depends on, as its gradient says."""
    x = torch.ones(1, 1, length, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, dilation in layers:
        weight = torch.full((1, 1, kernel), 1 / kernel, dtype=x.dtype)  # positive: nothing cancels
        y = F.conv1d(y, weight, stride=stride, dilation=dilation)
    (gradient,) = torch.autograd.grad(y[0, 0, output], x)
    seen = gradient.flatten().nonzero().flatten()
    return int(seen[0]), int(seen[-1])


@pytest.mark.topic("CNN-03")
def test_the_expected_field_is_where_the_gradient_reaches() -> None:
    """A kernel of 1 behind a stride skips pixels: between the first and the last, not all need count."""
    measured = 0
    for check in make_exam(FIELD, "oracle").checks:
        (layers,), (size, jump) = check.call.arguments, check.outputs
        if size + jump < 10_000:
            (first, last), (second, _) = (seen_by(layers, output, size + jump) for output in (0, 1))
            assert (last - first + 1, second - first) == (size, jump), layers
            measured += 1
    assert measured > 5


@pytest.mark.topic("CNN-03", "CNN-34")
@pytest.mark.parametrize(
    ("layers", "size"),
    [
        ([(7, 2, 1), (3, 2, 1), *[(3, 1, 1)] * 4, *[(3, 2, 1), *[(3, 1, 1)] * 3] * 3], 435),  # ResNet-18
        ([(3, 1, 1), (3, 1, 2), (3, 1, 4)], 15),
        ([(3, 1, 1)] * 3, 7),
        ([(3, 1, d) for d in (1, 1, 2, 4, 8, 16, 1)], 67),
    ],
)
def test_the_field_of_known_networks(layers: list[tuple[int, int, int]], size: int) -> None:
    assert FIELD.reference(layers)[0] == size


def test_a_block_without_weights_is_a_relu() -> None:
    x = torch.linspace(-1, 1, 2 * 3 * 4 * 5).view(2, 3, 4, 5)
    nothing = torch.zeros(3, 3, 3, 3)
    torch.testing.assert_close(BLOCK.reference(x, nothing, nothing), x.relu(), rtol=0, atol=0)


# The questions


@pytest.mark.parametrize("exercise", [CONV2D, BACKWARD, CONV1X1, BLOCK], ids=lambda e: e.function)
def test_the_cases_cover_what_hides_bugs(exercise: Exercise) -> None:
    checks = make_exam(exercise, "cover").checks
    first = exercise.arguments.index("x")
    x, weight = zip(*(check.call.arguments[first : first + 2] for check in checks), strict=True)
    assert len({tensor.shape for tensor in x}) >= 5
    assert 1 in {len(tensor) for tensor in x} and any(len(tensor) > 1 for tensor in x)
    assert any(tensor.shape[2] > tensor.shape[3] for tensor in x)
    assert any(tensor.shape[2] < tensor.shape[3] for tensor in x)
    filters, channels = zip(*(tensor.shape[:2] for tensor in weight), strict=True)
    assert 1 in filters and 1 in channels
    assert any(o == c > 1 for o, c in zip(filters, channels, strict=True))
    assert any(o != c for o, c in zip(filters, channels, strict=True))
    assert {check.dtype for check in checks} == {"float32", "float64"}
    largest = [float(tensor.abs().max()) for tensor in x]
    assert min(largest) <= 0.3 and max(largest) > 15
    assert any(check.call.elsewhere for check in checks)
    assert exercise.differentiable == any(check.gradients for check in checks)


def test_windows_are_square_and_not_and_the_numbers_vary() -> None:
    checks = make_exam(CONV2D, "cover").checks
    given = [{"stride": 1, "padding": 0, "dilation": 1, **check.call.keywords} for check in checks]
    kernels = [check.call.arguments[1].shape[2:] for check in checks]
    assert {k == m for k, m in kernels} == {True, False} and (1, 1) in {tuple(kernel) for kernel in kernels}
    for name in ("stride", "padding", "dilation"):
        assert len({numbers[name] for numbers in given}) == 3
    assert any(not check.call.keywords for check in checks)
    sizes = [check.outputs[0].value.shape[2:] for check in checks]
    assert (1, 1) in sizes
    left = [
        (n + 2 * s["padding"] - s["dilation"] * (k - 1) - 1) % s["stride"]
        for check, s in zip(checks, given, strict=True)
        for n, k in zip(check.call.arguments[0].shape[2:], check.call.arguments[1].shape[2:], strict=True)
    ]
    assert any(left), "a stride that does not divide"


def test_the_block_is_asked_with_and_without_each_shortcut() -> None:
    asked = set()
    for check in make_exam(BLOCK, "cover").checks:
        x, weight1, _, *shortcut = check.call.arguments
        given = bool(shortcut) and shortcut[0] is not None
        asked.add((given, check.call.keywords.get("stride", 1) > 1, len(weight1) != x.shape[1]))
    identity, only_wider, strided = (False, False, False), (True, False, True), (True, True, False)
    assert asked >= {identity, only_wider, strided, (True, False, False), (True, True, True)}


def test_lists_of_tuples_reach_the_worker_as_they_are() -> None:
    calls = make_exam(FIELD, "lists").calls
    decoded = decode_calls(encode_calls(calls))
    assert [call.arguments for call in decoded] == [call.arguments for call in calls]
    layers = decoded[0].arguments[0]
    assert (type(layers), type(layers[0]), type(layers[0][0])) == (list, tuple, int)
    assert [] in [call.arguments[0] for call in decoded]


@pytest.mark.parametrize(
    "formed",
    [
        lambda size, jump: (float(size), float(jump)),
        lambda size, jump: f"{size}, {jump}",
        lambda size, jump: (size, jump, 1),
        lambda size, jump: size,
    ],
)
def test_a_field_is_two_whole_numbers(formed: Callable[[int, int], object]) -> None:
    verdict = verdict_on(lambda layers: formed(*FIELD.reference(layers)), exam_of(FIELD, "0"))
    assert (verdict.status, verdict.mistake) == ("failed", None)


def conv2d_number_by_number(x, weight, bias, stride=1, padding=0, dilation=1):
    """As beginners write it: seven loops, and `if` instead of a border."""
    (height, width), (k, m) = x.shape[2:], weight.shape[2:]
    high = (height + 2 * padding - dilation * (k - 1) - 1) // stride + 1
    wide = (width + 2 * padding - dilation * (m - 1) - 1) // stride + 1
    y = x.new_zeros(len(x), len(weight), high, wide)
    for n, o, h, w in np.ndindex(*y.shape):
        total = bias[o]
        for c, i, j in np.ndindex(*weight.shape[1:]):
            row, column = h * stride + i * dilation - padding, w * stride + j * dilation - padding
            if 0 <= row < height and 0 <= column < width:
                total = total + weight[o, c, i, j] * x[n, c, row, column]
        y[n, o, h, w] = total
    return y


def test_the_pictures_are_small_enough_for_seven_loops() -> None:
    exam = exam_of(CONV2D, "loops")
    assert verdict_on(conv2d_number_by_number, exam).status == "passed"
    products = sum(check.outputs[0].value.size * check.call.arguments[1][0].numel() for check in exam.checks)
    assert products < 15_000  # a second or two; a submission has ten for an exercise


# The catalogue


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    ids = {exercise.function: {mistake.id for mistake in exercise.mistakes} for exercise in EXERCISES}

    def own(*numbers: int) -> set[str]:
        return {f"CONV-{number:02}" for number in numbers}

    windows = {"MIS-01", "MIS-02", "MIS-03", "MIS-04", "MIS-08", "MIS-09"}
    assert ids == {
        "conv2d": windows | own(1, 2, 3, 4, 5, 6, 7),
        "conv2d_backward": {"ERR-10", "ERR-64", "MIS-01", "MIS-03"} | own(1, 2, 4, 5, 7, 8, 9, 10),
        "conv1x1": {"ERR-04", "ERR-05", "MIS-08"} | own(4, 5, 6, 7, 11),
        "receptive_field": {"ERR-13", "MIS-09"} | own(12, 13, 14, 15, 16),
        "residual_block": {"ERR-05", "ERR-08", "ERR-09", "ERR-13", "MIS-01", "MIS-06"}
        | own(1, 17, 18, 20, 21),
    }


@pytest.mark.parametrize(
    ("exercise", "whole"),
    [
        (CONV2D, Convolution()),
        (BACKWARD, Backward()),
        (CONV1X1, OnePixel()),
        (FIELD, Field()),
        (FIELD, BACKWARDS),
        (BLOCK, Block()),
    ],
)
def test_the_pieces_that_mistakes_replace_are_right(exercise: Exercise, whole: Callable[..., object]) -> None:
    assert verdict_on(whole, exam_of(exercise, "catalogue")).status == "passed"


# What may be used


def conv2d_that_calls(name: str) -> Callable[..., Any]:
    """The library's function, under a name that only running can tell."""
    owner, _, function = name.rpartition(".")
    source = f"""
def conv2d(x, weight, bias, stride=1, padding=0, dilation=1):
    owner = torch
    for step in {owner.split(".")[1:]}:
        owner = getattr(owner, step)
    return getattr(owner, "".join({list(function)}))({{}})
"""
    with_module = "1, 1, 1)(x[:, :1]" if "nn.Conv" in name else "x, weight, bias"
    return define(Answer("convolutional.conv2d", name, ""), source.replace("{}", with_module))


ROADS = ("torch.nn.functional.conv2d", "torch.conv2d", "torch.nn.Conv2d", "torch.ops.aten.conv2d")


@pytest.mark.parametrize("name", ROADS)
def test_the_library_convolution_is_seen_however_it_is_called(name: str) -> None:
    function = conv2d_that_calls(name)
    arguments = make_exam(CONV2D, "0").calls[0].arguments
    (outcome,) = perform_all(
        function, [Call(arguments, forbidden=CONV2D.forbidden)], {name: "code cell 1", "": ""}
    )
    assert "conv2d" in outcome.reached.lower(), outcome


@pytest.mark.parametrize("exercise", [CONV2D, BACKWARD, CONV1X1], ids=lambda e: e.function)
@pytest.mark.parametrize(
    "text",
    [
        "torch.conv2d(x, weight)",
        "torch.nn.Conv2d(3, 4, 1)(x)",
        "torch.nn.functional.conv_transpose2d(grad_out, weight)",
        "torch.nn.grad.conv2d_input(x.shape, weight, grad_out)",
        "torch.ops.aten.convolution_backward(grad_out, x, weight)",
        "torch.convolution(x, weight)",
        "torch.nn.functional.conv1d(x.flatten(2), weight)",
        "__import__('scipy.signal').signal.correlate2d(x, weight)",
        "__import__('coursekit.nn.convolutional').nn.convolutional.conv2d(x, weight)",
    ],
)
def test_what_is_written_is_read(exercise: Exercise, text: str) -> None:
    block = Source("", 1, f"import torch\ndef f(x, weight, grad_out):\n    return {text}\n")
    assert forbidden_use([block], exercise.forbidden) is not None


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer.exercise}, {answer.name}")
def test_unfold_and_fold_are_no_convolutions(answer: Answer) -> None:
    (exercise,) = (exercise for exercise in EXERCISES if exercise.id == answer.exercise)
    block = Source("", 1, "import torch\n" + answer.before + answer.source)
    assert forbidden_use([block], exercise.forbidden) is None
    exam = make_exam(exercise, "honest")
    outcomes = perform_all(define(answer, answer.source), exam.calls, {answer.name: ""})
    assert [outcome.reached for outcome in outcomes if outcome.reached] == []


def test_every_forbidden_name_is_one_of_the_library() -> None:
    for name in CONVOLUTIONS:
        found: Any = torch
        if name.startswith("torch."):
            for step in name.split(".")[1:]:
                found = getattr(found, step)


# Verdicts


def test_points_are_earned_part_by_part() -> None:
    def forgets_the_batch(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        grad_x, grad_weight, grad_bias = BACKWARD.reference(*arguments)
        return grad_x, grad_weight, grad_bias / len(grad_x)

    verdict = verdict_on(forgets_the_batch, exam_of(BACKWARD, "0"))
    assert (verdict.status, verdict.score, verdict.mistake) == ("failed", 4.0, "ERR-64")
    advice = "Read again: equation eq-conv2d-grad-bias in the section on the gradient of a convolution."
    assert verdict.advice == advice


def test_a_message_names_the_sizes_that_were_asked() -> None:
    verdict = verdict_on(lambda *a, **k: 1.5 * CONV2D.reference(*a, **k), exam_of(CONV2D, "0"))
    assert verdict.mistake is None
    assert verdict.message.endswith("(batch 2, 2 channels of 5 x 4, 3 filters of 3 x 3).")
