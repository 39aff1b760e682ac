"""Weights of torchvision: state dicts of its names and shapes load, and the network computes what they mean.

The networks of torchvision are written out here once more, plainly, over their own state dicts; where
torchvision is installed, it is asked itself.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.convolutional_googlenet import GoogLeNet, googlenet_from_torchvision
from coursekit.nn.convolutional_resnet import RESNET_STAGES, BasicBlock, ResNet, resnet_from_torchvision

State = dict[str, Tensor]
K = 7

# torchvision's constructor calls: name, in, 1x1, 3x3 reduced, 3x3, "5x5" reduced, "5x5", behind the pool
INCEPTIONS = [
    ("3a", 192, 64, 96, 128, 16, 32, 32),
    ("3b", 256, 128, 128, 192, 32, 96, 64),
    ("4a", 480, 192, 96, 208, 16, 48, 64),
    ("4b", 512, 160, 112, 224, 24, 64, 64),
    ("4c", 512, 128, 128, 256, 24, 64, 64),
    ("4d", 512, 112, 144, 288, 32, 64, 64),
    ("4e", 528, 256, 160, 320, 32, 128, 128),
    ("5a", 832, 256, 160, 320, 32, 128, 128),
    ("5b", 832, 384, 192, 384, 48, 128, 128),
]


def conv(state: State, name: str, out: int, read: int, kernel: int) -> None:
    state[f"{name}.weight"] = torch.randn(out, read, kernel, kernel) * (2 / (read * kernel**2)) ** 0.5


def norm(state: State, name: str, channels: int) -> None:
    state[f"{name}.weight"] = 0.5 + torch.rand(channels)
    state[f"{name}.bias"] = 0.1 * torch.randn(channels)
    state[f"{name}.running_mean"] = 0.1 * torch.randn(channels)
    state[f"{name}.running_var"] = 0.5 + torch.rand(channels)
    state[f"{name}.num_batches_tracked"] = torch.tensor(3)


def dense(state: State, name: str, out: int, read: int) -> None:
    state[f"{name}.weight"], state[f"{name}.bias"] = 0.05 * torch.randn(out, read), torch.randn(out)


def resnet_state(depth: int) -> State:
    """Names and shapes of `torchvision.models.resnet*`, K classes, random numbers."""
    block, counts = RESNET_STAGES[depth]
    wide = 1 if block is BasicBlock else 4
    state: State = {}
    conv(state, "conv1", 64, 3, 7)
    norm(state, "bn1", 64)
    read = 64
    for layer, (count, channels) in enumerate(zip(counts, (64, 128, 256, 512), strict=True), start=1):
        for index in range(count):
            name = f"layer{layer}.{index}"
            steps = [(read, channels, 3), (channels, channels, 3)]
            if wide == 4:
                steps = [(read, channels, 1), (channels, channels, 3), (channels, 4 * channels, 1)]
            for number, (below, above, kernel) in enumerate(steps, start=1):
                conv(state, f"{name}.conv{number}", above, below, kernel)
                norm(state, f"{name}.bn{number}", above)
            if index == 0 and read != wide * channels:
                conv(state, f"{name}.downsample.0", wide * channels, read, 1)
                norm(state, f"{name}.downsample.1", wide * channels)
            read = wide * channels
    dense(state, "fc", K, read)
    return state


def googlenet_state(auxiliary: bool) -> State:
    """Names and shapes of `torchvision.models.googlenet`, K classes, random numbers."""
    state: State = {}

    def unit(name: str, out: int, read: int, kernel: int) -> None:
        conv(state, f"{name}.conv", out, read, kernel)
        norm(state, f"{name}.bn", out)

    unit("conv1", 64, 3, 7)
    unit("conv2", 64, 64, 1)
    unit("conv3", 192, 64, 3)
    for name, read, c1, r3, c3, r5, c5, pool in INCEPTIONS:
        unit(f"inception{name}.branch1", c1, read, 1)
        unit(f"inception{name}.branch2.0", r3, read, 1)
        unit(f"inception{name}.branch2.1", c3, r3, 3)
        unit(f"inception{name}.branch3.0", r5, read, 1)
        unit(f"inception{name}.branch3.1", c5, r5, 3)
        unit(f"inception{name}.branch4.1", pool, read, 1)
    if auxiliary:
        for name, read in (("aux1", 512), ("aux2", 528)):
            unit(f"{name}.conv", 128, read, 1)
            dense(state, f"{name}.fc1", 1024, 2048)
            dense(state, f"{name}.fc2", K, 1024)
    dense(state, "fc", K, 1024)
    return state


def plain_conv(state: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)


def plain_norm(state: State, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    entries = (state[f"{name}.{entry}"] for entry in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *entries, eps=eps)


def plain_resnet(state: State, x: Tensor) -> Tensor:
    x = plain_norm(state, "bn1", plain_conv(state, "conv1", x, 2)).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for layer in range(1, 5):
        index = 0
        while f"layer{layer}.{index}.conv1.weight" in state:
            name = f"layer{layer}.{index}"
            stride = 2 if layer > 1 and index == 0 else 1
            bottleneck = f"{name}.conv3.weight" in state
            around = x
            if f"{name}.downsample.0.weight" in state:
                around = plain_conv(state, f"{name}.downsample.0", x, stride)
                around = plain_norm(state, f"{name}.downsample.1", around)
            x = plain_norm(
                state, f"{name}.bn1", plain_conv(state, f"{name}.conv1", x, 1 if bottleneck else stride)
            )
            x = plain_conv(state, f"{name}.conv2", x.relu(), stride if bottleneck else 1)
            x = plain_norm(state, f"{name}.bn2", x)
            if bottleneck:
                x = plain_norm(state, f"{name}.bn3", plain_conv(state, f"{name}.conv3", x.relu()))
            x = (x + around).relu()
            index += 1
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def plain_googlenet(state: State, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    def unit(name: str, x: Tensor, stride: int = 1) -> Tensor:
        return plain_norm(state, f"{name}.bn", plain_conv(state, f"{name}.conv", x, stride), eps=1e-3).relu()

    def pool(x: Tensor, kernel: int) -> Tensor:
        return F.max_pool2d(x, kernel, 2, ceil_mode=True)

    helpers = []
    x = pool(unit("conv1", x, 2), 3)
    x = pool(unit("conv3", unit("conv2", x)), 3)
    for name, *_ in INCEPTIONS:
        if name in ("4a", "5a"):
            x = pool(x, 3 if name == "4a" else 2)
        at = f"inception{name}.branch"
        pooled = F.max_pool2d(x, 3, 1, 1)
        parts = [unit(f"{at}1", x), unit(f"{at}2.1", unit(f"{at}2.0", x))]
        parts += [unit(f"{at}3.1", unit(f"{at}3.0", x)), unit(f"{at}4.1", pooled)]
        x = torch.cat(parts, 1)
        if name in ("4a", "4d") and "aux1.fc1.weight" in state:
            aux = "aux1" if name == "4a" else "aux2"
            y = unit(f"{aux}.conv", F.adaptive_avg_pool2d(x, 4)).flatten(1)
            y = F.linear(y, state[f"{aux}.fc1.weight"], state[f"{aux}.fc1.bias"]).relu()
            helpers.append(F.linear(y, state[f"{aux}.fc2.weight"], state[f"{aux}.fc2.bias"]))
    return F.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"]), helpers


@pytest.mark.topic("CNN-24", "CNN-40")
@pytest.mark.parametrize("depth", [18, 50])
def test_weights_of_a_torchvision_resnet(depth: int) -> None:
    torch.manual_seed(0)
    state = resnet_state(depth)
    network = ResNet(depth, K)
    network.load_state_dict(resnet_from_torchvision(state))  # strict: every name and shape
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert_close(network.eval()(x), plain_resnet(state, x), atol=1e-4, rtol=1e-4)


@pytest.mark.topic("CNN-24")
@pytest.mark.parametrize("depth", [34, 101, 152])
def test_names_and_shapes_of_the_deeper_resnets(depth: int) -> None:
    with torch.device("meta"):
        renamed = resnet_from_torchvision(resnet_state(depth))
        expected = ResNet(depth, K).state_dict()
    assert {name: value.shape for name, value in renamed.items()} == {
        name: value.shape for name, value in expected.items()
    }


@pytest.mark.topic("CNN-16", "CNN-18", "CNN-40")
@pytest.mark.parametrize("auxiliary", [True, False])
def test_weights_of_torchvisions_googlenet(auxiliary: bool) -> None:
    torch.manual_seed(0)
    state = googlenet_state(auxiliary)
    shuffled = {name: state[name] for name in sorted(state, reverse=True)}  # any order will do
    network = GoogLeNet(K, batch_norm=True, auxiliary=auxiliary)
    network.load_state_dict(googlenet_from_torchvision(shuffled))
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        logits, helpers = plain_googlenet(state, x)
        assert_close(network.eval()(x), logits, atol=1e-4, rtol=1e-4)
        if auxiliary:
            maps: list[Tensor] = []
            handles = [
                network.blocks[name].register_forward_hook(lambda _m, _i, y: maps.append(y))
                for name in ("4a", "4d")
            ]
            network(x)
            for handle in handles:
                handle.remove()
            got = [head(y) for head, y in zip(network.auxiliary.values(), maps, strict=True)]
            assert_close(got, helpers, atol=1e-4, rtol=1e-4)


@pytest.mark.topic("CNN-40")
def test_an_unknown_entry_is_named() -> None:
    for rename, name in (
        (resnet_from_torchvision, "layer5.0.conv1.weight"),
        (googlenet_from_torchvision, "inception3a.branch5.conv.weight"),
    ):
        with pytest.raises(ValueError, match=f"expected the entries of .* got '{name}'"):
            rename({name: torch.zeros(1)})


@pytest.mark.topic("CNN-24", "CNN-16")
@pytest.mark.parametrize(
    ("name", "ours", "rename"),
    [
        ("resnet18", lambda: ResNet(18), resnet_from_torchvision),
        ("resnet50", lambda: ResNet(50), resnet_from_torchvision),
        ("googlenet", lambda: GoogLeNet(batch_norm=True), googlenet_from_torchvision),
    ],
)
def test_torchvision_itself(
    name: str, ours: Callable[[], nn.Module], rename: Callable[[State], State]
) -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    theirs = getattr(models, name)(weights=None, **options).eval()
    network = ours().eval()
    network.load_state_dict(rename(theirs.state_dict()))
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert_close(network(x), theirs(x), atol=1e-4, rtol=1e-4)
