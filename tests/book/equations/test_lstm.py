"""The equations of the LSTM chapter, each written out plainly, against the package and against PyTorch.

Columns in the text become rows here: where the page says W x, the test says x @ W.T, one example per row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from coursekit.nn.recurrent import (
    LSTM,
    RNN,
    LSTMGates,
    LSTMState,
    Peephole,
    lstm_gates,
    lstm_step,
    lstm_step_backward,
    rnn_step,
)

N, D, H = 3, 5, 4  # all different, so that a transposed matrix cannot pass


class Cell(NamedTuple):
    """One step of an LSTM with random numbers everywhere, and the weights of each gate under its letter."""

    x: Tensor
    h: Tensor
    c: Tensor
    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor
    W: dict[str, Tensor]
    U: dict[str, Tensor]
    b: dict[str, Tensor]

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.weight_ih, self.weight_hh, self.bias

    @property
    def state(self) -> LSTMState:
        return LSTMState(self.h, self.c)

    def inside(self, gate: str) -> Tensor:
        """What goes into the activation of a gate."""
        return self.x @ self.W[gate].T + self.h @ self.U[gate].T + self.b[gate]


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture(params=[0, 1, 2])
def cell(request: pytest.FixtureRequest) -> Cell:
    torch.manual_seed(request.param)
    weight_ih, weight_hh, bias = normal(4 * H, D), normal(4 * H, H), normal(4 * H)
    split = [dict(zip("ifgo", tensor.split(H), strict=True)) for tensor in (weight_ih, weight_hh, bias)]
    return Cell(normal(N, D), normal(N, H), normal(N, H), weight_ih, weight_hh, bias, *split)


def torch_cell(cell: Cell) -> tuple[Tensor, Tensor]:
    """PyTorch's LSTMCell with the same weights; its second bias is zero."""
    theirs = nn.LSTMCell(D, H, dtype=torch.float64)
    theirs.load_state_dict(
        {
            "weight_ih": cell.weight_ih,
            "weight_hh": cell.weight_hh,
            "bias_ih": cell.bias,
            "bias_hh": torch.zeros_like(cell.bias),
        }
    )
    return theirs(cell.x, cell.state)


def close(ours: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-10)


@pytest.mark.topic("RNN-32")
def test_eq_lstm_forget(cell: Cell) -> None:
    plain = torch.sigmoid(cell.inside("f"))
    gate = lstm_gates(cell.x, cell.state, *cell.weights).f
    close(gate, plain)
    assert (0 < gate).all() and (gate < 1).all()  # a share, never a switch


@pytest.mark.topic("RNN-33")
def test_eq_lstm_input(cell: Cell) -> None:
    close(lstm_gates(cell.x, cell.state, *cell.weights).i, torch.sigmoid(cell.inside("i")))


@pytest.mark.topic("RNN-34")
def test_eq_lstm_candidate(cell: Cell) -> None:
    plain = torch.tanh(cell.inside("g"))
    close(lstm_gates(cell.x, cell.state, *cell.weights).g, plain)
    other_memory = LSTMState(cell.h, cell.c + 1)
    close(lstm_gates(cell.x, other_memory, *cell.weights).g, plain)  # the old cell takes no part


@pytest.mark.topic("RNN-35")
def test_eq_lstm_cell(cell: Cell) -> None:
    gates = lstm_gates(cell.x, cell.state, *cell.weights)
    plain = gates.f * cell.c + gates.i * gates.g
    close(lstm_step(cell.x, cell.state, *cell.weights).c, plain)
    close(torch_cell(cell)[1], plain)


@pytest.mark.topic("RNN-36")
def test_eq_lstm_output(cell: Cell) -> None:
    close(lstm_gates(cell.x, cell.state, *cell.weights).o, torch.sigmoid(cell.inside("o")))


@pytest.mark.topic("RNN-36")
def test_eq_lstm_hidden(cell: Cell) -> None:
    gates, new = lstm_gates(cell.x, cell.state, *cell.weights), lstm_step(cell.x, cell.state, *cell.weights)
    plain = gates.o * torch.tanh(new.c)
    close(new.h, plain)
    close(torch_cell(cell)[0], plain)


@pytest.mark.topic("RNN-37", "RNN-41")
def test_eq_lstm_stacked(cell: Cell) -> None:
    stacked = cell.x @ cell.weight_ih.T + cell.h @ cell.weight_hh.T + cell.bias  # (N, 4H)
    gates = lstm_gates(cell.x, cell.state, *cell.weights)
    for block, activation, gate in zip(
        stacked.split(H, dim=-1),
        (torch.sigmoid, torch.sigmoid, torch.tanh, torch.sigmoid),
        gates,
        strict=True,
    ):
        close(gate, activation(block))
    # the concatenated form of many books: [U W] [h; x]
    concatenated = (
        torch.cat([cell.h, cell.x], -1) @ torch.cat([cell.weight_hh, cell.weight_ih], -1).T + cell.bias
    )
    close(stacked, concatenated)


def run(cell: Cell, steps: int) -> tuple[list[Tensor], list[LSTMState], list]:
    """Some steps on fresh inputs: inputs, states (the first is the start) and gates."""
    xs, states, gates = [normal(N, D) for _ in range(steps)], [cell.state], []
    for x in xs:
        gates.append(lstm_gates(x, states[-1], *cell.weights))
        states.append(lstm_step(x, states[-1], *cell.weights))
    return xs, states, gates


@pytest.mark.topic("RNN-42")
def test_eq_lstm_two_steps(cell: Cell) -> None:
    _, states, (before, now) = run(cell, 2)
    plain = now.f * before.f * states[0].c + now.f * before.i * before.g + now.i * now.g
    close(states[2].c, plain)


@pytest.mark.topic("RNN-42")
def test_eq_lstm_share() -> None:
    """With the candidate at zero nothing is written, and of c_0 the product of the forget gates is left."""
    torch.manual_seed(0)
    weight_ih, weight_hh, bias = normal(4 * H, D), normal(4 * H, H), normal(4 * H)
    for tensor in (weight_ih, weight_hh, bias):
        tensor[2 * H : 3 * H] = 0  # the block of g
    state = LSTMState(normal(N, H), normal(N, H))
    start, share = state.c, torch.ones(N, H, dtype=torch.float64)
    for _ in range(7):
        x = normal(N, D)
        share = share * lstm_gates(x, state, weight_ih, weight_hh, bias).f
        state = lstm_step(x, state, weight_ih, weight_hh, bias)
    close(state.c, share * start)
    assert 0.99**100 == pytest.approx(0.366, abs=5e-4)


class Errors(NamedTuple):
    """A run of some steps, and autograd's errors in it."""

    states: list[LSTMState]  # the first is the start
    gates: list[LSTMGates]
    delta: list[LSTMState]  # the error of each state
    inputs: list[Tensor]  # the error of each input
    direct: list[Tensor]  # the part of each output's error that does not come from later steps


def errors(cell: Cell, steps: int) -> Errors:
    """A run whose loss puts a random weight on every output, and one on the last cell."""
    states, gates, loss = [LSTMState(cell.h.requires_grad_(), cell.c.requires_grad_())], [], 0.0
    xs, direct = [normal(N, D).requires_grad_() for _ in range(steps)], [normal(N, H) for _ in range(steps)]
    for x, weight in zip(xs, direct, strict=True):
        gates.append(lstm_gates(x, states[-1], *cell.weights))
        states.append(lstm_step(x, states[-1], *cell.weights))
        loss = loss + (states[-1].h * weight).sum()
    loss = loss + (states[-1].c * normal(N, H)).sum()
    flat = [tensor for state in states for tensor in state]
    grads = torch.autograd.grad(loss, [*flat, *xs])
    delta = [LSTMState(*grads[k : k + 2]) for k in range(0, len(flat), 2)]
    return Errors(states, gates, delta, list(grads[len(flat) :]), direct)


def output_slope(gates, state: LSTMState) -> Tensor:
    """o (1 - tanh(c)^2), the way from h back to c within a step."""
    return gates.o * (1 - torch.tanh(state.c) ** 2)


@pytest.mark.topic("RNN-43")
def test_eq_lstm_delta_c(cell: Cell) -> None:
    states, gates, delta, _, _ = errors(cell, 3)
    for t in (2, 3):
        plain = gates[t - 1].f * delta[t].c + delta[t - 1].h * output_slope(gates[t - 2], states[t - 1])
        close(delta[t - 1].c, plain)


@pytest.mark.topic("RNN-43")
def test_eq_lstm_delta_c_two(cell: Cell) -> None:
    states, gates, delta, _, _ = errors(cell, 3)
    t = 3
    inner = gates[t - 1].f * delta[t].c + delta[t - 1].h * output_slope(gates[t - 2], states[t - 1])
    plain = gates[t - 2].f * inner + delta[t - 2].h * output_slope(gates[t - 3], states[t - 2])
    close(delta[t - 2].c, plain)


def delta_gates(gates, old: LSTMState, new: LSTMState, delta_h: Tensor, delta_c: Tensor) -> dict[str, Tensor]:
    """The errors of the four layers. delta_c is the total error of the new cell."""
    i, f, g, o = gates
    return {
        "i": delta_c * g * i * (1 - i),
        "f": delta_c * old.c * f * (1 - f),
        "g": delta_c * i * (1 - g**2),
        "o": delta_h * torch.tanh(new.c) * o * (1 - o),
    }


def one_step_back(cell: Cell) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
    """The equations' errors of the layers, and the package's gradients, for one step."""
    grad_h, grad_c = normal(N, H), normal(N, H)
    gates, new = lstm_gates(cell.x, cell.state, *cell.weights), lstm_step(cell.x, cell.state, *cell.weights)
    total = grad_c + grad_h * output_slope(gates, new)
    ours = lstm_step_backward(grad_h, grad_c, cell.x, cell.state, *cell.weights)
    return delta_gates(gates, cell.state, new, grad_h, total), ours


@pytest.mark.topic("RNN-43")
def test_eq_lstm_delta_gates(cell: Cell) -> None:
    """A bias enters its layer with slope one: its gradient is the layer's error, summed over the batch."""
    delta, (_, _, _, _, _, grad_bias) = one_step_back(cell)
    close(grad_bias, torch.cat([delta[k].sum(0) for k in "ifgo"]))
    inside = (
        cell.bias.expand(N, -1).clone().requires_grad_()
    )  # the same loss as a function of what goes into the layers
    stacked = cell.x @ cell.weight_ih.T + cell.h @ cell.weight_hh.T
    new = lstm_step(
        stacked.new_zeros(N, 1),
        cell.state,
        inside.new_zeros(4 * H, 1),
        inside.new_zeros(4 * H, H),
        stacked + inside,
    )
    grad_h, grad_c = normal(N, H), normal(N, H)
    expected = torch.autograd.grad((new.h * grad_h + new.c * grad_c).sum(), inside)[0].split(H, dim=-1)
    gates_now = lstm_gates(cell.x, cell.state, *cell.weights)
    total = grad_c + grad_h * output_slope(gates_now, new)
    for k, value in zip("ifgo", expected, strict=True):
        close(delta_gates(gates_now, cell.state, new, grad_h, total)[k], value)


@pytest.mark.topic("RNN-43")
def test_eq_lstm_delta_h(cell: Cell) -> None:
    delta, (grad_x, grad_h, *_) = one_step_back(cell)
    close(grad_x, sum(delta[k] @ cell.W[k] for k in "ifgo"))
    close(grad_h, sum(delta[k] @ cell.U[k] for k in "ifgo"))
    # within a sequence the loss of step t-1 adds its own part, here a random weight on every output
    states, gates, total, inputs, direct = errors(cell, 2)
    later = delta_gates(gates[1], states[1], states[2], total[2].h, total[2].c)
    close(total[1].h, direct[0] + sum(later[k] @ cell.U[k] for k in "ifgo"))
    close(inputs[1], sum(later[k] @ cell.W[k] for k in "ifgo"))


@pytest.mark.topic("RNN-43")
def test_eq_lstm_delta_weights(cell: Cell) -> None:
    """Over three steps: the layer's gradient is the sum over steps of error times input."""
    weights = [weight.clone().requires_grad_() for weight in cell.weights]
    xs, weight_on_h = [normal(N, D) for _ in range(3)], [normal(N, H) for _ in range(3)]
    states, gates, loss = [cell.state], [], torch.zeros((), dtype=torch.float64)
    for x, weight in zip(xs, weight_on_h, strict=True):
        gates.append(lstm_gates(x, states[-1], *weights))
        states.append(lstm_step(x, states[-1], *weights))
        loss = loss + (states[-1].h * weight).sum()
    flat = [tensor for state in states[1:] for tensor in state]
    *errors_, grad_w, grad_u, grad_b = torch.autograd.grad(loss, [*flat, *weights])
    sums = [0.0, 0.0, 0.0]
    for t in range(3):
        delta = delta_gates(gates[t], states[t], states[t + 1], errors_[2 * t], errors_[2 * t + 1])
        stacked = torch.cat([delta[k] for k in "ifgo"], -1)  # (N, 4H)
        sums = [sums[0] + stacked.T @ xs[t], sums[1] + stacked.T @ states[t].h, sums[2] + stacked.sum(0)]
    for ours, expected in zip(sums, (grad_w, grad_u, grad_b), strict=True):
        close(ours, expected)


@pytest.mark.topic("RNN-44")
def test_eq_lstm_carousel(cell: Cell) -> None:
    """Within one step the gates depend on h and x only, so along the cell the slope is the forget gate."""
    one = Cell(cell.x[:1], cell.h[:1], cell.c[:1], *cell[3:])
    jacobian = torch.autograd.functional.jacobian(
        lambda c: lstm_step(one.x, LSTMState(one.h, c), *one.weights).c[0], one.c
    )[:, 0]
    forget = lstm_gates(one.x, one.state, *one.weights).f[0]
    close(jacobian, torch.diag(forget))
    open_gate = one.bias.clone()
    open_gate[H : 2 * H] = 1000.0
    jacobian = torch.autograd.functional.jacobian(
        lambda c: lstm_step(one.x, LSTMState(one.h, c), one.weight_ih, one.weight_hh, open_gate).c[0], one.c
    )[:, 0]
    close(jacobian, torch.eye(H, dtype=torch.float64))


@pytest.mark.topic("RNN-44")
def test_eq_rnn_jacobian() -> None:
    x, h, W, U, b = normal(1, D), normal(1, H), normal(H, D), normal(H, H), normal(H)
    jacobian = torch.autograd.functional.jacobian(lambda h: rnn_step(x, h, W, U, b)[0], h)[:, 0]
    close(jacobian, torch.diag(1 - rnn_step(x, h, W, U, b)[0] ** 2) @ U)


@pytest.mark.topic("RNN-45")
def test_eq_slopes() -> None:
    a = torch.linspace(-20, 20, 4001, dtype=torch.float64, requires_grad=True)
    for function, slope, bound in (
        (torch.sigmoid, lambda a: torch.sigmoid(a) * (1 - torch.sigmoid(a)), 0.25),
        (torch.tanh, lambda a: 1 - torch.tanh(a) ** 2, 1.0),
    ):
        automatic = torch.autograd.grad(function(a).sum(), a)[0]
        close(automatic, slope(a))
        assert automatic.max() == pytest.approx(bound, abs=1e-12)  # reached at 0, and only there
    assert 0.25**50 == pytest.approx(7.9e-31, rel=5e-3)


@pytest.mark.topic("RNN-38")
def test_eq_lstm_peephole(cell: Cell) -> None:
    p = Peephole(normal(H), normal(H), normal(H))
    f = torch.sigmoid(cell.inside("f") + p.f * cell.c)
    i = torch.sigmoid(cell.inside("i") + p.i * cell.c)
    c = f * cell.c + i * torch.tanh(cell.inside("g"))
    o = torch.sigmoid(cell.inside("o") + p.o * c)  # the new cell
    new = lstm_step(cell.x, cell.state, *cell.weights, peephole=p)
    close(new.c, c)
    close(new.h, o * torch.tanh(c))
    without = lstm_step(
        cell.x, cell.state, *cell.weights, peephole=Peephole(*torch.zeros(3, H, dtype=torch.float64))
    )
    close(without.h, torch_cell(cell)[0])


@pytest.mark.topic("RNN-39")
def test_eq_lstm_output_activation(cell: Cell) -> None:
    gates = lstm_gates(cell.x, cell.state, *cell.weights)
    c = gates.f * cell.c + gates.i * gates.g
    for name, phi in (("tanh", torch.tanh), ("identity", lambda c: c)):
        close(lstm_step(cell.x, cell.state, *cell.weights, output_activation=name).h, gates.o * phi(c))


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.topic("RNN-41", "RNN-47")
@pytest.mark.parametrize(("inputs", "hidden", "expected"), [(64, 128, 24_704), (1, 1, 3), (32, 5, 190)])
def test_eq_rnn_count(inputs: int, hidden: int, expected: int) -> None:
    assert count(RNN(inputs, hidden)) == hidden * (inputs + hidden + 1) == expected


@pytest.mark.topic("RNN-41", "RNN-47", "RNN-48", "RNN-49", "RNN-50")
@pytest.mark.parametrize(
    ("inputs", "hidden", "expected"), [(64, 128, 98_816), (1, 50, 10_400), (16, 32, 6_272), (32, 5, 760)]
)
def test_eq_lstm_count(inputs: int, hidden: int, expected: int) -> None:
    assert count(LSTM(inputs, hidden)) == 4 * hidden * (inputs + hidden + 1) == expected
    assert count(nn.LSTM(inputs, hidden)) == 4 * hidden * (inputs + hidden + 2)  # the second bias


@pytest.mark.topic("RNN-40")
def test_a_forget_gate_held_open_is_the_cell_of_1997(cell: Cell) -> None:
    """Without a forget gate the cell only adds: c_t - c_(t-1) = i_t g_t."""
    bias = cell.bias.clone()
    bias[H : 2 * H] = 1000.0
    gates = lstm_gates(cell.x, cell.state, cell.weight_ih, cell.weight_hh, bias)
    new = lstm_step(cell.x, cell.state, cell.weight_ih, cell.weight_hh, bias)
    close(new.c - cell.c, gates.i * gates.g)


@pytest.mark.topic("RNN-32")
def test_the_bias_ln_n_keeps_one_over_e_of_a_memory_for_n_steps() -> None:
    for n in (10, 100, 10_000):
        f = torch.sigmoid(torch.tensor(math.log(n), dtype=torch.float64)).item()
        assert f == pytest.approx(n / (n + 1), rel=1e-12)
        assert f**n == pytest.approx(1 / math.e, rel=0.06)


@pytest.mark.topic("RNN-46")
def test_an_lstm_forgets_with_a_half_open_gate_and_explodes_with_large_recurrent_weights() -> None:
    """At bias 0 the cell keeps half per step; through h, large recurrent weights let the error grow."""

    def error_left(forget_bias: float, recurrent_scale: float, read: str) -> float:
        torch.manual_seed(0)
        layer = LSTM(4, 32, forget_bias=forget_bias).double()
        with torch.no_grad():
            layer.weight_hh.normal_(0, recurrent_scale / math.sqrt(32))
        start = LSTMState(*torch.zeros(2, 1, 32, dtype=torch.float64).requires_grad_().unbind())
        state = layer(torch.randn(1, 100, 4, dtype=torch.float64), start)[1]
        return torch.autograd.grad(getattr(state, read).sum(), getattr(start, read))[0].norm().item()

    assert error_left(0.0, 0.1, "c") < 1e-20  # 0.5^100 is 8e-31
    assert error_left(5.0, 0.1, "c") > 1e-1
    assert error_left(1.0, 40.0, "h") > 1e10
