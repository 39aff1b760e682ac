"""Convolution and pooling against PyTorch, the numbers of the course, and what convolution is."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.convolutional import (
    avg_pool2d,
    conv1x1,
    conv2d,
    conv2d_backward,
    conv_multiplications,
    conv_parameters,
    fold_patches,
    global_avg_pool,
    max_pool2d,
    output_size,
    patches,
    receptive_field,
)

from .image_parity import OPERATIONS, Case, measure, topics


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=str(case), marks=pytest.mark.topic(*topics(case))) for case in OPERATIONS]
)
def test_operation_equals_torch(case: Case) -> None:
    deviations = measure(case)
    assert all(deviation <= case.tolerance for deviation in deviations.values()), deviations


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.topic("CNN-01", "CNN-34")
def test_output_size_is_that_of_the_library() -> None:
    for size in (1, 5, 8, 9):
        for kernel_size in (1, 2, 3, 5):
            for stride in (1, 2, 3):
                for padding in (0, 1, 2):
                    for dilation in (1, 2):
                        options = {"stride": stride, "padding": padding, "dilation": dilation}
                        try:
                            x = F.conv2d(
                                torch.zeros(1, 1, size, 9), torch.zeros(1, 1, kernel_size, 1), **options
                            )
                            expected = x.shape[2]
                        except RuntimeError:
                            expected = None
                        if expected is None:
                            with pytest.raises(ValueError, match="does not fit into"):
                                output_size(size, kernel_size, **options)
                        else:
                            assert output_size(size, kernel_size, **options) == expected


@pytest.mark.topic("CNN-01")
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (3, 2, 2), (2, 0, 1)])
def test_gradients_of_a_convolution_by_hand(stride: int, padding: int, dilation: int) -> None:
    x, weight, bias = (random(*shape).requires_grad_() for shape in ((2, 3, 9, 8), (4, 3, 3, 2), (4,)))
    y = F.conv2d(x, weight, bias, stride, padding, dilation)
    cotangent = random(*y.shape, seed=1)
    by_hand = conv2d_backward(cotangent, x.detach(), weight.detach(), stride, padding, dilation)
    expected = torch.autograd.grad(y, (x, weight, bias), cotangent)
    assert_close(tuple(by_hand), expected, atol=1e-10, rtol=0)


@pytest.mark.topic("CNN-01")
def test_a_single_row_column_channel_and_filter() -> None:
    for shape, kernel in (
        ((1, 1, 1, 1), (1, 1, 1, 1)),
        ((1, 1, 1, 5), (1, 1, 1, 3)),
        ((2, 1, 4, 1), (1, 1, 2, 1)),
    ):
        x, weight = random(*shape).requires_grad_(), random(*kernel).requires_grad_()
        assert_close(conv2d(x, weight), F.conv2d(x, weight))
        assert torch.autograd.gradcheck(conv2d, (x, weight))
        assert torch.autograd.gradgradcheck(conv2d, (x, weight))


@pytest.mark.topic("CNN-01")
def test_the_kernel_is_not_flipped() -> None:
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 1
    kernel = torch.arange(9.0).view(1, 1, 3, 3)
    assert_close(conv2d(x, kernel, padding=1), kernel.flip(2, 3))  # an impulse shows the kernel turned round


@pytest.mark.topic("CNN-01")
def test_how_many_numbers_a_convolution_learns() -> None:
    assert conv_parameters(480, 48, 5, bias=False) == 576_000
    for options in ({}, {"groups": 2}, {"bias": False}):
        layer = torch.nn.Conv2d(4, 6, 3, **options)
        assert conv_parameters(4, 6, 3, **options) == sum(p.numel() for p in layer.parameters())


@pytest.mark.topic("CNN-01")
@pytest.mark.parametrize(
    ("x", "weight", "options", "message"),
    [
        ((1, 3, 5, 5), (2, 4, 3, 3), {}, "weights for 3 channels in 1 groups; got 2 filters of 4 channels"),
        ((1, 4, 5, 5), (2, 4, 3, 3), {"groups": 2}, "weights for 4 channels in 2 groups"),
        ((1, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}, "got 3 filters of 2 channels"),
        ((3, 5, 5), (2, 3, 3, 3), {}, r"expected x \(N, C, H, W\)"),
        ((1, 3, 5, 5), (2, 3, 7, 7), {}, "a kernel of size 7 with dilation 1 does not fit into 5 pixels"),
        ((1, 3, 5, 5), (2, 3, 3, 3), {"stride": 0}, "of at least 1"),
        ((1, 3, 5, 5), (2, 3, 3, 3), {"padding": -1}, "of at least 0"),
    ],
)  # fmt: skip
def test_conv2d_refuses(x, weight, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        conv2d(torch.zeros(x), torch.zeros(weight), **options)


@pytest.mark.topic("CNN-01", "CNN-29")
def test_folding_is_the_adjoint_of_taking_patches() -> None:
    for stride, padding, dilation in ((1, 0, 1), (2, 1, 1), (3, 2, 2)):
        x = random(2, 3, 9, 8)
        columns = patches(x, (3, 2), stride, padding, dilation)
        other = random(*columns.shape, seed=1)
        back = fold_patches(other, (9, 8), stride, padding, dilation)
        assert_close((columns * other).sum(), (x * back).sum())


@pytest.mark.topic("CNN-02")
def test_pools_at_the_border_on_ties_and_as_a_whole() -> None:
    negative = -1 - random(2, 3, 6, 6).abs()
    assert (max_pool2d(negative, 3, 2, 1) < 0).all()  # padding with zeros would win
    tie = torch.zeros(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(max_pool2d(tie, 2).sum(), tie)
    assert gradient.sum() == 4 and set(gradient.flatten().tolist()) == {0.0, 1.0}  # to one winner each
    x = random(2, 3, 5, 7)
    assert_close(global_avg_pool(x), F.adaptive_avg_pool2d(x, 1)[:, :, 0, 0])
    assert torch.autograd.gradcheck(lambda x: avg_pool2d(x, 2), x.requires_grad_())
    for pool in (max_pool2d, avg_pool2d):
        with pytest.raises(ValueError, match="expected padding of at most 1; got 2"):
            pool(x, 3, 1, 2)


@pytest.mark.topic("CNN-03")
def test_convolution_moves_with_the_image_and_pooling_forgets_where() -> None:
    x, weight = random(1, 2, 8, 8), random(3, 2, 3, 3)

    def convolve(x: Tensor) -> Tensor:  # a border that wraps round leaves no edge
        return conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), weight)

    def shift(x: Tensor) -> Tensor:
        return x.roll((2, 3), (2, 3))

    assert_close(convolve(shift(x)), shift(convolve(x)))
    assert (convolve(shift(x)) - convolve(x)).abs().max() > 1
    assert_close(global_avg_pool(convolve(shift(x))), global_avg_pool(convolve(x)))


@pytest.mark.topic("CNN-03", "CNN-34")
def test_receptive_fields_of_the_course() -> None:
    assert receptive_field([(3, 1, 1)] * 2) == (5, 1)
    assert receptive_field([(3, 1, d) for d in (1, 2, 4)]).size == 15
    assert receptive_field([(3, 1, 1)] * 3).size == 7
    assert receptive_field([(3, 1, d) for d in (1, 1, 2, 4, 8, 16, 1)]).size == 67
    resnet18 = [(7, 2, 1), (3, 2, 1), *[(3, 1, 1)] * 4, *([(3, 2, 1), *[(3, 1, 1)] * 3] * 3)]
    assert receptive_field(resnet18) == (435, 32)
    assert receptive_field([]) == (1, 1)


@pytest.mark.topic("CNN-03", "CNN-34")
@pytest.mark.parametrize(
    "layers", [[(3, 1, 1), (2, 2, 1), (3, 1, 1)], [(3, 1, 2), (3, 2, 1), (2, 1, 3)], [(5, 3, 1), (3, 2, 2)]]
)
def test_receptive_field_is_where_gradient_arrives(layers: list[tuple[int, int, int]]) -> None:
    x = torch.zeros(1, 1, 61, 1, requires_grad=True)
    y = x
    for kernel_size, stride, dilation in layers:
        y = conv2d(y, torch.ones(1, 1, kernel_size, 1), stride=stride, dilation=dilation)
    size, jump = receptive_field(layers)
    seen = []
    for output in (2, 3):
        (gradient,) = torch.autograd.grad(y[0, 0, output, 0], x, retain_graph=True)
        rows = gradient[0, 0, :, 0].nonzero().flatten()
        assert rows.max() - rows.min() + 1 == size
        seen.append(rows.min().item())
    assert seen[1] - seen[0] == jump


@pytest.mark.topic("CNN-08")
def test_a_1x1_convolution_is_one_linear_layer_at_every_pixel() -> None:
    x, weight, bias = random(2, 3, 4, 5), random(6, 3), random(6)
    pixels_last = F.linear(x.movedim(1, -1), weight, bias)  # (N, H, W, O)
    assert_close(conv1x1(x, weight, bias), pixels_last.movedim(-1, 1))
    changed = x.clone()
    changed[:, 0, 1, 2] += 1
    difference = (conv1x1(changed, weight) - conv1x1(x, weight)).abs() > 1e-9
    assert difference.any(0).any(-1).any(-1).sum() == 6  # every channel, since it mixes
    assert difference.any(0).any(0).sum() == 1  # of one pixel, since it sees no neighbour
    with pytest.raises(ValueError, match=r"expected x \(N, C, H, W\) and weight \(O, C\)"):
        conv1x1(x, weight[:, :2])


@pytest.mark.topic("CNN-08", "CNN-10")
def test_two_1x1_convolutions_are_one_unless_a_nonlinearity_parts_them() -> None:
    x, w1, w2 = random(2, 8, 4, 4), random(3, 8), random(5, 3)
    one = conv1x1(x, w2 @ w1)
    assert_close(conv1x1(conv1x1(x, w1), w2), one)
    assert (conv1x1(conv1x1(x, w1).relu(), w2) - one).abs().max() > 1


@pytest.mark.topic("CNN-09")
def test_cost_of_a_bottleneck() -> None:
    assert conv_parameters(480, 16, 1, bias=False) == 7_680
    assert conv_parameters(16, 48, 5, bias=False) == 19_200
    direct = conv_multiplications(480, 48, 5, 14, 14)
    reduced = [conv_multiplications(480, 16, 1, 14, 14), conv_multiplications(16, 48, 5, 14, 14)]
    assert (direct, reduced) == (112_896_000, [1_505_280, 3_763_200])
    assert sum(reduced) == 5_268_480 and round(direct / sum(reduced), 1) == 21.4
    saves = [C for C in range(1, 30) if sum((C * 16, 400 * 48)) < 25 * C * 48]
    assert saves[0] == 17  # ERR-02: with 16 channels or fewer it costs more


@pytest.mark.topic("CNN-11")
def test_only_kernels_larger_than_a_pixel_see_the_arrangement() -> None:
    x = random(2, 3, 6, 6)
    order = torch.randperm(36, generator=torch.Generator().manual_seed(0))
    shuffled = x.flatten(2)[..., order].view_as(x)

    def scores(x: Tensor, kernel_size: int) -> Tensor:
        hidden = conv2d(x, random(4, 3, kernel_size, kernel_size), padding=kernel_size // 2).relu()
        return global_avg_pool(conv2d(hidden, random(5, 4, 1, 1)))

    assert_close(scores(shuffled, 1), scores(x, 1))
    assert (scores(shuffled, 3) - scores(x, 3)).abs().max() > 0.1
