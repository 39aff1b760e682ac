"""The equations of learning through time, written out plainly, against the package and against PyTorch.

Columns in the text become rows here: where the page says W x, the test says x @ W.T, one example per row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from coursekit.nn.gradients import (
    clip_gradient_norm,
    clip_gradient_value,
    gradient_by_distance,
    jacobian_bound,
    jacobian_products,
    largest_singular_value,
    rnn_jacobians,
    scaled_to_singular_value,
    spectral_radius,
)
from coursekit.nn.recurrent import RNN, Bidirectional
from coursekit.nn.truncated import truncated_bptt

N, T, D, H = 3, 6, 2, 4  # all different, so that a transposed matrix cannot pass


class Passed(NamedTuple):
    """Sequences with a loss at every step, and what PyTorch says of them."""

    x: Tensor  # (N, T, D)
    h: Tensor  # (N, T + 1, H), from h_0 on
    own: Tensor  # (N, T, H), of each step's loss for its own state alone
    W: Tensor
    U: Tensor
    b: Tensor
    expected: dict[str, Tensor]  # gradients of the whole loss for h_0, x, W, U and b


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


@pytest.fixture(params=[0, 1, 2])
def passed(request: pytest.FixtureRequest) -> Passed:
    torch.manual_seed(request.param)
    theirs = nn.RNN(D, H, batch_first=True, dtype=torch.float64)
    nn.init.zeros_(theirs.bias_hh_l0)
    x, h_0, own = normal(N, T, D).requires_grad_(), normal(1, N, H).requires_grad_(), normal(N, T, H)
    weights = theirs.weight_ih_l0, theirs.weight_hh_l0, theirs.bias_ih_l0
    states, _ = theirs(x, h_0)
    found = torch.autograd.grad((own * states).sum(), [h_0, x, *weights])
    expected = dict(zip(("h_0", "x", "W", "U", "b"), found, strict=True))
    expected["h_0"] = expected["h_0"][0]
    h = torch.cat([h_0.transpose(0, 1), states], dim=1).detach()
    return Passed(x.detach(), h, own, *(weight.detach() for weight in weights), expected)


def jacobian(passed: Passed, n: int, j: int) -> Tensor:
    """Of h_j for h_{j-1}."""
    return torch.diag(1 - passed.h[n, j] ** 2) @ passed.U


def bptt_term(passed: Passed, n: int, t: int, k: int) -> Tensor:
    """What the appearance of U at step k does to the loss of step t."""
    product = torch.eye(H, dtype=torch.float64)
    for j in range(t, k, -1):  # the latest on the left
        product = product @ jacobian(passed, n, j)
    error = passed.own[n, t - 1] @ product  # (H,)
    immediate = torch.zeros(H, H, H, dtype=torch.float64)  # of h_k for U_ij, with h_{k-1} held fixed
    for i in range(H):
        immediate[i, i] = (1 - passed.h[n, k, i] ** 2) * passed.h[n, k - 1]
    return torch.einsum("h,hij->ij", error, immediate)


@pytest.mark.topic("RNN-14")
def test_eq_bptt(passed: Passed) -> None:
    terms = {
        (n, t, k): bptt_term(passed, n, t, k)
        for n in range(N)
        for t in range(1, T + 1)
        for k in range(1, t + 1)
    }
    close(torch.stack(list(terms.values())).sum(dim=0), passed.expected["U"])
    last_only = sum(terms[n, T, T] for n in range(N))  # ERR-64
    assert (last_only - passed.expected["U"]).abs().max() > 0.1
    window = 4  # truncation keeps the terms whose t and k lie in one window, RNN-15
    kept = sum(value for (n, t, k), value in terms.items() if (t - 1) // window == (k - 1) // window)
    layer = RNN(D, H).double()
    layer.load_state_dict({"weight_ih": passed.W, "weight_hh": passed.U, "bias": passed.b})
    windows = truncated_bptt(layer, passed.x, window, passed.h[:, 0])
    output = torch.cat([each.output for each in windows], dim=1)
    (truncated,) = torch.autograd.grad(output, layer.weight_hh, passed.own)
    assert isinstance(kept, Tensor)
    close(truncated, kept)


def deltas(passed: Passed) -> tuple[Tensor, Tensor]:
    """Errors before the tanh, (N, T, H), and for the state before the first step, (N, H)."""
    delta_h, delta_a = torch.zeros_like(passed.h), torch.zeros_like(passed.own)
    delta_h[:, T] = passed.own[:, T - 1]
    for t in range(T, 0, -1):
        delta_a[:, t - 1] = delta_h[:, t] * (1 - passed.h[:, t] ** 2)
        own = passed.own[:, t - 2] if t > 1 else torch.zeros(N, H, dtype=torch.float64)
        delta_h[:, t - 1] = own + delta_a[:, t - 1] @ passed.U
    return delta_a, delta_h[:, 0]


@pytest.mark.topic("RNN-14")
def test_eq_rnn_delta(passed: Passed) -> None:
    delta_a, delta_h_0 = deltas(passed)
    close(delta_h_0, passed.expected["h_0"])
    close(delta_a @ passed.W, passed.expected["x"])


@pytest.mark.topic("RNN-14")
def test_eq_rnn_delta_weights(passed: Passed) -> None:
    delta_a, _ = deltas(passed)
    sums = {"W": torch.zeros(H, D), "U": torch.zeros(H, H), "b": torch.zeros(H)}
    for n in range(N):
        for t in range(1, T + 1):
            error = delta_a[n, t - 1]
            sums["W"] = sums["W"] + torch.outer(error, passed.x[n, t - 1])
            sums["U"] = sums["U"] + torch.outer(error, passed.h[n, t - 1])
            sums["b"] = sums["b"] + error
    layer = RNN(D, H).double()
    layer.load_state_dict({"weight_ih": passed.W, "weight_hh": passed.U, "bias": passed.b})
    output, _ = layer(passed.x, passed.h[:, 0])
    by_hand = torch.autograd.grad(output, list(layer.parameters()), passed.own)  # the package's own pass
    for name, ours in zip(("W", "U", "b"), by_hand, strict=True):
        close(sums[name], passed.expected[name])
        close(ours, sums[name])


@pytest.mark.topic("RNN-17")
def test_eq_jacobian_product(passed: Passed) -> None:
    products = jacobian_products(rnn_jacobians(passed.h[:, 1:], passed.U))  # (N, T + 1, H, H)
    for n in range(N):
        plain = torch.eye(H, dtype=torch.float64)
        for k in range(T + 1):
            close(products[n, k], plain)

            def last(h: Tensor, n: int = n, k: int = k) -> Tensor:
                for x_t in passed.x[n, T - k :]:
                    h = torch.tanh(passed.W @ x_t + passed.U @ h + passed.b)
                return h

            if k:  # PyTorch's Jacobian of the same k steps
                close(torch.autograd.functional.jacobian(last, passed.h[n, T - k]), plain)
            if k < T:
                plain = plain @ jacobian(passed, n, T - k)


@pytest.mark.topic("RNN-17", "RNN-18")
@pytest.mark.parametrize(("slope", "sigma"), [(1.0, 0.9), (1.0, 1.1), (0.25, 1.0)])
def test_eq_vanishing_bound(passed: Passed, slope: float, sigma: float) -> None:
    U = scaled_to_singular_value(passed.U, sigma)
    product = torch.eye(H, dtype=torch.float64)
    steps = slope * torch.rand(50, H, dtype=torch.float64)  # slopes, none above the steepest
    for k, slopes in enumerate(steps, start=1):
        product = product @ torch.diag(slopes) @ U
        bound = (slope * sigma) ** k
        assert torch.linalg.matrix_norm(product, 2) <= bound
        assert jacobian_bound(U, k, slope).item() == pytest.approx(bound, rel=1e-6)
    assert 0.9**50 == pytest.approx(0.00515, abs=5e-6)
    assert 0.25**10 == pytest.approx(9.5e-7, abs=5e-9)
    assert 1.1**50 == pytest.approx(117.39, abs=5e-3)
    assert spectral_radius(U) <= largest_singular_value(U) * (1 + 1e-12)


@pytest.mark.topic("RNN-19")
@pytest.mark.parametrize("threshold", [0.1, 1.0, 100.0])
def test_eq_clip_norm(threshold: float) -> None:
    torch.manual_seed(0)
    gradients = [normal(4, 3), normal(4), normal(2, 2, 2)]
    length = math.sqrt(sum(float((g * g).sum()) for g in gradients))
    plain = [g * min(1.0, threshold / length) for g in gradients]
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    clip_grad_norm_(parameters, threshold)
    for ours, expected, theirs in zip(
        clip_gradient_norm(gradients, threshold), plain, parameters, strict=True
    ):
        close(ours, expected)
        assert theirs.grad is not None
        torch.testing.assert_close(theirs.grad, expected, rtol=1e-5, atol=0)  # it divides by length + 1e-6
    (short,) = clip_gradient_norm([torch.tensor([3.0, 4.0])], 1.0)
    torch.testing.assert_close(short, torch.tensor([0.6, 0.8]))
    (cut,) = clip_gradient_value([torch.tensor([3.0, 4.0])], 1.0)
    assert cut.tolist() == [1.0, 1.0]  # another direction, MIS-34


# What the page says beside its equations -----------------------------------------------------------------


def slope(u: float) -> float:
    """Of half the squared distance of u^50 from one half."""
    weight = torch.tensor(u, dtype=torch.float64, requires_grad=True)
    ((weight**50 - 0.5) ** 2 / 2).backward()
    assert weight.grad is not None
    return weight.grad.item()


@pytest.mark.topic("RNN-16")
def test_no_slope_moves_nothing_and_a_steep_one_needs_a_smaller_step() -> None:
    def loss(u: float) -> float:
        return (u**50 - 0.5) ** 2 / 2

    flat, steep = 0.8, 0.99
    assert loss(flat) > 0.12 and abs(slope(flat)) < 1e-3  # far from the minimum, and nothing says so
    assert slope(1.1) > 1e5
    assert loss(steep - 0.01 * slope(steep)) > loss(steep) > loss(steep - 0.0003 * slope(steep))
    step = 1e-6  # a slope is what the loss changes by, per unit, for a small step
    assert slope(steep) == pytest.approx((loss(steep + step) - loss(steep - step)) / (2 * step), rel=1e-5)


@pytest.mark.topic("RNN-20", "RNN-26")
def test_reading_from_both_ends_leaves_each_direction_its_product() -> None:
    """ERR-63: the forward half of a bidirectional network feels the past as the plain layer does."""
    torch.manual_seed(0)
    plain = RNN(D, H).double()
    both = Bidirectional(plain)
    x, cotangent = normal(N, 40, D), normal(N, H)
    halves = torch.cat([cotangent, torch.zeros_like(cotangent)], dim=1)  # the backward half is not asked
    felt = gradient_by_distance(both, x, halves)
    torch.testing.assert_close(felt, gradient_by_distance(plain, x, cotangent), rtol=1e-9, atol=0)
    assert (felt[:, 39] < 1e-4 * felt[:, 0]).all()


@pytest.mark.topic("RNN-18", "RNN-19")
@pytest.mark.parametrize(("when", "learns"), [("before", False), ("between", True), ("after", False)])
def test_clipping_counts_between_backward_and_step_only(when: str, learns: bool) -> None:
    """MIS-35, on a weight that is used fifty times and starts on the wall."""
    weight = nn.Parameter(torch.tensor([1.1], dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.003)
    for _ in range(200):
        optimizer.zero_grad()
        if when == "before":
            clip_grad_norm_([weight], 1.0)
        ((weight**50 - 0.5) ** 2 / 2).sum().backward()
        if when == "between":
            clip_grad_norm_([weight], 1.0)
        optimizer.step()
        if when == "after":
            clip_grad_norm_([weight], 1.0)
    reached = bool((weight.detach() ** 50 - 0.5).abs() < 0.2)
    assert reached is learns
