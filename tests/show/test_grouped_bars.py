"""Grouped bars: the numbers, their spread, and gaps where nothing was measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from coursekit import show


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda figure, *args, **kwargs: (figures.append(figure), save(figure, *args, **kwargs)),
    )
    return figures


def test_bars_stand_side_by_side_with_their_numbers(drawn: list[Figure]) -> None:
    series = {"plain": [27.94, 28.54, math.nan], "residual": [27.88, 25.03, 22.85]}
    shown = show.grouped_bars(series, ["18", "34", "50"], alt="Bars", xlabel="error in %")
    axes = drawn[0].axes[0]
    plain, residual = axes.containers
    assert [bar.get_width() for bar in residual] == series["residual"]
    for ours, theirs in zip(plain, residual, strict=True):  # beside one another, not over
        assert ours.get_y() + ours.get_height() <= theirs.get_y() + 1e-9
    assert [text.get_text() for text in axes.texts] == ["27.94", "28.54", "27.88", "25.03", "22.85"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["18", "34", "50"]
    assert axes.yaxis_inverted() and axes.get_xlabel() == "error in %"
    assert len({bar.get_hatch() for bar in axes.patches}) == 2  # told apart without colour
    assert 'alt="Bars"' in shown._repr_html_() and shown.inverts


def test_several_runs_become_mean_and_spread(drawn: list[Figure]) -> None:
    runs = np.array([[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]])
    show.grouped_bars({"score": runs}, ["a", "b"], alt="Bars", digits=1)
    axes = drawn[0].axes[0]
    assert [bar.get_width() for bar in axes.patches] == [3, 5]
    [whiskers] = axes.collections
    lengths = [segment[1, 0] - segment[0, 0] for segment in whiskers.get_segments()]
    assert lengths == pytest.approx([2 * runs[:, 0].std(ddof=1), 0])
    assert "mean of 3 runs; line: ± 1 standard deviation" in axes.get_xlabel()
    assert drawn[0].legends == []  # one series needs no name


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({}, "1 to 6 series"),
        ({str(k): [1.0, 1.0] for k in range(7)}, "1 to 6 series"),
        ({"score": [1.0]}, r"each of the 2 groups, got \(1,\)"),
        ({"score": [1.0, -2.0]}, "cannot be negative, 'score' has -2"),
    ],
)  # fmt: skip
def test_bars_that_make_no_sense_are_refused(series: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        show.grouped_bars(series, ["a", "b"], alt="Bars")
