"""Right answers to the exercises on the LSTM, as students write them: whole sources, to be damaged.

Two for each exercise, so that the damage reaches more than one way of writing: one as in the solutions, one
with slices and matrices taken apart.
"""

from __future__ import annotations

from ...forms import Answer

GATES = """
def lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    before = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    i, f, g, o = before.chunk(4, dim=-1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
"""

GATES_BY_SLICES = """
def lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[1]
    bias = bias_ih + bias_hh
    both = torch.cat([x, h], dim=1)
    weight = torch.cat([weight_ih, weight_hh], dim=1)
    i = torch.sigmoid(both @ weight[:size].T + bias[:size])
    f = torch.sigmoid(both @ weight[size : 2 * size].T + bias[size : 2 * size])
    g = torch.tanh(both @ weight[2 * size : 3 * size].T + bias[2 * size : 3 * size])
    o = 1 / (1 + torch.exp(-(both @ weight[3 * size :].T) - bias[3 * size :]))
    return i, f, g, o
"""

CELL = """
def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    c = f * c + i * g
    return o * c.tanh(), c
"""

CELL_BY_EINSUM = """
def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[1]
    a = torch.einsum("nd,kd->nk", x, weight_ih) + torch.einsum("nh,kh->nk", h, weight_hh)
    a = a + bias_ih + bias_hh
    kept = torch.sigmoid(a[:, size : 2 * size]) * c
    written = torch.sigmoid(a[:, :size]) * torch.tanh(a[:, 2 * size : 3 * size])
    new = kept + written
    return torch.sigmoid(a[:, 3 * size :]) * torch.tanh(new), new
"""

BACKWARD = """
def lstm_cell_backward(grad_h, grad_c, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    squashed = (f * c + i * g).tanh()
    delta_c = grad_c + grad_h * o * (1 - squashed**2)
    delta_gates = torch.cat(
        [
            delta_c * g * i * (1 - i),
            delta_c * c * f * (1 - f),
            delta_c * i * (1 - g**2),
            grad_h * squashed * o * (1 - o),
        ],
        dim=-1,
    )
    delta_bias = delta_gates.sum(dim=0)
    return (
        delta_gates @ weight_ih,
        delta_gates @ weight_hh,
        delta_c * f,
        delta_gates.T @ x,
        delta_gates.T @ h,
        delta_bias,
        delta_bias,
    )
"""

BACKWARD_GATE_BY_GATE = """
def lstm_cell_backward(grad_h, grad_c, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    size = h.shape[1]
    t = torch.tanh(f * c + i * g)
    dc = grad_c + grad_h * o * (1 - t) * (1 + t)
    deltas = [dc * g * (i - i * i), dc * c * (f - f * f), dc * i * (1 - g * g), grad_h * t * (o - o * o)]
    dx = torch.zeros_like(x)
    dh = torch.zeros_like(h)
    dw = torch.zeros_like(weight_ih)
    du = torch.zeros_like(weight_hh)
    db = torch.zeros_like(bias_ih)
    for k in range(4):
        rows = slice(k * size, k * size + size)
        dx = dx + deltas[k] @ weight_ih[rows]
        dh = dh + deltas[k] @ weight_hh[rows]
        dw[rows] = deltas[k].T @ x
        du[rows] = deltas[k].T @ h
        db[rows] = deltas[k].sum(dim=0)
    return dx, dh, dc * f, dw, du, db, db
"""


ADDED = "the two biases are only added"
LAST_AXIS = "of two axes, 1 is the last"
FROM_THE_END = "counted from the end: 4H - 2H is 2H"
SQUARED = "it is squared"
OVERWRITTEN = "every element is overwritten"
ZEROS = "only its shape is read, and the zeros turn into float64 with what is added to them"
SHAPE = "only its shape and dtype are read"
SAME_SHAPE = "only its shape is read, which is the same"
CAST_BACK = "it is copied into a tensor of the right dtype, without a loss"

BIASES_EXCHANGED = (
    "lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)"
    " -> lstm_gates(x, h, weight_ih, weight_hh, bias_hh, bias_ih)"
)
TWICE = ("2 * size -> -2 * size", "2 * size -> 2 * -size")

ANSWERS = (
    Answer(
        "recurrent.lstm_gates",
        "as in the solutions",
        GATES,
        equivalent={"line 4: dim=-1 -> dim=1": LAST_AXIS},
    ),
    Answer(
        "recurrent.lstm_gates",
        "by slices",
        GATES_BY_SLICES,
        equivalent={f"line {line}: {change}": FROM_THE_END for line in (8, 9) for change in TWICE},
    ),
    Answer(
        "recurrent.lstm_cell",
        "as in the solutions",
        CELL,
        GATES,
        equivalent={f"line 3: {BIASES_EXCHANGED}": ADDED},
    ),
    Answer(
        "recurrent.lstm_cell",
        "by einsum",
        CELL_BY_EINSUM,
        equivalent={f"line {line}: {change}": FROM_THE_END for line in (6, 7) for change in TWICE},
    ),
    Answer(
        "recurrent.lstm_cell_backward",
        "as in the solutions",
        BACKWARD,
        GATES,
        equivalent={
            f"line 3: {BIASES_EXCHANGED}": ADDED,
            "line 5: squashed ** 2 -> (-squashed) ** 2": SQUARED,
            "line 10: g ** 2 -> (-g) ** 2": SQUARED,
            "line 13: dim=-1 -> dim=1": LAST_AXIS,
        },
    ),
    Answer(
        "recurrent.lstm_cell_backward",
        "gate by gate",
        BACKWARD_GATE_BY_GATE,
        GATES,
        equivalent={
            f"line 3: {BIASES_EXCHANGED}": ADDED,
            "line 8: x -> x.float()": ZEROS,
            "line 8: x -> x.float().to(x.dtype)": SHAPE,
            "line 9: h -> h.float()": ZEROS,
            "line 9: h -> h.float().to(h.dtype)": SHAPE,
            "line 9: h -> c": SAME_SHAPE,
            "line 10: weight_ih -> weight_ih.float().to(weight_ih.dtype)": SHAPE,
            "line 10: torch.zeros_like(weight_ih) -> torch.ones_like(weight_ih)": OVERWRITTEN,
            "line 11: weight_hh -> weight_hh.float().to(weight_hh.dtype)": SHAPE,
            "line 11: torch.zeros_like(weight_hh) -> torch.ones_like(weight_hh)": OVERWRITTEN,
            "line 12: bias_ih -> bias_ih.float().to(bias_ih.dtype)": SHAPE,
            "line 12: bias_ih -> bias_hh": SAME_SHAPE,
            "line 12: torch.zeros_like(bias_ih) -> torch.ones_like(bias_ih)": OVERWRITTEN,
            "line 17: deltas[k].T @ x -> (deltas[k].T @ x).double()": CAST_BACK,
            "line 18: deltas[k].T @ h -> (deltas[k].T @ h).double()": CAST_BACK,
        },
    ),
)
