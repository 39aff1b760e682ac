"""Clipping against PyTorch's, Jacobians against autograd, and bounds that hold."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.gradients import (
    clip_gradient_norm,
    clip_gradient_value,
    gradient_by_distance,
    jacobian_bound,
    jacobian_products,
    largest_singular_value,
    recurrent_weight,
    rnn_jacobians,
    scaled_to_radius,
    scaled_to_singular_value,
    spectral_radius,
)
from coursekit.nn.recurrent import GRU, LSTM, RNN
from coursekit.train import fit

STARTS = ["orthogonal", "identity", "normal"]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def clipped_by_torch(clip: object, gradients: list[Tensor], limit: float) -> list[Tensor]:
    weights = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient.clone()
    clip(weights, limit)  # type: ignore[operator]
    return [weight.grad for weight in weights if weight.grad is not None]


# Clipping -----------------------------------------------------------------------------------------------


@pytest.mark.topic("RNN-19")
def test_three_and_four_clipped_to_one() -> None:
    (clipped,) = clip_gradient_norm([torch.tensor([3.0, 4.0])], 1.0)
    assert_close(clipped, torch.tensor([0.6, 0.8]))
    one, other = clip_gradient_norm([torch.tensor([3.0]), torch.tensor([[4.0]])], 1.0)  # one length for all
    assert_close((one, other), (torch.tensor([0.6]), torch.tensor([[0.8]])))
    (by_value,) = clip_gradient_value([torch.tensor([3.0, -4.0, 0.5])], 1.0)
    assert by_value.tolist() == [1.0, -1.0, 0.5]


@pytest.mark.topic("RNN-19")
@pytest.mark.parametrize("limit", [0.1, 1.0, 30.0])
def test_clipping_equals_torch(limit: float) -> None:
    gradients = [normal(3, 4), 5 * normal(2), normal(1, 1, 6)]
    kept = [gradient.clone() for gradient in gradients]
    by_norm = clipped_by_torch(nn.utils.clip_grad_norm_, gradients, limit)
    assert_close(clip_gradient_norm(gradients, limit), by_norm, rtol=1e-6, atol=0)
    by_value = clipped_by_torch(nn.utils.clip_grad_value_, gradients, limit)
    assert_close(clip_gradient_value(gradients, limit), by_value, rtol=0, atol=0)
    assert all(map(torch.equal, gradients, kept))  # neither writes in place


@pytest.mark.topic("RNN-19")
def test_below_the_limit_nothing_changes_and_zero_stays_zero() -> None:
    gradients = [torch.tensor([0.3, -0.1]), torch.tensor([[0.7]])]
    assert all(map(torch.equal, clip_gradient_norm(gradients, 0.8), gradients))
    assert all(map(torch.equal, clip_gradient_value(gradients, 0.8), gradients))
    zeros = [torch.zeros(2), torch.zeros(3, 1)]
    for clip in (clip_gradient_norm, clip_gradient_value):
        assert all(map(torch.equal, clip(zeros, 1.0), zeros))
        assert clip([], 1.0) == []


@pytest.mark.topic("RNN-19")
def test_the_norm_keeps_the_direction_and_the_value_does_not() -> None:
    gradient = torch.tensor([3.0, 0.1, 4.0])
    (by_norm,), (by_value,) = clip_gradient_norm([gradient], 1.0), clip_gradient_value([gradient], 1.0)
    assert by_norm.norm().item() == pytest.approx(1, abs=1e-6)
    assert F.cosine_similarity(by_norm, gradient, dim=0).item() == pytest.approx(1, abs=1e-6)
    assert F.cosine_similarity(by_value, gradient, dim=0).item() == pytest.approx(0.9887, abs=5e-5)


@pytest.mark.topic("RNN-19")
def test_fit_clips_by_the_same_norm() -> None:
    x, y = torch.randn(8, 3), 100 * torch.randn(8, 1)
    model = nn.Linear(3, 1)
    before = [weight.detach().clone() for weight in model.parameters()]
    loss = F.mse_loss(model(x), y)
    expected = clip_gradient_norm(list(torch.autograd.grad(loss, list(model.parameters()))), 0.5)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    fit(model, [(x, y)], F.mse_loss, epochs=1, optimizer=sgd, clip_norm=0.5, device="cpu", progress=False)
    moved = [old - new for old, new in zip(before, model.parameters(), strict=True)]
    assert_close(moved, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.topic("RNN-19")
@pytest.mark.parametrize("value", [torch.inf, torch.nan, 1e25])  # the square of the last is too large
def test_a_norm_that_is_not_finite_cannot_be_shortened(value: float) -> None:
    with pytest.raises(FloatingPointError, match="norm must be finite; got (inf|nan)"):
        clip_gradient_norm([torch.tensor([value, 1.0])], 1.0)


# What is left of a gradient after k steps ---------------------------------------------------------------


@pytest.mark.topic("RNN-14", "RNN-17")
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (1, 1, 2, 3), (3, 4, 1, 1)])  # N, T, D, H
def test_products_of_jacobians_equal_autograd(shape: tuple[int, int, int, int], activation: str) -> None:
    N, T, D, H = shape
    layer, x = RNN(D, H, activation).double(), normal(N, T, D)
    states = layer(x)[0]  # (N, T, H)
    products = jacobian_products(rnn_jacobians(states, layer.weight_hh, activation))
    assert products.shape == (N, T + 1, H, H)
    for n in range(N):
        before = [torch.zeros(H, dtype=torch.float64), *states[n]]  # h_0, ..., h_T
        for k in range(T + 1):

            def last(h: Tensor, n: int = n, k: int = k) -> Tensor:
                return layer(x[n : n + 1, T - k :], h[None])[1][0] if k else h  # (H,)

            expected = torch.autograd.functional.jacobian(last, before[T - k])  # (H, H)
            assert_close(products[n, k], expected)


@pytest.mark.topic("RNN-17")
def test_the_gradient_by_distance_is_the_product_of_jacobians() -> None:
    layer, x, cotangent = RNN(3, 4).double(), normal(2, 6, 3), normal(2, 4)
    states = layer(x)[0]
    products = jacobian_products(rnn_jacobians(states, layer.weight_hh))[:, :-1]  # (N, T, H, H)
    at_states = torch.einsum("nh,nkhj->nkj", cotangent, products)  # (N, T, H), by distance
    at_inputs = (at_states * (1 - states.flip(1) ** 2)) @ layer.weight_ih  # (N, T, D)
    assert_close(gradient_by_distance(layer, x, cotangent), at_inputs.norm(dim=2).detach())
    assert all(weight.grad is None for weight in layer.parameters()) and not x.requires_grad


@pytest.mark.topic("RNN-17", "RNN-46")
def test_gradients_vanish_with_distance_unless_a_forget_gate_is_open() -> None:
    layers = [RNN(2, 8), GRU(2, 8), LSTM(2, 8, forget_bias=0.0), LSTM(2, 8, forget_bias=3.0)]
    x, cotangent = torch.randn(4, 40, 2), torch.randn(4, 8)
    norms = torch.stack([gradient_by_distance(layer, x, cotangent).mean(dim=0) for layer in layers])  # (4, T)
    assert norms.shape == (4, 40)
    *closed, opened = (norms[:, 30] / norms[:, 0]).tolist()
    assert max(closed) < 1e-3 and opened > 1e-2  # f is 0.5 or 0.95: mitigated, not abolished


# Bounds -------------------------------------------------------------------------------------------------


@pytest.mark.topic("RNN-17", "RNN-18")
def test_fifty_factors_a_little_beside_one() -> None:
    one = recurrent_weight(4, "identity").double()
    assert jacobian_bound(0.9 * one, 50).item() == pytest.approx(0.00515, abs=5e-6)
    assert jacobian_bound(one, 10, slope=0.25).item() == pytest.approx(9.5e-7, abs=5e-9)
    assert jacobian_bound(1.1 * one, 50).item() == pytest.approx(117.39, abs=5e-3)
    assert jacobian_bound(one, 1000).item() == jacobian_bound(3 * one, 0).item() == 1


@pytest.mark.topic("RNN-17", "RNN-18")
@pytest.mark.parametrize("sigma", [0.5, 0.9, 1.0, 1.5])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_no_product_exceeds_its_bound(activation: str, sigma: float) -> None:
    layer, x = RNN(3, 6, activation).double(), normal(3, 12, 3)
    layer.weight_hh.data = scaled_to_singular_value(layer.weight_hh.detach(), sigma)
    products = jacobian_products(rnn_jacobians(layer(x)[0], layer.weight_hh, activation)).detach()
    norms = torch.linalg.matrix_norm(products, 2)  # (N, T + 1)
    bounds = torch.stack([jacobian_bound(layer.weight_hh, k) for k in range(13)]).detach()
    assert (norms <= bounds * (1 + 1e-12)).all()


@pytest.mark.topic("RNN-17", "RNN-18")
def test_in_the_linear_case_the_bound_is_reached_and_steps_of_relu_multiply_it() -> None:
    """With states above 0 the ReLU is linear: a product of k equal Jacobians is the k-th power."""
    states = torch.ones(1, 50, 4, dtype=torch.float64)
    for scale in (0.9, 1.1):
        weight = scale * recurrent_weight(4, "orthogonal").double()
        products = jacobian_products(rnn_jacobians(states, weight, "relu"))
        assert_close(products[0, 50], torch.linalg.matrix_power(weight, 50))
        norms = torch.linalg.matrix_norm(products[0], 2)  # (T + 1,)
        assert_close(norms[50], jacobian_bound(weight, 50), rtol=1e-5, atol=0)
        assert norms[50].item() == pytest.approx(scale**50, rel=1e-4)


@pytest.mark.topic("RNN-18")
def test_the_radius_rules_the_long_run_and_the_singular_value_the_first_steps() -> None:
    weight = torch.tensor([[0.9, 2.0], [0.0, 0.8]], dtype=torch.float64)  # shears: stretches, then forgets
    assert spectral_radius(weight).item() == pytest.approx(0.9)
    assert largest_singular_value(weight).item() == pytest.approx(2.3137, abs=5e-5)
    power = torch.linalg.matrix_power
    assert largest_singular_value(power(weight, 3)) > 4 > 1e-2 > largest_singular_value(power(weight, 100))
    growth = largest_singular_value(power(weight, 400)) ** (1 / 400)
    assert growth.item() == pytest.approx(0.9, abs=0.01)
    rotation = torch.tensor([[0.0, -1.5], [1.5, 0.0]])  # eigenvalues +-1.5i
    assert spectral_radius(rotation).item() == pytest.approx(1.5)


# Recurrent weights to start from ------------------------------------------------------------------------


@pytest.mark.topic("RNN-17", "RNN-20")
def test_orthogonal_and_identity_weights_keep_all_lengths() -> None:
    for size in (1, 2, 30):
        weight = recurrent_weight(size, "orthogonal")
        assert_close(weight.T @ weight, torch.eye(size), atol=1e-5, rtol=0)
        assert torch.equal(recurrent_weight(size, "identity"), torch.eye(size))
    signs = torch.stack([recurrent_weight(2, "orthogonal").det() for _ in range(200)]).sign()
    assert -0.3 < signs.mean() < 0.3  # rotations and reflections alike
    corners = torch.stack([recurrent_weight(3, "orthogonal")[0, 0] for _ in range(400)])
    assert abs(corners.mean()) < 0.1  # QR alone would make every corner negative


@pytest.mark.topic("RNN-17", "RNN-20")
def test_normal_weights_have_radius_one_and_singular_value_two() -> None:
    weight = recurrent_weight(300, "normal")
    assert spectral_radius(weight).item() == pytest.approx(1, abs=0.15)
    assert largest_singular_value(weight).item() == pytest.approx(2, abs=0.15)


@pytest.mark.topic("RNN-17", "RNN-20")
@pytest.mark.parametrize("start", STARTS)
def test_weights_are_scaled_as_asked_and_drawn_from_the_generator(start: str) -> None:
    weight = recurrent_weight(6, start, torch.Generator().manual_seed(3))
    assert torch.equal(recurrent_weight(6, start, torch.Generator().manual_seed(3)), weight)
    by_radius, by_value = scaled_to_radius(weight, 1.3), scaled_to_singular_value(weight, 0.7)
    assert spectral_radius(by_radius).item() == pytest.approx(1.3, rel=1e-5)
    assert largest_singular_value(by_value).item() == pytest.approx(0.7, rel=1e-5)
    assert_close(by_radius / by_radius.norm(), weight / weight.norm())
    assert_close(by_value / by_value.norm(), weight / weight.norm())


@pytest.mark.topic("RNN-18", "RNN-19")
def test_an_explosion_is_clipped_and_a_vanished_gradient_is_not_brought_back() -> None:
    x, cotangent = torch.full((1, 50, 4), 0.1), torch.ones(1, 4)
    for scale, felt in ((1.1, 1.0), (0.9, 0.9**49)):
        layer = RNN(4, 4, "relu")
        layer.weight_hh.data = layer.weight_ih.data = torch.eye(4)
        layer.weight_hh.data = scale * layer.weight_hh.data
        norms = gradient_by_distance(layer, x, cotangent)[0]  # (T,)
        assert_close(norms, 2 * scale ** torch.arange(50.0), rtol=1e-4, atol=0)
        (clipped,) = clip_gradient_norm([norms[-1]], 1.0)
        assert clipped.item() == pytest.approx(min(1.0, 2 * felt), rel=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: clip_gradient_norm([w], 0.0), "max_norm must be positive; got 0.0"),
        (lambda w: clip_gradient_norm([w], torch.nan), "max_norm must be positive; got nan"),
        (lambda w: clip_gradient_value([w], -1.0), "max_value must be positive; got -1.0"),
        (lambda w: rnn_jacobians(torch.ones(2, 3), w), r"got \(2, 3\) and \(3, 3\)"),
        (lambda w: rnn_jacobians(torch.ones(2, 3, 4), w), r"got \(2, 3, 4\) and \(3, 3\)"),
        (lambda w: rnn_jacobians(torch.ones(2, 4, 3), w, "sigmoid"), "activation must be one of 'tanh'"),
        (lambda w: jacobian_products(w), r"must have shape \(N, T, H, H\); got \(3, 3\)"),
        (
            lambda w: gradient_by_distance(RNN(2, 3), torch.ones(1, 4, 2), torch.ones(3)),
            r"cotangent must have shape \(1, 3\); got \(3,\)",
        ),
        (lambda w: jacobian_bound(w, -1), "got -1 and 1.0"),
        (lambda w: jacobian_bound(w, 2, slope=0.0), "got 2 and 0.0"),
        (lambda w: recurrent_weight(0, "normal"), "size must be at least 1; got 0"),
        (lambda w: recurrent_weight(3, "uniform"), "start must be one of 'orthogonal'"),
        (lambda w: scaled_to_radius(w, -1.0), "spectral radius to scale to must be at least 0; got -1.0"),
        (lambda w: scaled_to_radius(w.triu(1), 1.0), "must have a positive spectral radius"),
        (lambda w: scaled_to_singular_value(0 * w, 1.0), "must have a positive largest singular value"),
    ],
)
def test_what_does_not_fit_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(torch.ones(3, 3))  # type: ignore[operator]
