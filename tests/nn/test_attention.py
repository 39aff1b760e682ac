"""Attention over states: against PyTorch and the written-out equation, blind to padding, able to find."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.attention import Attention, additive_score, attend, dot_score

pytestmark = pytest.mark.topic("RNN-65")
MODULES = {
    "additive": lambda: Attention(4, 3),
    "additive, 5 units": lambda: Attention(4, 3, units=5),
    "additive, learned question": lambda: Attention(4, None),
    "dot": lambda: Attention(4, 4, score="dot"),
    "dot, learned question": lambda: Attention(4, None, score="dot"),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> Attention:
    return MODULES[request.param]().double()


def query_for(module: Attention, n: int) -> Tensor | None:
    return None if module.query_size is None else torch.randn(n, module.query_size, dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("sizes", [(3, 6, 4), (1, 6, 4), (3, 1, 4), (3, 6, 1)])
def test_dot_attention_equals_torch(sizes: tuple[int, int, int], dtype: torch.dtype) -> None:
    states = torch.randn(*sizes, dtype=dtype, requires_grad=True)
    query = torch.randn(sizes[0], sizes[2], dtype=dtype, requires_grad=True)
    mask = torch.rand(*sizes[:2]) < 0.5
    mask[:, -1] = True
    got = attend(dot_score(states, query), states, mask).context
    expected = F.scaled_dot_product_attention(
        query[:, None], states, states, attn_mask=mask[:, None], scale=1.0
    )[:, 0]
    cotangent = torch.randn_like(got)
    tolerance = {"atol": 1e-10, "rtol": 0} if dtype == torch.float64 else {"atol": 1e-5, "rtol": 0}
    assert_close(got, expected, **tolerance)
    for ours, theirs in zip(
        torch.autograd.grad(got, (states, query), cotangent),
        torch.autograd.grad(expected, (states, query), cotangent),
        strict=True,
    ):
        assert_close(ours, theirs, **tolerance)


def test_additive_score_entry_by_entry() -> None:
    states, query = torch.randn(2, 5, 4).double(), torch.randn(2, 3).double()
    module = Attention(4, 3, units=6).double()
    with torch.no_grad():
        module.bias.normal_()
    scores = additive_score(
        states, query, module.weight_states, module.weight_query, module.bias, module.vector
    )
    for n in range(2):
        for t in range(5):
            a = module.weight_states @ states[n, t] + module.weight_query @ query[n] + module.bias
            assert_close(scores[n, t], module.vector @ a.tanh())
    context, weights = module(states, query)
    assert_close(weights, scores.exp() / scores.exp().sum(dim=1, keepdim=True))
    assert_close(context, sum(weights[:, t, None] * states[:, t] for t in range(5)))


def test_three_steps_by_hand() -> None:
    states = torch.tensor([[[0.0, 1.0], [2.0, 0.0], [0.0, 3.0]]])
    scores = torch.tensor([[0.0, 2.0, 1.0]]).log()  # weights 0, 2/3, 1/3
    context, weights = attend(scores, states)
    assert_close(weights, torch.tensor([[0.0, 2 / 3, 1 / 3]]))
    assert_close(context, torch.tensor([[4 / 3, 1.0]]))
    context, weights = attend(scores, states, torch.tensor([[True, False, True]]))
    assert_close(weights, torch.tensor([[0.0, 0.0, 1.0]]))
    assert_close(context, torch.tensor([[0.0, 3.0]]))


@pytest.mark.parametrize("junk", [7.0, torch.inf, torch.nan])
def test_padding_has_no_weight_no_voice_and_no_gradient(module: Attention, junk: float) -> None:
    states, query = torch.randn(3, 6, 4).double(), query_for(module, 3)
    mask = torch.arange(6) < torch.tensor([[6], [4], [1]])
    padded = states.masked_fill(~mask[..., None], junk).requires_grad_()
    context, weights = module(padded, query, mask)
    assert (weights[~mask] == 0).all()
    assert_close(weights.sum(dim=1), torch.ones(3).double())
    for n, length in enumerate((6, 4, 1)):
        alone = module(states[n : n + 1, :length], None if query is None else query[n : n + 1])
        assert_close(context[n], alone.context[0])
    gradients = torch.autograd.grad(context.square().sum(), [padded, *module.parameters()], allow_unused=True)
    assert (gradients[0][~mask] == 0).all() and gradients[0][mask].any()
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


def test_the_order_of_states_does_not_matter(module: Attention) -> None:
    states, query, order = torch.randn(2, 6, 4).double(), query_for(module, 2), torch.randperm(6)
    there, shuffled = module(states, query), module(states[:, order], query)
    assert_close(shuffled.context, there.context)
    assert_close(shuffled.weights, there.weights[:, order])


def test_from_the_mean_to_a_single_state() -> None:
    states, scores = torch.randn(2, 6, 4), torch.randn(2, 6)
    assert_close(attend(torch.zeros(2, 6), states).context, states.mean(dim=1))
    best = states[torch.arange(2), scores.argmax(dim=1)]
    assert_close(attend(1e6 * scores, states).context, best)  # no overflow either
    assert_close(attend(scores + 1e3, states).weights, attend(scores, states).weights, atol=1e-4, rtol=0)


def test_gradients_of_the_whole_module(module: Attention) -> None:
    states = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    query, mask = query_for(module, 2), torch.tensor([[True, True, True], [True, True, False]])
    assert torch.autograd.gradcheck(lambda states: module(states, query, mask), states)
    loss = module(states, query, mask).context.square().sum()
    assert all(gradient.any() for gradient in torch.autograd.grad(loss, [*module.parameters(), states]))


@pytest.mark.parametrize(
    ("module", "count"),
    [
        (Attention(4, 3), 4 * (4 + 3 + 2)),
        (Attention(4, 3, units=6), 6 * (4 + 3 + 2)),
        (Attention(4, None), 4 * (4 + 2)),
        (Attention(4, 4, score="dot"), 0),
        (Attention(4, None, score="dot"), 4),
    ],
)
def test_parameter_counts(module: Attention, count: int) -> None:
    assert sum(parameter.numel() for parameter in module.parameters()) == count


def test_attention_learns_which_step_is_meant() -> None:
    """A state is a mark and a value; only the marked value is asked for, and the mean of all does not do."""
    module, head = Attention(3, None), nn.Linear(3, 1)
    optimizer = torch.optim.Adam([*module.parameters(), *head.parameters()], lr=0.05)

    def draw() -> tuple[Tensor, Tensor]:
        states = torch.randn(64, 8, 3)
        marked = F.one_hot(torch.randint(8, (64,)), 8)
        states[..., 0] = marked
        return states, marked

    for _ in range(200):
        states, marked = draw()
        loss = F.mse_loss(head(module(states).context)[:, 0], (marked * states[..., 1]).sum(dim=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    states, marked = draw()
    assert loss < 0.05  # always answering 0 costs 1
    assert (marked * module(states).weights).sum(dim=1).min() > 0.8


STATES, QUERY = torch.zeros(2, 3, 4), torch.zeros(2, 5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Attention(4, 5, score="cosine"), "score must be one of 'additive', 'dot'; got 'cosine'"),
        (lambda: Attention(4, 5, score="dot"), "query of the states' size 4; got 5"),
        (lambda: Attention(4, 4, score="dot", units=3), "no units of its own; got units=3"),
        (lambda: Attention(4, 5)(STATES[0], QUERY), r"states \(N, T, 4\) .*; got \(3, 4\)"),
        (lambda: Attention(4, 5)(STATES[:, :0], QUERY), r"T at least 1; got \(2, 0, 4\)"),
        (lambda: Attention(4, 5)(STATES), r"a query of shape \(2, 5\); got None"),
        (lambda: Attention(4, 5)(STATES, QUERY[:1]), r"a query of shape \(2, 5\); got \(1, 5\)"),
        (lambda: Attention(4, None)(STATES, QUERY), r"a query of shape None; got \(2, 5\)"),
        (
            lambda: Attention(4, None)(STATES, mask=torch.ones(2, 3)),
            r"a mask of booleans of shape \(2, 3\); got torch.float32 of shape \(2, 3\)",
        ),
        (
            lambda: Attention(4, None)(STATES, mask=torch.ones(2, 4, dtype=torch.bool)),
            r"of shape \(2, 3\); got torch.bool of shape \(2, 4\)",
        ),
        (
            lambda: Attention(4, None)(STATES, mask=torch.tensor([[True] * 3, [False] * 3])),
            "a real step in every row; got none in row 1",
        ),
    ],
)
def test_errors_say_what_was_expected_and_received(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
