"""Mistakes typed into the text of right answers, as students make them, and the ids they must get.

They are written without the catalogue, in the words of an answer, so that the catalogue is not only compared
with itself.
"""

from __future__ import annotations

from ...forms import Answer, typed
from .lstm_answers import BACKWARD, BACKWARD_GATE_BY_GATE, CELL, CELL_BY_EINSUM, GATES, GATES_BY_SLICES

GATES_TEXT = Answer("recurrent.lstm_gates", "gates", GATES)
SLICES = Answer("recurrent.lstm_gates", "gates by slices", GATES_BY_SLICES)
CELL_TEXT = Answer("recurrent.lstm_cell", "cell", CELL, GATES)
EINSUM = Answer("recurrent.lstm_cell", "cell by einsum", CELL_BY_EINSUM)
BACK = Answer("recurrent.lstm_cell_backward", "backward", BACKWARD, GATES)
GATE_BY_GATE = Answer("recurrent.lstm_cell_backward", "backward gate by gate", BACKWARD_GATE_BY_GATE, GATES)
WRONG_ORDER = Answer("recurrent.lstm_cell", "", CELL, GATES.replace("i, f, g, o = b", "i, f, o, g = b"))
ONE_BIAS_BEFORE = Answer("recurrent.lstm_cell_backward", "", BACKWARD, GATES.replace(" + bias_hh", ""))


TYPED = (
    typed("MIS-27", GATES_TEXT, ("i, f, g, o = before", "f, i, g, o = before")),
    typed("MIS-27", GATES_TEXT, ("i, f, g, o = before", "i, f, o, g = before")),
    typed("MIS-27", GATES_TEXT, ("i.sigmoid(), f.sigmoid(), g.tanh()", "i.sigmoid(), g.tanh(), f.sigmoid()")),
    typed("MIS-29", GATES_TEXT, (" + bias_hh", "")),
    typed("MIS-29", SLICES, ("bias_ih + bias_hh", "bias_hh")),
    typed("ERR-35", GATES_TEXT, ("f.sigmoid()", "f")),
    typed(
        "ERR-35", GATES_TEXT, ("i.sigmoid(), f.sigmoid()", "i.tanh(), f.tanh()"), ("o.sigmoid()", "o.tanh()")
    ),
    typed(
        "ERR-36",
        GATES_TEXT,
        ("i.sigmoid(), f.sigmoid()", "1.0 * (i > 0), 1.0 * (f > 0)"),
        ("o.sigmoid()", "1.0 * (o > 0)"),
    ),
    typed("ERR-37", SLICES, ("cat([x, h]", "cat([h, x]")),
    typed("ERR-39", GATES_TEXT, ("g.tanh()", "g")),
    typed("ERR-43", GATES_TEXT, ("x @ weight_ih.T + ", "")),
    typed(
        "ERR-43",
        SLICES,
        ("weight[size : 2 * size].T + bias[size : 2 * size]", "weight[:size].T + bias[:size]"),
    ),
    typed("ERR-44", SLICES, ("torch.tanh", "torch.sigmoid")),
    typed("ERR-44 + MIS-29", GATES_TEXT, ("g.tanh()", "g.sigmoid()"), (" + bias_ih", "")),
    typed("ERR-35 + MIS-27", GATES_TEXT, ("f, g, o = before", "g, f, o = before"), ("o.sigmoid()", "o")),
    typed("ERR-38", CELL_TEXT, ("lstm_gates(x, h", "lstm_gates(x, c")),
    typed("ERR-39", CELL_TEXT, ("i * g", "g")),
    typed("ERR-40", CELL_TEXT, ("c.tanh()", "g")),
    typed("ERR-41", CELL_TEXT, ("c.tanh()", "c.sigmoid()")),
    typed("ERR-42", CELL_TEXT, ("f * c", "f * g")),
    typed("ERR-43", CELL_TEXT, ("i * g", "(1 - f) * g")),
    typed("ERR-53", CELL_TEXT, ("    i, f", "    h, c = c, h\n    i, f")),
    typed("ERR-57", CELL_TEXT, ("o * c.tanh()", "o * c")),
    typed("ERR-57", EINSUM, ("torch.sigmoid(a[:, size : 2 * size]) * c", "c")),
    typed("ERR-69", CELL_TEXT, ("o * c.tanh()", "c.tanh()")),
    typed("MIS-27", CELL_TEXT, ("f * c + i * g", "i * c + f * g")),
    typed("MIS-29", EINSUM, ("a + bias_ih + bias_hh", "a + bias_ih")),
    typed("MIS-36", EINSUM, ("torch.tanh(new)", "torch.tanh(c)")),
    typed("ERR-41 + MIS-27", WRONG_ORDER, ("c.tanh()", "c.sigmoid()")),
    typed("ERR-42 + ERR-57", CELL_TEXT, ("f * c", "f * g"), ("c.tanh()", "c")),
    typed(
        "ERR-43 + MIS-36",
        EINSUM,
        ('torch.einsum("nd,kd->nk", x, weight_ih) + ', ""),
        ("tanh(new)", "tanh(c)"),
    ),
    typed("ERR-46", BACK, ("grad_c + grad_h", "grad_c * f + grad_h")),
    typed("ERR-46", GATE_BY_GATE, ("grad_c + grad_h * o * (1 - t) * (1 + t)", "grad_c")),
    typed("ERR-42", GATE_BY_GATE, ("dc * c *", "dc * (f * c + i * g) *")),
    typed("ERR-56", BACK, (" * (1 - squashed**2)", "")),
    typed("ERR-56", BACK, ("delta_c * i * (1 - g**2)", "delta_c * i * g * (1 - g)")),
    typed("ERR-57", BACK, ("grad_h * squashed * o", "grad_h * (f * c + i * g) * o")),
    typed("ERR-64", BACK, ("sum(dim=0)", "mean(dim=0)")),
    typed(
        "MIS-27",
        GATE_BY_GATE,
        ("dc * c * (f - f * f), dc * i * (1 - g * g)", "dc * i * (1 - g * g), dc * c * (f - f * f)"),
    ),
    typed("MIS-29", ONE_BIAS_BEFORE),
    typed("MIS-29", BACK, ("delta_bias,\n    )", "torch.zeros_like(delta_bias),\n    )")),
    typed("ERR-46 + MIS-29", ONE_BIAS_BEFORE, ("delta_c * f,", "delta_c,")),
    typed("ERR-56 + ERR-64", BACK, (" * (1 - squashed**2)", ""), ("sum(dim=0)", "mean(dim=0)")),
)
