"""The LSTM gate explorer: one unit, five sliders, and a memory to copy, erase, write and hide."""

from __future__ import annotations

import math

from .browser import BrowserFigure
from .explorer import check_between, fill, number

LIMITS = {"forget": 10.0, "input": 10.0, "candidate": 3.0, "output": 10.0, "memory": 3.0}  # the sliders' ends


class GateExplorer(BrowserFigure):
    r"""One LSTM unit to play with (RNN-31 to RNN-36).

    $$c_t = \sigma(a_f)\,c_{t-1} + \sigma(a_i)\tanh(a_g), \qquad h_t = \sigma(a_o)\tanh(c_t)$$

    Args:
        forget, input, candidate, output: $a_f$, $a_i$, $a_g$ and $a_o$, what the four layers compute before
            their activation, $a = W[h_{t-1}, x_t] + b$; between -10 and 10, the candidate's between -3 and 3.
        memory: $c_{t-1}$, between -3 and 3.

    Raises:
        ValueError: a number beyond the ends of its slider.
    """

    name = "gate_explorer"

    def __init__(
        self,
        *,
        forget: float = 1.0,
        input: float = 0.0,
        candidate: float = 1.0,
        output: float = 0.0,
        memory: float = 1.0,
    ) -> None:
        given = {"forget": forget, "input": input, "candidate": candidate, "output": output, "memory": memory}
        for name, value in given.items():
            check_between(name, value, -LIMITS[name], LIMITS[name])
        state = {name: float(value) for name, value in given.items()}
        # A row [c, h] for each step done; before the first there is a memory and no output.
        super().__init__({**state, "history": [[state["memory"], None]]})

    def values(self) -> dict[str, float]:
        """The step from the present state, as `step` in gate_explorer.js computes it."""
        state = self.state
        f, i, o = (
            0.5 + 0.5 * math.tanh(state[name] / 2) for name in ("forget", "input", "output")
        )  # sigmoid
        g, memory = math.tanh(state["candidate"]), state["memory"]
        kept, written = f * memory, i * g
        c = kept + written
        squashed = math.tanh(c)
        values = {"f": f, "i": i, "g": g, "o": o, "memory": memory, "kept": kept, "written": written}
        return values | {"c": c, "squashed": squashed, "h": o * squashed}

    @property
    def alt(self) -> str:
        v = self._texts()
        return (
            "Diagram of one LSTM cell. "
            f"The old memory {v['memory']} times the forget gate {v['f']} keeps {v['kept']}; "
            f"the input gate {v['i']} times the candidate {v['g']} adds {v['written']}; "
            f"the new memory is {v['c']}. "
            f"Its tanh, {v['squashed']}, times the output gate {v['o']} is the output {v['h']}."
        )

    def still(self) -> str:
        return fill(self.name, alt=self.alt, texts=self._texts(), variables=self.values())

    def _texts(self) -> dict[str, str]:
        return {name: number(value) for name, value in self.values().items()}
