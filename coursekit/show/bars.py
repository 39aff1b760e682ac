"""Stacked bars: what a whole is made of, compared from one whole to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .picture import Picture, Values, picture, to_array
from .style import COLOURS, WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HATCHES = ("", "//", "..", "xx", "\\\\", "--")  # so that parts differ without colour too


def stacked_bars(
    parts: Mapping[str, Values], bars: Sequence[str], *, alt: str, xlabel: str = "", title: str = ""
) -> Picture:
    """Draw one level bar for each name in `bars`, made of the parts in their order, left to right.

    Args:
        parts: name -> its length in every bar (B,), none negative.
        bars: the B names, the first at the top.
        alt: what the picture shows, in words.
        xlabel, title: text around the axes, with the unit.

    Raises:
        ValueError: no part or more than six, lengths that are not (B,), or a negative one.
    """
    if not 1 <= len(parts) <= len(COLOURS):
        raise ValueError(
            f"one picture holds 1 to {len(COLOURS)} parts that can be told apart, got {len(parts)}"
        )
    lengths = {name: to_array(values) for name, values in parts.items()}  # (B,) each
    for name, values in lengths.items():
        if values.shape != (len(bars),):
            raise ValueError(
                f"{name!r} must hold a length for each of the {len(bars)} bars, got {values.shape}"
            )
        if not (values >= 0).all():
            raise ValueError(f"a part cannot be negative, {name!r} has {values.min():g}")

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        left = np.zeros(len(bars))
        for (name, values), colour, hatch in zip(lengths.items(), COLOURS, HATCHES, strict=False):
            ax.barh(
                bars, values, left=left, color=colour, hatch=hatch, edgecolor="white", label=name, height=0.6
            )
            left += values
        ax.invert_yaxis()
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.set_title(title)
        ax.set_xlabel(xlabel)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)

    return picture(draw, alt=alt, width=WIDTH, height=1.5 + 0.38 * len(bars), raster=False, inverts=True)
