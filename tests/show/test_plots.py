"""Plots: words for every picture, the numbers where they belong, and a style that needs no colour."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from coursekit import show
from coursekit.show.lines import spread_out
from coursekit.show.picture import picture, to_array
from coursekit.show.style import CARD, COLOURS, MARKERS

GATES = SimpleNamespace(**{name: torch.rand(5, 3) for name in "ifgo"})
PLOTS: dict[str, Callable[[str], show.Picture]] = {
    "curves": lambda alt: show.curves({"loss": [3.0, 2.0, 1.0]}, alt=alt),
    "heatmap": lambda alt: show.heatmap([[0.0, 1.0], [-1.0, 0.5]], alt=alt),
    "gates": lambda alt: show.gates(GATES, list("abcde"), alt=alt),
    "images": lambda alt: show.images(
        torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)), alt=alt
    ),
}
every_plot = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures drawn in a test, in order, as matplotlib has them."""
    drawn: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        drawn.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return drawn


@every_plot
def test_alt_text_reaches_the_page_and_the_terminal(plot: Callable[[str], show.Picture]) -> None:
    shown = plot('Loss "falls" below 2 & stays <there>')
    assert 'alt="Loss &quot;falls&quot; below 2 &amp; stays &lt;there&gt;"' in shown._repr_html_()
    assert repr(shown) == '[picture: Loss "falls" below 2 & stays <there>]'


@every_plot
@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_picture_without_words_is_refused(plot: Callable[[str], show.Picture], alt: str) -> None:
    with pytest.raises(ValueError, match="alt must say in words"):
        plot(alt)


@every_plot
def test_equal_numbers_are_equal_bytes_whatever_the_user_has_set(plot: Callable[[str], show.Picture]) -> None:
    before = plot("A plot")
    with matplotlib.rc_context(
        {"font.size": 30, "axes.linewidth": 9, "xtick.direction": "in", "image.cmap": "hot"}
    ):
        after = plot("A plot")
    assert before == after


@every_plot
def test_no_figure_stays_behind(plot: Callable[[str], show.Picture]) -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    plot("A plot")
    assert plt.get_fignums() == before


@every_plot
def test_the_page_holds_the_image_itself(plot: Callable[[str], show.Picture]) -> None:
    shown = plot("A plot")
    match = re.search(r'src="data:(image/[a-z+]+);base64,([^"]+)"', shown._repr_html_())
    assert match and match[1] == shown.media_type
    data = base64.b64decode(match[2])
    if shown.media_type == "image/png":
        assert Image.open(io.BytesIO(data)).size == (2 * shown.width, 2 * shown.height)
    else:
        assert data.startswith(b"<?xml") and b"<svg" in data
    assert len(data) < 150_000


@pytest.mark.browser
@every_plot
def test_picture_fits_a_phone_and_has_a_ground_of_its_own(
    plot: Callable[[str], show.Picture], write_page: Callable[..., str], visit: Callable[..., Any]
) -> None:
    for theme in ("light", "dark"):
        page = visit(write_page(plot("A plot")._repr_html_(), theme=theme), width=360).page
        image = page.get_by_role("img", name="A plot")
        assert image.evaluate("node => node.naturalWidth") > 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        corner = Image.open(io.BytesIO(image.screenshot())).convert("L").getpixel((12, 2))
        assert isinstance(corner, int)
        light_on_dark = theme == "dark" and plot("A plot").inverts
        assert corner < 60 if light_on_dark else corner > 200


def line_names(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_curves_are_told_apart_without_colour(figures: list[Figure]) -> None:
    show.curves({f"f = {f}": f ** np.arange(101) for f in (0.5, 0.9, 0.99, 1.0)}, alt="Forgetting")
    lines = figures[0].axes[0].lines[:4]
    assert len({line.get_marker() for line in lines}) == 4
    assert set(line_names(figures[0])) == {"f = 0.5", "f = 0.9", "f = 0.99", "f = 1.0"}
    heights = sorted(text.xy[1] for text in figures[0].axes[0].texts)  # type: ignore[attr-defined]
    assert min(np.diff(heights)) > 0.05, "names must not cover each other"
    np.testing.assert_array_equal(lines[2].get_ydata(), 0.99 ** np.arange(101))


def test_runs_become_their_mean_and_a_band_of_one_deviation(figures: list[Figure]) -> None:
    runs = torch.tensor([[1.0, 4.0], [2.0, 4.0], [3.0, 7.0]])
    show.curves({"LSTM": runs, "RNN": runs - 1}, x=[8, 16], alt="Accuracy", xlabel="gap")
    axes = figures[0].axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), dtype=float), [2.0, 5.0])
    corners = np.asarray(axes.collections[0].get_paths()[0].vertices)
    for gap, low, high in ((8, 1.0, 3.0), (16, 5 - 3**0.5, 5 + 3**0.5)):
        edge = corners[corners[:, 0] == gap, 1]
        assert (edge.min(), edge.max()) == pytest.approx((low, high))
    assert axes.get_xlabel() == "gap\n(mean of 3 runs; band: ± 1 standard deviation)"


def test_one_run_has_no_band_and_one_curve_no_name(figures: list[Figure]) -> None:
    show.curves({"loss": [[3.0, 2.0]]}, alt="Loss", xlabel="epoch")
    axes = figures[0].axes[0]
    assert not axes.collections and not axes.texts and axes.get_xlabel() == "epoch"


def test_curves_may_have_positions_of_their_own(figures: list[Figure]) -> None:
    show.curves(
        {"step": [3, 2, 1, 1], "epoch": [2, 1]}, x={"step": [1, 2, 3, 4], "epoch": [2, 4]}, alt="Loss"
    )
    np.testing.assert_array_equal(figures[0].axes[0].lines[1].get_xdata(), [2, 4])


def test_log_axes_show_plain_numbers(figures: list[Figure]) -> None:
    show.curves({"perplexity": np.geomspace(900, 60, 40)}, alt="Perplexity", logy=True)
    figures[0].canvas.draw()
    labels = [label.get_text() for label in figures[0].axes[0].get_yticklabels()]
    assert {"100", "200", "500"} <= set(labels)
    show.curves({"accuracy": [1.0, 0.9, 0.5]}, x=[8, 16, 64], alt="Accuracy", logx=True)
    figures[1].canvas.draw()
    assert [label.get_text() for label in figures[1].axes[0].get_xticklabels()] == ["8", "16", "64"]


@pytest.mark.parametrize("wanted", [[0.1, 0.5, 0.9], [0.5, 0.5, 0.5], [0.98, 0.99, 1.0], [0.0, 0.01, 0.99]])
def test_names_keep_their_order_and_distance(wanted: list[float]) -> None:
    heights = spread_out(wanted, gap=0.1)
    assert np.all(np.diff(heights) >= 0.1 - 1e-12)
    assert max(heights) <= 1
    assert max(abs(y - w) for y, w in zip(heights, wanted, strict=True)) <= 0.2 + 1e-12
    assert spread_out([0.1, 0.5, 0.9], gap=0.1) == [0.1, 0.5, 0.9]


@pytest.mark.parametrize(
    ("series", "options", "message"),
    [
        ({}, {}, "holds 1 to 6 curves that can be told apart, got 0"),
        ({str(k): [1.0] for k in range(7)}, {}, "got 7"),
        ({"a": []}, {}, r"'a' must be \(T,\) or \(runs, T\) with at least one value, got \(0,\)"),
        ({"a": np.ones((2, 2, 2))}, {}, r"got \(2, 2, 2\)"),
        ({"a": [[1.0, 2.0], [1.0]]}, {}, "'a' must be numbers, its runs all of one length"),
        ({"a": ["high"]}, {}, "'a' must be numbers"),
        ({"a": [1.0, 2.0]}, {"x": [1]}, r"'a' has 2 values, so x must be \(2,\), got \(1,\)"),
        ({"a": [1.0], "b": [1.0]}, {"x": {"a": [1]}}, "x has no positions for 'b'"),
        ({"a": [1.0, 0.0]}, {"logy": True}, "a logarithmic y axis needs positive values, 'a' has 0"),
        ({"a": [1.0, 2.0]}, {"logx": True}, "a logarithmic x axis needs positive values, 'a' has 0"),
    ],
)
def test_curves_that_cannot_be_drawn(series: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        show.curves(series, alt="A plot", **options)


@pytest.mark.topic("RNN-32", "RNN-33", "RNN-36")
@pytest.mark.parametrize("batched", [False, True])
def test_gates_share_one_scale_with_a_panel_each(figures: list[Figure], batched: bool) -> None:
    tokens = ["the", " ", "cat", "\n", "$x$"]
    values = {name: torch.rand(5, 3) * 2 - 1 for name in "ifgo"}
    gates = SimpleNamespace(**{k: torch.stack([-v, v]) if batched else v for k, v in values.items()})
    show.gates(gates, tokens, alt="Gates over a sentence", sequence=int(batched))
    *panels, bar = figures[0].axes
    titles = {"i": "input gate i", "f": "forget gate f", "g": "candidate g", "o": "output gate o"}
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        assert panel.get_title(loc="left") == title
        drawn = panel.images[0].get_array()
        assert drawn is not None
        np.testing.assert_allclose(drawn, values[name].T.numpy(), rtol=1e-6)  # (H, T): a row per unit
        assert panel.images[0].get_clim() == (-1, 1)
    assert [label.get_text() for label in panels[-1].get_xticklabels()] == ["the", "␣", "cat", "↵", "$x$"]
    assert bar.get_ylabel() == "value (0 is white)"


def test_heatmap_puts_zero_on_white_and_names_on_the_axes(figures: list[Figure]) -> None:
    show.heatmap([[0.0, 0.5], [0.2, 2.0]], alt="Weights", rows=["a", "b"], columns=["x", "y"])
    axes, bar = figures[0].axes
    image = axes.images[0]
    assert tuple(np.asarray(image.to_rgba(np.array([0.0])))[0, :3]) == pytest.approx((1, 1, 1), abs=0.04)
    assert image.get_clim() == (-2, 2) and bar.get_ylim() == (0, 2)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    show.heatmap(np.zeros((1, 1)), alt="Nothing")  # a range of zero is no error


def test_images_are_drawn_on_one_stated_scale(figures: list[Figure]) -> None:
    show.images(torch.arange(12.0).reshape(3, 1, 2, 2), alt="Ramps", captions=["a", "b", "c"], columns=2)
    assert [len(axes.images) for axes in figures[0].axes] == [1, 1, 1, 0]
    assert {axes.images[0].get_clim() for axes in figures[0].axes[:3]} == {(0, 11)}
    assert figures[0].get_supxlabel() == "black 0, white 11"
    show.images(torch.rand(2, 3, 4, 4), alt="Colours")
    drawn = figures[1].axes[0].images[0].get_array()
    assert drawn is not None and drawn.shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: show.heatmap(np.ones(3), alt="A"),
            r"values must be a matrix with at least one cell, got shape \(3,\)",
        ),
        (lambda: show.heatmap(np.ones((0, 3)), alt="A"), r"got shape \(0, 3\)"),
        (lambda: show.heatmap(np.ones((2, 3)), alt="A", rows=["a"]), "rows must hold 2 texts, got 1"),
        (lambda: show.heatmap(np.ones((2, 3)), alt="A", limit=0), "limit must be positive, got 0"),
        (lambda: show.gates(GATES, ["a"], alt="A"), "tokens must hold 5 texts, got 1"),
        (
            lambda: show.gates(SimpleNamespace(**dict.fromkeys("ifgo", np.ones(3))), alt="A"),
            "input gate i must be",
        ),
        (lambda: show.images(np.ones((2, 5, 8, 8)), alt="A"), r"got \(2, 5, 8, 8\)"),
        (lambda: show.images(np.ones((0, 8, 8)), alt="A"), r"at least one pixel, got \(0, 8, 8\)"),
        (
            lambda: show.images(2 * np.ones((1, 3, 8, 8)), alt="A"),
            "colours must lie between 0 and 1, got 2 to 2",
        ),
        (
            lambda: show.images(np.ones((2, 8, 8)), alt="A", captions=["a"]),
            "captions must hold 2 texts, got 1",
        ),
    ],
)
def test_cells_that_cannot_be_drawn(call: Callable[[], show.Picture], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_numbers_come_from_tensors_of_any_kind() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.5, 2.5], dtype=torch.bfloat16))
    np.testing.assert_array_equal(to_array(weight), [1.5, 2.5])
    np.testing.assert_array_equal(to_array([weight, weight]), [[1.5, 2.5]] * 2)
    np.testing.assert_array_equal(to_array((torch.tensor(1), 2)), [1, 2])


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# Machado, Oliveira & Fernandes (2009), severity 1: what a dichromat sees of a linear RGB colour.
DICHROMATS = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour: str, matrix: Any) -> Any:
    """CIE L*a*b* of a colour as seen through a matrix on linear RGB."""
    srgb = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("matrix", [np.eye(3), *DICHROMATS.values()], ids=["full colour", *DICHROMATS])
def test_first_colours_stay_apart_for_every_eye(matrix: Any) -> None:
    seen = [lab(colour, matrix) for colour in COLOURS[:4]]
    distances = [np.linalg.norm(a - b) for k, a in enumerate(seen) for b in seen[:k]]
    assert min(distances) > 10  # a difference of 2.3 is just noticeable


def test_colours_can_be_read_as_text_and_each_has_its_marker() -> None:
    for colour in COLOURS:
        assert (luminance(CARD) + 0.05) / (luminance(colour) + 0.05) > 4.5
    assert len(set(MARKERS)) == len(COLOURS)


def test_large_plots_are_stored_as_pixels() -> None:
    assert show.curves({"loss": np.arange(2000.0)}, alt="Loss").media_type == "image/svg+xml"
    long = show.curves({"loss": np.random.default_rng(0).normal(size=20_000)}, alt="Loss")
    assert long.media_type == "image/png" and len(long.data) < 200_000


def test_a_failing_plot_leaves_the_users_settings_alone() -> None:
    def fail(figure: Figure) -> None:
        raise RuntimeError("halfway")

    before = matplotlib.rcParams["font.size"]
    with pytest.raises(RuntimeError, match="halfway"):
        picture(fail, alt="A plot", width=2, height=2, raster=True)
    assert matplotlib.rcParams["font.size"] == before


def test_whole_numbered_positions_get_whole_numbered_ticks() -> None:
    """Four epochs are labelled 1, 2, 3, 4 and not 1.0, 1.5; positions between whole numbers keep theirs."""
    values = {"loss": [400, 300, 200, 100]}
    whole = show.curves(values, x=[1, 2, 3, 4], alt="falls").data
    parts = show.curves(values, x=[1, 1.5, 2, 2.5], alt="falls").data
    assert b"<!-- 1 -->" in whole and b"<!-- 1.5 -->" not in whole
    assert b"<!-- 1.2 -->" in parts
