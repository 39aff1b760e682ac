"""Numbers that say how good a prediction is."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def accuracy(logits: Tensor, targets: Tensor) -> float:
    r"""The share of right answers, in [0, 1].

    $$\frac1M \sum_m [\hat y_m = y_m], \qquad \hat y = \arg\max_k z_k \text{ or, for two classes, } [z > 0]$$
    Shapes: logits (..., K) and integer targets (...); for two classes also logits and targets of one shape,
    the targets 0 or 1. A tie goes to the lower class. Raises `ValueError` for other shapes or no targets.
    """
    if targets.numel() == 0:
        raise ValueError("accuracy: expected at least one target, received none")
    if logits.shape == targets.shape:
        right = (logits > 0) == (targets > 0.5)
    elif logits.shape[:-1] == targets.shape:
        right = logits.argmax(dim=-1) == targets  # (...)
    else:
        raise ValueError(
            f"accuracy: expected targets of shape {tuple(logits.shape[:-1])} or {tuple(logits.shape)}, "
            f"received {tuple(targets.shape)}"
        )
    return right.double().mean().item()


def perplexity(mean_nll: float | Tensor) -> float:
    r"""As how many equally likely words the text was hard to guess.

    $$\mathrm{PPL} = \exp\Big(-\frac1T \sum_t \ln p(w_t \mid w_{<t})\Big)$$
    `mean_nll` is the exponent: the mean cross-entropy *per word*, in nats. The mean of several perplexities,
    or a power of 2, is something else (MIS-61). A uniform guess among V words has perplexity V. Raises
    `ValueError` for a negative or NaN mean: no probability exceeds 1.
    """
    nll = float(mean_nll)
    if not nll >= 0:
        raise ValueError(f"perplexity: expected a mean negative log-likelihood of at least 0, received {nll}")
    return math.exp(nll) if nll < 709 else math.inf  # exp overflows a float at 709.8


def unigram_perplexity(train_ids: Tensor, test_ids: Tensor, vocab_size: int, smoothing: float = 1.0) -> float:
    r"""The perplexity of `test_ids` for a model that knows how frequent each word is, and nothing else.

    $$p(v) = \frac{n_v + \alpha}{N + \alpha V}$$
    where n_v of the N `train_ids` are v, and alpha = `smoothing` (1: Laplace's add-one) leaves unseen words a
    chance. The baseline of every language model. Ids are integers in [0, V), of any shape. Raises
    `ValueError` when there are none, when one lies outside, and for a `smoothing` that is not positive.
    """
    if not smoothing > 0:
        raise ValueError(f"smoothing: expected a positive number, received {smoothing}")
    for name, ids in (("train_ids", train_ids), ("test_ids", test_ids)):
        if ids.numel() == 0:
            raise ValueError(f"{name}: expected at least one id, received none")
        if ids.is_floating_point() or ids.min() < 0 or ids.max() >= vocab_size:
            received = f"{ids.dtype} from {ids.min().item()} to {ids.max().item()}"
            raise ValueError(f"{name}: expected integers in [0, {vocab_size}), received {received}")
    counts = torch.bincount(train_ids.flatten(), minlength=vocab_size).double()  # (V,)
    log_p = torch.log((counts + smoothing) / (counts.sum() + smoothing * vocab_size))  # (V,)
    return perplexity(-log_p[test_ids.flatten()].mean())
