"""Drawn pictures whose every pixel has a known class: coloured shapes, and cells that touch.

Neither needs a download, and there is no end of them: another seed gives others.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

SHAPE_CLASSES = ("background", "disc", "square", "triangle")


class Scenes(NamedTuple):
    """Pictures and the class of each pixel."""

    images: Tensor  # (N, 3, H, W) float32 in [0, 1]
    masks: Tensor  # (N, H, W) int64, an index of SHAPE_CLASSES


class Cells(NamedTuple):
    """Grey pictures of cells, what is cell, and which one."""

    images: Tensor  # (N, 1, H, W) float32 in [0, 1]
    masks: Tensor  # (N, H, W) int64, 1 inside a cell, 0 outside and in the gap between two
    instances: Tensor  # (N, H, W) int64, the number of the cell from 1, 0 outside


def shapes(n: int, size: int = 64, seed: int = 0, *, most: int = 3, noise: float = 0.05) -> Scenes:
    """n pictures of one to `most` discs, squares and triangles, turned and coloured anyhow; later ones cover.

    Colours tell nothing about the class, only the outline does. Background and shapes have gradients of
    brightness, and every pixel `noise` (a standard deviation). About a sixth of the pixels belong to a shape.
    Raises `ValueError` for n < 1, a size below 16, or `most` < 1.
    """
    if n < 1 or size < 16 or most < 1:
        raise ValueError(f"expected n >= 1, size >= 16 and most >= 1, received {n}, {size} and {most}")
    g = torch.Generator().manual_seed(seed)
    y, x = _grid(size)
    colours = torch.rand(n, 3, generator=g)
    images = _shaded(colours, n, x, y, g)  # (N, 3, H, W)
    masks = torch.zeros(n, size, size, dtype=torch.int64)
    counts = torch.randint(1, most + 1, (n,), generator=g)
    for number in range(most):
        kind = torch.randint(1, len(SHAPE_CLASSES), (n,), generator=g)  # (N,)
        radius = size * _between(0.12, 0.24, n, g)
        centre_y, centre_x = (size * _between(0.2, 0.8, n, g) for _ in range(2))
        inside = _inside(
            kind, y - centre_y, x - centre_x, radius, torch.pi * _between(0, 2, n, g)
        )  # (N, H, W)
        # Far enough in brightness from the background that the outline shows.
        colour = (colours + 0.35 + 0.3 * torch.rand(n, 3, generator=g)) % 1
        drawn = inside & (number < counts)[:, None, None]
        images = torch.where(drawn[:, None], _shaded(colour, n, x, y, g), images)
        masks = torch.where(drawn, kind[:, None, None], masks)
    images = images + noise * torch.randn(images.shape, generator=g)
    return Scenes(images.clamp(0, 1), masks)


def cells(n: int, size: int = 64, seed: int = 0, *, most: int = 8, noise: float = 0.08) -> Cells:
    """n pictures as from a microscope: up to `most` bright, roundish cells, many of which touch.

    Where two cells meet, a gap of one pixel or more belongs to neither, as in the labels of the U-Net paper:
    the cells are the connected components of the mask. At least two cells are in every picture.
    Raises `ValueError` for n < 1, a size below 32, or `most` < 2.
    """
    if n < 1 or size < 32 or most < 2:
        raise ValueError(f"expected n >= 1, size >= 32 and most >= 2, received {n}, {size} and {most}")
    g = torch.Generator().manual_seed(seed)
    y, x = _grid(size)
    instances = torch.zeros(n, size, size, dtype=torch.int64)
    for picture in range(n):
        centres: list[tuple[float, float, float]] = []
        wanted = int(torch.randint(2, most + 1, (1,), generator=g))
        for _ in range(50 * most):
            radius = size * float(_between(0.08, 0.14, 1, g))
            if len(centres) % 2:  # every second one sits at its predecessor's side
                cy, cx, other = centres[-1]
                angle = 2 * torch.pi * torch.rand((), generator=g)
                away = 0.92 * (radius + other)
                centre = (float(cy + away * angle.sin()), float(cx + away * angle.cos()), radius)
            else:
                cy, cx = (radius + (size - 2 * radius) * torch.rand(2, generator=g)).tolist()
                centre = (cy, cx, radius)
            fits = all(radius < place < size - radius for place in centre[:2])
            if fits and all(_distance(centre, other) > 0.9 * (radius + other[2]) for other in centres):
                centres.append(centre)
            if len(centres) == wanted:
                break
        reach = torch.stack([((y - cy) ** 2 + (x - cx) ** 2).sqrt()[0] / r for cy, cx, r in centres])
        nearest, owner = reach.min(dim=0)  # (H, W) each
        instances[picture] = torch.where(nearest < 1, owner + 1, 0)
    instances = _parted(instances)
    masks = (instances > 0).long()
    bright = torch.rand(n, most + 1, generator=g) * 0.3 + 0.5  # (N, cells)
    bright[:, 0] = 0.25
    lit = bright.gather(1, instances.flatten(1)).view(n, 1, size, size)
    blurred = torch.nn.functional.avg_pool2d(lit, 3, stride=1, padding=1, count_include_pad=False)
    images = blurred + noise * torch.randn(lit.shape, generator=g)
    return Cells(images.clamp(0, 1), masks, instances)


def _inside(kind: Tensor, dy: Tensor, dx: Tensor, radius: Tensor, angle: Tensor) -> Tensor:
    """Which pixels a shape of class `kind` covers: (N, H, W) from offsets (N, H, W) and (N, 1, 1) each."""
    u = dx * angle.cos() + dy * angle.sin()
    v = dy * angle.cos() - dx * angle.sin()
    disc = u**2 + v**2 <= radius**2
    square = torch.maximum(u.abs(), v.abs()) <= 0.85 * radius
    corners = [u * c + v * s for c, s in ((1.0, 0.0), (-0.5, 0.75**0.5), (-0.5, -(0.75**0.5)))]
    triangle = torch.stack(corners).amax(0) <= 0.6 * radius
    kind = kind[:, None, None]
    return (kind == 1) & disc | (kind == 2) & square | (kind == 3) & triangle


def _shaded(colours: Tensor, n: int, x: Tensor, y: Tensor, g: torch.Generator) -> Tensor:
    """Colours (N, 3), a little brighter towards one side: (N, 3, H, W)."""
    slope_x, slope_y = (_between(-0.15, 0.15, n, g) for _ in range(2))
    light = slope_x * (2 * x / x.shape[-1] - 1) + slope_y * (2 * y / y.shape[-2] - 1)  # (N, H, W)
    return colours[:, :, None, None] + light[:, None]


def _parted(instances: Tensor) -> Tensor:
    """Take from each cell the pixels that touch, also by a corner, one of a lower number: (N, H, W)."""
    padded = torch.nn.functional.pad(instances, (1, 1, 1, 1))
    windows = padded.unfold(1, 3, 1).unfold(2, 3, 1).flatten(-2)  # (N, H, W, 9)
    lower = ((windows > 0) & (windows < instances[..., None])).any(-1)
    return instances.masked_fill(lower, 0)


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of all pixels: (1, H, W) each."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return y[None].float(), x[None].float()


def _between(low: float, high: float, n: int, g: torch.Generator) -> Tensor:
    return (low + (high - low) * torch.rand(n, generator=g))[:, None, None]  # (N, 1, 1)


def _distance(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])
