"""Metrics on cases that can be counted by hand."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical
from torch.nn import functional as F

from coursekit.metrics import accuracy, perplexity, unigram_perplexity


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
