"""The equations of the page on wider views and cleaner masks, written out plainly, against the package."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.metrics import confusion_matrix, mean_iou
from coursekit.nn.convolutional import conv2d, receptive_field
from coursekit.nn.segmentation_refine import crf_energy, crf_weights, mean_field


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.topic("CNN-34")
@pytest.mark.parametrize(("k", "d"), [(3, 1), (3, 2), (3, 5), (5, 3), (2, 4), (1, 7)])
def test_eq_effective_kernel(k: int, d: int) -> None:
    """How many pixels one output depends on, end to end: asked of PyTorch's gradient and of the package."""
    span = k + (k - 1) * (d - 1)
    x = normal(1, 1, 41, 41).requires_grad_()
    y = F.conv2d(x, torch.ones(1, 1, k, k, dtype=torch.float64), dilation=d)
    (gradient,) = torch.autograd.grad(y[0, 0, 0, 0], x)
    places = gradient[0, 0].nonzero()
    assert (places.amax(0) - places.amin(0) + 1).tolist() == [span, span]
    assert len(places) == k * k  # the same number of weights
    assert receptive_field([(k, 1, d)]).size == span
    assert_close(conv2d(x, torch.ones(1, 1, k, k, dtype=torch.float64), dilation=d), y)


def two_masks(num_classes: int) -> tuple[Tensor, Tensor]:
    """Two masks that agree in about half of their pixels; class 2 in neither, class 3 only in the first."""
    g = torch.Generator().manual_seed(0)
    target = torch.randint(2, (2, 6, 5), generator=g)
    prediction = torch.where(torch.rand(2, 6, 5, generator=g) < 0.5, target, 1 - target)
    target[0, 0, :2] = 4
    prediction[0, 0, 1], prediction[1, 0, 0] = 4, 3
    return prediction.clamp(max=num_classes - 1), target


@pytest.mark.topic("CNN-41")
def test_eq_iou() -> None:
    """By sets of pixels, and by the confusion matrix."""
    prediction, target = two_masks(5)
    per_class = mean_iou(prediction, target, 5).per_class
    n = confusion_matrix(prediction, target, 5).double()
    for k in (0, 1, 3, 4):
        a = {tuple(place) for place in (prediction == k).nonzero().tolist()}
        b = {tuple(place) for place in (target == k).nonzero().tolist()}
        assert per_class[k].item() == pytest.approx(len(a & b) / len(a | b), rel=1e-12)
        assert per_class[k].item() == pytest.approx((n[k, k] / (n[k].sum() + n[:, k].sum() - n[k, k])).item())
    assert per_class[3] == 0 and per_class[4] == 0.5


@pytest.mark.topic("CNN-41")
def test_eq_mean_iou() -> None:
    """The mean over the classes that occur: 3, which is only predicted, counts; 2, in neither, does not."""
    prediction, target = two_masks(5)
    per_class, mean = mean_iou(prediction, target, 5)
    assert math.isnan(per_class[2])
    present = [k for k in range(5) if bool(((prediction == k) | (target == k)).any())]
    assert present == [0, 1, 3, 4]
    assert mean == pytest.approx(sum(per_class[k].item() for k in present) / len(present), rel=1e-12)


HEIGHT, WIDTH, RADIUS, CLASSES = 3, 4, 2, 3
PLACES = list(itertools.product(range(HEIGHT), range(WIDTH)))


def pairwise(image: Tensor) -> Tensor:
    """w for all pairs of pixels (P, P), by the equation: a = 2, s = 0.7, widths 1.5, 0.4 and 0.8."""
    w = torch.zeros(len(PLACES), len(PLACES), dtype=torch.float64)
    for (i, (y1, x1)), (j, (y2, x2)) in itertools.product(enumerate(PLACES), repeat=2):
        if i != j and max(abs(y1 - y2), abs(x1 - x2)) <= RADIUS:
            apart = (y1 - y2) ** 2 + (x1 - x2) ** 2
            contrast = sum((a - b) ** 2 for a, b in zip(image[:, y1, x1], image[:, y2, x2], strict=True))
            alike = math.exp(-apart / (2 * 1.5**2) - contrast / (2 * 0.4**2))
            w[i, j] = 2.0 * alike + 0.7 * math.exp(-apart / (2 * 0.8**2))
    return w


@pytest.fixture
def field() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, the package's weights, probabilities (P, K), the equation's weights (P, P)."""
    image, logits = 0.3 * normal(1, 2, HEIGHT, WIDTH), normal(1, CLASSES, HEIGHT, WIDTH, seed=1)
    weights = crf_weights(image, RADIUS, near=1.5, alike=0.4, appearance=2.0, smoothness=0.7, smooth=0.8)
    return logits, weights, logits[0].flatten(1).T.softmax(1), pairwise(image[0])


@pytest.mark.topic("CNN-38")
def test_eq_crf_weights(field: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    _, weights, _, w = field
    for (i, (y1, x1)), (j, (y2, x2)) in itertools.product(enumerate(PLACES), repeat=2):
        dy, dx = y2 - y1, x2 - x1
        if max(abs(dy), abs(dx)) <= RADIUS:
            assert weights[0, y1, x1, dy + RADIUS, dx + RADIUS].item() == pytest.approx(
                w[i, j].item(), rel=1e-10
            )
    assert weights.sum().item() == pytest.approx(w.sum().item(), rel=1e-10)  # and nothing beyond the border


@pytest.mark.topic("CNN-38")
def test_eq_crf_energy(field: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    logits, weights, p, w = field
    for seed in range(5):
        x = torch.randint(CLASSES, (len(PLACES),), generator=torch.Generator().manual_seed(seed)).tolist()
        unary = sum(-math.log(p[i, x[i]]) for i in range(len(PLACES)))
        pairs = sum(w[i, j].item() for i, j in itertools.combinations(range(len(PLACES)), 2) if x[i] != x[j])
        energy = crf_energy(torch.tensor(x).view(1, HEIGHT, WIDTH), logits, weights)
        assert energy.item() == pytest.approx(unary + pairs, rel=1e-10)


@pytest.mark.topic("CNN-38")
def test_eq_mean_field(field: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    """Pixel by pixel, label by label, all from the values of the round before."""
    logits, weights, p, w = field
    q = p.clone()
    for iterations in range(1, 4):
        scores = torch.empty_like(q)
        for i, label in itertools.product(range(len(PLACES)), range(CLASSES)):
            scores[i, label] = p[i, label].log() + sum(w[i, j] * q[j, label] for j in range(len(PLACES)))
        q = scores.exp() / scores.exp().sum(1, keepdim=True)
        assert_close(mean_field(logits, weights, iterations)[0].flatten(1).T, q)
