"""The exercises on segmentation: a transposed convolution, and the mean intersection over union.

N batch, C channels in, O channels out, (H, W) a map, k kernel; K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.library import AUTOGRAD
from coursekit.grade.exercises.segmentation_mistakes import (
    WRONG_IOU,
    WRONG_TRANSPOSED,
    pairs_of_iou,
    pairs_of_transposed,
)
from coursekit.grade.generators import integers, uniform
from coursekit.metrics import mean_iou as package_mean_iou
from coursekit.nn.segmentation import conv_transpose2d


class Size(NamedTuple):
    """One question about a transposed convolution; what is 1, 0 and 0 at the end is left out of the call."""

    batch: int
    inside: int
    outside: int
    height: int
    width: int
    kernel: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    scale: float = 1.0

    def words(self) -> str:
        options = {
            "stride": (self.stride, 1),
            "padding": (self.padding, 0),
            "output_padding": (self.output_padding, 0),
        }
        said = [f"{name} {value}" for name, (value, usual) in options.items() if value != usual]
        shapes = f"x {(self.batch, self.inside, self.height, self.width)}"
        return ", ".join([f"{shapes}, {self.outside} x {self.kernel} x {self.kernel} kernels", *said])

    def keywords(self) -> dict[str, int]:
        if (self.stride, self.padding, self.output_padding) == (1, 0, 0):
            return {}
        return {"stride": self.stride, "padding": self.padding, "output_padding": self.output_padding}


SIZES = (
    Size(2, 3, 4, 4, 3, 3, stride=2, padding=1),  # every edge of the result cuts through a stamp
    Size(1, 2, 2, 3, 3, 3, scale=0.1),  # the defaults; C = O: some wrong versions run only here
    Size(2, 1, 3, 3, 4, 2, stride=2, scale=20.0),  # stamps that touch and do not overlap, as in U-Net
    Size(2, 2, 3, 3, 4, 3, stride=2, padding=1, output_padding=1),
    Size(1, 3, 3, 4, 3, 4, stride=2, padding=1),  # C = O, n times s
    Size(2, 2, 1, 3, 2, 3, stride=3, output_padding=2),
    Size(1, 1, 1, 1, 1, 3, stride=2, padding=1, output_padding=1, scale=20.0),
    Size(2, 4, 2, 3, 2, 1, stride=2, output_padding=1),  # holes between the stamps
    Size(1, 2, 4, 2, 2, 2, stride=2),  # O is the width of the result
    Size(2, 2, 3, 3, 2, 5, stride=3, padding=2, output_padding=2),
)


def transposed_cases(generator: Generator) -> Iterator[Case]:
    for size in SIZES:
        spread = math.sqrt(3 / (size.inside * size.kernel**2))
        arguments = (
            uniform(generator, size.scale, size.batch, size.inside, size.height, size.width),
            uniform(generator, spread, size.inside, size.outside, size.kernel, size.kernel),
            uniform(generator, 1.0, size.outside),
        )
        yield Case(size.words(), arguments, keywords=size.keywords())


def masks(
    generator: Generator, shape: tuple[int, ...], predicted: list[int], true: list[int]
) -> list[Tensor]:
    """Two masks that agree on about half of their pixels, with classes from two lists, all of them there."""
    pair = []
    for classes in (predicted, true):
        drawn = torch.tensor(classes)[integers(generator, 0, len(classes), *shape)]
        order = torch.randperm(drawn.numel(), generator=generator)
        drawn.view(-1)[order[: len(classes)]] = torch.tensor(classes)
        pair.append(drawn)
    prediction, target = pair
    agree = (torch.rand(shape, generator=generator) < 0.5) & torch.isin(target, torch.tensor(predicted))
    return [torch.where(agree, target, prediction), target]


def iou_cases(generator: Generator) -> Iterator[Case]:
    for words, shape, predicted, true, classes in (
        ("two images, every class present", (2, 6, 8), [0, 1, 2, 3], [0, 1, 2, 3], 4),
        ("two classes", (3, 5, 5), [0, 1], [0, 1], 2),
        ("a class in neither mask", (2, 6, 6), [0, 1, 3], [0, 1, 3], 4),
        ("a class that is predicted and not there", (2, 6, 6), [0, 1, 2], [0, 1], 4),
        ("a class that is there and not predicted", (2, 7, 5), [0, 1], [0, 1, 2], 3),
        ("one image without a batch, three of six classes", (9, 7), [0, 2, 5], [0, 2, 5], 6),
        ("no background", (2, 5, 6), [1, 2, 3], [1, 2, 3], 4),
    ):
        prediction, target = masks(generator, shape, predicted, true)
        yield Case(words, (prediction, target, classes))
    prediction, target = masks(generator, (2, 5, 4), [0, 1], [0, 1])
    prediction[0, 0, 0] = 2
    yield Case("one single pixel of a class that is not there", (prediction, target, 4))
    empty = torch.zeros(2, 3, 4, dtype=torch.int64)
    yield Case("both masks empty but for the background", (empty, empty.clone(), 3))
    perfect, _ = masks(generator, (2, 4, 4), [0, 1, 2], [0, 1, 2])
    yield Case("a perfect mask", (perfect, perfect.clone(), 5))
    yield Case("nothing right", (torch.ones_like(empty), torch.full_like(empty, 2), 3))


def mean_iou(prediction: Tensor, target: Tensor, num_classes: int) -> tuple[Tensor, float]:
    per_class, mean = package_mean_iou(prediction, target, num_classes)
    return per_class, mean


LIBRARY_TRANSPOSED = (
    "coursekit",
    *(f"torch.conv_transpose{n}d" for n in (1, 2, 3)),
    *(f"torch.nn.functional.conv_transpose{n}d" for n in (1, 2, 3)),
    *(f"torch.nn.{lazy}ConvTranspose{n}d" for lazy in ("", "Lazy") for n in (1, 2, 3)),
    "torch.nn.modules.conv",
    "torch.nn.grad",
    "torch.convolution",
    "torch.mkldnn_convolution",
    "torch.slow_conv_transpose2d",
    "torch._C",
    "torch._VF",
    "torch.ops",
)

EXERCISES = (
    Exercise(
        id="segmentation.conv_transpose2d",
        arguments=("x", "weight", "bias", "stride", "padding", "output_padding"),
        parts=(Part("the map y", "eq-conv-transpose", points=3.0),),
        cases=transposed_cases,
        reference=conv_transpose2d,
        mistakes=WRONG_TRANSPOSED,
        pairs=pairs_of_transposed,
        section="transposed convolution",
        forbidden=(*LIBRARY_TRANSPOSED, *AUTOGRAD),
    ),
    Exercise(
        id="segmentation.mean_iou",
        arguments=("prediction", "target", "num_classes"),
        parts=(Part("the index of each class", "eq-iou"), Part("the mean", "eq-mean-iou")),
        cases=iou_cases,
        reference=mean_iou,
        mistakes=WRONG_IOU,
        pairs=pairs_of_iou,
        section="intersection over union",
        forbidden=("coursekit", "sklearn", "torchmetrics", "torchvision"),
        differentiable=False,
    ),
)
