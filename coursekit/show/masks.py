"""Masks over their pictures: each class or object in a colour of its own, its outline in full."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .grids import images as draw_images
from .picture import Array, Picture, Values, to_array
from .style import COLOURS

PALETTE = (*COLOURS[:5], "#e0cf3c")  # the plots' last colour, black, would not show on dark pictures
TINT = 0.5  # share of the colour inside an outline; the rest is the picture, in grey


def masks(
    images: Values,
    masks: Values,
    classes: Sequence[str] | None = None,
    *,
    alt: str,
    captions: Sequence[str] | None = None,
    columns: int = 4,
    title: str = "",
) -> Picture:
    """Draw pictures with their masks laid over them: 0 stays as it is, other numbers are tinted.

    Args:
        images: (N, 1, H, W) or (N, 3, H, W) in [0, 1]. Under a tint they turn grey, so that colours are
            those of the mask.
        masks: (N, H, W) whole numbers from 0: classes, or the numbers of objects, whose colours repeat.
        classes: the names of all classes, the first one that of 0, for a legend.
        alt: what the picture shows, in words.
        captions, columns, title: as in `images`.

    Raises:
        ValueError: shapes that do not belong together, values outside [0, 1], numbers that are not whole or
            below 0, or a class without a name.
    """
    pictures, labels = to_array(images), to_array(masks)
    if (
        pictures.ndim != 4
        or pictures.shape[1] not in (1, 3)
        or labels.shape != (len(pictures), *pictures.shape[2:])
    ):
        expected = "images (N, 1 or 3, H, W) and masks (N, H, W)"
        raise ValueError(f"masks: expected {expected}, got {pictures.shape} and {labels.shape}")
    if labels.size == 0 or labels.min() < 0 or (labels != labels.round()).any():
        raise ValueError("masks: expected whole numbers from 0")
    if classes is not None and labels.max() >= len(classes):
        raise ValueError(f"masks: class {labels.max():g} has no name, got {len(classes)} names")
    legend = dict(zip((classes or ())[1:], PALETTE, strict=False))
    return draw_images(
        tinted(pictures, labels), alt=alt, captions=captions, columns=columns, title=title, legend=legend
    )


def tinted(pictures: Array, labels: Array) -> Array:
    """Pictures (N, 1 or 3, H, W) under the colours of their labels (N, H, W): (N, 3, H, W)."""
    grey = pictures.mean(axis=1, keepdims=True)  # (N, 1, H, W)
    palette = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in PALETTE])
    index = (labels.astype(int) - 1) % len(PALETTE)
    colours = palette[index].transpose(0, 3, 1, 2)  # (N, 3, H, W)
    share = np.where(_outline(labels), 1.0, TINT)[:, None]  # (N, 1, H, W)
    tint = (1 - share) * grey + share * colours
    return np.where(labels[:, None] > 0, tint, np.broadcast_to(pictures, tint.shape))


def _outline(labels: Array) -> Array:
    """Pixels of which one of the four neighbours is of another label; beyond the border is none."""
    padded = np.pad(labels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = (padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
    differs: Array = np.any([neighbour != labels for neighbour in around], axis=0)
    return differs
