"""The convolution explorer: a kernel slides over a digit, and layers of it are stacked.

Arithmetic and drawing are those of assets/convolution_explorer.js, so that a page without scripts shows the
picture with which the other begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from .browser import BrowserFigure
from .explorer import check_whole, number

# A handwritten zero, the first of `sklearn.datasets.load_digits`: grey values from 0 to 16.
DIGIT = (
    (0, 0, 5, 13, 9, 1, 0, 0),
    (0, 0, 13, 15, 10, 15, 5, 0),
    (0, 3, 15, 2, 0, 11, 8, 0),
    (0, 4, 12, 0, 0, 8, 8, 0),
    (0, 5, 8, 0, 0, 9, 8, 0),
    (0, 4, 11, 0, 1, 12, 7, 0),
    (0, 2, 14, 5, 10, 12, 0, 0),
    (0, 0, 6, 13, 10, 0, 0, 0),
)
KERNELS = ("vertical edge", "horizontal edge", "outline", "blur", "sharpen", "identity")
LIMITS = {"kernel_size": (1, 5), "stride": (1, 3), "padding": (0, 2), "dilation": (1, 3), "layers": (1, 5)}

Matrix = list[list[float]]


class ConvolutionExplorer(BrowserFigure):
    r"""One output pixel of a convolution, its products, and what a stack sees (CNN-01, 03, 34).

    $$y_{h,w} = \sum_{i,j} W_{i,j}\, x_{hs + id - p,\, ws + jd - p}$$

    Args:
        kernel: "vertical edge", "horizontal edge", "outline", "blur", "sharpen" or "identity".
        kernel_size: $k$, from 1 to 5.
        stride, padding, dilation: $s$ from 1 to 3, $p$ from 0 to 2, $d$ from 1 to 3.
        row, column: which output pixel, $h$ and $w$, counted from 0.
        layers: how many such layers are stacked, from 1 to 5.
        doubling: each layer of the stack has twice the dilation of the one below.

    Raises:
        ValueError: an unknown kernel, a number beyond its limits, or a pixel outside the output.
    """

    name = "convolution_explorer"

    def __init__(
        self,
        *,
        kernel: str = "vertical edge",
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 1,
        dilation: int = 1,
        row: int = 3,
        column: int = 4,
        layers: int = 3,
        doubling: bool = False,
    ) -> None:
        if kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}; got {kernel!r}")
        given = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
        state: dict[str, Any] = {
            name: check_whole(name, value, *LIMITS[name])
            for name, value in (given | {"layers": layers}).items()
        }
        state |= {"kernel": kernel, "doubling": bool(doubling), "image": [list(line) for line in DIGIT]}
        last = max(0, output_size(state) - 1)  # 0 where the kernel does not fit, which the figure tells
        state |= {"row": check_whole("row", row, 0, last), "column": check_whole("column", column, 0, last)}
        super().__init__(state)

    @property
    def alt(self) -> str:
        state, size = self.state, output_size(self.state)
        row, column = chosen(state)
        layer = (
            f"A handwritten zero of 8 by 8 pixels and a kernel of size {state['kernel_size']}, "
            f"{state['kernel']}, with stride {state['stride']}, padding {state['padding']} and dilation "
            f"{state['dilation']}"
        )
        if not size:
            return f"{layer}: the kernel spans {span(state)} pixels and does not fit."
        return (
            f"{layer}: {size} by {size} outputs. The one in row {row} and column {column}, both from 0, is "
            f"the sum of {state['kernel_size'] ** 2} products of a weight and a pixel, "
            f"{full(output(state)[row][column])}."
        )

    def still(self) -> str:
        parts = "".join(f'<g class="{name}">{marks}</g>' for name, marks in draw(self.state).items())
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="layer" viewBox="0 0 480 446" role="img" '
            f'aria-label="{escape(self.alt)}">{parts}</svg>'
        )


# The arithmetic ------------------------------------------------------------------------------------------


def span(state: Mapping[str, Any]) -> int:
    """How many pixels a kernel reaches over, those that it skips among them."""
    return int(state["dilation"] * (state["kernel_size"] - 1) + 1)


def output_size(state: Mapping[str, Any]) -> int:
    """How many places the kernel finds along an axis; 0 if it does not fit."""
    room = len(state["image"]) + 2 * state["padding"] - span(state)
    return 0 if room < 0 else int(room // state["stride"] + 1)


def chosen(state: Mapping[str, Any]) -> tuple[int, int]:
    """Row and column of the chosen output, inside the map: in a notebook one may move before the other."""
    last = max(0, output_size(state) - 1)
    return min(state["row"], last), min(state["column"], last)


def kernel_weights(name: str, k: int) -> Matrix:
    """The kernel of that name at size k; an even one has its centre right below its middle."""

    def weight(i: int, j: int) -> float:
        centre = i == j == k // 2
        return {
            "vertical edge": _sign(2 * j - k + 1),
            "horizontal edge": _sign(2 * i - k + 1),
            "outline": k * k - 1 if centre else -1,
            "blur": 1 / k**2,
            "sharpen": 2 * centre - 1 / k**2,
            "identity": int(centre),
        }[name]

    return [[weight(i, j) for j in range(k)] for i in range(k)]


def patch(state: Mapping[str, Any], row: int, column: int) -> Matrix:
    """What stands under the kernel at one of its places; beyond the border, 0."""
    image, s, p, d = (state[name] for name in ("image", "stride", "padding", "dilation"))
    steps = range(state["kernel_size"])

    def pixel(i: int, j: int) -> float:
        return float(image[i][j]) if 0 <= i < len(image) and 0 <= j < len(image) else 0.0

    return [[pixel(row * s + i * d - p, column * s + j * d - p) for j in steps] for i in steps]


def products(state: Mapping[str, Any], row: int, column: int) -> Matrix:
    """Each weight times the pixel under it."""
    pairs = zip(kernel_weights(state["kernel"], state["kernel_size"]), patch(state, row, column), strict=True)
    return [[w * x for w, x in zip(weights, pixels, strict=True)] for weights, pixels in pairs]


def output(state: Mapping[str, Any]) -> Matrix:
    """The convolution: at each place the sum of the products."""
    places = range(output_size(state))
    return [[_add(map(_add, products(state, h, w))) for w in places] for h in places]


def _add(values: Iterable[float]) -> float:
    """Plain addition, as the browser's: the built-in `sum` rounds better from Python 3.12 on."""
    total = 0.0
    for value in values:
        total += value
    return total


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


# The picture ---------------------------------------------------------------------------------------------

CELL = 21  # of the input; twelve fit when it is padded by two
MAP_X, MAP_SIDE, MAP_CELL = 264, 216, 36  # where the outputs stand, and their largest cell


def short(value: float) -> str:
    """A number for a small cell: up to two decimals, as many as four characters hold."""
    texts = [re.sub(r"^(−?)0\.", r"\1.", number(value, digits)) for digits in (2, 1, 0)]
    return texts[2] if _whole(value) else next((text for text in texts if len(text) <= 4), texts[2])


def full(value: float) -> str:
    """A number where there is room for it."""
    return number(value, 0 if _whole(value) else 2)


def _whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-9


def draw(state: Mapping[str, Any]) -> dict[str, str]:
    """The marks of the three parts: the input, the map of outputs, and the sum that gives one of them."""
    n, size, p = len(state["image"]), output_size(state), state["padding"]
    padded = [[0.0] * (n + 2 * p) for _ in range(n + 2 * p)]
    for i, line in enumerate(state["image"]):
        padded[i + p][p : n + p] = line
    x, y = CELL * (2 - p), 24 + CELL * (2 - p)
    wide = f", padded to {n + 2 * p} × {n + 2 * p}" if p else ""
    field = _text(0, 13, f"input {n} × {n}{wide}", "start") + _matrix(x, y, CELL, padded, "pixel", 16)
    field += _square("border", CELL * 2, 24 + CELL * 2, CELL * n)
    if not size:
        middle = MAP_X + MAP_SIDE / 2
        centre = _text(middle, 118, "The kernel") + _text(middle, 138, "does not fit.")
        return {"field": field, "map": _text(MAP_X, 13, "no output", "start") + centre, "sum": ""}

    row, column = chosen(state)
    k, step = state["kernel_size"], CELL * state["dilation"]
    left, top = x + CELL * column * state["stride"], y + CELL * row * state["stride"]
    field += _square("span", left, top, CELL * span(state))
    for i in range(k):
        field += "".join(_square("tap", left + step * j, top + step * i, CELL) for j in range(k))

    values, cell = output(state), min(MAP_CELL, MAP_SIDE / size)
    outputs = _text(MAP_X, 13, f"output {size} × {size}", "start")
    outputs += _matrix(MAP_X, 24, cell, values, "signed")
    outputs += _square("tap", MAP_X + cell * column, 24 + cell * row, cell)

    small, weights = min(36, 120 / k), kernel_weights(state["kernel"], k)
    under, terms = patch(state, row, column), products(state, row, column)
    middle = 330 + small * k / 2
    total = (
        _text(0, 316, "under the kernel", "start")
        + _matrix(0, 324, small, under, "pixel", 16)
        + _text(small * k + (138 - small * k) / 2, middle, "×", "op")
        + _text(138, 316, "kernel", "start")
        + _matrix(138, 324, small, weights, "signed")
        + _text(138 + small * k + (138 - small * k) / 2, middle, "=", "op")
        + _text(276, 316, "products", "start")
        + _matrix(276, 324, small, terms, "signed")
        + _text(480, 316, "their sum", "end")
        + _text(480, middle, full(values[row][column]), "total")
    )
    return {"field": field, "map": outputs, "sum": total}


def _matrix(x: float, y: float, cell: float, values: Matrix, kind: str, top: float = 0.0) -> str:
    """Cells whose colour is their value's share of the largest; numbers where they can be read."""
    top = top or max(abs(value) for line in values for value in line) or 1.0
    marks = []
    for i, line in enumerate(values):
        for j, value in enumerate(line):
            hue = "minus" if value < 0 else kind
            share = f"--v:{number(abs(value) / top, 3)}"
            marks.append(_square(f"cell {hue}", x + cell * j, y + cell * i, cell, f' style="{share}"'))
            if cell >= (20 if kind == "pixel" else 24):
                marks.append(_text(x + cell * (j + 0.5), y + cell * (i + 0.5) + 4, short(value), "entry"))
    return "".join(marks)


def _square(name: str, x: float, y: float, side: float, more: str = "") -> str:
    place = f'x="{number(x, 2)}" y="{number(y, 2)}"'
    sides = f'width="{number(side, 2)}" height="{number(side, 2)}"'
    return f'<rect class="{name}" {place} {sides}{more}/>'


def _text(x: float, y: float, text: str, name: str = "entry") -> str:
    return f'<text class="{name}" x="{number(x, 2)}" y="{number(y, 2)}">{text}</text>'
