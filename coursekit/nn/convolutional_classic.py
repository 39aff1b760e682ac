"""The networks before GoogLeNet: LeNet, AlexNet, VGG. Convolutions, pooling, then dense layers.

Letters: N batch, C channels, H and W height and width, K classes. Each network ends in K logits, and each
has a form for small images; `image_size` says what the dense layers are to expect.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from coursekit.nn.convolutional import output_size


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max pooling: two convolutions, three dense layers.

    Shapes: x (N, C, H, H) with H = `image_size` -> logits (N, K). The original reads 32 by 32 pixels with
    kernels of 5; for 8 by 8 take `image_size=8, kernel_size=3, padding=1`.
    Source: LeCun et al. (1998), Gradient-based learning applied to document recognition. There: tanh, average
    pooling with weights, partly connected maps, and an output layer of radial basis functions.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        image_size: int = 32,
        kernel_size: int = 5,
        padding: int = 0,
    ) -> None:
        super().__init__()
        size = image_size
        for _ in range(2):
            size = output_size(output_size(size, kernel_size, padding=padding), 2, stride=2)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Linear(16 * size * size, 120), nn.ReLU(),
            nn.Linear(120, 84), nn.ReLU(),
            nn.Linear(84, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 16, H/4 - 3, W/4 - 3) for the original
        logits: Tensor = self.classifier(x.flatten(1))  # (N, K)
        return logits


@dataclass(frozen=True)
class AlexNetConfig:
    """The sizes of an `AlexNet`; the defaults are the original."""

    image_size: int = 227
    stem: tuple[int, int, int] = (11, 4, 0)  # kernel size, stride, padding of the first convolution
    widths: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)  # channels of the five convolutions
    groups: int = 2  # of the 2nd, 4th and 5th, which sat on two graphics cards
    hidden: int = 4096  # units of the two hidden dense layers
    local_response_norm: bool = True
    dropout: float = 0.5


ALEXNET_ONE_TOWER = AlexNetConfig(224, (11, 4, 2), (64, 192, 384, 256, 256), 1, local_response_norm=False)
ALEXNET_SMALL = AlexNetConfig(32, (3, 1, 1), (24, 48, 96, 64, 64), 1, hidden=256, local_response_norm=False)


class AlexNet(nn.Module):
    """Five convolutions (11, 5, 3, 3, 3), overlapping max pools of 3/2, three dense layers with dropout.

    Three forms: `AlexNetConfig()`, the original; `ALEXNET_ONE_TOWER`, whose weights fit torchvision's; and
    `ALEXNET_SMALL` for 32 by 32 pixels.
    Shapes: x (N, C, H, H) with H = `config.image_size` -> logits (N, K).
    Source: Krizhevsky et al. (2012), ImageNet classification with deep convolutional neural networks; one
    tower, Krizhevsky (2014), One weird trick.
    """

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, config: AlexNetConfig | None = None
    ) -> None:
        super().__init__()
        config = config or AlexNetConfig()
        kernel_size, stride, padding = config.stem
        w1, w2, w3, w4, w5 = config.widths
        g = config.groups
        size = output_size(config.image_size, kernel_size, stride, padding)
        for _ in range(3):
            size = output_size(size, 3, stride=2)

        def norm() -> list[nn.Module]:
            return [nn.LocalResponseNorm(5, k=2.0)] if config.local_response_norm else []

        self.features = nn.Sequential(
            nn.Conv2d(in_channels, w1, kernel_size, stride, padding), nn.ReLU(), *norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(w1, w2, 5, padding=2, groups=g), nn.ReLU(), *norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(w2, w3, 3, padding=1), nn.ReLU(),
            nn.Conv2d(w3, w4, 3, padding=1, groups=g), nn.ReLU(),
            nn.Conv2d(w4, w5, 3, padding=1, groups=g), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(w5 * size * size, config.hidden), nn.ReLU(),
            nn.Dropout(config.dropout), nn.Linear(config.hidden, config.hidden), nn.ReLU(),
            nn.Linear(config.hidden, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 256, 6, 6) for the original
        logits: Tensor = self.classifier(x.flatten(1))  # (N, K)
        return logits


# depth -> convolutions in each of the five stages; three dense layers make up the rest.
VGG_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """3x3 convolutions only, in five stages of width 1, 2, 4, 8, 8 times `width`; each halves the map.

    For small images take a smaller `width` and `hidden`; a map of one pixel is not pooled any further, so
    every `image_size` will do.
    Shapes: x (N, C, H, H) with H = `image_size` -> logits (N, K).
    Source: Simonyan and Zisserman (2015), Very deep convolutional networks for large-scale image recognition.
    Differs from it on wish: `batch_norm` behind each convolution, which then has no bias.
    """

    def __init__(
        self,
        depth: int = 16,
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        width: int = 64,
        hidden: int = 4096,
        image_size: int = 224,
        batch_norm: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if depth not in VGG_STAGES:
            raise ValueError(f"VGG: expected a depth of {', '.join(map(str, VGG_STAGES))}; got {depth}")
        size = image_size
        widths = [in_channels, *(width * factor for factor in (1, 2, 4, 8, 8))]
        self.stages = nn.ModuleList()
        for (below, channels), convolutions in zip(pairwise(widths), VGG_STAGES[depth], strict=True):
            stage = nn.Sequential()
            for number in range(convolutions):
                first = below if number == 0 else channels
                stage.append(nn.Conv2d(first, channels, 3, padding=1, bias=not batch_norm))
                if batch_norm:
                    stage.append(nn.BatchNorm2d(channels))
                stage.append(nn.ReLU())
            if size > 1:
                stage.append(nn.MaxPool2d(2))
                size //= 2
            self.stages.append(stage)
        self.map_size = size
        self.classifier = nn.Sequential(
            nn.Linear(widths[-1] * size * size, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # without it the signal of a deep plain network fades
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)  # (N, 64, 112, 112) ... (N, 512, 7, 7) for the original
        logits: Tensor = self.classifier(x.flatten(1))  # (N, K)
        return logits
