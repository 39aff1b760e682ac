"""What all HTML pages share: one file each, with its style inside, no scripts, nothing fetched."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path

from coursekit.grade.reports.plain import clean

# whatever a student wrote: the browser runs no script, loads nothing and sends nothing
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def style() -> str:
    return Path(__file__).with_name("style.css").read_text("utf8")


def page(title: str, body: str, *, wide: bool = False) -> str:
    """A whole page around `body`, which is HTML already; `title` is plain text."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>{text(title)}</title>
<style>
{style()}</style>
</head>
<body{' class="wide"' if wide else ""}>
{body}
</body>
</html>
"""


def text(content: str) -> str:
    """Plain text as HTML."""
    return escape(clean(content))


def name(content: str) -> str:
    """A name that somebody chose, whose direction of writing does not disturb its neighbours."""
    return f"<bdi>{text(content)}</bdi>"


def identifier(content: str) -> str:
    """A name from code, which may be broken after an underscore."""
    return f"<code>{text(content).replace('_', '_<wbr>')}</code>"


def bar(share: float) -> str:
    """Decoration beside a number that says the same."""
    return f'<span class="bar" aria-hidden="true"><span style="width: {100 * share:.1f}%"></span></span>'
