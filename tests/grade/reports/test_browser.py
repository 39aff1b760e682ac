"""The pages in a browser: accessible, light and dark, on a phone, on paper, without scripts."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coursekit.grade import reports

from .classes import CLASS, RUN, hostile_class, row

AXE = Path(__file__).resolve().parents[3] / "tools" / "web" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = [
    "index.html",
    "by-points.html",
    "statistics.html",
    "students/bob.py.html",
    "students/dan.ipynb.html",
    "students/eve.html",
    "students/fay.py.html",
]
LONG = "a_very_long_name_" * 12
ROSTER = "id,name,email\nada,Ada Lovelace,ada@example.org\nbob,Bob Fox,\n"

pytestmark = pytest.mark.browser


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the reports on a class, some of whose members are hostile or have long names."""
    folder = tmp_path_factory.mktemp("reports")
    roster = folder / "students.csv"
    roster.write_text(ROSTER)
    rows = [*CLASS, *hostile_class(), row(LONG)]
    reports.write_reports(folder, RUN, rows, ["html", "statistics"], roster=roster)
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def faults(page: Any) -> list[object]:
    """All that axe finds. The page lets no script in: axe comes with a reload, before the page's policy."""
    page.context.add_init_script(path=str(AXE))
    page.reload()
    return page.evaluate(
        """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
            .map(v => [v.id, v.impact, v.nodes.length, v.nodes[0].html.slice(0, 160)])"""
    )


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(visit: Callable[..., Any], address: str, name: str, look: str) -> None:
    width = 360 if look == "phone" else 1200
    page = visit(f"{address}/{name}", dark=look == "dark", width=width).page
    color = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)"
    shade = page.evaluate(color)[:3]
    assert max(shade) < 40 if look == "dark" else min(shade) > 230
    assert faults(page) == []


def wider_than_the_window(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("name", [*NAMES, f"students/{LONG[:150].strip('_')}.html"])
def test_pages_fit_a_phone(visit: Callable[..., Any], address: str, name: str) -> None:
    page = visit(f"{address}/{name}", width=360).page
    assert page.locator("h1").is_visible()
    assert wider_than_the_window(page) <= 0


def test_links_work_without_scripts(visit: Callable[..., Any], address: str) -> None:
    page = visit(f"{address}/index.html", javascript=False).page
    page.get_by_role("link", name="points").click()
    assert page.url == f"{address}/by-points.html#submissions"
    page.locator("#submissions + p + .scroll").get_by_role("link", name="bob.py").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Fox, Bob"
    page.get_by_role("link", name="lstm_cell").click()
    assert page.url.endswith("students/bob.py.html#question-2")


def test_no_script_of_a_student_runs(visit: Callable[..., Any], address: str) -> None:
    page = visit(f"{address}/index.html").page
    hrefs = page.eval_on_selector_all("th.name a", "links => links.map(link => link.href)")
    assert len(set(hrefs)) == len(CLASS) + len(hostile_class()) + 1
    for href in ["", *sorted(set(hrefs))]:
        if href:
            page.goto(href)
        assert page.evaluate(
            "window.hacked === undefined && !document.querySelector('script, img, iframe, form')"
        )


def test_paper_is_white_and_nothing_is_cut(visit: Callable[..., Any], address: str) -> None:
    page = visit(f"{address}/students/bob.py.html", dark=True).page
    page.emulate_media(media="print", color_scheme="dark")
    colors = (
        "[getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert page.evaluate(colors) == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert page.evaluate("getComputedStyle(document.querySelector('pre')).maxHeight") == "none"
    assert page.pdf(format="A4").startswith(b"%PDF")
