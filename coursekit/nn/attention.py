r"""Attention over states: which steps of a sequence answer a question, and what they say together.

Letters: N batch, T time, H features of a state, Q features of a query, A units of the additive score. `mask`,
(N, T), is True where a step is real.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.cells import check_choice

Score = Literal["additive", "dot"]


class Attended(NamedTuple):
    """What was found, and where."""

    context: Tensor  # (N, H) mean of the states by their weights
    weights: Tensor  # (N, T) from 0 to 1 with sum 1; 0 in the padding


def dot_score(states: Tensor, query: Tensor) -> Tensor:
    r"""How well each state fits the query: $s(h_t, q) = h_t^\top q$.

    Shapes: states (N, T, H), query (N, H) -> (N, T).
    Source: Luong et al. (2015), Effective approaches to attention-based neural machine translation.
    """
    return torch.einsum("nth,nh->nt", states, query)


def additive_score(
    states: Tensor,
    query: Tensor | None,
    weight_states: Tensor,
    weight_query: Tensor | None,
    bias: Tensor,
    vector: Tensor,
) -> Tensor:
    r"""How well each state fits the query, judged by a small network.

    $$s(h_t, q) = v^\top \tanh(W_h h_t + W_q q + b)$$
    State and query may differ in size. Without a query, both arguments None, $b$ and $v$ alone say what is
    looked for.
    Shapes: states (N, T, H), query (N, Q), weight_states (A, H), weight_query (A, Q), bias and vector (A,)
    -> (N, T).
    Source: Bahdanau et al. (2015), Neural machine translation by jointly learning to align and translate.
    """
    a = F.linear(states, weight_states, bias)  # (N, T, A)
    if query is not None and weight_query is not None:
        a = a + F.linear(query, weight_query)[:, None]
    return a.tanh() @ vector


def attend(scores: Tensor, states: Tensor, mask: Tensor | None = None) -> Attended:
    r"""From scores to weights, from weights to a context.

    $$\alpha_t = \frac{e^{s_t}}{\sum_k e^{s_k}}, \qquad \bar h = \sum_t \alpha_t h_t$$
    where both sums run over real steps only: a score of $-\infty$ in the padding, before the softmax, does
    it. Zeroing weights after the softmax would leave a sum below 1.
    Shapes: scores (N, T), states (N, T, H), finite in the padding too, mask (N, T) or None -> (N, H), (N, T).
    Raises `ValueError` for a mask of another shape or type, or without a real step in some row.
    """
    if mask is not None:
        _check_mask(mask, scores.shape)
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(dim=1)  # (N, T)
    return Attended(torch.einsum("nt,nth->nh", weights, states), weights)


class Attention(nn.Module):
    r"""Look at all states of a sequence with a query, and take home their weighted mean.

    $$\alpha_t = \mathrm{softmax}_t\, s(h_t, q), \qquad \bar h = \sum_t \alpha_t h_t$$
    with s one of `additive_score`, of `units` tanh units, H if not said, and `dot_score`, which learns
    nothing and wants Q = H. With `query_size=None` the module asks one learned question of all sequences, q
    itself or, in the additive score, $b$ and $v$: a summary that chooses.
    Parameters: additive $A(H + Q + 2)$, without a query $A(H + 2)$; dot 0, without a query H.
    Shapes: states (N, T, H), query (N, Q), mask (N, T) -> context (N, H), weights (N, T).
    Source: Bahdanau et al. (2015); learned question, Yang et al. (2016), Hierarchical attention networks.
    """

    def __init__(
        self, state_size: int, query_size: int | None, score: Score = "additive", units: int | None = None
    ) -> None:
        super().__init__()
        check_choice("score", score, Score)
        if score == "dot" and query_size not in (None, state_size):
            raise ValueError(
                f"a dot score expects a query of the states' size {state_size}; got {query_size}"
            )
        if score == "dot" and units is not None:
            raise ValueError(f"a dot score has no units of its own; got units={units}")
        self.state_size = state_size
        self.query_size = query_size
        self.score: Score = score
        if score == "additive":
            units = state_size if units is None else units
            self.weight_states = nn.Parameter(torch.empty(units, state_size))
            self.weight_query = None if query_size is None else nn.Parameter(torch.empty(units, query_size))
            self.bias = nn.Parameter(torch.empty(units))
            self.vector = nn.Parameter(torch.empty(units))
        elif query_size is None:
            self.query = nn.Parameter(torch.empty(state_size))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Each weight uniform in +-1/sqrt(of the features it reads), the bias 0."""
        for name, parameter in self.named_parameters():
            bound = 0.0 if name == "bias" else parameter.shape[-1] ** -0.5
            parameter.uniform_(-bound, bound)

    def extra_repr(self) -> str:
        return f"{self.state_size}, {self.query_size}, score={self.score!r}"

    def forward(self, states: Tensor, query: Tensor | None = None, mask: Tensor | None = None) -> Attended:
        if states.ndim != 3 or states.shape[2] != self.state_size or states.shape[1] == 0:
            raise ValueError(
                f"Attention expects states (N, T, {self.state_size}) with T at least 1; "
                f"got {tuple(states.shape)}"
            )
        expected = None if self.query_size is None else (len(states), self.query_size)
        received = None if query is None else tuple(query.shape)
        if received != expected:
            raise ValueError(f"Attention expects a query of shape {expected}; got {received}")
        if mask is not None:
            _check_mask(mask, states.shape[:2])
            states = states.masked_fill(~mask[:, :, None], 0)  # 0 times what stands there might be NaN
        if self.score == "additive":
            scores = additive_score(
                states, query, self.weight_states, self.weight_query, self.bias, self.vector
            )
        else:
            scores = dot_score(states, self.query.expand(len(states), -1) if query is None else query)
        return attend(scores, states, mask)


def _check_mask(mask: Tensor, shape: torch.Size) -> None:
    if mask.shape != shape or mask.dtype != torch.bool:
        raise ValueError(
            f"expected a mask of booleans of shape {tuple(shape)}; "
            f"got {mask.dtype} of shape {tuple(mask.shape)}"
        )
    if not mask.is_meta and not mask.any(dim=1).all():
        row = int((~mask.any(dim=1)).nonzero()[0])
        raise ValueError(f"expected a mask with a real step in every row; got none in row {row}")
