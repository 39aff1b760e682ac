r"""How far a gradient reaches through time: measured, bounded, and clipped where it explodes.

Letters: N batch, T time, D input features, H hidden units, k the distance in steps. $\sigma_{max}$ is the
largest singular value of a matrix, by how much it can stretch a vector; $\rho$ its spectral radius, the
largest absolute value of an eigenvalue, by how much it stretches per product in the long run; $\gamma$ the
largest slope of an activation: 1 for tanh and ReLU, 1/4 for the sigmoid.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from coursekit.nn.cells import Activation, check_choice
from coursekit.nn.wrappers import SequenceLayer

Start = Literal["orthogonal", "identity", "normal"]


# Clipping -----------------------------------------------------------------------------------------------


def clip_gradient_norm(gradients: Sequence[Tensor], max_norm: float) -> list[Tensor]:
    r"""Shorten the gradient of all weights together, if it is too long; its direction stays.

    $$g \leftarrow g \, \min(1, \theta / \|g\|)$$
    Cures explosion only: what has vanished is not brought back. It belongs between `backward` and the update.
    Shapes: any; the norm is that of all tensors written behind each other. Nothing is changed in place.
    Raises `ValueError` for a `max_norm` that is not positive, `FloatingPointError` for a norm that is not
    finite, of which no direction is left.
    Source: Pascanu et al. (2013), On the difficulty of training recurrent neural networks.
    Differs from `torch.nn.utils.clip_grad_norm_`, with which `coursekit.train.fit` clips: that one divides by
    $\|g\| + 10^{-6}$ and writes in place.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be positive; got {max_norm}")
    norm = get_total_norm(gradients)
    if not norm.isfinite():
        raise FloatingPointError(f"the gradient's norm must be finite; got {norm.item()}")
    scale = (max_norm / norm).clamp(max=1)  # 1 also for a zero gradient, whose quotient is infinite
    return [gradient * scale for gradient in gradients]


def clip_gradient_value(gradients: Sequence[Tensor], max_value: float) -> list[Tensor]:
    r"""Cut each component of the gradient to $[-v, v]$; the direction changes (MIS-34).

    $$g_i \leftarrow \max(-v, \min(v, g_i))$$
    Shapes: any. Nothing is changed in place; NaN stays. Raises `ValueError` for a `max_value` that is not
    positive. Source: Mikolov (2012), Statistical language models based on neural networks.
    """
    if not max_value > 0:
        raise ValueError(f"max_value must be positive; got {max_value}")
    return [gradient.clamp(-max_value, max_value) for gradient in gradients]


# What is left of a gradient after k steps ---------------------------------------------------------------


def rnn_jacobians(states: Tensor, weight_hh: Tensor, activation: Activation = "tanh") -> Tensor:
    r"""How each state of a plain recurrent network answers to the one before it.

    $$\frac{\partial h_t}{\partial h_{t-1}} = \mathrm{diag}(\phi'(a_t)) \, W_{hh}$$
    where the slope can be read off the state: $1 - h_t^2$ for tanh, 1 or 0 for ReLU.
    Shapes: states (N, T, H), the outputs of `RNN`, weight_hh (H, H) -> (N, T, H, H), row of h_t, column of
    h_{t-1}.
    """
    check_choice("activation", activation, Activation)
    if states.ndim != 3 or weight_hh.shape != (states.shape[-1], states.shape[-1]):
        raise ValueError(
            f"states must have shape (N, T, H) and weight_hh (H, H); "
            f"got {tuple(states.shape)} and {tuple(weight_hh.shape)}"
        )
    slope = 1 - states**2 if activation == "tanh" else (states > 0).to(states.dtype)  # (N, T, H)
    return slope[..., None] * weight_hh  # (N, T, H, H)


def jacobian_products(jacobians: Tensor) -> Tensor:
    r"""How the last state answers to the one k steps before it, for all k from 0 to T.

    $$\frac{\partial h_T}{\partial h_{T-k}} = J_T J_{T-1} \cdots J_{T-k+1}, \qquad
      J_t = \frac{\partial h_t}{\partial h_{t-1}}$$
    Shapes: jacobians (N, T, H, H), as from `rnn_jacobians` -> (N, T + 1, H, H); at k = 0 stands the identity.
    Source: Hochreiter (1991), Untersuchungen zu dynamischen neuronalen Netzen; Bengio et al. (1994), Learning
    long-term dependencies with gradient descent is difficult.
    """
    if jacobians.ndim != 4 or jacobians.shape[2] != jacobians.shape[3]:
        raise ValueError(f"jacobians must have shape (N, T, H, H); got {tuple(jacobians.shape)}")
    product = torch.eye(jacobians.shape[2]).to(jacobians).expand(len(jacobians), -1, -1)  # (N, H, H)
    products = [product]
    for jacobian in reversed(jacobians.unbind(dim=1)):
        product = product @ jacobian
        products.append(product)
    return torch.stack(products, dim=1)  # (N, T + 1, H, H)


def gradient_by_distance(layer: SequenceLayer, x: Tensor, cotangent: Tensor) -> Tensor:
    r"""How much the last output of any layer feels the input k steps before it.

    $$\Big\| \frac{\partial \, \langle v, h_T \rangle}{\partial x_{T-k}} \Big\|, \qquad k = 0, \dots, T - 1$$
    Shapes: x (N, T, D), the cotangent v (N, H), e.g. normal numbers -> (N, T), column k at distance k. The
    layer's own gradients stay as they were.
    """
    x = x.detach().requires_grad_()
    last = layer(x)[0][:, -1]  # (N, H)
    if cotangent.shape != last.shape:
        raise ValueError(f"cotangent must have shape {tuple(last.shape)}; got {tuple(cotangent.shape)}")
    (gradient,) = torch.autograd.grad(last, x, cotangent)  # (N, T, D)
    norms: Tensor = gradient.norm(dim=2)  # (N, T)
    return norms.flip(1)


# Bounds -------------------------------------------------------------------------------------------------


def spectral_radius(weight: Tensor) -> Tensor:
    r"""The largest absolute eigenvalue: (H, H) -> ().

    $$\rho(W) = \max_i |\lambda_i| = \lim_{k \to \infty} \|W^k\|^{1/k}$$
    A linear network's gradient grows or shrinks like $\rho^k$ in the long run, whatever it does at first.
    """
    radius: Tensor = torch.linalg.eigvals(weight).abs().max()
    return radius


def largest_singular_value(weight: Tensor) -> Tensor:
    r"""By how much a matrix can stretch a vector: (H, H) -> ().

    $$\sigma_{max}(W) = \max_{v \ne 0} \|Wv\| / \|v\| \ge \rho(W)$$
    """
    norm: Tensor = torch.linalg.matrix_norm(weight, 2)
    return norm


def jacobian_bound(weight_hh: Tensor, distance: int, slope: float = 1.0) -> Tensor:
    r"""How large the answer of a state to the one `distance` steps before it can be: ().

    $$\Big\| \frac{\partial h_T}{\partial h_{T-k}} \Big\|_2 \le (\gamma \, \sigma_{max}(W_{hh}))^k$$
    Below 1 it vanishes for certain, which is sufficient, not necessary: slopes of real states lie below
    $\gamma$. For it to explode, $\sigma_{max} > 1/\gamma$ is necessary, not sufficient.
    Source: Pascanu et al. (2013), On the difficulty of training recurrent neural networks.
    """
    if distance < 0 or not slope > 0:
        raise ValueError(f"distance must be at least 0 and slope positive; got {distance} and {slope}")
    return (slope * largest_singular_value(weight_hh)) ** distance


# Recurrent weights to start from ------------------------------------------------------------------------


def recurrent_weight(size: int, start: Start, generator: torch.Generator | None = None) -> Tensor:
    r"""A recurrent weight to begin training with: (H, H).

    "orthogonal": all singular values are 1, so no direction grows or shrinks; drawn evenly among such.
    "identity": the state stays as it is until the inputs change it; made for ReLU.
    "normal": entries of variance 1/H; $\rho$ is about 1, $\sigma_{max}$ about 2.
    Multiplied by s, all have s times the radius and singular values.
    Source: Saxe et al. (2014), Exact solutions to the nonlinear dynamics of learning (orthogonal); Le et al.
    (2015), A simple way to initialize recurrent networks of rectified linear units (identity).
    """
    check_choice("start", start, Start)
    if size < 1:
        raise ValueError(f"size must be at least 1; got {size}")
    if start == "identity":
        return torch.eye(size)
    normal = torch.randn(size, size, generator=generator)
    if start == "normal":
        return normal / math.sqrt(size)
    q, r = torch.linalg.qr(normal)
    even: Tensor = q * r.diagonal().sign()  # without the signs QR would prefer some rotations to others
    return even


def scaled_to_radius(weight: Tensor, radius: float) -> Tensor:
    r"""$W$ times what makes its spectral radius `radius`, (H, H); `ValueError` where no factor does."""
    return weight * _factor("spectral radius", spectral_radius(weight), radius)


def scaled_to_singular_value(weight: Tensor, value: float) -> Tensor:
    r"""$W$ times what makes $\sigma_{max}$ `value`, (H, H); `ValueError` where no factor does."""
    return weight * _factor("largest singular value", largest_singular_value(weight), value)


def _factor(name: str, has: Tensor, wanted: float) -> Tensor:
    if not wanted >= 0:
        raise ValueError(f"the {name} to scale to must be at least 0; got {wanted}")
    if has == 0:
        raise ValueError(f"weight must have a positive {name} to be scaled by; got 0")
    factor: Tensor = wanted / has
    return factor
