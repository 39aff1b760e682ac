"""Our losses and operations on images and those of `torch.nn.functional`: how far apart, and where?

`CASES` lists the comparisons, `measure` makes one: the result, and the gradients of all that has one under a
random cotangent. The tests hold every deviation against the tolerance of its case;
`benchmarks/image_parity.py` writes them into a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.nn import losses
from coursekit.nn.convolutional import avg_pool2d, conv1x1, conv2d, max_pool2d
from coursekit.nn.segmentation import conv_transpose2d, max_unpool2d, upsample_nearest

Operation = Callable[..., Tensor]
K = 5


@dataclass(frozen=True)
class Case:
    """One comparison: what, on which inputs, and what is special about it."""

    operation: str
    ours: Operation
    theirs: Operation
    inputs: Callable[[int], list[Tensor]]  # batch size -> float64 inputs, integers stay what they are
    fixed: frozenset[int] = frozenset()  # inputs without gradient
    variant: str = "float64"
    N: int = 3
    dtype: torch.dtype = torch.float64
    contiguous: bool = True

    @property
    def tolerance(self) -> float:
        return 1e-10 if self.dtype == torch.float64 else 1e-4

    def __str__(self) -> str:
        return f"{self.operation}, {self.variant}"


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def shares(*shape: int) -> Tensor:
    """Strictly inside (0, 1)."""
    return 0.01 + 0.98 * torch.rand(*shape, dtype=torch.float64)


def distributions(*shape: int) -> Tensor:
    return normal(*shape).softmax(-1)


def signs(*shape: int) -> Tensor:
    return torch.randint(2, shape).double() * 2 - 1


def labels(*shape: int) -> Tensor:
    return torch.randint(K, shape)


def their_weighted(logits: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    return F.cross_entropy(logits, targets, weight=weight)


def their_masked(logits: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    hidden = targets.masked_fill(~mask, -100)  # PyTorch's mark for padding
    return F.cross_entropy(logits.flatten(0, 1), hidden.flatten())


def their_cosine(a: Tensor, b: Tensor) -> Tensor:
    return F.cosine_embedding_loss(a, b, torch.ones(len(a), dtype=a.dtype))


def their_hinge(scores: Tensor, targets: Tensor) -> Tensor:
    return F.hinge_embedding_loss(scores * targets, -torch.ones_like(scores))


def masked(N: int) -> list[Tensor]:
    mask = torch.rand(N, 6) < 0.6
    mask[:, 0] = True
    return [normal(N, 6, K), labels(N, 6), mask]


def pixels(N: int) -> list[Tensor]:
    return [normal(N, 4, 9, 7)]


def filters(N: int, channels: int = 4) -> list[Tensor]:
    return [normal(N, 4, 9, 7), normal(6, channels, 3, 2), normal(6)]


def loss_cases() -> Iterator[Case]:
    both = [("mse", losses.mse, F.mse_loss), ("mae", losses.mae, F.l1_loss)]
    both += [
        (f"huber {d}", partial(losses.huber, delta=d), partial(F.huber_loss, delta=d))
        for d in (0.5, 1.0, 2.0)
    ]
    for name, ours, theirs in both:
        yield Case(name, ours, theirs, lambda N: [normal(N, 4), normal(N, 4)])
    bce, bce_logits = losses.binary_cross_entropy, losses.binary_cross_entropy_with_logits
    yield Case("binary_cross_entropy", bce, F.binary_cross_entropy, lambda N: [shares(N, 4), shares(N, 4)])
    yield Case(
        "binary_cross_entropy_with_logits", bce_logits, F.binary_cross_entropy_with_logits,
        lambda N: [3 * normal(N, 4), shares(N, 4)],
    )  # fmt: skip
    yield Case("softmax", losses.softmax, partial(F.softmax, dim=-1), lambda N: [normal(N, K)])
    yield Case("log_softmax", losses.log_softmax, partial(F.log_softmax, dim=-1), lambda N: [normal(N, K)])
    ce = losses.cross_entropy
    yield Case("cross_entropy", ce, F.cross_entropy, lambda N: [3 * normal(N, K), labels(N)])
    yield Case(
        "cross_entropy of pixels", ce, F.cross_entropy, lambda N: [normal(N, K, 3, 4), labels(N, 3, 4)]
    )
    yield Case(
        "cross_entropy of soft targets", ce, F.cross_entropy, lambda N: [normal(N, K), distributions(N, K)]
    )
    weighted = frozenset({2})
    yield Case(
        "cross_entropy, weighted", ce, their_weighted,
        lambda N: [normal(N, K, 3), labels(N, 3), shares(K)], weighted,
    )  # fmt: skip
    yield Case(
        "cross_entropy of soft targets, weighted", ce, their_weighted,
        lambda N: [normal(N, K), distributions(N, K), shares(K)], weighted,
    )  # fmt: skip
    yield Case("sequence_cross_entropy", losses.sequence_cross_entropy, their_masked, masked)
    yield Case(
        "kl_divergence", losses.kl_divergence, lambda p, q: F.kl_div(q.log(), p, reduction="batchmean"),
        lambda N: [distributions(N, K), distributions(N, K)],
    )  # fmt: skip
    yield Case("hinge", losses.hinge, their_hinge, lambda N: [normal(N, 4), signs(N, 4)], frozenset({1}))
    yield Case(
        "poisson_nll", losses.poisson_nll, partial(F.poisson_nll_loss, log_input=False, eps=0.0),
        lambda N: [5 * shares(N, 4), torch.randint(5, (N, 4)).double()], frozenset({1}),
    )  # fmt: skip
    yield Case("cosine_loss", losses.cosine_loss, their_cosine, lambda N: [normal(N, 4), normal(N, 4)])


def operation_cases() -> Iterator[Case]:
    for stride, padding, dilation in ((1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 2, 2)):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        name = f"conv2d, stride {stride}, padding {padding}, dilation {dilation}"
        yield Case(name, partial(conv2d, **options), partial(F.conv2d, **options), filters)
    grouped = partial(filters, channels=2)
    yield Case("conv2d, 2 groups", partial(conv2d, groups=2), partial(F.conv2d, groups=2), grouped)
    yield Case(
        "conv1x1", conv1x1, lambda x, w, b: F.conv2d(x, w[:, :, None, None], b),
        lambda N: [normal(N, 4, 3, 5), normal(6, 4), normal(6)],
    )  # fmt: skip
    for kernel, stride, padding in ((2, None, 0), (3, 2, 1), (3, 1, 1)):
        options = {"stride": stride, "padding": padding}
        for name, ours, theirs in (("max", max_pool2d, F.max_pool2d), ("avg", avg_pool2d, F.avg_pool2d)):
            yield Case(
                f"{name}_pool2d, kernel {kernel}, stride {stride or kernel}, padding {padding}",
                partial(ours, kernel_size=kernel, **options),
                partial(theirs, kernel_size=kernel, **options), pixels,
            )  # fmt: skip
    for kernel, options in (
        (2, {"stride": 2}),
        (4, {"stride": 2, "padding": 1}),
        (3, {"stride": 2, "padding": 1, "output_padding": 1}),
        (3, {"stride": 1, "padding": 2, "dilation": 2}),
    ):
        described = ", ".join(f"{key} {value}" for key, value in options.items())
        yield Case(
            f"conv_transpose2d, kernel {kernel}, {described}",
            partial(conv_transpose2d, **options), partial(F.conv_transpose2d, **options),
            lambda N, kernel=kernel: [normal(N, 4, 5, 3), normal(4, 6, kernel, kernel), normal(6)],
        )  # fmt: skip
    yield Case(
        "upsample_nearest",
        lambda x: upsample_nearest(x, 3),
        lambda x: F.interpolate(x, scale_factor=3),
        pixels,
    )

    def pooled(N: int) -> list[Tensor]:
        return list(F.max_pool2d(normal(N, 4, 8, 6), 2, return_indices=True))

    def their_unpool(x: Tensor, indices: Tensor) -> Tensor:
        return F.max_unpool2d(x.contiguous(), indices.contiguous(), 2)  # its backward pass wants that

    yield Case("max_unpool2d", partial(max_unpool2d, size=(8, 6)), their_unpool, pooled)


def variants(case: Case) -> Iterator[Case]:
    yield case
    yield replace(case, variant="float32", dtype=torch.float32)
    yield replace(case, variant="batch of 1", N=1)
    yield replace(case, variant="not contiguous", contiguous=False)


# operation, up to the first blank or comma -> what the course calls it
TOPICS = {
    "mse": ["LOSS-02", "LOSS-17"],
    "mae": ["LOSS-03"],
    "huber": ["LOSS-04"],
    "binary_cross_entropy": ["LOSS-05"],
    "binary_cross_entropy_with_logits": ["LOSS-05", "LOSS-17"],
    "softmax": ["LOSS-12"],
    "log_softmax": ["LOSS-12"],
    "cross_entropy": ["LOSS-06", "LOSS-07", "LOSS-13"],
    "sequence_cross_entropy": ["LOSS-16"],
    "kl_divergence": ["LOSS-08"],
    "hinge": ["LOSS-09"],
    "poisson_nll": ["LOSS-10"],
    "cosine_loss": ["LOSS-11"],
    "conv2d": ["CNN-01", "CNN-34"],
    "conv1x1": ["CNN-08"],
    "max_pool2d": ["CNN-02"],
    "avg_pool2d": ["CNN-02"],
    "conv_transpose2d": ["CNN-29"],
    "upsample_nearest": ["CNN-30"],
    "max_unpool2d": ["CNN-30"],
}


def topics(case: Case) -> list[str]:
    return TOPICS[case.operation.split(",")[0].split()[0]]


LOSSES = [variant for case in loss_cases() for variant in variants(case)]
OPERATIONS = [variant for case in operation_cases() for variant in variants(case)]
CASES = LOSSES + OPERATIONS


def measure(case: Case) -> dict[str, float]:
    """The largest absolute deviations, of the result and of each input's gradient."""
    torch.manual_seed(0)
    inputs = [x.to(case.dtype) if x.is_floating_point() else x for x in case.inputs(case.N)]
    if not case.contiguous:
        inputs = [x.transpose(0, -1).contiguous().transpose(0, -1) for x in inputs]
    leaves = {
        number: x.requires_grad_()
        for number, x in enumerate(inputs)
        if x.is_floating_point() and number not in case.fixed
    }
    got, expected = case.ours(*inputs), case.theirs(*inputs)
    cotangent = torch.randn_like(expected)
    gradients = [torch.autograd.grad(result, list(leaves.values()), cotangent) for result in (got, expected)]
    deviations = {}
    names = ["output", *(f"gradient of input {number}" for number in leaves)]
    for name, a, b in zip(names, (got, *gradients[0]), (expected, *gradients[1]), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype, f"{name}: {a.shape} {a.dtype}, {b.shape} {b.dtype}"
        deviations[name] = (a - b).abs().max().item()
    return deviations
