"""Every update against torch.optim, step by step; second order by what it promises."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import LBFGS, SGD, Adam, RMSprop
from torch.testing import assert_close

from coursekit.optim import (
    LBFGSState,
    Move,
    Step,
    adam_step,
    descend,
    lbfgs_direction,
    lbfgs_step,
    momentum_step,
    newton_step,
    rmsprop_step,
    sgd_step,
)


def torch_lbfgs(lr: float, history_size: int) -> Callable[..., torch.optim.Optimizer]:
    """One iteration per step, and none left out because hardly anything changes any more."""
    return partial(LBFGS, lr=lr, max_iter=1, history_size=history_size, tolerance_grad=0, tolerance_change=0)


ORACLES: dict[str, tuple[Step, Callable[..., torch.optim.Optimizer]]] = {
    "SGD": (partial(sgd_step, lr=0.01), partial(SGD, lr=0.01)),
    "momentum": (partial(momentum_step, lr=0.003), partial(SGD, lr=0.003, momentum=0.9)),
    "momentum 0.5": (partial(momentum_step, lr=0.01, momentum=0.5), partial(SGD, lr=0.01, momentum=0.5)),
    "RMSProp": (rmsprop_step, RMSprop),
    "RMSProp, options": (
        partial(rmsprop_step, lr=0.05, alpha=0.8, eps=0.1),
        partial(RMSprop, lr=0.05, alpha=0.8, eps=0.1),
    ),
    "Adam": (adam_step, Adam),
    "Adam, options": (
        partial(adam_step, lr=0.1, betas=(0.7, 0.9), eps=0.1),
        partial(Adam, lr=0.1, betas=(0.7, 0.9), eps=0.1),
    ),
    "L-BFGS": (partial(lbfgs_step, lr=0.3), torch_lbfgs(0.3, 10)),
    "L-BFGS, 2 moves": (partial(lbfgs_step, lr=0.5, history=2), torch_lbfgs(0.5, 2)),
}
STEPS = 30
H = torch.tensor([[3.0, 1.0, 0.5], [1.0, 4.0, 0.2], [0.5, 0.2, 2.0]], dtype=torch.float64)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def valley(w: Tensor) -> Tensor:
    """Narrow and bent, with its minimum at (1, 1): Rosenbrock's."""
    return (1 - w[0]) ** 2 + 10 * (w[1] - w[0] ** 2) ** 2


def bowl(w: Tensor) -> Tensor:
    """Of curvature H, with its minimum at (1, 1, 1)."""
    return (w - 1) @ H @ (w - 1) / 2


def path_of_torch(
    optimizer: Callable[..., torch.optim.Optimizer], loss: Callable[[Tensor], Tensor], start: Tensor
) -> Tensor:
    weight = start.clone().requires_grad_()
    stepper = optimizer([weight])

    def closure() -> Tensor:
        stepper.zero_grad()
        value = loss(weight)
        value.backward()
        return value

    path = [start]
    for _ in range(STEPS):
        stepper.step(closure)
        path.append(weight.detach().clone())
    return torch.stack(path)


@pytest.mark.topic("RNN-64")
@pytest.mark.parametrize(("step", "oracle"), ORACLES.values(), ids=ORACLES.keys())
@pytest.mark.parametrize(
    ("loss", "start"),
    [
        (valley, double(-0.7, 0.9)),
        (bowl, double(3.0, -2.0, 0.5)),
        (lambda w: (w**4).sum() + (w[0] * w[1]).sum(), double(1.0, -0.5, 0.3, 2.0, 0.1, -1.0).reshape(2, 3)),
    ],
    ids=["valley", "bowl", "matrix"],
)
def test_every_step_equals_torch(step: Step, oracle: Any, loss: Any, start: Tensor) -> None:
    expected = path_of_torch(oracle, loss, start)
    assert expected.isfinite().all() and not torch.equal(expected[6], expected[5])
    assert_close(descend(step, loss, start, STEPS), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.topic("RNN-64")
@pytest.mark.parametrize(("step", "oracle"), ORACLES.values(), ids=ORACLES.keys())
def test_a_zero_gradient_moves_nothing(step: Step, oracle: Any) -> None:
    start = double(1.0, 2.0)
    assert torch.equal(descend(step, lambda w: 0 * w.sum(), start, 3), start.expand(4, 2))


@pytest.mark.topic("RNN-64")
@pytest.mark.parametrize(("step", "oracle"), ORACLES.values(), ids=ORACLES.keys())
def test_a_step_changes_nothing_in_place_and_remembers_no_tensor_of_the_caller(
    step: Step, oracle: Any
) -> None:
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(4, 2, 3, dtype=torch.float64, generator=generator)

    def two_steps(spoil: bool) -> tuple[Tensor, ...]:
        weight, first, second = draws[0].clone(), draws[1].clone(), draws[2].clone()
        before = weight.clone()
        moved, state = step(weight, first, None)
        assert torch.equal(weight, before) and torch.equal(first, draws[1])
        if spoil:
            weight.fill_(99.0)
            first.fill_(99.0)
        again, _ = step(moved, second, state)
        repeated, _ = step(moved, second, state)
        assert torch.equal(again, repeated)  # the state is not used up
        return moved, again

    assert all(map(torch.equal, two_steps(spoil=False), two_steps(spoil=True)))


@pytest.mark.topic("RNN-64")
def test_first_steps_by_hand() -> None:
    w, g = double(1.0, 1.0), double(4.0, -0.01)
    assert sgd_step(w, g, lr=0.1)[0].tolist() == pytest.approx([0.6, 1.001])
    velocity = momentum_step(w, g, lr=0.1)[1]
    assert momentum_step(w, g, velocity, lr=0.1)[1].tolist() == pytest.approx([7.6, -0.019])  # 1.9 g
    assert adam_step(w, g, lr=0.1)[0].tolist() == pytest.approx([0.9, 1.1], abs=1e-6)  # only the sign counts
    assert rmsprop_step(w, g, lr=0.1)[0].tolist() == pytest.approx([0.0, 2.0], abs=1e-4)  # ten times lr


@pytest.mark.topic("RNN-64")
def test_curvature_limits_the_rate_of_descent_and_momentum_is_faster_in_a_valley() -> None:
    curvature = double(1.0, 50.0)

    def loss(w: Tensor) -> Tensor:
        return (curvature * w**2).sum() / 2

    def left(step: Step) -> float:
        return descend(step, loss, double(1.0, 1.0), 100)[-1].norm().item()

    assert left(partial(sgd_step, lr=0.041)) > 1 > left(partial(sgd_step, lr=0.039))  # 2 / 50
    assert left(partial(momentum_step, lr=0.039, momentum=0.8)) < 0.1 * left(partial(sgd_step, lr=0.039))


@pytest.mark.topic("RNN-64")
def test_newton_ends_a_bowl_in_one_step_and_runs_to_a_saddle_unless_damped() -> None:
    start = double(3.0, -2.0, 0.5)
    gradient = H @ (start - 1)
    assert_close(newton_step(start, gradient, H), torch.ones(3, dtype=torch.float64))
    saddle, w = torch.diag(double(1.0, -1.0)), double(0.5, 0.1)
    assert_close(newton_step(w, saddle @ w, saddle), double(0.0, 0.0))
    assert newton_step(w, saddle @ w, saddle, damping=2.0)[1] > 0.1  # away from the saddle, downhill


@pytest.mark.topic("RNN-64")
def test_newton_and_lbfgs_reach_the_end_of_a_valley_in_which_descent_crawls() -> None:
    def newton(weight: Tensor, gradient: Tensor, state: None) -> tuple[Tensor, None]:
        return newton_step(weight, gradient, torch.autograd.functional.hessian(valley, weight)), None

    start, end = double(-0.7, 0.9), double(1.0, 1.0)
    assert_close(descend(newton, valley, start, 8)[-1], end)
    assert_close(descend(partial(lbfgs_step, lr=0.3), valley, start, 100)[-1], end)
    assert (descend(partial(sgd_step, lr=0.01), valley, start, 100)[-1] - end).norm() > 0.3


@pytest.mark.topic("RNN-64")
def test_lbfgs_agrees_with_its_newest_move_and_with_newton_once_it_knows_all_directions() -> None:
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    moves = tuple(Move(step, H @ step) for step in steps)
    assert_close(lbfgs_direction(moves[-1].change, moves), -moves[-1].step)  # B y = s
    apart = torch.linalg.eigh(H).eigenvectors.T  # moves that do not see each other's curvature
    gradient = double(1.0, -2.0, 0.5)
    direction = lbfgs_direction(gradient, tuple(Move(step, H @ step) for step in apart))
    assert_close(direction, -torch.linalg.solve(H, gradient))
    assert torch.equal(lbfgs_direction(gradient, ()), -gradient)


@pytest.mark.topic("RNN-64")
def test_lbfgs_forgets_old_moves_and_those_of_negative_curvature() -> None:
    w, g = double(1.0, 2.0), double(1.0, -1.0)
    step = double(0.1, 0.2)
    state = LBFGSState(w - step, g - 2 * step, (Move(step, step), Move(2 * step, step)))
    moves = lbfgs_step(w, g, state, history=2)[1].moves
    assert [move.curvature().item() for move in moves] == pytest.approx([0.1, 0.1])  # (2s, s), (s, 2s)
    uphill = LBFGSState(w - step, g + step, state.moves)
    assert lbfgs_step(w, g, uphill, history=5)[1].moves == state.moves


@pytest.mark.topic("RNN-64")
def test_the_path_has_its_start_and_costs_one_gradient_per_step() -> None:
    calls = []

    def loss(w: Tensor) -> Tensor:
        calls.append(w)
        return w.square().sum()

    start = torch.ones(2, 3, requires_grad=True)
    path = descend(partial(sgd_step, lr=0.25), loss, start, 2)
    assert path.shape == (3, 2, 3) and not path.requires_grad and len(calls) == 2
    assert path[:, 0, 0].tolist() == [1.0, 0.5, 0.25] and start.grad is None and start.requires_grad
    still = torch.ones(2)
    assert torch.equal(descend(partial(sgd_step, lr=0.25), loss, still, 0), still[None])
    descend(partial(sgd_step, lr=0.25), loss, still, 1)
    assert not still.requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: descend(adam_step, bowl, w, -1), "steps: expected at least 0, received -1"),
        (lambda w: lbfgs_step(w, w, history=0), "history: expected at least 1 move, received 0"),
        (lambda w: newton_step(w, w, w), r"received \(3,\), \(3,\) and \(3,\)"),
        (lambda w: newton_step(w, w[:2], H), r"received \(3,\), \(2,\) and \(3, 3\)"),
        (lambda w: newton_step(H, H, H), r"received \(3, 3\), \(3, 3\) and \(3, 3\)"),
        (lambda w: newton_step(w, w, 0 * H), "received a singular one; damping is 0.0"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(double(1.0, 2.0, 3.0))
