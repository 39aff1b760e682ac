"""The built site as the tests see it: its pages, what they link to and what they load."""

from __future__ import annotations

import html.parser
import urllib.parse
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
LOADED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
}
NOT_LOADED = {"canonical", "search", "index", "next", "prev", "author"}  # <link rel=...> that fetch nothing


@dataclass
class Page(html.parser.HTMLParser):
    """One page: its anchors, what it links to and loads, its pictures without alternative text."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    without_alt: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text("utf8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img" and not values.get("alt"):
            self.without_alt.append(values.get("src", "")[:80])
        address = values.get(LOADED.get(tag, ""))
        if address and not (tag == "link" and NOT_LOADED & set(values.get("rel", "").split())):
            self.loads.append(address)


@cache
def pages() -> dict[Path, Page]:
    """Every page a reader can open. The theme leaves templates under `_static`, which nobody opens."""
    if not (SITE / "index.html").exists():
        raise FileNotFoundError(f"no site at {SITE.relative_to(ROOT)}: run `make book` first")
    files = [file for file in sorted(SITE.rglob("*.html")) if "_static" not in file.relative_to(SITE).parts]
    return {file: Page(file) for file in files}


def target(page: Page, address: str) -> tuple[Path, str] | None:
    """The file and anchor that a local address means; None for one that leaves the site."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    path = urllib.parse.unquote(parts.path)
    file = (page.path.parent / path).resolve() if path else page.path
    return (file / "index.html" if file.is_dir() else file), urllib.parse.unquote(parts.fragment)
