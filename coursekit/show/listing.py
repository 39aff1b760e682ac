"""Listings: a page shows the package's own source, the very lines that the tests ran."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass
from html import escape

from .browser import asset


@dataclass(frozen=True, repr=False)
class Listing:
    """Source code under its dotted name; a page colours it as it colours its other code, light or dark."""

    name: str
    code: str

    def _repr_html_(self) -> str:
        from pygments import highlight  # type: ignore[import-untyped]
        from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
        from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

        code = highlight(self.code, PythonLexer(), HtmlFormatter())
        return (
            f"<style>{asset('card.css')}{asset('listing.css')}</style>\n"
            f'<figure class="ck-source"><figcaption>{escape(self.name)}</figcaption>{code}</figure>'
        )

    def __repr__(self) -> str:
        return f"# {self.name}\n{self.code}"


def source(obj: object) -> Listing:
    """The source of a function, method, class or module, under its dotted name.

    Raises:
        TypeError: an object without Python source, such as a number or a built-in function.
    """
    try:
        code = inspect.getsource(obj)  # type: ignore[arg-type]
    except (TypeError, OSError) as error:
        raise TypeError(
            f"source shows functions, classes and modules written in Python, got {obj!r}"
        ) from error
    names = (
        getattr(obj, "__module__", None),
        getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None),
    )
    return Listing(".".join(filter(None, names)), textwrap.dedent(code))
