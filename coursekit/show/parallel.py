"""Parallel coordinates: many runs, a line each across one axis for every hyperparameter and for the loss."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .picture import Array, Picture, picture
from .style import COLOURS, INK, MUTED, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAILED = 1.14  # the height of a loss that is infinite; 1 is that of the largest finite one


def parallel(
    runs: Sequence[Mapping[str, float]],
    losses: Sequence[float],
    *,
    alt: str,
    logs: Collection[str] = (),
    loss_name: str = "loss",
    title: str = "",
) -> Picture:
    """Draw each run as a line that meets every axis at its own value; the lower its loss, the better.

    The best run is thick and has markers, the better half of the others is solid, the rest dashed. An axis
    reaches from the lowest to the highest value; one with up to five values names them all.

    Args:
        runs: the hyperparameters of each run, the same names in all of them; axes stand in this order.
        losses: one for each run; infinite where training broke down.
        alt: what the picture shows, in words.
        logs: the axes, `loss_name` included, whose values are spaced by their logarithms.
        loss_name, title: text around the axes.

    Raises:
        ValueError: no run, other names or another number of losses, no finite loss, a value that is not a
            finite number, or a value that is not positive where logarithms are asked for.

    Source: Inselberg (1985), The plane with parallel coordinates.
    """
    if not runs or len(runs) != len(losses) or any(run.keys() != runs[0].keys() for run in runs):
        raise ValueError(
            f"runs must be at least one, all with the same names, and have a loss each, "
            f"got {len(runs)} runs and {len(losses)} losses"
        )
    table = {name: np.array([run[name] for run in runs], dtype=np.float64) for name in runs[0]}
    table[loss_name] = np.array(losses, dtype=np.float64)
    heights = {name: _heights(name, values, name in logs) for name, values in table.items()}
    failed = np.isinf(table[loss_name])
    lines = np.stack(list(heights.values()), axis=1)  # (S, A)
    order = np.argsort(table[loss_name], kind="stable")

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        for place, run in reversed(list(enumerate(order))):  # the best one on top
            best, better = place == 0, place <= (len(order) - 1) / 2
            ax.plot(
                lines[run],
                color=COLOURS[0] if better else COLOURS[1],
                linestyle="-" if better else "--",
                linewidth=3.0 if best else 1.3,
                marker="o" if best else "",
                alpha=1.0 if best else 0.7,
                clip_on=False,
                zorder=4 if best else 3 if better else 2,
                label={0: "the best run", 1: "the better half", len(order) - 1: "the other half"}.get(place),
            )
        for k, (name, values) in enumerate(table.items()):
            _axis(ax, k, values, heights[name])
        if failed.any():
            ax.annotate(
                "failed", (lines.shape[1] - 1, FAILED), xytext=(7, 0), textcoords="offset points", va="center"
            )
        ax.set_xlim(-0.1, lines.shape[1] - 0.6)
        ax.set_ylim(-0.05, FAILED if failed.any() else 1.05)
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        names = [f"{name}\n(log)" if name in logs else name for name in table]
        ax.set_xticks(range(len(names)), names, parse_math=False)
        ax.tick_params(axis="x", length=0)
        ax.set_title(title)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, reverse=True)

    return picture(draw, alt=alt, width=WIDTH + 0.6, height=3.6, raster=False, inverts=True)


def _heights(name: str, values: Array, log: bool) -> Array:
    """Shares of the axis: 0 for the lowest value, 1 for the highest finite one, the middle for equal ones."""
    finite = np.isfinite(values)
    if np.isnan(values).any() or not finite.any():
        raise ValueError(f"{name!r} must be numbers with a finite one among them, got {values.tolist()}")
    if log and not values.min() > 0:
        raise ValueError(f"a logarithmic axis needs positive values, {name!r} has {values.min():g}")
    scaled = np.log(values) if log else values
    low, high = scaled[finite].min(), scaled[finite].max()
    if low == high:
        return np.where(finite, 0.5, FAILED)
    return np.where(finite, (scaled - low) / (high - low), FAILED)


def _axis(ax: Axes, k: int, values: Array, heights: Array) -> None:
    """The k-th axis with its values: all up to five, else the lowest and the highest."""
    ax.plot([k, k], [0, 1], color=MUTED, linewidth=1.0, zorder=1)
    known = sorted({(height, value) for height, value in zip(heights, values, strict=True) if height <= 1})
    for height, value in known if len(known) <= 5 else (known[0], known[-1]):
        ax.annotate(
            f"{value:.3g}",
            (k, height),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            color=INK,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            zorder=5,
        )
