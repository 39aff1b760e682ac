"""Wrong losses over classes that people really write: of one label, with its gradient, and of sequences.

N batch, K classes, T time, V words. Taken to pieces as in `losses_mistakes.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.grade.exercise import Mistake
from coursekit.grade.exercises.losses_mistakes import NATURAL, NOT_JOINED, SIGMOID_INSIDE, SUM
from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of

Logs = Callable[[Tensor], Tensor]
LossAndGradient = tuple[Tensor, Tensor]

# From scores to log-probabilities, in both exercises

SOFTMAX_TWICE = "The softmax is inside the loss already: do not apply one to the logits first."
LOG_OF_ZERO = "Use log_softmax: a small probability rounds to 0, and log 0 is minus infinity."
OVERFLOWS = "exp(1000) is infinite: subtract the largest logit before exp, or use log_softmax."
ADDED = "Nothing is to be added to a probability, or clamped, before its logarithm: use log_softmax."
NO_LOGARITHM = "Take the logarithm of the probability: -p is not a likelihood that adds up."
OVER_CLASSES = "The softmax goes over the classes, the last axis: the probabilities of one example sum to 1."
EXCLUSIVE = "The classes exclude each other: softmax over all of them, not a sigmoid for each."
MINUS = "The logarithm of a probability is negative: the loss is minus it."
TRUE_CLASS = "Only the true class counts: minus the log-probability of the target."
LABELS = "Classes are counted from 0, as Python counts: a label is an index already."
PAIRED = "log_p[:, targets] takes every target's column for every example: one label belongs to each row."


def log_of_softmax(u: Tensor) -> Tensor:
    return u.softmax(-1).log()


def without_maximum(u: Tensor) -> Tensor:
    return u - u.exp().sum(-1, keepdim=True).log()


def quotient_without_maximum(u: Tensor) -> Tensor:
    return (u.exp() / u.exp().sum(-1, keepdim=True)).log()


def with_added(small: float) -> Logs:
    return lambda u: (u.softmax(-1) + small).log()


def cut_at(small: float) -> Logs:
    return lambda u: u.softmax(-1).clamp(small, 1 - small).log()


def over_axis(axis: int) -> Logs:
    return lambda u: u.log_softmax(axis)


def over_everything(u: Tensor) -> Tensor:
    return u.flatten().log_softmax(0).view_as(u)


def one_hot(u: Tensor, targets: Tensor) -> Tensor:
    return F.one_hot(targets, u.shape[-1]).to(u.dtype)


def at_target(log_p: Tensor, targets: Tensor) -> Tensor:
    return -log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def counted_from_one(targets: Tensor, classes: int) -> Tensor:
    """Labels less 1, with -1 for the last class, as an index has it."""
    return (targets - 1) % classes


SMALL = (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
FROM_SCORES = (
    Slip("ERR-96", SOFTMAX_TWICE, "scores", lambda u: u.softmax(-1)),
    Slip("MIS-66", SIGMOID_INSIDE, "scores", Tensor.sigmoid),
    Slip("MIS-68", LOG_OF_ZERO, "log_p", log_of_softmax),
    Slip("MIS-68", OVERFLOWS, "log_p", without_maximum),
    Slip("MIS-68", OVERFLOWS, "log_p", quotient_without_maximum),
    *(Slip("MIS-68", ADDED, "log_p", with_added(small)) for small in SMALL),
    *(Slip("MIS-68", ADDED, "log_p", cut_at(small)) for small in SMALL),
    Slip("ERR-77", OVER_CLASSES, "log_p", over_axis(0)),
    Slip("ERR-77", OVER_CLASSES, "log_p", over_everything),
    Slip("ERR-77", EXCLUSIVE, "log_p", F.logsigmoid),
    Slip("MIS-65", NO_LOGARITHM, "pick", lambda log_p, t: at_target(log_p.exp(), t)),
    Slip("MIS-65", NO_LOGARITHM, "pick", lambda log_p, t: 1 + at_target(log_p.exp(), t)),
    Slip("ERR-96", MINUS, "pick", lambda log_p, t: -at_target(log_p, t)),
    Slip("ERR-96", TRUE_CLASS, "pick", lambda log_p, t: -log_p.amax(-1)),
    Slip("ERR-96", TRUE_CLASS, "pick", lambda log_p, t: -log_p.sum(-1)),
    Slip("ERR-96", TRUE_CLASS, "pick", lambda log_p, t: -log_p.mean(-1)),
    Slip(
        "ERR-96",
        TRUE_CLASS,
        "pick",
        lambda log_p, t: F.binary_cross_entropy(log_p.exp(), one_hot(log_p, t), reduction="none").sum(-1),
    ),
    Slip("ERR-102", LABELS, "labels", counted_from_one),
    Slip("MIS-61", NATURAL, "unit", math.log(2)),
    Slip("MIS-61", NATURAL, "unit", math.log(10)),
)

# One label, with the gradient by hand

OVER_CLASSES_TOO = "Divide by the batch size, not by batch times classes."
BY_CLASSES = "Divide by the batch size N, not by the number of classes."
ERROR_SIGN = "The gradient with respect to the scores is softmax minus target; yours climbs the loss."
NO_TARGET = "Subtract the one-hot target: the softmax alone pushes the true class down as well."
NUMBERS = "Subtract 1 in the column of the target, not the number of the target everywhere."
ONE_COLUMN = "All scores feel the loss, not only that of the true class: softmax minus one-hot."
SLOPE = "The slope of the softmax is in p - t already: the logarithm cancels it."
OF_PROBABILITIES = "That is the gradient for the probabilities; asked for is that for the logits."
NO_SHARE = "The loss is a mean over the batch: its gradient has the factor 1/N as well."
SHARE = "The gradient has the same factor 1/N as the loss, N the batch size."
LOGITS = "The gradient is the softmax of the scores minus the target, not the scores minus the target."


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """The loss and its gradient in pieces, all right unless replaced; t targets, hot one-hot targets."""

    labels: Callable[[Tensor, int], Tensor] = lambda targets, classes: targets
    scores: Callable[[Tensor], Tensor] = lambda u: u
    log_p: Logs = lambda u: u.log_softmax(-1)
    pick: Callable[[Tensor, Tensor], Tensor] = at_target
    unit: float = 1.0
    join: Callable[[Tensor, int], Tensor] = lambda nll, classes: nll.mean()
    p: Callable[[Tensor, Tensor], Tensor] = lambda u, log_p: log_p.exp()
    error: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda p, hot, t: p - hot
    share: Callable[[Tensor], Tensor] = lambda error: error / len(error)

    def __call__(self, logits: Tensor, targets: Tensor) -> LossAndGradient:
        classes = logits.shape[1]
        t = self.labels(targets, classes)
        u = self.scores(logits)
        log_p = self.log_p(u)  # (N, K)
        loss = self.join(self.pick(log_p, t) / self.unit, classes)
        error = self.error(self.p(u, log_p), one_hot(log_p, t), t)
        return loss, self.share(error)


SOFTMAX_SLIPS = (
    *FROM_SCORES,
    Slip("MIS-67", PAIRED, "pick", lambda log_p, t: -log_p[:, t]),
    Slip("ERR-96", SUM, "join", lambda nll, classes: nll.sum()),
    Slip("ERR-96", NOT_JOINED, "join", lambda nll, classes: nll),
    Slip("ERR-96", OVER_CLASSES_TOO, "join", lambda nll, classes: nll.mean() / classes),
    Slip("ERR-96", BY_CLASSES, "join", lambda nll, classes: nll.sum() / classes),
    Slip("ERR-77", OVER_CLASSES, "p", lambda u, log_p: u.softmax(0)),
    Slip("ERR-77", EXCLUSIVE, "p", lambda u, log_p: u.sigmoid()),
    Slip("MIS-68", OVERFLOWS, "p", lambda u, log_p: u.exp() / u.exp().sum(-1, keepdim=True)),
    Slip("ERR-76", LOGITS, "p", lambda u, log_p: u),
    Slip("ERR-76", ERROR_SIGN, "error", lambda p, hot, t: hot - p),
    Slip("ERR-76", NO_TARGET, "error", lambda p, hot, t: p),
    Slip("ERR-76", NUMBERS, "error", lambda p, hot, t: p - t[:, None]),
    Slip("ERR-76", ONE_COLUMN, "error", lambda p, hot, t: hot * (p - hot)),
    Slip("ERR-76", ONE_COLUMN, "error", lambda p, hot, t: -hot),
    Slip("ERR-76", SLOPE, "error", lambda p, hot, t: (p - hot) * p * (1 - p)),
    Slip("ERR-76", OF_PROBABILITIES, "error", lambda p, hot, t: -hot / p),
    Slip("ERR-96", NO_SHARE, "share", lambda error: error),
    Slip("ERR-96", SHARE, "share", lambda error: error / error.shape[1]),
    Slip("ERR-96", SHARE, "share", lambda error: error / error.numel()),
)

WRONG_SOFTMAXES = mistakes_of(SoftmaxCrossEntropy(), SOFTMAX_SLIPS)
pairs_of_softmaxes = pairs_of(SoftmaxCrossEntropy(), SOFTMAX_SLIPS)

# A sequence of words, some of them padding

COUNTS_PADDING = "Your loss rewards predicting padding: leave masked positions out of the sum."
OVER_ALL = "Divide by the number of real words, not by all positions."
INVERTED = "The mask is True where a word is real: you kept the padding."
NOT_BY_ID = "The mask says which words are real: an id, such as 0, does not."
LEFT_ALIGNED = "Padding may stand anywhere: use the mask itself, not only how many of it are True."
ZEROED = "Zeroed logits are a uniform guess that costs log V each: mask the losses, not the logits."
PER_SENTENCE = "Weigh each sentence by its length: one mean over all real words, not a mean of means."
PER_SENTENCE_SUM = "Divide by the number of real words, not by the number of sentences."
PERPLEXITY = "That is the perplexity, the exponential of the loss: asked for is the loss."
SHIFTED = "The targets are the next words already: do not shift them once more."
MASK_PAIRED = "Shapes (B, T, 1) and (B, T) do not belong together: squeeze the losses before you mask them."


def mean_of_real(nll: Tensor, w: Tensor) -> Tensor:
    return (nll * w).sum() / w.sum()


@dataclass(frozen=True)
class SequenceCrossEntropy:
    """The loss of a batch of sequences in pieces, all right unless replaced; w weighs the positions."""

    labels: Callable[[Tensor, int], Tensor] = lambda targets, classes: targets
    scores: Callable[[Tensor], Tensor] = lambda u: u
    log_p: Logs = lambda u: u.log_softmax(-1)
    pick: Callable[[Tensor, Tensor], Tensor] = at_target
    unit: float = 1.0
    weights: Callable[[Tensor, Tensor], Tensor] = lambda mask, targets: mask
    join: Callable[[Tensor, Tensor], Tensor] = mean_of_real

    def __call__(self, logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        log_p = self.log_p(self.scores(logits))  # (B, T, V)
        nll = self.pick(log_p, self.labels(targets, logits.shape[-1])) / self.unit  # (B, T)
        return self.join(nll, self.weights(mask, targets).to(nll.dtype))


def first_of_row(mask: Tensor, targets: Tensor) -> Tensor:
    return torch.arange(mask.shape[1], device=mask.device) < mask.sum(1, keepdim=True)


def per_sentence(nll: Tensor, w: Tensor) -> Tensor:
    return ((nll * w).sum(1) / w.sum(1)).mean()


def per_step(nll: Tensor, w: Tensor) -> Tensor:
    return ((nll * w).sum(0) / w.sum(0)).mean()


def zeroed_logits(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    return SequenceCrossEntropy()(logits * mask[..., None], targets, torch.ones_like(mask))


def shifted_once_more(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    return SequenceCrossEntropy()(logits[:, :-1], targets[:, 1:], mask[:, 1:])


SEQUENCE_SLIPS = (
    *FROM_SCORES,
    Slip("ERR-77", OVER_CLASSES, "log_p", over_axis(1)),
    Slip("ERR-94", COUNTS_PADDING, "weights", lambda mask, targets: torch.ones_like(mask)),
    Slip("ERR-94", INVERTED, "weights", lambda mask, targets: ~mask),
    Slip("ERR-94", NOT_BY_ID, "weights", lambda mask, targets: targets != 0),
    Slip("ERR-94", NOT_BY_ID, "weights", lambda mask, targets: mask & (targets != 0)),
    Slip("ERR-94", LEFT_ALIGNED, "weights", first_of_row),
    Slip("ERR-94", OVER_ALL, "join", lambda nll, w: (nll * w).mean()),
    Slip("ERR-94", PER_SENTENCE_SUM, "join", lambda nll, w: (nll * w).sum() / len(w)),
    Slip("ERR-94", PER_SENTENCE_SUM, "join", lambda nll, w: (nll * w).sum() / w.shape[1]),
    Slip("MIS-69", PER_SENTENCE, "join", per_sentence),
    Slip("MIS-69", PER_SENTENCE, "join", per_step),
    Slip("MIS-67", MASK_PAIRED, "join", lambda nll, w: (nll[..., None] * w).sum() / w.sum()),
    Slip("MIS-61", PERPLEXITY, "join", lambda nll, w: mean_of_real(nll, w).exp()),
    Slip("ERR-96", SUM, "join", lambda nll, w: (nll * w).sum()),
    Slip("ERR-96", NOT_JOINED, "join", lambda nll, w: nll * w),
)

WRONG_SEQUENCES = (
    *mistakes_of(SequenceCrossEntropy(), SEQUENCE_SLIPS),
    Mistake("ERR-94", ZEROED, zeroed_logits),
    Mistake("ERR-91", SHIFTED, shifted_once_more),
)
pairs_of_sequences = pairs_of(SequenceCrossEntropy(), SEQUENCE_SLIPS)
