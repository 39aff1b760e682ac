"""The equations of the page on recurrence, each written out plainly, against the package and PyTorch.

Columns in the text become rows here: where the page says W x, the test says x @ W.T, one example per row.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.recurrent import RNN, rnn_step
from coursekit.nn.sequence import SequenceClassifier

N, T, D, H, K = 3, 6, 5, 4, 2  # all different, so that a transposed matrix cannot pass


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


def torch_layer(layer: RNN) -> nn.RNN:
    """PyTorch's RNN with the same weights; its second bias is zero."""
    theirs = nn.RNN(D, H, batch_first=True, dtype=torch.float64)
    state = {"weight_ih_l0": layer.weight_ih, "weight_hh_l0": layer.weight_hh, "bias_ih_l0": layer.bias}
    theirs.load_state_dict(state | {"bias_hh_l0": torch.zeros(H)})
    return theirs


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.topic("RNN-03", "RNN-31")
def test_eq_rnn() -> None:
    x, h, W, U, b = normal(N, D), normal(N, H), normal(H, D), normal(H, H), normal(H)
    theirs = nn.RNNCell(D, H, dtype=torch.float64)
    theirs.load_state_dict({"weight_ih": W, "weight_hh": U, "bias_ih": b, "bias_hh": torch.zeros_like(b)})
    plain = torch.tanh(x @ W.T + h @ U.T + b)
    close(rnn_step(x, h, W, U, b), plain)
    close(theirs(x, h), plain)
    nothing = torch.zeros(N, D, dtype=torch.float64), torch.zeros(N, H, dtype=torch.float64)
    close(rnn_step(*nothing, W, U, b), torch.tanh(b).expand(N, H))


@pytest.mark.topic("RNN-03", "RNN-07")
def test_the_state_starts_at_zero_and_each_step_reads_its_own_element() -> None:
    """h_0 = 0, and every step reads its own element: the loop equals the layer and PyTorch's."""
    layer, x = RNN(D, H).double(), normal(N, T, D)
    with torch.no_grad():
        layer.bias.normal_()
    h = torch.zeros(N, H, dtype=torch.float64)
    for t in range(T):
        h = torch.tanh(x[:, t] @ layer.weight_ih.T + h @ layer.weight_hh.T + layer.bias)
        close(layer(x)[0][:, t], h)
        close(torch_layer(layer)(x)[0][:, t], h)
    changed = x.clone()
    changed[:, 3] += 1
    moved = (layer(changed)[0] - layer(x)[0]).abs().amax(dim=(0, 2))
    assert (moved[:3] == 0).all() and (moved[3:] > 0).all()


@pytest.mark.topic("RNN-04", "RNN-11")
def test_eq_rnn_output() -> None:
    """Softmax, sigmoid and identity of V h_t + c; the input reaches the output through the state only."""
    model = SequenceClassifier(None, D, H, K, cell="rnn").double()
    x = normal(N, T, D)
    h = model.layer(x)[0][:, -1]
    V, c = model.head.weight, model.head.bias
    plain = h @ V.T + c
    close(model(x), plain)
    exponentials = plain.exp()
    close(F.softmax(model(x), dim=-1), exponentials / exponentials.sum(dim=-1, keepdim=True))
    close(torch.sigmoid(model(x)), 1 / (1 + (-plain).exp()))
    with torch.no_grad():
        model.layer.weight_ih.zero_()  # nothing of x enters the state any more
    close(model(x), model(normal(N, T, D)))


@pytest.mark.topic("RNN-08")
def test_ranges_and_largest_slopes_of_the_activations() -> None:
    a = torch.linspace(-50, 50, 10_001, dtype=torch.float64, requires_grad=True)  # 0 among them
    for function, low, high, slope in (
        (torch.tanh, -1.0, 1.0, 1.0),
        (torch.relu, 0.0, 50.0, 1.0),
        (torch.sigmoid, 0.0, 1.0, 0.25),
    ):
        values = function(a)
        assert [values.min().item(), values.max().item()] == pytest.approx([low, high], abs=1e-12)
        largest = torch.autograd.grad(values.sum(), a)[0].max().item()
        assert largest == pytest.approx(slope, abs=1e-12)


@pytest.mark.topic("RNN-01", "RNN-02")
def test_a_sum_over_the_words_forgets_their_order_and_a_recurrence_does_not() -> None:
    words, order = normal(N, T, D), torch.randperm(T, generator=torch.Generator().manual_seed(1))
    shuffled = words[:, order]
    feed_forward = nn.Linear(D, K).double()
    close(feed_forward(shuffled.sum(dim=1)), feed_forward(words.sum(dim=1)))
    layer = RNN(D, H).double()
    assert ((layer(shuffled)[1] - layer(words)[1]).abs() > 1e-3).any()
    # without the recurrent weights the last state knows the last element only: a feed-forward network
    with torch.no_grad():
        layer.weight_hh.zero_()
    close(layer(words)[1], torch.tanh(words[:, -1] @ layer.weight_ih.T + layer.bias))


@pytest.mark.topic("RNN-06", "RNN-21")
def test_the_state_is_all_that_is_needed_of_the_past() -> None:
    """A sequence in two parts, with the state between them, equals the whole; without it, it does not."""
    layer, x = RNN(D, H).double(), normal(N, T, D)
    whole = layer(x)[0]
    _, state = layer(x[:, :2])
    close(layer(x[:, 2:], state)[0], whole[:, 2:])
    assert ((layer(x[:, 2:])[0] - whole[:, 2:]).abs() > 1e-3).any()
    assert state.shape == layer(x)[1].shape == (N, H)  # of the same size, however much was read


@pytest.mark.topic("RNN-09", "RNN-10", "RNN-11", "RNN-12")
def test_one_layer_serves_every_form() -> None:
    layer, head = RNN(K, H).double(), nn.Linear(H, K).double()
    x = normal(N, T, K)
    outputs, last = layer(x)
    one = head(layer(x[:, :1])[1])
    close(one, head(torch.tanh(x[:, 0] @ layer.weight_ih.T + layer.bias)))  # one to one: no recurrence in it
    close(head(outputs)[:, -1], head(last))  # many to one is the end of many to many
    # one to many: what is written and fed back equals the same numbers read as one sequence
    read, state, written = x[:, 0], None, [x[:, 0]]
    for _ in range(3):
        _, state = layer(read[:, None], state)
        read = head(state)
        written.append(read)
    close(head(layer(torch.stack(written[:-1], dim=1))[0]), torch.stack(written[1:], dim=1))
