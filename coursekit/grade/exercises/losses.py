"""The exercises on losses: Huber, binary cross-entropy, softmax with its gradient, Poisson, Dice, sequences.

N batch, K classes, T time, V words. Every loss is one number, a mean over all elements or real words; only
Dice is one quotient of sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.library import AUTOGRAD
from coursekit.grade.exercises.losses_classes import (
    WRONG_SEQUENCES,
    WRONG_SOFTMAXES,
    pairs_of_sequences,
    pairs_of_softmaxes,
)
from coursekit.grade.exercises.losses_mistakes import (
    WRONG_BINARIES,
    WRONG_DICES,
    WRONG_HUBERS,
    WRONG_POISSONS,
    pairs_of_binaries,
    pairs_of_dices,
    pairs_of_hubers,
    pairs_of_poissons,
)
from coursekit.grade.generators import integers, normal, padding_mask, uniform
from coursekit.nn import losses as package


def unit(generator: Generator, *shape: int) -> Tensor:
    """Uniform between 0 and 1, as probabilities and soft targets are."""
    return (uniform(generator, 1.0, *shape) + 1) / 2


# Huber: shape, delta, size of the errors in deltas
HUBER = (
    ((3, 5), 2.3, 3.0),
    ((6,), 0.7, 4.0),
    ((2, 3, 4), 5.1, 3.0),
    ((1,), 13.0, 0.9),
    ((1, 1), 3.1, 10.0),
    ((1, 2), 40.3, 0.9),  # all of them near
    ((2, 1), 0.3, 0.9),
    ((2, 6), 4.1, 10.0),  # and nearly all far
)


def huber_cases(generator: Generator) -> Iterator[Case]:
    for shape, delta, size in HUBER:
        target = normal(generator, *shape)
        prediction = target + uniform(generator, size * delta, *shape)
        words = f"shape {shape}, delta {delta:g}, errors up to {size * delta:g}"
        yield Case(words, (prediction, target), keywords={"delta": delta})
    target = 2 * normal(generator, 3, 4)
    yield Case("delta left out", (target + uniform(generator, 3.0, 3, 4), target))
    yield Case("delta as the third argument", (target + uniform(generator, 3.0, 3, 4), target, 1.5))
    yield Case("a prediction without error", (target, target), keywords={"delta": 2.0})


def binary_cases(generator: Generator) -> Iterator[Case]:
    for shape, scale in (((3, 5), 3.0), ((1,), 2.0), ((2, 3, 4), 5.0), ((4,), 6.0)):
        hard = integers(generator, 0, 2, *shape).double()
        yield Case(f"shape {shape}, targets 0 and 1", (uniform(generator, scale, *shape), hard))
    for shape in ((2, 3), (1,), (2,), (1, 1), (3,)):
        soft = unit(generator, *shape)
        yield Case(f"shape {shape}, targets between 0 and 1", (uniform(generator, 8.0, *shape), soft))
    # Far enough for a small number in a logarithm to show, not for a sigmoid in float64 to be 1.
    far = 21 + uniform(generator, 0.5, 2, 4)
    far[:, ::2] *= -1
    yield Case("logits near 21, confident and wrong", (far, (far < 0).double()))
    huge = torch.tensor([1000.0, -1000, 1000, -1000], dtype=torch.float64) + uniform(generator, 100.0, 4)
    targets = torch.tensor([1.0, 1, 0, 0], dtype=torch.float64)
    yield Case("logits of 1000 and -1000", (huge, targets), extreme=True, slopes=True)
    yield Case("logits of 0", (torch.zeros_like(huge), targets), extreme=True)


# Softmax: batch, classes, size of the logits
SOFTMAX = (
    (3, 5, 2.0),
    (4, 3, 1.0),
    (1, 4, 3.0),
    (5, 2, 5.0),
    (3, 3, 2.0),
    (2, 7, 30.0),
    (1, 2, 1.0),
    (1, 3, 1.0),
    (1, 2, 10.0),
)


def softmax_cases(generator: Generator) -> Iterator[Case]:
    for batch, classes, scale in SOFTMAX:
        targets = integers(generator, 0, classes, batch)
        words = f"batch {batch}, {classes} classes"
        yield Case(words, (uniform(generator, scale, batch, classes), targets))
    targets = torch.tensor([2, 0, 1])
    yield Case("every class once", (uniform(generator, 3.0, 3, 3), targets))
    logits = uniform(generator, 3.0, 2, 3) + torch.tensor([[25.0, 0, 0], [0, 0, 25]], dtype=torch.float64)
    yield Case("confident and wrong", (logits, torch.tensor([1, 0])))
    huge = 1000 * torch.eye(3, dtype=torch.float64) - 1000 * torch.eye(3, dtype=torch.float64).roll(1, 1)
    yield Case(
        "logits of 1000 and -1000",
        (huge + uniform(generator, 5.0, 3, 3), torch.tensor([1, 1, 1])),
        extreme=True,
    )
    yield Case(
        "all logits near 1000", (1000 + uniform(generator, 2.0, 2, 4), torch.tensor([3, 0])), extreme=True
    )


def poisson_cases(generator: Generator) -> Iterator[Case]:
    for shape, scale in (((3, 5), 4.0), ((1,), 3.0), ((6,), 1.0), ((2, 3, 2), 30.0), ((4, 1), 500.0)):
        counts = integers(generator, 0, int(2 * scale) + 1, *shape).double()
        rate = scale * (0.2 + unit(generator, *shape))
        yield Case(f"shape {shape}, rates up to {1.2 * scale:g}", (rate, counts))
    counts = integers(generator, 0, 4, 2, 4).double()
    yield Case("only counts of 0", (2 * unit(generator, 2, 4) + 0.1, torch.zeros_like(counts)))
    yield Case("no count of 0", (2 * unit(generator, 2, 4) + 0.1, counts + 1))
    yield Case("mean counts of several hours", (9 * unit(generator, 7) + 0.1, 9 * unit(generator, 7)))
    yield Case("rates near 0", (1e-9 * (unit(generator, 3, 2) + 0.1), counts.view(4, 2)[:3] + 1))


def dice_cases(generator: Generator) -> Iterator[Case]:
    def masks(*shape: int) -> Tensor:
        """Zeros and ones, both of them."""
        mask = integers(generator, 0, 2, *shape).double()
        mask.view(-1)[0], mask.view(-1)[-1] = 1, 0
        return mask

    def probabilities(*shape: int) -> Tensor:
        return 0.02 + 0.96 * unit(generator, *shape)

    yield Case("2 pictures of 3 x 4", (probabilities(2, 1, 3, 4), masks(2, 1, 3, 4), 0.5))
    yield Case("shape (3, 5), eps left out", (probabilities(3, 5), masks(3, 5)))
    for shape, eps in (((6,), 2.0), ((2, 3, 2, 2), 1e-3), ((2, 2), 1e-6), ((3,), 0.1), ((1, 2), 0.01)):
        case = (probabilities(*shape), masks(*shape))
        yield Case(f"shape {shape}, eps {eps:g}", case, keywords={"eps": eps})
    yield Case("one pixel", (probabilities(1), torch.ones(1, dtype=torch.float64)), keywords={"eps": 0.01})
    yield Case("a full mask", (probabilities(2, 5), torch.ones(2, 5, dtype=torch.float64)))
    empty = torch.zeros(2, 3, dtype=torch.float64)
    yield Case("an empty mask", (probabilities(2, 3), empty), keywords={"eps": 0.3})
    yield Case("an empty mask, nearly seen", (1e-3 * probabilities(2, 3), empty), keywords={"eps": 1e-3})
    yield Case("two empty masks", (empty, empty), extreme=True)


def sequence_cases(generator: Generator) -> Iterator[Case]:
    def case(words: str, mask: Tensor, vocabulary: int, scale: float, **how: Any) -> Case:
        logits = uniform(generator, scale, *mask.shape, vocabulary)
        return Case(words, (logits, integers(generator, 0, vocabulary, *mask.shape), mask), **how)

    yield case("3 sequences of lengths 5, 2 and 1", torch.arange(5) < torch.tensor([[5], [2], [1]]), 6, 3.0)
    for batch, steps, words, scale in ((1, 4, 5, 2.0), (4, 6, 3, 5.0), (2, 1, 4, 3.0), (3, 3, 3, 20.0)):
        mask = padding_mask(generator, batch, steps)
        yield case(f"batch {batch}, {steps} steps, {words} words", mask, words, scale)
    yield case("no padding at all", torch.ones(2, 3, dtype=torch.bool), 4, 3.0)
    yield case("padding in front", torch.arange(6) >= torch.tensor([[0], [3], [5]]), 4, 3.0)
    yield case("a sequence without a real word", torch.arange(4) < torch.tensor([[3], [0]]), 5, 3.0)
    yield case("a single real word", torch.tensor([[True, False]]), 3, 10.0)
    mask = torch.arange(4) < torch.tensor([[4], [2]])
    one = case("confident and wrong", mask, 3, 2.0)
    logits, targets, _ = one.arguments
    yield one._replace(arguments=(logits - 25 * torch.eye(3, dtype=logits.dtype)[targets], targets, mask))
    huge = case("logits of 1000 and -1000", mask, 3, 1.0, extreme=True, slopes=True)
    logits, targets, _ = huge.arguments
    yield huge._replace(arguments=(1000 * logits.sign() + logits, targets, mask))
    yield case("logits of 1000 in the padding", mask, 5, 2.0, extreme=True, slopes=True)._replace(
        arguments=(
            uniform(generator, 2.0, 2, 4, 5) + 1000.0 * ~mask[..., None],
            integers(generator, 0, 5, 2, 4),
            mask,
        )
    )


def softmax_cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    loss, gradient = package.softmax_cross_entropy(logits, targets)
    return loss, gradient


def library(*names: str) -> tuple[str, ...]:
    """What does the work of a loss: functions of torch.nn.functional, and classes of torch.nn."""
    functions = (f"torch.nn.functional.{name}" for name in names if name.islower())
    classes = (f"torch.nn.{name}" for name in names if not name.islower())
    return ("coursekit", *functions, *classes, "torch._C._nn", "torch.ops")


MEAN_LOSS = "the mean loss"

EXERCISES = (
    Exercise(
        id="losses.huber",
        arguments=("prediction", "target", "delta"),
        parts=(Part(MEAN_LOSS, "eq-huber", points=2),),
        cases=huber_cases,
        reference=package.huber,
        mistakes=WRONG_HUBERS,
        pairs=pairs_of_hubers,
        section="losses for numbers",
        forbidden=library("huber_loss", "smooth_l1_loss", "HuberLoss", "SmoothL1Loss"),
    ),
    Exercise(
        id="losses.binary_cross_entropy_with_logits",
        arguments=("logits", "targets"),
        parts=(Part(MEAN_LOSS, "eq-bce-logits", points=3),),
        cases=binary_cases,
        reference=package.binary_cross_entropy_with_logits,
        mistakes=WRONG_BINARIES,
        pairs=pairs_of_binaries,
        section="losses for two classes",
        forbidden=(
            *library(
                "binary_cross_entropy_with_logits",
                "binary_cross_entropy",
                "soft_margin_loss",
                "multilabel_soft_margin_loss",
                "cross_entropy",
                "BCEWithLogitsLoss",
                "BCELoss",
                "SoftMarginLoss",
                "MultiLabelSoftMarginLoss",
                "CrossEntropyLoss",
            ),
            "torch.binary_cross_entropy_with_logits",
        ),
        differentiable=("logits",),
    ),
    Exercise(
        id="losses.softmax_cross_entropy",
        arguments=("logits", "targets"),
        parts=(
            Part(MEAN_LOSS, "eq-softmax-cross-entropy", points=2),
            Part("the gradient of logits", "eq-softmax-gradient", points=2),
        ),
        cases=softmax_cases,
        reference=softmax_cross_entropy,
        mistakes=WRONG_SOFTMAXES,
        pairs=pairs_of_softmaxes,
        section="the softmax and its gradient",
        forbidden=(
            *library("cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss", "multi_margin_loss"),
            *AUTOGRAD,
        ),
        differentiable=False,
    ),
    Exercise(
        id="losses.poisson_nll",
        arguments=("rate", "counts"),
        parts=(Part(MEAN_LOSS, "eq-poisson", points=2),),
        cases=poisson_cases,
        reference=package.poisson_nll,
        mistakes=WRONG_POISSONS,
        pairs=pairs_of_poissons,
        section="losses for counts",
        forbidden=(
            *library("poisson_nll_loss", "PoissonNLLLoss"),
            "torch.poisson_nll_loss",
            "torch.distributions",
        ),
        differentiable=("rate",),
    ),
    Exercise(
        id="losses.dice_loss",
        arguments=("probabilities", "masks", "eps"),
        parts=(Part("the loss", "eq-dice-loss", points=2),),
        cases=dice_cases,
        reference=package.dice_loss,
        mistakes=WRONG_DICES,
        pairs=pairs_of_dices,
        section="losses for masks",
        forbidden=("coursekit",),
        differentiable=("probabilities",),
    ),
    Exercise(
        id="losses.sequence_cross_entropy",
        arguments=("logits", "targets", "mask"),
        parts=(Part(MEAN_LOSS, "eq-masked-cross-entropy", points=3),),
        cases=sequence_cases,
        reference=package.sequence_cross_entropy,
        mistakes=WRONG_SEQUENCES,
        pairs=pairs_of_sequences,
        section="losses for sequences",
        forbidden=library("cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss"),
        differentiable=("logits",),
    ),
)
