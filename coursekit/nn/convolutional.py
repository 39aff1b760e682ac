r"""Convolution and pooling from their definitions.

Letters: N batch, C channels in, O channels out, H and W height and width, k kernel size. Everything here is
built from one view, `patches`: what stands under the kernel at each of its places. That shows what is
computed, at the price of memory and time: a picture is held up to k² times. The networks of
`coursekit.nn.convolutional_classic`, `..._googlenet` and `..._resnet` run on the library's kernels, with
which these functions agree.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Conv2dGradients(NamedTuple):
    """Gradients of a loss for what a convolution reads, each in the shape of its namesake."""

    x: Tensor  # (N, C, H, W)
    weight: Tensor  # (O, C, k, k)
    bias: Tensor  # (O,)


class ReceptiveField(NamedTuple):
    """What one output of a stack of layers sees, along one axis of the image."""

    size: int  # pixels
    jump: int  # pixels between two neighbouring outputs


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    r"""How many places a kernel finds along an axis.

    $$\left\lfloor \frac{H + 2p - d(k - 1) - 1}{s} \right\rfloor + 1$$
    Raises `ValueError` when it finds none, and for a stride or dilation below 1 or a negative padding.
    """
    if stride < 1 or dilation < 1 or padding < 0 or kernel_size < 1:
        raise ValueError(
            "expected kernel_size, stride and dilation of at least 1 and padding of at least 0; "
            f"got {kernel_size}, {stride}, {dilation} and {padding}"
        )
    room = size + 2 * padding - dilation * (kernel_size - 1) - 1
    if room < 0:
        raise ValueError(
            f"a kernel of size {kernel_size} with dilation {dilation} does not fit into {size} pixels "
            f"with padding {padding}"
        )
    return room // stride + 1


def receptive_field(layers: Iterable[tuple[int, int, int]]) -> ReceptiveField:
    r"""What one output sees after layers of (kernel size, stride, dilation), first layer first.

    $$r \leftarrow r + d (k - 1) j, \qquad j \leftarrow j s$$
    from $r = j = 1$: a kernel reaches $d(k - 1)$ outputs further of the layer below, and those are $j$ pixels
    apart.
    """
    size = jump = 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump *= stride
    return ReceptiveField(size, jump)


def patches(
    x: Tensor, kernel_size: tuple[int, int], stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """What stands under the kernel at each of its places: (N, C, H, W) -> (N, C, H', W', k, k), a view.

    H' and W' are those of `output_size`; pixels beyond the border are 0.
    """
    for size, k in zip(x.shape[-2:], kernel_size, strict=True):
        output_size(size, k, stride, padding, dilation)  # refuses what does not fit
    span = [dilation * (k - 1) + 1 for k in kernel_size]
    windows = F.pad(x, [padding] * 4).unfold(-2, span[0], stride).unfold(-2, span[1], stride)
    return windows[..., ::dilation, ::dilation]


def fold_patches(columns: Tensor, size: tuple[int, int], stride: int, padding: int, dilation: int) -> Tensor:
    """The way back from `patches`: every value is added where it was read.

    (N, C, H', W', k, k) -> (N, C, H, W) with `size` (H, W). Not the inverse of `patches`
    but its adjoint: a pixel read r times comes back r-fold.
    """
    height, width = size
    rows, cols, kernel_h, kernel_w = columns.shape[2:]
    x = columns.new_zeros(*columns.shape[:2], height + 2 * padding, width + 2 * padding)
    for i in range(kernel_h):
        for j in range(kernel_w):
            top, left = i * dilation, j * dilation
            bottom, right = top + stride * (rows - 1) + 1, left + stride * (cols - 1) + 1
            x[:, :, top:bottom:stride, left:right:stride] += columns[..., i, j]
    return x[:, :, padding : padding + height, padding : padding + width]


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    r"""The convolution of deep learning, a cross-correlation: the kernel is not flipped.

    $$y_{n,o,h,w} = b_o + \sum_{c,i,j} W_{o,c,i,j}\, x_{n,\,c,\,hs + id - p,\,ws + jd - p}$$
    With `groups` = g the channels are cut into g parts, which never meet: a filter sees C/g channels.
    Parameters: $O (C k^2 / g + 1)$.
    Shapes: x (N, C, H, W), weight (O, C/g, k, k), bias (O,) -> (N, O, H', W'), see `output_size`.
    Raises `ValueError` for channels that do not fit, and as `output_size` does.
    """
    _check_channels(x, weight, groups)
    windows = patches(x, (weight.shape[2], weight.shape[3]), stride, padding, dilation)
    windows = windows.unflatten(1, (groups, -1))  # (N, g, C/g, H', W', k, k)
    filters = weight.unflatten(0, (groups, -1))  # (g, O/g, C/g, k, k)
    y = torch.einsum("ngchwij,gocij->ngohw", windows, filters).flatten(1, 2)  # (N, O, H', W')
    return y if bias is None else y + bias[:, None, None]


def conv2d_backward(
    grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Conv2dGradients:
    r"""Gradients of `conv2d` by hand, from that of its result.

    $$\delta W_{o,c,i,j} = \sum_{n,h,w} \delta y_{n,o,h,w}\, x_{n,\,c,\,hs + id - p,\,ws + jd - p}, \qquad
      \delta b_o = \sum_{n,h,w} \delta y_{n,o,h,w}$$
    and $\delta x$ receives $W_{o,c,i,j}\,\delta y_{n,o,h,w}$ wherever the forward pass read it: a transposed
    convolution.
    Shapes: grad_out (N, O, H', W'), the rest as in `conv2d` with one group.
    """
    kernel_size = (weight.shape[2], weight.shape[3])
    windows = patches(x, kernel_size, stride, padding, dilation)  # (N, C, H', W', k, k)
    columns = torch.einsum("nohw,ocij->nchwij", grad_out, weight)
    return Conv2dGradients(
        x=fold_patches(columns, (x.shape[2], x.shape[3]), stride, padding, dilation),
        weight=torch.einsum("nohw,nchwij->ocij", grad_out, windows),
        bias=grad_out.sum((0, 2, 3)),
    )


def conv1x1(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    r"""A convolution with a kernel of one pixel: the same linear layer at every pixel.

    $$y_{n,o,h,w} = b_o + \sum_c W_{oc}\, x_{n,c,h,w}$$
    It mixes channels and sees no neighbour. It is linear; only the activation behind it is not.
    Shapes: x (N, C, H, W), weight (O, C), bias (O,) -> (N, O, H, W).
    Source: Lin et al. (2014), Network in network.
    """
    if x.ndim != 4 or weight.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            "conv1x1: expected x (N, C, H, W) and weight (O, C); "
            f"got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    y = torch.einsum("oc,nchw->nohw", weight, x)
    return y if bias is None else y + bias[:, None, None]


def conv_parameters(
    in_channels: int, out_channels: int, kernel_size: int, groups: int = 1, bias: bool = True
) -> int:
    r"""How many numbers a convolution learns: $O (C k^2 / g + 1)$, without a bias $O C k^2 / g$."""
    return out_channels * (in_channels // groups * kernel_size**2 + bias)


def conv_multiplications(
    in_channels: int, out_channels: int, kernel_size: int, height: int, width: int, groups: int = 1
) -> int:
    """How often a convolution multiplies: each of its weights once at each of height x width places."""
    return height * width * conv_parameters(in_channels, out_channels, kernel_size, groups, bias=False)


def max_pool2d(x: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0) -> Tensor:
    r"""The largest value under a window: $y_{n,c,h,w} = \max_{i,j} x_{n,\,c,\,hs + i - p,\,ws + j - p}$.

    Beyond the border stands $-\infty$, which never wins; a 0 there would beat negative values (MIS-05). The
    gradient goes to the winner alone. `stride` is by default the kernel size, so that windows do not overlap.
    Shapes: x (N, C, H, W) -> (N, C, H', W'), see `output_size`; the padding is at most half the kernel.
    """
    if padding > kernel_size // 2:
        raise ValueError(f"max_pool2d: expected padding of at most {kernel_size // 2}; got {padding}")
    bordered = F.pad(x, [padding] * 4, value=-torch.inf)
    windows = patches(bordered, (kernel_size, kernel_size), stride or kernel_size)  # (N, C, H', W', k, k)
    return windows.flatten(-2).max(dim=-1).values


def avg_pool2d(x: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0) -> Tensor:
    r"""The mean under a window: $y_{n,c,h,w} = \frac1{k^2} \sum_{i,j} x_{n,\,c,\,hs + i - p,\,ws + j - p}$.

    Beyond the border stands 0 and counts, as in PyTorch by default. Shapes: as `max_pool2d`.
    """
    if padding > kernel_size // 2:
        raise ValueError(f"avg_pool2d: expected padding of at most {kernel_size // 2}; got {padding}")
    return patches(x, (kernel_size, kernel_size), stride or kernel_size, padding).mean((-2, -1))


def global_avg_pool(x: Tensor) -> Tensor:
    r"""One number per channel, $y_{nc} = \frac1{HW} \sum_{h,w} x_{nchw}$: (N, C, H, W) -> (N, C).

    Any image size will do, and there is nothing to learn. Source: Lin et al. (2014), Network in network.
    """
    return x.mean((-2, -1))


def _check_channels(x: Tensor, weight: Tensor, groups: int) -> None:
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(
            f"expected x (N, C, H, W) and weight (O, C/groups, k, k); got {tuple(x.shape)} and "
            f"{tuple(weight.shape)}"
        )
    if x.shape[1] != groups * weight.shape[1] or weight.shape[0] % groups:
        raise ValueError(
            f"expected weights for {x.shape[1]} channels in {groups} groups; "
            f"got {weight.shape[0]} filters of {weight.shape[1]} channels"
        )
