"""Recursive networks: a chain is a loop, a balanced tree is low, and brackets carry meaning."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.cells import LSTMState
from coursekit.nn.recursive import (
    Tree,
    TreeLSTM,
    TreeRNN,
    balanced_tree,
    chain_tree,
    subtrees,
    tree_height,
    tree_lstm_step,
    tree_step,
)

pytestmark = pytest.mark.topic("RNN-29")
V = 11


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=[TreeRNN, TreeLSTM])
def network(request: pytest.FixtureRequest) -> type[TreeRNN | TreeLSTM]:
    return request.param


def random_tree(tokens: list[int], rng: random.Random) -> Tree:
    if len(tokens) == 1:
        return tokens[0]
    cut = rng.randint(1, len(tokens) - 1)
    return (random_tree(tokens[:cut], rng), random_tree(tokens[cut:], rng))


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_chain_is_a_recurrent_network(network: type[TreeRNN | TreeLSTM], steps: int) -> None:
    """torch.nn's, started from the first token: the same vectors, scores and gradients."""
    H, tokens = 5, torch.randint(V, (3, steps + 1))
    ours = network(V, H, num_classes=2).double()
    with torch.no_grad():
        ours.bias.normal_()
    kind = nn.RNN if network is TreeRNN else nn.LSTM
    theirs, rows = kind(H, H, batch_first=True, dtype=torch.float64), H if network is TreeRNN else 4 * H
    theirs.load_state_dict(
        {
            "weight_hh_l0": ours.weight[:rows, :H],
            "weight_ih_l0": ours.weight[:rows, H:],
            "bias_ih_l0": ours.bias[:rows],
            "bias_hh_l0": torch.zeros(rows),
        }
    )
    table = ours.embedding.weight.detach().clone().requires_grad_()
    vectors = table[tokens]  # (3, steps + 1, H)
    first = vectors[None, :, 0]
    start = first if network is TreeRNN else (first, torch.zeros_like(first))
    expected = theirs(vectors[:, 1:], start)[0][:, -1]
    trees = [chain_tree(row) for row in tokens.tolist()]
    got = ours.encode(trees)
    assert_close(got, expected, atol=1e-10, rtol=0)
    assert_close(ours(trees), expected @ ours.head.weight.T, atol=1e-10, rtol=0)
    cotangent = torch.randn_like(got)
    weight, bias, embedding = torch.autograd.grad(
        got, [ours.weight, ours.bias, ours.embedding.weight], cotangent
    )
    hh, ih, b, vectors_grad = torch.autograd.grad(
        expected, [theirs.weight_hh_l0, theirs.weight_ih_l0, theirs.bias_ih_l0, table], cotangent
    )
    assert_close(weight[:rows], torch.cat([hh, ih], dim=1), atol=1e-10, rtol=0)
    assert_close(bias[:rows], b, atol=1e-10, rtol=0)
    assert_close(embedding, vectors_grad, atol=1e-10, rtol=0)


def test_trees_of_all_forms_at_once_equal_each_by_recursion(network: type[TreeRNN | TreeLSTM]) -> None:
    model, rng = network(V, 4, num_classes=3).double(), random.Random(0)
    with torch.no_grad():
        model.bias.normal_()
    trees = [random_tree([rng.randrange(V) for _ in range(length)], rng) for length in (1, 2, 3, 5, 8, 13, 1)]

    def by_recursion(tree: Tree) -> LSTMState:
        if isinstance(tree, int):
            vector = model.embedding.weight[tree][None]
            return LSTMState(vector, torch.zeros_like(vector))
        left, right = map(by_recursion, tree)
        if isinstance(model, TreeRNN):
            joined = torch.cat([left.h, right.h], dim=1)
            return LSTMState(torch.tanh(joined @ model.weight.T + model.bias), left.c)
        a = torch.cat([left.h, right.h], dim=1) @ model.weight.T + model.bias
        i, f_1, g, o, f_2 = a.view(5, 4)
        c = i.sigmoid() * g.tanh() + f_1.sigmoid() * left.c + f_2.sigmoid() * right.c
        return LSTMState(o.sigmoid() * c.tanh(), c)

    expected = torch.cat([by_recursion(tree).h for tree in trees])
    assert_close(model.encode(trees), expected)
    assert_close(model(trees), expected @ model.head.weight.T)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 9, 16, 31, 32, 33])
def test_a_balanced_tree_is_as_high_as_the_logarithm(length: int) -> None:
    tokens = list(range(length))
    balanced, chain = balanced_tree(tokens), chain_tree(tokens)
    assert tree_height(balanced) == math.ceil(math.log2(length)) and tree_height(chain) == length - 1
    for tree in (balanced, chain):
        assert [node for node in subtrees(tree) if isinstance(node, int)] == tokens
        assert len(subtrees(tree)) == 2 * length - 1


def test_as_many_products_as_the_highest_tree_is_high(monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes = TreeRNN(V, 4), []
    compose = model._compose

    def counted(left: Tensor, right: Tensor) -> Tensor:
        sizes.append(len(left))
        return compose(left, right)

    monkeypatch.setattr(model, "_compose", counted)
    model([balanced_tree([1] * 16), balanced_tree([2] * 16)])
    assert sizes == [16, 8, 4, 2]
    sizes.clear()
    model([chain_tree([1] * 5), 3, (1, 2)])
    assert sizes == [2, 1, 1, 1]


def test_small_trees_written_out() -> None:
    assert chain_tree([1, 2, 3, 4]) == (((1, 2), 3), 4)
    assert balanced_tree([1, 2, 3, 4, 5]) == (((1, 2), 3), (4, 5))
    assert subtrees((((1, 2), 3), (4, 5))) == [
        1, 2, (1, 2), 3, ((1, 2), 3), 4, 5, (4, 5), (((1, 2), 3), (4, 5))
    ]  # fmt: skip
    assert subtrees(7) == [7] and tree_height(7) == 0


def test_a_chain_of_thousands_needs_no_recursion(network: type[TreeRNN | TreeLSTM]) -> None:
    model, tree = network(V, 4), chain_tree([n % V for n in range(1500)])
    assert tree_height(tree) == 1499 and len(subtrees(tree)) == 2999
    model([tree]).sum().backward()
    assert model.weight.grad.isfinite().all() and model.weight.grad.any()


def test_brackets_and_sides_matter(network: type[TreeRNN | TreeLSTM]) -> None:
    model = network(V, 4)
    with torch.no_grad():
        scores = model([((1, 2), 3), (1, (2, 3)), ((2, 1), 3), (3, (1, 2))])[:, 0]
    assert torch.pdist(scores[:, None]).min() > 1e-4


def test_gradients_of_both_steps() -> None:
    a, b = torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True)
    weight, bias = torch.randn(3, 6).double().requires_grad_(), torch.randn(3).double().requires_grad_()
    assert torch.autograd.gradcheck(tree_step, (a, b, weight, bias))
    weight, bias = torch.randn(15, 6).double().requires_grad_(), torch.randn(15).double().requires_grad_()

    def step(h_1: Tensor, h_2: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(tree_lstm_step(LSTMState(h_1, 2 * h_2), LSTMState(h_2, h_1 - 1), weight, bias))

    assert torch.autograd.gradcheck(step, (a, b, weight, bias))


@pytest.mark.parametrize(("open_gate", "side"), [(1, "left"), (4, "right")])
def test_a_parent_may_remember_one_child_and_forget_the_other(open_gate: int, side: str) -> None:
    children = {name: LSTMState(torch.zeros(2, 3), torch.randn(2, 3)) for name in ("left", "right")}
    bias = torch.full((5, 3), -50.0)
    bias[open_gate] = 50.0
    parent = tree_lstm_step(*children.values(), torch.zeros(15, 6), bias.flatten())
    assert torch.equal(parent.c, children[side].c)


def test_a_network_learns_what_brackets_mean(network: type[TreeRNN | TreeLSTM]) -> None:
    """Implication: 0 -> (0 -> 0) is true and (0 -> 0) -> 0 false, with the same tokens in the same order."""

    def value(tree: Tree) -> int:
        return tree if isinstance(tree, int) else int(value(tree[0]) <= value(tree[1]))

    def shapes(leaves: int) -> list[Callable[[list[int]], Tree]]:
        if leaves == 1:
            return [lambda tokens: tokens[0]]
        return [
            lambda tokens, cut=cut, first=first, second=second: (first(tokens[:cut]), second(tokens[cut:]))
            for cut in range(1, leaves)
            for first in shapes(cut)
            for second in shapes(leaves - cut)
        ]

    def all_trees(leaves: int) -> list[Tree]:
        rows = [list(row) for row in product((0, 1), repeat=leaves)]
        return [shape(row) for shape in shapes(leaves) for row in rows]

    train = [tree for leaves in (1, 2, 3, 4) for tree in all_trees(leaves)]
    model, targets = network(2, 8), torch.tensor([[float(value(tree))] for tree in train])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        loss = nn.functional.binary_cross_entropy_with_logits(model(train), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    longer = all_trees(5)  # 14 forms, 32 rows each
    right = (model(longer)[:, 0] > 0) == torch.tensor([value(tree) == 1 for tree in longer])
    assert loss < 0.05 and right.double().mean() > 0.95


def test_parameter_counts() -> None:
    for model, blocks in ((TreeRNN(100, 25, 5), 1), (TreeLSTM(100, 25, 5), 5)):
        parts = {name: parameter.numel() for name, parameter in model.named_parameters()}
        assert parts == {
            "embedding.weight": 2500,
            "weight": blocks * 25 * 50,
            "bias": blocks * 25,
            "head.weight": 125,
        }
    assert torch.equal(TreeLSTM(100, 2).bias, torch.tensor([0.0, 0, 1, 1, 0, 0, 0, 0, 1, 1]))


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: TreeRNN(0, 4), ValueError, "vocab_size must be at least 1; got 0"),
        (lambda: TreeLSTM(4, 0), ValueError, "hidden_size must be at least 1; got 0"),
        (lambda: TreeRNN(V, 4)([]), ValueError, "at least one tree; got none"),
        (lambda: TreeRNN(V, 4)([(1, 2, 3)]), ValueError, "a pair of trees; got a tuple of 3"),
        (lambda: TreeRNN(V, 4)([()]), ValueError, "a pair of trees; got a tuple of 0"),
        (lambda: TreeRNN(V, 4)([[1, 2]]), TypeError, "a pair of trees; got list"),
        (lambda: TreeRNN(V, 4)([(1, "good")]), TypeError, "a pair of trees; got str"),
        (lambda: TreeRNN(V, 4)([(1, V)]), ValueError, "tokens from 0 to 10; got 1 to 11"),
        (lambda: TreeRNN(V, 4)([(1, -1)]), ValueError, "tokens from 0 to 10; got -1 to 1"),
        (lambda: chain_tree([]), ValueError, "at least one token; got none"),
        (lambda: balanced_tree([]), ValueError, "at least one token; got none"),
        (lambda: subtrees((1, (2,))), ValueError, "a pair of trees; got a tuple of 1"),
    ],
)
def test_errors_say_what_was_expected_and_received(
    call: Callable[[], object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        call()
