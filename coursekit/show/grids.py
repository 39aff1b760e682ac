"""Pictures made of cells: heat maps, the gates of an LSTM over a sentence, and image grids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .picture import Array, Picture, Values, picture, to_array
from .style import DIVERGING, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥"}  # tokens that print as nothing


class Gates(Protocol):
    """What `gates` draws: `coursekit.nn.recurrent.LSTMGates`, or anything with these four."""

    @property
    def i(self) -> Values: ...
    @property
    def f(self) -> Values: ...
    @property
    def g(self) -> Values: ...
    @property
    def o(self) -> Values: ...


def heatmap(
    values: Values,
    *,
    alt: str,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    limit: float | None = None,
) -> Picture:
    """Draw a matrix as coloured cells: 0 is white, above it blue, below it red, from -limit to limit.

    Args:
        values: (R, C), the first row at the top.
        alt: what the picture shows, in words.
        rows, columns: a name for each row and each column; numbered if not given.
        xlabel, ylabel, title: text around the axes.
        limit: the value of the darkest colour, the largest magnitude if not given.

    Raises:
        ValueError: values that are no matrix, too few or too many names, or a limit that is not positive.
    """
    array = _matrix("values", values)
    _match("rows", rows, array.shape[0])
    _match("columns", columns, array.shape[1])
    top = float(np.nanmax(np.abs(array), initial=0.0)) or 1.0 if limit is None else limit
    if not top > 0:
        raise ValueError(f"limit must be positive, got {limit}")

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        _cells(ax, array, top)
        _name_columns(ax, columns)
        if rows is not None:
            ax.set_yticks(range(len(rows)), [_visible(name) for name in rows], parse_math=False)
        ax.set_title(title)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        _scale(figure, [ax], -top if np.nanmin(array) < 0 else 0.0, top)

    height = min(6.0, max(1.9, 1.1 + 0.24 * array.shape[0]))
    return picture(draw, alt=alt, width=_width(array.shape[1]), height=height, raster=True)


def gates(gates: Gates, tokens: Sequence[str] | None = None, *, alt: str, sequence: int = 0) -> Picture:
    """Draw an LSTM's gates over a sentence: a panel for each, a row for each unit, a column for each token.

    All panels share one scale, from -1 to 1 with 0 white, so that equal colours are equal values: the gates,
    sigmoids, are never red; the candidate, a tanh, can be.

    Args:
        gates: (T, H) each, or (N, T, H) as `LSTM.trace` gives them, of which `sequence` is drawn.
        tokens: the T names under the columns; numbered if not given.
        alt: what the picture shows, in words.

    Raises:
        ValueError: another number of dimensions, or another number of tokens than steps.
    """
    titles = {
        "input gate i": gates.i,
        "forget gate f": gates.f,
        "candidate g": gates.g,
        "output gate o": gates.o,
    }
    panels = {}
    for name, values in titles.items():
        array = to_array(values)
        panels[name] = _matrix(name, array[sequence] if array.ndim == 3 else array).T  # (H, T)
    units, steps = panels["input gate i"].shape
    _match("tokens", tokens, steps)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(panels), 1, sharex=True)
        for ax, (name, values) in zip(axes, panels.items(), strict=True):
            _cells(ax, values, 1.0)
            ax.set_title(name)
            ends = sorted({1, units})
            ax.set_yticks([unit - 1 for unit in ends], [str(unit) for unit in ends])
        _name_columns(axes[-1], tokens)
        axes[-1].set_xlabel("step" if tokens is None else "")
        figure.supylabel("unit", fontsize="medium")
        _scale(figure, list(axes), -1.0, 1.0)

    height = 1.4 + 4 * min(1.6, max(0.6, 0.35 + 0.06 * units))
    return picture(draw, alt=alt, width=_width(steps), height=height, raster=True)


def images(
    images: Values,
    *,
    alt: str,
    captions: Sequence[str] | None = None,
    columns: int = 8,
    title: str = "",
    legend: Mapping[str, str] | None = None,
) -> Picture:
    """Draw images side by side: grey ones on one common scale, which is stated, and colour ones as they are.

    Args:
        images: (N, H, W) or (N, 1, H, W) of any range, or (N, 3, H, W) in [0, 1].
        alt: what the picture shows, in words.
        captions: a text under each image.
        columns: how many stand in a row.
        title: text above all of them.
        legend: name -> a colour of the images that it explains, below all of them.

    Raises:
        ValueError: another shape, no image, colours outside [0, 1], or a number of captions that is not N.
    """
    array = to_array(images)
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]  # (N, H, W)
    colour = array.ndim == 4 and array.shape[1] == 3
    if (array.ndim != 3 and not colour) or array.size == 0:
        shapes = "(N, H, W), (N, 1, H, W) or (N, 3, H, W)"
        raise ValueError(f"images must be {shapes} with at least one pixel, got {array.shape}")
    _match("captions", captions, len(array))
    low, high = array.min(), array.max()
    if colour:
        array = array.transpose(0, 2, 3, 1)  # (N, H, W, 3)
        if not 0 <= low <= high <= 1:
            raise ValueError(f"colours must lie between 0 and 1, got {low:g} to {high:g}")
    across = min(columns, len(array))
    down = math.ceil(len(array) / across)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(down, across, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for k, (ax, image) in enumerate(zip(grid.flat, array, strict=False)):  # the last row may be short
            ax.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            if captions is not None:
                ax.set_anchor("N")  # what room is left over goes to the caption
                ax.text(
                    0.5, -0.06, captions[k], transform=ax.transAxes, ha="center", va="top", parse_math=False
                )
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize="medium", fontweight="bold")
        if not colour:
            figure.supxlabel(f"black {low:g}, white {high:g}", fontsize="small")
        if legend:
            from matplotlib.patches import Patch

            patches = [Patch(color=colour, label=name) for name, colour in legend.items()]
            figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False)

    tile = WIDTH / columns
    rows = down * (tile * array.shape[1] / array.shape[2] + (0.25 if captions is not None else 0.0))
    height = (
        rows + (0.3 if title else 0.0) + (0.0 if colour else 0.3) + 0.3 * math.ceil(len(legend or ()) / 4)
    )
    return picture(draw, alt=alt, width=max(2.0, tile * across), height=height, raster=True)


def _matrix(name: str, values: Values) -> Array:
    array = to_array(values)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a matrix with at least one cell, got shape {array.shape}")
    return array


def _match(argument: str, names: Sequence[str] | None, count: int) -> None:
    if names is not None and len(names) != count:
        raise ValueError(f"{argument} must hold {count} texts, got {len(names)}")


def _width(columns: int) -> float:
    """Inches: the usual width, or more where a column would be too narrow for its name."""
    return max(WIDTH, 1.3 + 0.15 * columns)


def _cells(ax: Axes, values: Array, limit: float) -> None:
    ax.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.tick_params(length=0)


def _visible(name: str) -> str:
    return VISIBLE.get(name, name)


def _name_columns(ax: Axes, names: Sequence[str] | None) -> None:
    """Names under the columns: level if the longest fits its column, else upright."""
    if names is None:
        return
    fits = max(map(len, names)) * len(names) <= 40  # characters of the whole axes at the usual width
    ax.set_xticks(
        range(len(names)), [_visible(name) for name in names], rotation=0 if fits else 90, parse_math=False
    )


def _scale(figure: Figure, axes: list[Axes], low: float, high: float) -> None:
    """One colour bar for all axes, from low to high."""
    bar = figure.colorbar(axes[0].images[0], ax=axes, fraction=0.05, aspect=8 * len(axes) + 4)
    bar.set_label("value (0 is white)")
    bar.outline.set_visible(False)
    bar.ax.set_ylim(low, high)
