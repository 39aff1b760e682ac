"""Both directions and several layers: what the comparison with PyTorch in `test_parity` does not show."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.recurrent import GRU, LSTM, RNN, Bidirectional, SequenceLayer, Stacked, merge_directions

CELLS = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=CELLS)
def cell(request: pytest.FixtureRequest) -> type[SequenceLayer]:
    return CELLS[request.param]


@pytest.mark.topic("RNN-25")
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("concat", [[1.0, -2.0, 3.0, 0.5]]),
        ("sum", [[4.0, -1.5]]),
        ("average", [[2.0, -0.75]]),
        ("max", [[3.0, 0.5]]),
        ("product", [[3.0, -1.0]]),
    ],
)
def test_merge_directions_by_hand(mode: str, expected: list[list[float]]) -> None:
    forward, backward = torch.tensor([[[1.0, -2.0]]]), torch.tensor([[[3.0, 0.5]]])
    assert_close(merge_directions(forward, backward, mode), torch.tensor([expected]))


@pytest.mark.topic("RNN-25")
@pytest.mark.parametrize(
    ("mode", "features"), [("concat", 8), ("sum", 4), ("average", 4), ("max", 4), ("product", 4)]
)
def test_merging_doubles_features_or_keeps_them_and_never_time(mode: str, features: int) -> None:
    layer = Bidirectional(LSTM(3, 4), mode)
    assert layer(torch.randn(2, 7, 3))[0].shape == (2, 7, features)
    assert layer.output_size == features


@pytest.mark.topic("RNN-25")
def test_counts_of_a_bidirectional_classifier() -> None:
    layer = Bidirectional(LSTM(32, 5))
    head = nn.Linear(layer.output_size, 1)
    assert sum(parameter.numel() for parameter in layer.parameters()) == 1_520
    assert sum(parameter.numel() for parameter in head.parameters()) == 11


@pytest.mark.topic("RNN-24", "RNN-67")
def test_each_direction_ends_where_the_other_begins(cell: type[SequenceLayer]) -> None:
    """The last state of the backward direction stands at the first position (MIS-32, MIS-33)."""
    output, state = Bidirectional(cell(3, 4))(torch.randn(2, 7, 3))
    forward, backward = (part.h if cell is LSTM else part for part in state)
    assert_close(forward, output[:, -1, :4])
    assert_close(backward, output[:, 0, 4:])


@pytest.mark.topic("RNN-23", "RNN-24", "RNN-27")
def test_only_a_bidirectional_layer_sees_the_future(cell: type[SequenceLayer]) -> None:
    x = torch.randn(2, 7, 3)
    changed = x.clone()
    changed[:, 5] += 1
    for layer, sees in ((cell(3, 4), False), (Bidirectional(cell(3, 4)), True)):
        difference = (layer(changed)[0] - layer(x)[0])[:, :5].abs().max()
        assert (difference > 0) == sees


@pytest.mark.topic("RNN-24", "RNN-26")
def test_directions_have_weights_of_their_own_and_learn_from_one_loss(cell: type[SequenceLayer]) -> None:
    layer = Bidirectional(cell(3, 4), "product")
    assert not torch.equal(layer.forward_layer.weight_hh, layer.backward_layer.weight_hh)
    layer(torch.randn(2, 7, 3))[0].square().sum().backward()
    assert all(parameter.grad.any() for parameter in layer.parameters())


@pytest.mark.topic("RNN-24")
def test_options_reach_both_directions() -> None:
    layer = Bidirectional(LSTM(3, 4, peephole=True, forget_bias=2.0))
    assert layer.backward_layer.weight_peephole is not None
    assert (layer.backward_layer.bias[4:8] == 2).all()


@pytest.mark.topic("RNN-28", "RNN-66")
def test_stacked_layers_read_the_outputs_below(cell: type[SequenceLayer]) -> None:
    lower, upper = cell(3, 4), cell(4, 2)
    x = torch.randn(2, 7, 3)
    output, state = Stacked([lower, upper])(x)
    hidden, first = lower(x)
    expected, second = upper(hidden)
    assert_close(output, expected)
    assert_close(state, (first, second))


@pytest.mark.topic("RNN-28")
def test_dropout_acts_between_layers_only() -> None:
    stack = Stacked([GRU(3, 50), GRU(50, 2)], dropout=0.25)
    read: list[Tensor] = []
    stack.layers[1].register_forward_pre_hook(lambda module, arguments: read.append(arguments[0]))
    x = torch.randn(8, 10, 3)
    below = stack.layers[0](x)[0]
    output = stack(x)[0]
    dropped = read[0] == 0
    assert dropped.double().mean().item() == pytest.approx(0.25, abs=0.03)  # four standard deviations
    assert not (dropped[:, 0] == dropped[:, 1]).all(), "each step draws anew"
    assert_close(read[0], torch.where(dropped, 0, below / 0.75))
    assert not (output == 0).any()
    stack.eval()(x)
    assert_close(read[1], below)
    assert_close(Stacked([RNN(3, 4)], dropout=1.0)(x)[0] == 0, torch.zeros(8, 10, 4, dtype=torch.bool))


@pytest.mark.topic("RNN-28", "RNN-66", "RNN-67")
def test_wrappers_nest_and_carry_their_state() -> None:
    stack = Stacked([Stacked([GRU(3, 4), RNN(4, 5)]), LSTM(5, 2)]).double()
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    whole, last = stack(x)
    first, state = stack(x[:, :3])
    second, state = stack(x[:, 3:], state)
    assert_close(torch.cat([first, second], 1), whole)
    assert_close(state, last)
    both = Bidirectional(Stacked([GRU(3, 4), RNN(4, 5)]))
    assert both(x.float(), lengths=torch.tensor([7, 2]))[0].shape == (2, 7, 10)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: merge_directions(torch.ones(1, 2, 3), torch.ones(1, 2, 3), "mean"),
            ValueError,
            "mode must be one of 'concat', 'sum', 'average', 'max', 'product'; got 'mean'",
        ),
        (
            lambda: Bidirectional(LSTM(3, 4), "add"),
            ValueError,
            "merge must be one of 'concat', .*; got 'add'",
        ),
        (
            lambda: Bidirectional(nn.LSTM(3, 4)),
            TypeError,
            "Bidirectional wraps layers of coursekit.*torch.*LSTM",
        ),
        (lambda: Stacked([nn.GRU(3, 4)]), TypeError, "Stacked wraps layers of coursekit.*torch.*GRU"),
        (lambda: Stacked([]), ValueError, "at least one layer; got none"),
        (
            lambda: Stacked([RNN(3, 4), RNN(3, 4)]),
            ValueError,
            "layer 1 .* expects 3 features; layer 0.* gives 4",
        ),
        (lambda: Stacked([RNN(3, 4)], dropout=1.5), ValueError, "dropout must lie between 0 and 1; got 1.5"),
        (lambda: Stacked([RNN(3, 4)])(torch.ones(1, 2, 3), ()), ValueError, "one state per layer, 1; got 0"),
    ],
)
def test_errors_say_what_was_expected_and_received(
    call: Callable[[], object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        call()
