"""Wrong transposed convolutions and wrong mean IoUs that people really write, with the id of their mistake.

Each function is taken to pieces; a mistake puts a wrong piece in the place of a right one.
N batch, C channels in, O channels out, k kernel, s stride, p padding; K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.grade.exercise import Mistake
from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of

# A transposed convolution

NOT_TWICE = (
    "The size is (n-1)s - 2p + k + output_padding, not n times s: the two agree only if k - 2p + "
    "output_padding = s."
)
NOT_RESIZED = "Zeros stand between the pixels: repeating each pixel is another way of making a map larger."
SUMMED = "Where stamps overlap they add up: the transpose of a sum of products is a sum."
KERNEL_AS_IT_IS = "Stamp the kernel as it is: neither flipped nor with its rows and columns exchanged."
AXES = "The weight has shape (C, O, k, k): the channels of the input come first, and C is summed over."
STRIDE = "Moving one pixel in x moves the stamp by s pixels in y; inside a stamp the steps stay 1."
BETWEEN = "s - 1 zeros stand between two pixels of x, and none after the last."
CROPPED = "Padding is cut from the result, p pixels on each of its four sides; nothing is added to x."
EMPTY = "y[p:-p] is empty when p is 0: cut with an explicit end."
AT_THE_END = "output_padding makes the result longer at the bottom and at the right only."
NOT_ZEROS = "output_padding cuts less off at the end: the stamps reach there, it is no border of zeros."
LENGTHENS = "output_padding is missing: it makes the result that many pixels longer at the bottom and right."
BIAS = "Add the bias of each output channel, once to every pixel of y."


class Frame(NamedTuple):
    """What is cut out of the full map of stamps."""

    height: int  # of x
    width: int
    stride: int
    padding: int
    output_padding: int


def laid(stamps: Tensor, stride: int) -> Tensor:
    """Stamps (N, O, H, W, k, k), added up `stride` apart: (N, O, (H - 1) s + k, (W - 1) s + k)."""
    return spread(stamps, stride, 1)


def spread(stamps: Tensor, step: int, inside: int) -> Tensor:
    """The same with `inside` pixels from one element of a stamp to the next."""
    *_, height, width, size, _ = stamps.shape
    rows, columns = ((n - 1) * step + (size - 1) * inside + 1 for n in (height, width))
    full = stamps.new_zeros(*stamps.shape[:2], rows, columns)
    for i in range(size):
        for j in range(size):
            down = slice(i * inside, i * inside + (height - 1) * step + 1, step)
            across = slice(j * inside, j * inside + (width - 1) * step + 1, step)
            full[:, :, down, across] += stamps[..., i, j]
    return full


def cropped(full: Tensor, frame: Frame) -> Tensor:
    return cut(longer(full, frame.output_padding), frame.padding, frame.padding)


def longer(full: Tensor, pixels: int) -> Tensor:
    """With zeros below and to the right."""
    return F.pad(full, (0, pixels, 0, pixels))


def cut(full: Tensor, start: int, end: int) -> Tensor:
    rows, columns = full.shape[2:]
    return full[:, :, start : rows - end, start : columns - end]


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution in pieces, all right unless replaced."""

    kernel: Callable[[Tensor], Tensor] = lambda weight: weight
    laid: Callable[[Tensor, int], Tensor] = laid
    cropped: Callable[[Tensor, Frame], Tensor] = cropped
    biased: Callable[[Tensor, Tensor, Callable[[], Tensor]], Tensor] = lambda y, bias, covered: (
        y + bias[:, None, None]
    )

    def __call__(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
    ) -> Tensor:
        height, width = x.shape[2:]
        frame = Frame(height, width, stride, padding, output_padding)

        def mapped(stamps: Tensor) -> Tensor:
            return self.cropped(self.laid(stamps, stride), frame)

        stamps = torch.einsum("nchw,coij->nohwij", x, self.kernel(weight))
        return self.biased(mapped(stamps), bias, lambda: mapped(torch.ones_like(stamps[:1, :1])))


def exchanged(weight: Tensor) -> Tensor:
    """As most products take it: nothing, unless there are as many channels in as out."""
    inside, outside = weight.shape[:2]
    if inside != outside:
        raise RuntimeError(f"expected {outside} channels, got {inside}")
    return weight.transpose(0, 1)


def reshaped(weight: Tensor) -> Tensor:
    """(C, O, k, k) relabelled as (O, C, k, k), and then turned to what the product needs."""
    inside, outside = weight.shape[:2]
    return weight.reshape(outside, inside, *weight.shape[2:]).transpose(0, 1)


def without_gaps(stamps: Tensor, stride: int) -> Tensor:
    return spread(stamps, 1, 1)


def without_gaps_in_a_large_map(stamps: Tensor, stride: int) -> Tensor:
    full, height, width = spread(stamps, 1, 1), *stamps.shape[2:4]
    return F.pad(full, (0, (width - 1) * (stride - 1), 0, (height - 1) * (stride - 1)))


def stride_inside(stamps: Tensor, stride: int) -> Tensor:
    return spread(stamps, 1, stride)


def zeros_after_the_last(stamps: Tensor, stride: int) -> Tensor:
    return longer(laid(stamps, stride), stride - 1)


def repeated(stamps: Tensor, stride: int) -> Tensor:
    """Each pixel s times in both directions, then a convolution that moves by 1."""
    return spread(stamps.repeat_interleave(stride, 2).repeat_interleave(stride, 3), 1, 1)


def overwritten(stamps: Tensor, stride: int) -> Tensor:
    """The last stamp stands on top."""
    *_, height, width, size, _ = stamps.shape
    full = torch.zeros_like(laid(stamps, stride))
    for h in range(height):
        for w in range(width):
            top, left = h * stride, w * stride
            full[:, :, top : top + size, left : left + size] = stamps[:, :, h, w]
    return full


def averaged(stamps: Tensor, stride: int) -> Tensor:
    return laid(stamps, stride) / laid(torch.ones_like(stamps), stride).clamp(min=1)


def times_stride(full: Tensor, frame: Frame) -> Tensor:
    """n s pixels from where the result begins, with zeros where there is nothing."""
    rows, columns = frame.height * frame.stride, frame.width * frame.stride
    return longer(cut(full, frame.padding, 0), max(rows, columns))[:, :, :rows, :columns]


def at_the_start(full: Tensor, frame: Frame) -> Tensor:
    more = frame.output_padding
    return cut(F.pad(full, (more, 0, more, 0)), frame.padding, frame.padding)


def on_both_sides(full: Tensor, frame: Frame) -> Tensor:
    return cut(F.pad(full, (frame.output_padding,) * 4), frame.padding, frame.padding)


def empty_without_padding(full: Tensor, frame: Frame) -> Tensor:
    p = frame.padding
    return longer(full, frame.output_padding)[:, :, p:-p, p:-p]


TRANSPOSED_SLIPS = (
    Slip("MIS-01", KERNEL_AS_IT_IS, "kernel", lambda weight: weight.flip(2, 3)),
    Slip("MIS-01", KERNEL_AS_IT_IS, "kernel", lambda weight: weight.mT),
    Slip("SEG-01", AXES, "kernel", exchanged),  # where C = O
    Slip("SEG-01", AXES, "kernel", lambda weight: weight.transpose(0, 1)),  # as einsum: where one is 1, too
    Slip("SEG-01", AXES, "kernel", reshaped),
    Slip("SEG-02", STRIDE, "laid", without_gaps),
    Slip("SEG-02", STRIDE, "laid", without_gaps_in_a_large_map),
    Slip("SEG-02", STRIDE, "laid", stride_inside),
    Slip("SEG-03", BETWEEN, "laid", zeros_after_the_last),
    Slip("ERR-10", NOT_RESIZED, "laid", repeated),
    Slip("SEG-04", SUMMED, "laid", overwritten),
    Slip("SEG-04", SUMMED, "laid", averaged),
    Slip("ERR-10", NOT_TWICE, "cropped", times_stride),
    Slip(
        "SEG-05", CROPPED, "cropped", lambda full, f: longer(F.pad(full, (f.padding,) * 4), f.output_padding)
    ),
    Slip("SEG-05", CROPPED, "cropped", lambda full, f: longer(full, f.output_padding)),
    Slip("SEG-05", CROPPED, "cropped", lambda full, f: cut(longer(full, f.output_padding), f.padding, 0)),
    Slip("SEG-05", CROPPED, "cropped", lambda full, f: cut(longer(full, f.output_padding), 0, f.padding)),
    Slip("SEG-05", EMPTY, "cropped", empty_without_padding),
    Slip("SEG-06", AT_THE_END, "cropped", at_the_start),
    Slip("SEG-06", AT_THE_END, "cropped", on_both_sides),
    Slip("SEG-06", LENGTHENS, "cropped", lambda full, f: cut(full, f.padding, f.padding)),
    Slip(
        "SEG-06",
        NOT_ZEROS,
        "cropped",
        lambda full, f: longer(cut(full, f.padding, f.padding), f.output_padding),
    ),
    Slip("SEG-07", BIAS, "biased", lambda y, bias, covered: y),
    Slip("SEG-07", BIAS, "biased", lambda y, bias, covered: y + bias),  # where O is the width
    Slip("SEG-07", BIAS, "biased", lambda y, bias, covered: y + bias[:, None, None] * covered()),
)
WRONG_TRANSPOSED = mistakes_of(Transposed(), TRANSPOSED_SLIPS)
pairs_of_transposed = pairs_of(Transposed(), TRANSPOSED_SLIPS)

# Intersection over union

DICE = "That is the Dice coefficient, 2|A and B| / (|A| + |B|): the index divides by the union, once."
UNION = "The union counts the pixels in both only once: |A| + |B| - |A and B|."
ONE_SIDED = "Divide by the union, not by one of the two regions: that would be recall, or precision."
SMOOTHED = "Nothing is added to an index: smoothing belongs to a loss, and changes small classes most."
HIGHER_IS_BETTER = "The index is 1 for a perfect mask: return it, not one minus it, which would be a loss."
ABSENT = "A class that is in neither mask has no index, 0/0: it is NaN, and stays out of the mean."
KEPT = "Return one index for every class, K of them: an absent class has NaN in its place."
NAN = "One absent class makes the whole mean NaN: average over the classes that are present."
PRESENT = (
    "A class that is predicted and not there counts with index 0: present means in one of the two masks."
)
EVERY_CLASS = "Each class counts once in the mean, however many pixels it has."
BACKGROUND = "Class 0 is a class like the others and belongs to the result and to the mean."
ALL_IMAGES = "Count over all images first and divide then: the mean of the images' ratios is another number."


class Regions(NamedTuple):
    """Pixels of each class, (K,) each."""

    shared: Tensor
    predicted: Tensor
    true: Tensor

    @property
    def union(self) -> Tensor:
        return self.predicted + self.true - self.shared


def counted(prediction: Tensor, target: Tensor, num_classes: int) -> Regions:
    classes = torch.arange(num_classes, device=target.device)
    a, b = (labels.reshape(-1, 1) == classes for labels in (prediction, target))  # (pixels, K)
    return Regions(*(both.sum(0, dtype=torch.float64) for both in (a & b, a, b)))


@dataclass(frozen=True)
class MeanIoU:
    """The index of each class and its mean in pieces, all right unless replaced."""

    counted: Callable[[Tensor, Tensor, int], Regions] = counted
    ratio: Callable[[Regions], Tensor] = lambda r: r.shared / r.union
    absent: Callable[[Tensor, Regions], Tensor] = lambda index, r: index
    mean: Callable[[Tensor, Regions], Tensor] = lambda index, r: index.nanmean()

    def __call__(self, prediction: Tensor, target: Tensor, num_classes: int) -> tuple[Tensor, float]:
        regions = self.counted(prediction, target, num_classes)
        index = self.absent(self.ratio(regions), regions)
        return index, self.mean(index, regions).item()


def smoothed(r: Regions) -> Tensor:
    return (r.shared + 1) / (r.union + 1)


def per_image(prediction: Tensor, target: Tensor, num_classes: int) -> tuple[Tensor, float]:
    """The index of each image, then the mean over those images that have the class."""
    if prediction.ndim < 3:
        return MeanIoU()(prediction, target, num_classes)
    images = [MeanIoU()(a, b, num_classes)[0] for a, b in zip(prediction, target, strict=True)]
    index = torch.stack(images).nanmean(0)
    return index, index.nanmean().item()


def mean_of_images(prediction: Tensor, target: Tensor, num_classes: int) -> tuple[Tensor, float]:
    """The right index of each class, and the mean of the images' means."""
    index, mean = MeanIoU()(prediction, target, num_classes)
    if prediction.ndim < 3:
        return index, mean
    means = [MeanIoU()(a, b, num_classes)[1] for a, b in zip(prediction, target, strict=True)]
    return index, sum(means) / len(means)


IOU_SLIPS = (
    Slip("SEG-08", DICE, "ratio", lambda r: 2 * r.shared / (r.predicted + r.true)),
    Slip("SEG-09", UNION, "ratio", lambda r: r.shared / (r.predicted + r.true)),
    Slip("SEG-09", UNION, "ratio", lambda r: r.shared / (r.predicted + r.true - 2 * r.shared)),
    Slip("SEG-10", ONE_SIDED, "ratio", lambda r: r.shared / r.true),
    Slip("SEG-10", ONE_SIDED, "ratio", lambda r: r.shared / r.predicted),
    Slip("SEG-11", SMOOTHED, "ratio", smoothed),
    Slip("ERR-12", HIGHER_IS_BETTER, "ratio", lambda r: 1 - r.shared / r.union),
    Slip("SEG-12", ABSENT, "absent", lambda index, r: index.nan_to_num(0.0)),
    Slip("SEG-12", ABSENT, "absent", lambda index, r: index.nan_to_num(1.0)),
    Slip("SEG-12", KEPT, "absent", lambda index, r: index[r.union > 0]),
    Slip("SEG-12", NAN, "mean", lambda index, r: index.mean()),
    Slip("SEG-12", ABSENT, "mean", lambda index, r: index.nansum() / len(index)),
    Slip("SEG-12", PRESENT, "mean", lambda index, r: index[r.true > 0].mean()),
    Slip("SEG-13", EVERY_CLASS, "mean", lambda index, r: (index * r.true).nansum() / r.true.sum()),
    Slip("SEG-13", EVERY_CLASS, "mean", lambda index, r: r.shared.sum() / r.true.sum()),
    Slip("SEG-13", EVERY_CLASS, "mean", lambda index, r: r.shared.sum() / r.union.sum()),
    Slip("SEG-14", BACKGROUND, "mean", lambda index, r: index[1:].nanmean()),
    Slip("SEG-14", BACKGROUND, "counted", lambda *masks: Regions(*(n[1:] for n in counted(*masks)))),
)
WRONG_IOU = (
    *mistakes_of(MeanIoU(), IOU_SLIPS),
    Mistake("SEG-11", SMOOTHED, MeanIoU(ratio=smoothed, mean=lambda index, r: index[r.union > 0].mean())),
    Mistake("SEG-15", ALL_IMAGES, per_image),
    Mistake("SEG-15", ALL_IMAGES, mean_of_images),
)
pairs_of_iou = pairs_of(MeanIoU(), IOU_SLIPS)
