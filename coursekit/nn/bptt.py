"""Whole sequences, with backpropagation through time written by hand.

The equations are those of `coursekit.nn.cells`; here they run about as fast as the library's own layers,
because
- the inputs of all steps meet their weights in one product, before the loop,
- the forward loop keeps activations for the way back instead of building a graph,
- the backward loop does only what must wait for the later step. How strongly a step's results answer to
  each of its gates is known from the activations alone, so these slopes are computed for all steps at once
  and the loop merely scales them,
- the gradient of a weight, a sum over steps, is one product over all of them.

Letters: T time, N batch, D input features, H hidden units, G rows of a weight. Time comes first, so that a
step is one block of memory; an axis of T + 1 holds the state before the first step, then the state after
each. `delta` is the gradient of the loss for what the activations receive. Asked for gradients that can be
differentiated again, the backward pass replays the plain loop under autograd.
Source: Werbos (1990), Backpropagation through time: what it does and how to do it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from coursekit.nn.cells import LSTMState, gru_step, lstm_step, rnn_step, unroll

# (gradient for a result, result) -> gradient for the activation's argument, in one pass over memory.
sigmoid_backward = torch.ops.aten.sigmoid_backward
tanh_backward = torch.ops.aten.tanh_backward


def rnn_sequence(x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor) -> Tensor:
    """`rnn_step` with tanh along x (T, N, D) from the state h (N, H) -> states (T, N, H)."""
    states: Tensor = _apply(_RNNSequence, x, h, weight_ih, weight_hh, bias)
    return states


def lstm_sequence(
    x: Tensor, state: LSTMState, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
) -> LSTMState:
    """`lstm_step` along x (T, N, D) from a state (N, H) each -> states (T, N, H) each."""
    return LSTMState(*_apply(_LSTMSequence, x, *state, weight_ih, weight_hh, bias))


def gru_sequence(
    x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> Tensor:
    """`gru_step`, reset after the product, along x (T, N, D) from the state h (N, H) -> states (T, N, H)."""
    states: Tensor = _apply(_GRUSequence, x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return states


def _apply(function: type[torch.autograd.Function], *inputs: Tensor) -> Any:
    return function.apply(*inputs)


class _RNNSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h_0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
    ) -> Tensor:
        h = _input_product(x, weight_ih, bias)  # (T, N, H), turned into states in place
        h_prev = h_0
        for h_t in h.unbind():  # (N, H)
            h_prev = h_t.addmm_(h_prev, weight_hh.T).tanh_()
        ctx.save_for_backward(x, h_0, weight_ih, weight_hh, bias, h)
        return h

    @staticmethod
    def backward(ctx: Any, grad_h: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, h = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _replay(_rnn_loop, inputs, [grad_h])
        x, h_0, weight_ih, weight_hh, _ = inputs

        grad_h = _states(torch.zeros_like(h_0), grad_h)  # (T + 1, N, H), completed from the end
        delta = torch.empty_like(h)  # (T, N, H)
        grad_h_at, delta_at, h_at = grad_h.unbind(), delta.unbind(), h.unbind()
        for t in reversed(range(len(x))):
            tanh_backward.grad_input(grad_h_at[t + 1], h_at[t], grad_input=delta_at[t])
            grad_h_at[t].addmm_(delta_at[t], weight_hh)

        grad_x, grad_weight_ih, grad_bias = _input_gradients(ctx, delta, x, weight_ih)
        grad_weight_hh = _weight_gradient(delta, _states(h_0, h[:-1]))
        return grad_x, grad_h[0], grad_weight_ih, grad_weight_hh, grad_bias


class _LSTMSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h_0: Tensor, c_0: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        gates = _input_product(x, weight_ih, bias)  # (T, N, 4H), turned into gates in place
        h, c, tanh_c = (x.new_empty(len(x), *h_0.shape) for _ in range(3))  # (T, N, H) each
        h_prev, c_prev = h_0, c_0
        for a, h_t, c_t, tanh_c_t in zip(
            gates.unbind(), h.unbind(), c.unbind(), tanh_c.unbind(), strict=True
        ):
            i, f, g, o = a.addmm_(h_prev, weight_hh.T).chunk(4, dim=1)  # (N, H) each
            i.sigmoid_()
            f.sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, c_prev, out=c_t).addcmul_(i, g)
            torch.mul(o, torch.tanh(c_t, out=tanh_c_t), out=h_t)
            h_prev, c_prev = h_t, c_t
        ctx.save_for_backward(x, h_0, c_0, weight_ih, weight_hh, bias, h, c, gates, tanh_c)
        return h, c

    @staticmethod
    def backward(ctx: Any, grad_h: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, h, c, gates, tanh_c = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _replay(_lstm_loop, inputs, [grad_h, grad_c])
        x, h_0, c_0, weight_ih, weight_hh, _ = inputs

        i, f, g, o = gates.chunk(4, dim=2)  # (T, N, H) each
        delta = torch.empty_like(gates)  # (T, N, 4H), slopes until the loop scales them
        delta_i, delta_f, delta_g, delta_o = delta.chunk(4, dim=2)
        sigmoid_backward.grad_input(g, i, grad_input=delta_i)
        sigmoid_backward.grad_input(_states(c_0, c[:-1]), f, grad_input=delta_f)
        tanh_backward.grad_input(i, g, grad_input=delta_g)
        sigmoid_backward.grad_input(tanh_c, o, grad_input=delta_o)
        slope_c = tanh_backward(o, tanh_c)  # (T, N, H), of h_t by c_t

        grad_h = _states(torch.zeros_like(h_0), grad_h)  # (T + 1, N, H), completed from the end
        grad_c = _states(torch.zeros_like(c_0), grad_c)  # (T + 1, N, H), likewise
        grad_h_at, grad_c_at, slope_c_at = grad_h.unbind(), grad_c.unbind(), slope_c.unbind()
        f_at, delta_at, delta_o_at = f.unbind(), delta.unbind(), delta_o.unbind()
        delta_ifg_at = delta.unflatten(2, (4, -1))[:, :, :3].unbind()  # (N, 3, H) each
        for t in reversed(range(len(x))):
            grad_c_at[t + 1].addcmul_(grad_h_at[t + 1], slope_c_at[t])
            delta_ifg_at[t].mul_(grad_c_at[t + 1].unsqueeze(1))
            delta_o_at[t].mul_(grad_h_at[t + 1])
            grad_c_at[t].addcmul_(grad_c_at[t + 1], f_at[t])
            grad_h_at[t].addmm_(delta_at[t], weight_hh)

        grad_x, grad_weight_ih, grad_bias = _input_gradients(ctx, delta, x, weight_ih)
        grad_weight_hh = _weight_gradient(delta, _states(h_0, h[:-1]))
        return grad_x, grad_h[0], grad_c[0], grad_weight_ih, grad_weight_hh, grad_bias


class _GRUSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        h_0: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
    ) -> Tensor:
        gates = _input_product(x, weight_ih, bias_ih)  # (T, N, 3H), turned into gates in place
        # `remembered` is what the reset gate weakens, U_n h_{t-1} + b'_n.
        h, remembered = (x.new_empty(len(x), *h_0.shape) for _ in range(2))  # (T, N, H) each
        h_prev = h_0
        for a, h_t, remembered_t in zip(gates.unbind(), h.unbind(), remembered.unbind(), strict=True):
            r, z, n = a.chunk(3, dim=1)  # (N, H) each
            h_r, h_z, h_n = torch.addmm(bias_hh, h_prev, weight_hh.T).chunk(3, dim=1)
            r.add_(h_r).sigmoid_()
            z.add_(h_z).sigmoid_()
            n.addcmul_(r, remembered_t.copy_(h_n)).tanh_()
            h_prev = torch.lerp(n, h_prev, z, out=h_t)
        ctx.save_for_backward(x, h_0, weight_ih, weight_hh, bias_ih, bias_hh, h, gates, remembered)
        return h

    @staticmethod
    def backward(ctx: Any, grad_h: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, h, gates, remembered = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _replay(_gru_loop, inputs, [grad_h])
        x, h_0, weight_ih, weight_hh, _, _ = inputs

        r, z, n = gates.chunk(3, dim=2)  # (T, N, H) each
        h_prev = _states(h_0, h[:-1])  # (T, N, H)
        delta = torch.empty_like(gates)  # (T, N, 3H), slopes until the loop scales them
        delta_r, delta_z, delta_n = delta.chunk(3, dim=2)
        slope_n = tanh_backward(1 - z, n)  # (T, N, H)
        sigmoid_backward.grad_input(slope_n * remembered, r, grad_input=delta_r)
        sigmoid_backward.grad_input(h_prev - n, z, grad_input=delta_z)
        torch.mul(slope_n, r, out=delta_n)  # for the recurrent product, which the reset gate weakens

        grad_h = _states(torch.zeros_like(h_0), grad_h)  # (T + 1, N, H), completed from the end
        grad_h_at, delta_at, z_at = grad_h.unbind(), delta.unbind(), z.unbind()
        delta_rzn_at = delta.unflatten(2, (3, -1)).unbind()  # (N, 3, H) each
        for t in reversed(range(len(x))):
            delta_rzn_at[t].mul_(grad_h_at[t + 1].unsqueeze(1))
            grad_h_at[t].addcmul_(grad_h_at[t + 1], z_at[t]).addmm_(delta_at[t], weight_hh)

        grad_weight_hh, grad_bias_hh = _weight_gradient(delta, h_prev), delta.sum((0, 1))
        torch.mul(slope_n, grad_h[1:], out=delta_n)  # for the input's product
        grad_x, grad_weight_ih, grad_bias_ih = _input_gradients(ctx, delta, x, weight_ih)
        return grad_x, grad_h[0], grad_weight_ih, grad_weight_hh, grad_bias_ih, grad_bias_hh


def _input_product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What the inputs give the activations of all steps: (T, N, D), (G, D), (G,) -> (T, N, G), new memory."""
    product = x.new_empty(*x.shape[:2], len(weight))
    torch.addmm(bias, x.flatten(0, 1), weight.T, out=product.flatten(0, 1))
    return product


def _input_gradients(
    ctx: Any, delta: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients of `_input_product` for its three arguments; None for an x that wants none."""
    return delta @ weight if ctx.needs_input_grad[0] else None, _weight_gradient(delta, x), delta.sum((0, 1))


def _weight_gradient(delta: Tensor, factor: Tensor) -> Tensor:
    """Sum over steps and batch of the outer products: (T, N, G), (T, N, K) -> (G, K)."""
    return delta.flatten(0, 1).T @ factor.flatten(0, 1)


def _states(first: Tensor, others: Tensor) -> Tensor:
    """(N, H) and (T, N, H) -> (T + 1, N, H), new memory."""
    return torch.cat([first.unsqueeze(0), others])


def _rnn_loop(x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor) -> tuple[Tensor]:
    states = unroll(lambda x_t, h: rnn_step(x_t, h, weight_ih, weight_hh, bias), x, h)
    return (torch.stack(states),)


def _lstm_loop(
    x: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
) -> tuple[Tensor, ...]:
    states = unroll(lambda x_t, state: lstm_step(x_t, state, weight_ih, weight_hh, bias), x, LSTMState(h, c))
    return tuple(map(torch.stack, zip(*states, strict=True)))


def _gru_loop(
    x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
) -> tuple[Tensor]:
    states = unroll(lambda x_t, h: gru_step(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh), x, h)
    return (torch.stack(states),)


def _replay(
    loop: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor], grads: Sequence[Tensor]
) -> tuple[Tensor | None, ...]:
    """Gradients of `loop` for its inputs, with a graph of their own."""
    with torch.enable_grad():
        # Aliases keep the ways into the loop apart: one input may have been computed from another.
        aliases = [tensor.view_as(tensor) for tensor in inputs]
        wanted = [alias for alias in aliases if alias.requires_grad]
        found = iter(torch.autograd.grad(loop(*aliases), wanted, grads, create_graph=True))
    return tuple(next(found) if alias.requires_grad else None for alias in aliases)
