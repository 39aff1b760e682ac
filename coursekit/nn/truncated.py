"""Truncated backpropagation through time: a long sequence is read in windows, and errors stay in theirs.

Letters: N batch, T time, D input features, H hidden units, k steps of a window.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor

from coursekit.nn.wrappers import Bidirectional, SequenceLayer


class Window(NamedTuple):
    """What a layer says along one window, and the state from which the next window starts."""

    output: Tensor  # (N, k, H), the last window of a sequence may be shorter
    state: Any  # the layer's own, still part of this window's graph


def truncated_bptt(layer: SequenceLayer, x: Tensor, window: int, state: Any = None) -> Iterator[Window]:
    r"""Read x (N, T, D) in windows of k = `window` steps; the state passes from each to the next, cut loose.

    $$\frac{\partial L_t}{\partial W} \approx \sum_{j=s}^{t} \frac{\partial L_t}{\partial h_t}
      \frac{\partial h_t}{\partial h_j} \frac{\partial^+ h_j}{\partial W}$$
    where s is the first step of t's window and $\partial^+$ holds $h_{j-1}$ fixed; the whole sum begins at
    j = 1. Values are those of `layer(x, state)`, and with $k \ge T$ so are the gradients. With a shorter
    window the last step of each is trained on what happened up to k - 1 steps before it, the first on itself
    alone. The state still carries what is older, but no error teaches the layer to store it.

    A caller who goes backward on each window as it comes keeps activations of k steps instead of T; one who
    adds up the losses first gets the same gradients and saves nothing. The steps to compute are T either way.
    The layer must read forwards only, and sequences have no padding. A given `state` is cut off as well.
    Raises `ValueError` for a window below 1 or a layer that reads backwards, at the call.
    Source: Williams and Peng (1990), An efficient gradient-based algorithm. There the window moves by single
    steps, so that every step reaches back equally far; ours moves by its own length, as is usual.
    """
    if window < 1:
        raise ValueError(f"window must be at least 1 step; got {window}")
    if any(isinstance(part, Bidirectional) for part in layer.modules()):
        raise ValueError("layer must read forwards only; got one with Bidirectional, which needs the whole x")
    return _windows(layer, x, window, state)


def _windows(layer: SequenceLayer, x: Tensor, window: int, state: Any) -> Iterator[Window]:
    for part in x.split(window, dim=1):  # (N, k, D)
        output, state = layer(part, _detached(state))
        yield Window(output, state)


def _detached(state: Any) -> Any:
    """The same state, a tensor, None or tuples of these, without the graph that led to it."""
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, tuple):
        parts = [_detached(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state
