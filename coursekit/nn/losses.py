r"""Loss functions: how far a prediction is from its target, as one number to minimise.

Letters: N samples, K classes, T time, V words, D features; `...` is any number of axes, such as H, W of an
image. A loss first gives a value per sample (or pixel, or word), then `reduction` joins these: their "mean",
their "sum" (whose slope grows with the batch, so the learning rate must shrink), or "none" of both.

Where a function wants logits, they are the raw scores: its sigmoid or softmax is inside. Penalties on weights
are added to a loss, $L + \lambda\,\Omega(w)$, and so are losses of several outputs, each with its weight.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from coursekit.nn.cells import check_choice

Reduction = Literal["mean", "sum", "none"]


class LossAndGradient(NamedTuple):
    """A mean loss and its gradient for the logits."""

    loss: Tensor  # ()
    gradient: Tensor  # (N, K)


# Numbers ------------------------------------------------------------------------------------------------


def mse(prediction: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    r"""Mean squared error.

    $$\frac1n \sum_i (y_i - \hat y_i)^2$$
    The best constant is the mean of the targets. An outlier weighs much: its slope grows with its error. The
    negative log-likelihood of Gaussian noise, up to scale and a constant.
    Shapes: both of any one shape. Raises `ValueError` for two shapes: they would broadcast (MIS-67).
    """
    return _reduce((prediction - _alike("mse", prediction, target)).square(), reduction)


def mae(prediction: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    r"""Mean absolute error.

    $$\frac1n \sum_i |y_i - \hat y_i|$$
    The best constant is a median, which no single outlier moves: every error pulls equally, by its sign (and
    not at all where it is 0).
    Shapes and errors: as `mse`.
    """
    return _reduce((prediction - _alike("mae", prediction, target)).abs(), reduction)


def huber(prediction: Tensor, target: Tensor, delta: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    r"""Huber loss: squared near the target, absolute far from it.

    $$\ell(r) = \tfrac12 r^2 \text{ if } |r| \le \delta, \text{ else } \delta|r| - \tfrac12\delta^2,
      \qquad r = y - \hat y$$
    The $\tfrac12\delta^2$ makes value and slope meet at $\delta$. PyTorch's `smooth_l1_loss` is this over
    $\delta$.
    Shapes and errors: as `mse`, and `ValueError` for a `delta` that is not positive.
    Source: Huber (1964), Robust estimation of a location parameter.
    """
    if not delta > 0:
        raise ValueError(f"huber: expected a positive delta; got {delta}")
    r = (prediction - _alike("huber", prediction, target)).abs()
    return _reduce(torch.where(r <= delta, 0.5 * r**2, delta * r - 0.5 * delta**2), reduction)


def poisson_nll(rate: Tensor, counts: Tensor, reduction: Reduction = "mean") -> Tensor:
    r"""Negative log-likelihood of counts with a predicted Poisson rate, without the constant $\log y!$.

    $$\hat y - y \log \hat y, \qquad \hat y > 0$$
    Least where the rate equals the count; may be negative. A rate of 0 costs nothing for a count of 0 and
    infinitely much for any other.
    Shapes and errors: as `mse`.
    """
    return _reduce(rate - torch.xlogy(_alike("poisson_nll", rate, counts), rate), reduction)


# Two classes --------------------------------------------------------------------------------------------


def binary_cross_entropy(probabilities: Tensor, targets: Tensor, reduction: Reduction = "mean") -> Tensor:
    r"""Cross-entropy of a yes with its probability.

    $$-\frac1n \sum_i \big[y_i \log \hat y_i + (1 - y_i) \log (1 - \hat y_i)\big]$$
    Logarithms end at -100, as PyTorch's do, so a wrong certainty costs much and not everything. From logits,
    `binary_cross_entropy_with_logits` loses no digits.
    Shapes: both of any one shape, in [0, 1]. Raises `ValueError` for two shapes.
    """
    targets = _alike("binary_cross_entropy", probabilities, targets)
    log_yes, log_no = (p.log().clamp(min=-100) for p in (probabilities, 1 - probabilities))
    return _reduce(-(targets * log_yes + (1 - targets) * log_no), reduction)


def binary_cross_entropy_with_logits(
    logits: Tensor, targets: Tensor, reduction: Reduction = "mean"
) -> Tensor:
    r"""`binary_cross_entropy` of $\sigma(z)$, from the logit $z$.

    $$\ell = \log(1 + e^z) - z y = \max(z, 0) - z y + \log(1 + e^{-|z|})$$
    The right side never overflows. It is written with `logaddexp`, which computes just that: built from the
    maximum and the absolute value, both with a kink at $z = 0$, the slope there would not be
    $\sigma(0) - y$.
    Shapes: both of any one shape, targets in [0, 1]. Raises `ValueError` for two shapes.
    """
    logits, targets = _precise(logits), _alike("binary_cross_entropy_with_logits", logits, targets)
    return _reduce(torch.logaddexp(logits, torch.zeros_like(logits)) - logits * targets, reduction)


def hinge(scores: Tensor, targets: Tensor, reduction: Reduction = "mean") -> Tensor:
    r"""Hinge loss of a support vector machine.

    $$\max(0, 1 - y s), \qquad y \in \{-1, +1\}$$
    The score is raw: no sigmoid. A right answer still pays inside the margin, where $y s < 1$.
    Shapes: both of any one shape. Raises `ValueError` for two shapes, and for targets other than -1 and 1:
    with 0 for -1 a sample would cost 1 whatever its score (ERR-102).
    """
    _alike("hinge", scores, targets)
    if not bool((targets.abs() == 1).all()):
        raise ValueError("hinge: expected targets of -1 and 1; map 0 and 1 by 2 * targets - 1")
    return _reduce((1 - targets * scores).relu(), reduction)


# K classes ----------------------------------------------------------------------------------------------


def softmax(logits: Tensor, dim: int = -1) -> Tensor:
    r"""Scores to probabilities along an axis.

    $$p_j = \frac{e^{u_j}}{\sum_k e^{u_k}}$$
    Subtracting the largest score first changes nothing but keeps $e^u$ finite.
    """
    exp = (logits - logits.detach().amax(dim, keepdim=True)).exp()
    return exp / exp.sum(dim, keepdim=True)


def log_softmax(logits: Tensor, dim: int = -1) -> Tensor:
    r"""The logarithm of `softmax`, finite where the probability itself would round to 0 (MIS-68).

    $$\log p_j = u_j - m - \log \sum_k e^{u_k - m}, \qquad m = \max_k u_k$$
    Of half-precision logits, as bf16 training has them, it is computed and given in float32.
    """
    logits = _precise(logits)
    shifted = logits - logits.detach().amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


def cross_entropy(
    logits: Tensor, targets: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    r"""Cross-entropy of classes with the softmax of their logits.

    $$-\frac1N \sum_i \sum_{j=1}^K y_{ij} \log p_{ij} = -\frac1N \sum_i \log p_{i, c_i}$$
    Left for probabilities as targets (one-hot or soft), right for labels $c_i$, which need N numbers instead
    of N K. With a `weight` $w$ per class, for rare ones, every term is multiplied by that of its class, and
    the mean over labels is the weighted one, as in PyTorch:
    $$-\frac{\sum_i w_{c_i} \log p_{i, c_i}}{\sum_i w_{c_i}}$$
    Shapes: logits (N, K, ...), targets (N, ...) integers or (N, K, ...) floats, weight (K,).
    Raises `ValueError` for other shapes and for a label outside [0, K).
    """
    if logits.ndim < 2:
        raise ValueError(f"cross_entropy: expected logits of shape (N, K, ...); got {tuple(logits.shape)}")
    labels = not targets.is_floating_point()
    expected = (logits.shape[0], *logits.shape[2:]) if labels else tuple(logits.shape)
    if tuple(targets.shape) != expected:
        kind = "labels" if labels else "probabilities"
        raise ValueError(f"cross_entropy: expected {kind} of shape {expected}; got {tuple(targets.shape)}")
    if weight is not None and weight.shape != logits.shape[1:2]:
        raise ValueError(
            f"cross_entropy: expected one weight for each of the {logits.shape[1]} classes; "
            f"got {tuple(weight.shape)}"
        )

    log_p = log_softmax(logits, dim=1)  # (N, K, ...)
    if not labels:
        terms = targets * log_p if weight is None else targets * log_p * _along_classes(weight, log_p)
        return _reduce(-terms.sum(dim=1), reduction)
    nll = -_at_labels(log_p, targets)  # (N, ...)
    if weight is None:
        return _reduce(nll, reduction)
    weights = weight[targets]  # (N, ...)
    return (weights * nll).sum() / weights.sum() if reduction == "mean" else _reduce(weights * nll, reduction)


def softmax_cross_entropy(logits: Tensor, targets: Tensor) -> LossAndGradient:
    r"""Mean cross-entropy of labels, and its gradient by hand.

    $$\frac{\partial L}{\partial u_{ij}} = \frac1N (p_{ij} - [j = c_i])$$
    Each row of the gradient sums to 0: what one score gains, the others lose.
    Shapes: logits (N, K), targets (N,) integers -> loss (), gradient (N, K).
    """
    loss = cross_entropy(logits, targets)
    one_hot = torch.zeros_like(logits).scatter(1, targets[:, None], 1.0)  # (N, K)
    return LossAndGradient(loss, (softmax(logits, dim=1) - one_hot) / len(logits))


def balanced_weights(targets: Tensor, num_classes: int) -> Tensor:
    r"""Weights for `cross_entropy` that give every class the same say, however rare it is.

    $$w_k = \frac{n}{K n_k}$$
    where $n_k$ of the $n$ labels are $k$; 0 for a class that never occurs.
    Shapes: targets (...) integers in [0, K) -> (K,) float32.
    """
    counts = torch.bincount(targets.flatten(), minlength=num_classes).float()  # (K,)
    if len(counts) > num_classes:
        raise ValueError(
            f"balanced_weights: expected labels from 0 to {num_classes - 1}; got {len(counts) - 1}"
        )
    return torch.where(counts > 0, targets.numel() / (num_classes * counts.clamp(min=1)), 0.0)


def sequence_cross_entropy(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    r"""Mean cross-entropy per real word; what stands in the padding never matters.

    $$-\frac{\sum_{n,t} m_{nt} \log p_{nt, c_{nt}}}{\sum_{n,t} m_{nt}}$$
    Its exponential is the perplexity, V for a uniform guess among V words.
    Shapes: logits (N, T, V), targets (N, T) integers, mask (N, T) True where a word is real.
    Raises `ValueError` for other shapes and when no word is real.
    """
    if logits.ndim != 3 or not logits.shape[:2] == targets.shape == mask.shape:
        raise ValueError(
            "sequence_cross_entropy: expected logits (N, T, V), targets (N, T) and mask (N, T); "
            f"got {tuple(logits.shape)}, {tuple(targets.shape)} and {tuple(mask.shape)}"
        )
    mask = mask.bool()
    if not bool(mask.any()):
        raise ValueError("sequence_cross_entropy: expected at least one real word; got only padding")
    return cross_entropy(logits[mask], targets[mask])


# Distributions and vectors ------------------------------------------------------------------------------


def kl_divergence(p: Tensor, q: Tensor, reduction: Reduction = "mean", dim: int = -1) -> Tensor:
    r"""Kullback-Leibler divergence of q from p.

    $$D(p \| q) = \sum_k p_k \log \frac{p_k}{q_k} \ge 0$$
    Zero only for equal distributions, not symmetric, infinite where $q_k = 0 < p_k$. The cross-entropy of p
    with q is the entropy of p plus this.
    Shapes: both of any one shape, probabilities along `dim`; `reduction` joins the others, so "mean" is
    `F.kl_div(q.log(), p, reduction="batchmean")` of two rows of axes. Raises `ValueError` for two shapes.
    """
    q = _alike("kl_divergence", p, q)
    return _reduce((torch.xlogy(p, p) - torch.xlogy(p, q)).sum(dim), reduction)


def cosine_loss(a: Tensor, b: Tensor, reduction: Reduction = "mean", eps: float = 1e-8) -> Tensor:
    r"""How far two vectors are from pointing the same way, whatever their lengths.

    $$1 - \cos(a, b) = 1 - \frac{a \cdot b}{\|a\|\,\|b\|}$$
    From 0, the same direction, to 2, the opposite one: the cosine itself is to be maximised. Lengths below
    `eps` count as `eps`.
    Shapes: both (..., D) -> (...) before the reduction. Raises `ValueError` for two shapes.
    """
    _alike("cosine_loss", a, b)
    a, b = (v / v.norm(dim=-1, keepdim=True).clamp(min=eps) for v in (a, b))
    return _reduce(1 - (a * b).sum(-1), reduction)


# Overlap of masks ---------------------------------------------------------------------------------------


def dice_loss(probabilities: Tensor, masks: Tensor, eps: float = 1.0, per_class: bool = False) -> Tensor:
    r"""One minus the Dice coefficient of soft masks.

    $$1 - \frac{2 \sum p g + \varepsilon}{\sum p + \sum g + \varepsilon}$$
    Sums run over all elements, so the many easy pixels of the background, 0 in both, count for nothing.
    `eps` keeps two empty masks from 0/0: they agree, the loss is 0. With `per_class` every class, axis 1, has
    its own quotient and the loss is their mean.
    Shapes: both (N, ...) or, per class, (N, K, ...), in [0, 1] -> (). Raises `ValueError` for two shapes.
    Source: Milletari et al. (2016), V-Net.
    """
    shared, p, g = _overlap("dice_loss", probabilities, masks, per_class)
    return (1 - (2 * shared + eps) / (p + g + eps)).mean()


def jaccard_loss(probabilities: Tensor, masks: Tensor, eps: float = 1.0, per_class: bool = False) -> Tensor:
    r"""One minus the Jaccard index, intersection over union, of soft masks.

    $$1 - \frac{\sum p g + \varepsilon}{\sum p + \sum g - \sum p g + \varepsilon}$$
    Orders single masks as Dice does, $D = 2J / (1 + J)$, and is harsher on small overlaps.
    Shapes and errors: as `dice_loss`.
    """
    shared, p, g = _overlap("jaccard_loss", probabilities, masks, per_class)
    return (1 - (shared + eps) / (p + g - shared + eps)).mean()


def _overlap(loss: str, probabilities: Tensor, masks: Tensor, per_class: bool) -> tuple[Tensor, ...]:
    """Sums of the product and of both factors: () each, or (K,) with classes on axis 1."""
    masks = _alike(loss, probabilities, masks).to(probabilities.dtype)
    axes = [axis for axis in range(masks.ndim) if axis != 1 or not per_class]
    return tuple(values.sum(axes) for values in (probabilities * masks, probabilities, masks))


def _precise(logits: Tensor) -> Tensor:
    """Half precision has two or three digits: too few for a sum of exponentials."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def _reduce(values: Tensor, reduction: Reduction) -> Tensor:
    check_choice("reduction", reduction, Reduction)
    if reduction == "none":
        return values
    return values.mean() if reduction == "mean" else values.sum()


def _alike(loss: str, prediction: Tensor, target: Tensor) -> Tensor:
    """The target, if it has the shape of the prediction."""
    if prediction.shape != target.shape:
        raise ValueError(
            f"{loss}: expected a target of shape {tuple(prediction.shape)}, that of the prediction; "
            f"got {tuple(target.shape)}"
        )
    return target


def _along_classes(weight: Tensor, logits: Tensor) -> Tensor:
    """(K,) -> (K, 1, ...), so that it multiplies axis 1 of (N, K, ...)."""
    return weight.view(-1, *[1] * (logits.ndim - 2))


def _at_labels(log_p: Tensor, labels: Tensor) -> Tensor:
    """The entry of each label: (N, K, ...), (N, ...) -> (N, ...)."""
    try:
        return log_p.gather(1, labels.long().unsqueeze(1)).squeeze(1)
    except RuntimeError:
        raise ValueError(
            f"cross_entropy: expected labels from 0 to {log_p.shape[1] - 1}; "
            f"got {int(labels.min())} to {int(labels.max())}"
        ) from None
