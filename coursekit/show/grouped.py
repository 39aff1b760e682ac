"""Bars side by side: a few quantities, each measured for the same few things."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .bars import HATCHES
from .picture import Array, Picture, Values, picture, to_array
from .style import COLOURS, INK, WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def grouped_bars(
    series: Mapping[str, Values],
    groups: Sequence[str],
    *,
    alt: str,
    xlabel: str = "",
    title: str = "",
    digits: int = 2,
) -> Picture:
    """Draw for each name in `groups` one level bar of every series, with its number at the end.

    Args:
        series: name -> values (B,), or (S, B) for S runs: then a bar is their mean, the line across its end
            is one standard deviation (with S - 1) to either side, and the axis says so. NaN where a group has
            no such bar.
        groups: the B names, the first at the top.
        alt: what the picture shows, in words.
        xlabel, title: text around the axes, with the unit.
        digits: decimal places of the numbers.

    Raises:
        ValueError: no series or more than six, values that are not (B,) or (S, B), or a negative one.
    """
    if not 1 <= len(series) <= len(COLOURS):
        raise ValueError(
            f"one picture holds 1 to {len(COLOURS)} series that can be told apart, got {len(series)}"
        )
    runs = {name: _runs(name, values, len(groups)) for name, values in series.items()}  # (S, B) each
    several = sorted({len(values) for values in runs.values() if len(values) > 1})
    columns = 3 if max(map(len, runs)) <= 18 else 2  # of the legend
    note = f"(mean of {' or '.join(map(str, several))} runs; line: ± 1 standard deviation)"

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        thick = 0.8 / len(runs)
        for k, (name, values) in enumerate(runs.items()):
            places = np.arange(len(groups)) + (k - (len(runs) - 1) / 2) * thick
            mean = values.mean(axis=0)  # (B,)
            spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(len(mean))
            ax.barh(
                places, mean, thick * 0.9, color=COLOURS[k], hatch=HATCHES[k], edgecolor="white", label=name
            )
            if len(values) > 1:
                ax.errorbar(mean, places, xerr=spread, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
            for place, value, beyond in zip(places, mean, spread, strict=True):
                if np.isfinite(value):
                    ax.annotate(
                        f"{value:.{digits}f}",
                        (value + beyond, place),
                        xytext=(4, 0),
                        textcoords="offset points",
                        va="center_baseline",
                        fontsize="small",
                    )
        ax.set_yticks(range(len(groups)), groups, parse_math=False)
        ax.invert_yaxis()
        ax.margins(x=0.12)
        ax.set_xlim(left=0)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x")
        ax.set_axisbelow(True)
        ax.set_title(title)
        ax.set_xlabel("\n".join(filter(None, (xlabel, note if several else ""))))
        if len(runs) > 1:
            figure.legend(loc="outside lower center", ncols=columns, frameon=False)

    legend = math.ceil(len(runs) / columns)  # rows
    height = 1.1 + 0.2 * legend + len(groups) * max(0.38, 0.2 * len(runs) + 0.1) + (0.2 if several else 0.0)
    return picture(draw, alt=alt, width=WIDTH, height=height, raster=False, inverts=True)


def _runs(name: str, values: Values, groups: int) -> Array:
    """Values as (S, B)."""
    array = to_array(values)
    if array.ndim not in (1, 2) or array.size == 0 or array.shape[-1] != groups:
        raise ValueError(f"{name!r} must hold a value for each of the {groups} groups, got {array.shape}")
    if (array < 0).any():
        raise ValueError(f"a bar cannot be negative, {name!r} has {np.nanmin(array):g}")
    return np.atleast_2d(array)
