"""Wrong receptive fields and residual blocks that people really write, each with its id and a sentence.

Both are taken to pieces as the convolution is in `convolutional_mistakes.py`.

The field: k kernel size, s stride, d dilation of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.grade.exercise import Mistake
from coursekit.grade.exercises.convolutional_mistakes import FLIPPED, STRIDE
from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of, said_twice

SPANS = "A dilated kernel spans d(k - 1) + 1 pixels: it reaches d(k - 1) beyond the one it had."
STEPS = "k pixels have k - 1 steps between them: r grows by d(k - 1) j, whatever k and s are."
IN_JUMPS = "A kernel's pixels are outputs of the layer below, j pixels of the image apart: d(k - 1) times j."
THEN_JUMP = "Let r grow first, with the product of the strides before this layer; then multiply j by s."
PRODUCT = "Strides multiply: j is the product of all strides. Kernel size and dilation do not change it."
START = "Start with r = 1 and j = 1: before the first layer, a pixel sees itself."
FIRST_LAYER_FIRST = "This recursion goes from the first layer to the last: j belongs to the layers below."

ADD_FIRST = "The block is relu(F(x) + x): add first, activate last (original order)."
LAST_RELU = "The block ends in a ReLU, after the sum."
BETWEEN = "Without an activation between them your two convolutions collapse into a single linear map."
SHORTCUT = "The block must return x + F(x); without the shortcut the gradient is a product of small factors."
PROJECTED = (
    "F(x) changed the shape, so the shortcut needs a 1x1 convolution with the same stride and channels."
)
AS_GIVEN = "Where weight_shortcut is given, the shortcut is its 1x1 convolution, with the block's stride."
ADDED = "A residual block adds x to F(x); it is U-Net and DenseNet that concatenate."
FROM_X = "The shortcut starts at x, before the first convolution, and skips both."
STRIDED = "The first 3x3 convolution has the stride, the second has stride 1."
IN_ORDER = "weight1 comes first and reads x; weight2 reads what weight1 made of it."

# The receptive field

Layer = tuple[int, int, int]  # kernel size, stride, dilation


@dataclass(frozen=True)
class Field:
    """The recursion in pieces, all right unless replaced."""

    start: int = 1
    order: Callable[[Sequence[Layer]], Sequence[Layer]] = lambda layers: layers
    reach: Callable[[int, int, int], int] = lambda k, s, d: d * (k - 1)
    grown: Callable[[int, int, int, int], int] = lambda size, reach, jump, s: size + reach * jump
    jump: Callable[[int, int, int, int], int] = lambda jump, k, s, d: jump * s

    def __call__(self, layers: Sequence[Layer]) -> tuple[int, int]:
        size, jump = self.start, 1
        for k, s, d in self.order(layers):
            size = self.grown(size, self.reach(k, s, d), jump, s)
            jump = self.jump(jump, k, s, d)
        return size, jump


FIELD_SLIPS = (
    Slip("CONV-14", START, "start", 0),
    Slip("CONV-13", STEPS, "reach", lambda k, s, d: d * k),
    Slip("CONV-13", STEPS, "reach", lambda k, s, d: d * (k - s)),
    Slip("CONV-13", STEPS, "reach", lambda k, s, d: d * (k // 2)),
    Slip("CONV-13", STEPS, "reach", lambda k, s, d: 2 * d * (k // 2)),
    Slip("MIS-09", SPANS, "reach", lambda k, s, d: k - 1),
    Slip("MIS-09", SPANS, "reach", lambda k, s, d: d * k - 1),
    Slip("MIS-09", SPANS, "reach", lambda k, s, d: k + d - 2),
    Slip("MIS-09", SPANS, "reach", lambda k, s, d: (d + 1) * (k - 1)),
    Slip("ERR-13", IN_JUMPS, "grown", lambda size, reach, jump, s: size + reach),
    Slip("CONV-12", THEN_JUMP, "grown", lambda size, reach, jump, s: size + reach * jump * s),
    Slip("CONV-12", THEN_JUMP, "grown", lambda size, reach, jump, s: size + reach * s),
    Slip("CONV-15", PRODUCT, "jump", lambda jump, k, s, d: jump + s),
    Slip("CONV-15", PRODUCT, "jump", lambda jump, k, s, d: jump + s - 1),
    Slip("CONV-15", PRODUCT, "jump", lambda jump, k, s, d: s),
    Slip("CONV-15", PRODUCT, "jump", lambda jump, k, s, d: jump),
    Slip("CONV-15", PRODUCT, "jump", lambda jump, k, s, d: max(jump, s)),
    Slip("CONV-15", PRODUCT, "jump", lambda jump, k, s, d: jump * s * d),
    Slip("CONV-15", PRODUCT, "jump", lambda jump, k, s, d: jump * k),
)
FIELD_ALONE = (
    Slip("CONV-16", FIRST_LAYER_FIRST, "order", lambda layers: layers[::-1]),
    Slip("CONV-16", FIRST_LAYER_FIRST, "grown", lambda size, reach, jump, s: (size - 1) * s + reach + 1),
    Slip("CONV-16", FIRST_LAYER_FIRST, "grown", lambda size, reach, jump, s: size * s + reach),
)


# From the last layer back to the first, r <- (r - 1) s + d(k - 1) + 1: right too, with the same mistakes.
BACKWARDS = Field(
    order=lambda layers: layers[::-1], grown=lambda size, reach, jump, s: (size - 1) * s + reach + 1
)
WRONG_FIELDS = (
    *mistakes_of(Field(), (*FIELD_SLIPS, *FIELD_ALONE)),
    *mistakes_of(BACKWARDS, (slip for slip in FIELD_SLIPS if slip.place != "grown")),
)
pairs_of_fields = pairs_of(Field(), FIELD_SLIPS, but=said_twice)

# The residual block


def convolved(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)


def bypass(x: Tensor, weight: Tensor | None, stride: int, learned: Tensor) -> Tensor:
    return x if weight is None else F.conv2d(x, weight, stride=stride)


@dataclass(frozen=True)
class Block:
    """A residual block in pieces, all right unless replaced."""

    weights: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = lambda first, second: (first, second)
    strides: Callable[[int], tuple[int, int]] = lambda s: (s, 1)
    convolved: Callable[[Tensor, Tensor, int], Tensor] = convolved
    between: Callable[[Tensor], Tensor] = torch.relu
    origin: Callable[[Tensor, Tensor], Tensor] = lambda x, hidden: x
    bypass: Callable[[Tensor, Tensor | None, int, Tensor], Tensor] = bypass
    joined: Callable[[Tensor, Tensor], Tensor] = lambda learned, shortcut: learned + shortcut
    last: Callable[[Tensor], Tensor] = torch.relu

    def __call__(
        self,
        x: Tensor,
        weight1: Tensor,
        weight2: Tensor,
        weight_shortcut: Tensor | None = None,
        stride: int = 1,
    ) -> Tensor:
        (first, second), (step1, step2) = self.weights(weight1, weight2), self.strides(stride)
        hidden = self.between(self.convolved(x, first, step1))
        learned = self.convolved(hidden, second, step2)
        shortcut = self.bypass(self.origin(x, hidden), weight_shortcut, stride, learned)
        return self.last(self.joined(learned, shortcut))


def only_where_needed(x: Tensor, weight: Tensor | None, stride: int, learned: Tensor) -> Tensor:
    return x if x.shape == learned.shape else bypass(x, weight, stride, learned)


def every_pixel(x: Tensor, weight: Tensor | None, stride: int, learned: Tensor) -> Tensor:
    return bypass(x, weight, 1, learned)


def padded_with_zeros(x: Tensor, weight: Tensor | None, stride: int, learned: Tensor) -> Tensor:
    """The shortcut without weights: every `stride`-th pixel, and empty channels behind."""
    new = max(learned.shape[1] - x.shape[1], 0)
    return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, new))


def pooled(x: Tensor, weight: Tensor | None, stride: int, learned: Tensor) -> Tensor:
    """Means of `stride` x `stride` pixels instead of the first of them."""
    if stride > 1:
        x = F.avg_pool2d(x, stride, ceil_mode=True)
    return bypass(x, weight, 1, learned)


def with_a_relu(x: Tensor, weight: Tensor | None, stride: int, learned: Tensor) -> Tensor:
    return bypass(x, weight, stride, learned).relu()


BLOCK_SLIPS = (
    Slip("CONV-20", IN_ORDER, "weights", lambda first, second: (second, first)),  # where O = C
    Slip("CONV-18", STRIDED, "strides", lambda s: (1, s)),
    Slip("MIS-01", FLIPPED, "convolved", lambda x, weight, s: convolved(x, weight.flip(2, 3), s)),
    Slip("ERR-05", BETWEEN, "between", lambda h: h),
    Slip("CONV-21", FROM_X, "origin", lambda x, hidden: hidden),
    Slip("ERR-09", PROJECTED, "bypass", lambda x, weight, s, learned: x),
    Slip("ERR-09", PROJECTED, "bypass", every_pixel),
    Slip("ERR-09", PROJECTED, "bypass", padded_with_zeros),
    Slip("ERR-09", PROJECTED, "bypass", pooled),
    Slip("MIS-06", ADD_FIRST, "bypass", with_a_relu),
    Slip("ERR-08", SHORTCUT, "bypass", lambda x, weight, s, learned: torch.zeros_like(learned)),
    Slip("ERR-08", SHORTCUT, "bypass", lambda x, weight, s, learned: bypass(x, weight, s, learned).detach()),
    Slip("ERR-13", ADDED, "joined", lambda learned, shortcut: torch.cat([learned, shortcut], dim=1)),
    Slip("ERR-13", ADDED, "joined", lambda learned, shortcut: torch.cat([shortcut, learned], dim=1)),
    Slip("MIS-06", ADD_FIRST, "joined", lambda learned, shortcut: learned.relu() + shortcut),
    Slip("CONV-17", LAST_RELU, "last", lambda y: y),
)
BLOCK_ALONE = (
    Slip("CONV-18", STRIDED, "strides", lambda s: (s, s)),
    Slip("ERR-09", AS_GIVEN, "bypass", only_where_needed),
)


def pre_activated(
    x: Tensor, weight1: Tensor, weight2: Tensor, weight_shortcut: Tensor | None = None, stride: int = 1
) -> Tensor:
    """The later order: both ReLUs before the convolutions, none at the end."""
    hidden = convolved(x.relu(), weight1, stride)
    return convolved(hidden.relu(), weight2, 1) + bypass(x, weight_shortcut, stride, hidden)


def activated_before_the_sum(
    x: Tensor, weight1: Tensor, weight2: Tensor, weight_shortcut: Tensor | None = None, stride: int = 1
) -> Tensor:
    hidden = convolved(x, weight1, stride).relu()
    return convolved(hidden, weight2, 1).relu() + bypass(x, weight_shortcut, stride, hidden)


def stride_forgotten(
    x: Tensor, weight1: Tensor, weight2: Tensor, weight_shortcut: Tensor | None = None, stride: int = 1
) -> Tensor:
    return Block()(x, weight1, weight2, weight_shortcut)


WRONG_BLOCKS = (
    *mistakes_of(Block(), (*BLOCK_SLIPS, *BLOCK_ALONE)),
    Mistake("MIS-06", ADD_FIRST, activated_before_the_sum),
    Mistake("MIS-06", ADD_FIRST, pre_activated),
    Mistake("CONV-01", STRIDE, stride_forgotten),
)
pairs_of_blocks = pairs_of(Block(), BLOCK_SLIPS, but=said_twice)
