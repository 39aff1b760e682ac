"""The unroll explorer: the loop of a recurrent network laid out step by step, in four forms."""

from __future__ import annotations

import math
from string import Template
from typing import NamedTuple

from .browser import BrowserFigure, asset
from .explorer import check_between, check_whole, fill, number

FORMS = {  # form -> what each step reads, and whether its output is used
    "one to many": (("x1", True), ("y1", True), ("y2", True), ("y3", True)),
    "many to one": (("x1", False), ("x2", False), ("x3", False), ("x4", True)),
    "aligned": (("x1", True), ("x2", True), ("x3", True), ("x4", True)),
    "encoder-decoder": (
        ("x1", False),
        ("x2", False),
        ("x3", False),
        ("0", True),
        ("y4", True),
        ("y5", True),
    ),
}
COLUMNS = 6  # of the picture
LIMIT = 2.0  # the sliders' ends


class Weights(NamedTuple):
    """Of a network with one input, two units and one output."""

    W: tuple[float, float]
    U: tuple[tuple[float, float], tuple[float, float]]
    b: tuple[float, float]


READS = Weights((0.9, -0.6), ((0.7, -0.4), (0.5, 0.6)), (0.1, -0.1))
WRITES = Weights((0.5, 0.8), ((0.6, 0.5), (-0.7, 0.4)), (0.0, 0.1))  # the decoder's
V, C = (1.1, -0.8), 0.1  # the output layer's weights and bias, of all forms


class Step(NamedTuple):
    """One column of the picture."""

    x: float
    h: tuple[float, float]
    y: float | None


class UnrollExplorer(BrowserFigure):
    r"""A recurrent network with two units, unrolled at the press of a button (RNN-07, RNN-09 to RNN-12).

    $$h_t = \tanh(W x_t + U h_{t-1} + b), \qquad y_t = V h_t + c$$

    Args:
        form: "one to many", "many to one", "aligned" or "encoder-decoder", whose decoder has its own W, U, b.
        step: how many steps are unrolled at first.
        x: the inputs of the first four steps, between -2 and 2; a form takes as many as it reads.

    Raises:
        ValueError: another form, more steps than it has, not four inputs, or one beyond its slider.
    """

    name = "unroll_explorer"

    def __init__(
        self,
        *,
        form: str = "aligned",
        step: int = 0,
        x: tuple[float, float, float, float] = (1.0, -0.5, 0.5, -1.0),
    ) -> None:
        if form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(map(repr, FORMS))}, got {form!r}")
        if len(x) != 4:
            raise ValueError(f"x must hold four numbers, got {len(x)}")
        inputs = {f"x{t}": float(value) for t, value in enumerate(x, start=1)}
        for name, value in inputs.items():
            check_between(name, value, -LIMIT, LIMIT)
        super().__init__({"form": form, "step": check_whole("step", step, 0, len(FORMS[form])), **inputs})

    def steps(self) -> list[Step]:
        """All steps of the present form, as `unroll` in unroll_explorer.js computes them."""
        state, steps = self.state, list[Step]()
        h = (0.0, 0.0)
        for t, (reads, says) in enumerate(FORMS[state["form"]]):
            given = state.get(reads, 0.0)
            x = float(steps[-1].y or 0.0) if reads.startswith("y") else given
            weights = WRITES if t >= 3 and state["form"] == "encoder-decoder" else READS
            a = [
                w * x + u[0] * h[0] + u[1] * h[1] + b
                for w, u, b in zip(weights.W, weights.U, weights.b, strict=True)
            ]
            h = (math.tanh(a[0]), math.tanh(a[1]))
            steps.append(Step(x, h, V[0] * h[0] + V[1] * h[1] + C if says else None))
        return steps

    @property
    def alt(self) -> str:
        steps = self.steps()
        columns = "; ".join(
            f"step {t} reads {number(x, 2)}, its state is {number(h[0], 2)} and {number(h[1], 2)}"
            + ("" if y is None else f", its output {number(y, 2)}")
            for t, (x, h, y) in enumerate(steps, start=1)
        )
        return (
            "On the left a recurrent network as a loop, on the right the same network unrolled, in the form "
            f"{self.state['form']}, one column for each step: {columns}."
        )

    def still(self) -> str:
        """The picture with all steps unrolled: without scripts there is no button to press."""
        steps, form = self.steps(), FORMS[self.state["form"]]
        column, variables = Template(asset("unroll_explorer_column.svg")), dict[str, float]()
        columns = []
        for t in range(1, COLUMNS + 1):
            used = t <= len(steps)
            x, h, y = steps[t - 1] if used else Step(0.0, (0.0, 0.0), None)
            reads = form[t - 1][0] if used else "x"
            prime = "′" if t > 3 and self.state["form"] == "encoder-decoder" else ""
            columns.append(
                column.substitute(
                    t=t,
                    left=124 + 62 * (t - 1),
                    look="done" if used else "none",
                    reads=reads[0],
                    says="no" if y is None else "yes",
                    prime=prime,
                    x=number(x, 2),
                    source=reads[0] if reads != "0" else "start",
                    index="" if reads == "0" else reads[1:] or str(t),
                    a=number(h[0], 2),
                    b=number(h[1], 2),
                    y=number(y or 0.0, 2),
                )
            )
            variables |= {f"a{t}": h[0], f"b{t}": h[1]}
        return fill(self.name, alt=self.alt, texts={"columns": "".join(columns)}, variables=variables)
