"""Right answers that do not look like the reference: other algebra, loops, numpy, functions of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

# Huber


def huber_by_relu(prediction, target, delta=1.0):
    """Half the square, less half the square of what lies beyond."""
    r = prediction - target
    beyond = F.relu(r - delta) - F.relu(-r - delta)
    return (r.square() - beyond.square()).mean() / 2


def huber_by_mask(prediction, target, delta=1.0):
    r = (prediction - target).abs()
    near = (r < delta).to(r.dtype)
    return torch.mean(near * r.pow(2) / 2 + (1 - near) * delta * (r - delta / 2))


def huber_by_selection(prediction, target, delta=1):
    r = (prediction - target).flatten()
    near = r[r.abs() <= delta]
    far = r[r.abs() > delta]
    return ((near**2).sum() / 2 + (delta * far.abs() - delta**2 / 2).sum()) / len(r)


def huber_number_by_number(prediction, target, delta=1.0):
    """With Python's own if, element by element."""
    values = []
    for a, b in zip(prediction.reshape(-1), target.reshape(-1), strict=True):
        r = abs(a - b)
        values.append(r * r / 2 if r <= delta else delta * (r - delta / 2))
    return torch.stack(values).mean()


class OwnHuber(torch.autograd.Function):
    """Value and slope by hand; the slope is the error, cut off at delta."""

    @staticmethod
    def forward(ctx, prediction, target, delta):
        r = prediction - target
        slope = r.clamp(-delta, delta)
        ctx.save_for_backward(slope)
        return (slope * (r - slope / 2)).mean()

    @staticmethod
    def backward(ctx, grad):
        (slope,) = ctx.saved_tensors
        return grad * slope / slope.numel(), -grad * slope / slope.numel(), None


def huber_by_a_function_of_ones_own(prediction, target, delta=1.0):
    return OwnHuber.apply(prediction, target, delta)


# Binary cross-entropy


def binary_by_softplus(logits, targets):
    return (F.softplus(logits) - logits * targets).mean()


def binary_by_logaddexp(logits, targets):
    zero = torch.zeros_like(logits)
    values = targets * torch.logaddexp(zero, -logits) + (1 - targets) * torch.logaddexp(logits, zero)
    return torch.einsum("n->", values.flatten()) / targets.numel()


def binary_of_two_classes(logits, targets):
    """A softmax over the score of no, which is 0, and that of yes."""
    both = torch.stack([torch.zeros_like(logits), logits], dim=-1).log_softmax(-1)
    return -((1 - targets) * both[..., 0] + targets * both[..., 1]).mean()


def binary_by_logsumexp(logits, targets):
    """Everything in float64 and back."""
    z, y = logits.double().flatten(), targets.double().flatten()
    total = torch.stack([z, 0 * z]).logsumexp(0) - z * y
    return total.mean().to(logits.dtype)


def binary_by_where(logits, targets):
    """Each side of zero by a formula of its own, neither of which overflows where the other is taken."""
    positive = logits > 0
    left, right = torch.where(positive, 0, logits), torch.where(positive, logits, 0)
    below = torch.log1p(left.exp()) - left * targets
    above = right * (1 - targets) + torch.log1p((-right).exp())
    return torch.where(positive, above, below).mean()


# Softmax


def softmax_by_logsumexp(logits, targets):
    """A list instead of a tuple."""
    normal = logits.logsumexp(dim=1, keepdim=True)
    hot = torch.zeros_like(logits).scatter_(1, targets[:, None], 1)
    loss = (normal.squeeze(1) - (hot * logits).sum(1)).mean()
    return [loss, ((logits - normal).exp() - hot).div(len(logits))]


def softmax_row_by_row(logits, targets):
    losses, gradients = [], []
    for u, t in zip(logits, targets.tolist(), strict=True):
        e = (u - u.max()).exp()
        p = e / e.sum()
        losses.append(e.sum().log() + u.max() - u[t])
        gradients.append(torch.cat([p[:t], p[t : t + 1] - 1, p[t + 1 :]]) / len(logits))
    return sum(losses) / len(losses), torch.stack(gradients)


def softmax_by_numpy(logits, targets):
    u, t = logits.numpy(), targets.numpy()
    rows = np.arange(len(u))
    shifted = u - u.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    p[rows, t] -= 1
    return torch.as_tensor(-log_p[rows, t].mean()), torch.from_numpy(p / np.array(len(u), dtype=u.dtype))


def softmax_classes_first(logits, targets):
    """Transposed all the way, so that the gradient is not contiguous; the mean by a product."""
    u = logits.T
    log_p = u.log_softmax(0)
    same = torch.arange(len(u), device=u.device)[:, None] == targets
    share = 1 / u.shape[1]
    return -(log_p * same).sum() * share, ((log_p.exp() - same.to(u.dtype)) * share).T


def softmax_by_the_jacobian(logits, targets):
    """The gradient for the probabilities, times the Jacobian of the softmax, all in float64."""
    log_p = logits.double().log_softmax(1)
    p = log_p.exp()
    hot = F.one_hot(targets, logits.shape[1])
    jacobian = torch.diag_embed(torch.ones_like(p)) - p[:, None]  # (N, K, K), but for the factor p
    gradient = -torch.einsum("nj,njk->nk", hot.double(), jacobian) / len(p)
    loss = -log_p.gather(1, targets.view(-1, 1)).mean()
    return loss.to(logits.dtype), gradient.to(logits.dtype)


# Poisson


def poisson_by_xlogy(rate, counts):
    return torch.mean(rate - torch.xlogy(counts, rate))


def poisson_by_dot(rate, counts):
    return (rate.sum() - torch.dot(counts.flatten(), rate.flatten().log())) / counts.numel()


def poisson_in_bits(rate, counts):
    """Through the logarithm to base 2, and two means."""
    return rate.mean() - (counts * torch.log2(rate)).mean() * math.log(2)


def poisson_count_by_count(rate, counts):
    """One count at a time."""
    values = [r - y * r.log() for r, y in zip(rate.reshape(-1), counts.reshape(-1), strict=True)]
    return torch.stack(values).mean()


def poisson_where_counted(rate, counts):
    """The logarithm only where something was counted."""
    some = counts > 0
    return (rate.sum() - (counts[some] * rate[some].log()).sum()) / rate.nelement()


# Dice


def dice_by_minimum(probabilities, masks, eps=1.0):
    """The overlap as the smaller of the two, the same for masks of zeros and ones."""
    overlap = torch.minimum(probabilities, masks).sum()
    return 1 - (2 * overlap + eps) / (probabilities.sum() + masks.sum() + eps)


def dice_by_jaccard(probabilities, masks, eps=1.0):
    """2J / (1 + J), with half of eps in the index J."""
    shared = (probabilities * masks).sum()
    union = (probabilities + masks - probabilities * masks).sum()
    j = (shared + eps / 2) / (union + eps / 2)
    return 1 - 2 * j / (1 + j)


def dice_by_absolute_errors(probabilities, masks, eps=1.0):
    """One minus the quotient, over its denominator: the errors over the sizes."""
    return (probabilities - masks).abs().sum() / (probabilities.sum() + masks.sum() + eps)


def dice_by_dot(probabilities, masks, eps=1):
    p, g = probabilities.flatten(), masks.flatten()
    one = torch.ones_like(p)
    return 1 - (2 * torch.dot(p, g) + eps) / (torch.dot(p, one) + torch.dot(g, one) + eps)


def dice_picture_by_picture(probabilities, masks, eps=1.0):
    """Sums collected along the first axis, one quotient at the end."""
    shared = sizes = 0.0
    for p, g in zip(probabilities, masks, strict=True):
        shared, sizes = shared + (p * g).sum(), sizes + p.sum() + g.sum()
    return (sizes - 2 * shared) / (sizes + eps)


# Sequences


def sequence_by_one_hot(logits, targets, mask):
    hot = F.one_hot(targets, logits.shape[-1]).to(logits.dtype) * mask[..., None]
    return -(hot * logits.log_softmax(-1)).sum() / hot.sum()


def sequence_sentence_by_sentence(logits, targets, mask):
    """Loops over sentences and words; the sum over all is divided once."""
    total, count = 0, 0
    for u, t, m in zip(logits, targets, mask, strict=True):
        for step in range(len(t)):
            if m[step]:
                total = total + u[step].logsumexp(0) - u[step, t[step]]
                count += 1
    return total / count


def sequence_flattened(logits, targets, mask):
    """All positions in a row, weights that sum to 1."""
    u, t = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    w = mask.reshape(-1).to(u.dtype)
    log_p = F.log_softmax(u, dim=1)[torch.arange(len(u)).to(u.device), t]
    return -(w / w.sum()) @ log_p


def sequence_with_filled_padding(logits, targets, mask):
    nll = logits.logsumexp(-1) - torch.take_along_dim(logits, targets.unsqueeze(-1), -1).squeeze(-1)
    return nll.masked_fill(~mask, 0).sum() / mask.count_nonzero()


def sequence_weighted_by_length(logits, targets, mask):
    """A mean for each sentence, weighed by its length: no sentence counts more than its words."""
    log_p = (logits - logits.amax(-1, keepdim=True)).log_softmax(-1)
    nll = -log_p.gather(2, targets.unsqueeze(2)).squeeze(2)
    lengths = mask.sum(1)
    means = torch.where(mask, nll, torch.zeros_like(nll)).sum(1) / lengths.clamp(min=1)
    return (means * lengths).sum() / lengths.sum()


VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "losses.huber": (
        huber_by_relu,
        huber_by_mask,
        huber_by_selection,
        huber_number_by_number,
        huber_by_a_function_of_ones_own,
    ),
    "losses.binary_cross_entropy_with_logits": (
        binary_by_softplus,
        binary_by_logaddexp,
        binary_of_two_classes,
        binary_by_logsumexp,
        binary_by_where,
    ),
    "losses.softmax_cross_entropy": (
        softmax_by_logsumexp,
        softmax_row_by_row,
        softmax_by_numpy,
        softmax_classes_first,
        softmax_by_the_jacobian,
    ),
    "losses.poisson_nll": (
        poisson_by_xlogy,
        poisson_by_dot,
        poisson_in_bits,
        poisson_count_by_count,
        poisson_where_counted,
    ),
    "losses.dice_loss": (
        dice_by_minimum,
        dice_by_jaccard,
        dice_by_absolute_errors,
        dice_by_dot,
        dice_picture_by_picture,
    ),
    "losses.sequence_cross_entropy": (
        sequence_by_one_hot,
        sequence_sentence_by_sentence,
        sequence_flattened,
        sequence_with_filled_padding,
        sequence_weighted_by_length,
    ),
}
