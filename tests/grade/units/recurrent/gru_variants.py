"""Unusual right answers on the GRU, and on merging the directions of a bidirectional network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import einsum
from torch.nn import functional as F

# One step


def cell_by_lerp(x, h, w_ih, w_hh, b_ih, b_hh):
    a, b = F.linear(x, w_ih, b_ih), F.linear(h, w_hh, b_hh)
    (x_r, x_z, x_n), (h_r, h_z, h_n) = a.chunk(3, 1), b.chunk(3, 1)
    n = torch.addcmul(x_n, torch.sigmoid(x_r + h_r), h_n).tanh()
    return torch.lerp(n, h, torch.sigmoid(x_z + h_z))


def cell_by_einsum(x, h, w_ih, w_hh, b_ih, b_hh):
    """Layers on an axis of their own, features first; the result is not contiguous."""
    w, u = w_ih.unflatten(0, (3, -1)), w_hh.unflatten(0, (3, -1))
    a = einsum("khd,nd->khn", w, x) + b_ih.view(3, -1, 1)
    b = einsum("khj,nj->khn", u, h) + b_hh.view(3, -1, 1)
    r, z = torch.sigmoid(a[:2] + b[:2])
    return ((1 - z) * torch.tanh(a[2] + r * b[2])).T + h * z.T


def cell_with_the_share_of_the_new(x, h, w_ih, w_hh, b_ih, b_hh):
    """The other convention for z, with all signs in what feeds it turned, and gates by tanh."""
    size = h.shape[1]
    new = (1 - torch.tanh(cut(x, h, w_ih, w_hh, b_ih, b_hh, size, 2 * size) / 2)) / 2
    r = (1 + torch.tanh(cut(x, h, w_ih, w_hh, b_ih, b_hh, 0, size) / 2)) / 2
    rows = slice(2 * size, 3 * size)
    n = torch.tanh(x @ w_ih[rows].T + b_ih[rows] + r * (h @ w_hh[rows].T) + r * b_hh[rows])
    return h - new * (h - n)


def cut(x, h, w_ih, w_hh, b_ih, b_hh, first, last):
    both, weight = torch.cat([x, h], dim=1), torch.cat([w_ih, w_hh], dim=1)[first:last]
    return both @ weight.T + (b_ih + b_hh)[first:last]


def cell_row_by_row(x, h, w_ih, w_hh, b_ih, b_hh):
    """One example after the other, in float64 and back."""

    def one(x, h):
        a, b = (w_ih.double() @ x + b_ih).view(3, -1), (w_hh.double() @ h + b_hh).view(3, -1)
        r, z = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
        return (1 - z) * torch.tanh(a[2] + r * b[2]) + z * h

    return torch.stack([one(*row) for row in zip(x.double(), h.double(), strict=True)]).to(h.dtype)


# Two directions


def merge_by_a_table(forward, backward, mode):
    joins = {
        "concat": lambda: torch.cat((forward, backward), 2),
        "sum": lambda: torch.stack((forward, backward)).sum(0),
        "average": lambda: torch.stack((forward, backward)).mean(0),
        "max": lambda: torch.stack((forward, backward)).max(0).values,
        "product": lambda: torch.stack((forward, backward)).prod(0),
    }
    if mode not in joins:
        raise ValueError(f"mode should be one of {', '.join(joins)}; received {mode!r}")
    return joins[mode]()


class UnknownMode(ValueError):
    """An exception of one's own that is a ValueError as well."""


def merge_by_algebra(forward, backward, mode):
    """The larger of two is their mean and half their distance; a new tensor is filled for concat."""
    match mode:
        case "concat":
            joined = forward.new_empty(*forward.shape[:2], 2 * forward.shape[2])
            joined[..., : forward.shape[2]] = forward
            joined[..., forward.shape[2] :] = backward
            return joined
        case "sum":
            return forward - (-backward)
        case "average":
            return torch.lerp(forward, backward, 0.5)
        case "max":
            return (forward + backward + (forward - backward).abs()) / 2
        case "product":
            return ((forward + backward) ** 2 - (forward - backward) ** 2) / 4
    raise UnknownMode(mode)


def merge_time_step_by_time_step(forward, backward, mode):
    """One step after the other, with where instead of maximum."""

    def joined(a, b):
        if mode == "concat":
            return torch.hstack([a, b])
        if mode == "max":
            return torch.where(a > b, a, b)
        return {"sum": a + b, "average": 0.5 * a + 0.5 * b, "product": torch.mul(a, b)}[mode]

    try:
        pairs = zip(forward.unbind(1), backward.unbind(1), strict=True)
        return torch.stack([joined(a, b) for a, b in pairs], dim=1)
    except KeyError:
        raise ValueError(mode) from None


VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "recurrent.gru_cell": (
        cell_by_lerp,
        cell_by_einsum,
        cell_with_the_share_of_the_new,
        cell_row_by_row,
    ),
    "recurrent.merge_directions": (merge_by_a_table, merge_by_algebra, merge_time_step_by_time_step),
}
