"""A finished picture, and what every plot starts from: an empty figure in our style, numbers as an array."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .browser import asset
from .style import DPI, RC

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Values = Any  # a tensor, an array, or (nested) sequences of numbers or of either
Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Picture:
    """What the plot functions return, and what a notebook or a page shows: an image with its alt text.

    `data` is an SVG or PNG file. `width` and `height` are CSS pixels; a narrow screen scales the picture
    down. One that `inverts` turns light on dark with the page; one whose shades have a meaning must not.
    """

    data: bytes
    alt: str
    width: int
    height: int
    inverts: bool

    @property
    def media_type(self) -> str:
        return "image/png" if self.data.startswith(b"\x89PNG") else "image/svg+xml"

    def _repr_html_(self) -> str:
        source = f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"
        size = f'width="{self.width}" height="{self.height}"'
        return (
            f"<style>{asset('picture.css')}</style>\n"
            f'<figure class="ck-picture{" inverts" if self.inverts else ""}">'
            f'<img src="{source}" alt="{escape(self.alt)}" {size}></figure>'
        )

    def __repr__(self) -> str:
        return f"[picture: {self.alt}]"


def picture(
    draw: Callable[[Figure], None],
    *,
    alt: str,
    width: float,
    height: float,
    raster: bool,
    inverts: bool = False,
) -> Picture:
    """What `draw` puts on an empty figure of `width` by `height` inches, in the course's style and no other.

    An SVG, or a PNG at two dots per CSS pixel where the content is `raster`. The figure is never pyplot's, so
    nothing has to be closed; equal drawings give equal bytes.
    """
    if not alt.strip():
        raise ValueError("alt must say in words what the picture shows; it is empty")

    import matplotlib.style  # 1.4 s with what it draws, so only a plot pays for it
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with matplotlib.style.context(["default", RC]):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        if raster:
            figure.savefig(file, format="png", dpi=2 * DPI, metadata={"Software": None})
        else:
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(file.getvalue(), alt.strip(), round(width * DPI), round(height * DPI), inverts)


def to_array(values: Values) -> Array:
    """Numbers in double precision, whatever holds them: tensors with gradients or on a GPU, lists of them."""
    if hasattr(values, "detach"):  # a tensor, without importing torch to ask
        values = values.detach().cpu().double().numpy()
    elif isinstance(values, (list, tuple)):
        values = [to_array(value) for value in values]
    return np.asarray(values, dtype=np.float64)
