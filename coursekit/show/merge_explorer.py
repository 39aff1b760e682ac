"""The merge explorer: two directions over five words, what each state has read, and five ways to join it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from .browser import BrowserFigure
from .explorer import check_whole, fill, number

Rows: TypeAlias = list[list[float]]

MODES = ("concat", "sum", "average", "max", "product")
WORDS = ("she", "was", "not", "late", "again")
OTHERS = ("he", "is", "very", "early", "today")  # what each may be changed to
# A vector of two features for each word of WORDS and of OTHERS, and the weights of both directions: drawn at
# random, and chosen so that every state that reads a word visibly moves when that word is changed.
VECTORS = {
    "words": [[0.1, -0.7], [-1.4, 1.0], [0.2, 0.1], [0.9, -0.7], [-1.0, 0.8]],
    "others": [[-0.8, 0.9], [0.1, -1.2], [-0.6, -0.1], [1.6, 1.0], [-0.3, -1.4]],
}
WEIGHTS: dict[str, dict[str, Rows]] = {
    "forward": {
        "ih": [[0.3, 0.3], [0.1, 1.1], [0.5, 0.0]],
        "hh": [[-0.1, 0.8, -0.5], [0.5, -0.4, -0.7], [-0.8, -0.4, -0.4]],
        "bias": [[0.3, 0.2, 0.0]],
    },
    "backward": {
        "ih": [[0.5, -0.3], [0.1, -0.8], [1.5, 0.3]],
        "hh": [[-0.9, 0.0, -0.3], [0.2, -0.7, -0.7], [-0.2, -0.7, 0.6]],
        "bias": [[0.2, -0.3, -0.1]],
    },
}
UNIT = 34  # how high a state of 1 stands


class MergeExplorer(BrowserFigure):
    r"""A bidirectional layer with three units in each direction, over five words (RNN-24, RNN-25).

    $$\overrightarrow h_t = \tanh(W^f x_t + U^f \overrightarrow h_{t-1} + b^f), \qquad
      \overleftarrow h_t = \tanh(W^b x_t + U^b \overleftarrow h_{t+1} + b^b)$$
    A thin mark stands where the end of a bar was before a word was changed.

    Args:
        position: whose merged state is shown, from 1 to 5.
        changed: which word stands for its original, from 1 to 5; 0 for none.
        mode: one of `MODES`.

    Raises:
        ValueError: a number beyond the ends of its slider, not a whole one, or another mode.
    """

    name = "merge_explorer"

    def __init__(self, *, position: int = 3, changed: int = 0, mode: str = "concat") -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode}")
        state: dict[str, Any] = {
            "position": check_whole("position", position, 1, len(WORDS)),
            "changed": check_whole("changed", changed, 0, len(WORDS)),
            "mode": mode,
        }
        super().__init__(state | {"vectors": VECTORS, "weights": WEIGHTS})

    def values(self) -> dict[str, Rows]:
        """States of both directions, a row per word, and the merged one; `old` before the change."""
        changed, mode, at = self.state["changed"], self.state["mode"], self.state["position"] - 1
        before = VECTORS["words"]
        now = [VECTORS["others"][t] if t + 1 == changed else before[t] for t in range(len(WORDS))]
        values: dict[str, Rows] = {}
        for name, vectors in (("", now), ("old-", before)):
            forward = run(vectors, **WEIGHTS["forward"])
            backward = run(vectors[::-1], **WEIGHTS["backward"])[::-1]
            merged = [merge(forward[at], backward[at], mode)]
            values |= {f"{name}forward": forward, f"{name}backward": backward, f"{name}merged": merged}
        return values

    @property
    def alt(self) -> str:
        words, position, mode = self.words(), self.state["position"], self.state["mode"]
        values = self.values()
        texts = {
            name: ", ".join(number(value, 2) for value in rows[at])
            for name, rows, at in (
                ("forward", values["forward"], position - 1),
                ("backward", values["backward"], position - 1),
                ("merged", values["merged"], 0),
            )
        }
        return (
            f"Bars of the states of two directions over the words {' '.join(words)}. At position {position} "
            f"the forward state has read {' '.join(words[:position])} and is {texts['forward']}; the "
            f"backward one has read {' '.join(words[position - 1 :][::-1])} and is {texts['backward']}. "
            f"Merged by {mode} they are {texts['merged']}, and the outputs of all positions have the shape "
            f"(1, 5, {len(values['merged'][0])})."
        )

    def words(self) -> list[str]:
        """The five words as they stand."""
        changed = self.state["changed"]
        return [OTHERS[t] if t + 1 == changed else WORDS[t] for t in range(len(WORDS))]

    def still(self) -> str:
        values, mode, position = self.values(), self.state["mode"], self.state["position"]
        merged = [number(value, 2) for value in values["merged"][0]]
        texts = {f"word{t}": word for t, word in enumerate(self.words(), 1)}
        texts |= {f"m{k}": text for k, text in enumerate([*merged, "", "", ""][:6], 1)}
        halves = ("forward", "backward") if mode == "concat" else ("", "")
        texts |= {"mode": mode, "shape": f"(1, 5, {len(merged)})", "half1": halves[0], "half2": halves[1]}
        variables = {"position": float(position), "changed": float(self.state["changed"])}
        return fill(self.name, alt=self.alt, texts=texts | paths(values), variables=variables)


def run(vectors: Rows, ih: Rows, hh: Rows, bias: Rows) -> Rows:
    """The states of a plain recurrent layer in the order of reading."""
    h, states = [0.0] * len(ih), []
    for x in vectors:
        h = [math.tanh(dot(u, x) + dot(w, h) + b) for u, w, b in zip(ih, hh, bias[0], strict=True)]
        states.append(h)
    return states


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def merge(forward: Sequence[float], backward: Sequence[float], mode: str) -> list[float]:
    """One position's state, as `merge` in merge_explorer.js."""
    if mode == "concat":
        return [*forward, *backward]
    pairs = list(zip(forward, backward, strict=True))
    return {
        "sum": [f + b for f, b in pairs],
        "average": [(f + b) / 2 for f, b in pairs],
        "max": [max(f, b) for f, b in pairs],
        "product": [f * b for f, b in pairs],
    }[mode]


def paths(values: dict[str, Rows]) -> dict[str, str]:
    """Bars of each row as SVG paths: those above zero, those below, and marks where they ended before."""
    found: dict[str, str] = {}
    for name, first, width, pitch in (
        ("forward", 17, 18, 22),
        ("backward", 17, 18, 22),
        ("merged", 83, 34, 56),
    ):
        plus = minus = mark = ""
        for t, (now, old) in enumerate(zip(values[name], values[f"old-{name}"], strict=True)):
            for j, (value, before) in enumerate(zip(now, old, strict=True)):
                x = 96 * t + first + pitch * j
                bar = f"M{x} 0h{width}v{-UNIT * value:.2f}h{-width}z"
                plus, minus = (plus + bar, minus) if value > 0 else (plus, minus + bar)
                if value != before:
                    mark += f"M{x - 2} {-UNIT * before:.2f}h{width + 4}"
        found |= {f"{name}_plus": plus, f"{name}_minus": minus, f"{name}_mark": mark}
    return found
