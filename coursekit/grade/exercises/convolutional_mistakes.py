"""Wrong convolutions that people really write: each on purpose, with the id and the sentence of its mistake.

A convolution is taken to pieces. A mistake puts a wrong piece in the place of a right one; two mistakes in
two places make a wrong version with both; but for those in `..._ALONE`, which stop with an error on most
sizes, so that with a second mistake they could not be told apart. Wrong gradients of a convolution are in
`convolutional_gradients.py`, wrong receptive fields and residual blocks in `convolutional_networks.py`.

N batch, C channels in, O channels out, (k, m) height and width of the kernel, (H', W') of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of, said_twice

FLIPPED = "Deep-learning convolution is cross-correlation: do not flip the kernel."
ONE_MORE = "The output size needs a + 1: floor((H + 2p - d(k - 1) - 1) / s) + 1."
ROUND_DOWN = "Round the output size down: a window that hangs over the edge counts for nothing."
BOTH_SIDES = "Padding is added on both sides: 2p."
SURROUNDED = "Padding surrounds the picture with zeros: p rows above and below, p columns left and right."
SPAN = "A dilated kernel spans d(k - 1) + 1 pixels and reads every d-th of them, along both axes."
STRIDE = "The stride moves the window along both axes: it stands at row hs and column ws."
EXCHANGED = "Stride moves the window, dilation spreads the pixels that it reads: you exchanged them."
AXES = "Axes come in the order batch, channels, rows, columns; H and W are not exchangeable."
RELABELLED = "view and reshape relabel memory; to exchange axes, use permute or transpose."
ALL_CHANNELS = "Every filter spans all input channels: sum over c as well."
SUMS = "A convolution adds products up; it does not average them."
FILTER_FIRST = "A weight's first axis is the filter (output channel), its second the input channel it reads."
BIAS_ONCE = "Add b_o once to every output of channel o, after the sum: bias[:, None, None]."
MIXES = "Every output channel must be a weighted sum of all input channels at that pixel."
LINEAR = "A 1x1 convolution is linear: the activation after it is what adds a non-linearity."
EACH_PIXEL = "A 1x1 convolution sees one pixel at a time: nothing is added up over h and w."


Axes = tuple[int, int]  # one number for the rows, one for the columns

# The right pieces


def surrounded(x: Tensor, padding: int) -> Tensor:
    return F.pad(x, (padding, padding, padding, padding))


def places(room: int, stride: int) -> int:
    """How often a window fits into an axis that is `room` pixels longer."""
    return room // stride + 1


def windows(x: Tensor, kernel: Axes, stride: Axes, dilation: Axes, size: Axes) -> Tensor:
    """What stands under the kernel, (N, C, H', W', k, m); an IndexError where that is beyond the border."""
    rows, columns = (
        s * torch.arange(n)[:, None] + d * torch.arange(k)
        for k, s, d, n in zip(kernel, stride, dilation, size, strict=True)
    )
    return x[:, :, rows[:, None, :, None], columns[:, None, :]]


def summed(under: Tensor, kernel: Tensor) -> Tensor:
    return torch.einsum("nchwij,ocij->nohw", under, kernel)


def biased(y: Tensor, bias: Tensor, kernel: Tensor) -> Tensor:
    return y + bias[:, None, None]


@dataclass(frozen=True)
class Convolution:
    """A convolution in pieces, all right unless replaced."""

    kernel: Callable[[Tensor], Tensor] = lambda weight: weight
    border: Callable[[Tensor, int], Tensor] = surrounded
    numbers: Callable[[int, int], tuple[int, int]] = lambda s, d: (s, d)
    stride: Callable[[int], Axes] = lambda s: (s, s)
    dilation: Callable[[int], Axes] = lambda d: (d, d)
    span: Callable[[int, int], int] = lambda k, d: d * (k - 1) + 1
    places: Callable[[int, int], int] = places
    windows: Callable[[Tensor, Axes, Axes, Axes, Axes], Tensor] = windows
    sums: Callable[[Tensor, Tensor], Tensor] = summed
    biased: Callable[[Tensor, Tensor, Tensor], Tensor] = biased
    result: Callable[[Tensor], Tensor] = lambda y: y

    def __call__(
        self, x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> Tensor:
        kernel = self.kernel(weight)
        bordered = self.border(x, padding)
        stride, dilation = self.numbers(stride, dilation)
        steps, gaps = self.stride(stride), self.dilation(dilation)
        spans = [self.span(k, d) for k, d in zip(kernel.shape[2:], gaps, strict=True)]
        rows, columns = (
            self.places(n - span, s) for n, span, s in zip(bordered.shape[2:], spans, steps, strict=True)
        )
        height, width = kernel.shape[2:]
        under = self.windows(bordered, (height, width), steps, gaps, (rows, columns))
        return self.result(self.biased(self.sums(under, kernel), bias, kernel))


# Wrong pieces


def at_least_one(count: Callable[[int, int], int]) -> Callable[[int, int], int]:
    """The other way to write a size that is too small: this one fails where no place is left."""

    def places(room: int, stride: int) -> int:
        if count(room, stride) < 1:
            raise ValueError("no place for the kernel")
        return count(room, stride)

    return places


TOO_FEW: tuple[Callable[[int, int], int], ...] = (
    lambda room, stride: room // stride,
    lambda room, stride: (room + 1) // stride,
    lambda room, stride: -(-room // stride),  # range(0, n - k, s)
)


def side_by_side(rows: bool, columns: bool) -> Callable[[Tensor, Axes, Axes, Axes, Axes], Tensor]:
    """The right number of windows, but one pixel apart, along one axis or both."""

    def read(x: Tensor, kernel: Axes, stride: Axes, dilation: Axes, size: Axes) -> Tensor:
        steps = 1 if rows else stride[0], 1 if columns else stride[1]
        return windows(x, kernel, steps, dilation, size)

    return read


def without_gaps(x: Tensor, kernel: Axes, stride: Axes, dilation: Axes, size: Axes) -> Tensor:
    """The right number of windows, but the pixels in them side by side."""
    return windows(x, kernel, stride, (1, 1), size)


def square_transposed(kernel: Tensor) -> Tensor:
    """As `weight[..., j, i]` in a loop over i and j reads it."""
    if kernel.shape[2] != kernel.shape[3]:
        raise IndexError("row j of a kernel without it")
    return kernel.mT


def own_channel_only(under: Tensor, kernel: Tensor) -> Tensor:
    if kernel.shape[0] != kernel.shape[1]:
        raise ValueError("a filter without a channel of its own")
    return torch.einsum("nohwij,oij->nohw", under, torch.einsum("ooij->oij", kernel))


def relabelled(y: Tensor) -> Tensor:
    """Channels last, called channels first."""
    return y.permute(0, 2, 3, 1).reshape(y.shape)


WRONG_AXES = (
    Slip("CONV-04", AXES, "result", lambda y: y.mT),
    Slip("CONV-04", AXES, "result", lambda y: y.permute(0, 2, 3, 1)),
    Slip("MIS-08", RELABELLED, "result", relabelled),
    Slip("MIS-08", RELABELLED, "result", lambda y: y.mT.reshape(y.shape)),
    Slip("MIS-08", RELABELLED, "result", lambda y: y.reshape(y.mT.shape)),
)
CONVOLUTION_SLIPS = (
    Slip("MIS-01", FLIPPED, "kernel", lambda weight: weight.flip(2, 3)),
    Slip("MIS-01", FLIPPED, "kernel", lambda weight: weight.flip(2)),
    Slip("MIS-01", FLIPPED, "kernel", lambda weight: weight.flip(3)),
    Slip("CONV-04", AXES, "kernel", lambda weight: weight.mT),
    Slip("MIS-08", RELABELLED, "kernel", lambda weight: weight.permute(0, 2, 3, 1).reshape(weight.shape)),
    Slip("MIS-03", BOTH_SIDES, "border", lambda x, p: F.pad(x, (p, 0, p, 0))),
    Slip("MIS-03", BOTH_SIDES, "border", lambda x, p: F.pad(x, (0, p, 0, p))),
    Slip("CONV-02", SURROUNDED, "border", lambda x, p: x),
    Slip("CONV-02", SURROUNDED, "border", lambda x, p: F.pad(x, (p, p))),
    Slip("CONV-02", SURROUNDED, "border", lambda x, p: F.pad(x, (0, 0, p, p))),
    Slip("CONV-02", SURROUNDED, "border", lambda x, p: F.pad(x, (p, p, p, p), mode="replicate")),
    Slip("CONV-03", EXCHANGED, "numbers", lambda s, d: (d, s)),
    Slip("CONV-01", STRIDE, "stride", lambda s: (1, 1)),
    Slip("CONV-01", STRIDE, "stride", lambda s: (s, 1)),
    Slip("CONV-01", STRIDE, "stride", lambda s: (1, s)),
    Slip("CONV-01", STRIDE, "windows", side_by_side(True, True)),
    Slip("CONV-01", STRIDE, "windows", side_by_side(True, False)),
    Slip("CONV-01", STRIDE, "windows", side_by_side(False, True)),
    Slip("MIS-09", SPAN, "dilation", lambda d: (1, 1)),
    Slip("MIS-09", SPAN, "dilation", lambda d: (d, 1)),
    Slip("MIS-09", SPAN, "dilation", lambda d: (1, d)),
    Slip("MIS-09", SPAN, "dilation", lambda d: (d + 1, d + 1)),
    Slip("MIS-09", SPAN, "windows", without_gaps),
    Slip("MIS-09", SPAN, "span", lambda k, d: k),
    Slip("MIS-09", SPAN, "span", lambda k, d: d * k),
    *(Slip("MIS-02", ONE_MORE, "places", count) for count in TOO_FEW),
    Slip("MIS-02", ROUND_DOWN, "places", lambda room, stride: -(-room // stride) + 1),
    Slip("MIS-04", ALL_CHANNELS, "sums", lambda under, kernel: summed(under[:, :1], kernel[:, :1])),
    Slip(
        "MIS-04", ALL_CHANNELS, "sums", lambda under, kernel: summed(under, kernel[:, :1].expand_as(kernel))
    ),
    Slip("CONV-06", SUMS, "sums", lambda under, kernel: summed(under, kernel) / kernel[0].numel()),
    Slip("CONV-06", SUMS, "sums", lambda under, kernel: summed(under, kernel) / kernel.shape[1]),
    Slip("CONV-06", SUMS, "sums", lambda under, kernel: summed(under, kernel) / kernel[0, 0].numel()),
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, kernel: y),
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, kernel: biased(y, kernel.shape[1] * bias, kernel)),
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, kernel: biased(y, kernel[0].numel() * bias, kernel)),
    Slip(
        "CONV-05", BIAS_ONCE, "biased", lambda y, bias, kernel: biased(y, kernel[0, 0].numel() * bias, kernel)
    ),
    *WRONG_AXES,
)
CONVOLUTION_ALONE = (
    Slip("CONV-04", AXES, "kernel", square_transposed),
    Slip("CONV-07", FILTER_FIRST, "kernel", lambda weight: weight.transpose(0, 1)),  # where O = C
    *(Slip("MIS-02", ONE_MORE, "places", at_least_one(count)) for count in TOO_FEW),
    Slip("MIS-04", ALL_CHANNELS, "sums", own_channel_only),  # where O = C
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, kernel: y + bias),  # where O fits W'
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, kernel: y + bias[:, None]),  # where O fits H'
)

WRONG_CONVOLUTIONS = mistakes_of(Convolution(), (*CONVOLUTION_SLIPS, *CONVOLUTION_ALONE))
pairs_of_convolutions = pairs_of(Convolution(), CONVOLUTION_SLIPS, but=said_twice)


# The convolution of one pixel


def linear(x: Tensor, weight: Tensor) -> Tensor:
    return torch.einsum("oc,nchw->nohw", weight, x)


@dataclass(frozen=True)
class OnePixel:
    """A 1x1 convolution in pieces, all right unless replaced."""

    picture: Callable[[Tensor], Tensor] = lambda x: x
    sums: Callable[[Tensor, Tensor], Tensor] = linear
    biased: Callable[[Tensor, Tensor, Tensor], Tensor] = biased
    result: Callable[[Tensor], Tensor] = lambda y: y

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return self.result(self.biased(self.sums(self.picture(x), weight), bias, weight))


def scaled_only(x: Tensor, weight: Tensor) -> Tensor:
    if weight.shape[0] != weight.shape[1]:
        raise ValueError("a channel without a weight of its own")
    return x * weight.diagonal()[:, None, None]


def through_reshape(x: Tensor) -> Tensor:
    """(N, C, H, W) relabelled as (N, H, W, C), and rightly back to channels first."""
    n, channels, height, width = x.shape
    return x.reshape(n, height, width, channels).permute(0, 3, 1, 2)


ONE_PIXEL_SLIPS = (
    Slip("MIS-08", RELABELLED, "picture", through_reshape),
    Slip("CONV-11", EACH_PIXEL, "picture", lambda x: x.mean((2, 3), keepdim=True).expand_as(x)),
    Slip("CONV-11", EACH_PIXEL, "picture", lambda x: x.mean((2, 3), keepdim=True)),
    Slip("CONV-11", EACH_PIXEL, "picture", lambda x: x.sum((2, 3), keepdim=True)),
    Slip("ERR-04", MIXES, "sums", lambda x, weight: linear(x[:, :1], weight[:, :1])),
    Slip("ERR-04", MIXES, "sums", lambda x, weight: linear(x, weight[:, :1].expand_as(weight))),
    Slip(
        "ERR-04", MIXES, "sums", lambda x, weight: linear(x, weight.mean(1, keepdim=True).expand_as(weight))
    ),
    Slip("CONV-06", SUMS, "sums", lambda x, weight: linear(x, weight) / weight.shape[1]),
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, weight: y),
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, weight: biased(y, weight.shape[1] * bias, weight)),
    Slip("ERR-05", LINEAR, "result", torch.relu),
    Slip("ERR-05", LINEAR, "result", torch.sigmoid),
    *WRONG_AXES,
)
ONE_PIXEL_ALONE = (
    Slip("ERR-04", MIXES, "sums", scaled_only),  # where O = C
    Slip("CONV-07", FILTER_FIRST, "sums", lambda x, weight: linear(x, weight.T)),  # where O = C
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, weight: y + bias),  # where O fits W
    Slip("CONV-05", BIAS_ONCE, "biased", lambda y, bias, weight: y + bias[:, None]),  # where O fits H
)


WRONG_ONE_PIXELS = mistakes_of(OnePixel(), (*ONE_PIXEL_SLIPS, *ONE_PIXEL_ALONE))
pairs_of_one_pixels = pairs_of(OnePixel(), ONE_PIXEL_SLIPS, but=said_twice)
