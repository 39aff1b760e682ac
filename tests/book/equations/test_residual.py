"""The equations of the page on residual networks, written out plainly, against the package and PyTorch."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.convolutional_resnet import BasicBlock, Bottleneck, residual_block

N, C, OUT, SIZE = 2, 3, 5, 7  # all different, and the size odd, so that a stride of 2 has an end to choose


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def convolve(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """The sum of the definition, place by place of the kernel; the size stays but for the stride."""
    kernel = weight.shape[-1]
    padded = F.pad(x, [kernel // 2] * 4)
    size = [(length - 1) // stride + 1 for length in x.shape[2:]]
    result = x.new_zeros(len(x), len(weight), *size)
    for down in range(kernel):
        for right in range(kernel):
            rows = slice(down, down + stride * (size[0] - 1) + 1, stride)
            columns = slice(right, right + stride * (size[1] - 1) + 1, stride)
            result += torch.einsum("nchw,oc->nohw", padded[:, :, rows, columns], weight[:, :, down, right])
    return result


@pytest.mark.topic("CNN-22")
@pytest.mark.parametrize("seed", range(3))
def test_eq_residual_block(seed: int) -> None:
    torch.manual_seed(seed)
    x, w1, w2 = normal(N, C, SIZE, SIZE), normal(C, C, 3, 3), normal(C, C, 3, 3)
    learned = convolve(convolve(x, w1).clamp(min=0), w2)
    expected = (learned + x).clamp(min=0)
    assert_close(residual_block(x, w1, w2), expected)

    block = BasicBlock(C, C).double().eval()  # the same with norms that do nothing
    block.conv1.weight.data, block.conv2.weight.data = w1, w2
    for norm in (block.bn1, block.bn2):
        nn.init.constant_(norm.weight, (1 + norm.eps) ** 0.5)
    assert_close(block(x), expected)
    assert (learned.clamp(min=0) + x - expected).abs().max() > 0.1  # added late, it is another function


@pytest.mark.topic("CNN-22")
@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
def test_eq_residual_gradient(kind: type[BasicBlock | Bottleneck]) -> None:
    torch.manual_seed(0)
    block = kind(6 * kind.expansion, 6).double().eval()
    x = normal(1, 6 * kind.expansion, 3, 3) + 9  # so large that the last ReLU lets everything pass

    def flat(function: nn.Module) -> Tensor:
        jacobian: Tensor = torch.autograd.functional.jacobian(function, x)
        return jacobian.reshape(x.numel(), x.numel())

    learned = flat(block.residual)
    assert learned.abs().max() > 1e-3
    assert (block(x) > 0).all()
    assert_close(flat(block), torch.eye(x.numel(), dtype=torch.float64) + learned)


@pytest.mark.topic("CNN-23")
@pytest.mark.parametrize("stride", [1, 2])
def test_eq_projection_shortcut(stride: int) -> None:
    torch.manual_seed(stride)
    x, w1, w2, ws = (
        normal(N, C, SIZE, SIZE),
        normal(OUT, C, 3, 3),
        normal(OUT, OUT, 3, 3),
        normal(OUT, C, 1, 1),
    )
    learned = convolve(convolve(x, w1, stride).clamp(min=0), w2)
    around = torch.einsum("nchw,oc->nohw", x[:, :, ::stride, ::stride], ws[:, :, 0, 0])
    expected = (learned + around).clamp(min=0)
    assert expected.shape == (N, OUT, -(-SIZE // stride), -(-SIZE // stride))
    assert_close(residual_block(x, w1, w2, ws, stride), expected)

    block = BasicBlock(C, OUT, stride).double().eval()
    block.conv1.weight.data, block.conv2.weight.data, block.shortcut[0].weight.data = w1, w2, ws
    for norm in (block.bn1, block.bn2, block.shortcut[1]):
        nn.init.constant_(norm.weight, (1 + norm.eps) ** 0.5)
    assert_close(block(x), expected)


@pytest.mark.topic("CNN-26")
def test_eq_residual_paths() -> None:
    torch.manual_seed(0)
    weights = normal(4, 5, 5)
    x0 = normal(5)

    def network(x: Tensor) -> Tensor:
        for weight in weights:
            x = x + (weight @ x).tanh()
        return x

    jacobians, x = [], x0
    for weight in weights:  # of each branch, where the signal meets it
        jacobians.append((1 - (weight @ x).tanh() ** 2)[:, None] * weight)
        x = x + (weight @ x).tanh()
    total, paths = torch.zeros(5, 5, dtype=torch.float64), 0
    for length in range(5):
        for chosen in combinations(range(4), length):
            path = torch.eye(5, dtype=torch.float64)
            for k in chosen:
                path = jacobians[k] @ path  # the largest index ends on the left
            total, paths = total + path, paths + 1
    assert paths == 2**4
    assert_close(total, torch.autograd.functional.jacobian(network, x0))
