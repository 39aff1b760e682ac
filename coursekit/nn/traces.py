r"""What the gates of a GRU do along a sequence, for pictures. N batch, T time, D features, H units."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.nn.recurrent import GRU


class GRUGates(NamedTuple):
    """The three layers of a GRU cell, after their activations."""

    r: Tensor  # (N, T, H) in (0, 1), how much of the past enters the candidate
    z: Tensor  # (N, T, H) in (0, 1), share of the old state (of the new one with update="new")
    n: Tensor  # (N, T, H) in (-1, 1), the candidate


def gru_trace(layer: GRU, x: Tensor, state: Tensor | None = None) -> tuple[GRUGates, Tensor]:
    r"""Every gate and every state of `layer` along x, in any of its four forms.

    The states are the layer's own; as they are known, the gates of all steps follow from them at once, by
    the equations of `gru_step` with $h_{t-1}$ the state before each step.
    Shapes: x (N, T, D), state (N, H) -> r, z, n (N, T, H) each, states (N, T, H).
    """
    states, _ = layer(x, state)  # (N, T, H)
    begin = torch.zeros_like(states[:, 0]) if state is None else state  # (N, H)
    old = torch.cat([begin[:, None], states[:, :-1]], dim=1)  # (N, T, H)
    gates = 2 * layer.hidden_size
    a = F.linear(x, layer.weight_ih, layer.bias_ih)  # (N, T, 3H)
    back = F.linear(old, layer.weight_hh, layer.bias_hh)  # (N, T, 3H)
    r, z = (a[..., :gates] + back[..., :gates]).sigmoid().chunk(2, dim=-1)  # (N, T, H) each
    if layer.reset == "after":
        past = r * back[..., gates:]  # (N, T, H)
    else:
        past = F.linear(r * old, layer.weight_hh[gates:])  # (N, T, H)
    return GRUGates(r, z, (a[..., gates:] + past).tanh()), states
