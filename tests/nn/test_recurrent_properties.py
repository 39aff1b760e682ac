"""What holds for every recurrent cell, in both directions and at any depth; two conventions of the GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.recurrent import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    BidirectionalState,
    LSTMState,
    SequenceLayer,
    Stacked,
    gru_step,
)

N, T, D, H = 3, 7, 4, 3

CELLS: dict[str, Callable[[int, int], SequenceLayer]] = {
    "RNN": RNN,
    "RNN relu": lambda size, hidden: RNN(size, hidden, "relu"),
    "LSTM": LSTM,
    "LSTM peephole": lambda size, hidden: LSTM(size, hidden, peephole=True),
    "LSTM identity": lambda size, hidden: LSTM(size, hidden, output_activation="identity"),
    "GRU": GRU,
    "GRU reset before": lambda size, hidden: GRU(size, hidden, reset="before"),
    "GRU update new": lambda size, hidden: GRU(size, hidden, update="new"),
    "GRU reset before, update new": lambda size, hidden: GRU(size, hidden, reset="before", update="new"),
}
MERGES = ["concat", "sum", "average", "max", "product"]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=CELLS)
def cell(request: pytest.FixtureRequest) -> Callable[[int, int], SequenceLayer]:
    return CELLS[request.param]


def randomise(layer: SequenceLayer) -> SequenceLayer:
    """In float64, all parameters random, so that a bias or a peephole at 0 hides nothing."""
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter) / 2)
    return layer


def build(cell: Callable[[int, int], SequenceLayer], depth: int, both_ways: bool = False) -> SequenceLayer:
    layers: list[SequenceLayer] = []
    for _ in range(depth):
        layer = cell(layers[-1].output_size if layers else D, H)
        layers.append(Bidirectional(layer) if both_ways else layer)
    return randomise(Stacked(layers) if depth > 1 else layers[0])


def inputs(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def tensors(state: Any) -> list[Tensor]:
    """All tensors of a state, however deep."""
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in tensors(part)]


def gradients(outputs: list[Tensor], wanted: list[Tensor]) -> tuple[Tensor, ...]:
    """Of the outputs against cotangents that are the same at each call."""
    generator = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(out.shape, dtype=out.dtype, generator=generator) for out in outputs]
    return torch.autograd.grad(outputs, wanted, cotangents)


# A sequence in two parts ---------------------------------------------------------------------------------


@pytest.mark.topic("RNN-15", "RNN-28", "RNN-31", "RNN-66")
@pytest.mark.parametrize(("depth", "cut"), [(1, 1), (2, 3), (3, T - 1)])
def test_two_parts_with_the_state_between_equal_the_whole(
    cell: Callable[[int, int], SequenceLayer], depth: int, cut: int
) -> None:
    layer, x = build(cell, depth), inputs(N, T, D).requires_grad_()
    with torch.no_grad():
        start = layer(inputs(N, 2, D))[1]
    whole, last = layer(x, start)
    first, state = layer(x[:, :cut], start)
    second, state = layer(x[:, cut:], state)
    parts = [torch.cat([first, second], dim=1), *tensors(state)]
    assert_close(parts, [whole, *tensors(last)])
    wanted = [x, *layer.parameters()]
    expected = gradients([whole, *tensors(last)], wanted)
    assert_close(gradients(parts, wanted), expected)


@pytest.mark.topic("RNN-15", "RNN-24", "RNN-67")
@pytest.mark.parametrize("merge", MERGES)
def test_two_parts_in_both_directions_each_pass_on_their_own_state(
    cell: Callable[[int, int], SequenceLayer], merge: str
) -> None:
    """Forwards the state crosses the cut from left to right, backwards from right to left."""
    layer, x = randomise(Bidirectional(cell(D, H), merge)), inputs(N, T, D)
    start = layer(inputs(N, 2, D))[1]
    whole, last = layer(x, start)
    right = layer(x[:, 4:], start)[1]  # for its backward state, which has read the end
    first, left = layer(x[:, :4], BidirectionalState(start.forward, right.backward))
    second, right = layer(x[:, 4:], BidirectionalState(left.forward, start.backward))
    assert_close(torch.cat([first, second], dim=1), whole)
    assert_close(tensors((right.forward, left.backward)), tensors(last))
    naive = layer(x[:, 4:], left)[0]
    assert (naive - second).abs().max() > 1e-3, "the state of both directions is not carried to the right"


@pytest.mark.topic("RNN-15", "RNN-66")
@pytest.mark.parametrize("depth", [1, 2])
def test_sequences_of_unequal_length_go_on_where_each_ended(
    cell: Callable[[int, int], SequenceLayer], depth: int
) -> None:
    layer, x, more = build(cell, depth), inputs(N, T, D), inputs(N, 2, D)
    lengths = torch.tensor([4, T, 1])
    state = layer(x, lengths=lengths)[1]
    output, last = layer(more, state)
    for n, length in enumerate(lengths):
        alone, end = layer(torch.cat([x[n : n + 1, :length], more[n : n + 1]], dim=1))
        assert_close(output[n], alone[0, length:])
        assert_close([part[n] for part in tensors(last)], [part[0] for part in tensors(end)])


# Padding -------------------------------------------------------------------------------------------------


@pytest.mark.topic("RNN-28", "RNN-66", "RNN-67")
@pytest.mark.parametrize("both_ways", [False, True], ids=["one direction", "both"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_nothing_depends_on_the_padding(
    cell: Callable[[int, int], SequenceLayer], depth: int, both_ways: bool
) -> None:
    """Not even on how much there is: outputs, states and gradients are those of the sequences alone."""
    layer, x = build(cell, depth, both_ways), inputs(N, T, D)
    lengths = torch.tensor([4, T, 1])
    for row, length in zip(x, lengths, strict=True):
        row[length:] = torch.nan
    longer = torch.cat([x, inputs(N, 3, D)], dim=1)
    output, state = layer(x, lengths=lengths)
    padded, same = layer(longer, lengths=lengths)
    assert_close([padded[:, :T], *tensors(same)], [output, *tensors(state)], rtol=0, atol=0)
    assert not padded[:, T:].any()

    cotangent = inputs(N, T, layer.output_size)
    together = torch.autograd.grad((output * cotangent).sum(), [*layer.parameters()])
    summed = [torch.zeros_like(parameter) for parameter in layer.parameters()]
    for n, length in enumerate(lengths):
        alone, last = layer(x[n : n + 1, :length])
        assert_close(output[n, :length], alone[0])
        assert not output[n, length:].any()
        assert_close([part[n] for part in tensors(state)], [part[0] for part in tensors(last)])
        found = torch.autograd.grad((alone[0] * cotangent[n, :length]).sum(), [*layer.parameters()])
        summed = [a + b for a, b in zip(summed, found, strict=True)]
    assert_close(list(together), summed)


@pytest.mark.topic("RNN-05", "RNN-66", "RNN-67")
@pytest.mark.parametrize("both_ways", [False, True], ids=["one direction", "both"])
def test_sequences_of_a_batch_do_not_mix(cell: Callable[[int, int], SequenceLayer], both_ways: bool) -> None:
    layer, x = build(cell, 2, both_ways), inputs(N, T, D)
    order = torch.tensor([2, 0, 1])
    (output, state), (shuffled, same) = layer(x), layer(x[order])
    assert_close([shuffled, *tensors(same)], [output[order], *(part[order] for part in tensors(state))])


# The conventions of the GRU ------------------------------------------------------------------------------


def relabel(parameters: list[Tensor], size: int) -> list[Tensor]:
    """All that feeds z, the second block, with its sign changed."""
    return [torch.cat([p[:size], -p[size : 2 * size], p[2 * size :]]) for p in parameters]


def gru_inputs() -> tuple[Tensor, Tensor, list[Tensor]]:
    """x, h, [weight_ih, weight_hh, bias_ih, bias_hh]."""
    shapes = [(N, D), (N, H), (3 * H, D), (3 * H, H), (3 * H,), (3 * H,)]
    x, h, *parameters = (inputs(*shape).requires_grad_() for shape in shapes)
    return x, h, parameters


@pytest.mark.topic("RNN-52", "RNN-55", "RNN-56")
@pytest.mark.parametrize("reset", ["after", "before"])
def test_share_of_the_new_state_equals_its_equation(reset: str) -> None:
    """h_t = (1 - z) h_{t-1} + z n, as in Chung et al. (2014)."""
    x, h, parameters = gru_inputs()
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    (W_r, W_z, W_n), (U_r, U_z, U_n) = weight_ih.chunk(3), weight_hh.chunk(3)
    (b_r, b_z, b_n), (c_r, c_z, c_n) = bias_ih.chunk(3), bias_hh.chunk(3)
    r = (x @ W_r.T + b_r + h @ U_r.T + c_r).sigmoid()
    z = (x @ W_z.T + b_z + h @ U_z.T + c_z).sigmoid()
    from_state = r * (h @ U_n.T + c_n) if reset == "after" else (r * h) @ U_n.T + c_n
    expected = (1 - z) * h + z * (x @ W_n.T + b_n + from_state).tanh()
    got = gru_step(x, h, *parameters, reset=reset, update="new")
    assert_close(got, expected)
    assert_close(gradients([got], [x, h, *parameters]), gradients([expected], [x, h, *parameters]))


@pytest.mark.topic("RNN-56")
@pytest.mark.parametrize("reset", ["after", "before"])
def test_the_two_meanings_of_z_are_one_model_relabelled(reset: str) -> None:
    x, h, parameters = gru_inputs()
    old = gru_step(x, h, *parameters, reset=reset)
    new = gru_step(x, h, *relabel(parameters, H), reset=reset, update="new")
    assert_close(new, old)
    assert_close(gradients([new], [x, h, *parameters]), gradients([old], [x, h, *parameters]))
    twice = gru_step(x, h, *relabel(relabel(parameters, H), H), reset=reset)
    assert_close(twice, old, rtol=0, atol=0)
    unchanged = gru_step(x, h, *parameters, reset=reset, update="new")
    assert (unchanged - old).abs().max() > 0.1, "without new signs the flag makes a difference"


@pytest.mark.topic("RNN-56")
@pytest.mark.parametrize("reset", ["after", "before"])
def test_layers_of_both_meanings_learn_alike(reset: str) -> None:
    """Relabelled weights give the same outputs, and a step of training keeps them relabelled."""
    old = randomise(GRU(D, H, reset=reset))
    new = GRU(D, H, reset=reset, update="new").double()
    with torch.no_grad():
        for ours, theirs in zip(new.parameters(), relabel([*old.parameters()], H), strict=True):
            ours.copy_(theirs)
    x, lengths = inputs(N, T, D), torch.tensor([4, T, 1])
    for layer in (old, new):
        for _ in range(3):
            parameters = [*layer.parameters()]
            found = torch.autograd.grad(layer(x, lengths=lengths)[0].square().sum(), parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, found, strict=True):
                    parameter -= 0.1 * gradient
    assert_close(new(x)[0], old(x)[0])
    assert_close(relabel([*new.parameters()], H), [*old.parameters()])


@pytest.mark.topic("RNN-52", "RNN-56")
@pytest.mark.parametrize(("update", "gate", "keeps"), [
    ("old", 1, True), ("old", 0, False), ("new", 1, False), ("new", 0, True),
])  # fmt: skip
def test_what_an_extreme_update_gate_does(update: str, gate: int, keeps: bool) -> None:
    x, h, (weight_ih, weight_hh, bias_ih, bias_hh) = gru_inputs()
    forced = bias_ih + 200 * (2 * gate - 1) * (torch.arange(3 * H) // H == 1)
    candidate = gru_step(x, h, weight_ih, weight_hh, bias_ih - 200 * (torch.arange(3 * H) // H == 1), bias_hh)
    assert_close(
        gru_step(x, h, weight_ih, weight_hh, forced, bias_hh, update=update), h if keeps else candidate
    )


@pytest.mark.topic("RNN-07", "RNN-56")
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("update", ["old", "new"])
def test_layer_equals_its_step_unrolled_from_zero(reset: str, update: str) -> None:
    layer, x = randomise(GRU(D, H, reset=reset, update=update)), inputs(N, T, D)
    weights = (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
    h, states = torch.zeros(N, H, dtype=torch.float64), []
    for x_t in x.unbind(1):
        h = gru_step(x_t, h, *weights, reset=reset, update=update)
        states.append(h)
    assert_close(layer(x)[0], torch.stack(states, dim=1))


@pytest.mark.topic("RNN-54", "RNN-56")
def test_all_four_forms_from_one_signature_and_two_counts() -> None:
    """The reset's place is another model with fewer parameters; the meaning of z is not."""
    forms = [GRU(64, 128, reset=r, update=u) for r in ("after", "before") for u in ("old", "new")]
    counts = [sum(parameter.numel() for parameter in layer.parameters()) for layer in forms]
    assert counts == [74_496, 74_496, 74_112, 74_112]
    assert repr(forms[3]) == "GRU(64, 128, reset='before', update='new')"
    assert repr(forms[0]) == "GRU(64, 128)"
    for make in (lambda: GRU(2, 3, update="z"), lambda: gru_step(*[torch.zeros(1, 1)] * 6, update="z")):
        with pytest.raises(ValueError, match="update must be one of 'old', 'new'; got 'z'"):
            make()


# Counts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(make, count, marks=pytest.mark.topic(topic), id=f"{topic} {count:,}")
        for topic, make, count in [
            ("RNN-22", lambda: [nn.Embedding(1000, 64), nn.LSTM(64, 128), nn.Linear(128, 10)], 164_618),
            ("RNN-22", lambda: [nn.LSTM(64, 128)], 99_328),
            ("RNN-48", lambda: [nn.LSTM(1, 50), nn.Linear(50, 1)], 10_651),
            (
                "RNN-49",
                lambda: [nn.Embedding(1000, 16), nn.LSTM(16, 32), nn.Linear(32, 256), nn.Linear(256, 1)],
                31_105,
            ),
            ("RNN-50", lambda: [nn.Embedding(10_000, 32), nn.LSTM(32, 5), nn.Linear(5, 1)], 320_786),
            ("RNN-57", lambda: [nn.GRU(50, 128), nn.Linear(128, 1)], 69_249),
            ("RNN-58", lambda: [nn.Embedding(10_000, 32), nn.GRU(32, 5), nn.Linear(5, 1)], 320_591),
            # the reset before the product, with one bias
            ("RNN-57", lambda: [GRU(50, 128, reset="before"), nn.Linear(128, 1)], 68_865),
            (
                "RNN-58",
                lambda: [nn.Embedding(10_000, 32), GRU(32, 5, reset="before"), nn.Linear(5, 1)],
                320_576,
            ),
            # the last two layers read the 32 units of the LSTM, not the 16 features of the embedding
            ("RNN-49", lambda: [nn.Linear(32, 256), nn.Linear(256, 1)], 8_705),
            ("RNN-49", lambda: [nn.Linear(16, 256), nn.Linear(256, 1)], 4_609),
            ("RNN-25", lambda: [Bidirectional(LSTM(32, 5), "sum"), nn.Linear(5, 1)], 1_520 + 6),
            ("RNN-60", lambda: [RNN(64, 128)], 24_704),
            ("RNN-60", lambda: [LSTM(64, 128)], 98_816),
            ("RNN-60", lambda: [GRU(64, 128)], 74_496),
        ]
    ],
)
def test_counts_by_convention(make: Callable[[], list[nn.Module]], expected: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in nn.ModuleList(make()).parameters()) == expected


@pytest.mark.topic("RNN-05", "RNN-41", "RNN-60")
@pytest.mark.parametrize(("input_size", "hidden_size"), [(1, 1), (64, 128), (5, 3), (100, 7)])
def test_counts_follow_their_formulas(input_size: int, hidden_size: int) -> None:
    """One block for a plain network, four for an LSTM, three with a bias more for a GRU."""
    size, hidden = input_size, hidden_size
    expected = {
        RNN(size, hidden): hidden * (size + hidden + 1),
        LSTM(size, hidden): 4 * ((size + 1) * hidden + hidden**2),
        GRU(size, hidden): 3 * hidden * (size + hidden + 2),
        GRU(size, hidden, reset="before"): 3 * hidden * (size + hidden + 1),
    }
    for layer, count in expected.items():
        assert sum(parameter.numel() for parameter in layer.parameters()) == count


@pytest.mark.topic("RNN-31", "RNN-60")
def test_what_each_cell_carries() -> None:
    x = torch.randn(N, T, D)
    assert isinstance(LSTM(D, H)(x)[1], LSTMState)
    for layer in (RNN(D, H), GRU(D, H)):
        assert isinstance(layer(x)[1], Tensor)
