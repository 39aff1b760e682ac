"""Stacked bars: parts begin where the last one ended, in the order they were named."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from coursekit import show


def test_parts_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda figure, *args, **kwargs: (drawn.append(figure), save(figure, *args, **kwargs)),
    )
    shown = show.stacked_bars(
        {"data": [1.0, 3.0], "penalty": [0.5, 0.0]}, ["weak", "strong"], alt="Two bars", xlabel="share"
    )
    axes = drawn[0].axes[0]
    boxes = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert boxes == [(0, 1), (0, 3), (1, 0.5), (3, 0)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["weak", "strong"]
    assert axes.yaxis_inverted() and axes.get_xlabel() == "share"  # the first bar is at the top
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["data", "penalty"]
    assert len({bar.get_hatch() for bar in axes.patches}) == 2  # told apart without colour
    assert 'alt="Two bars"' in shown._repr_html_() and shown.inverts


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "1 to 6 parts"),
        ({str(k): [1.0, 1.0] for k in range(7)}, "1 to 6 parts"),
        ({"data": [1.0]}, r"each of the 2 bars, got \(1,\)"),
        ({"data": [1.0, -2.0]}, "cannot be negative, 'data' has -2"),
        ({"data": [1.0, float("nan")]}, "cannot be negative"),
    ],
)  # fmt: skip
def test_bars_that_make_no_sense_are_refused(parts: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        show.stacked_bars(parts, ["weak", "strong"], alt="Bars")
