"""Wrong gradients of a convolution that people really write, each with the id of its mistake and a sentence.

The backward pass is taken to pieces as the convolution is in `convolutional_mistakes.py`. Each of its three
results is graded by itself, so that mistakes in two of them need no declaration as a pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from coursekit.grade.exercise import Mistake
from coursekit.grade.exercises.convolutional_mistakes import (
    AXES,
    FILTER_FIRST,
    FLIPPED,
    SURROUNDED,
    Axes,
    surrounded,
    windows,
)
from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of, said_twice

STRIDE = "The stride counts on the way back as well: window (h, w) stands at row hs and column ws of x."
SENT_BACK = (
    "Each pixel of x gets back the weight that read it times grad_out: by a sum, the kernel is flipped."
)
ADDED = "Windows overlap: add up what they send back to a pixel, do not overwrite it."
CUT = "Padding is added on both sides, so cut p off each side of the gradient of x."
WHOLE = "(H' - 1)s - 2p + k can be less than H: where no window reached, the gradient of x is 0."
READ_BY = (
    "The gradient of a weight is grad_out times the pixel that this weight read, with the kernel unflipped."
)
SUMMED = "Weights and bias serve every place and example: add up their gradients over n, h and w."
BY_FILTER = "The bias has one gradient for each filter: keep the axis of the output channels."

Gradients = tuple[Tensor, Tensor, Tensor]  # of x, weight and bias

# The right pieces


def sent(grad_out: Tensor, kernel: Tensor) -> Tensor:
    """What each window sends back, (N, C, H', W', k, m)."""
    return torch.einsum("nohw,ocij->nchwij", grad_out, kernel)


def scattered(messages: Tensor, size: Axes, stride: int) -> Tensor:
    """Every message added where it belongs, in a picture of this size with its border."""
    x = messages.new_zeros(*messages.shape[:2], *size)
    for rows, columns, i, j in targets(messages, stride):
        x[:, :, rows, columns] += messages[..., i, j]
    return x


def targets(messages: Tensor, stride: int) -> Iterator[tuple[slice, slice, int, int]]:
    """For each weight of the kernel the rows and columns that it reads."""
    high, wide, k, m = messages.shape[2:]
    for i, j in product(range(k), range(m)):
        rows = slice(i, i + stride * (high - 1) + 1, stride)
        yield rows, slice(j, j + stride * (wide - 1) + 1, stride), i, j


def within(x: Tensor, padding: int) -> Tensor:
    return x[:, :, padding : x.shape[2] - padding, padding : x.shape[3] - padding]


def correlated(grad_out: Tensor, under: Tensor) -> Tensor:
    return torch.einsum("nohw,nchwij->ocij", grad_out, under)


def of_all(grad_out: Tensor) -> Tensor:
    return grad_out.sum((0, 2, 3))


@dataclass(frozen=True)
class Backward:
    """The backward pass of a convolution, all right unless a piece is replaced."""

    # of x
    kernel: Callable[[Tensor], Tensor] = lambda weight: weight
    step: Callable[[int], int] = lambda s: s  # between the windows that send back
    size: Callable[[int, int], int] = lambda whole, reached: whole  # of an axis with its border
    scatter: Callable[[Tensor, Axes, int], Tensor] = scattered
    cut: Callable[[Tensor, int], Tensor] = within
    # of the weight
    border: Callable[[Tensor, int], Tensor] = surrounded
    reading: Callable[[int], int] = lambda s: s  # between the windows that are read again
    weights: Callable[[Tensor, Tensor], Tensor] = correlated
    turned: Callable[[Tensor], Tensor] = lambda grad_weight: grad_weight
    # of the bias
    bias: Callable[[Tensor], Tensor] = of_all

    def __call__(
        self, grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0
    ) -> Gradients:
        messages, step = sent(grad_out, self.kernel(weight)), self.step(stride)
        high, wide = (
            self.size(n + 2 * padding, (places - 1) * step + k)
            for n, places, k in zip(x.shape[2:], messages.shape[2:4], messages.shape[4:], strict=True)
        )
        grad_x = self.cut(self.scatter(messages, (high, wide), step), padding)
        step, (rows, columns), (k, m) = self.reading(stride), grad_out.shape[2:], weight.shape[2:]
        under = windows(self.border(x, padding), (k, m), (step, step), (1, 1), (rows, columns))
        return grad_x, self.turned(self.weights(grad_out, under)), self.bias(grad_out)


# Wrong pieces


def last_kept(messages: Tensor, size: Axes, stride: int) -> Tensor:
    """Weight by weight, the last message instead of the sum."""
    x = messages.new_zeros(*messages.shape[:2], *size)
    for rows, columns, i, j in targets(messages, stride):
        x[:, :, rows, columns] = messages[..., i, j]
    return x


def last_window_kept(messages: Tensor, size: Axes, stride: int) -> Tensor:
    """The same window by window: the last window over a pixel reads it with the first weights."""
    x = messages.new_zeros(*messages.shape[:2], *size)
    for rows, columns, i, j in reversed(list(targets(messages, stride))):
        x[:, :, rows, columns] = messages[..., i, j]
    return x


def flipped(kernel: Tensor) -> Tensor:
    return kernel.flip(2, 3)


OF_X = (
    Slip("CONV-08", SENT_BACK, "kernel", flipped),
    Slip("CONV-08", SENT_BACK, "kernel", lambda weight: weight.flip(2)),
    Slip("CONV-08", SENT_BACK, "kernel", lambda weight: weight.flip(3)),
    Slip("CONV-04", AXES, "kernel", lambda weight: weight.mT),
    Slip("CONV-01", STRIDE, "step", lambda s: 1),
    Slip("ERR-10", WHOLE, "size", lambda whole, reached: reached),
    Slip("CONV-10", ADDED, "scatter", last_kept),
    Slip("CONV-10", ADDED, "scatter", last_window_kept),
    Slip("MIS-03", CUT, "cut", lambda x, p: x),
    Slip("MIS-03", CUT, "cut", lambda x, p: x[:, :, p:, p:]),
    Slip("MIS-03", CUT, "cut", lambda x, p: x[:, :, : x.shape[2] - 2 * p, : x.shape[3] - 2 * p]),
    Slip("MIS-03", CUT, "cut", lambda x, p: x[:, :, 2 * p :, 2 * p :]),
)
OF_X_ALONE = (
    Slip("CONV-07", FILTER_FIRST, "kernel", lambda weight: weight.transpose(0, 1)),  # where O = C
)
OF_WEIGHT = (
    Slip("CONV-02", SURROUNDED, "border", lambda x, p: x),
    Slip("CONV-01", STRIDE, "reading", lambda s: 1),
    Slip("ERR-64", SUMMED, "weights", lambda g, under: correlated(g, under) / len(g)),
    Slip("ERR-64", SUMMED, "weights", lambda g, under: correlated(g, under) / g[0, 0].numel()),
    Slip("ERR-64", SUMMED, "weights", lambda g, under: correlated(g, under) / g[:, 0].numel()),
    Slip("ERR-64", SUMMED, "weights", lambda g, under: correlated(g[:1], under[:1])),
    Slip("ERR-64", SUMMED, "weights", lambda g, under: correlated(g[-1:], under[-1:])),
    Slip("ERR-64", SUMMED, "weights", lambda g, u: correlated(g[:, :, -1:, -1:], u[:, :, -1:, -1:])),
    Slip("CONV-09", READ_BY, "turned", flipped),
    Slip("CONV-09", READ_BY, "turned", lambda grad_weight: grad_weight.flip(2)),
    Slip("CONV-09", READ_BY, "turned", lambda grad_weight: grad_weight.flip(3)),
    Slip("CONV-04", AXES, "turned", lambda grad_weight: grad_weight.mT),
    Slip("CONV-07", FILTER_FIRST, "turned", lambda grad_weight: grad_weight.transpose(0, 1)),
)
OF_BIAS = (
    Slip("ERR-64", SUMMED, "bias", lambda g: g.mean((0, 2, 3))),
    Slip("ERR-64", SUMMED, "bias", lambda g: of_all(g) / len(g)),
    Slip("ERR-64", SUMMED, "bias", lambda g: g.mean((2, 3)).sum(0)),
    Slip("ERR-64", SUMMED, "bias", lambda g: of_all(g[:1])),
    Slip("ERR-64", SUMMED, "bias", lambda g: of_all(g[-1:])),
    Slip("ERR-64", SUMMED, "bias", lambda g: g.sum(0)),
    Slip("ERR-64", SUMMED, "bias", lambda g: g.sum((2, 3))),
    Slip("ERR-64", SUMMED, "bias", lambda g: g[:, :, -1, -1].sum(0)),
    Slip("CONV-05", BY_FILTER, "bias", lambda g: g.sum()),
    Slip("CONV-05", BY_FILTER, "bias", lambda g: g.sum((0, 1, 2))),
    Slip("CONV-05", BY_FILTER, "bias", lambda g: g.sum((1, 2, 3))),
)


WRONG_GRADIENTS = (
    Mistake("MIS-01", FLIPPED, replace(Backward(), kernel=flipped, turned=flipped)),
    *mistakes_of(Backward(), (*OF_X, *OF_X_ALONE, *OF_WEIGHT, *OF_BIAS)),
)


def pairs_of_gradients() -> Iterator[Mistake]:
    """Two mistakes in one result; those in two results are found part by part."""
    for slips in (OF_X, OF_WEIGHT):
        yield from pairs_of(Backward(), slips, but=said_twice)()
