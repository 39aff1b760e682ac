r"""Recursive networks: one composition, applied over a tree instead of along a row.

Letters: N trees, H features of a node, K classes. A tree is a token or a pair of trees, so that
((3, 1), 4) is a bracketed row of the tokens 3, 1, 4. Nodes of the same height, of all trees together, are
composed in one product: the number of products one after the other is the height of the highest tree,
$\lceil \log_2 T \rceil$ for T leaves in balance and T - 1 in a chain.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.cells import LSTMGates, LSTMState, lstm_update

Tree: TypeAlias = int | tuple["Tree", "Tree"]
Place: TypeAlias = tuple[int, int]  # of a node: its height, and its number among the nodes of that height


class Plan(NamedTuple):
    """Trees as what is to be done, in order."""

    tokens: list[int]  # the leaves of all trees, height 0
    levels: list[list[tuple[Place, Place]]]  # for each node of height 1, 2, ... where its children stand
    roots: list[Place]


def chain_tree(tokens: Sequence[int]) -> Tree:
    """The tree that reads like a loop, from the left: (1, 2, 3, 4) -> (((1, 2), 3), 4)."""
    _check_tokens(tokens)
    tree: Tree = tokens[0]
    for token in tokens[1:]:
        tree = (tree, token)
    return tree


def balanced_tree(tokens: Sequence[int]) -> Tree:
    """The lowest tree, by halves: (1, 2, 3, 4) -> ((1, 2), (3, 4)); an odd token goes to the left."""
    _check_tokens(tokens)
    if len(tokens) == 1:
        return tokens[0]
    middle = (len(tokens) + 1) // 2
    return (balanced_tree(tokens[:middle]), balanced_tree(tokens[middle:]))


def tree_height(tree: Tree) -> int:
    """Compositions on the longest way from a leaf to the root; 0 for a single token."""
    return len(_plan([tree]).levels)


def subtrees(tree: Tree) -> list[Tree]:
    """Every phrase of a tree, itself the last: a pair stands behind its two parts, the left one first."""
    phrases, todo = [], [tree]
    while todo:  # from the root, right before left; then turned round
        node = todo.pop()
        phrases.append(node)
        if isinstance(node, tuple):
            todo += _pair(node)
    return phrases[::-1]


def tree_step(left: Tensor, right: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    r"""Two children become their parent.

    $$p = \tanh(W [c_1; c_2] + b)$$
    With $W = [W_{hh} \,|\, W_{xh}]$ it is `rnn_step`, whose state is the left child and input the right one.
    Shapes: left and right (N, H), weight (H, 2H), bias (H,) -> (N, H).
    Source: Goller and Kuechler (1996), Learning task-dependent distributed representations by
    backpropagation through structure.
    """
    return F.linear(torch.cat([left, right], dim=-1), weight, bias).tanh()


def tree_lstm_step(left: LSTMState, right: LSTMState, weight: Tensor, bias: Tensor) -> LSTMState:
    r"""Two children become their parent, each with a forget gate of its own.

    $$i, f_1, f_2, o = \sigma(W_\bullet [h_1; h_2] + b_\bullet), \qquad g = \tanh(W_g [h_1; h_2] + b_g)$$
    $$c = i \odot g + f_1 \odot c_1 + f_2 \odot c_2, \qquad h = o \odot \tanh(c)$$
    The blocks of the weight stand in the order i, f_1, g, o, f_2. With $c_2 = 0$ the first four are
    `lstm_step`, whose state is the left child and input the right one.
    Shapes: states (N, H) each, weight (5H, 2H), bias (5H,) -> (N, H) each.
    Source: Tai et al. (2015), Improved semantic representations from tree-structured long short-term memory
    networks, the binary case.
    """
    a = F.linear(torch.cat([left.h, right.h], dim=-1), weight, bias)  # (N, 5H)
    i, f_1, g, o, f_2 = a.chunk(5, dim=-1)  # (N, H) each
    first = LSTMGates(i.sigmoid(), f_1.sigmoid(), g.tanh(), o.sigmoid())
    c = lstm_update(first, left.c).c + f_2.sigmoid() * right.c
    return LSTMState(first.o * c.tanh(), c)


class _TreeNetwork(nn.Module):
    """What both networks share: vectors of the leaves, one composition, scores of the root."""

    def __init__(self, vocab_size: int, hidden_size: int, num_classes: int, blocks: int) -> None:
        super().__init__()
        for name, size in (("vocab_size", vocab_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1; got {size}")
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.weight = nn.Parameter(torch.empty(blocks * hidden_size, 2 * hidden_size))
        self.bias = nn.Parameter(torch.zeros(blocks * hidden_size))
        self.head = nn.Linear(hidden_size, num_classes, bias=False)
        nn.init.uniform_(self.weight, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, trees: Sequence[Tree]) -> Tensor:
        scores: Tensor = self.head(self.encode(trees))  # (N, K)
        return scores

    def encode(self, trees: Sequence[Tree]) -> Tensor:
        """The vectors of the roots: (N, H)."""
        if len(trees) == 0:
            raise ValueError("expected at least one tree; got none")
        tokens, levels, roots = _plan(trees)
        size = self.embedding.num_embeddings
        if not 0 <= min(tokens) <= max(tokens) < size:
            raise ValueError(f"expected tokens from 0 to {size - 1}; got {min(tokens)} to {max(tokens)}")
        leaves = self.embedding(torch.tensor(tokens, device=self.weight.device))
        nodes = [self._leaf(leaves).unbind()]  # by height, then by number
        for pairs in levels:
            left, right = (
                torch.stack([nodes[height][number] for height, number in side])
                for side in zip(*pairs, strict=True)
            )
            nodes.append(self._compose(left, right).unbind())
        return self._shown(torch.stack([nodes[height][number] for height, number in roots]))

    def _leaf(self, vectors: Tensor) -> Tensor:
        """Vectors of tokens (N, H) -> what is kept of a node, here and below: the same or more, (N, ...)."""
        return vectors

    def _compose(self, left: Tensor, right: Tensor) -> Tensor:
        raise NotImplementedError

    def _shown(self, nodes: Tensor) -> Tensor:
        """What is kept of nodes -> their vectors (N, H)."""
        return nodes


class TreeRNN(_TreeNetwork):
    r"""A recursive network: leaves are embedded tokens, parents come from `tree_step`, the root is scored.

    $$p = \tanh(W [c_1; c_2] + b), \qquad s = u^\top p$$
    with one u for each of `num_classes`. On a chain it is a plain recurrent network that starts from the
    first token's vector. For scores of all phrases: `model(subtrees(tree))`.
    Parameters: $V H + H (2H + 1) + K H$ for V tokens.
    Shapes: N trees -> (N, K); `encode` gives the roots' vectors (N, H). Raises `ValueError` or `TypeError`
    for what is not a tree of tokens from 0 to V - 1.
    Source: Goller and Kuechler (1996); for sentiment, Socher et al. (2013), Recursive deep models for
    semantic compositionality over a sentiment treebank.
    """

    def __init__(self, vocab_size: int, hidden_size: int, num_classes: int = 1) -> None:
        super().__init__(vocab_size, hidden_size, num_classes, blocks=1)

    def _compose(self, left: Tensor, right: Tensor) -> Tensor:
        return tree_step(left, right, self.weight, self.bias)


class TreeLSTM(_TreeNetwork):
    r"""A recursive network with memory: parents come from `tree_lstm_step`, the root's h is scored.

    Parameters: $V H + 5H (2H + 1) + K H$ for V tokens. Both forget biases start at 1. Shapes, errors: as
    `TreeRNN`.
    Source: Tai et al. (2015). Differs from it: a leaf is h = its vector and c = 0, so that a chain is an LSTM
    that starts from the first token's vector; there a leaf passes through gates of its own.
    """

    def __init__(self, vocab_size: int, hidden_size: int, num_classes: int = 1) -> None:
        super().__init__(vocab_size, hidden_size, num_classes, blocks=5)
        with torch.no_grad():
            self.bias.view(5, -1)[[1, 4]] = 1.0

    def _leaf(self, vectors: Tensor) -> Tensor:
        return torch.stack([vectors, torch.zeros_like(vectors)], dim=1)  # (N, 2, H), h and c

    def _compose(self, left: Tensor, right: Tensor) -> Tensor:
        first, second = (LSTMState(*side.unbind(dim=1)) for side in (left, right))  # (N, H) each
        return torch.stack(tree_lstm_step(first, second, self.weight, self.bias), dim=1)  # (N, 2, H)

    def _shown(self, nodes: Tensor) -> Tensor:
        return nodes[:, 0]


def _plan(trees: Sequence[Tree]) -> Plan:
    """Children before parents, by height. Without recursion, which would end at a chain of a thousand."""
    plan = Plan([], [], [])
    for tree in trees:
        done: list[Place] = []
        todo = [(tree, False)]
        while todo:
            node, children_done = todo.pop()
            if children_done:
                right, left = done.pop(), done.pop()
                height = 1 + max(left[0], right[0])
                if height > len(plan.levels):
                    plan.levels.append([])
                plan.levels[height - 1].append((left, right))
                done.append((height, len(plan.levels[height - 1]) - 1))
            elif isinstance(node, tuple):
                first, second = _pair(node)
                todo += [(node, True), (second, False), (first, False)]
            elif isinstance(node, int):
                plan.tokens.append(node)
                done.append((0, len(plan.tokens) - 1))
            else:
                raise TypeError(f"a tree is a token or a pair of trees; got {type(node).__name__}")
        plan.roots.extend(done)
    return plan


def _pair(node: tuple[Tree, ...]) -> tuple[Tree, Tree]:
    if len(node) != 2:
        raise ValueError(f"a tree is a token or a pair of trees; got a tuple of {len(node)}")
    return node[0], node[1]


def _check_tokens(tokens: Sequence[int]) -> None:
    if len(tokens) == 0:
        raise ValueError("expected at least one token; got none")
