"""Ways down a valley: contour lines of a loss of two weights, and the paths of optimisers over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .picture import Array, Picture, Values, picture, to_array
from .style import COLOURS, INK, MARKERS, MUTED, WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def routes(
    loss: Callable[[Array, Array], Array],
    paths: Mapping[str, Values],
    *,
    alt: str,
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    minimum: tuple[float, float] | None = None,
    xlabel: str = "weight 1",
    ylabel: str = "weight 2",
    title: str = "",
) -> Picture:
    """Draw paths (steps, 2) over the contour lines of `loss(x, y)`, which works value by value on arrays.

    The contour lines are closer together in loss near the lowest point, so that a long flat floor shows.
    Each path has a marker on every tenth part of its steps and ends in a larger one; what leaves the limits
    is cut off.

    Args:
        loss: of two arrays of the same shape, the weights.
        paths: name -> positions (steps, 2), as `coursekit.optim.descend` gives them.
        alt: what the picture shows, in words.
        xlim, ylim: the part of the plane that is shown.
        minimum: where to put a cross.
        xlabel, ylabel, title: text around the axes.

    Raises:
        ValueError: no path or more than six, one that is not (steps, 2), limits that are not ascending, or a
            loss that is the same or not finite all over.
    """
    if not 1 <= len(paths) <= len(COLOURS):
        raise ValueError(
            f"one picture holds 1 to {len(COLOURS)} paths that can be told apart, got {len(paths)}"
        )
    points = {name: _points(name, path) for name, path in paths.items()}  # (steps, 2) each
    if not (xlim[0] < xlim[1] and ylim[0] < ylim[1]):
        raise ValueError(f"limits must be (low, high), got {xlim} and {ylim}")
    x, y = np.meshgrid(np.linspace(*xlim, 160), np.linspace(*ylim, 120))
    heights = to_array(loss(x, y))  # (120, 160)
    low, high = heights.min(), heights.max()
    if heights.shape != x.shape or not (np.isfinite(high - low) and low < high):
        raise ValueError(f"loss must give finite, different values, got {low:g} to {high:g}")

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        levels = low + (high - low) * np.geomspace(1e-4, 1, 13)
        ax.contour(x, y, heights, levels, colors=MUTED, linewidths=0.7, alpha=0.6)
        if minimum is not None:
            ax.plot(*minimum, marker="+", color=INK, markersize=14, markeredgewidth=2, zorder=5)
        for k, (name, path) in enumerate(points.items()):
            ax.plot(
                *path.T,
                color=COLOURS[k],
                marker=MARKERS[k],
                markevery=max(1, len(path) // 10),
                markersize=4,
                linewidth=1.4,
                label=name,
                zorder=3,
            )
            ax.plot(*path[-1], color=COLOURS[k], marker=MARKERS[k], markeredgecolor="white", zorder=4)
        ax.set_xlim(*xlim)
        ax.set_ylim(*ylim)
        ax.set_title(title)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)

    return picture(draw, alt=alt, width=WIDTH, height=4.2, raster=False, inverts=True)


def _points(name: str, path: Values) -> Array:
    array = to_array(path)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) == 0:
        raise ValueError(f"{name!r} must be (steps, 2) with at least one step, got {array.shape}")
    return array
