"""What the theme's pages need to be self-contained, accessible and right for Colab.

* MathJax comes from the site where the build fetched it, and the logo stands beside the title;
* thebe's scripts go (declared twice, they raise an error on every page and load from elsewhere);
* the Colab button opens the generated notebook, not the page's source text;
* accessibility faults are mended: roles of the citation list, names of folded cells, an empty colour mode;
* a picture without alternative text is a warning, hence a failed build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

log = logging.getLogger(__name__)
STATIC = Path(__file__).resolve().parents[2] / "_static"
MATHJAX = "vendor/mathjax/tex-chtml-full.js"
NOTEBOOK_BRANCH = "gh-pages"  # where the built site, with its notebooks/, is published


def configure(app: Sphinx, config: Config) -> None:
    if (STATIC / MATHJAX).exists():
        config.mathjax_path = MATHJAX
    # here and not in _config.yml, where it would replace what Jupyter Book sets itself
    config.html_theme_options["logo"] = {"text": config.html_title, "alt_text": "first page"}


def _is_thebe(script: Any) -> bool:
    attributes = getattr(script, "attributes", None) or {}
    name = str(getattr(script, "filename", None) or "")
    return "sphinx-thebe" in name or "THEBE_JS_URL" in str(attributes.get("body", ""))


def _point_at_notebook(buttons: list[dict[str, Any]], repository: str, page: str) -> None:
    for button in buttons:
        if button.get("text") == "Colab":
            path = f"{repository}/blob/{NOTEBOOK_BRANCH}/notebooks/{page}.ipynb"
            button["url"] = f"https://colab.research.google.com/github/{path}"
        _point_at_notebook(button.get("buttons", []), repository, page)


def mend(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: object) -> None:
    context["script_files"] = [file for file in context.get("script_files", []) if not _is_thebe(file)]
    context["default_mode"] = context.get("default_mode") or "auto"
    body = context.get("body", "")
    body = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    body = re.sub(r'(<div class="citation"[^>]*) role="doc-biblioentry"', r"\1", body)
    context["body"] = body.replace(' aria-label="Toggle hidden content"', "")  # it hides what the line says
    repository = app.config.html_theme_options.get("repository_url", "").removeprefix("https://github.com/")
    _point_at_notebook(context.get("header_buttons", []), repository, pagename)


def require_alt(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for image in doctree.findall(nodes.image):
        if not image.get("alt"):
            uri = image.get("uri")
            log.warning("picture without alternative text: %s", uri, location=image, type="course")


def setup(app: Sphinx) -> None:
    app.connect("config-inited", configure)
    app.connect("html-page-context", mend, priority=900)
    app.connect("doctree-resolved", require_alt)
