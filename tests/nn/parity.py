"""Our recurrent layers and those of `torch.nn` with equal weights: how far apart, and where?

`CASES` lists the comparisons, `measure` makes one. The tests hold every deviation against the tolerance of
its case; `benchmarks/parity.py` writes them all into the record that the book prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from coursekit.nn.recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    BidirectionalState,
    LSTMState,
    SequenceLayer,
    Stacked,
)

MERGES = {
    "concat": lambda a, b: torch.cat([a, b], -1),
    "sum": lambda a, b: a + b,
    "average": lambda a, b: 0.5 * a + 0.5 * b,
    "max": lambda a, b: torch.where(a > b, a, b),
    "product": lambda a, b: a * b,
}


@dataclass(frozen=True)
class Case:
    """One comparison: which layer, what is special about it, and its sizes."""

    layer: str  # "RNN", "RNN relu", "LSTM", "LSTM peephole" (of 0: the plain loop) or "GRU"
    variant: str
    N: int = 3
    T: int = 6
    D: int = 5
    H: int = 4
    dtype: torch.dtype = torch.float64
    lengths: tuple[int, ...] | None = None
    state: bool = True  # start from a given state instead of zeros
    contiguous: bool = True
    training: bool = True
    merge: Any = None  # two directions, merged like this
    depth: int = 1  # layers on top of each other

    @property
    def tolerance(self) -> float:
        return 1e-10 if self.dtype == torch.float64 else 1e-5

    def __str__(self) -> str:
        return f"{self.layer}, {self.variant}"


def variants(layer: str) -> Iterator[Case]:
    lengths = (4, 6, 1)
    yield Case(layer, "float64")
    yield Case(layer, "float32", dtype=torch.float32)
    yield Case(layer, "batch of 1", N=1)
    yield Case(layer, "one step", T=1)
    yield Case(layer, "one feature", D=1)
    yield Case(layer, "one unit", H=1)
    yield Case(layer, "all sizes 1", N=1, T=1, D=1, H=1)
    yield Case(layer, "no initial state", state=False)
    yield Case(layer, "not contiguous", contiguous=False)
    yield Case(layer, "evaluation mode", training=False)
    yield Case(layer, "variable lengths", lengths=lengths)
    yield Case(layer, "variable lengths, float32", lengths=lengths, dtype=torch.float32)
    for merge in MERGES:
        yield Case(layer, f"both directions, {merge}", merge=merge)
    yield Case(layer, "both directions, variable lengths", merge="concat", lengths=lengths)
    yield Case(layer, "two layers", depth=2)
    yield Case(
        layer, "two layers, both directions, variable lengths", depth=2, merge="concat", lengths=lengths
    )


CASES = [case for layer in ("RNN", "RNN relu", "LSTM", "LSTM peephole", "GRU") for case in variants(layer)]


def measure(case: Case) -> dict[str, float]:
    """The largest absolute deviations, of the output, the last states, and the gradient of all that has one.

    Gradients are those of output and last states together, each against a random cotangent.
    """
    torch.manual_seed(0)
    theirs = their_layer(case)
    ours = our_layer(case)
    cells = list(copy_weights(ours, theirs))
    x = torch.randn(case.N, case.T, case.D, dtype=case.dtype)
    if not case.contiguous:
        x = x.transpose(0, 2).contiguous().transpose(0, 2)
    kinds = ("h", "c") if isinstance(theirs, nn.LSTM) else ("h",)
    starts = [torch.randn(len(cells), case.N, case.H, dtype=case.dtype) for _ in kinds] if case.state else []
    leaves = [leaf.requires_grad_() for leaf in (x, *starts)]

    expected = run_theirs(theirs, x, starts, case)
    state = arrange(ours, [iter(start) for start in starts]) if starts else None
    output, last = ours(x, state, None if case.lengths is None else torch.tensor(case.lengths))
    got = [output, *collect(last, len(kinds))]

    twins = [(name, ours_, theirs_) for cell in cells for name, ours_, theirs_ in cell]
    cotangents = [torch.randn_like(tensor) for tensor in expected]
    expected_gradients = torch.autograd.grad(expected, [*leaves, *(twin for _, _, twin in twins)], cotangents)
    gradients = torch.autograd.grad(got, [*leaves, *(twin for _, twin, _ in twins)], cotangents)

    names = [*("output", *kinds), *(f"gradient of {name}" for name in ("x", *kinds[: len(starts)]))]
    names += [f"gradient of {name}" for name, _, _ in twins]
    deviations: dict[str, float] = {}
    for name, a, b in zip(names, [*got, *gradients], [*expected, *expected_gradients], strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype, f"{name}: {a.shape} {a.dtype}, {b.shape} {b.dtype}"
        deviations[name] = max(deviations.get(name, 0.0), (a - b).abs().max().item())
    return deviations


def their_layer(case: Case) -> nn.RNNBase:
    options: dict[str, Any] = {"num_layers": case.depth, "bidirectional": case.merge is not None}
    if case.layer.startswith("RNN"):
        options["nonlinearity"] = "relu" if case.layer == "RNN relu" else "tanh"
    kind = getattr(nn, case.layer.split()[0])
    return kind(case.D, case.H, batch_first=True, dtype=case.dtype, **options).train(case.training)


def our_layer(case: Case) -> SequenceLayer:
    layers: list[SequenceLayer] = []
    for _ in range(case.depth):
        layer = our_cell(case.layer, layers[-1].output_size if layers else case.D, case.H)
        layers.append(Bidirectional(layer, case.merge) if case.merge else layer)
    return (Stacked(layers) if case.depth > 1 else layers[0]).to(case.dtype).train(case.training)


def our_cell(name: str, input_size: int, hidden_size: int) -> SequenceLayer:
    if name == "GRU":
        return GRU(input_size, hidden_size)
    if name.startswith("RNN"):
        return RNN(input_size, hidden_size, "relu" if name == "RNN relu" else "tanh")
    return LSTM(
        input_size, hidden_size, peephole=name == "LSTM peephole"
    )  # the peephole starts at 0: a plain LSTM


def copy_weights(
    ours: SequenceLayer, theirs: nn.RNNBase, suffix: str = "_l0"
) -> Iterator[list[tuple[str, Tensor, Tensor]]]:
    """Give our layer their weights; for each cell inside, in order: (name, our parameter, their twin)."""
    if isinstance(ours, Stacked):
        for number, layer in enumerate(ours.layers):
            yield from copy_weights(layer, theirs, f"_l{number}")
    elif isinstance(ours, Bidirectional):
        yield from copy_weights(ours.forward_layer, theirs, suffix)
        yield from copy_weights(ours.backward_layer, theirs, suffix + "_reverse")
    else:
        twins = []
        for name, parameter in ours.named_parameters():
            if name == "weight_peephole":
                continue
            twin = getattr(theirs, ("bias_ih" if name == "bias" else name) + suffix)
            other = getattr(theirs, "bias_hh" + suffix) if name == "bias" else torch.zeros_like(twin)
            parameter.data = (twin + other).detach()
            twins.append((name, parameter, twin))
        yield twins


def run_theirs(theirs: nn.RNNBase, x: Tensor, starts: list[Tensor], case: Case) -> list[Tensor]:
    """[output, last h (cells, N, H)] and, from an LSTM, last c."""
    state = None if not starts else tuple(starts) if len(starts) > 1 else starts[0]
    if case.lengths is None:
        output, last = theirs(x, state)
    else:
        packed = pack_padded_sequence(x, torch.tensor(case.lengths), batch_first=True, enforce_sorted=False)
        output, last = theirs(packed, state)
        output = pad_packed_sequence(output, batch_first=True, total_length=case.T)[0]
    if case.merge:
        output = MERGES[case.merge](*output.chunk(2, dim=-1))
    return [output, *(last if isinstance(last, tuple) else (last,))]


def arrange(layer: SequenceLayer, parts: list[Iterator[Tensor]]) -> Any:
    """A state for `layer` from one iterator of (N, H) tensors per kind of state, h or h and c."""
    if isinstance(layer, Stacked):
        return tuple(arrange(inner, parts) for inner in layer.layers)
    if isinstance(layer, Bidirectional):
        return BidirectionalState(arrange(layer.forward_layer, parts), arrange(layer.backward_layer, parts))
    state = [next(part) for part in parts]
    return LSTMState(*state) if len(state) > 1 else state[0]


def collect(state: Any, kinds: int) -> list[Tensor]:
    """The way back: a state of any layer -> (cells, N, H) for each kind of state."""

    def cells(state: Any) -> Iterator[tuple[Tensor, ...]]:
        if isinstance(state, LSTMState):
            yield tuple(state)
        elif isinstance(state, Tensor):
            yield (state,)
        else:
            for inner in state:
                yield from cells(inner)

    found = list(cells(state))
    return [torch.stack([cell[kind] for cell in found]) for kind in range(kinds)]
