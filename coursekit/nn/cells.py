r"""One step of each recurrent cell: the equations, as functions without memory of their own.

Letters: N batch, D input features, H hidden units. Products with weights are matrix products; $\odot$ and
`*` act element by element. The blocks of a weight stand in PyTorch's order: i, f, g, o for the LSTM and r,
z, n for the GRU. The layers that carry these steps along a sequence are in `coursekit.nn.recurrent`.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

Activation = Literal["tanh", "relu"]
OutputActivation = Literal["tanh", "identity"]
Reset = Literal["after", "before"]
Update = Literal["old", "new"]


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next."""

    h: Tensor  # (N, H) what the next layer sees
    c: Tensor  # (N, H) what the cell remembers


class LSTMGates(NamedTuple):
    """The four layers of an LSTM cell, after their activations."""

    i: Tensor  # (N, H) in (0, 1), share of the candidate that is written
    f: Tensor  # (N, H) in (0, 1), share of the old memory that is kept
    g: Tensor  # (N, H) in (-1, 1), the candidate
    o: Tensor  # (N, H) in (0, 1), share of the memory that is shown


class Peephole(NamedTuple):
    """Weights through which three gates see the memory: (H,) each, since a gate sees only its own cell."""

    i: Tensor
    f: Tensor
    o: Tensor


class LSTMGradients(NamedTuple):
    """Gradients of a loss for all that one LSTM step reads, each in the shape of its namesake."""

    x: Tensor
    h: Tensor
    c: Tensor
    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor


S = TypeVar("S")


def check_choice(argument: str, value: str, choices: object) -> None:
    """Refuse a `value` that the `Literal` type `choices` does not name."""
    if value not in get_args(choices):
        expected = ", ".join(map(repr, get_args(choices)))
        raise ValueError(f"{argument} must be one of {expected}; got {value!r}")


def rnn_step(
    x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, activation: Activation = "tanh"
) -> Tensor:
    r"""One step of a plain recurrent network.

    $$h_t = \phi(W_{xh} x_t + W_{hh} h_{t-1} + b_h), \qquad \phi = \tanh \text{ or } \mathrm{ReLU}$$
    Shapes: x (N, D), h (N, H), weight_ih (H, D), weight_hh (H, H), bias (H,) -> (N, H).
    Source: Elman (1990), Finding structure in time.
    """
    check_choice("activation", activation, Activation)
    a = F.linear(x, weight_ih, bias) + F.linear(h, weight_hh)  # (N, H)
    return a.tanh() if activation == "tanh" else a.relu()


def lstm_gates(
    x: Tensor,
    state: LSTMState,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    *,
    peephole: Peephole | None = None,
) -> LSTMGates:
    r"""Gates and candidate of an LSTM step.

    $$i_t, f_t, o_t = \sigma(W_\bullet x_t + U_\bullet h_{t-1} + b_\bullet), \qquad
      g_t = \tanh(W_g x_t + U_g h_{t-1} + b_g)$$
    With a peephole, $p_i \odot c_{t-1}$ and $p_f \odot c_{t-1}$ are added inside the first two sigmoids, and
    $p_o \odot c_t$, the new memory, inside the third.
    Shapes: x (N, D), state (N, H) each, weight_ih (4H, D), weight_hh (4H, H), bias (4H,) -> (N, H) each.
    Source: Gers et al. (2000), Learning to forget; peephole, Gers and Schmidhuber (2000).
    """
    i, f, g, o = (F.linear(x, weight_ih, bias) + F.linear(state.h, weight_hh)).chunk(4, dim=-1)  # (N, H) each
    if peephole is None:
        return LSTMGates(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid())
    i = (i + peephole.i * state.c).sigmoid()
    f = (f + peephole.f * state.c).sigmoid()
    g = g.tanh()
    return LSTMGates(i, f, g, (o + peephole.o * (f * state.c + i * g)).sigmoid())


def lstm_update(gates: LSTMGates, c: Tensor, *, output_activation: OutputActivation = "tanh") -> LSTMState:
    r"""What the gates do with the memory `c` of the step before.

    $$c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t)$$
    With `output_activation="identity"`, as some peephole networks have it, $h_t = o_t \odot c_t$.
    """
    check_choice("output_activation", output_activation, OutputActivation)
    c = gates.f * c + gates.i * gates.g
    return LSTMState(gates.o * (c.tanh() if output_activation == "tanh" else c), c)


def lstm_step(
    x: Tensor,
    state: LSTMState,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    *,
    peephole: Peephole | None = None,
    output_activation: OutputActivation = "tanh",
) -> LSTMState:
    """One step of an LSTM: `lstm_gates`, then `lstm_update`; shapes as there."""
    gates = lstm_gates(x, state, weight_ih, weight_hh, bias, peephole=peephole)
    return lstm_update(gates, state.c, output_activation=output_activation)


def lstm_step_backward(
    grad_h: Tensor,
    grad_c: Tensor,
    x: Tensor,
    state: LSTMState,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
) -> LSTMGradients:
    r"""Gradients of an LSTM step by hand, from those of its results $h_t$ and $c_t$.

    $$\delta c_t = \tfrac{\partial L}{\partial c_t} + \delta h_t \odot o_t \odot (1 - \tanh^2 c_t), \qquad
      \delta c_{t-1} = f_t \odot \delta c_t$$
    where $\partial L / \partial c_t$ is `grad_c`, what later steps send back along the memory. Each gate's
    layer receives $\delta c_t$ (the output gate's $\delta h_t$) times what the gate multiplies times the
    gate's slope.
    Shapes: grad_h and grad_c (N, H), the rest as in `lstm_step`.
    """
    i, f, g, o = gates = lstm_gates(x, state, weight_ih, weight_hh, bias)
    tanh_c = lstm_update(gates, state.c).c.tanh()
    grad_c = grad_c + grad_h * o * (1 - tanh_c**2)
    grad_i = grad_c * g * i * (1 - i)
    grad_f = grad_c * state.c * f * (1 - f)
    grad_g = grad_c * i * (1 - g**2)
    grad_o = grad_h * tanh_c * o * (1 - o)
    grad_a = torch.cat([grad_i, grad_f, grad_g, grad_o], dim=-1)  # (N, 4H), before the activations
    return LSTMGradients(
        x=grad_a @ weight_ih,
        h=grad_a @ weight_hh,
        c=grad_c * f,
        weight_ih=grad_a.T @ x,
        weight_hh=grad_a.T @ state.h,
        bias=grad_a.sum(dim=0),
    )


def gru_step(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor | None,
    *,
    reset: Reset = "after",
    update: Update = "old",
) -> Tensor:
    r"""One step of a gated recurrent unit; by default $z_t$ is the share of the old state that is kept.

    $$r_t, z_t = \sigma(W_\bullet x_t + b_\bullet + U_\bullet h_{t-1} + b'_\bullet), \qquad
      h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t$$
    The reset gate acts after the product, as in PyTorch, or before it, as in the first paper: two models,
    $$n_t = \tanh(W_n x_t + b_n + r_t \odot (U_n h_{t-1} + b'_n)) \quad\text{or}\quad
      n_t = \tanh(W_n x_t + b_n + U_n (r_t \odot h_{t-1}) + b'_n)$$
    Before the product the two biases are only ever added, so `bias_hh` may be None there.
    With `update="new"` $z_t$ is the share of the new state, one model under another name: all that feeds
    $z_t$ changes its sign,
    $$h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t$$
    Shapes: x (N, D), h (N, H), weight_ih (3H, D), weight_hh (3H, H), biases (3H,) -> (N, H).
    Source: Cho et al. (2014), Learning phrase representations; `update="new"`, Chung et al. (2014), Empirical
    evaluation of gated recurrent neural networks.
    """
    check_choice("reset", reset, Reset)
    check_choice("update", update, Update)
    size = h.shape[-1]
    a = F.linear(x, weight_ih, bias_ih)  # (N, 3H)
    if reset == "after":
        from_state = F.linear(h, weight_hh, bias_hh)  # (N, 3H)
        r, z = (a[..., : 2 * size] + from_state[..., : 2 * size]).sigmoid().chunk(2, dim=-1)  # (N, H) each
        n = (a[..., 2 * size :] + r * from_state[..., 2 * size :]).tanh()  # (N, H)
    else:
        a = a if bias_hh is None else a + bias_hh
        r, z = (
            (a[..., : 2 * size] + F.linear(h, weight_hh[: 2 * size])).sigmoid().chunk(2, dim=-1)
        )  # (N, H) each
        n = (a[..., 2 * size :] + F.linear(r * h, weight_hh[2 * size :])).tanh()  # (N, H)
    kept = z if update == "old" else 1 - z  # (N, H)
    return kept * h + (1 - kept) * n


def unroll(step: Callable[[Tensor, S], S], x: Tensor, state: S) -> list[S]:
    """The states after each step along time, the first axis of x (T, N, D)."""
    states = []
    for x_t in x.unbind(dim=0):  # (N, D); indexing x[t] instead makes the backward pass quadratic in T
        state = step(x_t, state)
        states.append(state)
    return states
