"""Unusual right answers on the plain recurrent network: its step, its way back through time, and clipping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import einsum
from torch.nn import functional as F

# One step


def cell_by_linear(x, h, w_ih, w_hh, b_ih, b_hh):
    return torch.tanh(F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh))


def cell_features_first(x, h, w_ih, w_hh, b_ih, b_hh):
    """Transposed all the way, with tanh by way of the sigmoid; the result is not contiguous."""
    a = w_ih @ x.T + w_hh @ h.T + (b_ih + b_hh)[:, None]
    return (2 * torch.sigmoid(2 * a) - 1).T


def cell_by_loops(x, h, w_ih, w_hh, b_ih, b_hh):
    """Unit by unit, with the biases as the weights of a one that is appended."""
    read = torch.cat([x, h, torch.ones_like(x[:, :1])], dim=1)
    weight = torch.cat([w_ih, w_hh, (b_ih + b_hh)[:, None]], dim=1)
    return torch.stack([(read * row).sum(dim=1) for row in weight], dim=1).tanh()


class NumpyTanh(torch.autograd.Function):
    """tanh outside the graph, with a slope by hand."""

    @staticmethod
    def forward(ctx, a):
        y = torch.from_numpy(np.tanh(a.detach().numpy()))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * (1 - y * y)


def cell_by_a_function_of_ones_own(x, h, w_ih, w_hh, b_ih, b_hh):
    return NumpyTanh.apply(torch.addmm(b_ih + b_hh, x, w_ih.T) + h @ w_hh.mT)


# Back through time


def states_of(x, h0, w_ih, w_hh, b):
    """All states, the first included, (T + 1, N, H)."""
    states = [h0]
    for a in x @ w_ih.T + b:
        states.append(torch.tanh(a + states[-1] @ w_hh.T))
    return torch.stack(states)


def backward_by_einsum(grad_outputs, x, h0, w_ih, w_hh, b):
    """Deltas in the order in which they come, turned round once at the end; a list."""
    states = states_of(x, h0, w_ih, w_hh, b)
    deltas, later = [], torch.zeros_like(h0)
    for grad, h in zip(grad_outputs.flip(0), states[1:].flip(0), strict=True):
        deltas.append((grad + later) * (1 + h) * (1 - h))
        later = einsum("nh,hk->nk", deltas[-1], w_hh)
    a = torch.stack(deltas).flip(0)
    return [
        einsum("tnh,hd->tnd", a, w_ih),
        later,
        einsum("tnh,tnd->hd", a, x),
        einsum("tnh,tnk->hk", a, states[:-1]),
        einsum("tnh->h", a),
    ]


def backward_by_numpy(*arguments):
    grad_outputs, x, h0, w_ih, w_hh, b = (tensor.numpy() for tensor in arguments)
    h = [h0]
    for x_t in x:
        h.append(np.tanh(x_t @ w_ih.T + h[-1] @ w_hh.T + b))
    dx, dh = np.zeros_like(x), np.zeros_like(h0)
    dw, du, db = np.zeros_like(w_ih), np.zeros_like(w_hh), np.zeros_like(b)
    for t in range(len(x))[::-1]:
        da = (grad_outputs[t] + dh) * (1 - h[t + 1] ** 2)
        dx[t], dh = da @ w_ih, da @ w_hh
        dw += da.T @ x[t]
        du += da.T @ h[t]
        db += da.sum(axis=0)
    return tuple(torch.from_numpy(result) for result in (dx, dh, dw, du, db))


def backward_by_recursion(grad_outputs, x, h0, w_ih, w_hh, b):
    """The first step, and the rest of the sequence by the same function."""
    if len(x) == 0:
        return x, torch.zeros_like(h0), *(torch.zeros_like(tensor) for tensor in (w_ih, w_hh, b))
    h = torch.tanh(x[0] @ w_ih.T + h0 @ w_hh.T + b)
    dx, later, dw, du, db = backward_by_recursion(grad_outputs[1:], x[1:], h, w_ih, w_hh, b)
    a = (grad_outputs[0] + later) * (1 - h * h)
    dx = torch.cat([(a @ w_ih)[None], dx])
    return dx, a @ w_hh, dw + a.T @ x[0], du + a.T @ h0, db + a.sum(0)


def backward_by_products_of_jacobians(grad_outputs, x, h0, w_ih, w_hh, b):
    """Forwards: what each state does to all later outputs, by products of the steps' Jacobians."""
    states = states_of(x, h0, w_ih, w_hh, b)
    slopes = 1 - states[1:] ** 2  # (T, N, H)
    jacobians = slopes[..., None] * w_hh  # (T, N, H, H), of h_t for h_{t-1}
    total = torch.zeros_like(grad_outputs)
    for t in range(len(x)):
        reach = torch.eye(len(w_hh), dtype=x.dtype, device=x.device).expand(len(h0), -1, -1)
        for k in range(t, len(x)):
            reach = jacobians[k] @ reach if k > t else reach
            total[t] += einsum("nh,nhk->nk", grad_outputs[k], reach)
    a = (total * slopes).flatten(0, 1)
    first = (total[0] * slopes[0]) @ w_hh
    old = states[:-1].flatten(0, 1)
    return (a @ w_ih).view_as(x), first, a.T @ x.flatten(0, 1), a.T @ old, a.sum(0)


# Clipping


def clip_as_the_library_does(gradients, max_norm):
    """With the small number that PyTorch adds to the norm."""
    norm = torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients]))
    return [g * torch.clamp(max_norm / (norm + 1e-6), max=1.0) for g in gradients]


def clip_by_python(gradients, max_norm):
    """The norm as a Python number."""
    norm = sum(float(g.double().pow(2).sum()) for g in gradients) ** 0.5
    if norm <= max_norm:
        return tuple(gradients)
    return tuple(g * (max_norm / norm) for g in gradients)


def clip_as_one_vector(gradients, max_norm):
    """Joined, projected onto the ball, and cut up again."""
    vector = torch.hstack([g.reshape(-1) for g in gradients])
    norm = vector.norm()
    vector = torch.where(norm > max_norm, vector / norm.clamp(min=max_norm) * max_norm, vector)
    pieces = vector.split([g.numel() for g in gradients])
    return [piece.view(g.shape) for piece, g in zip(pieces, gradients, strict=True)]


def clip_by_the_largest(gradients, max_norm):
    """Divided by the largest element first, as a careful person does against overflow."""
    largest = max(g.abs().max() for g in gradients)
    if largest == 0:
        return [g + 0 for g in gradients]
    norm = largest * torch.stack([((g / largest) ** 2).sum() for g in gradients]).sum().sqrt()
    return [g / torch.maximum(norm / max_norm, torch.ones_like(norm)) for g in gradients]


VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "recurrent.rnn_cell": (
        cell_by_linear,
        cell_features_first,
        cell_by_loops,
        cell_by_a_function_of_ones_own,
    ),
    "recurrent.rnn_backward": (
        backward_by_einsum,
        backward_by_numpy,
        backward_by_recursion,
        backward_by_products_of_jacobians,
    ),
    "recurrent.clip_gradient_norm": (
        clip_as_the_library_does,
        clip_by_python,
        clip_as_one_vector,
        clip_by_the_largest,
    ),
}
