"""The equations of the chapter on convolution, written out plainly, against the package and PyTorch."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.nn.convolutional import (
    conv2d,
    conv2d_backward,
    conv_parameters,
    max_pool2d,
    output_size,
    receptive_field,
)

N, C, OUT, H, W, K = 2, 3, 4, 7, 6, 3  # all different, so that exchanged axes cannot pass


class Options(NamedTuple):
    s: int  # stride
    p: int  # padding
    d: int  # dilation


class Layer(NamedTuple):
    """A convolution with random numbers everywhere, and the error that arrives at its result."""

    x: Tensor
    weight: Tensor
    bias: Tensor
    grad_y: Tensor
    options: Options

    def meetings(self) -> list[tuple[int, int, int, int, int, int]]:
        """Every (h, w, i, j, u, v): the place (h, w) reads the pixel (u, v) under the weight (i, j)."""
        s, p, d = self.options
        places = itertools.product(*map(range, self.grad_y.shape[2:]), range(K), range(K))
        read = [(h, w, i, j, h * s + i * d - p, w * s + j * d - p) for h, w, i, j in places]
        return [meeting for meeting in read if 0 <= meeting[4] < H and 0 <= meeting[5] < W]


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture(params=[Options(1, 0, 1), Options(2, 1, 1), Options(1, 2, 2), Options(3, 2, 1)], ids=str)
def layer(request: pytest.FixtureRequest) -> Layer:
    torch.manual_seed(0)
    x, weight, bias = normal(N, C, H, W), normal(OUT, C, K, K), normal(OUT)
    places = F.conv2d(x, weight, None, *request.param).shape
    return Layer(x, weight, bias, normal(*places), request.param)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


def torch_gradients(layer: Layer) -> tuple[Tensor, ...]:
    leaves = [tensor.clone().requires_grad_() for tensor in (layer.x, layer.weight, layer.bias)]
    return torch.autograd.grad(F.conv2d(*leaves, *layer.options), leaves, layer.grad_y)


@pytest.mark.topic("CNN-01")
def test_eq_conv2d(layer: Layer) -> None:
    plain = layer.bias[:, None, None].expand(layer.grad_y.shape).clone()  # (N, O, H', W')
    for h, w, i, j, u, v in layer.meetings():
        plain[:, :, h, w] += layer.x[:, :, u, v] @ layer.weight[:, :, i, j].T  # (N, C) times (C, O)
    close(conv2d(layer.x, layer.weight, layer.bias, *layer.options), plain)
    close(F.conv2d(layer.x, layer.weight, layer.bias, *layer.options), plain)


@pytest.mark.topic("CNN-01")
def test_eq_conv2d_grad_x(layer: Layer) -> None:
    plain = torch.zeros_like(layer.x)
    for h, w, i, j, u, v in layer.meetings():
        plain[:, :, u, v] += layer.grad_y[:, :, h, w] @ layer.weight[:, :, i, j]  # (N, O) times (O, C)
    close(conv2d_backward(layer.grad_y, layer.x, layer.weight, *layer.options).x, plain)
    close(torch_gradients(layer)[0], plain)


@pytest.mark.topic("CNN-01")
def test_eq_conv2d_grad_weight(layer: Layer) -> None:
    plain = torch.zeros_like(layer.weight)
    for h, w, i, j, u, v in layer.meetings():
        plain[:, :, i, j] += layer.grad_y[:, :, h, w].T @ layer.x[:, :, u, v]  # (O, N) times (N, C)
    close(conv2d_backward(layer.grad_y, layer.x, layer.weight, *layer.options).weight, plain)
    close(torch_gradients(layer)[1], plain)


@pytest.mark.topic("CNN-01")
def test_eq_conv2d_grad_bias(layer: Layer) -> None:
    plain = torch.zeros(OUT, dtype=torch.float64)
    for h, w in itertools.product(*map(range, layer.grad_y.shape[2:])):
        plain += layer.grad_y[:, :, h, w].sum(0)
    close(conv2d_backward(layer.grad_y, layer.x, layer.weight, *layer.options).bias, plain)
    close(torch_gradients(layer)[2], plain)


@pytest.mark.topic("CNN-01")
def test_eq_conv_size() -> None:
    for size, k, s, p, d in itertools.product((5, 8, 11), (1, 2, 3), (1, 2, 3), (0, 1, 2), (1, 2)):
        plain = (size + 2 * p - d * (k - 1) - 1) // s + 1
        assert output_size(size, k, s, p, d) == plain
        y = F.conv2d(torch.zeros(1, 1, size, 7), torch.zeros(1, 1, k, k), stride=s, padding=p, dilation=d)
        assert y.shape[2] == plain


@pytest.mark.topic("CNN-01")
@pytest.mark.parametrize(("channels", "filters", "k"), [(3, 6, 5), (64, 128, 3), (1, 1, 1)])
def test_eq_conv_parameters(channels: int, filters: int, k: int) -> None:
    plain = filters * (channels * k**2 + 1)
    assert conv_parameters(channels, filters, k) == plain
    assert sum(p.numel() for p in torch.nn.Conv2d(channels, filters, k).parameters()) == plain


@pytest.mark.topic("CNN-02")
@pytest.mark.parametrize(("k", "s", "p"), [(2, 2, 0), (3, 2, 1), (3, 1, 1)])
def test_eq_max_pool(k: int, s: int, p: int) -> None:
    torch.manual_seed(0)
    x = normal(N, C, H, W) - 5  # nearly all negative: a zero beyond the border would win
    expected = F.max_pool2d(x, k, s, p)
    plain = torch.full_like(expected, -torch.inf)
    for h, w, i, j in itertools.product(*map(range, expected.shape[2:]), range(k), range(k)):
        u, v = h * s + i - p, w * s + j - p
        if 0 <= u < H and 0 <= v < W:
            plain[:, :, h, w] = torch.maximum(plain[:, :, h, w], x[:, :, u, v])
    close(max_pool2d(x, k, s, p), plain)
    close(expected, plain)


STACKS = [
    [(5, 1, 1), (2, 2, 1), (5, 1, 1)],
    [(3, 2, 1), (3, 1, 2), (2, 2, 1)],
    [(4, 3, 1), (3, 2, 3)],
    [(3, 1, 1)] * 4,
]


@pytest.mark.topic("CNN-03")
@pytest.mark.parametrize("layers", STACKS, ids=str)
def test_eq_jump(layers: list[tuple[int, int, int]]) -> None:
    j = 1
    for _, s, _ in layers:
        j = s * j
    assert receptive_field(layers).jump == j
    first, second = (pixels_seen(layers, output) for output in (2, 3))
    assert second.min() - first.min() == j


@pytest.mark.topic("CNN-03")
@pytest.mark.parametrize("layers", STACKS, ids=str)
def test_eq_receptive_field(layers: list[tuple[int, int, int]]) -> None:
    r = j = 1
    for k, s, d in layers:
        r = r + d * (k - 1) * j  # the jump below the layer
        j = s * j
    assert receptive_field(layers).size == r
    seen = pixels_seen(layers, 2)
    assert seen.max() - seen.min() + 1 == r


def pixels_seen(layers: list[tuple[int, int, int]], output: int) -> Tensor:
    """The pixels to which PyTorch sends gradient from one output of convolutions of ones."""
    x = torch.zeros(1, 1, 99, requires_grad=True)
    y = x
    for k, s, d in layers:
        y = F.conv1d(y, torch.ones(1, 1, k), stride=s, dilation=d)
    (gradient,) = torch.autograd.grad(y[0, 0, output], x)
    return gradient[0, 0].nonzero().flatten()
