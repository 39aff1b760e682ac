"""Mistakes typed into right answers on the GRU and on merging directions, and the ids they must get."""

from __future__ import annotations

from ...forms import Answer, typed
from .gru_answers import CELL, CELL_BY_SLICES
from .merging_answers import MERGE, MERGE_BY_STACK

CELL_TEXT = Answer("recurrent.gru_cell", "cell", CELL)
SLICES = Answer("recurrent.gru_cell", "cell by slices", CELL_BY_SLICES)
MERGE_TEXT = Answer("recurrent.merge_directions", "merge", MERGE)
STACK = Answer("recurrent.merge_directions", "merge by stack", MERGE_BY_STACK)

TYPED = (
    typed("MIS-28", CELL_TEXT, ("x_r, x_z, x_n", "x_z, x_r, x_n"), ("h_r, h_z, h_n", "h_z, h_r, h_n")),
    typed(
        "MIS-28",
        SLICES,
        ("r, z = gates[:, :size], gates[:, size:]", "z, r = gates[:, :size], gates[:, size:]"),
    ),
    typed("MIS-28", CELL_TEXT, ("x_r, x_z, x_n", "x_n, x_r, x_z"), ("h_r, h_z, h_n", "h_n, h_r, h_z")),
    typed("MIS-29", CELL_TEXT, (" + bias_hh", "")),
    typed("MIS-29", SLICES, (" + bias_ih", "")),
    typed(
        "MIS-29", CELL_TEXT, (" + bias_ih", ""), ("weight_hh.T + bias_hh", "weight_hh.T + bias_hh + bias_ih")
    ),
    typed(
        "ERR-52",
        CELL_TEXT,
        ("weight_ih.T + bias_ih", "weight_ih.T + bias_ih + bias_hh"),
        ("weight_hh.T + bias_hh", "weight_hh.T"),
    ),
    typed("ERR-52", CELL_TEXT, ("(1 - z) * n + z * h", "z * n + (1 - z) * h")),
    typed(
        "ERR-52",
        CELL_TEXT,
        ("x_n + r * h_n", "x_n + (r * h) @ weight_hh[2 * h.shape[1] :].T + bias_hh[2 * h.shape[1] :]"),
    ),
    typed("ERR-51", CELL_TEXT, ("(1 - z) * n + z * h", "(1 - r) * n + r * h")),
    typed("ERR-51", CELL_TEXT, ("x_n + r * h_n", "r * h_n")),
    typed("ERR-51", CELL_TEXT, ("x_n + r * h_n", "x_n + z * h_n")),
    typed("ERR-35", CELL_TEXT, ("(x_z + h_z).sigmoid()", "x_z + h_z")),
    typed("ERR-35", SLICES, ("torch.sigmoid", "torch.tanh")),
    typed(
        "ERR-36", SLICES, ("torch.sigmoid(", "torch.round(torch.sigmoid("), ("2 * size])\n", "2 * size]))\n")
    ),
    typed("ERR-43", CELL_TEXT, ("x_n + r", "x_r + r"), ("r * h_n", "r * h_r")),
    typed("RNN-S30", CELL_TEXT, ("r * h_n", "h_n")),
    typed("RNN-S31", CELL_TEXT, ("x_n + r * h_n", "r * (x_n + h_n)")),
    typed("RNN-S32", CELL_TEXT, ("x_n + r * h_n", "x_n")),
    typed("RNN-S33", CELL_TEXT, ("r * h_n).tanh()", "r * h_n).sigmoid()")),
    typed("RNN-S34", CELL_TEXT, (" + z * h\n", "\n")),
    typed("RNN-S35", CELL_TEXT, ("(1 - z) * n", "n")),
    typed("RNN-S36", CELL_TEXT, ("+ z * h\n", "+ z * r * h\n")),
    typed("RNN-S37", CELL_TEXT, ("(1 - z) * n + z * h", "((1 - z) * n + z * h).tanh()")),
    typed("MIS-29 + ERR-52", CELL_TEXT, (" + bias_ih", ""), ("(1 - z) * n + z * h", "z * n + (1 - z) * h")),
    typed("ERR-65", MERGE_TEXT, ("dim=-1", "dim=1")),
    typed("ERR-65", STACK, ("return both.flatten(2)", "return both")),
    typed("RNN-S40", MERGE_TEXT, ("cat([forward, backward]", "cat([backward, forward]")),
    typed(
        "RNN-S41",
        MERGE_TEXT,
        ('    if mode == "concat":', '    backward = backward.flip(1)\n    if mode == "concat":'),
    ),
    typed("RNN-S42", STACK, ("both.flatten(2)", "both.mT.flatten(2)")),
    typed("RNN-S43", MERGE_TEXT, (" / 2", "")),
    typed("RNN-S43", STACK, ("both.sum(", "both.mean(")),
    typed("RNN-S44", MERGE_TEXT, ("maximum", "minimum")),
    typed("RNN-S45", MERGE_TEXT, ("forward * backward", "forward + backward")),
    typed(
        "RNN-S46",
        MERGE_TEXT,
        ('    raise ValueError("mode must be concat, sum, average, max or product")\n', ""),
    ),
    typed("RNN-S46", MERGE_TEXT, ('    if mode == "product":\n        return', "    return")),
    typed("RNN-S43 + RNN-S44", MERGE_TEXT, (" / 2", ""), ("maximum", "minimum")),
)
