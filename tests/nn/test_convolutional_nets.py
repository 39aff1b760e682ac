"""The classification networks: exact sizes, shapes, what a block is, and that they learn."""

import statistics
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.data.images import digits
from coursekit.data.loader import Batches
from coursekit.metrics import accuracy
from coursekit.nn.convolutional import conv_multiplications, conv_parameters, receptive_field
from coursekit.nn.convolutional_classic import (
    ALEXNET_ONE_TOWER,
    ALEXNET_SMALL,
    VGG,
    AlexNet,
    AlexNetConfig,
    LeNet,
)
from coursekit.nn.convolutional_googlenet import (
    MODULES,
    GoogLeNet,
    GoogLeNetOutput,
    Inception,
    NaiveInception,
    Widths,
    googlenet_loss,
)
from coursekit.nn.convolutional_maps import class_activation_map, feature_maps, multiply_adds
from coursekit.nn.convolutional_resnet import BasicBlock, Bottleneck, CifarResNet, ResNet, residual_block
from coursekit.nn.losses import cross_entropy
from coursekit.records import load
from coursekit.train import fit


def parameters(make: Callable[[], nn.Module]) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().parameters())


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


SIZES = [
    ("CNN-04", LeNet, 61_706),
    ("CNN-05", AlexNet, 60_965_224),
    ("CNN-05", lambda: AlexNet(config=ALEXNET_ONE_TOWER), 61_100_840),
    ("CNN-06", lambda: VGG(16), 138_357_544),
    ("CNN-06", lambda: VGG(19), 143_667_240),
    ("CNN-12", lambda: NaiveInception(192, 64, 128, 32), 387_296),
    ("CNN-13", lambda: Inception(192, MODULES["3a"]), 163_696),
    ("CNN-16", lambda: GoogLeNet(auxiliary=False), 6_998_552),
    ("CNN-17", lambda: GoogLeNet().head, 1_025_000),
    ("CNN-18", lambda: GoogLeNet().auxiliary["4a"], 3_188_840),
    ("CNN-18", lambda: GoogLeNet().auxiliary["4d"], 3_190_888),
    ("CNN-18", GoogLeNet, 13_378_280),
    ("CNN-16", lambda: GoogLeNet(auxiliary=False, batch_norm=True), 6_624_904),
    ("CNN-18", lambda: GoogLeNet(batch_norm=True), 13_004_888),
    ("CNN-22", lambda: BasicBlock(64, 64), 73_984),
    ("CNN-23", lambda: Bottleneck(256, 64), 70_400),
    ("CNN-24", lambda: ResNet(18), 11_689_512),
    ("CNN-24", lambda: ResNet(34), 21_797_672),
    ("CNN-24", lambda: ResNet(50), 25_557_032),
    ("CNN-24", lambda: ResNet(101), 44_549_160),
    ("CNN-24", lambda: ResNet(152), 60_192_808),
]  # fmt: skip


@pytest.mark.topic("CNN-04", "CNN-05", "CNN-06", "CNN-12", "CNN-13", "CNN-16", "CNN-17", "CNN-18")
@pytest.mark.topic("CNN-22", "CNN-23", "CNN-24")
@pytest.mark.parametrize(
    ("make", "expected"), [pytest.param(make, n, id=f"{topic}: {n:,}") for topic, make, n in SIZES]
)
def test_parameters_of_the_course(make: Callable[[], nn.Module], expected: int) -> None:
    assert parameters(make) == expected


@pytest.mark.topic("CNN-24")
@pytest.mark.parametrize("depth", [8, 20, 32, 56, 110])
def test_parameters_of_the_cifar_form_by_hand(depth: int) -> None:
    n = (depth - 2) // 6
    stem = 3 * 16 * 9 + 2 * 16  # two numbers of batch norm per channel
    same = sum(2 * n * (9 * c * c + 2 * c) for c in (16, 32, 64))
    first = (
        16 * 32 * 9 - 32 * 32 * 9 + 32 * 64 * 9 - 64 * 64 * 9
    )  # where a stage begins, half the channels come
    assert parameters(lambda: CifarResNet(depth)) == stem + same + first + 65 * 10
    assert parameters(lambda: CifarResNet(depth, shortcut="none")) == parameters(lambda: CifarResNet(depth))
    projections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    projected = parameters(lambda: CifarResNet(depth, shortcut="project"))
    assert projected - parameters(lambda: CifarResNet(depth)) == projections


@pytest.mark.topic("CNN-23", "CNN-24")
def test_layers_of_resnet_50_and_what_its_bottleneck_saves() -> None:
    with torch.device("meta"):
        network = ResNet(50)
    assert [len(stage) for stage in network.stages] == [3, 4, 6, 3]
    inside = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(inside) - 4 == 50  # the four projections stand beside the path
    assert 2 * conv_parameters(256, 256, 3, bias=False) == 1_179_648


@pytest.mark.topic("CNN-06")
def test_two_small_kernels_see_as_far_as_a_large_one_for_less() -> None:
    assert receptive_field([(3, 1, 1)] * 2) == receptive_field([(5, 1, 1)])
    assert (2 * conv_parameters(1, 1, 3, bias=False), conv_parameters(1, 1, 5, bias=False)) == (18, 25)


@pytest.mark.topic("CNN-12", "CNN-13")
def test_channels_of_the_inception_modules() -> None:
    assert [MODULES[name].out for name in ("3a", "3b", "4a", "4d", "4e", "5b")] == [
        256,
        480,
        512,
        528,
        832,
        1024,
    ]
    with torch.device("meta"):
        x = torch.empty(1, 192, 28, 28)
        assert NaiveInception(192, 64, 128, 32)(x).shape == (1, 416, 28, 28)
        assert Inception(192, MODULES["3a"])(x).shape == (1, 256, 28, 28)


@pytest.mark.topic("CNN-13", "CNN-14")
def test_an_inception_module_is_its_four_branches_side_by_side() -> None:
    widths, x = Widths(4, 3, 5, 2, 3, 2), random(2, 6, 7, 8)
    module = Inception(6, widths).double()
    [conv, _] = module.reduce
    w1, w3, w5 = conv.weight.split([4, 3, 2])
    b1, b3, b5 = torch.randn(9).double().split([4, 3, 2])
    conv.bias.data = torch.cat([b1, b3, b5])
    [c3, _], [c5, _], [cp, _] = module.conv3, module.conv5, module.pool
    branches = [
        F.conv2d(x, w1, b1),
        F.conv2d(F.conv2d(x, w3, b3).relu(), c3.weight, c3.bias, padding=1),
        F.conv2d(F.conv2d(x, w5, b5).relu(), c5.weight, c5.bias, padding=2),
        F.conv2d(F.max_pool2d(x, 3, 1, 1), cp.weight, cp.bias),
    ]
    assert_close(module(x), torch.cat(branches, 1).relu())


@pytest.mark.topic("CNN-15", "CNN-16")
def test_kernels_shapes_and_cost_of_googlenet() -> None:
    with torch.device("meta"):
        network, x = GoogLeNet(), torch.empty(1, 3, 224, 224)
        sizes = [network.stem(x).shape[-1]]
        y = network.stem[0](x)
        assert y.shape[-1] == 112
        assert network.stem[1](y).shape[-1] == 56
        maps = feature_maps(network, x, [f"blocks.{name}" for name in ("3b", "4e", "5b")])
        sizes += [found.shape[-1] for found in maps.values()]
        cost = multiply_adds(network, x)
    assert sizes == [28, 28, 14, 7]
    kernels = [m.kernel_size[0] for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert kernels[0] == 7 and set(kernels[1:]) == {1, 3, 5}
    assert network.stem[0][0].stride == (2, 2)
    heads = [head.pool for head in network.auxiliary.values()]
    assert all((pool.kernel_size, pool.stride) == (5, 3) for pool in heads)
    on_the_way = sum(2 for _ in MODULES) + 3 + 1  # deepest path: each module has a 1x1 and a 3x3 or 5x5
    assert on_the_way == 22
    assert cost == pytest.approx(1.58e9, rel=0.01)
    no_dense = sum(p.numel() for p in network.parameters()) - 3_188_840 - 3_190_888 - 1_025_000
    assert no_dense == 5_973_552


@pytest.mark.topic("CNN-17")
def test_a_hidden_dense_layer_would_cost_what_averaging_saves() -> None:
    assert parameters(lambda: nn.Linear(7 * 7 * 1024, 1024, bias=False)) == 51_380_224
    with torch.device("meta"):
        network = GoogLeNet(auxiliary=False).eval()
        for size in (96, 224, 320):  # averaging forgets the size
            assert network(torch.empty(1, 3, size, size)).shape == (1, 1000)


@pytest.mark.topic("CNN-18", "LOSS-19")
def test_auxiliary_heads_help_in_training_only() -> None:
    torch.manual_seed(0)
    network = GoogLeNet(10, 1, small_images=True, width=0.1)
    x, y = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 3])
    output = network(x)
    assert isinstance(output, GoogLeNetOutput) and [part.shape for part in output] == [(4, 10)] * 3
    losses = [F.cross_entropy(part, y) for part in output]
    assert_close(googlenet_loss(output, y), losses[0] + 0.3 * losses[1] + 0.3 * losses[2])
    googlenet_loss(output, y).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.auxiliary.parameters())

    logits = network.eval()(x)
    assert isinstance(logits, Tensor)
    assert_close(googlenet_loss(logits, y), F.cross_entropy(logits, y))
    bare = GoogLeNet(10, 1, auxiliary=False, small_images=True, width=0.1)
    missing, unexpected = bare.load_state_dict(network.state_dict(), strict=False)
    assert missing == [] and all(name.startswith("auxiliary.") for name in unexpected)
    assert_close(bare.eval()(x), logits)
    assert isinstance(bare.train()(x), Tensor)


@pytest.mark.topic("CNN-22", "CNN-23")
@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_block_that_has_learned_nothing_is_relu_of_its_input(block: type[BasicBlock | Bottleneck]) -> None:
    module = block(4 * block.expansion, 4).double()
    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
    nn.init.zeros_(last.weight)
    x = random(2, 4 * block.expansion, 5, 5).requires_grad_()
    assert_close(module(x), x.relu())
    (gradient,) = torch.autograd.grad(module(x).sum(), x)  # the identity path alone
    assert_close(gradient, (x > 0).double())


@pytest.mark.topic("CNN-22")
def test_residual_block_adds_first_and_activates_last() -> None:
    x, w1, w2, ws = random(2, 3, 6, 6), random(3, 3, 3, 3), random(3, 3, 3, 3), random(5, 3, 1, 1)
    learned = F.conv2d(F.conv2d(x, w1, padding=1).relu(), w2, padding=1)
    assert_close(residual_block(x, w1, w2), (learned + x).relu())
    w1, w2 = random(5, 3, 3, 3), random(5, 5, 3, 3)
    learned = F.conv2d(F.conv2d(x, w1, stride=2, padding=1).relu(), w2, padding=1)
    expected = (learned + F.conv2d(x, ws, stride=2)).relu()
    assert_close(residual_block(x, w1, w2, ws, stride=2), expected)
    with pytest.raises(ValueError, match="needs weight_shortcut"):
        residual_block(x, w1, w2, stride=2)
    leaves = [
        t.requires_grad_() for t in (random(1, 2, 4, 4), random(2, 2, 3, 3), random(2, 2, 3, 3, seed=1))
    ]
    assert torch.autograd.gradcheck(residual_block, leaves)


@pytest.mark.topic("CNN-23")
def test_shortcuts_where_the_shape_changes() -> None:
    x = random(2, 4, 6, 6)
    projected = BasicBlock(4, 8, 2).double()
    conv, norm = projected.shortcut
    assert (conv.kernel_size, conv.stride) == ((1, 1), (2, 2))
    assert_close(projected(x), (projected.residual(x) + norm(conv(x))).relu())
    padded = BasicBlock(4, 8, 2, shortcut="pad").double()
    around = padded.shortcut(x)
    assert_close(around[:, :4], x[:, :, ::2, ::2])
    assert (around[:, 4:] == 0).all() and list(padded.shortcut.parameters()) == []
    assert isinstance(BasicBlock(4, 4).shortcut, nn.Identity)
    assert isinstance(BasicBlock(4, 4, shortcut="project_all").shortcut, nn.Sequential)
    plain = BasicBlock(4, 4, shortcut="none").double()
    assert plain.shortcut is None
    assert_close(plain(x), plain.residual(x).relu())


@pytest.mark.topic("CNN-21")
def test_a_deeper_network_contains_the_shallow_one() -> None:
    """Extra blocks whose F is 0 change nothing, so depth cannot cost fit in principle."""
    torch.manual_seed(0)
    shallow, deep = CifarResNet(8, 10, 1).double().eval(), CifarResNet(20, 10, 1).double().eval()
    ours = dict(shallow.named_parameters())
    for name, parameter in deep.named_parameters():
        if name in ours:
            parameter.data = ours[name].data
        elif name.endswith("bn2.weight"):
            nn.init.zeros_(parameter)
    x = random(2, 1, 8, 8)
    assert_close(deep(x), shallow(x))


@pytest.mark.topic("CNN-20", "CNN-22", "CNN-26")
def test_shortcuts_carry_gradient_through_depth() -> None:
    """Without a norm, a plain stack of 50 blocks hears nothing of its loss; a residual one does."""

    def gradient(shortcut: bool) -> float:
        x = a = random(2, 4, 5, 5).requires_grad_()
        for layer in range(50):
            learned = 0.01 * F.conv2d(a, random(4, 4, 3, 3, seed=layer), padding=1).tanh()
            a = a + learned if shortcut else learned
        return torch.autograd.grad(a.sum(), x)[0].norm().item()

    assert gradient(False) < 1e-40 and 1 < gradient(True) < 100


@pytest.mark.topic("CNN-20", "CNN-25", "CNN-26")
def test_the_recorded_runs_show_degradation_and_its_cure() -> None:
    record = load("degradation")
    final = {
        (row["kind"], row["depth"]): statistics.mean(run[-1] for run in row["train_error"])
        for row in record["results"]
    }
    shallow, *middle, deep = record["depths"]
    for depth in (*middle, deep):
        assert final["residual", depth] < final["plain", depth]
    assert final["plain", deep] > final["plain", shallow] + 0.5  # on the training images: no overfitting
    assert final["residual", deep] < final["residual", shallow] + 0.1
    assert parameters(lambda: CifarResNet(deep, shortcut="none")) == parameters(lambda: CifarResNet(deep))


@pytest.mark.topic("CNN-26")
def test_addition_keeps_the_channels_and_concatenation_stacks_them() -> None:
    x = torch.zeros(1, 8, 4, 4)
    assert BasicBlock(8, 8)(x).shape[1] == 8
    assert NaiveInception(8, 2, 2, 2)(x).shape[1] == 14


SMALL: dict[str, Callable[[], nn.Module]] = {
    "LeNet": lambda: LeNet(10, 1, image_size=8, kernel_size=3, padding=1),
    "VGG": lambda: VGG(11, 10, 1, width=8, hidden=32, image_size=8, batch_norm=True),
    "GoogLeNet": lambda: GoogLeNet(10, 1, small_images=True, width=0.125, batch_norm=True),
    "ResNet": lambda: ResNet(18, 10, 1, width=8, small_images=True),
    "ResNet, bottlenecks": lambda: ResNet(50, 10, 1, width=4, small_images=True),
    "CIFAR ResNet": lambda: CifarResNet(8, 10, 1, width=8),
}


@pytest.mark.topic("CNN-04", "CNN-06", "CNN-16", "CNN-24")
@pytest.mark.parametrize("name", SMALL)
def test_small_forms_read_small_images_also_channels_last(name: str) -> None:
    torch.manual_seed(0)
    network, x = SMALL[name]().eval(), torch.rand(3, 1, 8, 8)
    expected = network(x)
    assert expected.shape == (3, 10)
    assert_close(network(x[:1]), expected[:1])
    last = network.to(memory_format=torch.channels_last)
    assert_close(last(x.to(memory_format=torch.channels_last)), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.topic("CNN-05")
def test_the_three_forms_of_alexnet() -> None:
    with torch.device("meta"):
        for config in (AlexNetConfig(), ALEXNET_ONE_TOWER, ALEXNET_SMALL):
            network = AlexNet(config=config)
            x = torch.empty(2, 3, config.image_size, config.image_size)
            assert network(x).shape == (2, 1000)
            kernels = [m.kernel_size[0] for m in network.modules() if isinstance(m, nn.Conv2d)]
            assert kernels[1:] == [5, 3, 3, 3]
    assert parameters(lambda: AlexNet(10, 1, ALEXNET_SMALL)) < 500_000


@pytest.mark.topic("APP-01", "CNN-04", "CNN-24")
@pytest.mark.parametrize(("name", "epochs"), [("LeNet", 12), ("CIFAR ResNet", 5)])
def test_a_network_learns_digits_within_seconds(name: str, epochs: int) -> None:
    torch.manual_seed(0)
    train, validation, _ = digits()
    batches = Batches(tuple(train), 32, torch.Generator().manual_seed(0))
    history = fit(
        SMALL[name](), batches, cross_entropy, epochs=epochs, lr=3e-3, device="cpu", progress=False,
        validation=Batches(tuple(validation), 355), metric=accuracy,
    )  # fmt: skip
    assert history.metric[-1] > 0.93


def test_a_network_trains_with_channels_last_and_bf16_by_flag() -> None:
    train, _, test = digits()
    losses = []
    for flags in ({}, {"channels_last": True}, {"channels_last": True, "bf16": True}):
        torch.manual_seed(0)
        network, batches = CifarResNet(8, 10, 1), Batches(tuple(train), 128)
        history = fit(network, batches, cross_entropy, epochs=2, device="cpu", progress=False, **flags)
        losses.append(history.train_loss[-1])
        with torch.no_grad():
            assert network.eval()(test.images).dtype == torch.float32
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)  # the same sums in another order
    assert losses[2] == pytest.approx(losses[0], rel=0.05)  # with three digits


@pytest.mark.topic("CNN-17")
def test_class_activation_map_shares_out_the_logit() -> None:
    torch.manual_seed(0)
    network = CifarResNet(8, 10, 1).double().eval()
    x, classes = random(3, 1, 8, 8), torch.tensor([7, 0, 9])
    maps = class_activation_map(network.features(x), network.head.weight, classes)
    assert maps.shape == (3, 2, 2)
    logits = network(x)[torch.arange(3), classes]
    assert_close(maps.mean((1, 2)) + network.head.bias[classes], logits)
    with pytest.raises(ValueError, match=r"got \(3, 64\) and \(10, 64\)"):
        class_activation_map(torch.zeros(3, 64), network.head.weight, classes)


@pytest.mark.topic("CNN-03")
def test_feature_maps_are_what_the_modules_gave() -> None:
    torch.manual_seed(0)
    network = CifarResNet(8, 10, 1).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.rand(2, 1, 8, 8)
    maps = feature_maps(network, x, ["stem", "stages.1"])
    assert network.training and list(maps) == ["stem", "stages.1"]
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    network.eval()
    assert_close(maps["stem"], network.stem(x))
    assert_close(maps["stages.1"], network.stages[1](network.stages[0](network.stem(x))))
    assert not maps["stem"].requires_grad and not network.stem._forward_hooks
    with pytest.raises(ValueError, match="expected the name of a module, such as 'stem'.* got 'stom'"):
        feature_maps(network, x, ["stom"])


@pytest.mark.topic("CNN-09", "CNN-19")
def test_multiplications_are_counted_layer_by_layer() -> None:
    convs = nn.Sequential(nn.Conv2d(480, 16, 1), nn.Conv2d(16, 48, 5, padding=2))
    assert multiply_adds(convs, torch.zeros(1, 480, 14, 14)) == 5_268_480
    assert multiply_adds(nn.Conv2d(4, 6, 3, groups=2), torch.zeros(2, 4, 8, 8)) == (
        2 * conv_multiplications(4, 6, 3, 6, 6, groups=2)
    )
    # The same pairs of pixels meet in a convolution and in its transpose.
    down, up = nn.Conv2d(3, 5, 2, stride=2), nn.ConvTranspose2d(5, 3, 2, stride=2)
    assert multiply_adds(up, torch.zeros(1, 5, 4, 4)) == multiply_adds(down, torch.zeros(1, 3, 8, 8))


@pytest.mark.topic("CNN-19")
def test_googlenet_needs_a_ninth_of_alexnets_parameters() -> None:
    ratio = parameters(AlexNet) / parameters(lambda: GoogLeNet(auxiliary=False))
    assert 8.5 < ratio < 9
    sizes = [parameters(lambda d=d: ResNet(d)) for d in (18, 34, 50, 101, 152)]
    assert all(a < b for a, b in pairwise(sizes))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VGG(12), "expected a depth of 11, 13, 16, 19; got 12"),
        (lambda: ResNet(20), "expected a depth of 18, 34, 50, 101, 152; got 20"),
        (lambda: ResNet(18, dilate=3), "expected to dilate 0, 1 or 2 stages; got 3"),
        (lambda: CifarResNet(10), r"expected a depth of 6n \+ 2, such as 8, 20 or 32; got 10"),
        (lambda: CifarResNet(8, shortcut="add"), "shortcut must be one of 'project', 'pad', .* got 'add'"),
        (lambda: LeNet(image_size=8), "a kernel of size 5 with dilation 1 does not fit into 2 pixels"),
    ],
)  # fmt: skip
def test_networks_refuse_what_cannot_be(make: Callable[[], nn.Module], message: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=message):
        make()
