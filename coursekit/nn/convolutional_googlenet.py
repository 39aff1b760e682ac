"""GoogLeNet: modules that look at a picture through several kernels at once, glued along the channels.

Letters: N batch, C channels, H and W height and width, K classes.
Source: Szegedy et al. (2015), Going deeper with convolutions.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.losses import cross_entropy


class Widths(NamedTuple):
    """Channels inside an `Inception` module."""

    c1: int  # 1x1
    r3: int  # 1x1 before the 3x3
    c3: int  # 3x3
    r5: int  # 1x1 before the 5x5
    c5: int  # 5x5
    pool: int  # 1x1 behind the max pool

    @property
    def out(self) -> int:
        """Channels of the result: the four branches side by side."""
        return self.c1 + self.c3 + self.c5 + self.pool


MODULES = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}


class GoogLeNetOutput(NamedTuple):
    """Logits of the network and of its two helpers, (N, K) each."""

    logits: Tensor
    auxiliary1: Tensor  # from behind module 4a
    auxiliary2: Tensor  # from behind module 4d


class ConvUnit(nn.Sequential):
    """Convolution and ReLU; with `batch_norm` the norm stands between them, in place of a bias."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        batch_norm: bool = False,
    ) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=not batch_norm)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        norm = [nn.BatchNorm2d(out_channels, eps=1e-3)] if batch_norm else []
        super().__init__(conv, *norm, nn.ReLU())


class NaiveInception(nn.Module):
    """The module that did not work out: 1x1, 3x3, 5x5 and a max pool side by side.

    The pool passes all C channels on, so the number of channels can only grow.
    Shapes: x (N, C, H, W) -> (N, c1 + c3 + c5 + C, H, W).
    """

    def __init__(self, in_channels: int, c1: int, c3: int, c5: int) -> None:
        super().__init__()
        self.branch1 = ConvUnit(in_channels, c1, 1)
        self.branch3 = ConvUnit(in_channels, c3, 3, padding=1)
        self.branch5 = ConvUnit(in_channels, c5, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)  # (N, C, H, W)
        return torch.cat([self.branch1(x), self.branch3(x), self.branch5(x), pooled], dim=1)


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 max pool then 1x1.

    The 1x1 convolutions before the larger kernels reduce the channels, and with them the cost; the one behind
    the pool keeps its share of the result small. The three that read x are one product here, `reduce`, whose
    channels are then dealt out: less work to start, the same numbers.
    Shapes: x (N, C, H, W) -> (N, c1 + c3 + c5 + pool, H, W).
    `batch_norm` is torchvision's form, which by an old slip has 3x3 for 5x5.
    """

    def __init__(self, in_channels: int, widths: Widths, *, batch_norm: bool = False) -> None:
        super().__init__()
        self.widths = w = Widths(*widths)
        large = 3 if batch_norm else 5
        self.reduce = ConvUnit(in_channels, w.c1 + w.r3 + w.r5, 1, batch_norm=batch_norm)
        self.conv3 = ConvUnit(w.r3, w.c3, 3, padding=1, batch_norm=batch_norm)
        self.conv5 = ConvUnit(w.r5, w.c5, large, padding=large // 2, batch_norm=batch_norm)
        self.pool = ConvUnit(in_channels, w.pool, 1, batch_norm=batch_norm)

    def forward(self, x: Tensor) -> Tensor:
        w = self.widths
        y1, before3, before5 = self.reduce(x).split([w.c1, w.r3, w.r5], dim=1)
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)  # (N, C, H, W)
        return torch.cat([y1, self.conv3(before3), self.conv5(before5), self.pool(pooled)], dim=1)


class AuxiliaryHead(nn.Module):
    """A classifier half-way up, which brings gradient to the layers below it while training.

    Average pool to 4x4, 1x1 to `channels`, dense `hidden`, dropout 0.7, dense K. The pool is the original's,
    5x5/3 on a map of 14x14, or with `any_size` one that makes 4x4 of every map.
    Shapes: x (N, C, H, W) -> logits (N, K).
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        channels: int = 128,
        hidden: int = 1024,
        any_size: bool = False,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(4) if any_size else nn.AvgPool2d(5, stride=3)
        self.conv = ConvUnit(in_channels, channels, 1, batch_norm=batch_norm)
        self.dense = nn.Linear(channels * 4 * 4, hidden)
        self.dropout = nn.Dropout(0.7)
        self.head = nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.pool(x))  # (N, 128, 4, 4)
        x = self.dense(x.flatten(1)).relu()  # (N, 1024)
        logits: Tensor = self.head(self.dropout(x))  # (N, K)
        return logits


class GoogLeNet(nn.Module):
    """22 layers with weights: a stem of three convolutions, nine `Inception` modules, one dense layer.

    Shapes: x (N, 3, 224, 224) -> logits (N, K) or, while training with `auxiliary` heads, `GoogLeNetOutput`;
    minimise `googlenet_loss`. Any image size will do, since global averaging forgets it, unless there are
    auxiliary heads on images that are not 224 by 224.
    `small_images` is the form for about 8 to 64 pixels: the stem keeps the size, and `width` = 0.25, say,
    makes all channels fewer. `batch_norm` is torchvision's form (see `googlenet_from_torchvision`), which
    differs from the paper in this, in the 3x3 for 5x5, in the auxiliary pool and in the last max pool, 2x2.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        *,
        auxiliary: bool = True,
        batch_norm: bool = False,
        small_images: bool = False,
        width: float = 1.0,
        dropout: float | None = None,
    ) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(1, round(width * channels))

        s64, s192 = scaled(64), scaled(192)
        bn = batch_norm

        def pool(kernel_size: int = 3) -> nn.Module:
            return nn.MaxPool2d(kernel_size, stride=2, ceil_mode=True)

        if small_images:
            stem: list[nn.Module] = [ConvUnit(in_channels, s64, 3, padding=1, batch_norm=bn)]
        else:
            stem = [ConvUnit(in_channels, s64, 7, stride=2, padding=3, batch_norm=bn), pool()]
        stem += [ConvUnit(s64, s64, 1, batch_norm=bn), ConvUnit(s64, s192, 3, padding=1, batch_norm=bn)]
        self.stem = nn.Sequential(*stem, *([] if small_images else [pool()]))

        self.blocks = nn.ModuleDict()
        channels = s192
        heads = {}
        for name, widths in MODULES.items():
            if name == "4a":
                self.blocks["pool3"] = pool()
            elif name == "5a":
                self.blocks["pool4"] = pool(2 if batch_norm else 3)
            module = Inception(channels, Widths(*map(scaled, widths)), batch_norm=bn)
            self.blocks[name] = module
            channels = module.widths.out
            if auxiliary and name in ("4a", "4d"):
                heads[name] = AuxiliaryHead(
                    channels, num_classes, channels=scaled(128), hidden=scaled(1024),
                    any_size=batch_norm or small_images, batch_norm=bn,
                )  # fmt: skip
        self.auxiliary = nn.ModuleDict(heads)
        default = 0.2 if batch_norm else 0.4
        self.dropout = nn.Dropout(default if dropout is None else dropout)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutput:
        x, helpers = self._climb(x)
        logits: Tensor = self.head(self.dropout(x.mean((2, 3))))  # (N, K)
        return GoogLeNetOutput(logits, *helpers) if helpers else logits

    def features(self, x: Tensor) -> Tensor:
        """The maps that global averaging reads: (N, 1024, 7, 7) from 224 by 224 pixels."""
        return self._climb(x)[0]

    def _climb(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last maps and, while training, the logits of the helpers on the way."""
        x = self.stem(x)  # (N, 192, 28, 28)
        helpers = []
        for name, block in self.blocks.items():
            x = block(x)  # (N, 480, 28, 28) after 3b, (N, 832, 14, 14) after 4e, (N, 1024, 7, 7) after 5b
            if self.training and name in self.auxiliary:
                helpers.append(self.auxiliary[name](x))
        return x, helpers


def googlenet_loss(output: Tensor | GoogLeNetOutput, targets: Tensor, weight: float = 0.3) -> Tensor:
    r"""Cross-entropy of a `GoogLeNet`, with that of its helpers where there are any.

    $$L = L_{\text{main}} + 0.3\,(L_{\text{aux1}} + L_{\text{aux2}})$$
    Shapes: logits (N, K) or `GoogLeNetOutput`, targets (N,) integers -> ().
    """
    if isinstance(output, GoogLeNetOutput):
        main, *helpers = (cross_entropy(logits, targets) for logits in output)
        return main + weight * torch.stack(helpers).sum()
    return cross_entropy(output, targets)


def googlenet_from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `torchvision.models.googlenet` under the names of `GoogLeNet(batch_norm=True)`.

    | torchvision | here |
    |---|---|
    | conv1, conv2, conv3 | stem.0, stem.2, stem.3 |
    | inception3a | blocks.3a |
    | .branch1, .branch2.0, .branch3.0 | .reduce, the three joined along the channels |
    | .branch2.1, .branch3.1, .branch4.1 | .conv3, .conv5, .pool |
    | aux1, aux2 with .fc1, .fc2 | auxiliary.4a, auxiliary.4d with .dense, .head |
    | fc | head |
    | .conv, .bn of each unit | .0, .1 |

    Without auxiliary heads in `state`, build the network with `auxiliary=False`. The published weights expect
    images that were scaled to [-1, 1] (torchvision's `transform_input`), not by ImageNet's mean and spread.
    Raises `ValueError` naming an entry that is none of these.
    """
    joined: dict[str, list[Tensor]] = {}
    for name in sorted(state):  # the three branches of `reduce` in their order
        ours = next((pattern.sub(new, name) for pattern, new in NAMES if pattern.fullmatch(name)), None)
        if ours is None:
            raise ValueError(f"expected the entries of torchvision's googlenet; got {name!r}")
        joined.setdefault(_unit(ours), []).append(state[name])
    return {name: torch.cat(parts) if parts[0].ndim else parts[0] for name, parts in joined.items()}


# torchvision's entries and ours, but for `.conv` and `.bn` of a unit, which `_unit` names.
NAMES = [
    (re.compile(pattern), new)
    for pattern, new in (
        (r"conv1\.(.+)", r"stem.0.\1"),
        (r"conv([23])\.(.+)", r"stem.\1.\2"),
        (r"inception(\d\w)\.branch(?:1|2\.0|3\.0)\.(\D.+)", r"blocks.\1.reduce.\2"),
        (r"inception(\d\w)\.branch2\.1\.(.+)", r"blocks.\1.conv3.\2"),
        (r"inception(\d\w)\.branch3\.1\.(.+)", r"blocks.\1.conv5.\2"),
        (r"inception(\d\w)\.branch4\.1\.(.+)", r"blocks.\1.pool.\2"),
        (r"aux1\.fc1\.(.+)", r"auxiliary.4a.dense.\1"),
        (r"aux1\.fc2\.(.+)", r"auxiliary.4a.head.\1"),
        (r"aux1\.conv\.(.+)", r"auxiliary.4a.conv.\1"),
        (r"aux2\.fc1\.(.+)", r"auxiliary.4d.dense.\1"),
        (r"aux2\.fc2\.(.+)", r"auxiliary.4d.head.\1"),
        (r"aux2\.conv\.(.+)", r"auxiliary.4d.conv.\1"),
        (r"fc\.(.+)", r"head.\1"),
    )
]


def _unit(name: str) -> str:
    """blocks.3a.pool.conv.weight -> blocks.3a.pool.0.weight; a `bn` becomes 1."""
    return re.sub(r"\.conv\.(\w+)$", r".0.\1", re.sub(r"\.bn\.(\w+)$", r".1.\1", name))
