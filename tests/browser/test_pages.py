"""Every page of the built site in headless Chromium, with the network refused: light, dark and on a phone."""

from __future__ import annotations

import functools
import http.server
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page

from coursekit.nn.convolutional import output_size
from coursekit.nn.convolutional_googlenet import Inception, Widths
from coursekit.nn.recurrent import LSTMGates, lstm_update

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "book")]
from conftest import Visit  # noqa: E402
from site_pages import SITE, pages  # noqa: E402

AXE = ROOT / "tools" / "web" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = sorted({str(path.relative_to(SITE)) for path in pages()} - {"index.html"})  # that one only leads on
SHOTS = ROOT / "_build" / "screenshots"

pytestmark = pytest.mark.browser


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The site on a port of this machine: a browser loads fonts from a server, but not from a folder."""
    handler = functools.partial(QuietHandler, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def site_page(visit: Callable[..., Visit], address: str) -> Callable[..., Page]:
    """Open a page of the site and wait until its mathematics is set; `visit` refuses the network."""

    def open_page(name: str, *, dark: bool = False, width: int = 1200) -> Page:
        page = visit(f"{address}/{name}", dark=dark, width=width).page
        page.wait_for_load_state("load")
        page.evaluate("() => window.MathJax?.startup?.promise")
        return page

    return open_page


def test_there_are_pages_to_open() -> None:
    assert {"book/index.html", "book/recurrent/30-lstm.html", "exercises/recurrent.html"} <= set(NAMES)


def test_the_first_page_leads_to_the_book(visit: Callable[..., Visit], address: str) -> None:
    page = visit(f"{address}/index.html").page
    page.wait_for_url(f"{address}/book/index.html")


def faults(page: Page, *rules: str) -> list[list[object]]:
    """What axe finds that keeps somebody from reading the page, by these rules or by all of them."""
    page.add_script_tag(path=str(AXE))
    return page.evaluate(
        """async rules => {
            const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
            const runOnly = rules.length ? { type: 'rule', values: rules } : { type: 'tag', values: tags };
            const result = await axe.run(document, { runOnly });
            return result.violations.filter(v => ['serious', 'critical'].includes(v.impact))
                .map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 160)]);
        }""",
        rules,
    )


def keep(page: Page, look: str, name: str) -> None:
    """A screenshot for whoever wants to look: COURSE_SCREENSHOTS=1 make test, then _build/screenshots."""
    if os.environ.get("COURSE_SCREENSHOTS"):
        target = SHOTS / look / name.replace("/", "-").replace(".html", ".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(target), full_page=True)


@pytest.mark.parametrize("name", NAMES)
def test_page_in_light_sets_its_mathematics_and_is_accessible(site_page, name: str) -> None:
    page = site_page(name)
    raw, broken = page.evaluate(
        """() => {
            const texts = list => [...list].map(e => e.textContent.slice(0, 60));
            const formulas = [...document.querySelectorAll('.math')];
            const unset = formulas.filter(formula => !formula.querySelector('mjx-container'));
            return [texts(unset), texts(document.querySelectorAll('mjx-merror'))];
        }"""
    )
    assert raw == [] and broken == []
    keep(page, "light", name)
    assert faults(page) == []


@pytest.mark.parametrize("name", NAMES)
def test_page_in_dark_is_dark_and_accessible(site_page, name: str) -> None:
    page = site_page(name, dark=True)
    shade = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert max(shade) < 40
    keep(page, "dark", name)
    assert faults(page, "color-contrast") == []  # all else is as in the light


@pytest.mark.parametrize("name", NAMES)
def test_page_fits_a_phone(site_page, name: str) -> None:
    page = site_page(name, width=375)
    keep(page, "phone", name)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


@pytest.mark.topic("RNN-31", "RNN-36")
def test_the_gate_explorer_on_its_page_follows_the_keyboard_and_the_equations(site_page) -> None:
    page = site_page("book/recurrent/30-lstm.html")
    figure = page.locator(".ck-figure")
    moves = {"forget": "ArrowRight", "input": "ArrowRight", "candidate": "ArrowLeft", "output": "ArrowRight"}
    for name, key in moves.items():
        figure.locator(f"input[name={name}]").focus()
        for _ in range(6):
            page.keyboard.press(key)
    a = {name: float(figure.locator(f"input[name={name}]").input_value()) for name in (*moves, "memory")}
    assert a["forget"] > 1 and a["candidate"] < 1  # where they started
    f, i, o = (torch.sigmoid(torch.tensor([[a[name]]])) for name in ("forget", "input", "output"))
    gates = LSTMGates(i, f, torch.tensor([[a["candidate"]]]).tanh(), o)
    state = lstm_update(gates, torch.tensor([[a["memory"]]]))
    said = figure.locator("output").text_content() or ""
    assert f"c = {state.c.item():.3f}" in said and f"h = {state.h.item():.3f}" in said


def pressed(page: Page, *moves: tuple[str, str]) -> str:
    """What a figure says after keys on its sliders, and that it said something else before."""
    figure = page.locator(".ck-figure")
    before = figure.locator("output").text_content()
    for name, key in moves:
        figure.locator(f"input[name={name}]").focus()
        page.keyboard.press(key)
    said = figure.locator("output").text_content() or ""
    assert said != before
    return said


def number_at(page: Page, name: str) -> int:
    return int(page.locator(f".ck-figure input[name={name}]").input_value())


@pytest.mark.topic("LOSS-02", "LOSS-03", "LOSS-04")
def test_the_loss_explorer_on_its_page_moves_the_mean_and_not_the_median(site_page) -> None:
    page = site_page("book/losses/10-losses.html")
    near = pressed(page, ("outlier", "Home"), ("outlier", "PageUp"))
    far = pressed(page, ("outlier", "End"))
    fits = [
        {name: float(x) for name, x in re.findall(r"(mean|median) ([\d.]+)", said)} for said in (near, far)
    ]
    moved = {name: fits[1][name] - fits[0][name] for name in ("mean", "median")}
    assert moved["mean"] > 0.5 > moved["median"]


@pytest.mark.topic("CNN-01")
def test_the_convolution_explorer_on_its_page_has_outputs_as_the_formula_says(site_page) -> None:
    page = site_page("book/convolutional/10-convolution.html")
    pressed(page, ("stride", "ArrowRight"), ("padding", "ArrowRight"), ("dilation", "ArrowRight"))
    k, s, p, d = (number_at(page, name) for name in ("kernel_size", "stride", "padding", "dilation"))
    assert s > 1 and d > 1
    last = page.locator(".ck-figure input[name=row]").get_attribute("max")
    assert int(last or -1) == output_size(8, k, s, p, d) - 1


@pytest.mark.topic("CNN-13")
def test_the_inception_explorer_on_its_page_counts_as_the_package_does(site_page) -> None:
    page = site_page("book/convolutional/11-googlenet.html")
    said = pressed(page, ("c5", "ArrowRight"), ("r3", "ArrowLeft"))
    c1, r3, c3, r5, c5, pool = (number_at(page, name) for name in ("c1", "r3", "c3", "r5", "c5", "pool"))
    module = Inception(number_at(page, "in_channels"), Widths(c1, r3, c3, r5, c5, pool))
    assert said.startswith(f"{sum(p.numel() for p in module.parameters()):,} parameters")
