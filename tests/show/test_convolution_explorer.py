"""The convolution explorer: its outputs, sizes and receptive fields are the package's, in both languages."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page
from sklearn.datasets import load_digits
from torch import Tensor

from coursekit.nn.convolutional import avg_pool2d, conv2d, output_size, receptive_field
from coursekit.show import ConvolutionExplorer
from coursekit.show import convolution_explorer as python

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import click, number, press  # noqa: E402

DIGIT = torch.tensor(python.DIGIT, dtype=torch.float64)
GEOMETRIES = list(product(range(1, 6), range(1, 4), range(3), range(1, 4)))  # k, s, p, d
GEOMETRY = ("kernel_size", "stride", "padding", "dilation")


def geometry(k: int, s: int, p: int, d: int) -> dict[str, Any]:
    return {"kernel_size": k, "stride": s, "padding": p, "dilation": d}


def fits(k: int, s: int, p: int, d: int) -> bool:
    return d * (k - 1) < 8 + 2 * p


def package_output(weights: list[list[float]], s: int, p: int, d: int) -> Tensor:
    kernel = torch.tensor(weights, dtype=torch.float64)
    return conv2d(DIGIT[None, None], kernel[None, None], None, s, p, d)[0, 0]


def test_the_digit_is_the_first_of_the_courses_digits() -> None:
    assert torch.equal(DIGIT, torch.from_numpy(load_digits().images[0]))


@pytest.mark.topic("CNN-01")
def test_outputs_and_sizes_in_the_browser_are_the_packages(in_node: Callable[..., list[Any]]) -> None:
    rows = [ConvolutionExplorer().state | geometry(*g) for g in GEOMETRIES]
    for j, row in enumerate(rows):
        row["kernel"] = python.KERNELS[j % 6]
    function = """state => ({ size: module.outputSize(state), output: module.output(state),
        weights: module.kernelWeights(state.kernel, state.kernel_size) })"""
    for g, row, got in zip(GEOMETRIES, rows, in_node(ConvolutionExplorer, function, rows), strict=True):
        k, s, p, d = g
        assert got["weights"] == python.kernel_weights(row["kernel"], k)
        assert got["output"] == python.output(row), "drawn from the same numbers"
        if not fits(*g):
            assert got["size"] == 0 and got["output"] == []
            with pytest.raises(ValueError, match="does not fit"):
                output_size(8, k, s, p, d)
            continue
        assert got["size"] == output_size(8, k, s, p, d)
        expected = package_output(got["weights"], s, p, d)
        torch.testing.assert_close(
            torch.tensor(got["output"], dtype=torch.float64), expected, rtol=1e-12, atol=1e-12
        )


@pytest.mark.topic("CNN-01")
@pytest.mark.parametrize("k", range(1, 6))
def test_kernels_do_what_their_names_say(k: int) -> None:
    """At every size: on a flat picture, on a ramp, and on the digit."""
    flat = torch.full((1, 1, 8, 8), 3.0, dtype=torch.float64)
    ramp = torch.arange(8.0).double().expand(1, 1, 8, 8)
    weights = {name: python.kernel_weights(name, k) for name in python.KERNELS}
    kernels = {name: torch.tensor([[rows]], dtype=torch.float64) for name, rows in weights.items()}
    for name in ("vertical edge", "horizontal edge", "outline"):
        torch.testing.assert_close(conv2d(flat, kernels[name]), torch.zeros(1, 1, 9 - k, 9 - k).double())
    for name in ("blur", "sharpen", "identity"):
        torch.testing.assert_close(conv2d(flat, kernels[name]), flat[..., k - 1 :, k - 1 :])
    if k > 1:
        assert (conv2d(ramp, kernels["vertical edge"]) > 0).all()
        assert (conv2d(ramp.mT, kernels["horizontal edge"]) > 0).all()
    assert (conv2d(ramp, kernels["horizontal edge"]) == 0).all()
    digit = DIGIT[None, None]
    blurred, centre = avg_pool2d(digit, k, 1), digit[..., k // 2 : k // 2 + 9 - k, k // 2 : k // 2 + 9 - k]
    torch.testing.assert_close(conv2d(digit, kernels["blur"]), blurred)
    torch.testing.assert_close(conv2d(digit, kernels["identity"]), centre)
    torch.testing.assert_close(conv2d(digit, kernels["sharpen"]), 2 * centre - blurred)
    torch.testing.assert_close(conv2d(digit, kernels["outline"]), k * k * (centre - blurred))


def stacks() -> list[dict[str, Any]]:
    return [
        {"kernel_size": k, "stride": s, "dilation": d, "layers": layers, "doubling": doubling}
        for k, s, d, layers, doubling in product((1, 2, 3, 5), (1, 2, 3), (1, 2), (1, 3, 4), (False, True))
    ]


@pytest.mark.topic("CNN-03", "CNN-34")
def test_the_stack_sees_what_the_package_says(in_node: Callable[..., list[Any]]) -> None:
    rows = stacks()
    for row, found in zip(rows, in_node(ConvolutionExplorer, "module.stack", rows), strict=True):
        layers = [(row["kernel_size"], row["stride"], layer["dilation"]) for layer in found]
        assert [d for _, _, d in layers] == [
            row["dilation"] * (2**j if row["doubling"] else 1) for j in range(row["layers"])
        ]
        for depth, layer in enumerate(found, start=1):
            assert (layer["size"], layer["jump"]) == receptive_field(layers[:depth]), row


@pytest.mark.topic("CNN-03", "CNN-34")
def test_the_pixels_that_are_read_are_those_with_a_gradient(in_node: Callable[..., list[Any]]) -> None:
    rows = [row for row in stacks() if row["layers"] == 3 and row["kernel_size"] < 5]
    for row, found in zip(rows, in_node(ConvolutionExplorer, "module.stack", rows), strict=True):
        size = found[-1]["size"]
        x = torch.zeros(1, 1, size, dtype=torch.float64, requires_grad=True)
        y = x
        for layer in found:
            kernel = torch.ones(1, 1, row["kernel_size"], dtype=torch.float64)
            y = torch.nn.functional.conv1d(y, kernel, stride=row["stride"], dilation=layer["dilation"])
        [gradient] = torch.autograd.grad(y.sum(), x)
        assert y.numel() == 1
        read = gradient[0, 0].nonzero()[:, 0] - (size - 1) / 2
        assert read.tolist() == found[0]["places"], row


@pytest.mark.topic("CNN-34")
def test_three_layers_of_3_see_7_pixels_and_15_when_the_dilation_doubles(
    in_node: Callable[..., list[Any]],
) -> None:
    row = {"kernel_size": 3, "stride": 1, "dilation": 1, "layers": 3}
    rows = [row | {"doubling": doubling} for doubling in (False, True)]
    plain, dilated = in_node(ConvolutionExplorer, "module.stack", rows)
    assert (plain[-1]["size"], dilated[-1]["size"]) == (7, 15)
    assert len(plain[0]["places"]) == 7 and len(dilated[0]["places"]) == 15  # none is skipped


def test_the_picture_begins_where_the_module_does(in_node: Callable[..., list[Any]]) -> None:
    figures = [
        ConvolutionExplorer(kernel=python.KERNELS[j % 6], **geometry(*g), row=0, column=0)
        for j, g in enumerate(GEOMETRIES[::4])
    ]
    figures += [ConvolutionExplorer(), ConvolutionExplorer(kernel="sharpen", row=7, column=0)]
    drawn = in_node(ConvolutionExplorer, "module.draw", [figure.state for figure in figures])
    for figure, marks in zip(figures, drawn, strict=True):
        still = figure.still()
        assert all(f'<g class="{name}">{inner}</g>' in still for name, inner in marks.items()), figure


@pytest.mark.topic("CNN-01")
def test_the_picture_without_scripts_says_its_number() -> None:
    alt = ConvolutionExplorer(kernel="blur", kernel_size=2, stride=2, padding=0, row=1, column=1).alt
    assert "4 by 4 outputs" in alt
    assert f"sum of 4 products of a weight and a pixel, {(15 + 2 + 12 + 0) / 4}." in alt
    assert (
        "spans 13 pixels and does not fit"
        in ConvolutionExplorer(kernel_size=5, dilation=3, padding=2, row=0, column=0).alt
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-35, "−35"),
        (0.111, ".11"),
        (-0.04, "−.04"),
        (1.96, "1.96"),
        (-3.08, "−3.1"),
        (15.68, "15.7"),
        (-10.44, "−10"),
        (10.04, "10.0"),
        (-123.4, "−123"),
        (6.9999999999, "7"),
    ],
)
def test_numbers_fit_small_cells(in_node: Callable[..., list[Any]], value: float, text: str) -> None:
    assert python.short(value) == in_node(ConvolutionExplorer, "module.short", [value])[0] == text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kernel": "sobel"}, "kernel must be one of vertical edge, .*; got 'sobel'"),
        ({"kernel_size": 6}, "kernel_size must lie between 1 and 5, got 6"),
        ({"stride": 0}, "stride must lie between 1 and 3, got 0"),
        ({"padding": 0.5}, "padding must be a whole number, got 0.5"),
        ({"row": 8}, "row must lie between 0 and 7, got 8"),
        ({"stride": 3, "row": 0}, "column must lie between 0 and 2, got 4"),
    ],
)
def test_what_has_no_picture_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvolutionExplorer(**given)


# In the browser -----------------------------------------------------------------------------------------


@pytest.fixture
def layer_page(open_figure: Callable[..., Page]) -> Page:
    return open_figure(ConvolutionExplorer())


def place(page: Page) -> tuple[int, int]:
    row, column = (int(page.locator(f"input[name={name}]").input_value()) for name in ("row", "column"))
    return row, column


def expect(page: Page) -> None:
    """The chosen output, its products and the size are the package's for where the sliders stand."""
    k, s, p, d = (int(page.locator(f"input[name={name}]").input_value()) for name in GEOMETRY)
    row, column = place(page)
    kernel = page.locator("[aria-pressed=true]").text_content() or ""
    said = page.locator("output").text_content() or ""
    formula = page.locator(".formula").text_content() or ""
    if not fits(k, s, p, d):
        assert said.endswith(f"spans {d * (k - 1) + 1} pixels and does not fit into {8 + 2 * p}.")
        assert formula.endswith("is negative")
        return
    expected = package_output(python.kernel_weights(kernel, k), s, p, d)
    value = number(re.findall(r", (−?[\d.]+)\.$", said)[0])
    assert value == pytest.approx(expected[row, column].item(), abs=5.001e-3)
    assert f"Output ({row}, {column}) is the sum of {k * k} product" in said
    terms = (page.locator(".sum").get_attribute("aria-label") or "").split(": ")[1].split(", ")
    assert len(terms) == k * k
    assert sum(map(number, terms)) == pytest.approx(value, abs=0.5 * k * k)  # few digits fit a cell
    assert formula.endswith(f"= ⌊(8 + 2·{p} − {d}·({k} − 1) − 1) / {s}⌋ + 1 = {len(expected)}")
    assert page.locator(".map .cell").count() == expected.numel()
    assert page.locator(".field .tap").count() == k * k
    assert float(page.locator("input[name=row]").get_attribute("max") or "") == len(expected) - 1


@pytest.mark.browser
@pytest.mark.topic("CNN-01")
def test_keys_move_the_sliders_and_the_numbers_stay_the_packages(layer_page: Page) -> None:
    page = layer_page
    expect(page)
    press(page, "row", "End")
    press(page, "column", "ArrowLeft", "ArrowLeft")
    assert place(page) == (7, 2)
    expect(page)
    press(page, "stride", "ArrowRight")  # 4 x 4 outputs: row 7 is no more
    assert place(page) == (3, 2)
    for name, key in (("kernel_size", "ArrowRight"), ("padding", "End"), ("dilation", "ArrowRight")):
        press(page, name, key)
        expect(page)
    for kernel in python.KERNELS:
        click(page, kernel)
        assert page.locator("[aria-pressed=true]").text_content() == kernel
        expect(page)
    press(page, "kernel_size", "End")
    press(page, "dilation", "End")
    expect(page)  # does not fit
    assert page.locator(".map .cell").count() == page.locator(".sum rect").count() == 0
    press(page, "dilation", "Home")
    expect(page)


@pytest.mark.browser
@pytest.mark.topic("CNN-01")
def test_the_map_takes_arrow_keys_and_the_pointer(layer_page: Page) -> None:
    page = layer_page
    page.get_by_role("application").focus()
    for key, at in (
        ("ArrowUp", (2, 4)),
        ("ArrowRight", (2, 5)),
        ("ArrowDown", (3, 5)),
        ("ArrowLeft", (3, 4)),
    ):
        page.keyboard.press(key)
        assert place(page) == at
        expect(page)
    for _ in range(9):
        page.keyboard.press("ArrowDown")
    assert place(page) == (7, 4), "the border stops it"
    name = page.get_by_role("application").get_attribute("aria-label") or ""
    assert name.startswith("Output map, 8 by 8. Row 7, column 4 is ")
    assert page.locator(":focus").get_attribute("class") == "map"

    cells = page.locator(".map .cell")  # row after row
    cells.nth(8 * 1 + 6).click(force=True)
    assert place(page) == (1, 6)
    page.mouse.down()
    box = cells.nth(8 * 5 + 2).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert place(page) == (5, 2)
    page.mouse.up()
    page.locator(".field .cell").nth(10 * 4 + 7).click(force=True)  # of 10 x 10, padding included
    assert place(page) == (3, 6), "the kernel has its middle there"
    expect(page)


@pytest.mark.browser
@pytest.mark.topic("CNN-03", "CNN-34")
def test_the_fan_tells_the_receptive_field(layer_page: Page) -> None:
    page = layer_page
    sees = page.locator(".fan .end")
    assert sees.all_text_contents() == ["sees 3", "sees 5", "sees 7"]
    page.get_by_role("checkbox").check()
    assert sees.all_text_contents() == ["sees 3", "sees 7", "sees 15"]
    press(page, "layers", "ArrowRight")
    press(page, "stride", "ArrowRight")
    size, jump = receptive_field((3, 2, 2**j) for j in range(4))
    formula = page.locator(".field-formula").text_content() or ""
    assert f"= {size} pixels" in formula and f"j = {jump} pixels apart" in formula
    terms = re.findall(r"(\d+)·(\d+)·(\d+)", formula)
    assert 1 + sum(int(a) * int(b) * int(c) for a, b, c in terms) == size
    press(page, "kernel_size", "End")
    press(page, "layers", "End")
    for name in ("stride", "dilation"):
        press(page, name, "End")
    assert f"= {receptive_field((5, 3, 3 * 2**j) for j in range(5)).size} pixels" in (
        page.locator(".field-formula").text_content() or ""
    )


@pytest.mark.browser
def test_play_walks_through_the_map_until_it_is_stopped(open_figure: Callable[..., Page]) -> None:
    page = open_figure(ConvolutionExplorer(row=2, column=6))
    click(page, "Play")
    assert place(page) == (2, 7)
    page.wait_for_function("document.querySelector('input[name=row]').value === '3'")
    assert place(page)[1] <= 2
    click(page, "Stop")
    stopped = place(page)
    page.wait_for_timeout(500)
    assert place(page) == stopped
    click(page, "Play")
    click(page, "Reset")
    page.wait_for_timeout(500)
    assert place(page) == (2, 6)
