"""The equations of the chapter on 1x1 convolutions and GoogLeNet, against the package and PyTorch."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.nn.convolutional import conv1x1, conv_multiplications
from coursekit.nn.convolutional_googlenet import GoogLeNet, GoogLeNetOutput, googlenet_loss
from coursekit.nn.convolutional_maps import class_activation_map

N, C, OUT, H, W = 2, 3, 4, 5, 6  # all different, so that exchanged axes cannot pass


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


@pytest.mark.topic("CNN-08")
def test_eq_conv1x1() -> None:
    torch.manual_seed(0)
    x, weight, bias = normal(N, C, H, W), normal(OUT, C), normal(OUT)
    plain = bias[:, None, None].expand(N, OUT, H, W).clone()
    for n, o, c, h, w in itertools.product(range(N), range(OUT), range(C), range(H), range(W)):
        plain[n, o, h, w] += weight[o, c] * x[n, c, h, w]
    close(conv1x1(x, weight, bias), plain)
    close(F.conv2d(x, weight[:, :, None, None], bias), plain)
    close(F.linear(x.movedim(1, -1), weight, bias).movedim(-1, 1), plain)


@pytest.mark.topic("CNN-09")
@pytest.mark.parametrize(("k", "r", "filters"), [(5, 16, 48), (3, 96, 128), (3, 8, 16), (5, 4, 4)])
def test_eq_bottleneck_cost(k: int, r: int, filters: int) -> None:
    threshold = k**2 * r * filters / (k**2 * filters - r)
    for channels in range(1, 3 * r):
        direct = conv_multiplications(channels, filters, k, 14, 10)
        detour = conv_multiplications(channels, r, 1, 14, 10) + conv_multiplications(r, filters, k, 14, 10)
        assert direct == 14 * 10 * k**2 * channels * filters
        assert detour == 14 * 10 * (channels * r + k**2 * r * filters)
        assert (detour < direct) == (channels > threshold)
    if (k, r, filters) == (5, 16, 48):
        assert 16 < threshold < 17


@pytest.mark.topic("CNN-17")
def test_eq_class_activation_map() -> None:
    torch.manual_seed(0)
    features, head = normal(N, C, H, W), torch.nn.Linear(C, 7, dtype=torch.float64)
    classes = torch.tensor([6, 2])
    plain = torch.zeros(N, H, W, dtype=torch.float64)
    for n, h, w in itertools.product(range(N), range(H), range(W)):
        for c in range(C):
            plain[n, h, w] += head.weight[classes[n], c] * features[n, c, h, w]
    close(class_activation_map(features, head.weight, classes), plain)
    logits = head(F.adaptive_avg_pool2d(features, 1).flatten(1))[torch.arange(N), classes]
    close(head.bias[classes] + plain.sum((1, 2)) / (H * W), logits)


@pytest.mark.topic("CNN-18")
def test_eq_googlenet_loss() -> None:
    torch.manual_seed(0)
    network = GoogLeNet(10, 1, small_images=True, width=0.05).double()
    output = network(normal(4, 1, 8, 8))
    assert isinstance(output, GoogLeNetOutput)
    targets = torch.tensor([3, 1, 4, 1])
    main, aux1, aux2 = (F.cross_entropy(logits, targets) for logits in output)
    plain = main + 0.3 * (aux1 + aux2)
    close(googlenet_loss(output, targets), plain)
    assert len({main.item(), aux1.item(), aux2.item()}) == 3  # three different losses, so none counts twice
