"""The recurrent layers beyond parity: padding, options, precision, sizes, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    LSTMState,
    Peephole,
    SequenceLayer,
    gru_step,
    lstm_step,
    rnn_step,
)

N, T, D, H = 3, 6, 5, 4

LAYERS = {
    "RNN": lambda: RNN(D, H),
    "RNN relu": lambda: RNN(D, H, "relu"),
    "LSTM": lambda: LSTM(D, H),
    "LSTM peephole": lambda: LSTM(D, H, peephole=True),
    "LSTM identity": lambda: LSTM(D, H, output_activation="identity"),
    "GRU": lambda: GRU(D, H),
    "GRU reset before": lambda: GRU(D, H, reset="before"),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=LAYERS)
def layer(request: pytest.FixtureRequest) -> SequenceLayer:
    """Each layer in float64, all parameters random, so that a bias or a peephole at 0 hides nothing."""
    layer = LAYERS[request.param]().double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter) / 2)
    return layer


def inputs(*shape: int) -> Tensor:
    return torch.randn(*(shape or (N, T, D)), dtype=torch.float64)


def tensors(state: Tensor | LSTMState) -> tuple[Tensor, ...]:
    return tuple(state) if isinstance(state, LSTMState) else (state,)


def gradients(outputs: list[Tensor], wanted: list[Tensor], create_graph: bool = False) -> tuple[Tensor, ...]:
    """Of the outputs against cotangents that are the same at each call."""
    generator = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(out.shape, dtype=out.dtype, generator=generator) for out in outputs]
    return torch.autograd.grad(outputs, wanted, cotangents, create_graph=create_graph)


def step_by_step(layer: SequenceLayer, x: Tensor) -> list[Tensor]:
    """[output (N, T, H), last state ...] by the plain loop over the step function."""
    state = torch.zeros(len(x), H, dtype=x.dtype)
    state = LSTMState(state, state) if isinstance(layer, LSTM) else state
    outputs = []
    for t in range(x.shape[1]):
        if isinstance(layer, LSTM):
            peephole = None if layer.weight_peephole is None else Peephole(*layer.weight_peephole)
            weights = (layer.weight_ih, layer.weight_hh, layer.bias)
            options = {"peephole": peephole, "output_activation": layer.output_activation}
            state = lstm_step(x[:, t], state, *weights, **options)
        elif isinstance(layer, GRU):
            weights = (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
            state = gru_step(x[:, t], state, *weights, reset=layer.reset)
        else:
            state = rnn_step(x[:, t], state, layer.weight_ih, layer.weight_hh, layer.bias, layer.activation)
        outputs.append(tensors(state)[0])
    return [torch.stack(outputs, dim=1), *tensors(state)]


@pytest.mark.topic("RNN-07", "RNN-14")
def test_layer_equals_its_step_unrolled(layer: SequenceLayer) -> None:
    x = inputs().requires_grad_()
    output, state = layer(x)
    expected = step_by_step(layer, x)
    assert_close([output, *tensors(state)], expected)
    wanted = [x, *layer.parameters()]
    assert_close(gradients([output, *tensors(state)], wanted), gradients(expected, wanted))


@pytest.mark.topic("RNN-14")
def test_gradient_of_the_gradient_equals_that_of_the_steps(layer: SequenceLayer) -> None:
    """The second window starts from a state that the same weights made: each way into it counts once."""
    x = inputs().requires_grad_()
    wanted = [x, *layer.parameters()]

    def penalty(outputs: list[Tensor]) -> Tensor:
        return sum(gradient.square().sum() for gradient in gradients(outputs, wanted, create_graph=True))

    first, state = layer(x[:, :2])
    second, state = layer(x[:, 2:], state)
    ours = penalty([torch.cat([first, second], dim=1), *tensors(state)])
    expected = penalty(step_by_step(layer, x))
    assert_close(ours, expected)
    assert_close(torch.autograd.grad(ours, wanted), torch.autograd.grad(expected, wanted))


@pytest.mark.topic("RNN-14")
@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_gradients_by_finite_differences(kind: type[SequenceLayer]) -> None:
    layer = kind(2, 2).double()
    names, shapes = zip(
        *((name, parameter.shape) for name, parameter in layer.named_parameters()), strict=True
    )

    def run(x: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        output, state = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))
        return output, *tensors(state)

    arguments = [inputs(*shape).requires_grad_() for shape in ((2, 3, 2), *shapes)]
    assert torch.autograd.gradcheck(run, arguments)
    assert torch.autograd.gradgradcheck(run, arguments)


def test_a_loss_on_the_last_state_alone(layer: SequenceLayer) -> None:
    """The memory of an LSTM may be all that a loss reads."""
    x = inputs().requires_grad_()
    ours, expected = tensors(layer(x)[1])[-1], step_by_step(layer, x)[-1]
    wanted = [x, layer.weight_ih, layer.weight_hh]
    assert_close(gradients([ours], wanted), gradients([expected], wanted))


def test_backward_twice_and_unchanged_inputs(layer: SequenceLayer) -> None:
    x = inputs().requires_grad_()
    before = [tensor.detach().clone() for tensor in (x, *layer.parameters())]
    output, state = layer(x)
    wanted = [x, *layer.parameters()]
    cotangent = torch.randn_like(output)
    once = torch.autograd.grad(output, wanted, cotangent, retain_graph=True, allow_unused=True)
    twice = torch.autograd.grad(output, wanted, cotangent, allow_unused=True)
    assert_close(once, twice, rtol=0, atol=0)
    assert_close([x, *layer.parameters()], before, rtol=0, atol=0, check_layout=False)
    assert_close(layer(x)[0], output, rtol=0, atol=0)


@pytest.mark.topic("RNN-15", "RNN-31")
def test_two_halves_with_the_state_between_equal_the_whole(layer: SequenceLayer) -> None:
    x = inputs().requires_grad_()
    whole, last = layer(x)
    first, state = layer(x[:, :2])
    second, state = layer(x[:, 2:], state)
    halves = [torch.cat([first, second], dim=1), *tensors(state)]
    assert_close(halves, [whole, *tensors(last)])
    wanted = [x, *layer.parameters()]
    assert_close(gradients(halves, wanted), gradients([whole, *tensors(last)], wanted))


@pytest.mark.parametrize("wrap", [lambda layer: layer, Bidirectional], ids=["one direction", "both"])
def test_padding_changes_nothing(layer: SequenceLayer, wrap: Callable[..., SequenceLayer]) -> None:
    """Whatever stands behind the end, each sequence comes out as if it were alone."""
    layer = wrap(layer)
    lengths = torch.tensor([4, 6, 1])
    x = inputs()
    for row, length in zip(x, lengths, strict=True):
        row[length:] = torch.nan
    x.requires_grad_()
    output, state = layer(x, lengths=lengths)
    if isinstance(layer, Bidirectional):
        states = [*tensors(state.forward), *tensors(state.backward)]
    else:
        states = [*tensors(state)]
    got = gradients([output, *states], [x, *layer.parameters()])
    assert all(gradient.isfinite().all() for gradient in got)
    for n, length in enumerate(lengths):
        alone, last = layer(x[n : n + 1, :length].detach())
        assert_close(output[n, :length], alone[0])
        assert (output[n, length:] == 0).all()
        assert (got[0][n, length:] == 0).all()
        lasts = [*tensors(last.forward), *tensors(last.backward)] if wrap is Bidirectional else tensors(last)
        for ours, expected in zip(states, lasts, strict=True):
            assert_close(ours[n], expected[0])


@pytest.mark.topic("RNN-05", "RNN-48", "RNN-60")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: RNN(64, 128), 24_704),
        (lambda: LSTM(64, 128), 98_816),
        (lambda: GRU(64, 128), 74_496),
        (lambda: GRU(64, 128, reset="before"), 74_112),
        (lambda: LSTM(64, 128, peephole=True), 98_816 + 3 * 128),
        (lambda: LSTM(1, 50), 10_400),
        (lambda: GRU(50, 128), 69_120),
        (lambda: GRU(50, 128, reset="before"), 68_736),
        (lambda: Bidirectional(LSTM(32, 5)), 1_520),
        (lambda: GRU(32, 5), 585),
        (lambda: GRU(32, 5, reset="before"), 570),
        # encoder, decoder and dense layer of a dialogue model
        (lambda: nn.ModuleList([LSTM(100, 256), LSTM(100, 256), nn.Linear(256, 100)]), 756_836),
    ],
)
def test_parameter_counts(make: Callable[[], nn.Module], expected: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in make().parameters()) == expected


@pytest.mark.topic("RNN-05")
@pytest.mark.parametrize("steps", [1, 5, 500])
def test_one_set_of_weights_reads_any_length(layer: SequenceLayer, steps: int) -> None:
    output, state = layer(inputs(2, steps, D).tanh())
    assert output.shape == (2, steps, H)
    assert_close(tensors(state)[0], output[:, -1])


@pytest.mark.topic("RNN-32")
def test_start_of_the_parameters() -> None:
    layer = LSTM(50, 100, peephole=True)
    i, f, g, o = layer.bias.chunk(4)
    assert (f == 1).all() and not torch.cat([i, g, o]).any()
    assert not layer.weight_peephole.any()
    for weight in (layer.weight_ih, layer.weight_hh):
        assert 0.099 < weight.abs().max() <= 0.1  # 1 / sqrt(H)
        assert weight.mean().abs() < 0.002
    assert (LSTM(2, 3, forget_bias=-2.5).bias[3:6] == -2.5).all()
    assert not GRU(2, 3).bias_hh.any() and not RNN(2, 3).bias.any()


@pytest.mark.topic("RNN-31", "RNN-35", "RNN-36")
@pytest.mark.parametrize("name", ["LSTM", "LSTM peephole", "LSTM identity"])
def test_trace_shows_what_the_layer_does(name: str) -> None:
    layer = LAYERS[name]().double()
    if layer.peephole:
        nn.init.normal_(layer.weight_peephole)
    start = LSTMState(inputs(N, H), inputs(N, H))
    x = inputs()
    gates, states = layer.trace(x, start)
    output, last = layer(x, start)
    assert_close(states.h, output)
    assert_close((states.h[:, -1], states.c[:, -1]), tuple(last))
    before = torch.cat([start.c[:, None], states.c[:, :-1]], dim=1)
    assert_close(states.c, gates.f * before + gates.i * gates.g)
    assert_close(states.h, gates.o * (states.c if name == "LSTM identity" else states.c.tanh()))


@pytest.mark.topic("RNN-49")
def test_input_dropout_draws_one_mask_per_sequence() -> None:
    layer = LSTM(40, H, input_dropout=0.25).double()
    x = inputs(50, T, 40).requires_grad_()
    output, _ = layer(x)
    (gradient,) = gradients([output], [x])
    dropped = gradient == 0  # (N, T, D)
    assert (dropped == dropped[:, :1]).all(), "a feature is dropped at all steps or at none"
    assert not (dropped[0] == dropped[1]).all(), "each sequence has its own mask"
    assert dropped[:, 0].double().mean().item() == pytest.approx(0.25, abs=0.04)  # four standard deviations
    kept = (~dropped[:, :1]).double() / 0.75
    assert_close(output, layer.eval()(x * kept)[0])


@pytest.mark.topic("RNN-49")
def test_recurrent_dropout_draws_one_mask_per_sequence() -> None:
    layer = LSTM(D, 40, recurrent_dropout=0.25).double()
    masks = []
    for _ in range(50):
        x = inputs(1, T, D)
        output, _ = layer(x)
        (gradient,) = gradients([output], [layer.weight_hh])  # a column per unit of h_{t-1}
        masks.append((gradient != 0).any(dim=0).double() / 0.75)
        state, expected = LSTMState(*torch.zeros(2, 1, 40, dtype=torch.float64)), []
        for x_t in x.unbind(1):
            seen = LSTMState(state.h * masks[-1], state.c)
            state = lstm_step(x_t, seen, layer.weight_ih, layer.weight_hh, layer.bias)
            expected.append(state.h)
        assert_close(output, torch.stack(expected, 1))
    assert (torch.stack(masks) == 0).double().mean().item() == pytest.approx(0.25, abs=0.04)


@pytest.mark.topic("RNN-49")
def test_dropout_rests_in_evaluation_and_in_trace() -> None:
    layer = LSTM(D, H, input_dropout=0.5, recurrent_dropout=0.5).double()
    plain = LSTM(D, H).double()
    plain.load_state_dict(layer.state_dict())
    x = inputs()
    assert (layer(x)[0] - plain(x)[0]).abs().max() > 0.01
    assert_close(layer.trace(x)[1].h, plain(x)[0])
    assert_close(layer.eval()(x)[0], plain(x)[0])


def test_autocast(layer: SequenceLayer) -> None:
    layer = layer.float()
    x = inputs().float()
    expected = layer(x)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, state = layer(x)
        again, _ = layer(x, state)
    assert output.dtype == again.dtype == torch.bfloat16
    assert_close(output.float(), expected, rtol=0.05, atol=0.05)
    output.float().square().sum().backward()
    assert layer.weight_hh.grad.dtype == torch.float32 and layer.weight_hh.grad.isfinite().all()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer.double()(x.double())[0].dtype == torch.float64


def test_shapes_without_memory(layer: SequenceLayer) -> None:
    layer = layer.to("meta")
    output, state = layer(torch.empty(N, T, D, dtype=torch.float64, device="meta"))
    assert output.shape == (N, T, H) and output.device.type == "meta"
    assert all(tensor.shape == (N, H) for tensor in tensors(state))


def test_a_changed_output_is_noticed() -> None:
    """Writing into an output that the way back needs is an error, not a wrong gradient."""
    for layer in (RNN(D, H), LSTM(D, H), GRU(D, H)):
        output, _ = layer(torch.randn(N, T, D))
        output.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.sum().backward()


def test_printed_form_names_what_is_unusual() -> None:
    assert repr(LSTM(2, 3)) == "LSTM(2, 3)"
    assert (
        repr(LSTM(2, 3, peephole=True, input_dropout=0.1)) == "LSTM(2, 3, peephole=True, input_dropout=0.1)"
    )
    assert repr(GRU(2, 3, reset="before")) == "GRU(2, 3, reset='before')"
    assert repr(RNN(2, 3, "relu")) == "RNN(2, 3, activation='relu')"


X = torch.zeros(2, 3, 5)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: LSTM(5, 4)(X[:, :, :3]),
            ValueError,
            r"LSTM expects x of shape \(N, T, 5\).*got \(2, 3, 3\)",
        ),
        (lambda: GRU(5, 4)(X[0]), ValueError, r"GRU expects x of shape \(N, T, 5\).*got \(3, 5\)"),
        (lambda: RNN(5, 4)(X[:, :0]), ValueError, r"with T at least 1; got \(2, 0, 5\)"),
        (lambda: RNN(5, 4)([[0.0]]), ValueError, "RNN expects x of shape .*; got list"),
        (lambda: LSTM(5, 4)(X.double()), TypeError, "expects x of dtype torch.float32.*got torch.float64"),
        (lambda: LSTM(5, 4)(X.long()), TypeError, "expects x of dtype torch.float32.*got torch.int64"),
        (
            lambda: GRU(5, 4)(X, torch.zeros(1, 4)),
            ValueError,
            r"GRU expects a state of shape \(2, 4\); got \(1, 4\)",
        ),
        (lambda: GRU(5, 4)(X, (X, X)), ValueError, r"GRU expects a state of shape \(2, 4\); got tuple"),
        (
            lambda: LSTM(5, 4)(X, torch.zeros(2, 4)),
            TypeError,
            r"expects its state as LSTMState\(h, c\); got Tensor",
        ),
        (
            lambda: RNN(5, 4)(X, torch.zeros(2, 4).double()),
            TypeError,
            "RNN expects a state of dtype torch.float32.*got torch.float64",
        ),
        (lambda: RNN(5, 4)(X, lengths=torch.tensor([3, 4])), ValueError, "between 1 and T = 3; got 3 to 4"),
        (lambda: RNN(5, 4)(X, lengths=torch.tensor([0, 3])), ValueError, "between 1 and T = 3; got 0 to 3"),
        (
            lambda: RNN(5, 4)(X, lengths=torch.tensor([3])),
            ValueError,
            r"shape \(2,\).*got torch.int64 of shape \(1,\)",
        ),
        (
            lambda: RNN(5, 4)(X, lengths=torch.tensor([3.0, 1.0])),
            ValueError,
            "integer tensor.*got torch.float32",
        ),
        (lambda: RNN(5, 4)(X, lengths=[3, 1]), TypeError, "lengths must be an integer tensor.*; got list"),
        (lambda: LSTM(0, 4), ValueError, "input_size must be at least 1; got 0"),
        (lambda: GRU(4, -1), ValueError, "hidden_size must be at least 1; got -1"),
        (
            lambda: LSTM(5, 4, recurrent_dropout=1.0),
            ValueError,
            "recurrent_dropout must be .* below 1; got 1.0",
        ),
        (lambda: LSTM(5, 4, input_dropout=-0.1), ValueError, "input_dropout must be at least 0.*; got -0.1"),
        (lambda: RNN(5, 4, "sigmoid"), ValueError, "activation must be one of 'tanh', 'relu'; got 'sigmoid'"),
        (lambda: GRU(5, 4, reset="never"), ValueError, "reset must be one of 'after', 'before'; got 'never'"),
        (lambda: LSTM(5, 4, output_activation="relu"), ValueError, "one of 'tanh', 'identity'; got 'relu'"),
    ],
)
def test_errors_say_what_was_expected_and_received(
    call: Callable[[], object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        call()
