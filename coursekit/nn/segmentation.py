r"""From one class per image to one per pixel: the operations.

Letters: N batch, C channels, O channels out, H and W height and width, K classes, k kernel size. The networks
are in `coursekit.nn.segmentation_nets`, what is done to a finished mask in `..._refine`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.convolutional import fold_patches


def conv_transpose2d_size(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    r"""How long an axis is after a transposed convolution.

    $$(H - 1) s - 2p + d(k - 1) + p_{\text{out}} + 1$$
    A convolution of that length gives H again, but so do up to s - 1 longer ones: `output_padding` says which
    is meant. Raises `ValueError` for an `output_padding` that is not in [0, max(s, d)), and when nothing is
    left.
    """
    if not 0 <= output_padding < max(stride, dilation):
        raise ValueError(
            f"expected output_padding from 0 to {max(stride, dilation) - 1}, below stride or dilation; "
            f"got {output_padding}"
        )
    out = (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
    if out < 1:
        raise ValueError(f"padding of {padding} leaves nothing of {size} pixels")
    return out


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    r"""The transpose of a convolution: every pixel stamps its multiple of the kernel onto a larger map.

    $$y_{n,\,o,\,hs + id - p,\,ws + jd - p} \mathrel{+}= \sum_c W_{c,o,i,j}\, x_{n,c,h,w}$$
    With $C$ the convolution of the same weight, $\langle C x, y \rangle = \langle x, C^\top y \rangle$: it
    restores the shape, not the values, so "deconvolution" misleads.
    Shapes: x (N, C, H, W), weight (C, O, k, k), bias (O,) -> (N, O, H', W'), see `conv_transpose2d_size`.
    Raises `ValueError` for channels that do not fit, and as `conv_transpose2d_size` does.
    """
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[0]:
        raise ValueError(
            "conv_transpose2d: expected x (N, C, H, W) and weight (C, O, k, k); "
            f"got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    height, width = (
        conv_transpose2d_size(size, k, stride, padding, output_padding, dilation)
        for size, k in zip(x.shape[2:], weight.shape[2:], strict=True)
    )
    stamps = torch.einsum("nchw,coij->nohwij", x, weight)  # (N, O, H, W, k, k)
    y = fold_patches(stamps, (height, width), stride, padding, dilation)
    return y if bias is None else y + bias[:, None, None]


def bilinear_kernel(channels: int, stride: int) -> Tensor:
    r"""A weight with which a transposed convolution of this stride interpolates linearly between pixels.

    $$W_{ccij} = \Big(1 - \frac{|i - m|}{s}\Big) \Big(1 - \frac{|j - m|}{s}\Big), \qquad
      m = \frac{k - 1}{2}, \quad k = 2s - s \bmod 2$$
    A start for layers that learn to enlarge: with padding $\lceil (s - 1) / 2 \rceil$ the map grows s-fold.
    Returns (channels, channels, k, k) with zeros between different channels.
    Source: Long et al. (2015), Fully convolutional networks for semantic segmentation.
    """
    size = 2 * stride - stride % 2
    line = 1 - (torch.arange(size) - (size - 1) / 2).abs() / stride  # (k,)
    return torch.eye(channels)[:, :, None, None] * torch.outer(line, line)


def upsample_nearest(x: Tensor, scale: int) -> Tensor:
    """Every pixel becomes a square of `scale` times `scale`: (N, C, H, W) -> (N, C, sH, sW)."""
    return x.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


def max_unpool2d(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Each maximum goes back to where it was found, everything else is 0.

    Shapes: x and `indices` (N, C, H', W') as `F.max_pool2d(..., return_indices=True)` gives them for maps of
    `size` (H, W), each index counting along the rows -> (N, C, H, W). Windows must not overlap.
    Source: Zeiler and Fergus (2014), Visualizing and understanding convolutional networks.
    """
    if x.shape != indices.shape:
        raise ValueError(f"max_unpool2d: expected indices {tuple(x.shape)}; got {tuple(indices.shape)}")
    flat = x.new_zeros(*x.shape[:2], size[0] * size[1])
    return flat.scatter(2, indices.flatten(2), x.flatten(2)).view(*x.shape[:2], *size)


def linear_to_conv(linear: nn.Linear, channels: int) -> nn.Conv2d:
    """The convolution that does what a dense layer does with a map, at every place of a larger one.

    A layer that reads all of a (channels, h, h) map becomes a convolution with kernel h, of as many weights;
    one that reads `channels` numbers, with kernel 1. Raises `ValueError` when the map is not square.
    Source: Long et al. (2015), Fully convolutional networks for semantic segmentation.
    """
    size = round((linear.in_features / channels) ** 0.5)
    if channels * size**2 != linear.in_features:
        raise ValueError(
            f"linear_to_conv: expected a layer that reads {channels} square maps; "
            f"got one of {linear.in_features} inputs"
        )
    with torch.device(linear.weight.device):
        conv = nn.Conv2d(channels, linear.out_features, size, bias=linear.bias is not None)
    conv = conv.to(linear.weight.dtype)
    with torch.no_grad():
        conv.weight.copy_(linear.weight.view(-1, channels, size, size))
        if linear.bias is not None and conv.bias is not None:
            conv.bias.copy_(linear.bias)
    return conv


def center_crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of the maps: (N, C, H, W) -> (N, C, h, w). Raises `ValueError` when they are smaller."""
    height, width = x.shape[-2:]
    if height < size[0] or width < size[1]:
        raise ValueError(f"center_crop: expected maps of at least {tuple(size)}; got {(height, width)}")
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return x[..., top : top + size[0], left : left + size[1]]


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps in another size by bilinear interpolation: (N, C, H, W) -> (N, C, h, w)."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
