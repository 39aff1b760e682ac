"""Drawn pictures of one or two coloured things, and the sentence that describes each. N pictures, S pixels.

"green disc", "red square above blue disc", "red square left of blue disc": the upper or left thing is named
first, so every picture has exactly one caption. Some pairs of things are kept apart for tests: a network
that names them right has not learned captions by heart.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

COLOURS = {
    "red": (0.95, 0.25, 0.25),
    "green": (0.2, 0.8, 0.3),
    "blue": (0.3, 0.45, 1.0),
    "yellow": (1.0, 0.9, 0.2),
}
SHAPES = ("disc", "square", "triangle")
RELATIONS = ("", "above", "left of")
WORDS = (*COLOURS, *SHAPES, "above", "left", "of")
Pairs = Literal["seen", "unseen"]


class Captioned(NamedTuple):
    """Pictures and what they show."""

    images: Tensor  # (N, 3, S, S) float32 in [0, 1]
    captions: tuple[str, ...]  # of WORDS, separated by blanks


def captioned(
    n: int, size: int = 24, seed: int = 0, *, pairs: Pairs = "seen", noise: float = 0.03
) -> Captioned:
    """n pictures with one thing, two above each other, or two side by side.

    `pairs="unseen"` gives only pictures of two things, and only pairs that are in no picture of "seen": 30 of
    the 132 ordered pairs of different things. Each thing and each relation is in both. Places and sizes vary
    a little, the ground is nearly black, and every pixel has `noise` (a standard deviation).
    Raises `ValueError` for n < 1, a size below 16, or other `pairs`.
    """
    if n < 1 or size < 16 or pairs not in ("seen", "unseen"):
        expected = "n >= 1, size >= 16 and pairs 'seen' or 'unseen'"
        raise ValueError(f"expected {expected}, received {n}, {size} and {pairs!r}")
    g = torch.Generator().manual_seed(seed)
    drawn_from = torch.tensor(
        [(a, b) for a in range(12) for b in range(12) if a != b and kept_apart(a, b) == (pairs == "unseen")]
    )
    things = drawn_from[torch.randint(len(drawn_from), (n,), generator=g)]  # (N, 2)
    relation = torch.randint(int(pairs == "unseen"), len(RELATIONS), (n,), generator=g)  # (N,)

    away = size * _between(0.25, 0.27, n, g) * (relation > 0)  # (N,) from the middle of the picture
    jitter = size * (0.06 * torch.rand(n, 2, 2, generator=g) - 0.03)  # (N, thing, axis)
    radius = size * _between(0.18, 0.21, 2 * n, g).view(n, 2)
    image = 0.1 * torch.rand(n, 3, 1, 1, generator=g).expand(n, 3, size, size)
    for k, side in enumerate((-1, 1)):
        y = size / 2 + jitter[:, k, 0] + side * away * (relation == 1)  # (N,)
        x = size / 2 + jitter[:, k, 1] + side * away * (relation == 2)
        inside = _inside(things[:, k] % 3, y, x, radius[:, k], size)  # (N, S, S)
        inside &= ((relation > 0) | (k == 0))[:, None, None]
        colour = torch.tensor(list(COLOURS.values()))[things[:, k] // 3]  # (N, 3)
        image = torch.where(inside[:, None], colour[:, :, None, None], image)
    image = (image + noise * torch.randn(image.shape, generator=g)).clamp(0, 1)
    rows = zip(things.tolist(), relation.tolist(), strict=True)
    return Captioned(image, tuple(_caption(first, second, r) for (first, second), r in rows))


def kept_apart(first: int, second: int) -> bool:
    """Whether a pair of things is never seen in training; a thing is 3 x its colour + its shape."""
    return (first + second) % 4 == 0


def _caption(first: int, second: int, relation: int) -> str:
    names = [f"{list(COLOURS)[thing // 3]} {SHAPES[thing % 3]}" for thing in (first, second)]
    return f"{names[0]} {RELATIONS[relation]} {names[1]}" if relation else names[0]


def _inside(shape: Tensor, y: Tensor, x: Tensor, radius: Tensor, size: int) -> Tensor:
    """Which pixels a thing covers: (N, S, S) from its shape, centre and radius, (N,) each."""
    shape, y, x, radius = (value[:, None, None] for value in (shape, y, x, radius))
    rows, columns = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    dy, dx = rows - y, columns - x  # (N, S, S)
    disc = dy**2 + dx**2 <= radius**2
    square = torch.maximum(dy.abs(), dx.abs()) <= 1.05 * radius
    triangle = (dy.abs() <= radius) & (2 * dx.abs() <= dy + radius)
    return (shape == 0) & disc | (shape == 1) & square | (shape == 2) & triangle


def _between(low: float, high: float, n: int, g: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=g)  # (N,)
