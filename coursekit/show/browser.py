"""Interactive figures that compute in the browser: a page without a kernel is as alive as a notebook."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import anywidget

ASSETS = Path(__file__).parent / "assets"


def asset(name: str) -> str:
    """The text of one of the files that the browser reads."""
    return (ASSETS / name).read_text(encoding="utf-8")


class BrowserFigure:
    """A still picture that an ES module brings to life.

    A subclass gives the `name` of its files in `assets/` (name.js and name.css), says in `alt` what it shows
    and draws it in `still()`, both from `state`, a dictionary of JSON values. The module is an anywidget's,
    `export default {render}`: `render({model, el})` finds the picture in `model.get("still")`, gives `el` the
    classes `ck-figure` and `name`, and reads and writes the state. It may import from its neighbours in
    `assets/` by lines of the form `import { number } from "./explorer.js";`.

    - A live notebook (JupyterLab, Colab) shows `widget()`: the browser's state and Python's stay in step.
    - Every other page shows `to_html()`: the picture, and a script in whose hands it starts to move. Nothing
      is fetched; where scripts are off, or fail, the picture stays.

    With the environment variable COURSEKIT_STATIC=1, set where pages are made, no widget is ever registered.
    """

    name: ClassVar[str]

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)
        self._widget: anywidget.AnyWidget | None = None

    @property
    def state(self) -> dict[str, Any]:
        """The figure's numbers as they are now, after whatever was moved in a live notebook."""
        if self._widget is None:
            return dict(self._state)
        return {name: getattr(self._widget, name) for name in self._state}

    @property
    def alt(self) -> str:
        """What the picture shows, in words."""
        raise NotImplementedError(f"{type(self).__name__} needs a property alt: what it shows, in words")

    def still(self) -> str:
        """The picture as one `<svg role="img" aria-label=alt>`, in the colours of `assets/card.css`."""
        raise NotImplementedError(f"{type(self).__name__} needs a method still: its picture as SVG")

    @classmethod
    def module(cls) -> str:
        """The ES module as one text: a page has no neighbours to import from, so they are written out."""
        imports = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";$', re.MULTILINE)
        return imports.sub(lambda line: asset(line[1]), asset(cls.name + ".js"))

    def to_html(self) -> str:
        """The figure for a page without a kernel. Equal states give equal text."""
        call = f"({asset('boot.js').rstrip()})({_literal(self.module())}, {_literal(self.state)});"
        body = f'<div class="ck-figure {self.name}">{self.still()}<script>{call}</script></div>'
        return f"<style>{self._style()}</style>\n{body}"

    def widget(self) -> anywidget.AnyWidget:
        """The figure for a live notebook: one widget for all its views, since they share one state."""
        if self._widget is None:
            import anywidget  # 0.3 s, which only a live notebook needs
            import traitlets

            front_end = {"_esm": self.module(), "_css": self._style()}
            values = {**self._state, "still": self.still()}
            traits = {name: traitlets.Any(value).tag(sync=True) for name, value in values.items()}
            self._widget = type(type(self).__name__, (anywidget.AnyWidget,), front_end | traits)()
        return self._widget

    def _style(self) -> str:
        return asset("card.css") + asset("figure.css") + asset(self.name + ".css")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        page = {"text/plain": repr(self), "text/html": self.to_html()}
        if os.environ.get("COURSEKIT_STATIC") == "1":
            return page
        view, _ = self.widget()._repr_mimebundle_() or ({}, {})
        return view | page

    def __repr__(self) -> str:
        return f"[{type(self).__name__}: {self.alt}]"


def _literal(value: object) -> str:
    """A JavaScript literal that cannot end the script element around it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
