"""Wrong losses that people really write: each on purpose, with the id and the sentence of its mistake.

A loss is taken to pieces, as `slips.py` says: usually a value for each element, and how the
values are joined. Losses over classes are in `losses_classes.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.grade.exercise import Mistake
from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of

# Joining the values of all elements

SUM = "Divide by the number of elements: a sum makes every step of training grow with the batch."
NOT_JOINED = "Join the values to one number: the mean over all elements."
ALL_ELEMENTS = "Divide by the number of all elements, not by the length of one axis."
ONE_AXIS = "The mean goes over all elements, not along one axis."
MEDIAN = "Join the values by their mean, not by their median."
PAIRED = "Shapes (N, 1) and (N,) broadcast to (N, N): every prediction was compared with every target."
NATURAL = "Take the natural logarithm, as everybody who compares losses does."

JOINED = (
    Slip("ERR-96", SUM, "join", Tensor.sum),
    Slip("ERR-96", NOT_JOINED, "join", lambda values: values),
    Slip("ERR-96", ALL_ELEMENTS, "join", lambda values: values.sum() / len(values)),
    Slip("ERR-96", ONE_AXIS, "join", lambda values: values.mean(0)),
    Slip("ERR-96", ONE_AXIS, "join", lambda values: values.mean(-1)),
    Slip("ERR-96", MEDIAN, "join", Tensor.median),
)


def column(x: Tensor) -> Tensor:
    return x.reshape(-1, 1)


# Huber

JUMP = "Without -delta^2/2 the loss jumps at |r| = delta."
CONSTANT = "The line is delta |r| - delta^2/2: only this constant makes it meet the parabola at delta."
SLOPE = "Beyond delta the slope is delta: the line is delta |r| - delta^2/2."
HALF = "Near the target the loss is half the square: without the half, the slope jumps at delta."
ABSOLUTE = "Take the absolute value of the error: a large negative error is far away as well."
BRANCHES = "The branches are exchanged: the square is for |r| up to delta, the line for what lies beyond."
ONLY_SQUARE = "Beyond delta the loss grows along a line: yours is half the squared error everywhere."
ONLY_LINE = "Near the target the loss is half the square: yours is the line everywhere."
BORDER = "The border between parabola and line is delta, not 1."
DELTA_UNUSED = "Use the delta that you are given: yours is always 1."
SMOOTH_L1 = "That is smooth L1, which is the Huber loss divided by delta."
PSEUDO = "That is the smooth pseudo-Huber loss: the Huber loss has a parabola and a line."


@dataclass(frozen=True)
class Huber:
    """The Huber loss in pieces, all right unless replaced; r is |target - prediction|."""

    error: Callable[[Tensor, Tensor], Tensor] = lambda prediction, target: (target - prediction).abs()
    delta: Callable[[float], float] = lambda delta: delta
    is_near: Callable[[Tensor, float], Tensor] = lambda r, delta: r <= delta
    near: Callable[[Tensor, float], Tensor] = lambda r, delta: 0.5 * r**2
    far: Callable[[Tensor, float], Tensor] = lambda r, delta: delta * r - 0.5 * delta**2
    scale: Callable[[Tensor, float], Tensor] = lambda values, delta: values
    join: Callable[[Tensor], Tensor] = Tensor.mean

    def __call__(self, prediction: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
        r, delta = self.error(prediction, target), self.delta(delta)
        values = torch.where(self.is_near(r, delta), self.near(r, delta), self.far(r, delta))
        return self.join(self.scale(values, delta))


def pseudo_huber(r: Tensor, delta: float) -> Tensor:
    return delta**2 * ((1 + (r / delta) ** 2).sqrt() - 1)


HUBER_SLIPS = (
    Slip("ERR-101", ABSOLUTE, "error", lambda prediction, target: target - prediction),
    Slip("ERR-101", ABSOLUTE, "error", lambda prediction, target: prediction - target),
    Slip("MIS-67", PAIRED, "error", lambda prediction, target: (column(prediction) - target.flatten()).abs()),
    Slip("ERR-101", DELTA_UNUSED, "delta", lambda delta: 1.0),
    Slip("ERR-101", BRANCHES, "is_near", lambda r, delta: r > delta),
    Slip("ERR-101", ONLY_SQUARE, "is_near", lambda r, delta: r >= -math.inf),
    Slip("ERR-101", ONLY_LINE, "is_near", lambda r, delta: r < -math.inf),
    Slip("ERR-101", BORDER, "is_near", lambda r, delta: r <= 1),
    Slip("ERR-101", HALF, "near", lambda r, delta: r**2),
    Slip("ERR-101", JUMP, "far", lambda r, delta: delta * r),
    Slip("ERR-101", CONSTANT, "far", lambda r, delta: delta * r - 0.5 * delta),
    Slip("ERR-101", CONSTANT, "far", lambda r, delta: delta * r - 0.5),
    Slip("ERR-101", CONSTANT, "far", lambda r, delta: delta * r - delta**2),
    Slip("ERR-101", CONSTANT, "far", lambda r, delta: delta * r + 0.5 * delta**2),
    Slip("ERR-101", SLOPE, "far", lambda r, delta: r),
    Slip("ERR-101", SLOPE, "far", lambda r, delta: r - 0.5),
    Slip("ERR-101", SLOPE, "far", lambda r, delta: r - 0.5 * delta),
    Slip("ERR-101", SLOPE, "far", lambda r, delta: r - 0.5 * delta**2),
    Slip("ERR-101", SMOOTH_L1, "scale", lambda values, delta: values / delta),
    *JOINED,
)

WRONG_HUBERS = (
    *mistakes_of(Huber(), HUBER_SLIPS),
    Mistake("ERR-101", PSEUDO, replace(Huber(), near=pseudo_huber, far=pseudo_huber)),
)


def in_the_branches(a: Slip, b: Slip) -> bool:
    """With delta always 1, a wrong line is that of another slip."""
    return DELTA_UNUSED in (a.say, b.say) and not {a.place, b.place} & {"error", "join"}


pairs_of_hubers = pairs_of(Huber(), HUBER_SLIPS, in_the_branches)

# Binary cross-entropy

NO_TERM = "A term is missing: y log p prices a missed yes, (1 - y) log(1 - p) a false alarm."
EXCHANGED_TERMS = "y belongs to log p and 1 - y to log(1 - p); you exchanged them."
MINUS = "The logarithm of a probability is negative: the loss is minus it."
OUT_OF_RANGE = "exp(1000) is infinite, sigmoid(-1000) is 0: take the form with max(z, 0) and exp(-|z|)."
CLAMPED = "A clamp or a small number in the logarithm changes the loss and stops the slope: use the logits."
STABLE_FORM = "The stable form has three terms: max(z, 0) - z y + log(1 + exp(-|z|))."
SIGMOID_INSIDE = "The sigmoid is inside the loss already: do not apply one before it."
NO_LOGARITHM = "Take the logarithm of the probability: without it a confident mistake costs hardly more."
SQUARED = "That is the squared error of the probability: the cross-entropy takes its logarithm."
HARD_TARGETS = "A target may lie between 0 and 1: it weighs the two terms."
ENTROPY = "That is the divergence KL(y, p): the cross-entropy is larger by the entropy of the targets."
LABELS = "Targets are 0 and 1 here, not -1 and +1: with y = 0, z y says nothing about z."
ROLES = "The targets weigh the logarithms of the predictions; you exchanged logits and targets."


def softplus(z: Tensor) -> Tensor:
    return torch.logaddexp(z, torch.zeros_like(z))


def from_probabilities(p: Tensor, y: Tensor, small: float = 0.0) -> Tensor:
    return -(y * (p + small).log() + (1 - y) * (1 - p + small).log())


def clamped(z: Tensor, y: Tensor, small: float) -> Tensor:
    return from_probabilities(z.sigmoid().clamp(small, 1 - small), y)


def binary_entropy(y: Tensor) -> Tensor:
    return -torch.xlogy(y, y) - torch.xlogy(1 - y, 1 - y)


Terms = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """The binary cross-entropy of logits in pieces, all right unless replaced."""

    logits: Callable[[Tensor], Tensor] = lambda z: z
    terms: Terms = lambda z, y: softplus(z) - z * y
    scale: float = 1.0
    join: Callable[[Tensor], Tensor] = Tensor.mean

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        return self.join(self.scale * self.terms(self.logits(logits), targets))


def in_part(small: float) -> Terms:
    return lambda z, y: from_probabilities(z.sigmoid(), y, small)


def cut_at(small: float) -> Terms:
    return lambda z, y: clamped(z, y, small)


SMALL = (1e-6, 1e-7, 1e-8, 1e-12)
BINARY_SLIPS = (
    Slip("MIS-66", SIGMOID_INSIDE, "logits", Tensor.sigmoid),
    Slip("ERR-97", NO_TERM, "terms", lambda z, y: y * softplus(-z)),
    Slip("ERR-97", NO_TERM, "terms", lambda z, y: (1 - y) * softplus(z)),
    Slip("ERR-97", EXCHANGED_TERMS, "terms", lambda z, y: softplus(z) - z * (1 - y)),
    Slip("ERR-97", MINUS, "terms", lambda z, y: z * y - softplus(z)),
    Slip("ERR-97", OUT_OF_RANGE, "terms", lambda z, y: from_probabilities(z.sigmoid(), y)),
    Slip("ERR-97", OUT_OF_RANGE, "terms", lambda z, y: z.exp().log1p() - z * y),
    Slip("ERR-97", OUT_OF_RANGE, "terms", lambda z, y: (1 - y) * z + (-z).exp().log1p()),
    Slip("ERR-97", OUT_OF_RANGE, "terms", lambda z, y: y * (-z).exp().log1p() + (1 - y) * z.exp().log1p()),
    *(Slip("ERR-97", CLAMPED, "terms", in_part(small)) for small in SMALL),
    *(Slip("ERR-97", CLAMPED, "terms", cut_at(small)) for small in SMALL if small > 1e-8),
    Slip("ERR-97", STABLE_FORM, "terms", lambda z, y: z.relu() + (-z.abs()).exp().log1p()),
    Slip("ERR-97", STABLE_FORM, "terms", lambda z, y: (-z.abs()).exp().log1p() - z * y),
    Slip("ERR-97", STABLE_FORM, "terms", lambda z, y: z.relu() - z * y),
    Slip("ERR-97", STABLE_FORM, "terms", lambda z, y: z.relu() - z * y + (-z).exp().log1p()),
    Slip("ERR-97", STABLE_FORM, "terms", lambda z, y: z.relu() - z * y + (-z.abs()).exp()),
    Slip("ERR-97", STABLE_FORM, "terms", lambda z, y: z.relu() - z * y - (-z.abs()).exp().log1p()),
    Slip("ERR-97", STABLE_FORM, "terms", lambda z, y: z.relu() + z * y + (-z.abs()).exp().log1p()),
    Slip("MIS-65", NO_LOGARITHM, "terms", lambda z, y: -(y * z.sigmoid() + (1 - y) * (-z).sigmoid())),
    Slip("MIS-65", NO_LOGARITHM, "terms", lambda z, y: y * (-z).sigmoid() + (1 - y) * z.sigmoid()),
    Slip("MIS-65", SQUARED, "terms", lambda z, y: (z.sigmoid() - y) ** 2),
    Slip("ERR-97", HARD_TARGETS, "terms", lambda z, y: torch.where(y == 1, softplus(-z), softplus(z))),
    Slip("ERR-97", HARD_TARGETS, "terms", lambda z, y: torch.where(y > 0.5, softplus(-z), softplus(z))),
    Slip("ERR-98", ENTROPY, "terms", lambda z, y: softplus(z) - z * y - binary_entropy(y)),
    Slip("ERR-98", ROLES, "terms", lambda z, y: softplus(y) - z * y),
    Slip("ERR-102", LABELS, "terms", lambda z, y: softplus(-z * y)),
    Slip("ERR-102", LABELS, "terms", lambda z, y: softplus(z) - z * (2 * y - 1)),
    Slip("MIS-67", PAIRED, "terms", lambda z, y: softplus(column(z)) - column(z) * y.flatten()),
    Slip("MIS-61", NATURAL, "scale", 1 / math.log(2)),
    Slip("MIS-61", NATURAL, "scale", 1 / math.log(10)),
    *JOINED,
)

WRONG_BINARIES = mistakes_of(BinaryCrossEntropy(), BINARY_SLIPS)
pairs_of_binaries = pairs_of(BinaryCrossEntropy(), BINARY_SLIPS)

# Poisson

OF_THE_RATE = "The logarithm belongs to the predicted rate: rate - y log(rate)."
LOG_RATE = "You are given the rate itself, not its logarithm: do not take exp of it."
LIKELIHOOD = "That is the log-likelihood, which is to be maximised: the loss is minus it."
PLUS = "A count makes its rate likelier: its logarithm is subtracted."
NO_RATE = "The rate itself is missing: without it, the larger every rate the better."
NO_COUNT = "Multiply log(rate) by the count: every event counts."
LOG_FACTORIAL = "The constant log y! is dropped: no rate changes it."
DEVIANCE = "Leave out what depends on the counts alone: that is the deviance, not the loss."
ZEROS = "A count of 0 is a count: it costs its rate."
ADDED = "The rate is above 0: nothing is to be added to it, or clamped, before the logarithm."
PLUS_ONE = "Take the logarithm of the rate, not of 1 + rate."
ROUNDED = "The counts are whole, their rate need not be: do not round it."
GAUSSIAN = "That is the squared error, the likelihood of Gaussian noise: counts are not Gaussian."


@dataclass(frozen=True)
class Poisson:
    """The Poisson loss in pieces, all right unless replaced."""

    rate: Callable[[Tensor], Tensor] = lambda rate: rate
    log: Callable[[Tensor], Tensor] = Tensor.log
    terms: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda rate, log, y: rate - y * log
    join: Callable[[Tensor], Tensor] = Tensor.mean

    def __call__(self, rate: Tensor, counts: Tensor) -> Tensor:
        rate = self.rate(rate)
        return self.join(self.terms(rate, self.log(rate), counts))


def log_of_sum(small: float) -> Callable[[Tensor], Tensor]:
    return lambda rate: (rate + small).log()


POISSON_SLIPS = (
    Slip("ERR-100", LOG_RATE, "rate", Tensor.exp),
    Slip("ERR-100", ROUNDED, "rate", Tensor.round),
    *(Slip("ERR-100", ADDED, "log", log_of_sum(small)) for small in (1e-5, 1e-6, 1e-7, 1e-8, 1e-10)),
    Slip("ERR-100", ADDED, "log", lambda rate: rate.clamp(min=1e-8).log()),
    Slip("ERR-100", PLUS_ONE, "log", Tensor.log1p),
    Slip("MIS-61", NATURAL, "log", Tensor.log2),
    Slip("MIS-61", NATURAL, "log", Tensor.log10),
    Slip("ERR-100", OF_THE_RATE, "terms", lambda rate, log, y: y - rate * y.log()),
    Slip("ERR-100", OF_THE_RATE, "terms", lambda rate, log, y: y - rate * torch.xlogy(1, y + 1e-8)),
    Slip("ERR-100", OF_THE_RATE, "terms", lambda rate, log, y: rate - rate * log),
    Slip("ERR-100", OF_THE_RATE, "terms", lambda rate, log, y: y - rate * log),
    Slip("ERR-100", OF_THE_RATE, "terms", lambda rate, log, y: y - y * log),
    Slip("ERR-100", OF_THE_RATE, "terms", lambda rate, log, y: rate - y * y.log()),
    Slip("ERR-100", OF_THE_RATE, "terms", lambda rate, log, y: rate - torch.xlogy(y, y)),
    Slip("ERR-100", LIKELIHOOD, "terms", lambda rate, log, y: y * log - rate),
    Slip("ERR-100", PLUS, "terms", lambda rate, log, y: rate + y * log),
    Slip("ERR-100", NO_RATE, "terms", lambda rate, log, y: -y * log),
    Slip("ERR-100", NO_COUNT, "terms", lambda rate, log, y: rate - log),
    Slip("ERR-100", LOG_FACTORIAL, "terms", lambda rate, log, y: rate - y * log + (y + 1).lgamma()),
    Slip("ERR-100", DEVIANCE, "terms", lambda rate, log, y: rate - y * log + torch.xlogy(y, y) - y),
    Slip("ERR-100", DEVIANCE, "terms", lambda rate, log, y: rate - y * log + torch.xlogy(y, y)),
    Slip("ERR-100", ZEROS, "terms", lambda rate, log, y: torch.where(y > 0, rate - y * log, 0)),
    Slip("ERR-100", GAUSSIAN, "terms", lambda rate, log, y: (rate - y) ** 2),
    Slip("MIS-67", PAIRED, "terms", lambda rate, log, y: column(rate) - y.flatten() * column(log)),
    *JOINED,
)

WRONG_POISSONS = mistakes_of(Poisson(), POISSON_SLIPS)
pairs_of_poissons = pairs_of(Poisson(), POISSON_SLIPS)

# Dice

LARGER_IS_BETTER = "Your loss is smaller for the worse mask: minimise one minus the Dice coefficient."
NEGATIVE = "The loss is one minus the Dice coefficient, so that a perfect mask costs 0."
LOGARITHM = "The loss is one minus the Dice coefficient, not minus its logarithm."
THRESHOLD = "Do not threshold the probabilities: a step has no gradient."
ACTIVATED = "You are given probabilities: the sigmoid has been applied already."
TWICE = "The overlap counts twice, since a perfect mask lies in both sums: 2 sum(p g)."
INSIDE = "eps is added to twice the overlap, not doubled with it."
NO_EPS = "Two empty masks make 0/0: add eps to numerator and denominator."
ONE_EPS = "Add eps to numerator and denominator alike, or two empty masks that agree cost something."
OTHER_EPS = "Use the eps that you are given."
UNION = "That is the Jaccard index, overlap over union: Dice divides by the sum of both sizes."
UNION_BELOW = "Divide by the sum of both sizes, not by the union: do not subtract the overlap."
SQUARES = "The sums in the denominator are those of p and g, not of their squares."
ONE_SIZE = "Both sizes belong in the denominator, that of the prediction and that of the mask."
MEANS = "Sum over the elements: eps is a number of pixels, and means are far smaller than sums."
EACH_IMAGE = "The sums run over all elements: this is one quotient, not a mean of several."
COSINE = "That is the cosine of the two masks: Dice divides by the sum of their sizes."


@dataclass(frozen=True)
class Dice:
    """The Dice loss in pieces, all right unless replaced; p probabilities, g masks, o overlap, s sizes."""

    probabilities: Callable[[Tensor], Tensor] = lambda p: p
    eps: Callable[[float], float] = lambda eps: eps
    sizes: Callable[[Tensor, Tensor], Tensor] = torch.add
    total: Callable[[Tensor], Tensor] = Tensor.sum
    quotient: Callable[[Tensor, Tensor, float], Tensor] = lambda o, s, eps: (2 * o + eps) / (s + eps)
    loss: Callable[[Tensor], Tensor] = lambda dice: 1 - dice

    def __call__(self, probabilities: Tensor, masks: Tensor, eps: float = 1.0) -> Tensor:
        p = self.probabilities(probabilities)
        o, s = self.total(p * masks), self.total(self.sizes(p, masks))
        return self.loss(self.quotient(o, s, self.eps(eps))).mean()


def all_but(axis: int) -> Callable[[Tensor], Tensor]:
    """Sums over all axes but one."""
    return lambda x: x.sum([other for other in range(x.ndim) if other != axis] if x.ndim > 1 else 0)


def cosine(probabilities: Tensor, masks: Tensor, eps: float = 1.0) -> Tensor:
    return 1 - F.cosine_similarity(probabilities.flatten(), masks.flatten(), dim=0)


def cosine_with_eps(probabilities: Tensor, masks: Tensor, eps: float = 1.0) -> Tensor:
    lengths = ((probabilities**2).sum() * (masks**2).sum()).sqrt()
    return 1 - ((probabilities * masks).sum() + eps) / (lengths + eps)


DICE_SLIPS = (
    Slip("ERR-12", THRESHOLD, "probabilities", lambda p: (p > 0.5).to(p.dtype)),
    Slip("ERR-12", THRESHOLD, "probabilities", Tensor.round),
    Slip("MIS-66", ACTIVATED, "probabilities", Tensor.sigmoid),
    *(Slip("MIS-11", OTHER_EPS, "eps", lambda eps, fixed=fixed: fixed) for fixed in (1.0, 1e-3, 1e-6, 1e-8)),
    Slip("ERR-12", SQUARES, "sizes", lambda p, g: p**2 + g**2),
    Slip("ERR-12", ONE_SIZE, "sizes", lambda p, g: p),
    Slip("ERR-12", ONE_SIZE, "sizes", lambda p, g: g),
    Slip("ERR-12", ONE_SIZE, "sizes", lambda p, g: 2 * p),
    Slip("ERR-12", ONE_SIZE, "sizes", lambda p, g: 2 * g),
    Slip("ERR-96", MEANS, "total", Tensor.mean),
    *(Slip("ERR-96", EACH_IMAGE, "total", all_but(axis)) for axis in (0, 1)),
    Slip("ERR-96", EACH_IMAGE, "total", lambda x: x.sum(-1)),
    Slip("ERR-12", TWICE, "quotient", lambda o, s, eps: (o + eps) / (s + eps)),
    Slip("ERR-12", INSIDE, "quotient", lambda o, s, eps: 2 * (o + eps) / (s + eps)),
    Slip("MIS-11", NO_EPS, "quotient", lambda o, s, eps: 2 * o / s),
    Slip("MIS-11", ONE_EPS, "quotient", lambda o, s, eps: 2 * o / (s + eps)),
    Slip("MIS-11", ONE_EPS, "quotient", lambda o, s, eps: (2 * o + eps) / s),
    Slip("ERR-12", UNION, "quotient", lambda o, s, eps: (o + eps) / (s - o + eps)),
    Slip("ERR-12", UNION_BELOW, "quotient", lambda o, s, eps: (2 * o + eps) / (s - o + eps)),
    Slip("ERR-12", LARGER_IS_BETTER, "loss", lambda dice: dice),
    Slip("ERR-12", NEGATIVE, "loss", torch.neg),
    Slip("ERR-12", LOGARITHM, "loss", lambda dice: -dice.log()),
)

WRONG_DICES = (
    *mistakes_of(Dice(), DICE_SLIPS),
    *(Mistake("ERR-99", COSINE, wrong) for wrong in (cosine, cosine_with_eps)),
)
pairs_of_dices = pairs_of(Dice(), DICE_SLIPS)
