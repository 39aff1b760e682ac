"""Masks over pictures: what is tinted, what is outlined, and what the colours are called."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from coursekit import show
from coursekit.show.masks import PALETTE, tinted


def test_inside_is_half_colour_the_outline_all_and_zero_the_picture() -> None:
    picture = np.full((1, 3, 7, 7), 0.0)
    picture[:, 0] = 0.6  # red, whose mean over the channels is a grey of 0.2
    labels = np.zeros((1, 7, 7))
    labels[0, 1:6, 1:6] = 2
    seen = tinted(picture, labels)[0]
    colour = np.array(to_rgb(PALETTE[1]))
    assert np.allclose(seen[:, 0, 0], [0.6, 0, 0])
    assert np.allclose(seen[:, 1, 1], colour)
    assert np.allclose(seen[:, 3, 3], 0.5 * 0.2 + 0.5 * colour)
    whole = tinted(picture, np.full((1, 7, 7), 1 + len(PALETTE)))[0]  # no outline; colours repeat
    assert np.allclose(whole[:, 0, 0], 0.1 + 0.5 * np.array(to_rgb(PALETTE[0])))


def test_the_legend_names_all_classes_but_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        drawn.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    images, masks = torch.rand(2, 1, 8, 8), torch.randint(3, (2, 8, 8))
    picture = show.masks(images, masks, ("ground", "disc", "square"), alt="Two masks", captions=["a", "b"])
    (legend,) = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["disc", "square"]
    assert [patch.get_facecolor()[:3] for patch in legend.get_patches()] == [to_rgb(c) for c in PALETTE[:2]]
    assert Image.open(io.BytesIO(picture.data)).size == (2 * picture.width, 2 * picture.height)
    show.masks(images, masks, alt="Two masks")
    assert drawn[1].legends == []


@pytest.mark.parametrize(
    ("images", "masks", "classes", "message"),
    [
        ((2, 2, 8, 8), torch.zeros(2, 8, 8), None, r"got \(2, 2, 8, 8\) and \(2, 8, 8\)"),
        ((2, 3, 8, 8), torch.zeros(2, 8, 7), None, r"got \(2, 3, 8, 8\) and \(2, 8, 7\)"),
        ((1, 1, 2, 2), torch.full((1, 2, 2), 0.5), None, "whole numbers from 0"),
        ((1, 1, 2, 2), torch.full((1, 2, 2), -1), None, "whole numbers from 0"),
        ((1, 1, 2, 2), torch.full((1, 2, 2), 2), ("a", "b"), "class 2 has no name, got 2 names"),
    ],
)
def test_what_does_not_fit_is_refused(
    images: tuple[int, ...], masks: torch.Tensor, classes: tuple[str, ...] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        show.masks(torch.zeros(images), masks, classes, alt="A mask")
