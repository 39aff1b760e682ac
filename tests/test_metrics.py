"""Metrics on cases that can be counted by hand."""

import math

import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torch import Tensor
from torch.distributions import Categorical
from torch.nn import functional as F

from coursekit.metrics import (
    accuracy,
    boundary_error,
    confusion_matrix,
    found_objects,
    mean_dice,
    mean_iou,
    perplexity,
    pixel_accuracy,
    top_k_error,
    unigram_perplexity,
)


def test_accuracy_of_classes() -> None:
    logits = torch.tensor([[0.1, 2.0, 0.3], [1.0, 1.0, 0.0], [0.0, 0.0, 5.0], [9.0, 0.0, 0.0]])
    assert accuracy(logits, torch.tensor([1, 0, 1, 0])) == 0.75  # the second: a tie goes to the lower class
    sequences = logits.view(2, 2, 3)  # (N, T, K)
    assert accuracy(sequences, torch.tensor([[1, 1], [2, 2]])) == 0.5


def test_accuracy_of_two_classes_from_one_logit() -> None:
    logits = torch.tensor([[-3.0], [0.1], [0.0], [2.0]])  # (N, 1)
    assert accuracy(logits, torch.tensor([[0.0], [1.0], [1.0], [1.0]])) == 0.75
    assert accuracy(logits.squeeze(1), torch.tensor([0, 1, 0, 0])) == 0.75


def test_accuracy_refuses_shapes_that_would_broadcast() -> None:
    """(N, 1) against (N,) would silently compare all pairs (MIS-67)."""
    message = r"expected targets of shape \(4,\) or \(4, 1\), received \(4, 2\)"
    with pytest.raises(ValueError, match=message):
        accuracy(torch.zeros(4, 1), torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"received \(3,\)"):
        accuracy(torch.zeros(4, 5), torch.zeros(3))
    with pytest.raises(ValueError, match="expected at least one target, received none"):
        accuracy(torch.zeros(0, 5), torch.zeros(0))


@pytest.mark.topic("LOSS-16")
@pytest.mark.parametrize("words", [1, 2, 50, 10_000])
def test_perplexity_of_a_uniform_guess_is_the_number_of_words(words: int) -> None:
    nll = F.cross_entropy(torch.zeros(7, words, dtype=torch.float64), torch.zeros(7, dtype=torch.int64))
    assert perplexity(nll) == pytest.approx(words, rel=1e-12)
    assert perplexity(nll.item()) == perplexity(nll)


@pytest.mark.topic("LOSS-16")
def test_perplexity_is_the_exponential_of_nats() -> None:
    assert perplexity(2.0) == pytest.approx(math.e**2)  # 2**loss would give 4 (MIS-61)
    assert perplexity(1000.0) == math.inf
    for wrong in (-0.1, math.nan):
        with pytest.raises(
            ValueError, match="expected a mean negative log-likelihood of at least 0, received"
        ):
            perplexity(wrong)


def test_unigram_perplexity_by_hand() -> None:
    # "a a b" of a vocabulary {a, b, c}: add-one gives 3/6, 2/6, 1/6
    train, test = torch.tensor([0, 0, 1]), torch.tensor([0, 2])
    assert unigram_perplexity(train, test, 3) == pytest.approx((1 / 2 * 1 / 6) ** -0.5)
    # add-half: 2.5/4.5, 1.5/4.5, 0.5/4.5
    expected = (2.5 / 4.5 * 0.5 / 4.5) ** -0.5
    assert unigram_perplexity(train, test, 3, smoothing=0.5) == pytest.approx(expected)


def test_unigram_perplexity_equals_a_categorical_distribution() -> None:
    draw = torch.Generator().manual_seed(0)
    train, test = (torch.randint(20, (4, 50), generator=draw) for _ in range(2))  # (N, T)
    counts = torch.tensor([(train == word).sum().item() + 1.0 for word in range(25)], dtype=torch.float64)
    nll = -Categorical(probs=counts).log_prob(test).mean()
    assert unigram_perplexity(train, test, 25) == pytest.approx(nll.exp().item(), rel=1e-12)


def test_unigram_perplexity_approaches_the_entropy_of_its_own_text() -> None:
    ids = torch.arange(8).repeat(1000)
    assert unigram_perplexity(ids, ids, 8) == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("train", "test", "smoothing", "message"),
    [
        (torch.tensor([0]), torch.arange(0), 1.0, "test_ids: expected at least one id, received none"),
        (torch.arange(0), torch.tensor([0]), 1.0, "train_ids: expected at least one id, received none"),
        (torch.tensor([0]), torch.tensor([3]), 1.0, r"test_ids: expected integers in \[0, 3\), .* to 3"),
        (torch.tensor([-1]), torch.tensor([0]), 1.0, "train_ids: .* from -1 to -1"),
        (torch.tensor([0.5]), torch.tensor([0]), 1.0, "train_ids: .* received torch.float32"),
        (torch.tensor([0]), torch.tensor([0]), 0.0, "smoothing: expected a positive number, received 0.0"),
    ],
)  # fmt: skip
def test_unigram_perplexity_refuses(train: Tensor, test: Tensor, smoothing: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unigram_perplexity(train, test, 3, smoothing)


@pytest.mark.topic("CNN-07")
def test_top_k_error_by_hand_and_against_scikit_learn() -> None:
    logits = torch.tensor([[0.1, 0.9, 0.5], [0.2, 0.3, 0.4], [0.9, 0.0, 0.8]])
    targets = torch.tensor([2, 0, 1])
    assert [top_k_error(logits, targets, k) for k in (1, 2, 3)] == [1.0, pytest.approx(2 / 3), 0.0]
    draw = torch.Generator().manual_seed(0)
    scores, labels = torch.randn(500, 10, generator=draw), torch.randint(10, (500,), generator=draw)
    for k in (1, 3, 5):
        theirs = sklearn_metrics.top_k_accuracy_score(labels, scores, k=k, labels=range(10))
        assert top_k_error(scores, labels, k) == pytest.approx(1 - theirs)
    assert top_k_error(scores, labels, 1) == pytest.approx(1 - accuracy(scores, labels))
    assert top_k_error(scores.view(5, 100, 10), labels.view(5, 100)) == top_k_error(scores, labels)


@pytest.mark.topic("CNN-07")
def test_top_five_are_classes_not_per_cent_and_a_tie_goes_to_the_lower() -> None:
    draw = torch.Generator().manual_seed(0)
    scores, labels = torch.randn(4000, 1000, generator=draw), torch.randint(1000, (4000,), generator=draw)
    assert top_k_error(scores, labels) == pytest.approx(0.995, abs=0.003)  # five per cent would give 0.95
    tie = torch.zeros(2, 4)
    assert top_k_error(tie, torch.tensor([1, 2]), k=2) == 0.5


@pytest.mark.topic("CNN-07")
@pytest.mark.parametrize(
    ("shape", "targets", "k", "message"),
    [
        ((3, 4), torch.zeros(2).long(), 2, r"received \(3, 4\), \(2,\) and 2"),
        ((3, 4), torch.zeros(3).long(), 5, r"k from 1 to K, received \(3, 4\), \(3,\) and 5"),
        ((0, 4), torch.zeros(0).long(), 1, r"received \(0, 4\)"),
        ((1, 4), torch.tensor([4]), 1, r"expected integers in \[0, 4\), received torch.int64 from 4 to 4"),
    ],
)
def test_top_k_error_refuses(shape: tuple[int, ...], targets: Tensor, k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        top_k_error(torch.zeros(shape), targets, k)


@pytest.mark.topic("LOSS-14", "LOSS-15", "CNN-41")
def test_overlaps_of_two_masks() -> None:
    a, b = torch.tensor([[1, 1, 1, 0, 0, 1]]), torch.tensor([[1, 0, 1, 0, 1, 1]])
    assert mean_iou(a, b, 2).per_class[1].item() == pytest.approx(0.6)
    assert mean_dice(a, b, 2).per_class[1].item() == pytest.approx(0.75)
    assert mean_iou(a, b, 2).mean == pytest.approx((0.6 + 1 / 3) / 2)
    assert pixel_accuracy(a, b) == pytest.approx(4 / 6)


@pytest.mark.topic("CNN-41")
def test_region_metrics_are_scikit_learns() -> None:
    draw = torch.Generator().manual_seed(0)
    prediction, target = (torch.randint(4, (3, 9, 8), generator=draw) for _ in range(2))
    matrix = sklearn_metrics.confusion_matrix(target.flatten(), prediction.flatten(), labels=range(6))
    assert confusion_matrix(prediction, target, 6).tolist() == matrix.tolist()
    flat = (target.flatten().numpy(), prediction.flatten().numpy())
    for ours, theirs in ((mean_iou, sklearn_metrics.jaccard_score), (mean_dice, sklearn_metrics.f1_score)):
        expected = theirs(*flat, average=None)
        got = ours(prediction, target, 4)
        assert got.per_class.tolist() == pytest.approx(expected.tolist())
        assert got.mean == pytest.approx(expected.mean())
        absent = ours(prediction, target, 6)  # classes 4 and 5 are nowhere
        assert absent.per_class[4:].isnan().all() and absent.mean == pytest.approx(got.mean)
    iou = mean_iou(prediction, target, 4).per_class
    assert torch.allclose(mean_dice(prediction, target, 4).per_class, 2 * iou / (1 + iou))
    only_predicted = mean_iou(torch.tensor([0, 1]), torch.tensor([0, 0]), 3)
    assert only_predicted.per_class[:2].tolist() == [0.5, 0.0] and only_predicted.mean == 0.25


@pytest.mark.topic("CNN-41")
def test_pixel_accuracy_flatters_an_empty_mask() -> None:
    target = torch.zeros(1, 20, 20, dtype=torch.int64)
    target[:, 5:9, 5:9] = 1  # 4 % of the pixels
    nothing = torch.zeros_like(target)
    assert pixel_accuracy(nothing, target) == pytest.approx(0.96)
    assert mean_iou(nothing, target, 2).mean == pytest.approx(0.48)
    assert mean_dice(nothing, target, 2).per_class[1] == 0


@pytest.mark.topic("CNN-42")
def test_boundary_error_looks_where_masks_meet() -> None:
    target = torch.zeros(1, 10, 12, dtype=torch.int64)
    target[:, :, 6:] = 1
    shifted = target.roll(1, 2)
    shifted[:, :, 0] = 0
    assert boundary_error(shifted, target, width=1) == pytest.approx(1 / 2)  # one column of two
    assert boundary_error(shifted, target, width=2) == pytest.approx(1 / 4)
    far = target.clone()
    far[:, :, 0] = 1  # wrong, but nowhere near
    assert boundary_error(far, target) == 0 and boundary_error(target, target) == 0
    assert math.isnan(boundary_error(far, torch.zeros_like(far)))


def test_region_metrics_refuse() -> None:
    labels = torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"expected two shapes alike, received \(2, 3\) and \(3,\)"):
        confusion_matrix(labels, labels[0], 2)
    with pytest.raises(ValueError, match=r"expected integers in \[0, 2\), received torch.int64 from 2 to 2"):
        mean_iou(labels + 2, labels, 2)
    with pytest.raises(ValueError, match="received torch.float32"):
        mean_dice(labels.float(), labels, 2)
    with pytest.raises(ValueError, match="mean_iou: expected at least one pixel"):
        mean_iou(labels[:0], labels[:0], 2)
    with pytest.raises(ValueError, match="expected two shapes alike and not empty"):
        pixel_accuracy(labels, labels[0])
    with pytest.raises(ValueError, match=r"expected two masks \(N, H, W\)"):
        boundary_error(labels, labels)


@pytest.mark.topic("APP-04", "CNN-41")
def test_cells_that_have_run_together_are_not_found() -> None:
    true = torch.zeros(6, 9, dtype=torch.int64)
    true[1:5, 0:4], true[1:5, 5:8] = 1, 2  # 16 and 12 pixels, a gap between them
    assert found_objects(true, true) == 1
    assert found_objects(torch.where(true > 0, 3 - true, 0), true) == 1  # numbers are only names
    merged = (true > 0).long()
    merged[1:5, 4] = 1  # 32 pixels: IoU 16/32 is not above one half, 12/32 is not
    assert found_objects(merged, true) == 0
    assert mean_iou(merged, (true > 0).long(), 2).mean > 0.8  # which the mask hardly notices
    part = true.clone()
    part[1:3, 5:8] = 0  # 6 of 12 pixels: one half, not more
    assert found_objects(part, true) == 0.5
    assert found_objects(true, part) == 0.5
    assert found_objects(torch.zeros_like(true), true) == 0
    assert math.isnan(found_objects(true, torch.zeros_like(true)))
    assert found_objects(true, torch.where(true == 2, 7, 0)) == 1  # gaps in the numbers
    with pytest.raises(ValueError, match=r"received \(6, 9\), \(6, 8\) and 0.5"):
        found_objects(true, true[:, :8])
    with pytest.raises(ValueError, match="a threshold in"):
        found_objects(true, true, threshold=0.4)
