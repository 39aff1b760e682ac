"""The traced gates are those that made the states, in all four forms of the GRU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from coursekit.nn.recurrent import GRU
from coursekit.nn.traces import gru_trace

N, T, D, H = 3, 6, 5, 4


def layer_and_inputs(reset: str = "after", update: str = "old") -> tuple[GRU, Tensor, Tensor]:
    torch.manual_seed(0)
    layer = GRU(D, H, reset=reset, update=update).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer, torch.randn(N, T, D).double(), torch.rand(N, H).double() * 2 - 1


@pytest.mark.topic("RNN-52", "RNN-53", "RNN-55", "RNN-56")
@pytest.mark.parametrize("reset", ["after", "before"])
@pytest.mark.parametrize("update", ["old", "new"])
@pytest.mark.parametrize("given", [True, False])
def test_the_gates_explain_every_state(reset: str, update: str, given: bool) -> None:
    layer, x, state = layer_and_inputs(reset, update)
    gates, states = gru_trace(layer, x, state if given else None)
    old = torch.cat([(state if given else torch.zeros_like(state))[:, None], states[:, :-1]], dim=1)
    kept = gates.z if update == "old" else 1 - gates.z
    torch.testing.assert_close(kept * old + (1 - kept) * gates.n, states)
    torch.testing.assert_close(states, layer(x, state if given else None)[0])
    for gate in gates:
        assert gate.shape == (N, T, H)


@pytest.mark.topic("RNN-53")
def test_the_reset_gate_is_its_equation() -> None:
    layer, x, state = layer_and_inputs()
    assert layer.bias_hh is not None
    gates, states = gru_trace(layer, x, state)
    old = torch.cat([state[:, None], states[:, :-1]], dim=1)
    W, U = layer.weight_ih[:H], layer.weight_hh[:H]
    expected = torch.sigmoid(x @ W.T + layer.bias_ih[:H] + old @ U.T + layer.bias_hh[:H])
    torch.testing.assert_close(gates.r, expected)
