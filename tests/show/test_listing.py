"""Listings show the package's own lines, under their name, in the page's colours."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coursekit.nn.recurrent import LSTM, lstm_step
from coursekit.show import browser, source
from coursekit.show.browser import BrowserFigure


def text_of(page: str) -> str:
    """What a reader sees of a listing's code."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.search(r"<pre>(.*)</pre>", page, re.S)[1]))  # type: ignore[index]


@pytest.mark.parametrize("obj", [lstm_step, LSTM, BrowserFigure, browser])
def test_listing_is_the_source_under_its_name(obj: Any) -> None:
    listing = source(obj)
    code = inspect.getsource(obj)
    assert listing.code == code
    assert text_of(listing._repr_html_()) == code
    expected = obj.__name__ if inspect.ismodule(obj) else f"{obj.__module__}.{obj.__name__}"
    assert f"<figcaption>{expected}</figcaption>" in listing._repr_html_()
    assert repr(listing) == f"# {expected}\n{code}"


def test_methods_start_at_the_margin() -> None:
    listing = source(BrowserFigure.to_html)
    assert listing.name == "coursekit.show.browser.BrowserFigure.to_html"
    assert listing.code.startswith("def to_html(self)")


def test_no_path_of_this_machine_appears() -> None:
    page = source(BrowserFigure)._repr_html_()
    assert str(Path(browser.__file__).parents[2]) not in page
    assert str(Path.home()) not in page.replace("/>", "")


@pytest.mark.parametrize("obj", [3, "text", len, [].append])
def test_what_has_no_source_is_refused(obj: object) -> None:
    with pytest.raises(TypeError, match="source shows functions, classes and modules written in Python, got"):
        source(obj)


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_read_in_both_themes(
    write_page: Callable[..., str], visit: Callable[..., Any], theme: str
) -> None:
    page = visit(write_page(source(BrowserFigure)._repr_html_(), theme=theme)).page
    colours = page.eval_on_selector_all(
        ".ck-source pre, .ck-source pre span, .ck-source figcaption",
        "nodes => nodes.filter(n => n.textContent.trim()).map(n => getComputedStyle(n).color)",
    )
    paper = page.locator(".ck-source").evaluate("node => getComputedStyle(node).backgroundColor")
    assert len(set(colours)) >= 5, "keywords, names, strings, comments and the rest"
    for colour in set(colours):
        assert contrast(colour, paper) > 4.5, colour


@pytest.mark.browser
def test_a_themes_own_colours_win(write_page: Callable[..., str], visit: Callable[..., Any]) -> None:
    theme = "<style>.highlight .k { color: rgb(1, 2, 3) }</style>"
    page = visit(write_page(theme, source(lstm_step)._repr_html_())).page
    assert page.locator(".k").first.evaluate("node => getComputedStyle(node).color") == "rgb(1, 2, 3)"


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours in CSS's rgb(...) form, by WCAG 2."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
