"""The equations of the language-model page, written out plainly, against the package."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from coursekit.metrics import perplexity, unigram_perplexity
from coursekit.nn.sequence import LanguageModel


@pytest.fixture
def model() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(vocab_size=3, embedding_size=4, hidden_size=5).double().eval()


@pytest.mark.topic("RNN-13", "APP-16")
def test_eq_lm_chain(model: LanguageModel) -> None:
    """The probabilities of all texts of a length, each the product of its conditionals, add up to one."""
    length, total = 4, 0.0
    for continuation in itertools.product(range(3), repeat=length):
        tokens = torch.tensor([[0, *continuation]])  # the first word is given
        logits, _ = model(tokens[:, :-1])  # (1, T, V)
        conditionals = logits.softmax(-1)[0, torch.arange(length), tokens[0, 1:]]
        total += conditionals.prod().item()
    assert total == pytest.approx(1, abs=1e-12)


def test_eq_unigram() -> None:
    training, testing, vocabulary = torch.tensor([1, 1, 1, 2, 2, 3]), torch.tensor([1, 2, 3, 4]), 5
    counts = {1: 3, 2: 2, 3: 1, 4: 0}
    logs = [math.log((counts[w] + 1) / (len(training) + vocabulary)) for w in testing.tolist()]
    assert unigram_perplexity(training, testing, vocabulary) == pytest.approx(
        math.exp(-sum(logs) / 4), rel=1e-12
    )


def test_eq_perplexity(model: LanguageModel) -> None:
    """A uniform guess over V words has perplexity V; PyTorch's cross-entropy gives what the equation does."""
    assert perplexity(math.log(1000)) == pytest.approx(1000)
    tokens = torch.randint(3, (1, 50), generator=torch.Generator().manual_seed(1))
    logits, _ = model(tokens[:, :-1])
    probabilities = logits.softmax(-1)[0, torch.arange(49), tokens[0, 1:]]
    plain = math.exp(-sum(math.log(p) for p in probabilities.tolist()) / 49)
    loss = torch.nn.functional.cross_entropy(logits[0], tokens[0, 1:]).item()
    assert perplexity(loss) == pytest.approx(plain, rel=1e-10)


@pytest.mark.topic("APP-17")
def test_eq_temperature(model: LanguageModel) -> None:
    """Samples follow softmax(z / temperature): frequencies of the first drawn word against the equation."""
    prompt, draws, temperature = torch.tensor([0]), 4000, 0.5
    logits, _ = model(prompt[None])
    expected = torch.softmax(logits[0, -1] / temperature, -1)  # (V,)
    generator = torch.Generator().manual_seed(0)
    drawn = [
        model.generate(prompt, 1, temperature=temperature, generator=generator)[-1].item()
        for _ in range(draws)
    ]
    observed = torch.bincount(torch.tensor(drawn), minlength=3) / draws
    # three standard deviations of a share, for each word
    assert ((observed - expected).abs() < 3 * (expected * (1 - expected) / draws).sqrt()).all()
    coldest = model.generate(prompt, 1, temperature=1e-4, generator=generator)[-1]
    assert coldest == expected.argmax()
