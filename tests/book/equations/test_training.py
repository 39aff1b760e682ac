"""The equations of the chapter on training, each written out plainly, against the package and PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from coursekit.nn.recurrent import LSTM
from coursekit.optim import AdamState, adam_step, momentum_step, newton_step, rmsprop_step, sgd_step

STEPS, ETA = 7, 0.03


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture(params=[0, 1, 2])
def gradients(request: pytest.FixtureRequest) -> Tensor:
    """One for every step, of very different sizes: (STEPS, 3, 2)."""
    torch.manual_seed(request.param)
    return normal(STEPS, 3, 2) * 10 ** normal(STEPS, 3, 2)


def by_torch(
    make: Callable[[list[Tensor]], torch.optim.Optimizer], w: Tensor, gradients: Tensor
) -> list[Tensor]:
    """The weights after each step of an optimizer of PyTorch."""
    weight = w.clone().requires_grad_()
    optimizer, path = make([weight]), []
    for g in gradients:
        weight.grad = g.clone()
        optimizer.step()
        path.append(weight.detach().clone())
    return path


@pytest.mark.topic("RNN-64")
def test_eq_sgd(gradients: Tensor) -> None:
    w = normal(3, 2)
    theirs = by_torch(lambda p: torch.optim.SGD(p, lr=ETA), w, gradients)
    for g, expected in zip(gradients, theirs, strict=True):
        ours, _ = sgd_step(w, g, lr=ETA)
        w = w - ETA * g
        assert_close(ours, w)
        assert_close(expected, w)


@pytest.mark.topic("RNN-64")
def test_eq_momentum(gradients: Tensor) -> None:
    w, v, mu, state = normal(3, 2), torch.zeros(3, 2).double(), 0.8, None
    theirs = by_torch(lambda p: torch.optim.SGD(p, lr=ETA, momentum=mu), w, gradients)
    for g, expected in zip(gradients, theirs, strict=True):
        ours, state = momentum_step(w, g, state, lr=ETA, momentum=mu)
        v = mu * v + g
        w = w - ETA * v
        assert_close(ours, w)
        assert_close(state, v)
        assert_close(expected, w)


@pytest.mark.topic("RNN-64")
def test_eq_rmsprop(gradients: Tensor) -> None:
    w, s, state = normal(3, 2), torch.zeros(3, 2).double(), None
    alpha, eps = 0.95, 1e-3
    theirs = by_torch(lambda p: torch.optim.RMSprop(p, lr=ETA, alpha=alpha, eps=eps), w, gradients)
    for g, expected in zip(gradients, theirs, strict=True):
        ours, state = rmsprop_step(w, g, state, lr=ETA, alpha=alpha, eps=eps)
        s = alpha * s + (1 - alpha) * g * g
        w = w - ETA * g / (s**0.5 + eps)
        assert_close(ours, w)
        assert_close(state, s)
        assert_close(expected, w)


@pytest.mark.topic("RNN-64")
def test_eq_adam(gradients: Tensor) -> None:
    w, m, s = normal(3, 2), torch.zeros(3, 2).double(), torch.zeros(3, 2).double()
    beta1, beta2, eps = 0.8, 0.97, 1e-3
    state: AdamState | None = None
    theirs = by_torch(lambda p: torch.optim.Adam(p, lr=ETA, betas=(beta1, beta2), eps=eps), w, gradients)
    for t, (g, expected) in enumerate(zip(gradients, theirs, strict=True), start=1):
        ours, state = adam_step(w, g, state, lr=ETA, betas=(beta1, beta2), eps=eps)
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g * g
        w = w - ETA * (m / (1 - beta1**t)) / ((s / (1 - beta2**t)) ** 0.5 + eps)
        assert_close(ours, w)
        assert_close(expected, w)


@pytest.mark.topic("RNN-64")
@pytest.mark.parametrize("n", [1, 2, 5])
def test_eq_newton(n: int) -> None:
    torch.manual_seed(n)
    root, lowest = normal(n, n), normal(n)
    matrix = root @ root.T + torch.eye(n).double()

    def loss(w: Tensor) -> Tensor:
        return (w - lowest) @ matrix @ (w - lowest) / 2

    w = normal(n)
    slope = torch.autograd.functional.jacobian(loss, w)
    curvature = torch.autograd.functional.hessian(loss, w)
    assert_close(newton_step(w, slope, curvature), w - curvature.inverse() @ slope)
    assert_close(newton_step(w, slope, curvature), lowest)  # a bowl is left in one step


@pytest.mark.topic("RNN-63")
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_the_masks_of_an_lstm_stay_the_same_over_time_and_rest_when_it_counts(p: float) -> None:
    torch.manual_seed(0)
    layer, x = LSTM(50, 6, input_dropout=p).double(), normal(40, 8, 50).requires_grad_()
    layer(x)[0].square().sum().backward()
    assert x.grad is not None
    hidden = x.grad == 0  # (N, T, D)
    assert torch.equal(hidden, hidden[:, :1].expand_as(hidden))
    assert hidden[:, 0].double().mean().item() == pytest.approx(p, abs=0.04)
    assert not torch.equal(hidden[0], hidden[1])

    state = LSTM(3, 40, recurrent_dropout=p).double()
    short = normal(2, 9, 3)
    torch.manual_seed(1)
    dropped = state(short)[0]
    torch.manual_seed(1)
    mask = torch.nn.functional.dropout(torch.ones(2, 40).double(), p)  # the only draw
    h, c = torch.zeros(2, 2, 40).double()
    for t in range(9):
        i, f, g, o = (short[:, t] @ state.weight_ih.T + (h * mask) @ state.weight_hh.T + state.bias).chunk(
            4, 1
        )
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        assert_close(dropped[:, t], h)
    state.eval()
    assert not torch.allclose(state(short)[0], dropped)
