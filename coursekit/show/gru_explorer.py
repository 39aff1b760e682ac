"""The GRU explorer: one unit, two gates, and one state to copy, erase, write, mix and flip."""

from __future__ import annotations

import math
from typing import Literal

from .browser import BrowserFigure, asset
from .explorer import check_between, fill, number

LIMITS = {  # the sliders' ends
    "reset": 10.0,
    "update": 10.0,
    "input": 3.0,
    "weight": 3.0,
    "bias": 3.0,
    "memory": 1.0,
}
VARIANTS = ("after", "before")


class GRUExplorer(BrowserFigure):
    r"""One GRU unit to play with (RNN-51 to RNN-56).

    $$n_t = \tanh(a_n + \sigma(a_r)\,(u\,h_{t-1} + b')), \qquad
      h_t = \sigma(a_z)\,h_{t-1} + (1 - \sigma(a_z))\,n_t$$
    With the variant "before", the reset gate acts before the product:
    $n_t = \tanh(a_n + u\,(\sigma(a_r)\,h_{t-1}) + b')$. A single unit's weight is a number, so the variants
    differ by $b'$ alone.

    Args:
        reset, update: $a_r$ and $a_z$, what the two gates compute before their sigmoid; between -10 and 10.
        input: $a_n = W_n x_t + b_n$, the input's part of the candidate; between -3 and 3.
        weight, bias: $u$ and $b'$, the state's part of it; between -3 and 3.
        memory: $h_{t-1}$, between -1 and 1.
        variant: "after" or "before", where the reset gate acts.

    Raises:
        ValueError: a number beyond the ends of its slider, or another variant.
    """

    name = "gru_explorer"

    def __init__(
        self,
        *,
        reset: float = 2.0,
        update: float = 1.0,
        input: float = -0.5,
        weight: float = 1.0,
        bias: float = 0.5,
        memory: float = 0.8,
        variant: Literal["after", "before"] = "after",
    ) -> None:
        given = {"reset": reset, "update": update, "input": input}
        given |= {"weight": weight, "bias": bias, "memory": memory}
        for name, value in given.items():
            check_between(name, value, -LIMITS[name], LIMITS[name])
        if variant not in VARIANTS:
            raise ValueError(f"variant must be 'after' or 'before', got {variant!r}")
        state = {name: float(value) for name, value in given.items()}
        super().__init__({**state, "variant": variant, "past": []})  # past: the states before the present one

    def values(self) -> dict[str, float]:
        """The step from the present state, as `step` in gru_explorer.js computes it."""
        state = self.state
        r, z = (0.5 + 0.5 * math.tanh(state[name] / 2) for name in ("reset", "update"))  # sigmoid
        a, u, b, memory = (state[name] for name in ("input", "weight", "bias", "memory"))
        after = state["variant"] == "after"
        inner = u * memory + b if after else r * memory
        recalled = r * inner if after else u * inner + b
        n = math.tanh(a + recalled)
        kept, written = z * memory, (1 - z) * n
        values = {"r": r, "z": z, "rest": 1 - z, "input": a, "memory": memory, "inner": inner}
        values |= {"recalled": recalled, "n": n, "kept": kept, "written": written, "h": kept + written}
        return values | {"after": float(after), "before": float(not after)}

    @property
    def alt(self) -> str:
        v = self._texts()
        if self.state["variant"] == "after":
            recall = (
                f"The old state {v['memory']} times its weight plus its bias is {v['inner']}; "
                f"the reset gate {v['r']} lets {v['recalled']} of that into the candidate. "
            )
        else:
            recall = (
                f"The old state {v['memory']} times the reset gate {v['r']} is {v['inner']}; "
                f"its weight and its bias make {v['recalled']} of that for the candidate. "
            )
        return (
            "Diagram of one GRU cell. "
            + recall
            + f"With {v['input']} from the input the candidate is {v['n']}. "
            f"The update gate {v['z']} keeps {v['kept']} of the old state, "
            f"one minus the gate, {v['rest']}, writes {v['written']} of the candidate; "
            f"the new state is {v['h']}."
        )

    def still(self) -> str:
        return fill(self.name, alt=self.alt, texts=self._texts(), variables=self.values())

    def _style(self) -> str:
        cell = asset("gate_explorer.css").replace(".gate_explorer", f".{self.name}")  # drawn as the LSTM's
        return cell + super()._style()

    def _texts(self) -> dict[str, str]:
        return {name: number(value) for name, value in self.values().items()}
