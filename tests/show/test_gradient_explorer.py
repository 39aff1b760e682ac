"""The gradient explorer: its error is the package's product of Jacobians, and keys and buttons move it."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor

from coursekit.nn.gradients import jacobian_products, largest_singular_value, rnn_jacobians, spectral_radius
from coursekit.nn.recurrent import RNN
from coursekit.show import GradientExplorer
from coursekit.show import gradient_explorer as python

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, press  # noqa: E402

PRECISE = {"rel": 1e-9, "abs": 1e-300}


def weight(state: dict[str, Any]) -> Tensor:
    return state["radius"] * torch.tensor(state["weights"][state["start"]], dtype=torch.float64)


def package_norms(state: dict[str, Any]) -> list[float]:
    """The error's length after 0 to 50 steps, by the package's layer and its products of Jacobians."""
    U, units = weight(state), len(state["error"])
    x = torch.tensor([state["inputs"]], dtype=torch.float64)  # (1, T, H)
    error = torch.tensor(state["error"], dtype=torch.float64)
    if state["activation"] == "linear":
        products = torch.stack([torch.linalg.matrix_power(U, k) for k in range(x.shape[1] + 1)])
    else:
        layer = RNN(units, units, state["activation"]).double()
        identity, bias = state["drive"] * torch.eye(units).double(), torch.zeros(units)
        layer.load_state_dict({"weight_ih": identity, "weight_hh": U, "bias": bias})
        with torch.no_grad():
            products = jacobian_products(rnn_jacobians(layer(x)[0], U, state["activation"]))[0]
    norms: list[float] = (error @ products).norm(dim=1).tolist()
    return norms


def settings() -> list[dict[str, Any]]:
    corners = product((0.5, 0.9, 1.0, 1.2, 1.5), (0.0, 0.3, 2.0), python.STARTS, python.ACTIVATIONS)
    return [dict(zip(("radius", "drive", "start", "activation"), each, strict=True)) for each in corners]


@pytest.mark.topic("RNN-17", "RNN-18")
def test_the_browsers_error_is_the_packages(in_node: Callable[..., list[Any]]) -> None:
    figures = [GradientExplorer(**setting) for setting in settings()]
    found = in_node(GradientExplorer, "module.measure", [figure.state for figure in figures])
    for figure, got in zip(figures, found, strict=True):
        expected, values = package_norms(figure.state), figure.values()
        assert len(expected) == python.STEPS + 1
        assert got["norms"] == pytest.approx(expected, **PRECISE)
        assert values["norms"] == pytest.approx(expected, **PRECISE)
        sigma = largest_singular_value(weight(figure.state)).item()
        for each in (got, values):
            assert each["sigma"] == pytest.approx(sigma, rel=1e-6)
            assert each["bound"] == pytest.approx(sigma**50, rel=1e-5)
            assert each["power"] == pytest.approx(figure.state["radius"] ** 50, rel=1e-12)
        for k, norm in enumerate(got["norms"]):
            assert norm <= got["sigma"] ** k * (1 + 1e-5), "no error exceeds its bound"


@pytest.mark.topic("RNN-17", "RNN-20")
@pytest.mark.parametrize("radius", [0.5, 0.9, 1.5])
@pytest.mark.parametrize("start", python.STARTS)
def test_the_matrices_have_the_radius_that_the_slider_says(radius: float, start: str) -> None:
    state = GradientExplorer(radius=radius, start=start).state
    U = weight(state)
    assert spectral_radius(U).item() == pytest.approx(radius, rel=1e-4)
    if start == "normal":
        assert largest_singular_value(U) > 1.5 * radius
    else:  # all singular values alike: a multiple of a rotation
        torch.testing.assert_close(U.T @ U, radius**2 * torch.eye(16).double(), atol=1e-4, rtol=0)


@pytest.mark.topic("RNN-17", "RNN-18")
@pytest.mark.parametrize("radius", [0.9, 1.1])
def test_a_linear_rotation_follows_the_powers_and_ignores_its_inputs(radius: float) -> None:
    quiet, loud = (
        GradientExplorer(radius=radius, start="orthogonal", activation="linear", drive=drive).values()
        for drive in (0.0, 2.0)
    )
    assert quiet == loud
    expected = [radius**k for k in range(51)]  # 0.9^50 = 0.00515, 1.1^50 = 117.39
    assert quiet["norms"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.topic("RNN-18")
def test_loud_inputs_make_a_tanh_network_vanish_that_explodes_when_quiet() -> None:
    quiet, loud = (
        GradientExplorer(radius=1.5, start="orthogonal", activation="tanh", drive=drive).values()["norms"][-1]
        for drive in (0.0, 2.0)
    )
    assert quiet > 1e8 and loud < 1e-3


def test_the_picture_begins_where_the_module_does(in_node: Callable[..., list[Any]]) -> None:
    figures = [GradientExplorer(**setting) for setting in settings()]
    everything = """state => { const v = module.measure(state); return [
        module.path(v.norms), module.line(state.radius, 50), module.line(v.sigma, 50),
        ...[v.norms[50], v.power, v.bound].map(module.short)]; }"""
    found = in_node(GradientExplorer, everything, [figure.state for figure in figures])
    for figure, (measured, radius, bound, *texts) in zip(figures, found, strict=True):
        still = figure.still()
        shown = dict(re.findall(r'data-path="(\w+)" d="([^"]*)"', still))
        assert (shown["radius"], shown["bound"]) == (radius, bound)
        ours, theirs = (
            [float(each) for each in re.findall(r"[-\d.]+", path)] for path in (shown["measured"], measured)
        )
        assert ours == pytest.approx(theirs, abs=0.011)  # a last digit may be rounded otherwise
        values = dict(re.findall(r'data-value="(\w+)">([^<]*)<', still))
        assert [values[name] for name in ("left", "power", "bound")] == texts
        assert all(text in figure.alt for text in texts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1.00"),
        (0.25, "0.25"),
        (0.00515, "5.2·10⁻³"),
        (117.39, "1.2·10²"),
        (99.7, "1.0·10²"),
        (12.34, "12.34"),
        (2.5e23, "2.5·10²³"),
        (3.04e-16, "3.0·10⁻¹⁶"),
    ],
)
def test_large_and_small_numbers_are_written_alike(
    in_node: Callable[..., list[Any]], value: float, text: str
) -> None:
    assert python.short(value) == text
    assert in_node(GradientExplorer, "module.short", [value]) == [text]


@pytest.mark.parametrize(("name", "low", "high"), [("radius", 0.5, 1.5), ("drive", 0, 2)])
def test_a_number_beyond_its_slider_is_refused(name: str, low: float, high: float) -> None:
    for value in (low - 0.01, high + 0.01, math.nan):
        with pytest.raises(ValueError, match=f"{name} must lie between {low:g} and {high:g}, got"):
            GradientExplorer(**{name: value})
    GradientExplorer(**{name: low}), GradientExplorer(**{name: high})


@pytest.mark.parametrize("name", ["start", "activation"])
def test_an_unknown_choice_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be one of .*; got 'other'"):
        GradientExplorer(**{name: "other"})


# In the browser -----------------------------------------------------------------------------------------


def expect(page: Page, **changed: Any) -> None:
    """The figure shows what the package computes for these settings."""
    figure = GradientExplorer(**changed)
    norms = package_norms(figure.state)
    said = page.locator("output").text_content() or ""
    assert f"After 50 steps {python.short(norms[-1])} of the error is left" in said
    assert page.locator("[data-value=left]").text_content() == python.short(norms[-1])
    drawn = page.locator("[data-path=measured]").last.get_attribute("d") or ""
    numbers = [float(each) for each in re.findall(r"[-\d.]+", drawn)]
    assert numbers[1::2] == pytest.approx([120 - 10 * math.log10(max(n, 1e-20)) for n in norms], abs=0.011)
    pressed = page.locator("button[aria-pressed=true]").all_text_contents()
    names = {"linear": "linear", "tanh": "tanh", "relu": "ReLU"}
    assert pressed == [figure.state["start"], names[figure.state["activation"]]]


@pytest.fixture
def gradient_page(open_figure: Callable[..., Page]) -> Page:
    return open_figure(GradientExplorer())


@pytest.mark.browser
@pytest.mark.topic("RNN-17", "RNN-18")
def test_keys_and_buttons_choose_the_network(gradient_page: Page) -> None:
    page = gradient_page
    expect(page)
    press(page, "radius", *["ArrowRight"] * 4)
    expect(page, radius=1.1)
    click(page, "orthogonal")
    expect(page, radius=1.1, start="orthogonal")
    click(page, "linear")
    expect(page, radius=1.1, start="orthogonal", activation="linear")
    assert (page.locator("output").text_content() or "").startswith("No activation")
    click(page, "ReLU")
    press(page, "drive", "ArrowRight")
    expect(page, radius=1.1, start="orthogonal", activation="relu", drive=0.6)
    click(page, "identity")
    press(page, "radius", "Home")
    expect(page, radius=0.5, start="identity", activation="relu", drive=0.6)
    click(page, "Reset")
    expect(page)


@pytest.mark.browser
@pytest.mark.topic("RNN-17")
def test_lines_stand_where_the_axis_says(open_figure: Callable[..., Page]) -> None:
    """A power of ten is as far from the next one for the curves as for the labels beside them."""
    page = open_figure(GradientExplorer(radius=0.5, start="orthogonal", activation="linear"))
    ends = """node => {
        const end = node.getPointAtLength(node.getTotalLength()).matrixTransform(node.getScreenCTM());
        return [end.x, end.y]; }"""
    x, y = page.locator("[data-path=measured]").last.evaluate(ends)
    boxes = {
        text: page.locator(".plot text.end", has_text=re.compile(f"^{text}$")).first.bounding_box()
        for text in ("1", "10⁻⁸", "10⁻¹⁶")
    }
    one, middle, low = (box["y"] + box["height"] / 2 for box in boxes.values() if box)
    decade = (low - one) / 16
    assert middle - one == pytest.approx(8 * decade, abs=1)
    assert y - one == pytest.approx(-50 * math.log10(0.5) * decade, abs=1.5)
    fifty = page.locator(".plot text", has_text=re.compile("^50$")).bounding_box()
    assert fifty is not None
    assert x == pytest.approx(fifty["x"] + fifty["width"] / 2, abs=1)
