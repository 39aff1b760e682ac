"""Every page of the built site in headless Chromium, with the network refused: light, dark and on a phone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "book"))
from site_pages import SITE, pages  # noqa: E402

AXE = ROOT / "tools" / "web" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = sorted(
    str(path.relative_to(SITE)) for path in (pages() if SITE.exists() else []) if path.name not in ("genindex.html",)
)
SHOTS = ROOT / "_build" / "screenshots"

pytestmark = pytest.mark.browser


@dataclass
class Visit:
    """An open page, and what it did that it should not have done."""

    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def visit(chromium: Browser) -> Iterator:
    """Open a page of the site from its files; every request that is not for a file is refused and noted."""
    contexts = []

    def open_page(name: str, *, dark: bool = False, width: int = 1280, height: int = 900) -> Visit:
        context = chromium.new_context(
            color_scheme="dark" if dark else "light", viewport={"width": width, "height": height}
        )
        contexts.append(context)
        found = Visit(context.new_page())

        def answer(route: Route) -> None:
            address = route.request.url
            if address.startswith(("file:", "data:", "blob:")):
                route.continue_()
            else:
                found.outside.append(address)
                route.abort()

        def listen(message: ConsoleMessage) -> None:
            if message.type == "error":
                found.errors.append(message.text)

        found.page.route("**/*", answer)
        found.page.on("console", listen)
        found.page.on("pageerror", lambda error: found.errors.append(str(error)))
        found.page.goto((SITE / name).as_uri(), wait_until="load")
        found.page.wait_for_function("!window.MathJax || !MathJax.startup || !MathJax.startup.promise || "
                                     "MathJax.startup.promise.then(() => true)")
        return found

    yield open_page
    for context in contexts:
        context.close()


def test_there_are_pages_to_open() -> None:
    assert "index.html" in NAMES and "book/recurrent/30-lstm.html" in NAMES and "exercises/recurrent.html" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_page_is_quiet_and_its_mathematics_is_set(visit, name: str) -> None:
    found = visit(name)
    assert found.outside == [] and found.errors == []
    raw, broken = found.page.evaluate(
        """() => [
            [...document.querySelectorAll('.math')].filter(e => !e.querySelector('mjx-container')).map(e => e.textContent.slice(0, 60)),
            [...document.querySelectorAll('mjx-merror')].map(e => e.textContent.slice(0, 60)),
        ]"""
    )
    assert raw == [] and broken == []


@pytest.mark.parametrize("name", NAMES)
def test_page_fits_a_phone(visit, name: str) -> None:
    found = visit(name, width=375, height=700)
    wider = found.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0
    assert found.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_page_has_no_serious_accessibility_fault(visit, name: str, dark: bool) -> None:
    found = visit(name, dark=dark)
    found.page.add_script_tag(path=str(AXE))
    faults = found.page.evaluate(
        """async () => {
            const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
            const result = await axe.run(document, { runOnly: { type: 'tag', values: tags } });
            return result.violations.filter(v => ['serious', 'critical'].includes(v.impact))
                .map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 160)]);
        }"""
    )
    assert faults == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_page_can_be_looked_at(visit, name: str, look: str) -> None:
    """Write a screenshot to _build/screenshots when asked to: COURSE_SCREENSHOTS=1 make test."""
    found = visit(name, dark=look == "dark", **({"width": 375, "height": 812} if look == "phone" else {}))
    background = found.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--pst-color-background')")
    assert (background.strip() in {"#14181e", "#121212", "#000"}) == (look == "dark")
    if os.environ.get("COURSE_SCREENSHOTS"):
        target = SHOTS / look / name.replace("/", "-").replace(".html", ".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        found.page.screenshot(path=str(target), full_page=True)
