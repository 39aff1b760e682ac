"""Networks that give every pixel a class: FCN, U-Net, DeepLab.

Letters: N batch, C channels, H and W height and width, K classes. Each gives logits (N, K, H, W); their
targets are (N, H, W).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coursekit.nn.convolutional_classic import VGG
from coursekit.nn.convolutional_resnet import ResNet
from coursekit.nn.segmentation import bilinear_kernel, center_crop, linear_to_conv, resize


class FCN(nn.Module):
    """A classifier turned into a segmenter: dense layers become convolutions, coarse scores are enlarged.

    From the stages and hidden layers of a `VGG` with five pools, which keep their weights; the last layer is
    new. `finest` names the form: 32 enlarges the scores of the last map at once; 16 and 8 first add those of
    one or two earlier, finer maps, after doubling the size by a transposed convolution that starts as
    bilinear interpolation. New score layers for finer maps start at 0, so they can only improve on coarse
    ones.
    Shapes: x (N, C, H, W), H and W multiples of 32 -> logits (N, K, H, W).
    Source: Long et al. (2015), Fully convolutional networks for semantic segmentation. There the image gets a
    border of 100 pixels; here the first converted layer pads its map, to the same end.
    """

    def __init__(self, classifier: VGG, num_classes: int, finest: int = 8) -> None:
        super().__init__()
        if finest not in (8, 16, 32):
            raise ValueError(f"FCN: expected a finest stride of 8, 16 or 32; got {finest}")
        pools = sum(isinstance(layer, nn.MaxPool2d) for layer in classifier.modules())
        if pools != 5:
            raise ValueError(f"FCN: expected a VGG with five pools; got {pools}, its images are too small")
        self.stages = classifier.stages
        widths = [_out_channels(stage) for stage in self.stages]
        first, second, _ = (layer for layer in classifier.classifier if isinstance(layer, nn.Linear))
        conv1 = linear_to_conv(first, widths[-1])
        conv2 = linear_to_conv(second, first.out_features)
        dropout = next(layer.p for layer in classifier.classifier if isinstance(layer, nn.Dropout))
        before, behind = (conv1.kernel_size[0] - 1) // 2, conv1.kernel_size[0] // 2
        self.head = nn.Sequential(
            nn.ZeroPad2d((before, behind, before, behind)), conv1, nn.ReLU(), nn.Dropout2d(dropout),
            conv2, nn.ReLU(), nn.Dropout2d(dropout),
            nn.Conv2d(second.out_features, num_classes, 1),
        )  # fmt: skip
        finer = {32: [], 16: [3], 8: [3, 2]}[finest]
        self.finer = finer  # stages whose scores are added, coarse to fine
        self.scores = nn.ModuleList(nn.Conv2d(widths[stage], num_classes, 1) for stage in finer)
        self.doubles = nn.ModuleList(
            nn.ConvTranspose2d(num_classes, num_classes, 4, stride=2, padding=1, bias=False) for _ in finer
        )
        with torch.no_grad():
            for score, double in zip(self.scores, self.doubles, strict=True):
                assert isinstance(score, nn.Conv2d) and isinstance(double, nn.ConvTranspose2d)
                assert score.bias is not None
                nn.init.zeros_(score.weight)
                nn.init.zeros_(score.bias)
                double.weight.copy_(bilinear_kernel(num_classes, 2))

    def forward(self, x: Tensor) -> Tensor:
        size = (x.shape[2], x.shape[3])
        if size[0] % 32 or size[1] % 32:
            raise ValueError(f"FCN: expected height and width to be multiples of 32; got {size}")
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)  # (N, C, H/2, W/2) ... (N, 8C, H/32, W/32)
        logits: Tensor = self.head(x)  # (N, K, H/32, W/32)
        for stage_number, score, double in zip(self.finer, self.scores, self.doubles, strict=True):
            logits = double(logits) + score(maps[stage_number])  # (N, K, H/16, W/16), then H/8, W/8
        return resize(logits, size)  # (N, K, H, W)


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions, each with ReLU; with `batch_norm` the norm stands between, in place of a bias."""

    def __init__(
        self, in_channels: int, out_channels: int, *, padded: bool = True, batch_norm: bool = False
    ) -> None:
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            conv = nn.Conv2d(channels, out_channels, 3, padding=int(padded), bias=not batch_norm)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            layers += [conv, *([nn.BatchNorm2d(out_channels)] if batch_norm else []), nn.ReLU()]
        super().__init__(*layers)


class UNetEncoder(nn.Module):
    """The contracting path of a `UNet`: maps whose size halves while their channels double.

    Shapes: x (N, C, H, W) -> `depth` + 1 maps, finest first; the last (N, width 2^depth, H/2^depth, ...).
    """

    def __init__(
        self, in_channels: int, width: int, depth: int, *, padded: bool = True, batch_norm: bool = False
    ) -> None:
        super().__init__()
        self.widths = [width * 2**level for level in range(depth + 1)]
        self.levels = nn.ModuleList(
            DoubleConv(below, channels, padded=padded, batch_norm=batch_norm)
            for below, channels in zip([in_channels, *self.widths[:-1]], self.widths, strict=True)
        )
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for level in self.levels:
            x = level(self.pool(x) if maps else x)
            maps.append(x)
        return maps


class UNet(nn.Module):
    """Down for meaning, up for position, and across what was still sharp on the way down.

    The expanding path doubles the size by a 2x2 transposed convolution, sets the encoder's map of that size
    beside it (it concatenates, where ResNet adds), and mixes both by two 3x3 convolutions. `padded=False` is
    the original, whose maps lose a border at every convolution: 572 pixels in, 388 out. With `skips=False`
    the maps of the encoder stay where they are, to see what they are worth.
    Shapes: x (N, C, H, W), H and W multiples of 2^depth if padded -> logits (N, K, H, W).
    Source: Ronneberger et al. (2015), U-Net. Differs from it on wish: padding, `batch_norm`.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        width: int = 64,
        depth: int = 4,
        *,
        padded: bool = True,
        skips: bool = True,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"UNet: expected a depth of at least 1; got {depth}")
        self.depth, self.padded, self.skips = depth, padded, skips
        self.encoder = UNetEncoder(in_channels, width, depth, padded=padded, batch_norm=batch_norm)
        upwards = self.encoder.widths[::-1]  # 1024, 512, 256, 128, 64
        self.ups, self.levels = nn.ModuleList(), nn.ModuleList()
        for below, channels in zip(upwards, upwards[1:], strict=False):
            self.ups.append(nn.ConvTranspose2d(below, channels, 2, stride=2))
            read = 2 * channels if skips else channels
            self.levels.append(DoubleConv(read, channels, padded=padded, batch_norm=batch_norm))
        self.head = nn.Conv2d(width, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if self.padded and (height % 2**self.depth or width % 2**self.depth):
            raise ValueError(
                f"UNet: expected height and width to be multiples of {2**self.depth}; got {(height, width)}"
            )
        *skips, x = self.encoder(x)
        for up, level, skip in zip(self.ups, self.levels, skips[::-1], strict=True):
            x = up(x)  # twice the size, half the channels
            if self.skips:
                x = torch.cat([center_crop(skip, (x.shape[2], x.shape[3])), x], dim=1)
            x = level(x)
        logits: Tensor = self.head(x)  # (N, K, H, W)
        return logits


class EncoderClassifier(nn.Module):
    """An image classifier on the encoder of a `UNet`, whose weights it shares: training one trains the other.

    A way to pretrain: many labels of whole images are cheaper than a few of every pixel.
    Shapes: x (N, C, H, W) -> logits (N, K).
    """

    def __init__(self, encoder: UNetEncoder, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(x)[-1].mean((2, 3)))  # (N, K)
        return logits


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: one map seen through kernels of several dilations, and as a whole.

    Beside the 3x3 convolutions of the `rates`, a 1x1 and the average over the whole map; all are joined along
    the channels and mixed by a 1x1.
    Shapes: x (N, C, H, W) -> (N, O, H, W). In training more than one image: the norm behind the average needs
    several numbers per channel.
    Source: Chen et al. (2018), DeepLab; with the 1x1, the average and batch norm, Chen et al. (2017),
    Rethinking atrous convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, rates: Sequence[int] = (6, 12, 18)) -> None:
        super().__init__()
        pointwise = _norm_unit(in_channels, out_channels, 1)
        dilated = [_norm_unit(in_channels, out_channels, 3, rate) for rate in rates]
        self.branches = nn.ModuleList([pointwise, *dilated])
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), _norm_unit(in_channels, out_channels, 1))
        self.mix = _norm_unit((len(rates) + 2) * out_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.whole(x).expand(-1, -1, *x.shape[2:])  # (N, O, H, W)
        mixed: Tensor = self.mix(torch.cat([*(branch(x) for branch in self.branches), whole], dim=1))
        return mixed


class DeepLab(nn.Module):
    """A residual network with dilated last stages, `ASPP`, and scores enlarged by interpolation.

    `backbone` is any `ResNet`, pretrained or not; with `dilate=2` its maps are 8 times coarser than the image
    (2 times with `small_images`), instead of 32 (8).
    Shapes: x (N, C, H, W) -> logits (N, K, H, W).
    Source: Chen et al. (2018), DeepLab; without the conditional random field, Chen et al. (2017).
    """

    def __init__(
        self, backbone: ResNet, num_classes: int, channels: int = 256, rates: Sequence[int] = (6, 12, 18)
    ) -> None:
        super().__init__()
        self.stem, self.stages = backbone.stem, backbone.stages
        self.aspp = ASPP(backbone.head.in_features, channels, rates)
        self.head = nn.Conv2d(channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        size = (x.shape[2], x.shape[3])
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return resize(self.head(self.aspp(x)), size)  # (N, K, H, W)


def _norm_unit(in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, 1, padding, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU())


def _out_channels(stage: nn.Module) -> int:
    """Channels that a stage of convolutions ends with."""
    return [layer.out_channels for layer in stage.modules() if isinstance(layer, nn.Conv2d)][-1]
