r"""Recurrent layers: a step of `coursekit.nn.cells`, carried along a sequence.

Letters: N batch, T time, D input features, H hidden units. Sequences are batch first, (N, T, D) -> (N, T, H), and
weights stand in PyTorch's layout and order. Parameters: RNN $H(D+H+1)$ and LSTM $4H(D+H+1)$, one bias per gate,
since the two of `torch.nn` are only ever added; GRU $3H(D+H+2)$, an input and a recurrent bias, which a reset after
the product keeps apart, or $3H(D+H+1)$ with the reset before it.

Every layer is called as `layer(x, state=None, lengths=None) -> (output, last state)`. `lengths`, (N,) integers, says how
much of each sequence is real: behind its end the output is 0, the state returned is that of its last real step, and
nothing depends on what stands in the padding.
"""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.bptt import gru_sequence, lstm_sequence, rnn_sequence
from coursekit.nn.cells import (
    Activation,
    LSTMGates,
    LSTMGradients,
    LSTMState,
    OutputActivation,
    Peephole,
    Reset,
    State,
    check_choice,
    gru_step,
    lstm_gates,
    lstm_step,
    lstm_step_backward,
    lstm_update,
    rnn_step,
    unroll,
)
from coursekit.nn.wrappers import Bidirectional, BidirectionalState, Stacked, merge_directions, reverse

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "BidirectionalState",
    "LSTMGates",
    "LSTMGradients",
    "LSTMState",
    "Peephole",
    "Stacked",
    "State",
    "gru_step",
    "lstm_gates",
    "lstm_step",
    "lstm_step_backward",
    "lstm_update",
    "merge_directions",
    "reverse",
    "rnn_step",
]


class _Layer(nn.Module):
    """What the three layers share: sizes, weights of `blocks` gates, and the care for inputs and padding."""

    def __init__(self, input_size: int, hidden_size: int, blocks: int) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1; got {size}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(blocks * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(blocks * hidden_size, hidden_size))
