"""Toy exercises for every kind of value: right answers pass, wrong ones are told what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Case, Exercise, Mistake, Part
from coursekit.grade.generators import integers, normal, padding_mask, uniform
from coursekit.grade.judge import judge
from coursekit.grade.verdict import Verdict


def told(exercise: Exercise, function: Callable, key: str = "toy") -> Verdict:
    exam = make_exam(exercise, key)
    return judge(exam, perform_all(function, exam.calls, {}))


# Exact integers from a list of tuples


def receptive_field(layers):
    size, jump = 1, 1
    for kernel, stride, dilation in layers:
        size += (kernel - 1) * dilation * jump
        jump *= stride
    return size, jump


def stacks(generator: Generator) -> Iterator[Case]:
    yield Case("no layer", ([],))
    for depth in range(1, 5):
        layers = [tuple(integers(generator, 1, 4, 3).tolist()) for _ in range(depth)]
        yield Case(f"{depth} layers", (layers,))


FIELD = Exercise(
    id="toy.receptive_field",
    arguments=("layers",),
    parts=(Part("the size"), Part("the jump")),
    cases=stacks,
    reference=receptive_field,
    mistakes=(
        Mistake(
            "TOY-1", "Multiply by the dilation.", lambda a: receptive_field([(k, s, 1) for k, s, _ in a])
        ),
    ),
    differentiable=(),
)

# A list whose length depends on the arguments, from tokens and a number


def skip_gram_pairs(tokens, window):
    spans = ((k, range(max(0, k - window), min(len(tokens), k + window + 1))) for k in range(len(tokens)))
    return [(tokens[k], tokens[j]) for k, span in spans for j in span if j != k]


def texts(generator: Generator) -> Iterator[Case]:
    for length, window in ((5, 1), (1, 2), (4, 10), (12, 3), (0, 1)):
        tokens = integers(generator, 0, 20, length).tolist()
        yield Case(f"{length} tokens", (tokens,), keywords={"window": window})


PAIRS = Exercise(
    id="toy.skip_gram_pairs",
    arguments=("tokens", "window"),
    parts=(Part("the list of pairs"),),
    cases=texts,
    reference=skip_gram_pairs,
    differentiable=False,
)

# An optional number, NaN among the arguments


def early_stopping(losses, patience, min_delta=0.0):
    best, at = math.inf, 0
    for epoch, loss in enumerate(losses):
        if loss < best - min_delta:
            best, at = loss, epoch
        elif epoch - at >= patience:
            return at, epoch
    return at, None


def curves(generator: Generator) -> Iterator[Case]:
    falling = uniform(generator, 1.0, 6).abs().cumsum(0).flip(0).tolist()
    yield Case("it stops", ([3.0, 2.0, 2.5, 2.5, 1.0], 2))
    yield Case("it goes on", (falling, 2))
    yield Case("a loss that is no number", ([math.nan, 1.0, math.nan, 2.0], 1))
    yield Case("small steps", ([1.0, 0.95, 0.9, 0.2], 2), keywords={"min_delta": 0.1})
    yield Case("ties", ([1.0, 1.0, 1.0], 2))


STOPPING = Exercise(
    id="toy.early_stopping",
    arguments=("losses", "patience", "min_delta"),
    parts=(Part("the best epoch"), Part("the epoch of stopping")),
    cases=curves,
    reference=early_stopping,
    differentiable=(),
)

# A mode, and an exception for the unknown one

MODES = {"sum": torch.add, "average": lambda a, b: (a + b) / 2, "max": torch.maximum}


def merge_directions(forward, backward, mode):
    if mode == "concat":
        return torch.cat([forward, backward], dim=-1)
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}")
    return MODES[mode](forward, backward)


def directions(generator: Generator) -> Iterator[Case]:
    for mode in ("concat", *MODES):
        yield Case(mode, (normal(generator, 2, 3, 4), normal(generator, 2, 3, 4), mode))
    yield Case(
        "an unknown mode", (normal(generator, 1, 2, 3), normal(generator, 1, 2, 3), "mean"), raises=ValueError
    )


MERGE = Exercise(
    id="toy.merge_directions",
    arguments=("forward", "backward", "mode"),
    parts=(Part("the result"),),
    cases=directions,
    reference=merge_directions,
)

# Integer targets and a boolean mask beside the tensor that gradients are for


def sequence_cross_entropy(logits, targets, mask):
    chosen = logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return -(chosen * mask).sum() / mask.sum()


def sequences(generator: Generator) -> Iterator[Case]:
    for batch, time, words, scale in ((3, 4, 5, 1.0), (1, 1, 2, 0.3), (2, 6, 3, 10.0)):
        mask = padding_mask(generator, batch, time)
        logits = uniform(generator, scale, batch, time, words)
        yield Case(f"batch {batch}", (logits, integers(generator, 0, words, batch, time), mask))
    yield Case(
        "large logits", (1000 * logits.sign(), torch.zeros(2, 6, dtype=torch.int64), mask), extreme=True
    )


MASKED = Exercise(
    id="toy.sequence_cross_entropy",
    arguments=("logits", "targets", "mask"),
    parts=(Part("the loss"),),
    cases=sequences,
    reference=sequence_cross_entropy,
    mistakes=(
        Mistake(
            "TOY-2",
            "Divide by the true tokens.",
            lambda x, t, m: sequence_cross_entropy(x, t, m) * m.float().mean(),
        ),
        Mistake(
            "TOY-3",
            "Use log_softmax.",
            lambda x, t, m: (
                -((x.exp() / x.exp().sum(-1, True)).log().gather(-1, t[..., None])[..., 0] * m).sum()
                / m.sum()
            ),
        ),
    ),
)

# Running statistics, which carry no graph


def batch_norm(x, gamma, mean, momentum=0.1):
    batch = x.mean(0)
    return gamma * (x - batch), ((1 - momentum) * mean + momentum * batch).detach()


def batches(generator: Generator) -> Iterator[Case]:
    for rows, columns, momentum in ((4, 3, 0.1), (2, 1, 0.5), (6, 2, 1.0)):
        arguments = normal(generator, rows, columns), normal(generator, columns), normal(generator, columns)
        yield Case(f"{rows} rows", arguments, keywords={"momentum": momentum})


NORM = Exercise(
    id="toy.batch_norm",
    arguments=("x", "gamma", "mean", "momentum"),
    parts=(Part("y", points=2), Part("the new mean", graph=False)),
    cases=batches,
    reference=batch_norm,
    differentiable=("x", "gamma"),
)

# Lists of tensors, in and out


def clip(gradients, max_norm):
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    return [gradient * (max_norm / norm if norm > max_norm else 1) for gradient in gradients]


def lists(generator: Generator) -> Iterator[Case]:
    for sizes, bound in (((3, 1, 2), 1.0), ((1,), 0.5), ((2, 2), 100.0)):
        yield Case(f"{len(sizes)} gradients", ([normal(generator, size, 2) for size in sizes], bound))
    yield Case("zero gradients", ([torch.zeros(2, dtype=torch.float64)], 1.0), extreme=True)


CLIP = Exercise(
    id="toy.clip",
    arguments=("gradients", "max_norm"),
    parts=(Part("the list of gradients"),),
    cases=lists,
    reference=clip,
    differentiable=False,
)

# From integers to floating-point numbers, some of which are NaN, and one Python number


def mean_iou(prediction, target, classes):
    scores = []
    for k in range(classes):
        both, either = ((prediction == k) & (target == k)).sum(), ((prediction == k) | (target == k)).sum()
        scores.append(both / either if either else torch.tensor(math.nan))
    return torch.stack(scores), float(torch.stack(scores).nanmean())


def maps(generator: Generator) -> Iterator[Case]:
    for size, used, classes in ((4, 3, 3), (5, 2, 4), (1, 1, 2)):
        yield Case(f"{classes} classes", (*integers(generator, 0, used, 2, size, size), classes))


IOU = Exercise(
    id="toy.mean_iou",
    arguments=("prediction", "target", "classes"),
    parts=(Part("the score per class"), Part("their mean")),
    cases=maps,
    reference=mean_iou,
    differentiable=(),
)

# Integer tensors out


def shifted(targets, first):
    return torch.cat([targets.new_full((len(targets), 1), first), targets[:, :-1]], dim=1)


def rows_of_tokens(generator: Generator) -> Iterator[Case]:
    for batch, time in ((2, 3), (1, 1), (4, 2)):
        yield Case(f"batch {batch}", (integers(generator, 1, 9, batch, time), 0))


SHIFT = Exercise(
    id="toy.shifted",
    arguments=("targets", "first"),
    parts=(Part("the inputs"),),
    cases=rows_of_tokens,
    reference=shifted,
    differentiable=(),
)

TOYS = (FIELD, PAIRS, STOPPING, MERGE, MASKED, NORM, CLIP, IOU, SHIFT)


@pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.function)
def test_a_reference_passes_its_own_checks_on_every_key(toy: Exercise) -> None:
    for key in range(5):
        verdict = told(toy, toy.reference, str(key))
        assert (verdict.status, verdict.score) == ("passed", toy.max_score), verdict


def iou_in_numpy(prediction, target, classes):
    p, t = prediction.numpy(), target.numpy()
    with np.errstate(invalid="ignore"):
        scores = [
            np.float64(((p == k) & (t == k)).sum()) / ((p == k) | (t == k)).sum() for k in range(classes)
        ]
    return torch.tensor(scores), torch.tensor(np.nanmean(scores))


UNUSUAL = [
    (FIELD, lambda layers: [torch.tensor(number) for number in receptive_field(layers)]),
    (PAIRS, lambda tokens, window: torch.tensor(skip_gram_pairs(tokens, window)).long()),
    (PAIRS, lambda tokens, window: tuple([list(pair) for pair in skip_gram_pairs(tokens, window)])),
    (STOPPING, lambda *a, **k: tuple(n if n is None else np.int64(n) for n in early_stopping(*a, **k))),
    (CLIP, lambda gradients, bound: tuple(clip(gradients, bound))),
    (IOU, iou_in_numpy),
    (SHIFT, lambda targets, first: shifted(targets, first).int()),
    (MASKED, lambda x, t, m: torch.nn.functional.cross_entropy(x[m], t[m])),
]


@pytest.mark.parametrize(("toy", "function"), UNUSUAL)
def test_the_same_in_another_form_passes(toy: Exercise, function: Callable) -> None:
    assert told(toy, function).status == "passed", told(toy, function)


def appends(tokens, window):
    tokens.append(0)
    return skip_gram_pairs(tokens[:-1], window)


def raises_another(forward, backward, mode):
    return {"concat": lambda: merge_directions(forward, backward, mode)}.get(
        mode, lambda: MODES[mode](forward, backward)
    )()


class OwnError(ValueError):
    pass


def keeps_the_graph(x, gamma, mean, momentum):
    return batch_norm(x, gamma, mean, momentum)[0], (1 - momentum) * mean + momentum * x.mean(0)


def views(forward, backward, mode):
    forward.view(-1)
    return merge_directions(forward, backward, mode)


def makes_tokens(targets, first):
    return torch.cat([torch.full((len(targets), 1), first), targets[:, :-1]], dim=1)


WRONG = [
    (
        FIELD,
        lambda a: (receptive_field(a)[0] + 1, receptive_field(a)[1]),
        "The size is 2 and should be 1 (no layer).",
        1,
    ),
    (
        FIELD,
        lambda a: tuple(float(n) for n in receptive_field(a)),
        "The size should be 1, not float 1.0 (no layer).",
        0,
    ),
    (
        FIELD,
        lambda a: receptive_field(a)[0],
        "should return 2 items (the size, the jump); it returned int 1.",
        0,
    ),
    (
        PAIRS,
        lambda t, window: skip_gram_pairs(t, window)[1:],
        "The list of pairs has 7 items and should have 8 (5",
        0,
    ),
    (
        PAIRS,
        lambda t, window: [p[::-1] for p in skip_gram_pairs(t, window)],
        "8 of 8 items differ; the item at 0 ",
        0,
    ),
    (PAIRS, lambda t, window: None, "The list of pairs should be a list, not None (5 tokens).", 0),
    (PAIRS, appends, "skip_gram_pairs changes its argument tokens:", 0),
    (
        STOPPING,
        lambda *a, **k: (early_stopping(*a, **k)[0], -1),
        "The epoch of stopping is -1 and should be 3 (it stops).",
        1,
    ),
    (STOPPING, lambda losses, patience: early_stopping(losses, patience), "stopped with TypeError", 0),
    (
        MERGE,
        raises_another,
        "stopped with KeyError: 'mean' instead of raising ValueError (an unknown mode).",
        0,
    ),
    (
        MERGE,
        lambda f, b, mode: merge_directions(f, b, mode if mode != "mean" else "sum"),
        "should raise ValueError here and",
        0,
    ),
    (
        MERGE,
        views,
        "reshape works where view does not (concat, with tensors that are not contiguous in memory).",
        0,
    ),
    (
        MASKED,
        lambda x, t, m: torch.tensor(sequence_cross_entropy(x, t, m).item()),
        "The loss has dtype float32; for float64",
        0,
    ),
    (
        MASKED,
        lambda x, t, m: sequence_cross_entropy(x, t, m).item(),
        "The loss should be a tensor, not float ",
        0,
    ),
    (
        MASKED,
        lambda x, t, m: sequence_cross_entropy(x.detach(), t, m),
        "no gradient flows from it to logits: is",
        0,
    ),
    (NORM, keeps_the_graph, "The new mean is right, but should carry no graph: detach it", 2),
    (CLIP, lambda g, bound: clip(g, bound)[:1], "The list of gradients has 1 item and should have 3 (3", 0),
    (
        CLIP,
        lambda g, bound: [x.float() for x in clip(g, bound)],
        "the item at 0 has dtype float32; for float64 inputs",
        0,
    ),
    (SHIFT, makes_tokens, "shifted makes a tensor on the CPU wherever its inputs are", 0),
    (
        IOU,
        lambda p, t, c: (mean_iou(p, t, c)[0].nan_to_num(), mean_iou(p, t, c)[1]),
        "has shape (4,) and is 0.0 at",
        1,
    ),
    (IOU, lambda p, t, c: (mean_iou(p, t, c)[0], 1.0), "Their mean is ", 1),
    (SHIFT, lambda t, first: t, "elements differ, the first, at [0, 0], is ", 0),
    (
        SHIFT,
        lambda t, first: shifted(t, first).double(),
        "The inputs has dtype float64 and should hold integers",
        0,
    ),
    (SHIFT, lambda t, first: shifted(t, first) > 3, "The inputs has dtype bool and should hold integers", 0),
]


@pytest.mark.parametrize(("toy", "function", "words", "score"), WRONG)
def test_a_wrong_answer_of_any_kind_is_told_what_is_wrong(toy, function, words, score) -> None:
    verdict = told(toy, function)
    assert words in verdict.message, verdict.message
    assert (verdict.score, verdict.mistake) == (score, None)


def test_a_more_special_exception_is_right_too() -> None:
    def merge(forward, backward, mode):
        if mode == "mean":
            raise OwnError
        return merge_directions(forward, backward, mode)

    assert told(MERGE, merge).status == "passed"


@pytest.mark.parametrize(("toy", "number"), [(toy, k) for toy in TOYS for k in range(len(toy.mistakes))])
def test_a_mistake_of_any_kind_is_named(toy: Exercise, number: int) -> None:
    mistake = toy.mistakes[number]
    verdict = told(toy, mistake.wrong)
    assert (verdict.mistake, verdict.message) == (mistake.id, mistake.say)


def test_integers_alone_are_not_asked_again_in_float32_nor_for_gradients() -> None:
    checks = make_exam(FIELD, "toy").checks
    assert {check.dtype for check in checks} == {"float64"} and not any(check.gradients for check in checks)
    assert not any(check.call.elsewhere or check.call.transposed for check in checks)
    assert [check.repeats for check in checks] == [False, True] + [False] * 4 + [True]


def test_gradients_are_asked_for_the_named_arguments_only() -> None:
    checks = [check for check in make_exam(NORM, "toy").checks if check.gradients]
    assert len(checks) == 3 and {check.wanted for check in checks} == {("x", "gamma")}
    assert [len(row) for row in checks[0].gradients] == [2, 0]


def test_an_answer_that_rounding_decides_is_not_asked_in_float32() -> None:
    def nearest(scores):
        return int(scores.argmax())

    def cases(generator: Generator) -> Iterator[Case]:
        yield Case("far apart", (torch.tensor([1.5, 7.25, 3.1], dtype=torch.float64),))
        yield Case("next to each other", (0.1 + torch.tensor([1e-9, 0, 1e-10], dtype=torch.float64),))

    toy = Exercise("toy.nearest", ("scores",), (Part("the index"),), cases, nearest, differentiable=())
    assert [check.case.words for check in make_exam(toy, "a").checks if check.dtype == "float32"] == [
        "far apart"
    ]


def test_an_index_may_be_made_anywhere() -> None:
    """A tensor of numbers that is only used as an index works on every device."""

    def backwards(x: Tensor) -> Tensor:
        return x[torch.arange(len(x) - 1, -1, -1)]

    def cases(generator: Generator) -> Iterator[Case]:
        yield Case("7 numbers", (normal(generator, 7),))

    turn = Exercise("toy.turn", ("x",), (Part("the result"),), cases, lambda x: x.flip(0))
    verdict = told(turn, backwards)
    assert verdict.status == "passed", verdict
    assert "on the CPU" in told(turn, lambda x: x.flip(0) + torch.zeros(len(x), dtype=x.dtype)).message


def test_tensors_that_are_not_contiguous_reach_the_function() -> None:
    seen: list[bool] = []

    def merge(forward: Tensor, backward: Tensor, mode: str) -> Tensor:
        seen.append(forward.is_contiguous())
        return merge_directions(forward, backward, mode)

    assert told(MERGE, merge).status == "passed"
    assert seen.count(False) == 1
