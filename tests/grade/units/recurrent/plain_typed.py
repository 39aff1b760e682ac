"""Mistakes typed into right answers on the plain recurrent network, and the ids they must get."""

from __future__ import annotations

from ...forms import Answer, typed
from .plain_answers import BACKWARD, BACKWARD_BY_EINSUM, CELL, CELL_BY_EINSUM, CLIP, CLIP_BY_LOOPS

CELL_TEXT = Answer("recurrent.rnn_cell", "cell", CELL)
JOINED = Answer("recurrent.rnn_cell", "cell by einsum", CELL_BY_EINSUM)
BACK = Answer("recurrent.rnn_backward", "backward", BACKWARD)
EINSUM = Answer("recurrent.rnn_backward", "backward by einsum", BACKWARD_BY_EINSUM)
CLIP_TEXT = Answer("recurrent.clip_gradient_norm", "clip", CLIP)
LOOPS = Answer("recurrent.clip_gradient_norm", "clip by loops", CLIP_BY_LOOPS)

TYPED = (
    typed("RNN-S01", CELL_TEXT, ("before.tanh()", "before")),
    typed("RNN-S01", CELL_TEXT, ("tanh", "sigmoid")),
    typed("RNN-S02", CELL_TEXT, ("h @ weight_hh.T", "(h @ weight_hh.T).tanh()")),
    typed("MIS-29", CELL_TEXT, (" + bias_hh", "")),
    typed("MIS-29", JOINED, ("bias_ih + bias_hh", "bias_hh")),
    typed("ERR-60", JOINED, (" + (bias_ih + bias_hh)", "")),
    typed("ERR-59", CELL_TEXT, ("x @ weight_ih.T + ", "")),
    typed("RNN-S03", CELL_TEXT, (" + h @ weight_hh.T", "")),
    typed("RNN-S04", CELL_TEXT, ("x @ weight_ih.T", "x @ weight_hh.T"), ("h @ weight_hh", "h @ weight_ih")),
    typed("RNN-S05", CELL_TEXT, ("weight_hh.T", "weight_hh")),
    typed("RNN-S05", CELL_TEXT, ("weight_ih.T", "weight_ih")),
    typed("ERR-37", JOINED, ("[h, x]", "[x, h]")),
    typed("RNN-S06", CELL_TEXT, ("return before", "return h + before")),
    typed("MIS-29 + RNN-S01", CELL_TEXT, (" + bias_ih", ""), ("before.tanh()", "before.relu()")),
    typed("RNN-S05 + ERR-60", CELL_TEXT, (" + bias_ih", ""), ("weight_hh.T + bias_hh", "weight_hh")),
    typed("ERR-56", BACK, (" * (1 - states[t + 1] ** 2)", "")),
    typed("ERR-56", EINSUM, (" * (1 + new)", "")),
    typed("RNN-S07", BACK, ("states[t + 1] ** 2", "states[t + 1].tanh() ** 2")),
    typed("RNN-S08", BACK, ("states[t + 1] ** 2", "states[t] ** 2")),
    typed("RNN-S09", BACK, ("grad_outputs[t] + later", "grad_outputs[t]")),
    typed("RNN-S10", BACK, ("grad_outputs[t] + later", "grad_outputs[t] if t == len(x) - 1 else later")),
    typed("RNN-S11", BACK, ("deltas[-1] @ weight_hh", "deltas[-1] @ weight_hh.T")),
    typed("RNN-S11", EINSUM, ("nh,hk->nk", "nh,kh->nk")),
    typed("RNN-S12", BACK, ("deltas[-1] @ weight_hh", "deltas[-1]")),
    typed("ERR-64", BACK, ("(delta.mT @ x).sum(dim=0)", "delta[-1].T @ x[-1]")),
    typed("ERR-64", BACK, ("(delta.mT @ x).sum", "(delta.mT @ x).mean"), ("read).sum", "read).mean")),
    typed("ERR-64", EINSUM, ("da.flatten(0, 1).sum", "da.flatten(0, 1).mean")),
    typed("RNN-S18", BACK, ("delta.flatten(0, 1).sum(dim=0)", "delta.sum(dim=0)")),
    typed("RNN-S13", BACK, ("states[:-1]", "states[1:]")),
    typed("RNN-S14", BACK, ("states[:-1]", "[0 * h0] + states[1:-1]")),
    typed("RNN-S14", BACK, ("states = [h0]", "states = [torch.zeros_like(h0)]")),
    typed("RNN-S15", BACK, ("        later,", "        torch.zeros_like(h0),")),
    typed("RNN-S15", BACK, ("        later,", "        delta[0],")),
    typed("RNN-S16", BACK, ("torch.stack(deltas[::-1])", "torch.stack(deltas)")),
    typed("RNN-S17", BACK, ("(delta.mT @ read)", "(read.mT @ delta)")),
    typed("RNN-S17", EINSUM, ("tnh,tnk->hk", "tnh,tnk->kh")),
    typed("RNN-S01", BACK, (".tanh()", "")),
    typed("ERR-60", EINSUM, (" + bias", "")),
    typed("ERR-56 + RNN-S14", BACK, (" * (1 - states[t + 1] ** 2)", ""), ("= [h0]", "= [0 * h0]")),
    typed(
        "RNN-S11 + RNN-S13",
        BACK,
        ("deltas[-1] @ weight_hh", "deltas[-1] @ weight_hh.T"),
        ("states[:-1]", "states[1:]"),
    ),
    typed("MIS-34", CLIP_TEXT, ("gradient * scale", "gradient.clamp(-max_norm, max_norm)")),
    typed(
        "RNN-S20",
        LOOPS,
        ("max_norm * gradient / norm", "gradient * (max_norm / gradient.norm()).clamp(max=1)"),
    ),
    typed("RNN-S21", CLIP_TEXT, (".clamp(max=1)", "")),
    typed("RNN-S21", LOOPS, ("norm > max_norm", "norm < max_norm")),
    typed("RNN-S22", CLIP_TEXT, ("(max_norm / norm).clamp(max=1)", "norm.clamp(max=max_norm) / norm")),
    typed("RNN-S23", LOOPS, (" ** 0.5", "")),
    typed("RNN-S24", CLIP_TEXT, ("]).norm()", "]).sum()")),
    typed("RNN-S24", LOOPS, ("gradient ** 2", "gradient.abs()"), (" ** 0.5", "")),
    typed("RNN-S25", CLIP_TEXT, ("max_norm / norm", "norm / max_norm")),
    typed("RNN-S26", LOOPS, ("max_norm * gradient / norm", "gradient / norm")),
    typed("RNN-S27", CLIP_TEXT, ("max_norm / norm", "max_norm ** 2 / norm")),
    typed(
        "RNN-S28",
        CLIP_TEXT,
        ("gradient * scale", "gradient * scale if gradient.norm() > max_norm else gradient"),
    ),
    typed("RNN-S21 + RNN-S23", CLIP_TEXT, (".clamp(max=1)", ""), ("]).norm()", "]).square().sum()")),
)
