"""Every loss against PyTorch, the numbers of the course, extremes and properties."""

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.losses import (
    balanced_weights,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_loss,
    cross_entropy,
    dice_loss,
    hinge,
    huber,
    jaccard_loss,
    kl_divergence,
    log_softmax,
    mae,
    mse,
    poisson_nll,
    sequence_cross_entropy,
    softmax,
    softmax_cross_entropy,
)

from .image_parity import LOSSES, Case, measure, topics

Y, PREDICTED = torch.tensor([1.0, 2, 3, 4]), torch.tensor([1.5, 2, 2, 7])
MASKS = torch.tensor([1.0, 1, 1, 0, 0, 1]), torch.tensor([1.0, 0, 1, 0, 1, 1])


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=str(case), marks=pytest.mark.topic(*topics(case))) for case in LOSSES]
)
def test_loss_equals_torch(case: Case) -> None:
    deviations = measure(case)
    assert all(deviation <= case.tolerance for deviation in deviations.values()), deviations


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# The numbers of the course ------------------------------------------------------------------------------


@pytest.mark.topic("LOSS-02", "LOSS-03", "LOSS-04")
def test_regression_losses_of_four_numbers() -> None:
    assert mse(PREDICTED, Y).item() == 2.5625
    assert mae(PREDICTED, Y).item() == 1.125
    assert huber(PREDICTED, Y).item() == 0.78125
    assert huber(PREDICTED, Y, delta=2.0).item() == 1.15625
    assert F.smooth_l1_loss(PREDICTED, Y, beta=2.0).item() == 0.578125 == 1.15625 / 2


@pytest.mark.topic("LOSS-05", "LOSS-06", "LOSS-07")
def test_cross_entropies_of_the_course() -> None:
    binary = binary_cross_entropy(torch.tensor([0.9, 0.2, 0.6, 0.5]), torch.tensor([1.0, 0, 1, 0]))
    assert binary.item() == pytest.approx(0.383119, abs=1e-6)
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]).log()  # their softmax is the rows themselves
    labels, one_hot = torch.tensor([0, 2]), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    for targets in (labels, one_hot):
        assert cross_entropy(logits, targets, reduction="sum").item() == pytest.approx(1.560648, abs=1e-6)
        assert cross_entropy(logits, targets).item() == pytest.approx(0.780324, abs=1e-6)


@pytest.mark.topic("LOSS-08", "LOSS-09", "LOSS-10", "LOSS-11")
def test_other_losses_of_the_course() -> None:
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.4, 0.4, 0.2])
    assert kl_divergence(p, q).item() == pytest.approx(0.025267, abs=1e-6)
    assert kl_divergence(q, p).item() == pytest.approx(0.025815, abs=1e-6)
    scores, signs = torch.tensor([0.8, -1.5, -0.3]), torch.tensor([1.0, -1, 1])
    assert_close(hinge(scores, signs, "none"), torch.tensor([0.2, 0, 1.3]))
    assert hinge(scores, signs).item() == pytest.approx(0.5)
    rate, counts = torch.tensor([1.5, 0.5, 3]), torch.tensor([2.0, 0, 3])
    expected = torch.tensor([0.689070, 0.5, -0.295837])
    assert_close(poisson_nll(rate, counts, "none"), expected, atol=1e-6, rtol=0)
    assert poisson_nll(rate, counts).item() == pytest.approx(0.297744, abs=1e-6)
    assert cosine_loss(torch.tensor([1.0, 2, 2]), torch.tensor([2.0, 1, 2])).item() == pytest.approx(1 / 9)


@pytest.mark.topic("LOSS-14", "LOSS-15")
def test_overlaps_of_the_course() -> None:
    assert 1 - dice_loss(*MASKS, eps=0.0).item() == pytest.approx(0.75)
    assert 1 - jaccard_loss(*MASKS, eps=0.0).item() == pytest.approx(0.6)
    assert 0.75 == pytest.approx(2 * 0.6 / (1 + 0.6))


# What a loss is -----------------------------------------------------------------------------------------


@pytest.mark.topic("LOSS-01")
def test_reductions_and_what_they_do_to_the_step() -> None:
    prediction = random(6, 3).requires_grad_()
    target = random(6, 3, seed=1)
    values = mse(prediction, target, "none")
    assert values.shape == (6, 3)
    assert_close(mse(prediction, target, "sum"), values.sum())
    assert_close(mse(prediction, target, "mean"), values.sum() / 18)
    (by_sum,) = torch.autograd.grad(mse(prediction, target, "sum"), prediction)
    (by_mean,) = torch.autograd.grad(mse(prediction, target, "mean"), prediction)
    assert_close(by_sum, 18 * by_mean)
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', 'none'; got 'average'"):
        mse(prediction, target, "average")  # type: ignore[arg-type]


@pytest.mark.topic("LOSS-02", "LOSS-03")
def test_best_constants_are_mean_and_median() -> None:
    values = torch.tensor([0.0, 1, 2, 3, 100], dtype=torch.float64)
    grid = torch.linspace(0, 100, 10_001, dtype=torch.float64)
    for loss, best in ((mse, values.mean()), (mae, values.median())):
        costs = torch.stack([loss(constant.expand(5), values) for constant in grid])
        assert_close(grid[costs.argmin()], best, atol=0.006, rtol=0)


@pytest.mark.topic("LOSS-03", "LOSS-04")
def test_slopes_at_and_around_the_kinks() -> None:
    r = torch.tensor([-3.0, 0.0, 3.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(mae(r, torch.zeros_like(r), "sum"), r)
    assert slope.tolist() == [-1, 0, 1]
    for delta in (0.5, 2.0):
        near = torch.tensor([delta - 1e-9, delta + 1e-9], dtype=torch.float64, requires_grad=True)
        values = huber(near, torch.zeros_like(near), delta, "none")
        slopes = torch.autograd.grad(values.sum(), near)[0]
        assert abs(values[0] - values[1]) < 1e-8 and abs(slopes[0] - slopes[1]) < 1e-8  # no jump at delta


@pytest.mark.topic("LOSS-04")
def test_huber_between_squared_and_absolute() -> None:
    prediction, target = random(50), random(50, seed=1)
    assert_close(huber(prediction, target, delta=1e3), mse(prediction, target) / 2)
    assert_close(huber(prediction, target, delta=1e-6) / 1e-6, mae(prediction, target), atol=1e-6, rtol=0)
    for delta in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="expected a positive delta"):
            huber(prediction, target, delta)
    huge = torch.tensor([1e30], requires_grad=True)  # its square is infinite in float32
    (slope,) = torch.autograd.grad(huber(huge, torch.zeros(1)), huge)
    assert slope.item() == 1


@pytest.mark.topic("LOSS-05")
def test_binary_cross_entropy_survives_extreme_logits() -> None:
    for dtype in (torch.float32, torch.float64):
        z = torch.tensor([-1000.0, 1000, -1000, 1000, 0, 0], dtype=dtype, requires_grad=True)
        y = torch.tensor([0.0, 1, 1, 0, 0, 1], dtype=dtype)
        values = binary_cross_entropy_with_logits(z, y, "none")
        assert_close(values[:4].tolist(), [0.0, 0.0, 1000.0, 1000.0])
        (slope,) = torch.autograd.grad(values.sum(), z)
        assert slope.tolist() == [0, 0, -1, 1, 0.5, -0.5]  # sigma(z) - y, also at the kink of |z|
    certain = binary_cross_entropy(torch.tensor([0.0, 1, 0, 1]), torch.tensor([0.0, 1, 1, 0]), "none")
    assert certain.tolist() == [0, 0, 100, 100]


@pytest.mark.topic("LOSS-12")
def test_softmax_of_large_scores_and_its_gradient() -> None:
    huge = torch.tensor([1000.0, 0, -1000])
    assert softmax(huge).tolist() == [1, 0, 0]
    assert log_softmax(huge).tolist() == [0, -1000, -2000]  # the logarithm of softmax would be -inf
    u, t = random(4, 6).requires_grad_(), torch.tensor([0, 5, 2, 2])
    loss, by_hand = softmax_cross_entropy(u, t)
    (gradient,) = torch.autograd.grad(loss, u)
    assert_close(by_hand, gradient)
    assert_close(gradient, (softmax(u) - F.one_hot(t, 6)) / 4)
    assert_close(by_hand.sum(1), torch.zeros(4, dtype=torch.float64), atol=1e-15, rtol=0)
    assert_close(softmax(u + 7), softmax(u))
    assert torch.autograd.gradcheck(softmax, u) and torch.autograd.gradgradcheck(log_softmax, u)


@pytest.mark.topic("LOSS-05", "LOSS-07", "LOSS-12")
def test_half_precision_logits_lose_nothing_in_the_loss() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        rough = (5 * random(64, 100)).to(dtype)
        labels, yes = torch.arange(64), torch.rand(64, 100)
        assert torch.equal(cross_entropy(rough, labels), cross_entropy(rough.float(), labels))
        of_rough, of_float = (binary_cross_entropy_with_logits(z, yes) for z in (rough, rough.float()))
        assert torch.equal(of_rough, of_float)


@pytest.mark.topic("LOSS-07")
def test_labels_and_one_hot_rows_agree_with_gradients() -> None:
    logits, labels = random(5, 4, 3).requires_grad_(), torch.randint(4, (5, 3))
    one_hot = F.one_hot(labels, 4).movedim(-1, 1).double()
    for reduction in ("mean", "sum", "none"):
        sparse, dense = (cross_entropy(logits, t, reduction=reduction) for t in (labels, one_hot))
        assert_close(sparse, dense)
        grads = [torch.autograd.grad(loss.sum(), logits, retain_graph=True)[0] for loss in (sparse, dense)]
        assert_close(*grads)


@pytest.mark.topic("LOSS-08")
def test_divergence_is_what_cross_entropy_adds_to_entropy() -> None:
    p, u = random(7, 5).softmax(-1), random(7, 5, seed=1)
    entropy = -(p * p.log()).sum(-1).mean()
    assert_close(cross_entropy(u, p), entropy + kl_divergence(p, u.softmax(-1)))
    assert (kl_divergence(p, u.softmax(-1), "none") > 0).all() and abs(kl_divergence(p, p)) < 1e-15
    assert kl_divergence(torch.tensor([1.0, 0]), torch.tensor([0.5, 0.5])).item() == pytest.approx(
        math.log(2)
    )
    assert kl_divergence(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0])).item() == math.inf
    along_classes = kl_divergence(p.T, u.softmax(-1).T, dim=0)
    assert_close(along_classes, kl_divergence(p, u.softmax(-1)))


@pytest.mark.topic("LOSS-09")
def test_hinge_charges_right_answers_inside_the_margin() -> None:
    assert hinge(torch.tensor([0.3, 1.0, 2.0]), torch.ones(3), "none").tolist() == pytest.approx([0.7, 0, 0])
    with pytest.raises(ValueError, match="expected targets of -1 and 1"):
        hinge(torch.tensor([0.3, 1.0]), torch.tensor([0.0, 1.0]))


@pytest.mark.topic("LOSS-10")
def test_poisson_is_least_at_the_mean_count() -> None:
    counts, rates = torch.tensor([1.0, 2, 6]), torch.linspace(0.5, 8, 751)
    costs = torch.stack([poisson_nll(rate.expand(3), counts) for rate in rates])
    assert rates[costs.argmin()].item() == pytest.approx(3.0)
    assert poisson_nll(torch.zeros(1), torch.zeros(1)).item() == 0
    assert poisson_nll(torch.zeros(1), torch.ones(1)).item() == math.inf
    rate = torch.full((100_000,), 3.5)
    drawn = torch.poisson(rate, generator=torch.Generator().manual_seed(0))
    full = -torch.distributions.Poisson(rate).log_prob(drawn) - torch.lgamma(drawn + 1)  # without log y!
    assert_close(poisson_nll(rate, drawn), full.mean(), rtol=1e-4, atol=1e-4)


@pytest.mark.topic("LOSS-11")
def test_cosine_sees_only_the_direction() -> None:
    a = random(4, 3)
    assert_close(cosine_loss(a, 10 * a, "none"), torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)
    assert_close(cosine_loss(a, -a), torch.tensor(2.0, dtype=torch.float64))
    zero = torch.zeros(1, 3, requires_grad=True)
    loss = cosine_loss(zero, torch.ones(1, 3))
    assert loss.item() == 1 and torch.autograd.grad(loss, zero)[0].isfinite().all()


@pytest.mark.topic("LOSS-13", "CNN-36")
def test_weights_let_the_rare_class_be_seen() -> None:
    torch.manual_seed(0)
    labels = (torch.rand(4000) < 0.05).long()  # 95 : 5
    x = torch.randn(4000, 1) + 1.5 * labels[:, None]
    weight = balanced_weights(labels, 2)
    assert_close(
        weight.double(),
        torch.from_numpy(compute_class_weight("balanced", classes=np.array([0, 1]), y=labels.numpy())),
        rtol=1e-6, atol=0,
    )  # fmt: skip

    def recall(weight: Tensor | None) -> float:
        model = nn.Linear(1, 2)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=50)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(model(x), labels, weight)
            loss.backward()
            return loss

        optimizer.step(closure)
        return (model(x).argmax(1)[labels == 1] == 1).float().mean().item()

    assert recall(None) < 0.3 < 0.7 < recall(weight)
    assert balanced_weights(torch.tensor([0, 0, 2]), 4).tolist() == [0.375, 0, 0.75, 0]
    with pytest.raises(ValueError, match="expected labels from 0 to 1; got 2"):
        balanced_weights(torch.tensor([0, 2]), 2)


@pytest.mark.topic("LOSS-14", "LOSS-15", "CNN-36")
def test_overlap_losses_per_class_on_empty_masks_and_in_their_order() -> None:
    p, g = random(2, 3, 4, 4).softmax(1), F.one_hot(torch.randint(3, (2, 4, 4)), 3).movedim(-1, 1)
    for loss in (dice_loss, jaccard_loss):
        each = torch.stack([loss(p[:, k], g[:, k]) for k in range(3)])
        assert_close(loss(p, g, per_class=True), each.mean())
        empty = torch.zeros(1, 1, 4, 4)
        assert loss(empty, empty).item() == 0
        good, bad, truth = (
            torch.tensor([0.9, 0.9, 0.1]),
            torch.tensor([0.1, 0.1, 0.9]),
            torch.tensor([1, 1, 0]),
        )
        assert loss(good, truth) < loss(bad, truth)
        assert torch.autograd.gradcheck(lambda q, loss=loss: loss(q, g, per_class=True), p.requires_grad_())
    dice, jaccard = 1 - dice_loss(p, g, eps=0.0), 1 - jaccard_loss(p, g, eps=0.0)
    assert_close(dice, 2 * jaccard / (1 + jaccard))
    # Nine times as many easy pixels of the background change the one, not the other.
    wide_p, wide_g = F.pad(p, (6, 6, 6, 6)), F.pad(g, (6, 6, 6, 6))
    assert_close(dice_loss(wide_p, wide_g), dice_loss(p, g))
    assert mse(wide_p, wide_g.double()) < mse(p, g.double()) / 5


@pytest.mark.topic("LOSS-16")
def test_padding_never_matters() -> None:
    logits, targets = random(3, 4, 6), torch.randint(6, (3, 4))
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]).bool()
    clean = logits.clone().requires_grad_()
    spoilt = logits.masked_fill(~mask[..., None], math.nan).requires_grad_()
    losses = [
        sequence_cross_entropy(clean, targets, mask),
        sequence_cross_entropy(spoilt, targets.masked_fill(~mask, -1), mask),
    ]
    assert_close(*losses)
    assert_close(*(torch.autograd.grad(*pair)[0] for pair in zip(losses, (clean, spoilt), strict=True)))
    uniform = sequence_cross_entropy(torch.zeros(3, 4, 6), targets, mask)
    assert uniform.exp().item() == pytest.approx(6)
    with pytest.raises(ValueError, match="expected at least one real word"):
        sequence_cross_entropy(logits, targets, torch.zeros_like(mask))
    with pytest.raises(ValueError, match=r"got \(3, 4, 6\), \(3, 4\) and \(3,\)"):
        sequence_cross_entropy(logits, targets, mask[:, 0])


@pytest.mark.topic("LOSS-17")
def test_reconstruction_is_best_when_it_is_the_input() -> None:
    image = torch.rand(2, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    entropy = -(image * image.log() + (1 - image) * (1 - image).log()).mean()
    for loss, least in ((mse, 0.0), (binary_cross_entropy, entropy.item())):  # BCE of grey does not reach 0
        copy = image.clone().requires_grad_()
        value = loss(copy, image)
        assert value.item() == pytest.approx(least)
        (slope,) = torch.autograd.grad(value, copy)
        assert_close(slope, torch.zeros_like(slope), atol=1e-12, rtol=0)
        assert loss((image + 0.01).clamp(max=1), image) > value


@pytest.mark.topic("LOSS-18")
def test_penalty_added_to_a_loss_gives_ridge_regression() -> None:
    x, y, strength = random(40, 3), random(40, seed=1), 0.3
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=100, tolerance_grad=1e-12, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = mse(x @ w, y) + strength * w.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    closed = torch.linalg.solve(x.T @ x + 40 * strength * torch.eye(3, dtype=torch.float64), x.T @ y)
    assert_close(w.detach(), closed, rtol=1e-6, atol=1e-8)


@pytest.mark.topic("LOSS-19")
def test_gradient_of_a_weighted_sum_is_the_weighted_sum() -> None:
    z, y = random(4, 5).requires_grad_(), torch.randint(5, (4,))
    terms = [
        cross_entropy(z, y),
        mse(z, torch.zeros_like(z)),
        kl_divergence(z.softmax(-1), y.new_ones(4, 5) / 5),
    ]
    weights = [1.0, 0.3, 2.0]
    total = sum(weight * term for weight, term in zip(weights, terms, strict=True))
    grads = [torch.autograd.grad(term, z, retain_graph=True)[0] for term in (total, *terms)]
    assert_close(grads[0], sum(w * grad for w, grad in zip(weights, grads[1:], strict=True)))


@pytest.mark.topic("LOSS-20")
@pytest.mark.parametrize(
    ("raw", "target", "last_layer", "loss"),
    [
        ((8, 1), random(8, 1, seed=1), lambda z: z, huber),
        ((8, 1), torch.arange(8.0).double()[:, None], torch.exp, poisson_nll),
        ((8, 1), torch.arange(8.0).double()[:, None] % 2, lambda z: z, binary_cross_entropy_with_logits),
        ((8, 5), torch.arange(8) % 5, lambda z: z, cross_entropy),
        ((8, 3, 4, 4), torch.arange(128).view(8, 4, 4) % 3, lambda z: z, cross_entropy),
        ((8, 1), 2 * (torch.arange(8.0).double()[:, None] % 2) - 1, lambda z: z, hinge),
        ((8, 6), random(8, 6, seed=1), lambda z: z, cosine_loss),
    ],
    ids=["numbers", "counts", "two classes", "classes", "pixels", "margin", "direction"],
)  # fmt: skip
def test_the_loss_of_a_task_leads_to_its_targets(raw, target, last_layer, loss) -> None:
    """Output layer and loss as the table of the course pairs them: free scores come to fit the targets."""
    z = (0.1 * random(*raw)).requires_grad_()
    best = {poisson_nll: poisson_nll(target.clamp(min=1e-9), target).item() if loss is poisson_nll else 0}
    optimizer = torch.optim.Adam([z], lr=0.3)
    first = loss(last_layer(z), target).item()
    for _ in range(200):
        optimizer.zero_grad()
        value = loss(last_layer(z), target)
        value.backward()
        optimizer.step()
    floor = best.get(loss, 0)
    assert value.item() - floor < 0.02 * (first - floor)


# Bad input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss", [mse, mae, huber, poisson_nll, hinge, binary_cross_entropy, binary_cross_entropy_with_logits,
             kl_divergence, cosine_loss, dice_loss, jaccard_loss],
)  # fmt: skip
def test_two_shapes_are_refused_instead_of_broadcast(loss) -> None:
    with pytest.raises(ValueError, match=r"expected a target of shape \(4, 1\).*got \(4,\)"):
        loss(torch.full((4, 1), 0.5), torch.full((4,), 0.5))


@pytest.mark.parametrize(
    ("logits", "targets", "weight", "message"),
    [
        (torch.zeros(3), torch.tensor(0), None, r"expected logits of shape \(N, K, ...\); got \(3,\)"),
        (torch.zeros(2, 3), torch.tensor([0]), None, r"expected labels of shape \(2,\); got \(1,\)"),
        (torch.zeros(2, 3), torch.zeros(2), None, r"expected probabilities of shape \(2, 3\); got \(2,\)"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), None, "expected labels from 0 to 2; got 0 to 3"),
        (torch.zeros(2, 3), torch.tensor([0, 1]), torch.ones(2), r"each of the 3 classes; got \(2,\)"),
    ],
)  # fmt: skip
def test_cross_entropy_refuses(logits, targets, weight, message) -> None:
    with pytest.raises(ValueError, match=message):
        cross_entropy(logits, targets, weight)
