"""The cells explorer: a plain RNN, an LSTM and a GRU read the same pulses, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .browser import BrowserFigure
from .explorer import check_between, fill

STEPS = 16
LEVELS = (0.0, 0.2, 1.0)  # nothing, a weak pulse, a full one
HALF = 0.5 + 1e-9  # so that exactly one half counts in spite of rounding
CELLS = {"rnn": "plain RNN", "lstm": "LSTM", "gru": "GRU"}
ONE_PULSE = tuple(float(t == 2) for t in range(STEPS))


class Weights(NamedTuple):
    """One unit of a cell that reads one number: its blocks in PyTorch's order."""

    ih: tuple[float, ...]
    hh: tuple[float, ...]
    bias: tuple[float, ...]


class CellsExplorer(BrowserFigure):
    r"""One unit of each cell on one sequence that the reader writes (RNN-47, RNN-51, RNN-60).

    With $x_t$ the input, $k$ the bias of the gates that keep and $u$ the plain network's own weight:

    $$\begin{aligned}
    \text{RNN:}\quad & h_t = \tanh(x_t + u\,h_{t-1}) \\
    \text{LSTM:}\quad & i_t = \sigma(10x_t - 5),\; f_t = \sigma(k),\; g_t = \tanh(2x_t),\; o_t = \sigma(3) \\
    \text{GRU:}\quad & r_t = \sigma(0),\; z_t = \sigma(k - 8x_t),\; n_t = \tanh(2x_t + \tfrac12 r_t h_{t-1})
    \end{aligned}$$

    Args:
        keep: $k$, between 0 and 6.
        recurrent: $u$, between 0 and 1.5.
        inputs: 16 numbers, each 0, 0.2 (a weak pulse) or 1 (a full one).

    Raises:
        ValueError: a number beyond the ends of its slider, or other inputs.
    """

    name = "cells_explorer"

    def __init__(
        self, *, keep: float = 4.0, recurrent: float = 0.9, inputs: Sequence[float] = ONE_PULSE
    ) -> None:
        check_between("keep", keep, 0, 6)
        check_between("recurrent", recurrent, 0, 1.5)
        if len(inputs) != STEPS or not set(inputs) <= set(LEVELS):
            raise ValueError(f"inputs must be {STEPS} numbers, each 0, 0.2 or 1, got {list(inputs)}")
        super().__init__({"keep": float(keep), "recurrent": float(recurrent), "inputs": list(inputs)})

    def weights(self) -> dict[str, Weights]:
        """What the state sets, as `weights` in cells_explorer.js."""
        keep, recurrent = self.state["keep"], self.state["recurrent"]
        return {
            "rnn": Weights((1,), (recurrent,), (0,)),
            "lstm": Weights((10, 0, 2, 0), (0, 0, 0, 0), (-5, keep, 0, 3)),  # i, f, g, o
            "gru": Weights((0, -8, 2), (0, 0, 0.5), (0, keep, 0)),  # r, z, n
        }

    def lasting(self) -> dict[str, int | None]:
        """How many steps after the first pulse half of its trace is gone; None if not before the end.

        The trace is the difference to the same sequence without that pulse. Empty without any pulse.
        """
        inputs, weights = self.state["inputs"], self.weights()
        if not any(inputs):
            return {}
        first = next(t for t, x in enumerate(inputs) if x)
        with_it = run(weights, inputs)
        without = run(weights, [0.0 if t == first else x for t, x in enumerate(inputs)])
        found: dict[str, int | None] = {}
        for name, trace in (("rnn", "rnn"), ("lstm", "memory"), ("gru", "gru")):
            left = [abs(a - b) for a, b in zip(with_it[trace], without[trace], strict=True)][first:]
            found[name] = next((k for k, size in enumerate(left) if size <= HALF * left[0]), None)
        return found

    @property
    def alt(self) -> str:
        pulses = [f"{x:g} in step {t}" for t, x in enumerate(self.state["inputs"], start=1) if x]
        states, lasting = run(self.weights(), self.state["inputs"]), self.lasting()
        ends = ", ".join(
            f"{words} {states['memory' if name == 'lstm' else name][-1]:.2f}" for name, words in CELLS.items()
        )
        halves = ", ".join(
            f"{CELLS[name]} {'not before the end' if steps is None else f'after {steps} steps'}"
            for name, steps in lasting.items()
        )
        return (
            f"Three curves over {STEPS} steps, one for each cell, above the pulses they read: "
            f"{', '.join(pulses) or 'none'}. State after the last step: {ends}. "
            + (f"Half of the first pulse is gone: {halves}." if halves else "")
        ).rstrip()

    def still(self) -> str:
        inputs = self.state["inputs"]
        return fill(self.name, alt=self.alt, texts=curves(run(self.weights(), inputs), inputs), variables={})


def run(weights: dict[str, Weights], inputs: Sequence[float]) -> dict[str, list[float]]:
    """The states after each step: h of each cell under its name, the LSTM's c under "memory"."""
    states: dict[str, list[float]] = {name: [] for name in (*CELLS, "memory")}
    rnn = lstm = memory = gru = 0.0
    for x in inputs:
        w = weights["rnn"]
        rnn = math.tanh(w.ih[0] * x + w.hh[0] * rnn + w.bias[0])
        w = weights["lstm"]
        i, f, g, o = (a * x + u * lstm + b for a, u, b in zip(*w, strict=True))
        memory = sigmoid(f) * memory + sigmoid(i) * math.tanh(g)
        lstm = sigmoid(o) * math.tanh(memory)
        w = weights["gru"]
        r, z = (sigmoid(w.ih[k] * x + w.hh[k] * gru + w.bias[k]) for k in (0, 1))
        n = math.tanh(w.ih[2] * x + w.bias[2] + r * w.hh[2] * gru)
        gru = z * gru + (1 - z) * n
        for name, value in (("rnn", rnn), ("lstm", lstm), ("memory", memory), ("gru", gru)):
            states[name].append(value)
    return states


def sigmoid(a: float) -> float:
    """The logistic function, in a form that cannot overflow."""
    return 0.5 + 0.5 * math.tanh(a / 2)


def curves(states: dict[str, list[float]], inputs: Sequence[float]) -> dict[str, str]:
    """Points of each curve, x in steps and y as a share of its panel's height; bars of the inputs."""
    peak = max(1, math.ceil(max(states["memory"])))  # the LSTM's memory can count beyond 1
    texts = {"peak": str(peak)}
    for name, values in states.items():
        top = peak if name in ("memory", "lstm") else 1
        points = [f"{t + 0.5} {value / top:.4f}" for t, value in enumerate(values)]
        texts[name] = f"M{'L'.join(points)}"
        if name != "lstm":  # its h is drawn dashed
            texts[f"{name}_dots"] = "".join(f"M{point}h0" for point in points)
    texts["inputs"] = "".join(f"M{t + 0.5} 0V{x:g}" for t, x in enumerate(inputs) if x)
    return texts
