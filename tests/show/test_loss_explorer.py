"""The loss explorer: its losses and best constants are the package's, and the outlier can be dragged."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor

from coursekit.nn.losses import huber, mae, mse
from coursekit.show import LossExplorer
from coursekit.show import loss_explorer as python

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, number, press  # noqa: E402

NAMES = ("mse", "mae", "huber")


def losses(targets: Tensor, constant: Tensor, delta: float) -> dict[str, Tensor]:
    """The package's loss of each target for one constant."""
    prediction = constant.expand_as(targets)
    return {
        "mse": mse(prediction, targets, "none"),
        "mae": mae(prediction, targets, "none"),
        "huber": huber(prediction, targets, delta, "none"),
    }


def samples() -> list[dict[str, Any]]:
    """Targets, odd and even in number, with an outlier on either side and deltas from tiny to huge."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for n in (1, 2, 5, 6, 9):
        for delta in (0.05, 0.7, 2.0, 30.0):
            targets = (3 * torch.randn(n, generator=generator, dtype=torch.float64)).tolist()
            rows += [
                {"targets": targets, "outlier": outlier, "delta": delta} for outlier in (-8.0, 0.4, 12.0)
            ]
    return rows


@pytest.mark.topic("LOSS-02", "LOSS-03", "LOSS-04")
def test_losses_and_slopes_in_the_browser_are_the_packages(in_node: Callable[..., list[Any]]) -> None:
    function = """([r, delta]) => ["loss", "slope"].map(kind =>
        ["mse", "mae", "huber"].map(name => module[kind][name](r, delta)))"""
    rows = [[r, delta] for r in (-40.0, -2.0, -0.3, 0.0, 0.5, 1.0, 7.25) for delta in (0.1, 1.0, 2.0, 6.0)]
    for (r, delta), (values, slopes) in zip(rows, in_node(LossExplorer, function, rows), strict=True):
        error = torch.tensor([r], dtype=torch.float64, requires_grad=True)
        found = losses(error, torch.zeros(1, dtype=torch.float64), delta)  # r = y - 0
        for name, value, slope in zip(NAMES, values, slopes, strict=True):
            assert value == pytest.approx(found[name].item(), rel=1e-12), (name, r, delta)
            [expected] = torch.autograd.grad(found[name].sum(), error)
            assert slope == pytest.approx(expected.item(), rel=1e-12), (name, r, delta)


@pytest.mark.topic("LOSS-02", "LOSS-03", "LOSS-04")
def test_the_browsers_constants_fit_best_by_the_packages_losses(in_node: Callable[..., list[Any]]) -> None:
    rows = samples()
    for row, got in zip(rows, in_node(LossExplorer, "module.explain", rows), strict=True):
        for targets, key in ((row["targets"], "without"), ([*row["targets"], row["outlier"]], "fit")):
            y = torch.tensor(targets, dtype=torch.float64)
            assert got["mse"][key] == pytest.approx(y.mean().item(), rel=1e-12)
            assert got["mae"][key] == pytest.approx(y.quantile(0.5).item(), rel=1e-12, abs=1e-12)
            around = torch.linspace(y.min() - 1, y.max() + 1, 801, dtype=torch.float64)[:, None]
            for name in NAMES:
                constant = torch.tensor([got[name][key]], dtype=torch.float64, requires_grad=True)
                total = losses(y, constant, row["delta"])[name].sum()
                others = losses(y.expand(801, -1), around, row["delta"])[name].sum(1)
                assert total <= others.min() + 1e-9, (name, row)
                if name != "mae":  # which has a kink there
                    [gradient] = torch.autograd.grad(total, constant)
                    assert gradient.item() == pytest.approx(0, abs=1e-9), (name, row)
        error = got["huber"]["error"]
        assert error == row["outlier"] - got["huber"]["fit"]


@pytest.mark.topic("LOSS-04")
def test_huber_lies_between_median_and_mean_and_reaches_both(in_node: Callable[..., list[Any]]) -> None:
    targets, outlier = list(python.TARGETS), 8.0
    rows = [{"targets": targets, "outlier": outlier, "delta": delta} for delta in (1e-6, 0.5, 2.0, 8.0)]
    found = in_node(LossExplorer, "module.explain", rows)
    assert found[0]["huber"]["fit"] == pytest.approx(found[0]["mae"]["fit"], abs=1e-5)
    assert found[-1]["huber"]["fit"] == pytest.approx(found[-1]["mse"]["fit"], abs=1e-12)
    fits = [each["huber"]["fit"] for each in found]
    assert fits == sorted(fits) and fits[0] < fits[-1]


def test_the_picture_begins_where_the_module_does(in_node: Callable[..., list[Any]]) -> None:
    for delta, outlier in ((2.0, 6.5), (0.1, 0.0), (6.0, 8.0), (1.3, 1.6)):
        figure = LossExplorer(delta=delta, outlier=outlier)
        [found] = in_node(LossExplorer, "module.explain", [figure.state])
        values = figure.values()
        for name in NAMES:
            assert values[name] == pytest.approx(found[name]["fit"], abs=1e-12)
            for kind in ("error", "loss", "slope"):
                assert values[f"{name}-{kind}"] == pytest.approx(found[name][kind], abs=1e-12)
                assert f"--{name}-{kind}:{found[name][kind]:.6f}" in figure.still()
        assert python.curves(delta) == in_node(LossExplorer, "module.curves", [delta])[0]


@pytest.mark.topic("LOSS-04")
@pytest.mark.parametrize("delta", [0.1, 1.0, 2.0, 6.0])
def test_the_drawn_curve_is_hubers_loss(delta: float) -> None:
    path = python.curves(delta)["loss"].replace("M", " ").replace("L", " ").replace("Q", " ")
    x = torch.tensor([float(text) for text in path.split()], dtype=torch.float64).view(5, 2)
    start, left, control, right, end = x
    for t in torch.linspace(0, 1, 11, dtype=torch.float64):
        points = (
            (1 - t) * start + t * left,
            (1 - t) ** 2 * left + 2 * t * (1 - t) * control + t**2 * right,  # the curve that Q draws
            (1 - t) * right + t * end,
        )
        for r, value in points:
            assert value.item() == pytest.approx(
                huber(r[None], torch.zeros(1).double(), delta).item(), abs=2e-3
            )


@pytest.mark.parametrize(("name", "low", "high"), [("delta", 0.1, 6), ("outlier", 0, 8)])
def test_a_number_beyond_its_slider_is_refused(name: str, low: float, high: float) -> None:
    for value in (low - 0.01, high + 0.01, math.nan):
        with pytest.raises(ValueError, match=f"{name} must lie between {low} and {high}, got"):
            LossExplorer(**{name: value})
    LossExplorer(**{name: low}), LossExplorer(**{name: high})


# In the browser -----------------------------------------------------------------------------------------


def shown(page: Page) -> dict[str, list[float]]:
    """The table: for each loss its best constant, how far the outlier moved it, and its pull."""
    rows = """rows => Object.fromEntries(rows.map(row =>
        [row.className, [...row.cells].slice(1).map(cell => cell.textContent)]))"""
    texts: dict[str, list[str]] = page.eval_on_selector_all("tbody tr", rows)
    return {name: [number(text) for text in cells] for name, cells in texts.items()}


def expect(page: Page, outlier: float, delta: float) -> None:
    """The figure shows what the package computes for this outlier and this delta."""
    assert float(page.locator("input[name=outlier]").input_value()) == outlier
    assert page.locator(".handle").get_attribute("aria-valuenow") == f"{outlier:g}"
    y, rest = torch.tensor([*python.TARGETS, outlier]).double(), torch.tensor(python.TARGETS).double()
    fits = {"mse": (y.mean(), rest.mean()), "mae": (y.median(), rest.quantile(0.5))}
    table = shown(page)
    for name, (fit, without) in fits.items():
        assert table[name][:2] == pytest.approx([fit.item(), (fit - without).item()], abs=5.001e-3)
    grid = torch.linspace(0, 8, 8001, dtype=torch.float64)[:, None]
    best = huber(grid.expand(-1, 7), y.expand(8001, -1), delta, "none").sum(1).argmin()
    assert table["huber"][0] == pytest.approx(grid[best].item(), abs=7e-3)
    for name in NAMES:
        error = torch.tensor([outlier - table[name][0]], dtype=torch.float64, requires_grad=True)
        [pull] = torch.autograd.grad(losses(error, torch.zeros(1).double(), delta)[name].sum(), error)
        assert table[name][2] == pytest.approx(pull.item(), abs=2e-2)
        place = page.locator(".plot").evaluate(
            "(plot, name) => plot.style.getPropertyValue(name)", f"--{name}"
        )
        assert float(place) == pytest.approx(table[name][0], abs=5.001e-3)
        assert number(page.locator(f"[data-value={name}]").text_content() or "") == table[name][0]


@pytest.fixture
def loss_page(open_figure: Callable[..., Page]) -> Page:
    return open_figure(LossExplorer())


@pytest.mark.browser
@pytest.mark.topic("LOSS-02", "LOSS-03", "LOSS-04")
def test_keys_move_the_outlier_and_delta(loss_page: Page) -> None:
    page = loss_page
    expect(page, 6.5, 2.0)
    press(page, "outlier", *["ArrowRight"] * 3)
    expect(page, 6.8, 2.0)
    press(page, "delta", *["ArrowLeft"] * 12)
    expect(page, 6.8, 0.8)
    click(page, "Large δ")
    assert shown(page)["huber"][0] == shown(page)["mse"][0]
    click(page, "No outlier")
    assert page.locator("output").text_content() == (
        "All seven agree, and so do the three constants. Best constants: mean 1.46, median 1.50, Huber 1.46."
    )
    click(page, "Small δ")
    expect(page, 1.5, 0.1)


@pytest.mark.browser
@pytest.mark.topic("LOSS-03")
def test_the_outlier_itself_takes_keys_and_the_pointer(loss_page: Page) -> None:
    page = loss_page
    handle = page.get_by_role("slider", name="outlier, to drag")
    handle.focus()
    for key, outlier in {
        "ArrowDown": 6.4,
        "PageUp": 7.4,
        "ArrowUp": 7.5,
        "Home": 0,
        "End": 8,
        "PageDown": 7,
    }.items():
        page.keyboard.press(key)
        expect(page, outlier, 2.0)
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("name") == "outlier"

    lines = page.locator(".plot > .rule").first.bounding_box()  # from 8 at its top to 0 at its bottom
    knob = page.locator(".outlier").bounding_box()
    assert lines is not None and knob is not None
    x, unit = knob["x"] + knob["width"] / 2, lines["height"] / 8
    page.mouse.move(x, lines["y"] + unit)
    page.mouse.down()
    page.mouse.move(x - 60, lines["y"] + 4.5 * unit)
    expect(page, 3.5, 2.0)
    page.mouse.move(x, lines["y"] - 300)
    expect(page, 8, 2.0)
    page.mouse.move(x, lines["y"] + 2 * unit)
    page.mouse.up()
    page.mouse.move(x, lines["y"] + 5 * unit)  # let go
    expect(page, 6, 2.0)
    assert page.locator(":focus").get_attribute("class") == "handle"


AT = """(node, point) => {
    const at = new DOMPoint(...point).matrixTransform(node.getScreenCTM());
    return [at.x, at.y];
}"""


@pytest.mark.browser
def test_everything_stands_on_the_screen_where_its_numbers_say(loss_page: Page) -> None:
    """A dot on its curve at the outlier's error, a line at its constant, the outlier at its height."""
    page = loss_page
    values = LossExplorer().values()
    plots = {kind: page.locator(f".data:has(.dot.{kind})") for kind in ("loss", "slope")}
    targets = page.locator(".data:has(.handle)")
    for name in NAMES:
        for kind, plot in plots.items():
            expected = plot.evaluate(AT, [values[f"{name}-error"], values[f"{name}-{kind}"]])
            assert page.locator(f".dot.{kind}.{name}").evaluate(AT, [0, 0]) == pytest.approx(
                expected, abs=0.1
            )
        line = page.locator(f".data .fit.{name}").evaluate(AT, [3, 0])
        assert line == pytest.approx(targets.evaluate(AT, [3, values[name]]), abs=0.1)
    knob = page.locator(".outlier").evaluate(AT, [6, 0])
    assert knob == pytest.approx(targets.evaluate(AT, [6, values["outlier"]]), abs=0.1)
    band = page.locator(".near").first.evaluate(AT, [1, 0])
    assert band == pytest.approx(plots["loss"].evaluate(AT, [values["delta"], 0]), abs=0.1)
