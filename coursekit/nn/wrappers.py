r"""Layers made of recurrent layers: both directions of time, and several layers deep.

Letters: N batch, T time, D input features, H hidden units of one direction. A wrapper is a `SequenceLayer`,
like what it wraps, so wrappers nest: `Stacked([Bidirectional(LSTM(8, 16)), Bidirectional(LSTM(32, 16))])`.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.cells import check_choice

Merge = Literal["concat", "sum", "average", "max", "product"]


class SequenceLayer(nn.Module):
    """A module that is called as `layer(x, state=None, lengths=None) -> (output, last state)`.

    Shapes: x (N, T, `input_size`) -> output (N, T, `output_size`). `lengths`, (N,) integers, says how much
    of each sequence is real: behind its end the output is 0, the last state is that of its last real step,
    and nothing depends on what stands in the padding.
    """

    input_size: int
    output_size: int

    def reset_parameters(self) -> None:
        """Draw new weights."""
        raise NotImplementedError


class BidirectionalState(NamedTuple):
    """Last states of both directions: the forward one has read x_1 to x_T, the backward one x_T to x_1."""

    forward: Any
    backward: Any


def merge_directions(forward: Tensor, backward: Tensor, mode: Merge) -> Tensor:
    """Join the states of both directions: (N, T, H) each -> (N, T, 2H) for "concat", else (N, T, H)."""
    check_choice("mode", mode, Merge)
    if mode == "concat":
        return torch.cat([forward, backward], dim=-1)
    if mode == "sum":
        return forward + backward
    if mode == "average":
        return (forward + backward) / 2
    if mode == "max":
        return torch.maximum(forward, backward)
    return forward * backward


class Bidirectional(SequenceLayer):
    r"""A layer that reads forwards beside one that reads backwards.

    $$\overrightarrow H_t = \phi(X_t W^f_{xh} + \overrightarrow H_{t-1} W^f_{hh} + b^f), \qquad
      \overleftarrow H_t = \phi(X_t W^b_{xh} + \overleftarrow H_{t+1} W^b_{hh} + b^b)$$
    The two states of a position are joined by `merge_directions`, so every position knows the whole sequence.
    `layer` reads forwards; a copy of it, with weights of its own, reads each sequence backwards from its last
    real step.
    Shapes: x (N, T, D) -> output (N, T, 2H) for "concat", else (N, T, H); state `BidirectionalState`.
    Source: Schuster and Paliwal (1997), Bidirectional recurrent neural networks.
    """

    def __init__(self, layer: SequenceLayer, merge: Merge = "concat") -> None:
        super().__init__()
        _check_layer("Bidirectional", layer)
        check_choice("merge", merge, Merge)
        self.merge: Merge = merge
        self.input_size = layer.input_size
        self.output_size = 2 * layer.output_size if merge == "concat" else layer.output_size
        self.forward_layer = layer
        self.backward_layer = deepcopy(layer)
        self.backward_layer.reset_parameters()

    def reset_parameters(self) -> None:
        self.forward_layer.reset_parameters()
        self.backward_layer.reset_parameters()

    def forward(
        self, x: Tensor, state: BidirectionalState | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, BidirectionalState]:
        start = (None, None) if state is None else state
        forward, last_forward = self.forward_layer(x, start[0], lengths)
        backward, last_backward = self.backward_layer(_reverse(x, lengths), start[1], lengths)
        output = merge_directions(forward, _reverse(backward, lengths), self.merge)
        return output, BidirectionalState(last_forward, last_backward)

    def extra_repr(self) -> str:
        return f"merge={self.merge!r}"


class Stacked(SequenceLayer):
    r"""Layers on top of each other, each reading the outputs of the one below.

    $$H^{(l)}_t = \phi(H^{(l-1)}_t W^{(l)}_{xh} + H^{(l)}_{t-1} W^{(l)}_{hh} + b^{(l)}), \qquad H^{(0)} = X$$
    `dropout` zeroes features between layers, anew at each step, as that of `nn.LSTM(num_layers=...)` does.
    Shapes: x (N, T, D) -> output of the last layer; state is a tuple, one state per layer.
    Source: Graves et al. (2013), Speech recognition with deep recurrent neural networks.
    """

    def __init__(self, layers: Sequence[SequenceLayer], dropout: float = 0.0) -> None:
        super().__init__()
        if not layers:
            raise ValueError("Stacked expects at least one layer; got none")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must lie between 0 and 1; got {dropout}")
        for layer in layers:
            _check_layer("Stacked", layer)
        for number, (below, above) in enumerate(zip(layers, layers[1:], strict=False)):
            if below.output_size != above.input_size:
                raise ValueError(
                    f"layer {number + 1} of Stacked expects {above.input_size} features; "
                    f"layer {number}, below it, gives {below.output_size}"
                )
        self.input_size = layers[0].input_size
        self.output_size = layers[-1].output_size
        self.dropout = dropout
        self.layers = nn.ModuleList(layers)

    def reset_parameters(self) -> None:
        for layer in self.layers:
            assert isinstance(layer, SequenceLayer)
            layer.reset_parameters()

    def forward(
        self, x: Tensor, state: Sequence[Any] | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        before = [None] * len(self.layers) if state is None else state
        if len(before) != len(self.layers):
            raise ValueError(f"Stacked expects one state per layer, {len(self.layers)}; got {len(before)}")
        after = []
        for number, (layer, start) in enumerate(zip(self.layers, before, strict=True)):
            if number > 0:
                x = F.dropout(x, self.dropout, self.training)
            x, last = layer(x, start, lengths)
            after.append(last)
        return x, tuple(after)


def _check_layer(wrapper: str, layer: object) -> None:
    if not isinstance(layer, SequenceLayer):
        received = f"{type(layer).__module__}.{type(layer).__name__}"
        raise TypeError(f"{wrapper} wraps layers of coursekit, such as LSTM(8, 16); got {received}")


def _reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each sequence of x (N, T, D) backwards in time; with lengths, only its real part, the padding stays."""
    if lengths is None:
        return x.flip(1)
    time = torch.arange(x.shape[1], device=x.device)  # (T,)
    ends = lengths.to(x.device)[:, None]  # (N, 1)
    source = torch.where(time < ends, ends - 1 - time, time)  # (N, T)
    return x.take_along_dim(source[:, :, None], dim=1)
