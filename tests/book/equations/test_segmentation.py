"""The equations of the segmentation page, written out plainly, against the package and against PyTorch."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.convolutional import conv2d, output_size
from coursekit.nn.segmentation import conv_transpose2d, conv_transpose2d_size
from coursekit.nn.segmentation_refine import border_weights

# kernel, stride, padding, output padding, dilation: stamps that overlap, that touch, that leave holes
SETTINGS = [(2, 2, 0, 0, 1), (4, 2, 1, 0, 1), (3, 2, 1, 1, 1), (3, 1, 2, 0, 2), (2, 3, 0, 2, 1)]
settings = pytest.mark.parametrize(("k", "s", "p", "extra", "d"), SETTINGS)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.topic("CNN-29")
@settings
def test_eq_conv_transpose(k: int, s: int, p: int, extra: int, d: int) -> None:
    x, weight, bias = normal(2, 3, 4, 3), normal(3, 2, k, k, seed=1), normal(2, seed=2)
    theirs = F.conv_transpose2d(x, weight, bias, s, p, extra, 1, d)
    y = bias[:, None, None].expand_as(theirs).clone()
    height, width = y.shape[2:]
    for n, c, h, w, o, i, j in itertools.product(*map(range, (2, 3, 4, 3, 2, k, k))):
        row, column = h * s + i * d - p, w * s + j * d - p
        if 0 <= row < height and 0 <= column < width:
            y[n, o, row, column] += weight[c, o, i, j] * x[n, c, h, w]
    assert_close(y, theirs)
    assert_close(conv_transpose2d(x, weight, bias, s, p, extra, d), y)


@pytest.mark.topic("CNN-29")
@settings
def test_eq_conv_transpose_size(k: int, s: int, p: int, extra: int, d: int) -> None:
    """Against PyTorch, and a convolution of that length gives the short one back."""
    for size in (2, 5, 8):
        long = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
        theirs = F.conv_transpose2d(
            torch.zeros(1, 1, size, size), torch.zeros(1, 1, k, k), None, s, p, extra, 1, d
        )
        assert theirs.shape[-1] == long == conv_transpose2d_size(size, k, s, p, extra, d)
        assert output_size(long, k, s, p, d) == size


@pytest.mark.topic("CNN-29")
@settings
def test_eq_adjoint(k: int, s: int, p: int, extra: int, d: int) -> None:
    """The matrix of the convolution, column by column from pictures with one pixel, and its transpose."""
    size = conv_transpose2d_size(4, k, s, p, extra, d)
    weight = normal(1, 1, k, k)
    pixels = torch.eye(size * size, dtype=torch.float64).view(-1, 1, size, size)
    c = conv2d(pixels, weight, None, s, p, d).flatten(1).T  # (4 * 4, size * size)
    x, y = normal(size * size, seed=1), normal(16, seed=2)
    assert_close((c @ x) @ y, x @ (c.T @ y))
    assert_close(conv_transpose2d(y.view(1, 1, 4, 4), weight, None, s, p, extra, d).flatten(), c.T @ y)


@pytest.mark.topic("APP-04")
def test_eq_border_weights() -> None:
    """Distances by looking at every pixel of every object."""
    instances = torch.zeros(7, 9, dtype=torch.int64)
    instances[1:4, 0:3], instances[2:6, 4:6], instances[0, 8] = 1, 2, 3
    weights = border_weights(instances, strength=7.0, reach=2.0)
    for row, column in itertools.product(range(7), range(9)):
        nearest = sorted(
            min(math.dist((row, column), place) for place in (instances == number).nonzero().tolist())
            for number in (1, 2, 3)
        )
        gap = instances[row, column] == 0
        expected = 1 + 7 * math.exp(-((nearest[0] + nearest[1]) ** 2) / (2 * 2**2)) if gap else 1
        assert weights[row, column].item() == pytest.approx(expected, rel=1e-5)
