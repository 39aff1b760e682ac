"""Right answers to the exercises on losses, as students write them: whole sources, to be damaged.

Two for each exercise, so that the damage reaches more than one way of writing: one as in the solutions.
"""

from __future__ import annotations

from ...forms import Answer

HUBER = """
def huber(prediction, target, delta=1.0):
    r = (target - prediction).abs()
    parabola = 0.5 * r**2
    line = delta * r - 0.5 * delta**2
    return torch.where(r <= delta, parabola, line).mean()
"""

HUBER_BY_CLAMP = """
def huber(prediction, target, delta=1.0):
    r = torch.abs(prediction - target)
    near = torch.clamp(r, max=delta)
    return (near * (2 * r - near)).mean() / 2
"""

BINARY = """
def binary_cross_entropy_with_logits(logits, targets):
    zero = torch.zeros_like(logits)
    positive = torch.maximum(logits, zero)
    values = positive - logits * targets + torch.log1p(torch.exp(-logits.abs()))
    return values.mean()
"""

BINARY_BY_LOGSIGMOID = """
def binary_cross_entropy_with_logits(logits, targets):
    yes = torch.nn.functional.logsigmoid(logits)
    no = torch.nn.functional.logsigmoid(-logits)
    return -(targets * yes + (1 - targets) * no).mean()
"""

SOFTMAX = """
def softmax_cross_entropy(logits, targets):
    log_p = logits.log_softmax(dim=1)
    one_hot = torch.nn.functional.one_hot(targets, logits.shape[1])
    loss = -(one_hot * log_p).sum(dim=1).mean()
    return loss, (log_p.exp() - one_hot) / logits.shape[0]
"""

SOFTMAX_BY_SCATTER = """
def softmax_cross_entropy(logits, targets):
    column = targets[:, None]
    largest = logits.amax(dim=1, keepdim=True)
    shifted = logits - largest
    powers = shifted.exp()
    total = powers.sum(dim=1, keepdim=True)
    true = shifted.gather(1, column)
    gradient = (powers / total).scatter_add(1, column, -torch.ones_like(true))
    return (total.log() - true).mean(), gradient / logits.shape[0]
"""

POISSON = """
def poisson_nll(rate, counts):
    return (rate - counts * rate.log()).mean()
"""

POISSON_BY_LOOP = """
def poisson_nll(rate, counts):
    total = 0
    number = 0
    for r, y in zip(rate.flatten(), counts.flatten()):
        total = total + r - y * torch.log(r)
        number = number + 1
    return total / number
"""

DICE = """
def dice_loss(probabilities, masks, eps=1.0):
    overlap = (probabilities * masks).sum()
    sizes = probabilities.sum() + masks.sum()
    return 1 - (2 * overlap + eps) / (sizes + eps)
"""

DICE_BY_ERRORS = """
def dice_loss(probabilities, masks, eps=1.0):
    p = probabilities.reshape(-1)
    g = masks.reshape(-1)
    hit = p @ g
    missed = ((1 - p) * g).sum()
    false = p.sum() - hit
    wrong = missed + false
    return wrong / (2 * hit + wrong + eps)
"""

SEQUENCE = """
def sequence_cross_entropy(logits, targets, mask):
    log_p = logits.log_softmax(dim=-1)
    nll = -log_p.gather(-1, targets[..., None]).squeeze(-1)
    return (nll * mask).sum() / mask.sum()
"""

SEQUENCE_BY_SELECTION = """
def sequence_cross_entropy(logits, targets, mask):
    words = logits[mask]
    chosen = targets[mask]
    true = words.gather(1, chosen[:, None])
    return (torch.logsumexp(words, dim=1, keepdim=True) - true).mean()
"""

ABSOLUTE = "its absolute value is taken"
SQUARED = "it is squared"
COMPARED = "it is only compared, and a rounding moves nothing across delta that far"
CANCELS = "its own slope meets the factor 2r - 2 near, which is 0 where there is a slope"
TWICE_ROUNDED = "only the square of a rounding remains: near (2r - near) is r^2 - (r - near)^2"
ZEROS = "only its shape is read, and the type of zeros gives way to that of the logits"
SHAPE = "only its shape and dtype are read"
SAME_SHAPE = "only its shape is read, which is the same"
EITHER = "of two, in either order"
NO_SLOPE = "no gradient is asked for that argument"
LABELS = "labels are small whole numbers, exact in every precision"
ONES = "zeros and ones are exact in every precision"
MAXIMUM = "whatever is subtracted from all logits of a row cancels"
ALL_PAIRS = "the mean over all pairs of a difference is the difference of the two means"


def rounded(line: int, name: str, reason: str, *ways: str) -> dict[str, str]:
    """Another precision on the way, in which a name on a line loses nothing."""
    precisions = {"there": f"{name}.float()", "back": f"{name}.float().to({name}.dtype)"}
    return {f"line {line}: {name} -> {precisions[way]}": reason for way in ways or precisions}


ANSWERS = (
    Answer(
        "losses.huber",
        "as in the solutions",
        HUBER,
        equivalent={
            "line 3: target - prediction -> prediction - target": ABSOLUTE,
            "line 4: r ** 2 -> (-r) ** 2": SQUARED,
            "line 5: delta ** 2 -> (-delta) ** 2": SQUARED,
            "line 6: r -> r.detach()": COMPARED,
            "line 6: r -> r.double()": COMPARED,
            **rounded(6, "r", COMPARED),
        },
    ),
    Answer(
        "losses.huber",
        "by a clamp",
        HUBER_BY_CLAMP,
        equivalent={
            "line 3: prediction - target -> target - prediction": ABSOLUTE,
            "line 4: torch.clamp(r, max=delta) -> torch.clamp(r, max=delta).detach()": CANCELS,
            "line 4: r -> r.detach()": CANCELS,
            **rounded(4, "r", TWICE_ROUNDED, "back"),
        },
    ),
    Answer(
        "losses.binary_cross_entropy_with_logits",
        "as in the solutions",
        BINARY,
        equivalent={
            "line 3: torch.zeros_like(logits) -> torch.zeros_like(logits).detach()": ZEROS,
            "line 3: logits -> logits.detach()": ZEROS,
            **rounded(3, "logits", ZEROS, "there"),
            **rounded(3, "logits", SHAPE, "back"),
            "line 3: logits -> targets": SAME_SHAPE,
            "line 4: torch.maximum(logits, zero) -> torch.maximum(zero, logits)": EITHER,
            "line 4: zero -> zero.detach()": ZEROS,
            **rounded(4, "zero", ZEROS),
        },
    ),
    Answer(
        "losses.binary_cross_entropy_with_logits",
        "by logsigmoid",
        BINARY_BY_LOGSIGMOID,
        equivalent={"line 5: 1 - targets -> (1 - targets).detach()": NO_SLOPE},
    ),
    Answer(
        "losses.softmax_cross_entropy",
        "as in the solutions",
        SOFTMAX,
        equivalent={
            **rounded(4, "targets", LABELS, "back"),
            **rounded(5, "one_hot", ONES),
            **rounded(6, "one_hot", ONES),
        },
    ),
    Answer(
        "losses.softmax_cross_entropy",
        "by scatter",
        SOFTMAX_BY_SCATTER,
        equivalent={
            **rounded(3, "targets", LABELS, "back"),
            **rounded(4, "logits", MAXIMUM),
            **rounded(5, "largest", MAXIMUM),
            **rounded(8, "column", LABELS, "back"),
            **rounded(9, "column", LABELS, "back"),
            **rounded(9, "true", SHAPE, "back"),
            "line 9: true -> total": SAME_SHAPE,
        },
    ),
    Answer("losses.poisson_nll", "as in the solutions", POISSON),
    Answer(
        "losses.poisson_nll",
        "by a loop",
        POISSON_BY_LOOP,
        equivalent={
            "line 5: counts.flatten() -> counts.flatten().detach()": NO_SLOPE,
            "line 6: y -> y.detach()": NO_SLOPE,
        },
    ),
    Answer(
        "losses.dice_loss",
        "as in the solutions",
        DICE,
        equivalent={
            **rounded(3, "masks", ONES),
            **rounded(4, "masks", ONES),
            "line 4: masks.sum() -> masks.sum().detach()": NO_SLOPE,
        },
    ),
    Answer(
        "losses.dice_loss",
        "by the pixels that are wrong",
        DICE_BY_ERRORS,
        equivalent={
            "line 4: masks.reshape(-1) -> masks.reshape(-1).detach()": NO_SLOPE,
            **rounded(4, "masks", ONES, "back"),
            "line 5: p @ g -> g @ p": EITHER,
            "line 5: g -> g.detach()": NO_SLOPE,
            **rounded(5, "g", ONES, "back"),
            "line 6: g -> g.detach()": NO_SLOPE,
            **rounded(6, "g", ONES),
        },
    ),
    Answer(
        "losses.sequence_cross_entropy",
        "as in the solutions",
        SEQUENCE,
        equivalent={
            **rounded(4, "targets", LABELS, "back"),
            **rounded(5, "mask", ONES),
            "line 5: mask.sum() -> mask.sum().detach()": NO_SLOPE,
        },
    ),
    Answer(
        "losses.sequence_cross_entropy",
        "by selection",
        SEQUENCE_BY_SELECTION,
        equivalent={
            **rounded(3, "mask", ONES, "back"),
            **rounded(4, "targets", LABELS, "back"),
            **rounded(4, "mask", ONES, "back"),
            "line 5: chosen -> chosen.detach()": NO_SLOPE,
            **rounded(5, "chosen", LABELS, "back"),
            "line 6: True -> False": ALL_PAIRS,
        },
    ),
)
