r"""Residual networks: each block adds what it learned to what it was given.

Letters: N batch, C channels, H and W height and width, K classes.
Source: He et al. (2016), Deep residual learning for image recognition.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.cells import check_choice

# What goes around a block: the identity, and where stride or width changes it a strided 1x1 convolution
# ("project", the paper's option B) or the pixels of the stride with zeros for new channels ("pad", A, no
# weights); a projection everywhere ("project_all", C); or nothing at all ("none"), a plain network.
Shortcut = Literal["project", "pad", "project_all", "none"]


def residual_block(
    x: Tensor, weight1: Tensor, weight2: Tensor, weight_shortcut: Tensor | None = None, stride: int = 1
) -> Tensor:
    r"""Two 3x3 convolutions with a shortcut around them, without norms.

    $$y = \mathrm{ReLU}\big(W_2 * \mathrm{ReLU}(W_1 * x) + W_s x\big)$$
    Added first, activated last. The shortcut is x itself or, where `stride` or width changes its shape, a 1x1
    convolution with the same stride.
    Shapes: x (N, C, H, W), weight1 (O, C, 3, 3), weight2 (O, O, 3, 3), weight_shortcut (O, C, 1, 1)
    -> (N, O, H', W'). Raises `ValueError` when the shortcut does not have the shape of what it is added to.
    """
    hidden = F.conv2d(x, weight1, stride=stride, padding=1).relu()  # (N, O, H', W')
    learned = F.conv2d(hidden, weight2, padding=1)  # (N, O, H', W')
    shortcut = x if weight_shortcut is None else F.conv2d(x, weight_shortcut, stride=stride)
    if shortcut.shape != learned.shape:
        raise ValueError(
            f"residual_block: expected a shortcut of shape {tuple(learned.shape)}; "
            f"got {tuple(shortcut.shape)}: a change of stride or width needs weight_shortcut"
        )
    return (learned + shortcut).relu()


class PadShortcut(nn.Module):
    """Option A: every `stride`-th pixel, and zeros for the new channels; nothing to learn."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels, self.stride = out_channels - in_channels, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new_channels))


def make_shortcut(kind: Shortcut, in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
    """What goes around a block of these sizes; None for a plain one."""
    check_choice("shortcut", kind, Shortcut)
    if kind == "none":
        return None
    if in_channels == out_channels and stride == 1 and kind != "project_all":
        return nn.Identity()
    if kind == "pad":
        return PadShortcut(in_channels, out_channels, stride)
    return nn.Sequential(_conv(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels))


class Block(nn.Module):
    r"""What a block learned, F(x), added to its input: $y = \mathrm{ReLU}(F(x) + x)$.

    Before the ReLU $\partial y / \partial x = I + \partial F / \partial x$. Whatever F does, gradient passes
    along the identity; and a block whose F is pushed to 0 is harmless. `dilations` are those of the 3x3 that
    has the stride, and of one behind it.
    Shapes: x (N, C, H, W) -> (N, `expansion` * channels, H', W').
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        *,
        shortcut: Shortcut = "project",
    ) -> None:
        super().__init__()
        self.shortcut = make_shortcut(shortcut, in_channels, self.expansion * channels, stride)

    def residual(self, x: Tensor) -> Tensor:
        """F(x), in the shape of the result."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        learned = self.residual(x)
        return (learned if self.shortcut is None else learned + self.shortcut(x)).relu()


class BasicBlock(Block):
    """A `Block` of two 3x3 convolutions with batch norm: 73,984 parameters at 64 channels."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        *,
        dilations: tuple[int, int] = (1, 1),
        shortcut: Shortcut = "project",
    ) -> None:
        super().__init__(in_channels, channels, stride, shortcut=shortcut)
        self.conv1 = _conv(in_channels, channels, 3, stride, dilations[0])
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels, 3, 1, dilations[1])
        self.bn2 = nn.BatchNorm2d(channels)

    def residual(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()  # (N, channels, H', W')
        return self.bn2(self.conv2(x))  # type: ignore[no-any-return]


class Bottleneck(Block):
    """A `Block` of 1x1 to `channels`, 3x3, 1x1 to four times as many: 70,400 parameters for 256-64-64-256.

    The stride is that of the 3x3 convolution, as in torchvision; the paper has it at the first 1x1.
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        *,
        dilations: tuple[int, int] = (1, 1),
        shortcut: Shortcut = "project",
    ) -> None:
        super().__init__(in_channels, channels, stride, shortcut=shortcut)
        self.conv1 = _conv(in_channels, channels, 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels, 3, stride, dilations[0])
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = _conv(channels, 4 * channels, 1)
        self.bn3 = nn.BatchNorm2d(4 * channels)

    def residual(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()  # (N, channels, H, W)
        x = self.bn2(self.conv2(x)).relu()  # (N, channels, H', W')
        return self.bn3(self.conv3(x))  # type: ignore[no-any-return]


class _StagedNetwork(nn.Module):
    """A stem, stages of blocks, global average pooling and one dense layer."""

    stem: nn.Sequential
    stages: nn.ModuleList
    head: nn.Linear

    def features(self, x: Tensor) -> Tensor:
        """The maps that global averaging reads."""
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).mean((2, 3)))  # (N, K)
        return logits


# depth -> kind of block, blocks in each of the four stages
RESNET_STAGES: dict[int, tuple[type[BasicBlock | Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


class ResNet(_StagedNetwork):
    """Stem 7x7/2 and max pool, four stages, global average pool, one dense layer.

    `small_images` is the form for about 8 to 64 pixels: a 3x3 stem that keeps the size; `width` is the number
    of channels of the first stage. With `dilate` = 1 or 2 the last stages keep the size of their map and
    spread their kernels instead: the same weights see as far, and the result is 16 or 8 times coarser than
    the image instead of 32 times.
    Shapes: x (N, C, H, W) -> logits (N, K); `features` (N, 512, H/32, W/32), or 2048 with a `Bottleneck`.
    """

    def __init__(
        self,
        depth: int = 50,
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        width: int = 64,
        small_images: bool = False,
        shortcut: Shortcut = "project",
        dilate: int = 0,
    ) -> None:
        super().__init__()
        if depth not in RESNET_STAGES:
            raise ValueError(f"ResNet: expected a depth of {', '.join(map(str, RESNET_STAGES))}; got {depth}")
        if dilate not in (0, 1, 2):
            raise ValueError(f"ResNet: expected to dilate 0, 1 or 2 stages; got {dilate}")
        block, counts = RESNET_STAGES[depth]
        if small_images:
            stem = [_conv(in_channels, width, 3), nn.BatchNorm2d(width), nn.ReLU()]
        else:
            stem = [_conv(in_channels, width, 7, 2), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        self.stem = nn.Sequential(*stem)
        strides, widths = (1, 2, 2, 2), [width, 2 * width, 4 * width, 8 * width]
        self.stages = _stages(block, width, widths, counts, strides, shortcut, dilate)
        self.head = nn.Linear(block.expansion * 8 * width, num_classes)
        _initialize(self)


class CifarResNet(_StagedNetwork):
    """The paper's network for 32 by 32 pixels: a 3x3 stem and three stages of 16, 32 and 64 channels.

    `depth` is 6n + 2: n blocks of two convolutions in each stage, the stem and the dense layer. With
    `shortcut="none"` it is the plain network to compare with, of exactly as many parameters.
    Shapes: x (N, C, H, W) -> logits (N, K); `features` (N, 64, H/4, W/4).
    """

    def __init__(
        self,
        depth: int = 20,
        num_classes: int = 10,
        in_channels: int = 3,
        *,
        width: int = 16,
        shortcut: Shortcut = "pad",
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if blocks < 1 or rest:
            raise ValueError(f"CifarResNet: expected a depth of 6n + 2, such as 8, 20 or 32; got {depth}")
        self.stem = nn.Sequential(_conv(in_channels, width, 3), nn.BatchNorm2d(width), nn.ReLU())
        widths = [width, 2 * width, 4 * width]
        self.stages = _stages(BasicBlock, width, widths, [blocks] * 3, (1, 2, 2), shortcut)
        self.head = nn.Linear(4 * width, num_classes)
        _initialize(self)


def resnet_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `torchvision.models.resnet18` to `resnet152` under the names of `ResNet`.

    | torchvision | here |
    |---|---|
    | conv1, bn1 | stem.0, stem.1 |
    | layer1 ... layer4 | stages.0 ... stages.3 |
    | .downsample of a block | .shortcut |
    | fc | head |

    What is inside a block has the same name in both. Raises `ValueError` naming an entry that is none of
    these.
    """
    renamed = {}
    for name, value in state.items():
        if match := re.fullmatch(r"layer([1-4])\.(.+)", name):
            ours = f"stages.{int(match[1]) - 1}.{match[2].replace('downsample', 'shortcut')}"
        elif match := re.fullmatch(r"(conv1|bn1|fc)\.(\w+)", name):
            ours = f"{ {'conv1': 'stem.0', 'bn1': 'stem.1', 'fc': 'head'}[match[1]] }.{match[2]}"
        else:
            raise ValueError(f"expected the entries of a torchvision resnet; got {name!r}")
        renamed[ours] = value
    return renamed


def _conv(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A convolution that keeps the size but for its stride; the norm behind it makes a bias superfluous."""
    padding = dilation * (kernel_size // 2)
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=False)


def _stages(
    block: type[BasicBlock | Bottleneck],
    in_channels: int,
    widths: Sequence[int],
    counts: Sequence[int],
    strides: Sequence[int],
    shortcut: Shortcut,
    dilate: int = 0,
) -> nn.ModuleList:
    """Stages of blocks; the last `dilate` ones spread their kernels instead of striding."""
    stages, dilation = nn.ModuleList(), 1
    for number, (channels, count, stride) in enumerate(zip(widths, counts, strides, strict=True)):
        spread = stride if number >= len(widths) - dilate else 1
        stage = nn.Sequential()
        for index in range(count):
            step = stride // spread if index == 0 else 1
            # A 3x3 that would have strided still reads the finer grid; what comes behind it spreads.
            before, dilation = dilation, dilation * spread if index == 0 else dilation
            module = block(in_channels, channels, step, dilations=(before, dilation), shortcut=shortcut)
            stage.append(module)
            in_channels = block.expansion * channels
        stages.append(stage)
    return stages


def _initialize(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
