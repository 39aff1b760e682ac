"""Right answers to the exercises on convolution that do not look like the references.

By Fourier transforms, matrices of all places, loops over single numbers, numpy, autograd of one's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def sizes(x, weight, stride, padding, dilation):
    return [
        (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1
        for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)
    ]


# The convolution


def conv2d_output_by_output(x, weight, bias, stride=1, padding=0, dilation=1):
    """A loop over every number of the result, which are joined at the end; numbers in float64."""
    n, (high, wide) = len(x), sizes(x, weight, stride, padding, dilation)
    tall, broad = (dilation * (k - 1) + 1 for k in weight.shape[2:])
    bordered = F.pad(x.double(), [padding] * 4)
    numbers = []
    for picture, filter, h, w in np.ndindex(n, len(weight), high, wide):
        window = bordered[picture, :, h * stride :, w * stride :][:, :tall:dilation, :broad:dilation]
        numbers.append(torch.dot(window.flatten(), weight[filter].flatten().double()) + bias[filter])
    return torch.stack(numbers).view(n, -1, high, wide).to(x.dtype)


def conv2d_window_by_window(x, weight, bias, stride=1, padding=0, dilation=1):
    """Lists that are stacked at the end; a border put around by copying into zeros."""
    high, wide = sizes(x, weight, stride, padding, dilation)
    n, c, height, width = x.shape
    bordered = torch.zeros(n, c, height + 2 * padding, width + 2 * padding, dtype=x.dtype, device=x.device)
    bordered[:, :, padding : padding + height, padding : padding + width] = x
    tall, broad = (dilation * (k - 1) + 1 for k in weight.shape[2:])
    rows = []
    for top in range(0, stride * high, stride):
        row = []
        for left in range(0, stride * wide, stride):
            window = bordered[:, None, :, top : top + tall : dilation, left : left + broad : dilation]
            row.append((window * weight).sum(dim=(2, 3, 4)) + bias)  # (N, O)
        rows.append(torch.stack(row, dim=-1))
    return torch.stack(rows, dim=-2)


def conv2d_by_views(x, weight, bias, stride=1, padding=0, dilation=1):
    """Windows as a view, made by `Tensor.unfold`, and one product of matrices."""
    tall, broad = (dilation * (k - 1) + 1 for k in weight.shape[2:])
    windows = F.pad(x, [padding] * 4).unfold(2, tall, stride).unfold(3, broad, stride)
    windows = windows[..., ::dilation, ::dilation]
    return torch.tensordot(windows, weight, ([1, 4, 5], [1, 2, 3])).movedim(-1, 1) + bias.view(-1, 1, 1)


def conv2d_by_indices(x, weight, bias, stride=1, padding=0, dilation=1):
    """Windows gathered by tables of rows and columns, which stay on the CPU; what is beyond counts as 0."""
    high, wide = sizes(x, weight, stride, padding, dilation)
    rows, columns = (
        stride * torch.arange(n)[:, None] + dilation * torch.arange(k) - padding
        for n, k in zip((high, wide), weight.shape[2:], strict=True)
    )
    inside = ((rows >= 0) & (rows < x.shape[2]))[:, None, :, None]
    inside = inside & ((columns >= 0) & (columns < x.shape[3]))[:, None, :]
    windows = x[
        :, :, rows.clamp(0, x.shape[2] - 1)[:, None, :, None], columns.clamp(0, x.shape[3] - 1)[:, None]
    ]
    windows = torch.where(inside.to(x.device), windows, 0.0)  # (N, C, H', W', k, m)
    return torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]


def conv2d_by_fourier(x, weight, bias, stride=1, padding=0, dilation=1):
    """A product of transforms at every shift, of which the stride keeps some."""
    high, wide = sizes(x, weight, stride, padding, dilation)
    bordered = F.pad(x.double(), [padding] * 4)
    spread = weight.new_zeros(*weight.shape[:2], *bordered.shape[2:], dtype=torch.float64)
    spread[:, :, : dilation * weight.shape[2] : dilation, : dilation * weight.shape[3] : dilation] = weight
    product = torch.einsum("nchw,ochw->nohw", torch.fft.rfft2(bordered), torch.fft.rfft2(spread).conj())
    y = torch.fft.irfft2(product, s=bordered.shape[2:])
    y = y[:, :, : stride * high : stride, : stride * wide : stride] + bias[:, None, None]
    return y.to(x.dtype)


def conv2d_by_one_matrix(x, weight, bias, stride=1, padding=0, dilation=1):
    """The whole convolution as one matrix, which most of its zeros fill."""
    high, wide = sizes(x, weight, stride, padding, dilation)
    height, width = x.shape[2] + 2 * padding, x.shape[3] + 2 * padding
    matrix = x.new_zeros(len(weight), high, wide, x.shape[1], height, width)
    for h, w in product(range(high), range(wide)):
        rows = slice(h * stride, h * stride + dilation * (weight.shape[2] - 1) + 1, dilation)
        columns = slice(w * stride, w * stride + dilation * (weight.shape[3] - 1) + 1, dilation)
        matrix[:, h, w, :, rows, columns] = weight
    flat = F.pad(x, [padding] * 4).reshape(len(x), -1)
    return (flat @ matrix.reshape(-1, flat.shape[1]).T).view(len(x), -1, high, wide) + bias[:, None, None]


class ByHand(torch.autograd.Function):
    """Forward in numpy, backward by hand."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride, padding):
        ctx.save_for_backward(x, weight)
        ctx.numbers = stride, padding
        y = conv2d_window_by_window(x.detach(), weight.detach(), bias.detach(), stride, padding)
        return torch.from_numpy(np.ascontiguousarray(y.numpy()))

    @staticmethod
    def backward(ctx, grad_out):
        return *backward_place_by_place(grad_out, *ctx.saved_tensors, *ctx.numbers), None, None


def conv2d_by_a_function_of_ones_own(x, weight, bias, stride=1, padding=0, dilation=1):
    """A dilated kernel as a larger one with zeros."""
    tall, broad = (dilation * (k - 1) + 1 for k in weight.shape[2:])
    spread = weight.new_zeros(*weight.shape[:2], tall, broad)
    spread[:, :, ::dilation, ::dilation] = weight
    return ByHand.apply(x, spread, bias, stride, padding)


# Its gradient


def backward_place_by_place(grad_out, x, weight, stride=1, padding=0):
    k, m = weight.shape[2:]
    bordered = F.pad(x, [padding] * 4)
    grad_x, grad_weight = torch.zeros_like(bordered), torch.zeros_like(weight)
    for h, w in np.ndindex(*grad_out.shape[2:]):
        window = (..., slice(h * stride, h * stride + k), slice(w * stride, w * stride + m))
        delta = grad_out[:, :, h, w]  # (N, O)
        grad_x[window] += torch.tensordot(delta, weight, 1)
        grad_weight += torch.tensordot(delta.T, bordered[window], 1)
    height, width = x.shape[2:]
    inside = grad_x[:, :, padding : padding + height, padding : padding + width]
    return inside, grad_weight, grad_out.flatten(2).sum(-1).sum(0)


def backward_by_convolutions(grad_out, x, weight, stride=1, padding=0):
    """Both as convolutions: of the spread gradient with the flipped kernel, and with the picture."""
    k, m = weight.shape[2:]
    zero, zeros = grad_out.new_zeros(len(weight)), grad_out.new_zeros(x.shape[1])
    n, o, high, wide = grad_out.shape
    spread = grad_out.new_zeros(n, o, x.shape[2] + 2 * padding - k + 1, x.shape[3] + 2 * padding - m + 1)
    spread[:, :, : stride * high : stride, : stride * wide : stride] = grad_out
    full = F.pad(spread, (m - 1, m - 1, k - 1, k - 1))
    grad_x = conv2d_by_views(full, weight.flip(2, 3).transpose(0, 1), zeros)
    grad_weight = conv2d_by_views(
        F.pad(x, [padding] * 4).transpose(0, 1), spread.transpose(0, 1), zero
    ).transpose(0, 1)
    if padding:
        grad_x = grad_x[:, :, padding:-padding, padding:-padding]
    return [grad_x, grad_weight, spread.sum((0, 2, 3))]


def backward_by_one_matrix(grad_out, x, weight, stride=1, padding=0):
    """The matrix of the convolution, read off from unit pictures, and its transpose."""
    nothing = grad_out.new_zeros(len(weight))
    units = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device).view(-1, *x.shape[1:])
    matrix = conv2d_by_views(units, weight, nothing, stride, padding).flatten(1)  # (CHW, OH'W')
    kernels = torch.eye(weight.numel(), dtype=x.dtype, device=x.device).view(-1, *weight.shape)
    results = torch.stack([conv2d_by_views(x, one, nothing, stride, padding) for one in kernels])
    return (
        (grad_out.flatten(1) @ matrix.T).view_as(x),
        (results * grad_out).flatten(1).sum(1).view_as(weight),
        grad_out.transpose(0, 1).flatten(1) @ grad_out.new_ones(grad_out[:, 0].numel()),
    )


def backward_by_numpy(grad_out, x, weight, stride=1, padding=0):
    delta, w = grad_out.numpy(), weight.numpy()
    bordered = np.pad(x.numpy(), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    windows = np.lib.stride_tricks.sliding_window_view(bordered, w.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    grad_x = np.zeros_like(bordered)
    for n, o, h, v in np.ndindex(*delta.shape):
        grad_x[n, :, h * stride : h * stride + w.shape[2], v * stride : v * stride + w.shape[3]] += (
            delta[n, o, h, v] * w[o]
        )
    grad_x = grad_x[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]
    grad_weight = np.einsum("nohw,nchwij->ocij", delta, windows)
    return tuple(
        torch.from_numpy(np.ascontiguousarray(g)) for g in (grad_x, grad_weight, delta.sum((0, 2, 3)))
    )


# The convolution of one pixel


def conv1x1_by_a_linear_layer(x, weight, bias):
    """A result that is not contiguous."""
    return F.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1)


def conv1x1_by_matrices(x, weight, bias):
    return torch.baddbmm(bias[None, :, None], weight.expand(len(x), -1, -1), x.flatten(2)).view(
        len(x), -1, *x.shape[2:]
    )


def conv1x1_by_channels(x, weight, bias):
    """Filter by filter, channel by channel."""
    maps = []
    for row, b in zip(weight, bias, strict=True):
        y = b.expand(len(x), *x.shape[2:])
        for w, channel in zip(row, x.unbind(1), strict=True):
            y = y + w * channel
        maps.append(y)
    return torch.stack(maps, dim=1)


def conv1x1_by_pixels(x, weight, bias):
    """Pixel by pixel, and the batch in one."""
    pixels = [[weight @ x[:, :, h, w].T for w in range(x.shape[3])] for h in range(x.shape[2])]
    return torch.stack([torch.stack(row) for row in pixels]).permute(3, 2, 0, 1) + bias.reshape(-1, 1, 1)


def conv1x1_with_a_channel_of_ones(x, weight, bias):
    """The bias as the weight of a channel that is always 1."""
    extended = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    return (torch.cat([weight, bias[:, None]], dim=1)[:, :, None, None] * extended[:, None]).sum(2)


# The receptive field


def field_by_intervals(layers):
    """The first and last pixel that outputs 0 and 1 see, followed down to the image."""
    first, last, second = 0, 0, 1
    for kernel, stride, dilation in layers[::-1]:
        first, last, second = first * stride, last * stride + dilation * (kernel - 1), second * stride
    return [last - first + 1, second - first]


def field_by_products(layers):
    """Every layer by itself: its reach times the strides before it."""
    strides = [stride for _, stride, _ in layers]
    reaches = (d * (k - 1) * math.prod(strides[:n]) for n, (k, _, d) in enumerate(layers))
    return 1 + sum(reaches), math.prod(strides)


def field_by_recursion(layers):
    if not layers:
        return 1, 1
    (kernel, stride, dilation), *others = layers
    size, jump = field_by_recursion(others)
    return (size - 1) * stride + dilation * (kernel - 1) + 1, jump * stride


def field_as_tensors(layers):
    """Numbers in tensors of integers."""
    table = torch.tensor(layers, dtype=torch.int64).reshape(-1, 3)
    jumps = torch.cat([table.new_ones(1), table[:, 1].cumprod(0)])
    return 1 + (table[:, 2] * (table[:, 0] - 1) * jumps[:-1]).sum(), jumps[-1]


# The residual block


def block_of_modules(x, weight1, weight2, weight_shortcut=None, stride=1):
    def layer(weight, step, padding):
        module = nn.Conv2d(*weight.shape[1::-1], weight.shape[-1], step, padding, bias=False)
        return lambda picture: torch.func.functional_call(module, {"weight": weight}, (picture,))

    first, second = layer(weight1, stride, 1), layer(weight2, 1, 1)
    around = nn.Identity() if weight_shortcut is None else layer(weight_shortcut, stride, 0)
    return nn.functional.relu(second(nn.ReLU()(first(x))) + around(x))


def block_by_own_convolution(x, weight1, weight2, weight_shortcut=None, stride=1):
    """With the convolution of the first exercise; maximum for ReLU."""
    nothing = x.new_zeros(len(weight1))
    zero = x.new_zeros(())
    hidden = torch.maximum(conv2d_by_views(x, weight1, nothing, stride, 1), zero)
    if weight_shortcut is not None:
        x = conv1x1_by_a_linear_layer(x[:, :, ::stride, ::stride], weight_shortcut[..., 0, 0], nothing)
    return torch.maximum(x + conv2d_by_views(hidden, weight2, nothing, 1, 1), zero)


def block_as_one_convolution(x, weight1, weight2, weight_shortcut=None, stride=1):
    """The shortcut is a third 3x3 kernel with zeros around its middle."""
    if weight_shortcut is None:
        weight_shortcut = torch.eye(len(weight2), dtype=x.dtype, device=x.device)[:, :, None, None]
    both = torch.conv2d(x, torch.cat([weight1, F.pad(weight_shortcut, (1, 1, 1, 1))]), None, stride, 1)
    hidden, around = both.tensor_split(2, dim=1)
    return F.relu_(around + F.conv2d(hidden.clamp_min(0), weight2, padding="same"))


def block_in_place(x, weight1, weight2, weight_shortcut=None, stride=1):
    """In place where it may be: never in an argument."""
    y = F.conv2d(F.relu(F.conv2d(x, weight1, None, stride, 1), inplace=True), weight2, None, 1, 1)
    y += x if weight_shortcut is None else F.conv2d(x, weight_shortcut, None, stride)
    return y.relu_()


def block_in_one_precision(x, weight1, weight2, weight_shortcut=None, stride=1):
    """Everything in float64 and back; ReLU as a product with what is positive."""
    a, b = weight1.double(), weight2.double()
    hidden = F.conv2d(x.double(), a, stride=(stride, stride), padding=(1, 1))
    learned = F.conv2d(hidden * (hidden > 0), b, padding=1)
    around = x if weight_shortcut is None else F.conv2d(x.double(), weight_shortcut.double(), stride=stride)
    y = learned + around
    return torch.where(y > 0, y, 0.0).to(x.dtype)


VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "convolutional.conv2d": (
        conv2d_output_by_output,
        conv2d_window_by_window,
        conv2d_by_views,
        conv2d_by_indices,
        conv2d_by_fourier,
        conv2d_by_one_matrix,
        conv2d_by_a_function_of_ones_own,
    ),
    "convolutional.conv2d_backward": (
        backward_place_by_place,
        backward_by_convolutions,
        backward_by_one_matrix,
        backward_by_numpy,
    ),
    "convolutional.conv1x1": (
        conv1x1_by_a_linear_layer,
        conv1x1_by_matrices,
        conv1x1_by_channels,
        conv1x1_by_pixels,
        conv1x1_with_a_channel_of_ones,
    ),
    "convolutional.receptive_field": (
        field_by_intervals,
        field_by_products,
        field_by_recursion,
        field_as_tensors,
    ),
    "convolutional.residual_block": (
        block_of_modules,
        block_by_own_convolution,
        block_as_one_convolution,
        block_in_place,
        block_in_one_precision,
    ),
}
