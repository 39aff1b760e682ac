"""A page that holds what `coursekit.show` made, as a browser would meet it, and its modules in Node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from coursekit.show import BrowserFigure

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


@pytest.fixture
def in_node(node: str, tmp_path: Path) -> Callable[..., list[Any]]:
    """`in_node(Figure, "({a}) => module.f(a)", rows)`: what a function of its module gives per row."""

    def call(figure: type[BrowserFigure], function: str, rows: list[Any]) -> list[Any]:
        module = tmp_path / f"{figure.name}.mjs"
        module.write_text(figure.module(), encoding="utf-8")
        script = f"""
            import {{ readFileSync }} from "node:fs";
            import * as module from "{module.as_uri()}";
            const run = new Function("module", "return " + {json.dumps(function)})(module);
            console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(row => run(row))));"""
        command = [node, "--input-type=module", "--eval", script]
        done = subprocess.run(command, input=json.dumps(rows), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    return call


@pytest.fixture
def open_figure(write_page: Callable[..., str], visit: Callable[..., Any]) -> Callable[..., Page]:
    """The figure on a page of its own, once it is alive; further arguments as for `visit`."""

    def open_page(figure: BrowserFigure, **how: Any) -> Page:
        page: Page = visit(write_page(figure.to_html()), **how).page
        page.wait_for_selector("output")
        return page

    return open_page
