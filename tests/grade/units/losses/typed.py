"""Mistakes typed into right answers: in the words of an answer, so that the catalogue is not only compared
with itself.
"""

from __future__ import annotations

from ...forms import Answer, typed
from .answers import (
    BINARY,
    BINARY_BY_LOGSIGMOID,
    DICE,
    DICE_BY_ERRORS,
    HUBER,
    HUBER_BY_CLAMP,
    POISSON,
    POISSON_BY_LOOP,
    SEQUENCE,
    SEQUENCE_BY_SELECTION,
    SOFTMAX,
    SOFTMAX_BY_SCATTER,
)

H = Answer("losses.huber", "huber", HUBER)
CLAMP = Answer("losses.huber", "huber by a clamp", HUBER_BY_CLAMP)
B = Answer("losses.binary_cross_entropy_with_logits", "binary", BINARY)
LOGSIGMOID = Answer("losses.binary_cross_entropy_with_logits", "binary by logsigmoid", BINARY_BY_LOGSIGMOID)
PLAIN = Answer(
    "losses.binary_cross_entropy_with_logits",
    "binary from the probability",
    """
def binary_cross_entropy_with_logits(logits, targets):
    p = torch.sigmoid(logits)
    values = targets * torch.log(p) + (1 - targets) * torch.log(1 - p)
    return -torch.mean(values)
""",
)
S = Answer("losses.softmax_cross_entropy", "softmax", SOFTMAX)
SCATTER = Answer("losses.softmax_cross_entropy", "softmax by scatter", SOFTMAX_BY_SCATTER)
ROWS = Answer(
    "losses.softmax_cross_entropy",
    "softmax row by row",
    """
def softmax_cross_entropy(logits, targets):
    n = len(targets)
    rows = range(n)
    p = torch.softmax(logits, dim=-1)
    loss = -torch.log(p[rows, targets]).mean()
    p[rows, targets] -= 1
    return loss, p / n
""",
)
P = Answer("losses.poisson_nll", "poisson", POISSON)
LOOP = Answer("losses.poisson_nll", "poisson by a loop", POISSON_BY_LOOP)
D = Answer("losses.dice_loss", "dice", DICE)
ERRORS = Answer("losses.dice_loss", "dice by the pixels that are wrong", DICE_BY_ERRORS)
Q = Answer("losses.sequence_cross_entropy", "sequence", SEQUENCE)
SELECTION = Answer("losses.sequence_cross_entropy", "sequence by selection", SEQUENCE_BY_SELECTION)

TYPED = (
    typed("ERR-101", H, (" - 0.5 * delta**2", "")),
    typed("ERR-101", H, ("delta * r - 0.5 * delta**2", "delta * (r - 0.5)")),
    typed("ERR-101", H, ("delta * r - 0.5 * delta**2", "r - 0.5 * delta")),
    typed("ERR-101", H, ("0.5 * r**2", "r**2")),
    typed("ERR-101", H, (".abs()", "")),
    typed("ERR-101", H, ("r <= delta", "r > delta")),
    typed("ERR-101", H, ("r <= delta", "r <= 1")),
    typed("ERR-101", H, ("    r =", "    delta = 1\n    r =")),
    typed("ERR-101", H, ("line).mean()", "line).mean() / delta")),
    typed("ERR-96", H, ("line).mean()", "line).sum()")),
    typed("ERR-96", H, ("line).mean()", "line)")),
    typed("ERR-96", H, ("line).mean()", "line).mean(dim=0)")),
    typed("ERR-96", CLAMP, (".mean() / 2", ".sum() / (2 * prediction.shape[0])")),
    typed("ERR-101", CLAMP, ("torch.clamp(r, max=delta)", "r")),
    typed("ERR-101 + ERR-96", H, (" - 0.5 * delta**2", ""), ("line).mean()", "line).sum()")),
    typed("MIS-67", H, ("(target - prediction)", "(target.view(1, -1) - prediction.view(-1, 1))")),
    typed("MIS-66", B, ("    zero", "    logits = torch.sigmoid(logits)\n    zero")),
    typed("ERR-97", B, (" - logits * targets", "")),
    typed("ERR-97", B, ("positive - ", "-")),
    typed("ERR-97", B, ("- logits * targets", "+ logits * targets")),
    typed("ERR-97", B, ("-logits.abs()", "-logits")),
    typed("ERR-96", B, ("values.mean()", "values.sum() / len(logits)")),
    typed("ERR-97", LOGSIGMOID, (" + (1 - targets) * no", "")),
    typed("ERR-97", LOGSIGMOID, ("targets * yes + (1 - targets) * no", "targets * no + (1 - targets) * yes")),
    typed("ERR-97", LOGSIGMOID, ("-(targets * yes", "(targets * yes")),
    typed("ERR-97", PLAIN),
    typed("ERR-97", PLAIN, ("torch.log(p)", "torch.log(p + 1e-8)"), ("(1 - p)", "(1 - p + 1e-8)")),
    typed("ERR-97", PLAIN, ("sigmoid(logits)", "sigmoid(logits).clamp(1e-7, 1 - 1e-7)")),
    typed("MIS-65", PLAIN, ("torch.log(p)", "p"), ("torch.log(1 - p)", "(1 - p)")),
    typed("MIS-61", PLAIN, ("torch.log(p)", "torch.log2(p)"), ("torch.log(1 - p)", "torch.log2(1 - p)")),
    typed("ERR-102", B, ("logits * targets", "logits * (2 * targets - 1)")),
    typed("ERR-97 + ERR-96", LOGSIGMOID, (" + (1 - targets) * no", ""), (".mean()", ".sum()")),
    typed("ERR-96", S, ("    log_p", "    logits = logits.softmax(dim=1)\n    log_p")),
    typed("ERR-77", S, ("log_softmax(dim=1)", "log_softmax(dim=0)")),
    typed("ERR-96", S, ("sum(dim=1).mean()", "mean()")),
    typed("ERR-96", S, (" / logits.shape[0]", "")),
    typed("ERR-96", S, ("logits.shape[0]", "logits.shape[1]")),
    typed("ERR-96", S, ("sum(dim=1).mean()", "sum()")),
    typed("ERR-76", S, ("log_p.exp() - one_hot", "one_hot - log_p.exp()")),
    typed("ERR-76", S, ("(log_p.exp() - one_hot)", "log_p.exp()")),
    typed("ERR-76", S, ("log_p.exp() - one_hot", "logits - one_hot")),
    typed("MIS-68", SCATTER, ("logits - largest", "logits")),
    typed("ERR-96", SCATTER, ("total.log() - true", "true - total.log()")),
    typed("MIS-68", ROWS),
    typed("MIS-67", ROWS, ("p[rows, targets]).mean", "p[:, targets]).mean")),
    typed("MIS-65", ROWS, ("torch.log(p[rows, targets])", "p[rows, targets]")),
    typed(
        "ERR-96 + ERR-76",
        S,
        ("sum(dim=1).mean()", "sum()"),
        ("log_p.exp() - one_hot", "one_hot - log_p.exp()"),
    ),
    typed("ERR-100", P, ("counts * rate.log()", "counts * counts.log()")),
    typed("ERR-100", P, ("rate - counts * rate.log()", "counts - rate * rate.log()")),
    typed("ERR-100", P, ("rate - counts * rate.log()", "counts * rate.log() - rate")),
    typed("ERR-100", P, ("rate - counts * rate.log()", "rate.exp() - counts * rate")),
    typed("ERR-100", P, ("rate.log()", "(rate + 1e-8).log()")),
    typed("ERR-100", P, ("counts * rate.log()", "rate.log()")),
    typed("ERR-100", P, ("rate - counts", "rate + counts")),
    typed("ERR-100", P, ("rate.log()", "rate.log1p()")),
    typed("ERR-100", P, ("rate.log())", "rate.log() + torch.lgamma(counts + 1))")),
    typed("ERR-96", P, ("mean()", "sum()")),
    typed("ERR-96", LOOP, ("total / number", "total / rate.shape[0]")),
    typed("ERR-100", LOOP, ("total + r - y * torch.log(r)", "total + (r - y * torch.log(r)) * (y > 0)")),
    typed("ERR-100", LOOP, ("total + r - y", "total - y")),
    typed("ERR-100 + ERR-96", P, ("rate - counts", "rate + counts"), ("mean()", "sum()")),
    typed("ERR-12", D, ("1 - (2", "(2")),
    typed("ERR-12", D, ("1 - (2", "-(2")),
    typed("ERR-12", D, ("2 * overlap + eps", "2 * (overlap + eps)")),
    typed("ERR-12", D, ("2 * overlap", "overlap")),
    typed("ERR-12", D, ("probabilities.sum() + masks.sum()", "(probabilities**2).sum() + (masks**2).sum()")),
    typed(
        "ERR-12", D, ("    overlap", "    probabilities = (probabilities > 0.5).to(masks.dtype)\n    overlap")
    ),
    typed("MIS-11", D, ("(2 * overlap + eps)", "2 * overlap")),
    typed("MIS-11", D, ("(sizes + eps)", "sizes")),
    typed("MIS-11", D, ("    overlap", "    eps = 1e-6\n    overlap")),
    typed("ERR-12", D, ("2 * overlap + eps", "overlap + eps"), ("sizes + eps", "sizes - overlap + eps")),
    typed(
        "ERR-96",
        D,
        ("masks).sum()", "masks).mean()"),
        ("probabilities.sum() + masks.sum()", "probabilities.mean() + masks.mean()"),
    ),
    typed("MIS-66", D, ("    overlap", "    probabilities = probabilities.sigmoid()\n    overlap")),
    typed("MIS-11", D, ("(2 * overlap + eps)", "2 * overlap"), ("(sizes + eps)", "sizes")),
    typed("ERR-12", ERRORS, ("    p = probabilities", "    p = probabilities.round()")),
    typed(
        "ERR-12 + MIS-11",
        ERRORS,
        ("return wrong / (2 * hit + wrong + eps)", "return -2 * hit / (2 * hit + wrong + eps)"),
    ),
    typed("ERR-12 + MIS-11", D, ("1 - (2", "(2"), ("(sizes + eps)", "sizes")),
    typed("ERR-94", Q, ("mask.sum()", "mask.numel()")),
    typed("ERR-94", Q, ("(nll * mask).sum() / mask.sum()", "nll.mean()")),
    typed("ERR-94", Q, ("    log_p", "    mask = ~mask\n    log_p")),
    typed("ERR-94", Q, ("    log_p", "    mask = targets != 0\n    log_p")),
    typed("ERR-94", Q, ("mask.sum()", "len(mask)")),
    typed("MIS-69", Q, ("(nll * mask).sum() / mask.sum()", "((nll * mask).sum(1) / mask.sum(1)).mean()")),
    typed("ERR-96", Q, (" / mask.sum()", "")),
    typed("MIS-61", Q, ("(nll * mask).sum() / mask.sum()", "torch.exp((nll * mask).sum() / mask.sum())")),
    typed("ERR-77", Q, ("dim=-1", "dim=1")),
    typed("MIS-68", Q, ("logits.log_softmax(dim=-1)", "logits.softmax(dim=-1).log()")),
    typed("ERR-96", Q, ("nll = -", "nll = ")),
    typed(
        "ERR-91",
        Q,
        ("    log_p", "    logits, targets, mask = logits[:, :-1], targets[:, 1:], mask[:, 1:]\n    log_p"),
    ),
    typed(
        "ERR-94", SELECTION, ("logits[mask]", "logits.flatten(0, 1)"), ("targets[mask]", "targets.flatten()")
    ),
    typed(
        "MIS-68",
        SELECTION,
        ("torch.logsumexp(words, dim=1, keepdim=True)", "words.exp().sum(1, keepdim=True).log()"),
    ),
    typed("ERR-94 + ERR-77", Q, ("dim=-1", "dim=1"), ("mask.sum()", "mask.numel()")),
)
