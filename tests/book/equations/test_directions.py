"""The equations of directions, depth and trees, written out plainly, against the package and PyTorch.

Examples are rows, as on the page: X (N, D), W_xh (D, H), W_hh (H, H).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from coursekit.nn.recurrent import GRU, LSTM, RNN, Bidirectional, SequenceLayer, Stacked, merge_directions
from coursekit.nn.recursive import TreeRNN, tree_step

N, T, D, H, Q = 3, 6, 5, 4, 2  # all different, so that a transposed matrix cannot pass
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


class BothWays:
    """A package layer and PyTorch's, with the weights of the page's two equations."""

    def __init__(self) -> None:
        self.x = normal(N, T, D)
        self.forward, self.backward = ((normal(D, H), normal(H, H), normal(H)) for _ in range(2))
        self.ours = Bidirectional(RNN(D, H)).double()
        self.theirs = nn.RNN(D, H, batch_first=True, bidirectional=True, dtype=torch.float64)
        for layer, end, (W_xh, W_hh, b) in (
            (self.ours.forward_layer, "l0", self.forward),
            (self.ours.backward_layer, "l0_reverse", self.backward),
        ):
            layer.load_state_dict({"weight_ih": W_xh.T, "weight_hh": W_hh.T, "bias": b})
            for name, value in zip(WEIGHTS, (W_xh.T, W_hh.T, b, torch.zeros(H)), strict=True):
                getattr(self.theirs, f"{name}_{end}").data = value.double()

    def states(self, steps: range, weights: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """One recurrence over the positions in this order, written where they belong: (N, T, H)."""
        W_xh, W_hh, b = weights
        state, states = torch.zeros(N, H, dtype=torch.float64), torch.empty(N, T, H, dtype=torch.float64)
        for t in steps:
            state = torch.tanh(self.x[:, t] @ W_xh + state @ W_hh + b)
            states[:, t] = state
        return states


@pytest.mark.topic("RNN-24")
def test_eq_birnn_forward() -> None:
    both = BothWays()
    plain = both.states(range(T), both.forward)
    close(both.ours(both.x)[0][:, :, :H], plain)
    close(both.theirs(both.x)[0][:, :, :H], plain)


@pytest.mark.topic("RNN-24")
def test_eq_birnn_backward() -> None:
    """State t + 1 comes before state t, and stands at its own position (ERR-66)."""
    both = BothWays()
    plain = both.states(range(T - 1, -1, -1), both.backward)
    close(both.ours(both.x)[0][:, :, H:], plain)
    close(both.theirs(both.x)[0][:, :, H:], plain)


@pytest.mark.topic("RNN-24", "RNN-25")
def test_eq_birnn_output() -> None:
    both, W_hq, b_q = BothWays(), normal(2 * H, Q), normal(Q)
    forward, backward = (
        both.states(range(T), both.forward),
        both.states(range(T - 1, -1, -1), both.backward),
    )
    plain = forward @ W_hq[:H] + backward @ W_hq[H:] + b_q  # (N, T, Q), time as long as before
    head = nn.Linear(2 * H, Q, dtype=torch.float64)
    head.load_state_dict({"weight": W_hq.T, "bias": b_q})
    close(head(both.ours(both.x)[0]), plain)
    close(head(merge_directions(forward, backward, "concat")), plain)


@pytest.mark.topic("RNN-26")
def test_one_loss_reaches_both_directions_as_in_torch() -> None:
    """One backward pass, with gradients that depend on the other direction (ERR-66)."""
    both, head, target = BothWays(), nn.Linear(2 * H, 1).double(), normal(N, T, 1)

    def gradients(layer: nn.Module, *weights: Tensor) -> tuple[Tensor, ...]:
        loss = nn.functional.mse_loss(head(layer(both.x)[0]), target)
        return torch.autograd.grad(loss, weights)

    ours, theirs = both.ours, both.theirs
    got = gradients(ours, ours.forward_layer.weight_hh, ours.backward_layer.weight_hh)
    expected = gradients(theirs, theirs.weight_hh_l0, theirs.weight_hh_l0_reverse)
    for ours_grad, theirs_grad in zip(got, expected, strict=True):
        assert theirs_grad.abs().max() > 1e-3
        close(ours_grad, theirs_grad)
    ours.backward_layer.reset_parameters()
    (alone,) = gradients(ours, ours.forward_layer.weight_hh)
    assert (alone - got[0]).abs().max() > 1e-4


@pytest.mark.topic("RNN-27", "APP-21")
@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_the_next_element_leaks_into_a_bidirectional_layer_and_a_mask_keeps_it_out(
    cell: type[SequenceLayer],
) -> None:
    """What is predicted at t must not move the output there (ERR-67): x_{t+1} for a language model, x_t
    itself for a gap, which is filled by a mark."""
    x, t = normal(N, T, D), 2
    changed = x.clone()
    changed[:, t + 1] += 1
    one, both = cell(D, H).double(), Bidirectional(cell(D, H)).double()
    assert torch.equal(one(x)[0][:, t], one(changed)[0][:, t])
    assert (both(x)[0] - both(changed)[0])[:, t].abs().max() > 1e-4
    gap, other = x.clone(), changed.clone()
    gap[:, t + 1] = other[:, t + 1] = 0.5  # the mark
    assert torch.equal(both(gap)[0], both(other)[0])


@pytest.mark.topic("RNN-28", "RNN-66")
def test_eq_deep_rnn() -> None:
    layers = [(normal(below, H), normal(H, H), normal(H)) for below in (D, H)]
    x = normal(N, T, D)
    plain = x
    for W_xh, W_hh, b in layers:  # H^(0) = X
        state, states = torch.zeros(N, H, dtype=torch.float64), []
        for t in range(T):
            state = torch.tanh(plain[:, t] @ W_xh + state @ W_hh + b)
            states.append(state)
        plain = torch.stack(states, dim=1)
    ours = Stacked([RNN(D, H), RNN(H, H)]).double()
    theirs = nn.RNN(D, H, num_layers=2, batch_first=True, dtype=torch.float64)
    for number, (W_xh, W_hh, b) in enumerate(layers):
        ours.layers[number].load_state_dict({"weight_ih": W_xh.T, "weight_hh": W_hh.T, "bias": b})
        for name, value in zip(WEIGHTS, (W_xh.T, W_hh.T, b, torch.zeros(H).double()), strict=True):
            getattr(theirs, f"{name}_l{number}").data = value
    close(ours(x)[0], plain)
    close(theirs(x)[0], plain)


@pytest.mark.topic("RNN-29")
def test_eq_tree() -> None:
    """A node by hand; a chain of three as PyTorch's recurrence from the first token's vector."""
    W, b, u = normal(H, 2 * H), normal(H), normal(1, H)
    model = TreeRNN(vocab_size=7, hidden_size=H).double()
    model.load_state_dict(
        {"embedding.weight": model.embedding.weight, "weight": W, "bias": b, "head.weight": u}
    )
    c = [model.embedding.weight[token] for token in (4, 1, 6)]
    inner = torch.tanh(W[:, :H] @ c[0] + W[:, H:] @ c[1] + b)
    p = torch.tanh(W[:, :H] @ inner + W[:, H:] @ c[2] + b)
    close(tree_step(c[0][None], c[1][None], W, b)[0], inner)
    close(model.encode([((4, 1), 6)])[0], p)
    close(model([((4, 1), 6)])[0], u @ p)
    cell = nn.RNNCell(H, H, dtype=torch.float64)
    cell.load_state_dict(
        {"weight_ih": W[:, H:], "weight_hh": W[:, :H], "bias_ih": b, "bias_hh": torch.zeros(H)}
    )
    close(cell(c[2], cell(c[1], c[0])), p)


@pytest.mark.topic("APP-22")
def test_a_bidirectional_tagger_decides_names_by_the_word_behind_them() -> None:
    """With BIO tags: "washington" is a person before "said" and a place before "flooded"."""
    words = ["washington", "said", "wrote", "sang", "flooded", "froze", "burned"]
    tokens = torch.tensor([[0, verb] for verb in range(1, 7)])  # (6, 2)
    tags = torch.tensor([[1 if words[verb] in ("said", "wrote", "sang") else 2, 0] for _, verb in tokens])

    def wrong(layer: SequenceLayer) -> int:
        """Words with a wrong tag of O, B-PER, B-LOC, after training on these very sentences."""
        embedding, head = nn.Embedding(len(words), 8), nn.Linear(layer.output_size, 3)
        parameters = [*embedding.parameters(), *layer.parameters(), *head.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=0.05)
        for _ in range(50):
            logits = head(layer(embedding(tokens))[0])  # (6, 2, 3)
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits.mT, tags).backward()
            optimizer.step()
        return int((logits.argmax(dim=-1) != tags).sum())

    assert wrong(Bidirectional(LSTM(8, 8))) == 0
    assert wrong(LSTM(8, 16)) == 3  # all six begin alike: half of them are wrong, whatever is said
