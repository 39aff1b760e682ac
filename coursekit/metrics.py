"""Numbers that say how good a prediction is."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Overlap(NamedTuple):
    """How well predicted and true regions agree, class by class."""

    per_class: Tensor  # (K,) float64 in [0, 1], NaN for a class that is in neither
    mean: float  # over the classes that are in one of them


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


def top_k_error(logits: Tensor, targets: Tensor, k: int = 5) -> float:
    r"""The share of answers that are not among the k best scored classes, in [0, 1].

    $$\frac1M \sum_m [y_m \notin \text{the } k \text{ classes of largest } z_m]$$
    Five classes, not five per cent of them (ERR-07). In a tie the lower class counts as scored better.
    Shapes: logits (..., K), integer targets (...). Raises `ValueError` for other shapes, for labels outside
    [0, K), for no targets, and for a k not in [1, K].
    """
    classes = logits.shape[-1]
    if logits.shape[:-1] != targets.shape or targets.numel() == 0 or not 1 <= k <= classes:
        raise ValueError(
            f"top_k_error: expected logits (..., K), targets (...) and k from 1 to K, received "
            f"{tuple(logits.shape)}, {tuple(targets.shape)} and {k}"
        )
    _check_labels("top_k_error", targets, classes)
    best = logits.argsort(dim=-1, descending=True, stable=True)[..., :k]  # (..., k)
    return (best != targets.unsqueeze(-1)).all(dim=-1).double().mean().item()


def confusion_matrix(prediction: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """How often class j was predicted where class i was true: (K, K) int64, the rows are the truth.

    Everything about regions can be read from it, and those of several batches may be added.
    Shapes: both of any one shape, integers in [0, K). Raises `ValueError` otherwise.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"confusion_matrix: expected two shapes alike, received {tuple(prediction.shape)} and "
            f"{tuple(target.shape)}"
        )
    for labels in (prediction, target):
        _check_labels("confusion_matrix", labels, num_classes)
    pairs = num_classes * target.flatten().long() + prediction.flatten().long()
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


def pixel_accuracy(prediction: Tensor, target: Tensor) -> float:
    """The share of pixels with the right class; high for an empty mask where objects are small."""
    if prediction.shape != target.shape or target.numel() == 0:
        raise ValueError(
            f"pixel_accuracy: expected two shapes alike and not empty, received {tuple(prediction.shape)} "
            f"and {tuple(target.shape)}"
        )
    return (prediction == target).double().mean().item()


def mean_iou(prediction: Tensor, target: Tensor, num_classes: int) -> Overlap:
    r"""Intersection over union of each class, the Jaccard index, and its mean.

    $$J_k = \frac{|A_k \cap B_k|}{|A_k \cup B_k|} = \frac{n_{kk}}{n_{k\cdot} + n_{\cdot k} - n_{kk}}$$
    Counted over all pixels of all images. A class that is neither predicted nor true has no index and stays
    out of the mean; one that is only predicted, or only true, has 0.
    Shapes: both of any one shape, integers in [0, K). Raises `ValueError` otherwise, and for no pixel.
    """
    shared, predicted, true = _regions("mean_iou", prediction, target, num_classes)
    return _overlap(shared, predicted + true - shared)


def mean_dice(prediction: Tensor, target: Tensor, num_classes: int) -> Overlap:
    r"""The Dice coefficient of each class, and its mean.

    $$D_k = \frac{2\,|A_k \cap B_k|}{|A_k| + |B_k|} = \frac{2 J_k}{1 + J_k}$$
    Absent classes, shapes and errors: as `mean_iou`.
    """
    shared, predicted, true = _regions("mean_dice", prediction, target, num_classes)
    return _overlap(2 * shared, predicted + true)


def boundary_error(prediction: Tensor, target: Tensor, width: int = 2) -> float:
    """The share of wrong pixels among those at most `width` away from another true class.

    Where masks are hardest, and where pixel accuracy looks least. Distance is that of chess's king. NaN when
    the target has no boundary.
    Shapes: both (N, H, W) integers. Raises `ValueError` otherwise.
    """
    if prediction.shape != target.shape or target.ndim != 3:
        raise ValueError(
            f"boundary_error: expected two masks (N, H, W), received {tuple(prediction.shape)} and "
            f"{tuple(target.shape)}"
        )
    labels, size = target.double().unsqueeze(1), 2 * width + 1
    highest = F.max_pool2d(labels, size, stride=1, padding=width)
    lowest = -F.max_pool2d(-labels, size, stride=1, padding=width)
    band = (highest != lowest)[:, 0]  # (N, H, W)
    return (prediction != target)[band].double().mean().item()


def found_objects(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> float:
    """The share of true objects that a predicted one covers with an IoU above `threshold`.

    Two cells that a mask has run together are one object, which covers neither well; the IoU of the mask
    hardly notices. Above one half no two objects can claim the same one. NaN when the target has no object.
    Shapes: both (H, W) integers, 0 for background and a number of its own for each object, as from
    `connected_components`. Raises `ValueError` otherwise, and for a threshold outside [0.5, 1).
    Source: Kirillov et al. (2019), Panoptic segmentation.
    """
    if prediction.shape != target.shape or target.ndim != 2 or not 0.5 <= threshold < 1:
        raise ValueError(
            "found_objects: expected two maps (H, W) and a threshold in [0.5, 1), received "
            f"{tuple(prediction.shape)}, {tuple(target.shape)} and {threshold}"
        )
    size = int(max(prediction.max(), target.max())) + 1
    shared = confusion_matrix(prediction, target, size).double()  # (objects, objects), row 0 no object
    iou = shared / (shared.sum(0) + shared.sum(1, keepdim=True) - shared)  # NaN where neither exists
    best = iou[1:, 1:].nan_to_num().amax(1)  # of each true object
    return (best > threshold)[shared[1:].sum(1) > 0].double().mean().item()


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


def _regions(metric: str, prediction: Tensor, target: Tensor, num_classes: int) -> tuple[Tensor, ...]:
    """Pixels of each class that are both, predicted, true: (K,) float64 each."""
    if target.numel() == 0:
        raise ValueError(f"{metric}: expected at least one pixel, received none")
    matrix = confusion_matrix(prediction, target, num_classes).double()
    return matrix.diag(), matrix.sum(0), matrix.sum(1)


def _overlap(shared: Tensor, whole: Tensor) -> Overlap:
    per_class = shared / whole  # 0 / 0 is NaN
    return Overlap(per_class, per_class[whole > 0].mean().item())


def _check_labels(metric: str, labels: Tensor, num_classes: int) -> None:
    if labels.is_floating_point() or (labels.numel() and (labels.min() < 0 or labels.max() >= num_classes)):
        received = f"{labels.dtype} from {labels.min().item()} to {labels.max().item()}"
        raise ValueError(f"{metric}: expected integers in [0, {num_classes}), received {received}")
