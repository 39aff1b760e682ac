"""One step of each cell: against PyTorch's, against its equations written out, and by its properties."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.recurrent import (
    LSTMGates,
    LSTMGradients,
    LSTMState,
    Peephole,
    gru_step,
    lstm_gates,
    lstm_step,
    lstm_step_backward,
    lstm_update,
    rnn_step,
)

SHAPES = [(3, 5, 4), (1, 2, 3), (4, 1, 2), (2, 3, 1), (1, 1, 1)]  # N, D, H


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).requires_grad_()


def cell_inputs(blocks: int, N: int, D: int, H: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """x, h, weight_ih, weight_hh, bias."""
    return normal(N, D), normal(N, H), normal(blocks * H, D), normal(blocks * H, H), normal(blocks * H)


def gradients(outputs: list[Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Of the outputs against cotangents that are the same at each call."""
    generator = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(out.shape, dtype=out.dtype, generator=generator) for out in outputs]
    return torch.autograd.grad(outputs, inputs, cotangents)


def put(cell: nn.RNNCellBase, *parameters: Tensor) -> list[Tensor]:
    """Load weight_ih, weight_hh, bias_ih, bias_hh into PyTorch's cell; its parameters in that order."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell.load_state_dict(dict(zip(names, parameters, strict=True)))
    return [getattr(cell, name) for name in names]


@pytest.mark.topic("RNN-03", "RNN-08")
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("shape", SHAPES)
def test_rnn_step_equals_torch(shape: tuple[int, int, int], activation: str) -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(1, *shape)
    cell = nn.RNNCell(*shape[1:], nonlinearity=activation, dtype=torch.float64)
    parameters = put(cell, weight_ih, weight_hh, bias, torch.zeros_like(bias))[:3]
    ours, theirs = rnn_step(x, h, weight_ih, weight_hh, bias, activation), cell(x, h)
    assert_close(ours, theirs)
    assert_close(
        gradients([ours], [x, h, weight_ih, weight_hh, bias]), gradients([theirs], [x, h, *parameters])
    )


@pytest.mark.topic("RNN-31", "RNN-35", "RNN-36", "RNN-37")
@pytest.mark.parametrize("shape", SHAPES)
def test_lstm_step_equals_torch(shape: tuple[int, int, int]) -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(4, *shape)
    c = normal(*h.shape)
    cell = nn.LSTMCell(*shape[1:], dtype=torch.float64)
    parameters = put(cell, weight_ih, weight_hh, bias, torch.zeros_like(bias))[:3]
    ours, theirs = lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias), cell(x, (h, c))
    assert_close(tuple(ours), theirs)
    assert_close(
        gradients([*ours], [x, h, c, weight_ih, weight_hh, bias]),
        gradients([*theirs], [x, h, c, *parameters]),
    )


@pytest.mark.topic("RNN-52", "RNN-53", "RNN-54", "RNN-55")
@pytest.mark.parametrize("shape", SHAPES)
def test_gru_step_equals_torch(shape: tuple[int, int, int]) -> None:
    x, h, weight_ih, weight_hh, bias_ih = cell_inputs(3, *shape)
    bias_hh = normal(*bias_ih.shape)
    cell = nn.GRUCell(*shape[1:], dtype=torch.float64)
    parameters = put(cell, weight_ih, weight_hh, bias_ih, bias_hh)
    ours, theirs = gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh), cell(x, h)
    assert_close(ours, theirs)
    assert_close(
        gradients([ours], [x, h, weight_ih, weight_hh, bias_ih, bias_hh]),
        gradients([theirs], [x, h, *parameters]),
    )


@pytest.mark.topic("RNN-32", "RNN-33", "RNN-34", "RNN-36", "RNN-37", "RNN-41")
def test_each_gate_equals_its_equation_on_the_concatenated_input() -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(4, 3, 5, 4)
    gates = lstm_gates(x, LSTMState(h, normal(3, 4)), weight_ih, weight_hh, bias)
    hx = torch.cat([h, x], dim=-1)  # (N, H + D)
    for number, (name, squash) in enumerate(
        zip("ifgo", ["sigmoid", "sigmoid", "tanh", "sigmoid"], strict=True)
    ):
        rows = slice(4 * number, 4 * number + 4)
        weight = torch.cat([weight_hh[rows], weight_ih[rows]], dim=1)  # (H, H + D)
        assert_close(getattr(gates, name), getattr(hx @ weight.T + bias[rows], squash)())


@pytest.mark.topic("RNN-35", "RNN-36")
@pytest.mark.parametrize(
    ("gates", "c", "h"),
    [
        ((0, 1, 0.7, 1), 0.5, 0.46211715726),  # keep: tanh(0.5)
        ((0, 0, 0.7, 1), 0.0, 0.0),  # erase
        ((1, 0, 0.7, 1), 0.7, 0.60436777712),  # write: tanh(0.7)
        ((1, 1, 0.7, 0), 1.2, 0.0),  # hide
        ((0.5, 0.5, 0.7, 0.5), 0.6, 0.26852478350),  # half of everything: tanh(0.6) / 2
    ],
)
def test_memory_with_gates_set_by_hand(gates: tuple[float, ...], c: float, h: float) -> None:
    state = lstm_update(
        LSTMGates(*torch.tensor(gates, dtype=torch.float64)), torch.tensor(0.5, dtype=torch.float64)
    )
    assert state.c.item() == pytest.approx(c, abs=1e-10)
    assert state.h.item() == pytest.approx(h, abs=1e-10)


@pytest.mark.topic("RNN-39")
def test_identity_output_shows_the_cell_unsquashed() -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(4, 3, 5, 4)
    state = LSTMState(h, normal(3, 4))
    plain, shown = (
        lstm_step(x, state, weight_ih, weight_hh, bias, output_activation=name)
        for name in ("tanh", "identity")
    )
    assert_close(shown.c, plain.c, rtol=0, atol=0)
    o = lstm_gates(x, state, weight_ih, weight_hh, bias).o
    assert_close(shown.h, o * plain.c)
    assert (shown.h - plain.h).abs().max() > 0.1


@pytest.mark.topic("RNN-38")
def test_peephole_equals_its_equation_and_is_plain_at_zero() -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(4, 3, 5, 4)
    c, p = normal(3, 4), Peephole(*normal(3, 4).unbind())
    a_i, a_f, a_g, a_o = (x @ weight_ih.T + h @ weight_hh.T + bias).chunk(4, -1)
    i, f = (a_i + p.i * c).sigmoid(), (a_f + p.f * c).sigmoid()
    new_c = f * c + i * a_g.tanh()
    o = (a_o + p.o * new_c).sigmoid()  # the new memory, not the old
    got = lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias, peephole=p)
    assert_close(tuple(got), (o * new_c.tanh(), new_c))

    zero = Peephole(*torch.zeros(3, 4, dtype=torch.float64))
    got = lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias, peephole=zero)
    assert_close(got, lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias), rtol=0, atol=0)


@pytest.mark.topic("RNN-38")
@pytest.mark.parametrize("output_activation", ["tanh", "identity"])
def test_peephole_gradients(output_activation: str) -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(4, 2, 3, 2)
    c, p = normal(2, 2), normal(3, 2)

    def step(x: Tensor, h: Tensor, c: Tensor, p: Tensor, *weights: Tensor) -> LSTMState:
        state, peephole = LSTMState(h, c), Peephole(*p)
        return lstm_step(x, state, *weights, peephole=peephole, output_activation=output_activation)

    assert torch.autograd.gradcheck(step, (x, h, c, p, weight_ih, weight_hh, bias))


@pytest.mark.topic("RNN-43")
@pytest.mark.parametrize("scale", [0.3, 1.0, 10.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_lstm_step_backward_equals_autograd(shape: tuple[int, int, int], scale: float) -> None:
    x, h, weight_ih, weight_hh, bias = (tensor.detach() * scale for tensor in cell_inputs(4, *shape))
    c, grad_h, grad_c = (torch.randn_like(h) for _ in range(3))
    inputs = [tensor.requires_grad_() for tensor in (x, h, c, weight_ih, weight_hh, bias)]
    state = lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias)
    expected = LSTMGradients(*torch.autograd.grad(state, inputs, [grad_h, grad_c]))
    with torch.no_grad():
        got = lstm_step_backward(grad_h, grad_c, x, LSTMState(h, c), weight_ih, weight_hh, bias)
    for name, ours, theirs in zip(LSTMGradients._fields, got, expected, strict=True):
        assert_close(ours, theirs, rtol=1e-10, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")


def three_steps() -> tuple[list[LSTMState], list[LSTMGates]]:
    """Three LSTM steps whose states keep their gradients: states 0 to 3, gates 1 to 3 (0 fills the place)."""
    _, h, weight_ih, weight_hh, bias = cell_inputs(4, 3, 5, 4)
    states, gates = [LSTMState(h, normal(3, 4))], [LSTMGates(h, h, h, h)]
    for _ in range(3):
        x = normal(3, 5)
        gates.append(lstm_gates(x, states[-1], weight_ih, weight_hh, bias))
        states.append(lstm_step(x, states[-1], weight_ih, weight_hh, bias))
    for state in states:
        state.h.retain_grad()
        state.c.retain_grad()
    return states, gates


@pytest.mark.topic("RNN-42")
def test_memory_over_two_steps() -> None:
    states, gates = three_steps()
    before, now = gates[2], gates[3]
    kept, added = now.f * before.f * states[1].c, now.f * before.i * before.g
    assert_close(states[3].c, kept + added + now.i * now.g)


@pytest.mark.topic("RNN-42")
def test_share_of_a_memory_kept_over_a_hundred_steps() -> None:
    c = torch.tensor(1.0, dtype=torch.float64)
    for _ in range(100):
        c = lstm_update(LSTMGates(*torch.tensor([0.0, 0.99, 0.3, 1.0], dtype=torch.float64)), c).c
    assert c.item() == pytest.approx(0.366, abs=5e-4)


@pytest.mark.topic("RNN-43")
def test_gradient_over_two_steps() -> None:
    states, gates = three_steps()
    loss = sum((torch.randn_like(state.h) * state.h).sum() for state in states)
    loss.backward()

    def through_output(t: int) -> Tensor:
        return states[t].h.grad * gates[t].o * (1 - states[t].c.tanh() ** 2)

    one = gates[3].f * states[3].c.grad + through_output(2)
    assert_close(states[2].c.grad, one)
    assert_close(states[1].c.grad, gates[2].f * one + through_output(1))


@pytest.mark.topic("RNN-44")
def test_along_the_cell_the_gradient_is_the_forget_gate() -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(4, 1, 5, 4)
    c = normal(1, 4)

    def jacobian(bias: Tensor) -> Tensor:
        """Of c_t by c_{t-1} with h_{t-1} held, (H, H)."""
        rows = lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias).c[0]
        return torch.stack([torch.autograd.grad(row, c, retain_graph=True)[0][0] for row in rows])

    assert_close(jacobian(bias), torch.diag(lstm_gates(x, LSTMState(h, c), weight_ih, weight_hh, bias).f[0]))
    forget_gate_at_one = bias + 100 * (torch.arange(16) // 4 == 1)
    assert_close(jacobian(forget_gate_at_one), torch.eye(4, dtype=torch.float64))


@pytest.mark.topic("RNN-54")
@pytest.mark.parametrize("shape", SHAPES)
def test_gru_reset_before_the_product_equals_its_equation(shape: tuple[int, int, int]) -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(3, *shape)
    H = shape[2]
    W_r, W_z, W_n = (torch.cat([weight_hh[k : k + H], weight_ih[k : k + H]], 1) for k in (0, H, 2 * H))
    b_r, b_z, b_n = bias.split(H)
    r = (torch.cat([h, x], -1) @ W_r.T + b_r).sigmoid()
    z = (torch.cat([h, x], -1) @ W_z.T + b_z).sigmoid()
    n = (torch.cat([r * h, x], -1) @ W_n.T + b_n).tanh()
    expected = z * h + (1 - z) * n
    got = gru_step(x, h, weight_ih, weight_hh, bias, None, reset="before")
    assert_close(got, expected)
    inputs = [x, h, weight_ih, weight_hh, bias]
    assert_close(gradients([got], inputs), gradients([expected], inputs))
    share = 0.3 * bias
    assert_close(gru_step(x, h, weight_ih, weight_hh, bias - share, share, reset="before"), expected)


@pytest.mark.topic("RNN-56")
@pytest.mark.parametrize("reset", ["after", "before"])
def test_exchanging_z_and_one_minus_z_only_relabels(reset: str) -> None:
    """In Chung et al. (2014) z is the share of the new state: negate the weights of z."""
    x, h, weight_ih, weight_hh, bias_ih = cell_inputs(3, 3, 5, 4)
    bias_hh = normal(12)
    parameters = [weight_ih, weight_hh, bias_ih, bias_hh]
    r, z = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)[:, :8].sigmoid().chunk(2, -1)
    a_n = x @ weight_ih[8:].T + bias_ih[8:]
    if reset == "after":
        n = (a_n + r * (h @ weight_hh[8:].T + bias_hh[8:])).tanh()
    else:
        n = (a_n + (r * h) @ weight_hh[8:].T + bias_hh[8:]).tanh()
    relabelled = [torch.cat([p[:4], -p[4:8], p[8:]]) for p in parameters]
    assert_close(gru_step(x, h, *relabelled, reset=reset), (1 - z) * h + z * n)
    assert (gru_step(x, h, *parameters, reset=reset) - ((1 - z) * h + z * n)).abs().max() > 0.1


@pytest.mark.topic("RNN-56")
def test_reset_before_and_after_are_two_models_that_agree_when_the_gate_is_open() -> None:
    x, h, weight_ih, weight_hh, bias_ih = cell_inputs(3, 3, 5, 4)
    bias_hh = normal(12)

    def both(bias_ih: Tensor) -> list[Tensor]:
        return [
            gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh, reset=reset)
            for reset in ("after", "before")
        ]

    after, before = both(bias_ih)
    assert (after - before).abs().max() > 0.01
    wide_open = bias_ih + 100 * (torch.arange(12) < 4)  # r = 1
    assert_close(*both(wide_open))


@pytest.mark.topic("RNN-55")
@pytest.mark.parametrize("reset", ["after", "before"])
def test_gru_state_stays_inside_the_unit_interval(reset: str) -> None:
    _, _, weight_ih, weight_hh, bias = cell_inputs(3, 3, 5, 4)
    h = torch.zeros(3, 4, dtype=torch.float64)
    for _ in range(50):
        h = gru_step(normal(3, 5), h, weight_ih, weight_hh, bias, bias, reset=reset)
        assert h.abs().max() < 1


def test_steps_refuse_unknown_options() -> None:
    x, h, weight_ih, weight_hh, bias = cell_inputs(4, 3, 5, 4)
    with pytest.raises(ValueError, match="activation must be one of 'tanh', 'relu'; got 'sigmoid'"):
        rnn_step(x, h, weight_ih[:4], weight_hh[:4], bias[:4], "sigmoid")
    with pytest.raises(ValueError, match="output_activation must be one of 'tanh', 'identity'; got 'relu'"):
        lstm_step(x, LSTMState(h, h), weight_ih, weight_hh, bias, output_activation="relu")
    with pytest.raises(ValueError, match="reset must be one of 'after', 'before'; got 'never'"):
        gru_step(x, h, weight_ih[:12], weight_hh[:12], bias[:12], bias[:12], reset="never")
