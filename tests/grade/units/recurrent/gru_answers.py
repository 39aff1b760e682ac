"""Right answers to the exercise on the GRU: two ways to write it, to be damaged."""

from __future__ import annotations

from ...forms import Answer

CELL = """
def gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    x_r, x_z, x_n = (x @ weight_ih.T + bias_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ weight_hh.T + bias_hh).chunk(3, dim=-1)
    r = (x_r + h_r).sigmoid()
    z = (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (1 - z) * n + z * h
"""

CELL_BY_SLICES = """
def gru_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[1]
    a = x @ weight_ih.T + bias_ih
    b = h @ weight_hh.T + bias_hh
    gates = torch.sigmoid(a[:, : 2 * size] + b[:, : 2 * size])
    r, z = gates[:, :size], gates[:, size:]
    n = torch.tanh(a[:, 2 * size :] + r * b[:, 2 * size :])
    return n + z * (h - n)
"""

LAST_AXIS = "of two axes, 1 is the last"

ANSWERS = (
    Answer(
        "recurrent.gru_cell",
        "as in the solutions",
        CELL,
        equivalent={f"line {line}: dim=-1 -> dim=1": LAST_AXIS for line in (3, 4)},
    ),
    Answer("recurrent.gru_cell", "by slices", CELL_BY_SLICES),
)
