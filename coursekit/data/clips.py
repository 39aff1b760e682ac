r"""Drawn clips of moving blobs: actions to tell apart, and motion to foresee.

Letters: N clips, T frames, S pixels along each side. A blob is $e^{-d^2 / 2 r^2}$, d pixels from its centre.
Neither generator needs a download, and there is no end of clips: another seed gives others.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

ACTIONS = ("right", "left", "down", "up", "clockwise", "anticlockwise")


class Clips(NamedTuple):
    """Grey clips, and what happens in each."""

    frames: Tensor  # (N, T, 1, S, S) float32 in [0, 1]
    labels: Tensor  # (N,) int64, an index of ACTIONS


def actions(n: int, steps: int = 12, size: int = 16, seed: int = 0, *, noise: float = 0.05) -> Clips:
    """n clips of a blob that moves in one of six ways, an action each: straight on, or once round a circle.

    What leaves the picture comes back on the other side, and the blob begins anywhere. So single frames look
    alike in all classes, and no classifier of frames can beat one in six; nor can one that forgets their
    order tell right from left, down from up or one turn from the other: each is the other played backwards.
    From one frame to the next the blob moves by 0.1 to 0.18 of the side. `noise` is the standard deviation
    of each pixel's noise. Raises `ValueError` for n < 1, steps < 3, a size below 8, or a noise that is
    negative or not finite.
    """
    if n < 1 or steps < 3 or size < 8 or not 0 <= noise < math.inf:
        raise ValueError(
            "expected n >= 1, steps >= 3, size >= 8 and a finite noise >= 0, "
            f"received {n}, {steps}, {size} and {noise}"
        )
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(ACTIONS), (n,), generator=g)  # (N,)
    speed = size * _between(0.1, 0.18, n, g)  # (N,) pixels a frame
    start = size * torch.rand(n, 2, generator=g)  # (N, 2) right and down
    phase = _between(0, 2 * math.pi, n, g)
    # Where the blob heads at each frame, as an angle that grows from right to down, that is clockwise.
    straight = math.pi * torch.tensor([0.0, 1.0, 0.5, 1.5, 0.0, 0.0])[labels]
    turn = 2 * math.pi / (steps - 1) * torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0, -1.0])[labels]
    heading = torch.where(turn == 0, straight, phase)[:, None] + turn[:, None] * torch.arange(steps - 1)
    moves = speed[:, None, None] * torch.stack([heading.cos(), heading.sin()], dim=2)  # (N, T - 1, 2)
    centres = start[:, None] + torch.cat([torch.zeros(n, 1, 2), moves.cumsum(dim=1)], dim=1)  # (N, T, 2)
    radius = size * _between(0.08, 0.14, n, g)
    frames = _draw(centres, radius[:, None], size, around=True)
    return Clips(_noisy(frames, noise, g), labels)


def bouncing(
    n: int, steps: int = 12, size: int = 16, seed: int = 0, *, blobs: int = 2, noise: float = 0.0
) -> Tensor:
    """n clips of blobs, each on its straight way until a wall throws it back: (N, T, 1, S, S) in [0, 1].

    Blobs pass through each other, the brighter one in front. A frame shows where they are, only the frames
    before it where they go: so the next frame can be foreseen by who remembers, not by who repeats the last.
    From one frame to the next a blob moves by 0.05 to 0.12 of the side. Raises `ValueError` for n, steps or
    blobs < 1, a size below 8, or a noise that is negative or not finite.
    """
    if n < 1 or steps < 1 or size < 8 or blobs < 1 or not 0 <= noise < math.inf:
        raise ValueError(
            "expected n, steps and blobs >= 1, size >= 8 and a finite noise >= 0, "
            f"received {n}, {steps}, {blobs}, {size} and {noise}"
        )
    g = torch.Generator().manual_seed(seed)
    radius = 0.09 * size
    low, room = radius, size - 1 - 2 * radius  # centres stay a radius away from the outermost pixels
    start = room * torch.rand(n * blobs, 1, 2, generator=g)
    speed, heading = size * _between(0.05, 0.12, n * blobs, g), _between(0, 2 * math.pi, n * blobs, g)
    velocity = speed[:, None] * torch.stack([heading.cos(), heading.sin()], dim=1)  # (N blobs, 2)
    way = start + velocity[:, None] * torch.arange(steps)[:, None]  # (N blobs, T, 2) as if without walls
    centres = low + room - (way % (2 * room) - room).abs()  # folded between the walls
    frames = _draw(centres, torch.tensor(radius), size, around=False)
    return _noisy(frames.unflatten(0, (n, blobs)).amax(dim=1), noise, g)


def _draw(centres: Tensor, radius: Tensor, size: int, around: bool) -> Tensor:
    """Blobs at (N, T, 2), pixels right and down: (N, T, 1, S, S); with `around` opposite sides meet."""
    away = torch.arange(size) - centres[..., None]  # (N, T, 2, S)
    if around:
        away = (away + size / 2) % size - size / 2
    shade = torch.exp(-(away**2) / (2 * radius[..., None, None] ** 2))  # along each axis
    return (shade[:, :, 1, :, None] * shade[:, :, 0, None, :])[:, :, None]  # rows, then columns


def _noisy(frames: Tensor, noise: float, g: torch.Generator) -> Tensor:
    return (frames + noise * torch.randn(frames.shape, generator=g)).clamp(0, 1)


def _between(low: float, high: float, n: int, g: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=g)  # (N,)
