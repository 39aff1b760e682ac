"""What every explorer promises: alone on any page, by keyboard, at any width and light, and as a picture."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from coursekit.show import (
    BrowserFigure,
    CellsExplorer,
    ConvolutionExplorer,
    GateExplorer,
    GradientExplorer,
    GRUExplorer,
    InceptionExplorer,
    LossExplorer,
    MergeExplorer,
    UnrollExplorer,
)
from coursekit.show.explorer import number

sys.path.insert(0, str(Path(__file__).parent))
from figure_page import press  # noqa: E402

AXE = Path(__file__).resolve().parents[2] / "tools" / "web" / "node_modules" / "axe-core" / "axe.min.js"
FIGURES = (
    GateExplorer,
    LossExplorer,
    ConvolutionExplorer,
    InceptionExplorer,
    UnrollExplorer,
    GradientExplorer,
    MergeExplorer,
    GRUExplorer,
    CellsExplorer,
)
SLIDERS = {
    GateExplorer: (
        "forget gate a f",
        "input gate a i",
        "candidate a g",
        "output gate a o",
        "old memory c t−1",
    ),
    LossExplorer: ("outlier y 7", "Huber’s δ", "outlier, to drag"),
    ConvolutionExplorer: (
        "kernel size k",
        "stride s",
        "padding p",
        "dilation d",
        "row h",
        "column w",
        "layers",
    ),
    InceptionExplorer: (
        "channels in",
        "height, width",
        "reduce 3×3",
        "3×3",
        "reduce 5×5",
        "5×5",
        "1×1",
        "after pool",
    ),
    UnrollExplorer: ("x 1", "x 2", "x 3", "x 4"),
    GradientExplorer: ("spectral radius ρ", "size of the inputs s"),
    MergeExplorer: ("position t", "change a word"),
    GRUExplorer: (
        "reset gate a r",
        "update gate a z",
        "input a n",
        "weight u",
        "bias b′",
        "old state h t−1",
    ),
    CellsExplorer: ("bias of the gates that keep", "plain RNN’s own weight u"),
}

every_figure = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)


@every_figure
def test_a_page_needs_nothing_from_elsewhere(figure: type[BrowserFigure]) -> None:
    page = figure().to_html()
    assert set(re.findall(r"https?://[^\s\"'\\<>]+", page)) == {"http://www.w3.org/2000/svg"}  # never fetched
    assert not re.search(r"\b(src|href|url\()\s*=?", page)
    assert page.count("<script") == page.count("</script") == 1
    assert not re.search(r"^import", figure.module(), re.MULTILINE), "a page has no neighbours to import from"
    assert figure().to_html() == page


@every_figure
def test_the_picture_says_what_it_shows(figure: type[BrowserFigure]) -> None:
    picture = figure().still()
    assert picture.startswith("<svg ") and picture.count('role="img"') == 1
    assert f'aria-label="{escape(figure().alt)}"' in picture
    assert len(figure().alt) > 100
    assert "$" not in picture and "NaN" not in picture and "None" not in picture
    assert not re.search(r"\bid=", picture), "two figures on a page would share it"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.125, 2, "0.13"),
        (-0.125, 2, "−0.13"),
        (2.5, 0, "3"),
        (-0.0004, 3, "0.000"),
        (1.005, 2, "1.00"),
        (1e6, 1, "1000000.0"),
    ],
)
def test_numbers_are_written_alike_in_python_and_the_browser(
    in_node: Callable[..., list[Any]], value: float, digits: int, text: str
) -> None:
    assert number(value, digits) == text
    assert in_node(GateExplorer, "([value, digits]) => module.number(value, digits)", [[value, digits]]) == [
        text
    ]


@pytest.mark.browser
@every_figure
def test_every_control_has_a_name_and_a_visible_focus(
    open_figure: Callable[..., Page], figure: type[BrowserFigure]
) -> None:
    page = open_figure(figure())
    for name in SLIDERS[figure]:
        pattern = re.compile("^" + r"\s*".join(re.escape(word) for word in name.split()))
        assert page.get_by_role("slider", name=pattern).count() == 1, name
    assert page.get_by_role("slider").count() == len(SLIDERS[figure])
    for node in page.locator("input, button").all():
        node.focus()
        page.keyboard.press("Shift")  # the browser shows focus to those who use the keyboard
        assert node.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    assert page.locator("output").get_attribute("aria-live") == "polite"


@pytest.mark.browser
@every_figure
def test_every_slider_moves_by_keys_and_reset_returns(
    open_figure: Callable[..., Page], figure: type[BrowserFigure]
) -> None:
    page = open_figure(figure())
    shown = "() => [...document.querySelectorAll('.number')].map(node => node.textContent)"
    begin, picture = page.evaluate(shown), page.locator(".live svg").first.inner_html()
    for node in page.locator("input[type=range]").all():
        before = node.input_value()
        node.focus()
        page.keyboard.press("ArrowLeft" if before == node.get_attribute("max") else "ArrowRight")
        assert node.input_value() != before
        assert node.get_attribute("aria-valuetext") in page.evaluate(shown)
    assert page.evaluate(shown) != begin
    page.get_by_role("button", name="Reset", exact=True).click()
    assert page.evaluate(shown) == begin
    assert page.locator(".live svg").first.inner_html() == picture
    assert (page.locator("output").text_content() or "").startswith("Back at the start.")


@pytest.mark.browser
@every_figure
def test_nothing_is_wider_than_the_screen(
    open_figure: Callable[..., Page], figure: type[BrowserFigure]
) -> None:
    page = open_figure(figure())
    for key in ("Home", "End"):
        for node in page.locator("input[type=range]").all():
            node.focus()
            page.keyboard.press(key)
        for width in (360, 390, 700, 1200):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@every_figure
def test_nothing_keeps_anybody_out(open_figure: Callable[..., Page], figure: type[BrowserFigure]) -> None:
    page = open_figure(figure())
    page.add_script_tag(path=str(AXE))
    for light in ("light", "dark"):
        page.emulate_media(color_scheme=light)
        faults = page.evaluate(
            """async () => (await axe.run(".ck-figure")).violations
                .map(fault => [fault.id, fault.nodes[0].html.slice(0, 160)])"""
        )
        assert faults == []


@pytest.mark.browser
@every_figure
def test_without_scripts_the_picture_stands(
    write_page: Callable[..., str], visit: Callable[..., Any], figure: type[BrowserFigure]
) -> None:
    page = visit(write_page(figure().to_html()), javascript=False, width=390).page
    assert page.get_by_role("img", name=figure().alt).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


LIVE = """
    async ([source, still, state]) => {
        const address = "data:text/javascript;charset=utf-8," + encodeURIComponent(source);
        const { default: figure } = await import(address);
        const handlers = new Set(), saved = [];
        const model = {
            get: name => ({ ...state, still })[name],
            set: (name, value) => { state[name] = value; handlers.forEach(handle => handle()); },
            save_changes: () => saved.push({ ...state }),
            on: (event, handle) => handlers.add(handle),
            off: (event, handle) => handlers.delete(handle),
        };
        const stop = figure.render({ model, el: document.body });
        Object.assign(window, { model, saved, stop, handlers });
    }"""


@pytest.mark.browser
@pytest.mark.parametrize(
    ("figure", "name", "value", "other"),
    [
        (GateExplorer, "forget", -1.0, "output"),
        (LossExplorer, "outlier", 3.0, "delta"),
        (ConvolutionExplorer, "column", 6, "layers"),
        (InceptionExplorer, "r3", 8, "c5"),
        (GradientExplorer, "radius", 1.2, "drive"),
        (MergeExplorer, "position", 2, "changed"),
        (GRUExplorer, "reset", -1.0, "update"),
        (CellsExplorer, "keep", 1.0, "recurrent"),
    ],
)
def test_in_a_notebook_python_and_the_browser_move_each_other(
    write_page: Callable[..., str],
    visit: Callable[..., Any],
    figure: type[BrowserFigure],
    name: str,
    value: float,
    other: str,
) -> None:
    made = figure()
    page: Page = visit(write_page()).page
    page.evaluate(LIVE, [made.module(), made.still(), made.state])
    before = page.locator("output").text_content()
    page.evaluate("([name, value]) => model.set(name, value)", [name, value])  # Python's side of the widget
    assert float(page.locator(f"input[name={name}]").input_value()) == value
    assert page.locator("output").text_content() != before
    press(page, other, "End")
    saved = page.evaluate("saved.at(-1)")
    assert saved[other] == float(page.locator(f"input[name={other}]").get_attribute("max") or "nan")
    assert saved[name] == value and set(saved) == set(made.state)
    page.evaluate("stop()")
    assert page.evaluate("handlers.size") == 0, "a closed view must not listen on"


@every_figure
def test_the_widget_takes_the_browsers_state(
    figure: type[BrowserFigure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSEKIT_STATIC", raising=False)
    made = figure()
    name = next(name for name, value in made.state.items() if isinstance(value, int | float))
    made.widget().set_state({name: made.state[name] + 1})
    assert made.state[name] == figure().state[name] + 1
    assert made.to_html() == figure(**{name: made.state[name]}).to_html() or figure is GateExplorer
