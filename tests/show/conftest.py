"""A page that holds what `coursekit.show` made, as a browser would meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = """<!doctype html>
<html lang="en"{attributes}><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A page</title></head><body>{body}</body></html>"""


@pytest.fixture
def write_page(tmp_path: Path) -> Callable[..., str]:
    """Write bodies of HTML into one page and return its address."""

    def write(*bodies: str, theme: str | None = None) -> str:
        attributes = "" if theme is None else f' data-theme="{theme}"'
        path = tmp_path / "page.html"
        path.write_text(PAGE.format(attributes=attributes, body="\n".join(bodies)), encoding="utf-8")
        return path.as_uri()

    return write
