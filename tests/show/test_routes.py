"""Paths on a valley: the points where they were, over contour lines of the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

from coursekit import show

LIMITS: dict[str, Any] = {"xlim": (-2, 2), "ylim": (-1, 3), "alt": "Two paths"}
PATHS = {"one": torch.tensor([[0.0, 1.0], [1.0, 2.0]]), "other": [[1.0, 1.0], [0.5, 0.0], [0.0, 0.0]]}


def bowl(x: Any, y: Any) -> Any:
    return x**2 + 4 * y**2


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


@pytest.mark.topic("RNN-64")
def test_paths_lie_where_they_went_and_end_in_a_marker(drawn: list[Figure]) -> None:
    shown = show.routes(bowl, PATHS, minimum=(0, 0), title="t", **LIMITS)
    axes = drawn[0].axes[0]
    lines = [line.get_xydata().tolist() for line in axes.lines]
    assert lines == [
        [[0, 0]],  # the cross
        [[0, 1], [1, 2]], [[1, 2]],
        [[1, 1], [0.5, 0], [0, 0]], [[0, 0]],
    ]  # fmt: skip
    assert len({line.get_marker() for line in axes.lines}) == 3  # told apart without colour
    assert axes.get_xlim() == (-2, 2) and axes.get_ylim() == (-1, 3)
    assert [text.get_text() for text in drawn[0].legends[0].texts] == ["one", "other"]
    assert 'alt="Two paths"' in shown._repr_html_() and shown.inverts


def test_contour_lines_are_those_of_the_loss(drawn: list[Figure]) -> None:
    show.routes(bowl, PATHS, **LIMITS)
    [contours] = [each for each in drawn[0].axes[0].collections if isinstance(each, ContourSet)]
    checked = 0
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        if len(path.vertices) > 60:
            np.testing.assert_allclose(bowl(*path.vertices.T), level, rtol=0.1)
            checked += 1
    assert checked >= 4
    assert np.diff(np.log(contours.levels[4:-1])).min() > 0.5  # closer together near the floor


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"paths": {}}, "1 to 6 paths .* got 0"),
        ({"paths": {str(k): [[0.0, 0.0]] for k in range(7)}}, "1 to 6 paths .* got 7"),
        ({"paths": {"a": [0.0, 1.0]}}, r"'a' must be \(steps, 2\)"),
        ({"xlim": (1, 1)}, r"limits must be \(low, high\), got \(1, 1\)"),
        ({"loss": lambda x, y: 0 * x}, "finite, different values, got 0 to 0"),
        ({"loss": lambda x, y: x / 0 * y}, "finite, different values"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_paths_that_make_no_sense_are_refused(call: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        show.routes(**({"loss": bowl, "paths": PATHS, **LIMITS} | call))
