r"""Optimisers: what to do with a gradient, one update at a time.

Every one is a function `step(weight, gradient, state) -> (weight, state)`: w are the weights, a tensor of any
shape, g the gradient of the loss there, and the state is all that the optimiser remembers, None before the
first step. Nothing is changed in place. The updates are those of `torch.optim`, step by step; train real
models with those. At the end two ideas of second order, which also ask how the slope changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor, Any], tuple[Tensor, Any]]  # (weight, gradient, state) -> (weight, state)


def descend(step: Step, loss: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Tensor:
    """All weights on the way that `step` takes down `loss`: start (...) -> (steps + 1, ...), start first.

    Hyperparameters are bound before: `descend(partial(adam_step, lr=0.1), loss, start, 100)`. Raises
    `ValueError` for a negative `steps`.
    """
    if steps < 0:
        raise ValueError(f"steps: expected at least 0, received {steps}")
    state, path = None, [start.detach()]
    for _ in range(steps):
        weight = path[-1].detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(weight), weight)
        weight, state = step(weight.detach(), gradient, state)
        path.append(weight)
    return torch.stack(path)


# First order --------------------------------------------------------------------------------------------


def sgd_step(weight: Tensor, gradient: Tensor, state: None = None, *, lr: float) -> tuple[Tensor, None]:
    r"""Gradient descent, called stochastic since a minibatch's gradient varies from batch to batch.

    $$w \leftarrow w - \eta\, g$$
    On a valley of curvature $\lambda$ it converges for $0 < \eta < 2/\lambda$: the steepest direction limits
    the rate of all others. It remembers nothing.
    Source: Robbins and Monro (1951), A stochastic approximation method.
    """
    return weight - lr * gradient, None


def momentum_step(
    weight: Tensor, gradient: Tensor, state: Tensor | None = None, *, lr: float, momentum: float = 0.9
) -> tuple[Tensor, Tensor]:
    r"""A ball that rolls: what gradients agree on adds up, what alternates cancels.

    $$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta\, v$$
    A constant gradient is taken $1/(1-\mu)$ times in the end. The state is v, one tensor like w.
    Source: Polyak (1964), Some methods of speeding up the convergence of iteration methods.
    Differs from texts with $v \leftarrow \mu v + (1-\mu) g$: their rate is $1/(1-\mu)$ times ours.
    """
    velocity = momentum * (torch.zeros_like(weight) if state is None else state) + gradient
    return weight - lr * velocity, velocity


def rmsprop_step(
    weight: Tensor,
    gradient: Tensor,
    state: Tensor | None = None,
    *,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
) -> tuple[Tensor, Tensor]:
    r"""Each weight's gradient divided by how large it usually is.

    $$s \leftarrow \alpha s + (1 - \alpha)\, g^2, \qquad w \leftarrow w - \eta\, g / (\sqrt{s} + \epsilon)$$
    The state is s, one tensor like w. Since it begins at 0, the first step is $1/\sqrt{1-\alpha}$ times too
    long: ten times $\eta$ by default, in every weight.
    Source: Tieleman and Hinton (2012), Lecture 6.5 of Neural networks for machine learning.
    """
    square = alpha * (torch.zeros_like(weight) if state is None else state) + (1 - alpha) * gradient**2
    return weight - lr * gradient / (square.sqrt() + eps), square


class AdamState(NamedTuple):
    """What Adam remembers: averages of the gradient and of its square, like w each, and how many it saw."""

    mean: Tensor
    square: Tensor
    steps: int


def adam_step(
    weight: Tensor,
    gradient: Tensor,
    state: AdamState | None = None,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Tensor, AdamState]:
    r"""Momentum over RMSProp, with both averages freed of their start at 0.

    $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2)\, g^2, \qquad
      w \leftarrow w - \eta \, \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \epsilon}$$
    at the t-th step. The first one is $\eta$ long in every weight, however large the gradient.
    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization.
    """
    if state is None:
        state = AdamState(torch.zeros_like(weight), torch.zeros_like(weight), 0)
    (beta1, beta2), steps = betas, state.steps + 1
    mean = beta1 * state.mean + (1 - beta1) * gradient
    square = beta2 * state.square + (1 - beta2) * gradient**2
    unbiased_mean, unbiased_square = mean / (1 - beta1**steps), square / (1 - beta2**steps)
    return weight - lr * unbiased_mean / (unbiased_square.sqrt() + eps), AdamState(mean, square, steps)


# Second order -------------------------------------------------------------------------------------------


def newton_step(weight: Tensor, gradient: Tensor, hessian: Tensor, *, damping: float = 0.0) -> Tensor:
    r"""To where the slope would be 0 if the curvature stayed as it is here.

    $$w \leftarrow w - (\nabla^2 L + \lambda I)^{-1} g$$
    One step ends in the minimum of a quadratic bowl, however narrow. It ends as gladly in a saddle or on a
    maximum, unless the damping $\lambda$ outweighs the most negative curvature. n weights need $n^2$ numbers
    and $n^3$ operations: for the 10,451 of a small LSTM 0.4 GB and $10^{12}$, at every step.
    Shapes: weight and gradient (n,), hessian (n, n) -> (n,). Raises `ValueError` for other shapes, and where
    the matrix has no inverse.
    """
    if gradient.shape != weight.shape or weight.ndim != 1 or hessian.shape != 2 * weight.shape:
        raise ValueError(
            f"expected weight (n,), gradient (n,) and hessian (n, n), "
            f"received {tuple(weight.shape)}, {tuple(gradient.shape)} and {tuple(hessian.shape)}"
        )
    curvature = hessian + damping * torch.eye(len(weight)).to(hessian)
    way, failed = torch.linalg.solve_ex(curvature, gradient)
    if failed:
        raise ValueError(
            f"hessian: expected a matrix with an inverse, received a singular one; damping is {damping}"
        )
    there: Tensor = weight - way
    return there


class Move(NamedTuple):
    """A step of the weights and how the gradient changed along it; together they show curvature."""

    step: Tensor  # s
    change: Tensor  # y

    def curvature(self) -> Tensor:
        return (self.step * self.change).sum()


class LBFGSState(NamedTuple):
    """What L-BFGS remembers: where it stood, the slope there, and its last moves, oldest first."""

    weight: Tensor
    gradient: Tensor
    moves: tuple[Move, ...]


def lbfgs_step(
    weight: Tensor, gradient: Tensor, state: LBFGSState | None = None, *, lr: float = 1.0, history: int = 10
) -> tuple[Tensor, LBFGSState]:
    r"""Newton's step without the matrix: the last moves tell the curvature along the way.

    $$w \leftarrow w - \eta\, B g, \qquad B y = s, \qquad s = w_t - w_{t-1}, \quad y = g_t - g_{t-1}$$
    where B, which stands for the inverse Hessian, is built from the last `history` moves (s, y) and agrees
    exactly with the newest; it is never written out, `lbfgs_direction` applies it at about 4 products of
    vectors per move. The first step is plain descent, of length at most `lr`; a move whose curvature
    $\langle s, y\rangle$ is not above 1e-10 is forgotten. Each gradient must be that of one and the same
    loss: with minibatches y would measure the change of batch.
    Source: Nocedal (1980), Updating quasi-Newton matrices with limited storage; Liu and Nocedal (1989).
    Differs from common use: no line search, as `torch.optim.LBFGS` by default, so far from a minimum it can
    overshoot. Raises `ValueError` for a `history` below 1.
    """
    if history < 1:
        raise ValueError(f"history: expected at least 1 move, received {history}")
    if state is None:
        rate = lr * (1 / gradient.abs().sum()).clamp(max=1)
        return weight - rate * gradient, LBFGSState(weight.clone(), gradient.clone(), ())
    move = Move(weight - state.weight, gradient - state.gradient)
    moves = (*state.moves, move)[-history:] if move.curvature() > 1e-10 else state.moves
    return weight + lr * lbfgs_direction(gradient, moves), LBFGSState(weight.clone(), gradient.clone(), moves)


def lbfgs_direction(gradient: Tensor, moves: tuple[Move, ...]) -> Tensor:
    r"""$-Bg$, by two passes over the moves: the newest first on the way in, the oldest first on the way out.

    Between them B is guessed to be the number $\langle s, y\rangle / \langle y, y\rangle$ of the newest move;
    without any move it is 1.
    """
    direction, shares = -gradient, []
    for move in reversed(moves):
        shares.append((move.step * direction).sum() / move.curvature())
        direction = direction - shares[-1] * move.change
    if moves:
        direction = direction * moves[-1].curvature() / moves[-1].change.square().sum()
    for move, share in zip(moves, reversed(shares), strict=True):
        direction = direction + (share - (move.change * direction).sum() / move.curvature()) * move.step
    return direction
