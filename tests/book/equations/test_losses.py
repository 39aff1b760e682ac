"""The equations of the page on losses, each written out plainly, against the package and against PyTorch.

Sums run over plain Python numbers where that is short enough: nothing broadcasts, nothing is vectorised, and
no function of the package helps to check another.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.losses import (
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

N, K = 7, 5


@pytest.fixture(params=[0, 1, 2], autouse=True)
def random_numbers(request: pytest.FixtureRequest) -> None:
    torch.manual_seed(request.param)


def normal(*shape: int) -> Tensor:
    return 3 * torch.randn(*shape, dtype=torch.float64)


def uniform(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64)


def close(ours: Tensor, expected: Tensor | float | list[float], tolerance: float = 1e-12) -> None:
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(ours.detach(), expected, rtol=tolerance, atol=tolerance)


def slope(loss: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    at = at.clone().requires_grad_()
    return torch.autograd.grad(loss(at).sum(), at)[0]


def mean(terms: list[float]) -> float:
    return sum(terms) / len(terms)


# Numbers and counts -------------------------------------------------------------------------------------


@pytest.mark.topic("LOSS-02")
def test_eq_mse() -> None:
    y, predicted = normal(N), normal(N)
    plain = mean([(t - p) ** 2 for t, p in zip(y.tolist(), predicted.tolist(), strict=True)])
    close(mse(predicted, y), plain)
    close(F.mse_loss(predicted, y), plain)


@pytest.mark.topic("LOSS-02")
def test_eq_gaussian_nll() -> None:
    y, predicted = normal(N), normal(N)
    for s in (0.3, 2.0):
        plain = (y - predicted) ** 2 / (2 * s**2) + math.log(s * math.sqrt(2 * math.pi))
        close(-torch.distributions.Normal(predicted, s).log_prob(y), plain)
        constant = math.log(s * math.sqrt(2 * math.pi))
        close(mse(predicted, y, "none") / (2 * s**2) + constant, plain)


@pytest.mark.topic("LOSS-03")
def test_eq_mae() -> None:
    y, predicted = normal(N), normal(N)
    plain = mean([abs(t - p) for t, p in zip(y.tolist(), predicted.tolist(), strict=True)])
    close(mae(predicted, y), plain)
    close(F.l1_loss(predicted, y), plain)


@pytest.mark.topic("LOSS-04")
@pytest.mark.parametrize("delta", [0.4, 1.0, 2.5])
def test_eq_huber(delta: float) -> None:
    y, predicted = normal(50), normal(50)  # residuals on both sides of every delta
    plain = [
        0.5 * r**2 if abs(r) <= delta else delta * abs(r) - 0.5 * delta**2 for r in (y - predicted).tolist()
    ]
    close(huber(predicted, y, delta, "none"), plain)
    close(F.huber_loss(predicted, y, delta=delta, reduction="none"), plain)
    close(huber(predicted, y, delta), mean(plain))


@pytest.mark.topic("LOSS-10")
def test_eq_poisson() -> None:
    counts, rate = torch.poisson(4 * uniform(N)), 5 * uniform(N) + 0.1
    plain = [r - c * math.log(r) for r, c in zip(rate.tolist(), counts.tolist(), strict=True)]
    close(poisson_nll(rate, counts, "none"), plain)
    close(F.poisson_nll_loss(rate, counts, log_input=False, eps=0, reduction="none"), plain)
    # and it is the likelihood of counts, less log y!
    close(-torch.distributions.Poisson(rate).log_prob(counts) - torch.lgamma(counts + 1), plain)


@pytest.mark.topic("LOSS-10")
def test_eq_poisson_slope() -> None:
    counts, z = torch.poisson(4 * uniform(N)), normal(N)
    close(slope(lambda z: poisson_nll(z.exp(), counts, "none"), z), z.exp() - counts, 1e-10)


# Two classes --------------------------------------------------------------------------------------------


@pytest.mark.topic("LOSS-05")
def test_eq_bce() -> None:
    p, y = uniform(N), uniform(N)  # soft targets, so that both terms count
    plain = mean(
        [-(t * math.log(q) + (1 - t) * math.log(1 - q)) for q, t in zip(p.tolist(), y.tolist(), strict=True)]
    )
    close(binary_cross_entropy(p, y), plain)
    close(F.binary_cross_entropy(p, y), plain)


@pytest.mark.topic("LOSS-05")
def test_eq_bce_logits() -> None:
    z, y = normal(N), uniform(N)
    left = [math.log(1 + math.exp(a)) - a * t for a, t in zip(z.tolist(), y.tolist(), strict=True)]
    right = [
        max(a, 0) - a * t + math.log(1 + math.exp(-abs(a)))
        for a, t in zip(z.tolist(), y.tolist(), strict=True)
    ]
    assert left == pytest.approx(right, rel=1e-12)
    close(binary_cross_entropy_with_logits(z, y, "none"), right)
    close(F.binary_cross_entropy_with_logits(z, y, reduction="none"), right)
    far = [1000.0, -1000.0]  # only the right side can be computed
    plain = [max(a, 0) - a * 0.25 + math.log(1 + math.exp(-abs(a))) for a in far]
    far_logits = torch.tensor(far, dtype=torch.float64)
    close(binary_cross_entropy_with_logits(far_logits, torch.full_like(far_logits, 0.25), "none"), plain)


@pytest.mark.topic("LOSS-05")
def test_eq_bce_slope() -> None:
    """At 0 too, where the maximum and the absolute value have a corner and the loss has none."""
    z, y = torch.cat([normal(N), torch.zeros(3).double()]), uniform(N + 3)
    plain = [1 / (1 + math.exp(-a)) - t for a, t in zip(z.tolist(), y.tolist(), strict=True)]
    close(slope(lambda z: binary_cross_entropy_with_logits(z, y, "none"), z), plain)
    close(slope(lambda z: F.binary_cross_entropy_with_logits(z, y, reduction="none"), z), plain)


@pytest.mark.topic("LOSS-09")
def test_eq_hinge() -> None:
    s, y = normal(50), 2.0 * torch.randint(2, (50,)).double() - 1
    plain = [max(0.0, 1 - t * a) for a, t in zip(s.tolist(), y.tolist(), strict=True)]
    close(hinge(s, y, "none"), plain)
    # PyTorch has it for several classes: of two scores, the margin of the true one over the other one (0)
    two = torch.stack([torch.zeros_like(s), s], dim=1)
    theirs = F.multi_margin_loss(two, ((y + 1) / 2).long(), reduction="none")
    close(2 * theirs, plain)  # it divides by the number of classes


# K classes ----------------------------------------------------------------------------------------------


def plain_softmax(scores: list[float]) -> list[float]:
    total = sum(math.exp(u) for u in scores)
    return [math.exp(u) / total for u in scores]


@pytest.mark.topic("LOSS-12")
def test_eq_softmax() -> None:
    u = normal(N, K)
    plain = [plain_softmax(row) for row in u.tolist()]
    close(softmax(u), plain)
    close(u.softmax(-1), plain)
    close(log_softmax(u), torch.tensor(plain, dtype=torch.float64).log())


@pytest.mark.topic("LOSS-06")
def test_eq_categorical_cross_entropy() -> None:
    u = normal(N, K)
    for rows in (F.one_hot(torch.randint(K, (N,)), K).double(), normal(N, K).softmax(-1)):  # hard and soft
        plain = mean(
            [
                -sum(t * math.log(p) for t, p in zip(row, plain_softmax(scores), strict=True))
                for row, scores in zip(rows.tolist(), u.tolist(), strict=True)
            ]
        )
        close(cross_entropy(u, rows), plain)
        close(F.cross_entropy(u, rows), plain)


@pytest.mark.topic("LOSS-07")
def test_eq_softmax_cross_entropy() -> None:
    u, labels = normal(N, K), torch.randint(K, (N,))
    plain = mean(
        [
            math.log(sum(math.exp(a) for a in row)) - row[c]
            for row, c in zip(u.tolist(), labels.tolist(), strict=True)
        ]
    )
    close(cross_entropy(u, labels), plain)
    close(softmax_cross_entropy(u, labels).loss, plain)
    close(nn.CrossEntropyLoss()(u, labels), plain)


@pytest.mark.topic("LOSS-12")
def test_eq_softmax_gradient() -> None:
    u, labels = normal(N, K), torch.randint(K, (N,))
    plain = [
        [(p - (j == c)) / N for j, p in enumerate(plain_softmax(row))]
        for row, c in zip(u.tolist(), labels.tolist(), strict=True)
    ]
    close(softmax_cross_entropy(u, labels).gradient, plain)
    close(slope(lambda u: F.cross_entropy(u, labels), u), plain)
    assert all(abs(sum(row)) < 1e-12 for row in plain)


@pytest.mark.topic("LOSS-13")
def test_eq_weighted_cross_entropy() -> None:
    u, labels, weight = normal(N, K), torch.randint(K, (N,)), uniform(K) + 0.1
    above = sum(
        -weight[c].item() * math.log(plain_softmax(row)[c])
        for row, c in zip(u.tolist(), labels.tolist(), strict=True)
    )
    plain = above / sum(weight[c].item() for c in labels.tolist())
    close(cross_entropy(u, labels, weight), plain)
    close(F.cross_entropy(u, labels, weight=weight), plain)


# Distributions and directions ---------------------------------------------------------------------------


@pytest.mark.topic("LOSS-08")
def test_eq_kl() -> None:
    p, q = normal(K).softmax(0), normal(K).softmax(0)
    plain = sum(a * math.log(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True))
    close(kl_divergence(p, q), plain)
    close(F.kl_div(q.log()[None], p[None], reduction="batchmean"), plain)
    other_way = sum(b * math.log(b / a) for a, b in zip(p.tolist(), q.tolist(), strict=True))
    close(kl_divergence(q, p), other_way)
    assert plain > 0 and abs(plain - other_way) > 1e-3


@pytest.mark.topic("LOSS-08")
def test_eq_cross_entropy_kl() -> None:
    p, u = normal(1, K).softmax(1), normal(1, K)
    q = u.softmax(1)
    entropy = -sum(a * math.log(a) for a in p[0].tolist())
    left = -sum(a * math.log(b) for a, b in zip(p[0].tolist(), q[0].tolist(), strict=True))
    close(cross_entropy(u, p), left)
    close(entropy + kl_divergence(p, q), left)


@pytest.mark.topic("LOSS-11")
def test_eq_cosine() -> None:
    a, b = normal(N, K), normal(N, K)

    def plain(a: list[float], b: list[float]) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return 1 - dot / (math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b)))

    rows = [plain(*pair) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    close(cosine_loss(a, b, "none"), rows)
    close(F.cosine_embedding_loss(a, b, torch.ones(N), reduction="none"), rows)
    # the slope turns a vector and leaves its length
    close((slope(lambda a: cosine_loss(a, b), a) * a).sum(-1), [0.0] * N)


# Regions and sequences ----------------------------------------------------------------------------------


@pytest.mark.topic("LOSS-14")
@pytest.mark.parametrize("eps", [0.0, 1.0])
def test_eq_dice_loss(eps: float) -> None:
    p, g = uniform(2, 3, 4), torch.randint(2, (2, 3, 4)).double()
    pairs = list(zip(p.flatten().tolist(), g.flatten().tolist(), strict=True))
    shared = sum(a * b for a, b in pairs)
    areas = sum(a for a, _ in pairs) + sum(b for _, b in pairs)
    close(dice_loss(p, g, eps), 1 - (2 * shared + eps) / (areas + eps))


@pytest.mark.topic("LOSS-15")
@pytest.mark.parametrize("eps", [0.0, 1.0])
def test_eq_jaccard_loss(eps: float) -> None:
    p, g = uniform(2, 3, 4), torch.randint(2, (2, 3, 4)).double()
    pairs = list(zip(p.flatten().tolist(), g.flatten().tolist(), strict=True))
    shared = sum(a * b for a, b in pairs)
    areas = sum(a for a, _ in pairs) + sum(b for _, b in pairs)
    close(jaccard_loss(p, g, eps), 1 - (shared + eps) / (areas - shared + eps))


@pytest.mark.topic("LOSS-14", "LOSS-15")
def test_eq_dice_jaccard() -> None:
    """Of sets, counted as sets, and of the two losses, also with soft masks."""
    a, b = ({k for k in range(30) if torch.rand(()) < 0.5} for _ in range(2))
    J, D = len(a & b) / len(a | b), 2 * len(a & b) / (len(a) + len(b))
    assert pytest.approx(2 * J / (1 + J)) == D
    p, g = (torch.tensor([float(k in mask) for k in range(30)]) for mask in (a, b))
    assert 1 - dice_loss(p, g, eps=0.0).item() == pytest.approx(D, abs=1e-6)
    assert 1 - jaccard_loss(p, g, eps=0.0).item() == pytest.approx(J, abs=1e-6)
    p, g = uniform(30), torch.randint(2, (30,)).double()
    J = 1 - jaccard_loss(p, g, eps=0.0)
    close(1 - dice_loss(p, g, eps=0.0), 2 * J / (1 + J))


@pytest.mark.topic("LOSS-16")
def test_eq_masked_cross_entropy() -> None:
    lengths, T = [4, 1, 2], 4
    u, labels = normal(3, T, K), torch.randint(K, (3, T))
    mask = torch.arange(T) < torch.tensor(lengths)[:, None]
    above = -sum(
        math.log(plain_softmax(u[n, t].tolist())[labels[n, t]])
        for n, length in enumerate(lengths)
        for t in range(length)
    )
    plain = above / sum(lengths)
    close(sequence_cross_entropy(u, labels, mask), plain)
    ignored = labels.masked_fill(~mask, -100)
    close(F.cross_entropy(u.flatten(0, 1), ignored.flatten(), ignore_index=-100), plain)


# Several terms ------------------------------------------------------------------------------------------


@pytest.mark.topic("LOSS-18")
def test_eq_penalty() -> None:
    """The slope of the sum is what an optimiser's weight decay adds: for L2, 2 lambda w."""
    x, y, w, strength = normal(N, K), normal(N), normal(K), 0.3
    for penalty, its_slope in ((torch.square, 2 * w), (torch.abs, w.sign())):
        whole = slope(lambda w, penalty=penalty: mse(x @ w, y) + strength * penalty(w).sum(), w)
        data = 2 * x.T @ (x @ w - y) / N
        close(whole, data + strength * its_slope)
    weight = nn.Parameter(w.clone())
    optimizer = torch.optim.SGD([weight], lr=0.1, weight_decay=2 * strength)
    mse(x @ weight, y).backward()
    optimizer.step()
    close(weight, w - 0.1 * slope(lambda w: mse(x @ w, y) + strength * w.square().sum(), w))


@pytest.mark.topic("LOSS-19")
def test_eq_weighted_sum() -> None:
    u, labels, target = normal(N, K), torch.randint(K, (N,)), normal(N, K)
    alpha = [1.0, 0.3]
    terms = [lambda u: cross_entropy(u, labels), lambda u: mse(u, target)]

    def total(u: Tensor) -> Tensor:
        return alpha[0] * terms[0](u) + alpha[1] * terms[1](u)

    close(slope(total, u), alpha[0] * slope(terms[0], u) + alpha[1] * slope(terms[1], u))
    # a sum over the elements instead of their mean is a weight that nobody wrote
    summed = slope(lambda u: mse(u, target, "sum"), u)
    close(summed, N * K * slope(terms[1], u))


# What the page says besides -----------------------------------------------------------------------------


@pytest.mark.topic("LOSS-03", "LOSS-18")
def test_one_constant_under_a_penalty_shrinks_or_is_cut() -> None:
    y = normal(N) + 5
    grid = torch.linspace(-2, 12, 1401, dtype=torch.float64)
    data = torch.stack([mse(c.expand(N), y) for c in grid])
    for strength in (0.0, 1.0, 4.0, 40.0):
        ridge = grid[(data + strength * grid.square()).argmin()].item()
        lasso = grid[(data + strength * grid.abs()).argmin()].item()
        m = y.mean().item()
        assert ridge == pytest.approx(m / (1 + strength), abs=0.01)
        assert lasso == pytest.approx(math.copysign(max(abs(m) - strength / 2, 0), m), abs=0.01)


@pytest.mark.topic("LOSS-20")
@pytest.mark.parametrize(
    ("loss", "summary"),
    [
        (mse, lambda y: y.mean()),
        (mae, lambda y: y.median()),
        (poisson_nll, lambda y: y.mean()),
    ],
    ids=["squared: mean", "absolute: median", "Poisson: mean"],
)
def test_a_loss_elicits_its_summary(loss: Callable, summary: Callable) -> None:
    y = torch.poisson(torch.full((9,), 4.0, dtype=torch.float64))
    grid = torch.linspace(0.01, 12, 1200, dtype=torch.float64)
    costs = torch.stack([loss(c.expand(9), y) for c in grid])
    assert grid[costs.argmin()].item() == pytest.approx(summary(y).item(), abs=0.011)


@pytest.mark.topic("LOSS-13", "LOSS-20")
def test_class_weights_multiply_the_odds_of_the_best_answer() -> None:
    """The best constant scores have the odds of the data times the ratio of the weights."""
    labels, weight = torch.tensor([1] * 5 + [0] * 95), torch.tensor([0.5, 4.0], dtype=torch.float64)
    scores = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scores], max_iter=100, tolerance_grad=1e-12, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(scores.expand(100, 2), labels, weight)
        loss.backward()
        return loss

    optimizer.step(closure)
    odds = (scores[1] - scores[0]).exp().item()
    assert odds == pytest.approx(5 / 95 * 4.0 / 0.5, rel=1e-6)
