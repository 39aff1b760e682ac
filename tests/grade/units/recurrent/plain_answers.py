"""Right answers to the exercises on the plain recurrent network: two ways to write each, to be damaged."""

from __future__ import annotations

from ...forms import Answer

CELL = """
def rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    before = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    return before.tanh()
"""

CELL_BY_EINSUM = """
def rnn_cell(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    both = torch.cat([h, x], dim=1)
    weight = torch.cat([weight_hh, weight_ih], dim=1)
    return torch.tanh(torch.einsum("nk,hk->nh", both, weight) + (bias_ih + bias_hh))
"""

BACKWARD = """
def rnn_backward(grad_outputs, x, h0, weight_ih, weight_hh, bias):
    states = [h0]
    for x_t in x:
        states.append((x_t @ weight_ih.T + states[-1] @ weight_hh.T + bias).tanh())
    deltas, later = [], 0
    for t in reversed(range(len(x))):
        deltas.append((grad_outputs[t] + later) * (1 - states[t + 1] ** 2))
        later = deltas[-1] @ weight_hh
    delta = torch.stack(deltas[::-1])
    read = torch.stack(states[:-1])
    return (
        delta @ weight_ih,
        later,
        (delta.mT @ x).sum(dim=0),
        (delta.mT @ read).sum(dim=0),
        delta.flatten(0, 1).sum(dim=0),
    )
"""

BACKWARD_BY_EINSUM = """
def rnn_backward(grad_outputs, x, h0, weight_ih, weight_hh, bias):
    h, da, dh = [h0], [], 0
    for a in x @ weight_ih.T + bias:
        h = h + [torch.tanh(a + torch.einsum("nk,hk->nh", h[-1], weight_hh))]
    for grad, new in zip(grad_outputs.flip(0), h[:0:-1]):
        da = [(grad + dh) * (1 - new) * (1 + new)] + da
        dh = torch.einsum("nh,hk->nk", da[0], weight_hh)
    da = torch.stack(da)
    dx = torch.einsum("tnh,hd->tnd", da, weight_ih)
    dw = torch.einsum("tnh,tnd->hd", da, x)
    du = torch.einsum("tnh,tnk->hk", da, torch.stack(h[:-1]))
    return dx, dh, dw, du, da.flatten(0, 1).sum(dim=0)
"""

CLIP = """
def clip_gradient_norm(gradients, max_norm):
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    scale = (max_norm / norm).clamp(max=1)
    return [gradient * scale for gradient in gradients]
"""

CLIP_BY_LOOPS = """
def clip_gradient_norm(gradients, max_norm):
    total = 0
    for gradient in gradients:
        total = total + (gradient ** 2).sum()
    norm = total ** 0.5
    if norm > max_norm:
        return [max_norm * gradient / norm for gradient in gradients]
    return gradients
"""

SQUARED = "it is squared"
STEPS = "only its number of steps is read, which is the same"
COMPARED = "it is only compared, and no norm of the exam is next to max_norm"

ANSWERS = (
    Answer("recurrent.rnn_cell", "as in the solutions", CELL),
    Answer("recurrent.rnn_cell", "by einsum", CELL_BY_EINSUM),
    Answer(
        "recurrent.rnn_backward",
        "as in the solutions",
        BACKWARD,
        equivalent={
            "line 7: x -> x.float()": STEPS,
            "line 7: x -> x.double()": STEPS,
            "line 7: x -> x.float().to(x.dtype)": STEPS,
            "line 7: x -> grad_outputs": STEPS,
            "line 8: states[t + 1] ** 2 -> (-states[t + 1]) ** 2": SQUARED,
        },
    ),
    Answer("recurrent.rnn_backward", "by einsum", BACKWARD_BY_EINSUM),
    Answer("recurrent.clip_gradient_norm", "as in the solutions", CLIP),
    Answer(
        "recurrent.clip_gradient_norm",
        "by loops",
        CLIP_BY_LOOPS,
        equivalent={
            "line 5: gradient ** 2 -> (-gradient) ** 2": SQUARED,
            "line 7: norm -> norm.float()": COMPARED,
            "line 7: norm -> norm.double()": COMPARED,
            "line 7: norm -> norm.float().to(norm.dtype)": COMPARED,
        },
    ),
)
