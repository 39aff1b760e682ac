"""Parallel coordinates: every value at its height, the best run in front, failures beyond the axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from coursekit import show

RUNS = [{"lr": 0.1, "units": 8}, {"lr": 0.001, "units": 32}, {"lr": 0.01, "units": 8}]


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


def heights(figure: Figure) -> dict[str, list[float]]:
    """The lines of the runs by their marker and dashes: the best, then solid, then dashed."""
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    return {line.get_marker() + line.get_linestyle(): list(line.get_ydata()) for line in lines}


@pytest.mark.topic("RNN-62")
def test_every_run_meets_every_axis_at_its_value(drawn: list[Figure]) -> None:
    shown = show.parallel(RUNS, [3.0, 1.0, 2.0], logs={"lr"}, alt="Three runs", title="t")
    lines = heights(drawn[0])
    assert lines["o-"] == pytest.approx([0, 1, 0])  # the lowest loss: lowest rate, most units
    assert lines["-"] == pytest.approx([0.5, 0, 0.5])  # 0.01 is halfway from 0.001 to 0.1 by logarithms
    assert lines["--"] == pytest.approx([1, 0, 1])
    axes = drawn[0].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["lr\n(log)", "units", "loss"]
    assert {text.get_text() for text in axes.texts} == {"0.001", "0.01", "0.1", "8", "32", "1", "2", "3"}
    assert [text.get_text() for text in drawn[0].legends[0].texts] == [
        "the best run", "the better half", "the other half",
    ]  # fmt: skip
    assert 'alt="Three runs"' in shown._repr_html_() and shown.inverts


def test_without_logarithms_the_axis_is_even(drawn: list[Figure]) -> None:
    show.parallel(RUNS, [3.0, 1.0, 2.0], alt="Three runs", loss_name="error")
    assert heights(drawn[0])["-"][0] == pytest.approx((0.01 - 0.001) / (0.1 - 0.001))
    assert drawn[0].axes[0].get_xticklabels()[-1].get_text() == "error"


def test_a_failed_run_ends_above_the_axis_and_says_so(drawn: list[Figure]) -> None:
    show.parallel(RUNS, [math.inf, 1.0, 2.0], alt="Three runs")
    lines = heights(drawn[0])
    assert lines["--"][-1] > 1.05 and lines["-"][-1] == pytest.approx(1)
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert "failed" in texts and "inf" not in texts
    assert drawn[0].axes[0].get_ylim()[1] >= lines["--"][-1]


def test_an_axis_with_many_values_names_its_ends_and_equal_ones_stand_in_the_middle(
    drawn: list[Figure],
) -> None:
    runs = [{"lr": k, "layers": 2} for k in range(1, 8)]
    show.parallel(runs, [1.0] * 7, alt="Seven runs")
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["1", "7", "2", "1"]
    assert all(np.array(line)[1:].tolist() == [0.5, 0.5] for line in heights(drawn[0]).values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"runs": [], "losses": []}, "at least one, .* got 0 runs"),
        ({"losses": [1.0]}, "got 3 runs and 1 losses"),
        ({"runs": [{"lr": 1.0}, {"units": 1.0}], "losses": [1.0, 2.0]}, "the same names"),
        ({"losses": [math.nan, 1.0, 2.0]}, "'loss' must be numbers"),
        ({"losses": [math.inf] * 3}, "'loss' must be numbers with a finite one"),
        ({"losses": [0.0, 1.0, 2.0], "logs": {"loss"}}, "positive values, 'loss' has 0"),
    ],
)
def test_runs_that_make_no_sense_are_refused(call: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        show.parallel(**({"runs": RUNS, "losses": [3.0, 1.0, 2.0], "alt": "Runs"} | call))
