"""The exercises on convolution: forward, backward, of one pixel, what it sees, and a block with a shortcut.

N batch, C channels in, O channels out, (H, W) height and width of a picture, (k, m) of a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.convolutional_gradients import WRONG_GRADIENTS, pairs_of_gradients
from coursekit.grade.exercises.convolutional_mistakes import (
    WRONG_CONVOLUTIONS,
    WRONG_ONE_PIXELS,
    pairs_of_convolutions,
    pairs_of_one_pixels,
)
from coursekit.grade.exercises.convolutional_networks import (
    WRONG_BLOCKS,
    WRONG_FIELDS,
    pairs_of_blocks,
    pairs_of_fields,
)
from coursekit.grade.exercises.library import AUTOGRAD
from coursekit.grade.generators import integers, normal, uniform
from coursekit.nn import convolutional as package
from coursekit.nn.convolutional_resnet import residual_block


class Sizes(NamedTuple):
    """The sizes of one convolution, and how large its numbers are."""

    batch: int
    channels: int
    picture: tuple[int, int]
    filters: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    scale: float = 1.0

    @property
    def words(self) -> str:
        """As a message says it: what is left at its default is left out."""
        numbers = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        usual = {"stride": 1, "padding": 0, "dilation": 1}
        others = [f"{name} {number}" for name, number in numbers.items() if number != usual[name]]
        channels = f"{self.channels} channel{'s' * (self.channels > 1)}"
        filters = f"{self.filters} filter{'s' * (self.filters > 1)}"
        return ", ".join(
            [
                f"batch {self.batch}",
                f"{channels} of {self.picture[0]} x {self.picture[1]}",
                f"{filters} of {self.kernel[0]} x {self.kernel[1]}",
                *others,
            ]
        )


# Small, because who loops over single numbers must be done in a few seconds.
ORDINARY = (  # what needs no dilation
    Sizes(2, 2, (5, 4), 3, (3, 3)),  # O = H': some wrong versions run only here
    Sizes(2, 1, (4, 5), 2, (3, 2), padding=1, scale=0.3),
    Sizes(2, 2, (6, 7), 3, (3, 3), stride=2, scale=3.0),  # one row is left over, no column
    Sizes(1, 3, (7, 6), 3, (2, 3), stride=3, padding=2, scale=10.0),  # O = C = W'
    Sizes(1, 1, (4, 5), 1, (2, 2), scale=30.0),
    Sizes(2, 2, (3, 4), 2, (3, 4), scale=30.0),  # one place for the kernel
    Sizes(3, 4, (5, 3), 2, (1, 1), stride=2),
)
DILATED = (
    Sizes(2, 1, (6, 5), 2, (3, 2), dilation=2),
    Sizes(1, 2, (9, 8), 2, (3, 3), stride=2, padding=2, dilation=3),
    Sizes(2, 2, (8, 9), 3, (2, 3), stride=3, padding=1, dilation=2),
)


def parameters(generator: Generator, filters: int, channels: int, *kernel: int) -> tuple[Tensor, Tensor]:
    """Weights such that a sum of products is about as large as its factors, and biases that show."""
    spread = math.sqrt(3 / (channels * math.prod(kernel)))
    return uniform(generator, spread, filters, channels, *kernel), uniform(generator, 3.0, filters)


def drawn(generator: Generator, sizes: Sizes) -> tuple[Tensor, Tensor, Tensor]:
    x = uniform(generator, sizes.scale, sizes.batch, sizes.channels, *sizes.picture)
    return x, *parameters(generator, sizes.filters, sizes.channels, *sizes.kernel)


def convolutions(generator: Generator) -> Iterator[Case]:
    for sizes in (*ORDINARY, *DILATED):
        keywords = {name: getattr(sizes, name) for name in ("stride", "padding", "dilation")}
        given = {name: number for name, number in keywords.items() if number != (name != "padding")}
        yield Case(sizes.words, drawn(generator, sizes), keywords=given)


def ways_back(generator: Generator) -> Iterator[Case]:
    for sizes in ORDINARY:
        x, weight, _ = drawn(generator, sizes)
        places = (
            package.output_size(n, k, sizes.stride, sizes.padding)
            for n, k in zip(sizes.picture, sizes.kernel, strict=True)
        )
        # Large, so that what is rounded to float32 on the way is seen in a float64 result.
        grad_out = 100 * normal(generator, sizes.batch, sizes.filters, *places)
        yield Case(sizes.words, (grad_out, x, weight, sizes.stride, sizes.padding))


def single_pixels(generator: Generator) -> Iterator[Case]:
    for batch, channels, picture, filters, scale in (
        (2, 3, (4, 5), 2, 1.0),
        (3, 3, (2, 4), 3, 0.3),  # O = C: some wrong versions run only here
        (2, 2, (3, 4), 4, 3.0),  # O = W
        (2, 4, (3, 2), 3, 10.0),  # O = H
        (1, 1, (3, 2), 1, 30.0),
        (4, 5, (1, 1), 2, 30.0),
        (1, 2, (1, 6), 3, 1.0),
    ):
        x = uniform(generator, scale, batch, channels, *picture)
        words = Sizes(batch, channels, picture, filters, (1, 1)).words
        yield Case(words, (x, *parameters(generator, filters, channels)))


def stacks(generator: Generator) -> Iterator[Case]:
    for layers in (
        [(4, 2, 3), (3, 3, 2), (6, 1, 2)],
        [(3, 1, 1), (3, 1, 1)],
        [(7, 2, 1), (3, 2, 1), (3, 1, 1)],
    ):
        yield Case("layers " + ", ".join(map(str, layers)), (layers,))
    for depth in (1, 2, 4, 7, 20):
        kernels, strides, dilations = (integers(generator, 1, end, depth).tolist() for end in (8, 4, 5))
        layers = list(zip(kernels, strides, dilations, strict=True))
        yield Case(f"{depth} layer{'s' * (depth > 1)}, the first {layers[0]}", (layers,))
    yield Case("no layer at all", ([],))


def blocks(generator: Generator) -> Iterator[Case]:
    for batch, channels, picture, filters, projected, stride, scale in (
        (2, 3, (6, 5), 3, False, 1, 1.0),
        (2, 2, (5, 6), 3, True, 1, 0.3),
        (2, 3, (7, 6), 4, True, 2, 3.0),
        (3, 2, (4, 5), 2, True, 1, 10.0),  # a projection although the shapes agree
        (1, 1, (5, 4), 1, False, 1, 30.0),
        (2, 3, (8, 7), 3, True, 3, 30.0),
        (2, 4, (3, 1), 2, True, 2, 1.0),
    ):
        x = uniform(generator, scale, batch, channels, *picture)
        weight1, _ = parameters(generator, filters, channels, 3, 3)
        weight2, _ = parameters(generator, filters, filters, 3, 3)
        shortcut = parameters(generator, filters, channels, 1, 1)[0] if projected else None
        words = f"batch {batch}, {channels} channels of {picture[0]} x {picture[1]}, {filters} filters"
        words += f", {'with' if projected else 'without'} weight_shortcut, stride {stride}"
        if projected:
            yield Case(
                words, (x, weight1, weight2, shortcut), keywords={"stride": stride} if stride > 1 else {}
            )
        else:
            yield Case(words, (x, weight1, weight2))


CONVOLUTIONS = (  # all that the library has under this name, and its gradients
    *(f"torch.{name}{d}d" for name in ("conv", "conv_transpose") for d in (1, 2, 3)),
    *(f"torch.nn.functional.{name}{d}d" for name in ("conv", "conv_transpose") for d in (1, 2, 3)),
    *(f"torch.nn.{name}{d}d" for name in ("Conv", "LazyConv", "ConvTranspose") for d in (1, 2, 3)),
    *(f"torch.{name}" for name in ("convolution", "_convolution", "_convolution_mode", "conv_tbc")),
    *(f"torch.{name}_convolution" for name in ("mkldnn", "cudnn", "miopen")),
    "torch.nn.modules.conv",
    "torch.nn.grad",
    "torch._VF",
    "torch.ops",
    "scipy.signal",
    "scipy.ndimage",
)

EXERCISES = (
    Exercise(
        id="convolutional.conv2d",
        arguments=("x", "weight", "bias", "stride", "padding", "dilation"),
        parts=(Part("the result y", "eq-conv2d", points=3),),
        cases=convolutions,
        reference=package.conv2d,
        mistakes=WRONG_CONVOLUTIONS,
        pairs=pairs_of_convolutions,
        section="convolution",
        forbidden=("coursekit", *CONVOLUTIONS),
    ),
    Exercise(
        id="convolutional.conv2d_backward",
        arguments=("grad_out", "x", "weight", "stride", "padding"),
        parts=(
            Part("the gradient of x", "eq-conv2d-grad-x", points=2),
            Part("the gradient of the weight", "eq-conv2d-grad-weight", points=2),
            Part("the gradient of the bias", "eq-conv2d-grad-bias"),
        ),
        cases=ways_back,
        reference=package.conv2d_backward,
        mistakes=WRONG_GRADIENTS,
        pairs=pairs_of_gradients,
        section="the gradient of a convolution",
        forbidden=("coursekit", *CONVOLUTIONS, *AUTOGRAD),
        differentiable=False,
    ),
    Exercise(
        id="convolutional.conv1x1",
        arguments=("x", "weight", "bias"),
        parts=(Part("the result y", "eq-conv1x1", points=2),),
        cases=single_pixels,
        reference=package.conv1x1,
        mistakes=WRONG_ONE_PIXELS,
        pairs=pairs_of_one_pixels,
        section="the 1x1 convolution",
        forbidden=("coursekit", *CONVOLUTIONS),
    ),
    Exercise(
        id="convolutional.receptive_field",
        arguments=("layers",),
        parts=(Part("the size", "eq-receptive-field"), Part("the jump", "eq-jump")),
        cases=stacks,
        reference=package.receptive_field,
        mistakes=WRONG_FIELDS,
        pairs=pairs_of_fields,
        section="the receptive field",
        forbidden=("coursekit",),
        differentiable=False,
    ),
    Exercise(
        id="convolutional.residual_block",
        arguments=("x", "weight1", "weight2", "weight_shortcut", "stride"),
        parts=(Part("the result y", "eq-residual-block", points=2),),
        cases=blocks,
        reference=residual_block,
        mistakes=WRONG_BLOCKS,
        pairs=pairs_of_blocks,
        section="the residual block",
        forbidden=("coursekit", "torchvision"),
    ),
)
