"""Memory tasks, the sine wave and the made-up reviews: what their rules promise, measured."""

import math

import pytest
import torch

from coursekit.data import series, text
from coursekit.data.reviews import NOT, opinions

GENERATORS = {
    "delay": lambda seed: series.delay(50, gap=7, seed=seed),
    "adding": lambda seed: series.adding(50, 9, seed),
    "sine": lambda seed: series.sine(60, noise=0.1, seed=seed),
    "sentiment": lambda seed: text.sentiment(50, seed),
}


@pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS.keys())
def test_a_seed_fixes_the_numbers_and_leaves_the_global_generator_alone(make):
    state = torch.random.get_rng_state()
    first, again, other = make(0), make(0), make(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.topic("RNN-30")
def test_delay_shows_the_class_once_and_then_only_noise():
    inputs, targets = series.delay(4000, gap=12, classes=3, noise=0.5)
    assert inputs.shape == (4000, 13, 3) and inputs.dtype == torch.float32
    assert targets.shape == (4000,) and targets.dtype == torch.int64
    assert torch.equal(inputs[:, 0], torch.eye(3)[targets])
    assert torch.bincount(targets).tolist() == pytest.approx([4000 / 3] * 3, rel=0.1)
    noise = inputs[:, 1:]
    assert noise.std().item() == pytest.approx(0.5, rel=0.02) and noise.mean().item() == pytest.approx(
        0, abs=0.01
    )
    for label in range(3):  # the noise says nothing of the class
        assert noise[targets == label].mean(dim=(0, 1)).abs().max() < 0.02


def test_delay_without_gap_is_the_class_alone():
    assert series.delay(5, gap=0).inputs.shape == (5, 1, 2)


@pytest.mark.topic("RNN-30")
@pytest.mark.parametrize("length", [2, 3, 40])
def test_adding_sums_one_number_of_each_half(length):
    inputs, targets = series.adding(20_000, length)
    numbers, marks = inputs.unbind(dim=2)
    assert inputs.shape == (20_000, length, 2) and targets.shape == (20_000, 1)
    assert 0 <= numbers.min() and numbers.max() < 1 and set(marks.unique().tolist()) <= {0.0, 1.0}
    assert (marks[:, : length // 2].sum(1) == 1).all() and (marks[:, length // 2 :].sum(1) == 1).all()
    torch.testing.assert_close(targets[:, 0], (numbers * marks).sum(1))
    assert (targets - 1).square().mean().item() == pytest.approx(1 / 6, rel=0.03)  # variance of two uniforms
    assert (marks.mean(0) > 0).all()  # every place gets its turn


@pytest.mark.topic("RNN-48")
def test_sine_asks_for_the_value_after_ten():
    inputs, targets = series.sine(steps=200, period=30.0)
    assert inputs.shape == (190, 10, 1) and targets.shape == (190, 1)
    wave = torch.sin(2 * math.pi * torch.arange(200) / 30)
    for n in (0, 57, 189):
        torch.testing.assert_close(inputs[n, :, 0], wave[n : n + 10], atol=1e-5, rtol=0)
        torch.testing.assert_close(targets[n, 0], wave[n + 10], atol=1e-5, rtol=0)
    noisy = series.sine(steps=20_000, noise=0.1).targets - series.sine(steps=20_000).targets
    assert noisy.std().item() == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: series.delay(0, 5), "received 0, 5, 2"),
        (lambda: series.delay(1, -1), "received 1, -1, 2"),
        (lambda: series.delay(1, 5, noise=math.nan), "received 1, 5, 2 and nan"),
        (lambda: series.adding(4, 1), "expected n >= 1 and length >= 2, received 4 and 1"),
        (lambda: series.sine(10, window=10), "a window must be from 1 to 9 of the 10 values, received 10"),
        (lambda: series.sine(20, window=0), "received 0"),
        (lambda: series.sine(period=0.0), "received 0.0 and 0.0"),
        (lambda: series.sine(noise=math.inf), "received 25.0 and inf"),
        (
            lambda: series.sliding(torch.tensor([1.0, math.nan, 2.0]), 1),
            "expected finite values, received nan at step 1",
        ),
        (
            lambda: series.sliding(torch.arange(9), 2),
            r"expected floats of shape \(L,\), received torch.int64",
        ),
        (lambda: text.sentiment(0), "received 0, 100 and 10000"),
        (lambda: text.sentiment(5, vocab_size=1234), "multiple of 10 from 20 on, received 5, 100 and 1234"),
    ],
)
def test_impossible_tasks_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.topic("RNN-50")
def test_reviews_have_the_shape_of_imdb():
    tokens, labels = text.sentiment(2000)
    assert tokens.shape == (2000, 100) and tokens.dtype == torch.int64
    assert 0 <= tokens.min() and tokens.max() < 10_000 and not (tokens == 1).any()
    assert labels.dtype == torch.int64 and labels.float().mean().item() == pytest.approx(0.5, abs=0.04)
    padding = tokens == 0
    assert torch.equal(padding.long().cummin(dim=1).values.bool(), padding)  # at the front only
    lengths = (~padding).sum(1)
    assert lengths.min() >= 30 and (lengths == 100).float().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.topic("RNN-50")
def test_reviews_can_be_judged_by_whoever_reads_in_order():
    tokens, labels = text.sentiment(20_000, seed=3)
    said = opinions(tokens)
    meant = said.clone()
    meant[:, 1:][tokens[:, :-1] == NOT] *= -1

    def accuracy(votes):  # a tie is a guess
        return (torch.where(votes == 0, 0.5, ((votes > 0) == (labels == 1)).float())).mean().item()

    assert accuracy(meant.sum(1)) == pytest.approx(0.953, abs=0.01)
    assert accuracy(said.sum(1)) < accuracy(meant.sum(1)) - 0.02  # a bag of words loses the negations
    assert (said != 0).sum() / (tokens > 0).sum() == pytest.approx(1 / 7, abs=0.01)
