"""Operations and networks of segmentation: adjointness, sizes, conversion, dilation, and that they learn."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.data.loader import Batches
from coursekit.data.shapes import cells, shapes
from coursekit.metrics import mean_iou
from coursekit.nn.convolutional import conv2d, output_size
from coursekit.nn.convolutional_classic import VGG
from coursekit.nn.convolutional_resnet import ResNet
from coursekit.nn.losses import cross_entropy, dice_loss
from coursekit.nn.segmentation import (
    bilinear_kernel,
    center_crop,
    conv_transpose2d,
    conv_transpose2d_size,
    linear_to_conv,
    max_unpool2d,
    resize,
    upsample_nearest,
)
from coursekit.nn.segmentation_nets import ASPP, FCN, DeepLab, EncoderClassifier, UNet
from coursekit.train import fit


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


SIZES = [(2, 2, 0, 0, 1), (4, 2, 1, 0, 1), (3, 2, 1, 1, 1), (3, 1, 0, 0, 2), (5, 3, 2, 2, 1)]


@pytest.mark.topic("CNN-29")
def test_three_ways_from_8_to_16() -> None:
    for kernel_size, stride, padding, output_padding, _ in SIZES[:3]:
        assert conv_transpose2d_size(8, kernel_size, stride, padding, output_padding) == 16
    assert conv_transpose2d_size(4, 3, 2, 1) == 7  # not 8 (ERR-10)


@pytest.mark.topic("CNN-29")
@pytest.mark.parametrize(("kernel_size", "stride", "padding", "output_padding", "dilation"), SIZES)
def test_transposed_convolution_is_the_adjoint_and_the_gradient(
    kernel_size: int, stride: int, padding: int, output_padding: int, dilation: int
) -> None:
    small, weight = random(2, 3, 5, 4), random(3, 2, kernel_size, kernel_size, seed=1)
    large = conv_transpose2d(small, weight, None, stride, padding, output_padding, dilation)
    expected = [
        conv_transpose2d_size(size, kernel_size, stride, padding, output_padding, dilation) for size in (5, 4)
    ]
    assert list(large.shape[2:]) == expected
    assert [output_size(size, kernel_size, stride, padding, dilation) for size in expected] == [5, 4]

    other = random(*large.shape, seed=2).requires_grad_()
    down = conv2d(other, weight, None, stride, padding, dilation)
    assert_close((down * small).sum(), (other * large).sum())  # <C y, x> = <y, C^T x>
    (gradient,) = torch.autograd.grad(down, other, small)
    assert_close(gradient, large)
    if kernel_size == 3:
        assert (
            conv2d(large, weight, None, stride, padding, dilation) - small
        ).abs().max() > 0.1  # no inverse


@pytest.mark.topic("CNN-29")
def test_transposed_convolution_by_finite_differences_and_its_errors() -> None:
    x, weight, bias = (random(*s).requires_grad_() for s in ((1, 2, 3, 2), (2, 3, 3, 2), (3,)))

    def run(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return conv_transpose2d(x, weight, bias, 2, 1, 1)

    assert torch.autograd.gradcheck(run, (x, weight, bias))
    with pytest.raises(
        ValueError, match="expected output_padding from 0 to 1, below stride or dilation; got 2"
    ):
        conv_transpose2d(x, weight, bias, 2, 1, 2)
    with pytest.raises(ValueError, match=r"expected x \(N, C, H, W\) and weight \(C, O, k, k\)"):
        conv_transpose2d(x, weight.transpose(0, 1), bias)
    with pytest.raises(ValueError, match="padding of 9 leaves nothing of 3 pixels"):
        conv_transpose2d(x, weight, bias, padding=9)


@pytest.mark.topic("CNN-29", "CNN-30")
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_bilinear_kernel_interpolates(stride: int) -> None:
    x, weight = random(2, 3, 5, 6), bilinear_kernel(3, stride).double()
    grown = conv_transpose2d(x, weight, None, stride, stride // 2)
    expected = F.interpolate(x, scale_factor=stride, mode="bilinear")
    assert grown.shape == expected.shape
    inner = (..., slice(stride, -stride), slice(stride, -stride))  # at the border it fades to 0
    assert_close(grown[inner], expected[inner], atol=1e-6, rtol=1e-6)
    overlaps = conv_transpose2d(torch.ones(1, 1, 6, 6), torch.ones(1, 1, 3, 3), None, 2)
    assert overlaps[0, 0, 3:-3, 3:-3].unique().tolist() == [1, 2, 4]  # uneven sums: a checkerboard


@pytest.mark.topic("CNN-30")
def test_unpooling_puts_maxima_back_where_they_were() -> None:
    x = random(2, 3, 8, 6)
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    back = max_unpool2d(pooled, indices, (8, 6))
    assert_close(back, torch.where(x == upsample_nearest(pooled, 2), x, 0))
    with pytest.raises(ValueError, match=r"expected indices \(2, 3, 4, 3\); got \(2, 3, 4, 2\)"):
        max_unpool2d(pooled, indices[..., :2], (8, 6))


@pytest.mark.topic("CNN-28", "APP-02")
def test_a_dense_layer_slides_as_a_convolution() -> None:
    torch.manual_seed(0)
    dense, x = nn.Linear(4 * 49, 6).double(), random(2, 4, 9, 11)
    conv = linear_to_conv(dense, 4)
    assert conv.kernel_size == (7, 7) and parameters(conv) == parameters(dense)
    scores = conv(x)  # (2, 6, 3, 5), one score for each window
    for row in range(3):
        for column in range(5):
            window = x[:, :, row : row + 7, column : column + 7]
            assert_close(scores[:, :, row, column], dense(window.flatten(1)))
    later = nn.Linear(6, 5, bias=False).double()
    assert linear_to_conv(later, 6).kernel_size == (1, 1) and linear_to_conv(later, 6).bias is None
    with pytest.raises(ValueError, match="expected a layer that reads 5 square maps; got one of 196 inputs"):
        linear_to_conv(dense, 5)
    with torch.device("meta"):
        assert parameters(linear_to_conv(nn.Linear(512 * 49, 4096), 512)) == 102_764_544


def small_vgg(image_size: int = 32) -> VGG:
    return VGG(11, 10, 3, width=4, hidden=16, image_size=image_size, batch_norm=True)


@pytest.mark.topic("CNN-28", "CNN-40")
@pytest.mark.parametrize(("image_size", "middle"), [(32, 0), (64, 0), (96, 1)])
def test_an_fcn_keeps_the_hidden_layers_of_its_classifier(image_size: int, middle: int) -> None:
    """Where the first converted layer covers the whole map, the numbers of the classifier come out."""
    torch.manual_seed(0)
    vgg = small_vgg(image_size).double().eval()
    fcn = FCN(vgg, 4, finest=32).double().eval()
    x = random(2, 3, image_size, image_size)
    map_, vector = x, None
    for stage in vgg.stages:
        map_ = stage(map_)
    vector = vgg.classifier[:-1](map_.flatten(1))  # (2, 16) before the last dense layer
    assert_close(fcn.head[:-1](map_)[..., middle, middle], vector)


@pytest.mark.topic("CNN-28")
def test_an_fcn_on_vgg_16() -> None:
    with torch.device("meta"):
        big = FCN(VGG(16), 21)
        assert parameters(big.head[1]) == 102_764_544
        assert big(torch.empty(1, 3, 224, 320)).shape == (1, 21, 224, 320)


@pytest.mark.topic("CNN-28")
def test_finer_forms_start_from_the_coarse_one_and_add() -> None:
    torch.manual_seed(0)
    vgg, x = small_vgg().eval(), torch.rand(2, 3, 64, 96)
    networks = [FCN(vgg, 4, finest=finest).eval() for finest in (32, 16, 8)]
    for network in networks:
        network.head = networks[0].head
    coarse, middle, fine = (network(x) for network in networks)
    assert coarse.shape == fine.shape == (2, 4, 64, 96)
    nn.init.normal_(networks[2].scores[0].weight)
    assert (networks[2](x) - fine).abs().max() > 0.01
    doubled = networks[1].doubles[0](networks[0].head(_last_map(vgg, x)))
    assert_close(middle, resize(doubled, (64, 96)))
    with pytest.raises(ValueError, match=r"to be multiples of 32; got \(60, 64\)"):
        networks[0](torch.zeros(1, 3, 60, 64))
    with pytest.raises(ValueError, match="expected a finest stride of 8, 16 or 32; got 4"):
        FCN(vgg, 4, finest=4)
    with pytest.raises(ValueError, match="expected a VGG with five pools; got 3"):
        FCN(VGG(11, width=4, hidden=8, image_size=8), 4)


def _last_map(vgg: VGG, x: Tensor) -> Tensor:
    for stage in vgg.stages:
        x = stage(x)
    return x


@pytest.mark.topic("CNN-31", "CNN-32")
def test_the_original_unet() -> None:
    with torch.device("meta"):
        network = UNet(padded=False)
        assert parameters(network) == 31_030_658
        convs = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        assert len(convs) == 23
        maps = network.encoder(torch.empty(1, 1, 572, 572))
        assert [m.shape[-1] for m in maps] == [568, 280, 136, 64, 28]
        assert [m.shape[1] for m in maps] == [64, 128, 256, 512, 1024]
        x, sizes = maps[-1], []
        for up, level, skip in zip(network.ups, network.levels, maps[-2::-1], strict=True):
            x = up(x)
            sizes.append(x.shape[-1])
            x = level(torch.cat([center_crop(skip, tuple(x.shape[2:])), x], 1))
            sizes.append(x.shape[-1])
        assert sizes == [56, 52, 104, 100, 200, 196, 392, 388]
        assert network(torch.empty(1, 1, 572, 572)).shape == (1, 2, 388, 388)
        assert parameters(UNet()) == 31_030_658
        assert UNet()(torch.empty(1, 1, 64, 96)).shape == (1, 2, 64, 96)


@pytest.mark.topic("CNN-31", "CNN-33", "CNN-26")
def test_skips_are_set_beside_and_carry_position() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 1, 16, 16)
    whole, cut = UNet(1, 2, 4, 2), UNet(1, 2, 4, 2, skips=False)
    assert [level[0].in_channels for level in whole.levels] == [16, 8]  # twice those of the level
    assert [level[0].in_channels for level in cut.levels] == [8, 4]
    seen: list[Tensor] = []
    whole.levels[1].register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    whole(x)
    assert_close(seen[0][:, :4], whole.encoder(x)[0])
    with pytest.raises(ValueError, match=r"multiples of 4; got \(18, 16\)"):
        whole(torch.zeros(1, 1, 18, 16))
    with pytest.raises(ValueError, match="expected a depth of at least 1; got 0"):
        UNet(depth=0)
    with pytest.raises(ValueError, match=r"expected maps of at least \(5, 3\); got \(4, 4\)"):
        center_crop(torch.zeros(1, 1, 4, 4), (5, 3))
    assert_close(
        center_crop(torch.arange(25.0).view(1, 1, 5, 5), (1, 3))[0, 0, 0], torch.tensor([11.0, 12, 13])
    )


@pytest.mark.topic("CNN-40")
def test_a_classifier_trains_the_encoder_it_shares() -> None:
    torch.manual_seed(0)
    network = UNet(1, 2, 4, 2)
    before = [parameter.clone() for parameter in network.encoder.parameters()]
    classifier = EncoderClassifier(network.encoder, 3)
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1)
    logits = classifier(torch.rand(4, 1, 16, 16))
    assert logits.shape == (4, 3)
    cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
    optimizer.step()
    after = list(network.encoder.parameters())
    assert all((a - b).abs().max() > 0 for a, b in zip(before, after, strict=True))


@pytest.mark.topic("CNN-34")
def test_dilation_spreads_the_same_weights() -> None:
    x, weight = random(1, 2, 12, 12), random(3, 2, 3, 3)
    spread = torch.zeros(3, 2, 5, 5, dtype=torch.float64)
    spread[:, :, ::2, ::2] = weight
    assert_close(conv2d(x, weight, dilation=2), F.conv2d(x, spread))
    # Gridding: with d = 2 throughout, a pixel hears only those an even number of steps away.
    dot = torch.zeros(1, 1, 13, 13)
    dot[0, 0, 6, 6] = 1
    for _ in range(2):
        dot = conv2d(dot, torch.ones(1, 1, 3, 3), padding=2, dilation=2)
    assert (dot[0, 0, 1::2] == 0).all() and (dot[0, 0, :, 1::2] == 0).all() and dot[0, 0, 2, 2] > 0


@pytest.mark.topic("CNN-34", "CNN-35")
@pytest.mark.parametrize("depth", [18, 50])
def test_a_dilated_backbone_is_the_strided_one_looked_at_more_often(depth: int) -> None:
    torch.manual_seed(0)
    strided = ResNet(depth, 5, width=4).double().eval()
    for dilate in (1, 2):
        dense = ResNet(depth, 5, width=4, dilate=dilate).double().eval()
        dense.load_state_dict(strided.state_dict())
        x = random(1, 3, 64, 64)
        coarse, fine = strided.features(x), dense.features(x)
        step = 2**dilate
        assert fine.shape[-1] == step * coarse.shape[-1]
        assert_close(fine[:, :, ::step, ::step], coarse)


@pytest.mark.topic("CNN-35")
def test_aspp_sees_one_map_at_several_scales() -> None:
    torch.manual_seed(0)
    block = ASPP(6, 4, rates=(1, 2, 3)).double().eval()
    x = random(2, 6, 9, 9)
    assert block(x).shape == (2, 4, 9, 9)
    convs = [branch[0] for branch in block.branches]
    assert [conv.kernel_size[0] for conv in convs] == [1, 3, 3, 3]
    assert [conv.dilation[0] for conv in convs] == [1, 1, 2, 3]
    parts = [branch(x) for branch in block.branches]
    whole = block.whole[1](x.mean((2, 3), keepdim=True)).expand(-1, -1, 9, 9)
    assert_close(block(x), block.mix(torch.cat([*parts, whole], 1)))
    with torch.device("meta"):
        network = DeepLab(ResNet(50, dilate=2), 21)
        assert network(torch.empty(2, 3, 65, 97)).shape == (2, 21, 65, 97)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "FCN-8s": lambda: FCN(VGG(11, 4, width=8, hidden=64, image_size=32, batch_norm=True), 4),
    "U-Net": lambda: UNet(3, 4, 8, 3, batch_norm=True),
    "DeepLab": lambda: DeepLab(ResNet(18, 4, width=8, small_images=True, dilate=1), 4, 16, (2, 4)),
}


@pytest.mark.topic("CNN-27", "CNN-41")
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_a_score_per_pixel_also_channels_last(name: str) -> None:
    torch.manual_seed(0)
    network, x = NETWORKS[name]().eval(), torch.rand(2, 3, 32, 32)
    logits = network(x)
    assert logits.shape == (2, 4, 32, 32)
    assert cross_entropy(logits, torch.zeros(2, 32, 32, dtype=torch.int64)).ndim == 0
    last = network.to(memory_format=torch.channels_last)
    assert_close(last(x.to(memory_format=torch.channels_last)), logits, atol=1e-5, rtol=1e-4)
    assert all(p.grad is not None for p in _after_backward(network.train(), x))


def _after_backward(network: nn.Module, x: Tensor) -> list[nn.Parameter]:
    network(x).square().mean().backward()
    return list(network.parameters())


@pytest.mark.topic("CNN-27", "CNN-42", "APP-03")
def test_a_unet_tells_shapes_from_their_background() -> None:
    torch.manual_seed(0)
    train, test = shapes(96, size=32, seed=0), shapes(48, size=32, seed=1)
    network = UNet(3, 2, 8, 2, batch_norm=True)

    def loss(logits: Tensor, masks: Tensor) -> Tensor:
        one_hot = F.one_hot(masks, 2).movedim(-1, 1)
        return cross_entropy(logits, masks) + dice_loss(logits.softmax(1), one_hot, per_class=True)

    batches = Batches((train.images, train.masks.clamp(max=1)), 8, torch.Generator().manual_seed(0))
    fit(network, batches, loss, epochs=6, lr=1e-2, device="cpu", progress=False)
    with torch.no_grad():
        prediction = network.eval()(test.images).argmax(1)
    assert mean_iou(prediction, test.masks.clamp(max=1), 2).mean > 0.75


@pytest.mark.topic("APP-04", "CNN-33")
def test_a_unet_finds_cells_from_few_labels() -> None:
    torch.manual_seed(0)
    train, test = cells(12, size=32, seed=0), cells(24, size=32, seed=1)
    network = UNet(1, 2, 8, 2, batch_norm=True)
    batches = Batches((train.images, train.masks), 4, torch.Generator().manual_seed(0))
    fit(network, batches, cross_entropy, epochs=10, lr=1e-2, device="cpu", progress=False)
    with torch.no_grad():
        prediction = network.eval()(test.images).argmax(1)
    assert mean_iou(prediction, test.masks, 2).mean > 0.8
