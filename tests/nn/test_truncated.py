"""Reading in windows: the values of the whole sequence, and gradients that end at each window's edge."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.data.series import delay
from coursekit.nn.recurrent import GRU, LSTM, RNN, Bidirectional, SequenceLayer, Stacked
from coursekit.nn.truncated import truncated_bptt

LAYERS = {
    "RNN": lambda: RNN(3, 4),
    "LSTM": lambda: LSTM(3, 4),
    "GRU": lambda: GRU(3, 4),
    "two layers": lambda: Stacked([LSTM(3, 4), GRU(4, 4)]),
}
N, T = 2, 7


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def random_cotangent(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def whole(layer: SequenceLayer, x: Tensor, window: int) -> Tensor:
    return torch.cat([output for output, _ in truncated_bptt(layer, x, window)], dim=1)  # (N, T, H)


def gradients(layer: SequenceLayer, output: Tensor, x: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(output, [x, *layer.parameters()], random_cotangent(*output.shape))


def tensors(state: Any) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else [each for part in state for each in tensors(part)]


@pytest.mark.topic("RNN-15")
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
@pytest.mark.parametrize("window", [1, 3, T, T + 5])
def test_values_and_last_state_are_those_of_the_whole_sequence(make: Any, window: int) -> None:
    layer, x = make().double(), random_cotangent(N, T, 3)
    expected, state = layer(x)
    windows = list(truncated_bptt(layer, x, window))
    assert_close(torch.cat([each.output for each in windows], dim=1), expected)
    assert_close(tensors(windows[-1].state), tensors(state))


@pytest.mark.topic("RNN-14", "RNN-15")
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
@pytest.mark.parametrize("window", [T, T + 5])
def test_a_window_as_long_as_the_sequence_is_full_bptt(make: Any, window: int) -> None:
    layer, x = make().double(), random_cotangent(N, T, 3).requires_grad_()
    full = gradients(layer, layer(x)[0], x)
    assert_close(gradients(layer, whole(layer, x, window), x), full)
    shorter = gradients(layer, whole(layer, x, T - 1), x)
    assert not torch.allclose(shorter[-1], full[-1])


@pytest.mark.topic("RNN-15")
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())
def test_what_lies_before_the_window_gets_no_gradient(make: Any) -> None:
    layer, x = make().double(), random_cotangent(N, T, 3).requires_grad_()
    output = whole(layer, x, 3)  # steps 0 1 2, 3 4 5, 6
    for step, first in ((2, 0), (3, 3), (5, 3), (6, 6)):
        (gradient,) = torch.autograd.grad(
            output[:, step], x, random_cotangent(N, 4), retain_graph=True
        )  # (N, T, D)
        felt = gradient.abs().amax(dim=(0, 2)) > 0
        assert felt.tolist() == [first <= t <= step for t in range(T)]


@pytest.mark.topic("RNN-15")
@pytest.mark.parametrize("window", [1, 2, 3, 7])
def test_gradients_equal_those_of_torch_with_detached_states(window: int) -> None:
    theirs = nn.LSTM(3, 4, batch_first=True, dtype=torch.float64)
    w_ih, w_hh, b_ih, b_hh = theirs.parameters()
    ours = LSTM(3, 4).double()
    ours.load_state_dict({"weight_ih": w_ih, "weight_hh": w_hh, "bias": b_ih + b_hh})
    x = random_cotangent(N, T, 3).requires_grad_()
    state, outputs = None, []
    for begin in range(0, T, window):
        output, (h, c) = theirs(x[:, begin : begin + window], state)
        outputs.append(output)
        state = (h.detach(), c.detach())
    expected = torch.cat(outputs, dim=1)
    output = whole(ours, x, window)
    assert_close(output, expected)
    cotangent = random_cotangent(N, T, 4)
    assert_close(
        torch.autograd.grad(output, [x, ours.weight_ih, ours.weight_hh, ours.bias], cotangent),
        torch.autograd.grad(expected, [x, w_ih, w_hh, b_ih], cotangent),
    )


@pytest.mark.topic("RNN-15")
def test_backward_on_each_window_as_it_comes_adds_up_to_the_same_gradient() -> None:
    layer, x = LSTM(3, 4).double(), random_cotangent(N, T, 3)
    for output, _ in truncated_bptt(layer, x, 3):
        output.square().sum().backward()  # fails if the graph of an earlier window is still attached
    at_once = torch.autograd.grad(whole(layer, x, 3).square().sum(), list(layer.parameters()))
    assert_close([parameter.grad for parameter in layer.parameters()], list(at_once))


@pytest.mark.topic("RNN-15")
def test_a_given_state_is_carried_but_gets_no_gradient() -> None:
    layer, x = RNN(3, 4).double(), random_cotangent(N, T, 3)
    start = random_cotangent(N, 4).requires_grad_()
    output = torch.cat([each.output for each in truncated_bptt(layer, x, 3, start)], dim=1)
    assert_close(output, layer(x, start)[0])
    assert torch.autograd.grad(output.sum(), start, allow_unused=True) == (None,)


@pytest.mark.topic("RNN-15")
def test_a_dependency_longer_than_the_window_is_not_learned() -> None:
    """The class shown at step 0 is asked for at step 6: within a window of 7, beyond one of 3."""

    def loss_after_training(window: int) -> float:
        torch.manual_seed(0)
        layer, head = RNN(2, 8), nn.Linear(8, 2)
        optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.02)
        x, target = delay(64, gap=6, noise=0.5)
        fresh, answers = delay(256, gap=6, noise=0.5, seed=1)
        for _ in range(80):
            optimizer.zero_grad()
            *_, last = truncated_bptt(layer, x, window)
            F.cross_entropy(head(last.output[:, -1]), target).backward()
            optimizer.step()
        return F.cross_entropy(head(layer(fresh)[1]), answers).item()

    assert loss_after_training(window=7) < 0.1
    assert loss_after_training(window=3) > 0.5  # guessing: 0.69


def test_impossible_windows_are_refused_at_the_call() -> None:
    x = torch.randn(N, T, 3)
    with pytest.raises(ValueError, match="window must be at least 1 step; got 0"):
        truncated_bptt(RNN(3, 4), x, 0)
    with pytest.raises(ValueError, match="layer must read forwards only; got one with Bidirectional"):
        truncated_bptt(Stacked([Bidirectional(RNN(3, 4))]), x, 3)
