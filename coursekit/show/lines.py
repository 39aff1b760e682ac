"""Line plots: one named curve for each quantity, and a band where it was measured more than once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .picture import Array, Picture, Values, picture, to_array
from .style import COLOURS, MARKERS, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


def curves(
    series: Mapping[str, Values],
    *,
    alt: str,
    x: Values | Mapping[str, Values] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    logx: bool = False,
    logy: bool = False,
) -> Picture:
    """Draw named curves, each labelled where it ends and with a marker of its own.

    Args:
        series: name -> values (T,), or (S, T) for S runs: then the curve is their mean, the band around it is
            one standard deviation (with S - 1) to either side, and the x axis says so.
        alt: what the picture shows, in words.
        x: positions (T,) common to all curves, or name -> positions; 0, 1, 2, ... if not given.
        xlabel, ylabel, title: text around the axes, with the unit.
        logx, logy: logarithmic axes.

    Raises:
        ValueError: no curve or more than six, values that are not (T,) or (S, T), positions of another
            length, or a value that is not positive on a logarithmic axis.
    """
    if not 1 <= len(series) <= len(COLOURS):
        raise ValueError(
            f"one picture holds 1 to {len(COLOURS)} curves that can be told apart, got {len(series)}"
        )
    runs = {name: _runs(name, values) for name, values in series.items()}  # (S, T) each
    positions = {name: _positions(name, x, values.shape[1]) for name, values in runs.items()}  # (T,) each
    for axis, log, numbers in (("x", logx, positions), ("y", logy, runs)):
        for name, values in numbers.items():
            if log and not np.nanmin(values) > 0:
                lowest = f"{name!r} has {np.nanmin(values):g}"
                raise ValueError(f"a logarithmic {axis} axis needs positive values, {lowest}")

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        if logx:
            ax.set_xscale("log")
            _plain_numbers(ax.xaxis, np.unique(np.concatenate(list(positions.values()))))
        elif all(np.array_equal(values, values.round()) for values in positions.values()):
            ax.locator_params(axis="x", integer=True)  # there is no step or epoch 1.5
        if logy:
            ax.set_yscale("log")
            _plain_numbers(ax.yaxis, np.concatenate([values.ravel() for values in runs.values()]))
        for k, (name, values) in enumerate(runs.items()):
            _curve(ax, k, positions[name], values)
        ax.grid(axis="y")
        ax.set_title(title)
        ax.set_xlabel("\n".join(filter(None, (xlabel, _note([len(values) for values in runs.values()])))))
        ax.set_ylabel(ylabel)
        if len(runs) > 1:
            _label_ends(figure, ax, {name: values.mean(axis=0) for name, values in runs.items()})

    points = sum(values.shape[1] for values in runs.values())
    raster = points > 3000  # beyond it an SVG is the larger file
    return picture(draw, alt=alt, width=WIDTH, height=3.4, raster=raster, inverts=True)


def _runs(name: str, values: Values) -> Array:
    """Values as (S, T)."""
    try:
        array = to_array(values)
    except ValueError as error:
        raise ValueError(f"{name!r} must be numbers, its runs all of one length") from error
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name!r} must be (T,) or (runs, T) with at least one value, got {array.shape}")
    return np.atleast_2d(array)


def _positions(name: str, x: Values | Mapping[str, Values] | None, length: int) -> Array:
    if isinstance(x, Mapping):
        if name not in x:
            raise ValueError(f"x has no positions for {name!r}")
        x = x[name]
    array = np.arange(float(length)) if x is None else to_array(x)
    if array.shape != (length,):
        raise ValueError(f"{name!r} has {length} values, so x must be ({length},), got {array.shape}")
    return array


def _curve(ax: Axes, k: int, x: Array, values: Array) -> None:
    """The k-th curve, with markers on about eight of its points, not the same ones as its neighbours'."""
    mean = values.mean(axis=0)  # (T,)
    every = max(1, round(len(x) / 8))
    markevery = (k * every // len(COLOURS), every)
    ax.plot(
        x, mean, color=COLOURS[k], marker=MARKERS[k], markevery=markevery, markeredgecolor="white", zorder=3
    )
    if len(values) > 1:
        spread = values.std(axis=0, ddof=1)
        ax.fill_between(x, mean - spread, mean + spread, color=COLOURS[k], alpha=0.18, linewidth=0)


def _plain_numbers(axis: Axis, values: Array) -> None:
    """Ticks of a logarithmic axis, written 0.1 and not as powers; at the values themselves if few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if len(values) <= 10:
        axis.set_ticks(values)
    else:
        narrow = np.nanmax(values) < 100 * np.nanmin(values)
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _note(runs: list[int]) -> str:
    """What a band is, once any curve has one."""
    several = sorted({n for n in runs if n > 1})
    if not several:
        return ""
    return f"(mean of {' or '.join(map(str, several))} runs; band: ± 1 standard deviation)"


def _label_ends(figure: Figure, ax: Axes, means: Mapping[str, Array]) -> None:
    """Each curve's marker and name beside the axes, near its last value and clear of the other names."""
    figure.draw_without_rendering()  # the layout decides how high the axes are
    line = 16 / 72 * figure.dpi / ax.bbox.height  # 16 points as a share of the axes
    wanted = [_height_of(ax, mean) for mean in means.values()]
    order = np.argsort(wanted, kind="stable")
    names = list(means)
    for j, y in zip(order, spread_out([wanted[j] for j in order], gap=line), strict=True):
        ax.plot(1.03, y, transform=ax.transAxes, marker=MARKERS[j], color=COLOURS[j], clip_on=False)
        ax.annotate(
            names[j],
            (1.03, y),
            xycoords="axes fraction",
            xytext=(9, 0),
            textcoords="offset points",
            verticalalignment="center_baseline",
            color=COLOURS[j],
            annotation_clip=False,
        )


def _height_of(ax: Axes, mean: Array) -> float:
    """The last value that is there, as a share of the axes' height; 0 if none is."""
    last = mean[np.isfinite(mean)][-1:]
    if len(last) == 0:
        return 0.0
    pixels = ax.transData.transform((1.0, last[0]))
    return float(ax.transAxes.inverted().transform(pixels)[1])


def spread_out(wanted: list[float], gap: float) -> list[float]:
    """Ascending heights up to 1, near the wanted ones and a gap apart; below 0 only where they do not fit."""
    heights: list[float] = []
    for y in wanted:
        heights.append(max(y, heights[-1] + gap) if heights else y)
    ceiling = 1.0
    for k in reversed(range(len(heights))):
        heights[k] = min(heights[k], ceiling)
        ceiling = heights[k] - gap
    return heights
