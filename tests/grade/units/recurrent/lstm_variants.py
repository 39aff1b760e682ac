"""Right answers that do not look like the reference: other algebra, loops, einsum, numpy, custom autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, einsum
from torch.nn import functional as F

# The gates


def gates_by_linear(x, h, w_ih, w_hh, b_ih, b_hh):
    """A list instead of a tuple."""
    i, f, g, o = (F.linear(x, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, 1)
    return [i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()]


def gates_by_einsum(x, h, w_ih, w_hh, b_ih, b_hh):
    """Transposed all the way, so that the results are not contiguous; tanh by way of the sigmoid."""
    a = einsum("nd,kd->kn", x, w_ih) + einsum("nh,kh->kn", h, w_hh) + (b_ih + b_hh)[:, None]
    i, f, g, o = a.view(4, -1, len(x))
    return torch.sigmoid(i).T, torch.sigmoid(f).T, (2 * torch.sigmoid(2 * g) - 1).T, torch.sigmoid(o).T


def gates_by_loops(x, h, w_ih, w_hh, b_ih, b_hh):
    """Column by column, unit by unit, with the sigmoid written out and tensors made on the way."""
    columns = []
    for k, bias in enumerate(b_ih + b_hh):
        a = bias
        for d in range(x.shape[1]):
            a = a + w_ih[k, d] * x[:, d]
        for d in range(h.shape[1]):
            a = a + w_hh[k, d] * h[:, d]
        columns.append(a.tanh() if k // h.shape[1] == 2 else 1 / (1 + torch.exp(-a)))
    return torch.stack(columns, dim=1).split(h.shape[1], dim=1)


def gates_by_joined_matrices(x, h, w_ih, w_hh, b_ih, b_hh):
    """One product with [W U], a number made without a device, a Python list written into."""
    one = torch.tensor(1.0)
    weight, joined = torch.cat([w_ih, w_hh], dim=1), torch.cat([x, h], dim=1)
    gates = [torch.zeros_like(h) for _ in range(4)]
    for k, (rows, bias) in enumerate(zip(weight.chunk(4), (b_ih + b_hh).chunk(4), strict=True)):
        a = joined @ rows.T + bias
        gates[k] = torch.tanh(a) if k == 2 else one / (one + torch.exp(-a))
    return tuple(gates)


def gates_by_tanh(x, h, w_ih, w_hh, b_ih, b_hh):
    """Every sigmoid as a tanh of half its argument, broadcasting instead of a product of matrices."""
    a = (x[:, None] * w_ih).sum(-1) + (h[:, None] * w_hh).sum(-1) + b_ih + b_hh
    half = torch.ones_like(a).index_fill(
        1, torch.arange(len(b_ih)).to(a.device)[2 * h.shape[1] :][: h.shape[1]], 2
    )
    t = torch.tanh(a * half / 2)
    i, f, g, o = t.tensor_split(4, dim=1)
    return (1 + i) / 2, (1 + f) / 2, g, 0.5 + 0.5 * o


def gates_by_softplus(x, h, w_ih, w_hh, b_ih, b_hh):
    """By logarithms: the sigmoid through softplus, a line from 20 on and there off by 2e-9."""
    a = torch.hstack([x, h]) @ torch.hstack([w_ih, w_hh]).mT + torch.stack([b_ih, b_hh]).sum(0)
    i, f, g, o = a.unflatten(-1, (4, -1)).movedim(1, 0)
    return torch.exp(i - F.softplus(i)), torch.exp(-F.softplus(-f)), torch.tanh(g), torch.exp(F.logsigmoid(o))


class NumpySigmoid(torch.autograd.Function):
    """The sigmoid outside the graph, differentiable once and not twice."""

    @staticmethod
    def forward(ctx, a):
        with np.errstate(over="ignore"):
            y = torch.from_numpy(1 / (1 + np.exp(-a.detach().double().numpy()))).to(a.dtype)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y * (1 - y)


def gates_by_a_function_of_ones_own(x, h, w_ih, w_hh, b_ih, b_hh):
    a = torch.addmm(torch.addmm(b_ih + b_hh, x, w_ih.T), h, w_hh.T)
    i, f, g, o = a.unflatten(1, (4, -1)).unbind(1)
    return NumpySigmoid.apply(i), NumpySigmoid.apply(f), torch.tanh(g), NumpySigmoid.apply(o)


# The step


def cell_by(gates: Callable[..., Any]) -> Callable[..., Any]:
    def lstm_cell(x, h, c, *parameters):
        i, f, g, o = gates(x, h, *parameters)
        c = torch.addcmul(f * c, i, g)
        return [o * c.tanh(), c]

    lstm_cell.__name__ = f"cell_with_{gates.__name__}"
    return lstm_cell


class State(NamedTuple):
    h: Tensor
    c: Tensor


def cell_by_lerp(x, h, c, *parameters):
    """A named tuple; c as (c - g) f + g minus what the input gate holds back; h by exponentials."""
    i, f, g, o = gates_by_einsum(x, h, *parameters)
    new = torch.lerp(g, c, f) - (1 - f - i) * g
    return State(h=o * (1 - 2 / (torch.exp(2 * new) + 1)), c=new)


def cell_in_one_precision(x, h, c, *parameters):
    """Everything in float64 and back, as a careful person does."""
    i, f, g, o = gates_by_linear(*(tensor.double() for tensor in (x, h, *parameters)))
    new = f * c.double() + i * g
    return (o * new.tanh()).to(x.dtype), new.to(x.dtype)


class WholeCell(torch.autograd.Function):
    """The step and its gradient in one, with a backward pass by hand."""

    @staticmethod
    def forward(ctx, *inputs):
        ctx.save_for_backward(*inputs)
        return tuple(cell_by(gates_by_linear)(*inputs))

    @staticmethod
    def backward(ctx, grad_h, grad_c):
        return tuple(backward_by_stacking(grad_h, grad_c, *ctx.saved_tensors))


def cell_by_a_function_of_ones_own(*inputs):
    return WholeCell.apply(*inputs)


# The gradient


def backward_by_stacking(grad_h, grad_c, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """Gates on an axis of their own, other forms of the derivatives, einsum, a list."""
    i, f, g, o = gates_by_linear(x, h, w_ih, w_hh, b_ih, b_hh)
    new_c = f * c + i * g
    delta = grad_c + grad_h * o / torch.cosh(new_c) ** 2
    terms = [delta * g * (i - i * i), delta * c * (f - f * f), delta * i * (1 + g) * (1 - g)]
    a = torch.stack([*terms, grad_h * new_c.tanh() * o * (1 - o)], dim=1)  # (N, 4, H)
    hidden = h.shape[1]
    return [
        einsum("nkh,khd->nd", a, w_ih.view(4, hidden, -1)),
        einsum("nkh,khd->nd", a, w_hh.view(4, hidden, -1)),
        delta * f,
        einsum("nkh,nd->khd", a, x).reshape(4 * hidden, -1),
        einsum("nkh,nd->khd", a, h).reshape(4 * hidden, -1),
        a.sum(0).flatten(),
        a.sum(0).flatten(),
    ]


def backward_by_numpy(*arguments):
    grad_h, grad_c, x, h, c, w_ih, w_hh, b_ih, b_hh = (tensor.numpy() for tensor in arguments)
    with np.errstate(over="ignore"):
        i, f, g, o = np.split(x @ w_ih.T + h @ w_hh.T + b_ih + b_hh, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
    g = np.tanh(g)
    shown = np.tanh(f * c + i * g)
    delta = grad_c + grad_h * o * (1 - shown**2)
    terms = [
        delta * g * i * (1 - i),
        delta * c * f * (1 - f),
        delta * i * (1 - g**2),
        grad_h * shown * o * (1 - o),
    ]
    a = np.concatenate(terms, axis=1)
    results = (a @ w_ih, a @ w_hh, delta * f, a.T @ x, a.T @ h, a.sum(0), a.sum(0))
    return tuple(torch.from_numpy(result) for result in results)


def backward_row_by_row(grad_h, grad_c, x, h, c, *parameters):
    """One example of the batch after the other, sums at the end."""
    batch = zip(*(tensor.split(1) for tensor in (grad_h, grad_c, x, h, c)), strict=True)
    results = [backward_by_stacking(*one, *parameters) for one in batch]
    columns = list(zip(*results, strict=True))
    return [torch.cat(column) for column in columns[:3]] + [sum(column) for column in columns[3:]]


def backward_features_first(grad_h, grad_c, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """All of it transposed: products from the left, results that are not contiguous."""
    i, f, g, o = ((w_ih @ x.T + w_hh @ h.T).T + (b_ih + b_hh)).T.chunk(4)  # (H, N) each
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    t = (f * c.T + i * g).tanh()
    delta = grad_c.T + grad_h.T * o * (1 - t**2)
    a = torch.vstack(
        [
            delta * g * i * (1 - i),
            delta * c.T * f * (1 - f),
            delta * i * (1 - g**2),
            grad_h.T * t * o * (1 - o),
        ]
    )
    both = a @ torch.ones_like(x[:, :1])  # (4H, 1)
    return (
        (w_ih.T @ a).T,
        (w_hh.T @ a).T,
        (delta * f).T,
        (x.T @ a.T).T,
        (h.T @ a.T).T,
        both[:, 0],
        both.squeeze(1),
    )


def backward_into_tensors_of_its_own(grad_h, grad_c, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """In place throughout, but never in an argument."""
    hidden = h.shape[1]
    a = torch.empty(len(x), 4 * hidden, dtype=x.dtype, device=x.device)
    torch.addmm(b_ih, x, w_ih.T, out=a)
    a.addmm_(h, w_hh.T).add_(b_hh)
    i, f, g, o = a.clone().split(hidden, dim=1)
    i.sigmoid_(), f.sigmoid_(), g.tanh_(), o.sigmoid_()
    t = (f * c).addcmul_(i, g).tanh_()
    delta = t.square().neg_().add_(1).mul_(o).mul_(grad_h).add_(grad_c)
    a[:, :hidden] = delta * g * i * (1 - i)
    a[:, hidden : 2 * hidden] = delta * c * f * (1 - f)
    a[:, 2 * hidden : 3 * hidden] = delta * i * (1 - g * g)
    a[:, -hidden:] = grad_h * t * o * (1 - o)
    outer_x, outer_h = (torch.zeros_like(w) for w in (w_ih, w_hh))
    for n in range(len(x)):
        outer_x += torch.outer(a[n], x[n])
        outer_h.addr_(a[n], h[n])
    return a @ w_ih, a @ w_hh, delta.mul_(f), outer_x, outer_h, a.sum(0), a.sum(0)


UNUSUAL_GATES = (
    gates_by_linear,
    gates_by_einsum,
    gates_by_loops,
    gates_by_joined_matrices,
    gates_by_tanh,
    gates_by_softplus,
    gates_by_a_function_of_ones_own,
)
VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "recurrent.lstm_gates": UNUSUAL_GATES,
    "recurrent.lstm_cell": (
        *map(cell_by, (gates_by_joined_matrices, gates_by_tanh, gates_by_softplus)),
        cell_by(gates_by_a_function_of_ones_own),
        cell_by_lerp,
        cell_in_one_precision,
        cell_by_a_function_of_ones_own,
    ),
    "recurrent.lstm_cell_backward": (
        backward_by_stacking,
        backward_by_numpy,
        backward_row_by_row,
        backward_features_first,
        backward_into_tensors_of_its_own,
    ),
}
