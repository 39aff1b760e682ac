r"""Recurrent layers: a step of `coursekit.nn.cells`, carried along a sequence.

Letters: N batch, T time, D input features, H hidden units. Every layer is a `SequenceLayer`: batch first,
called as `layer(x, state=None, lengths=None) -> (output, last state)`, where `lengths` marks what is
padding. Weights stand in PyTorch's layout and order. How many there are: RNN $H(D+H+1)$ and LSTM
$4H(D+H+1)$, with one bias, since the two of `torch.nn` are only ever added; GRU $3H(D+H+2)$, because a
reset after the product keeps two biases apart, and $3H(D+H+1)$ with the reset before it.

Without options a layer runs in `coursekit.nn.bptt`, with them in a plain loop over its step.
"""

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
    Update,
    check_choice,
    gru_step,
    lstm_gates,
    lstm_step,
    lstm_step_backward,
    lstm_update,
    rnn_step,
    unroll,
)
from coursekit.nn.wrappers import Bidirectional, BidirectionalState, SequenceLayer, Stacked, merge_directions

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
    "SequenceLayer",
    "Stacked",
    "gru_step",
    "lstm_gates",
    "lstm_step",
    "lstm_step_backward",
    "lstm_update",
    "merge_directions",
    "rnn_step",
]


class _Recurrent(SequenceLayer):
    """What the three layers share: two weights, and the checks of what comes in."""

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

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Weights uniform in +-1/sqrt(H), as in PyTorch; all else 0."""
        for name, parameter in self.named_parameters():
            if name in ("weight_ih", "weight_hh"):
                parameter.uniform_(-(self.hidden_size**-0.5), self.hidden_size**-0.5)
            else:
                parameter.zero_()

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}"

    def _begin(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """The checked input, time first, 0 in the padding, in the precision of autocast if on: (T, N, D)."""
        name, dtype = type(self).__name__, self.weight_ih.dtype
        received = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        if not isinstance(x, Tensor) or x.ndim != 3 or x.shape[2] != self.input_size or x.shape[1] == 0:
            raise ValueError(
                f"{name} expects x of shape (N, T, {self.input_size}) with T at least 1; got {received}"
            )
        if dtype == torch.float32 and _autocast(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
        elif x.dtype != dtype:
            raise TypeError(f"{name} expects x of dtype {dtype}, that of its weights; got {x.dtype}")
        x = x.to(dtype).transpose(0, 1)  # (T, N, D)
        if lengths is not None:
            _check_lengths(lengths, *x.shape[:2])
            x = x.masked_fill(_padding(lengths.to(x.device), len(x)), 0)
        return x.contiguous()

    def _initial(self, given: Tensor | None, x: Tensor) -> Tensor:
        """The checked state before the steps x (T, N, D), zeros if none is given: (N, H)."""
        name, expected = type(self).__name__, (x.shape[1], self.hidden_size)
        if given is None:
            return x.new_zeros(expected)
        received = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
        if received != expected:
            raise ValueError(f"{name} expects a state of shape {expected}; got {received}")
        if given.dtype != x.dtype == self.weight_ih.dtype:
            raise TypeError(f"{name} expects a state of dtype {x.dtype}, that of x; got {given.dtype}")
        return given.to(x.dtype)


class RNN(_Recurrent):
    r"""Plain recurrent network.

    $$h_t = \phi(W_{xh} x_t + W_{hh} h_{t-1} + b_h), \qquad h_0 = 0$$
    Shapes: x (N, T, D), state (N, H) -> output (N, T, H), last state.
    Source: Elman (1990), Finding structure in time.
    Differs from `torch.nn.RNN`: one bias.
    """

    def __init__(self, input_size: int, hidden_size: int, activation: Activation = "tanh") -> None:
        super().__init__(input_size, hidden_size, blocks=1)
        check_choice("activation", activation, Activation)
        self.activation: Activation = activation
        self.bias = nn.Parameter(torch.empty(hidden_size))
        self.reset_parameters()

    def extra_repr(self) -> str:
        return super().extra_repr() + _options(self, activation="tanh")

    def forward(
        self, x: Tensor, state: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        x = self._begin(x, lengths)  # (T, N, D)
        h = self._initial(state, x)
        weight_ih, weight_hh, bias = _cast(x.dtype, self.weight_ih, self.weight_hh, self.bias)
        if self.activation == "tanh":
            states = rnn_sequence(x, h, weight_ih, weight_hh, bias)  # (T, N, H)
        else:

            def step(x_t: Tensor, h: Tensor) -> Tensor:
                return rnn_step(x_t, h, weight_ih, weight_hh, bias, self.activation)

            states = torch.stack(unroll(step, x, h))  # (T, N, H)
        return _output(states, lengths), _last(states, lengths)


class LSTM(_Recurrent):
    r"""Long short-term memory with a forget gate.

    $$c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh(c_t)$$
    with the gates of `lstm_gates`. `forget_bias` is where the forget gate's bias starts. `peephole` lets
    the gates see the memory through `weight_peephole` (3, H), rows i, f, o, which starts at 0, as the plain
    LSTM; `output_activation="identity"` shows $c_t$ unsquashed. In training, the two dropouts zero features
    of $x_t$ and of the $h_{t-1}$ that the gates read; each sequence draws one mask and keeps it for all its
    steps.
    Shapes: x (N, T, D), state (N, H) each -> output (N, T, H), last state.
    Source: Hochreiter and Schmidhuber (1997); forget gate, Gers et al. (2000); peephole, Gers and Schmidhuber
    (2000); dropout, Gal and Ghahramani (2016).
    Differs from `torch.nn.LSTM`: one bias per gate, a forget bias that starts at 1, the options.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        peephole: bool = False,
        output_activation: OutputActivation = "tanh",
        forget_bias: float = 1.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(input_size, hidden_size, blocks=4)
        check_choice("output_activation", output_activation, OutputActivation)
        for name, p in (("input_dropout", input_dropout), ("recurrent_dropout", recurrent_dropout)):
            if not 0 <= p < 1:
                raise ValueError(f"{name} must be at least 0 and below 1; got {p}")
        self.peephole = peephole
        self.output_activation: OutputActivation = output_activation
        self.forget_bias = forget_bias
        self.input_dropout = input_dropout
        self.recurrent_dropout = recurrent_dropout
        self.bias = nn.Parameter(torch.empty(4 * hidden_size))
        self.weight_peephole = nn.Parameter(torch.empty(3, hidden_size)) if peephole else None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Weights uniform in +-1/sqrt(H), as in PyTorch; the forget gate's bias as set; all else 0."""
        super().reset_parameters()
        self.bias[self.hidden_size : 2 * self.hidden_size] = self.forget_bias

    def extra_repr(self) -> str:
        return super().extra_repr() + _options(
            self, peephole=False, output_activation="tanh", input_dropout=0.0, recurrent_dropout=0.0
        )

    def forward(
        self, x: Tensor, state: LSTMState | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, LSTMState]:
        x = self._begin(x, lengths)  # (T, N, D)
        state = self._initial_state(state, x)
        if self.training and self.input_dropout > 0:
            x = x * F.dropout(torch.ones_like(x[0]), self.input_dropout)  # one mask (N, D) for all steps
        drops_state = self.training and self.recurrent_dropout > 0
        if drops_state or self.weight_peephole is not None or self.output_activation != "tanh":
            states = self._loop(x, state)
        else:
            states = lstm_sequence(x, state, *self._weights(x.dtype))  # (T, N, H) each
        return _output(states.h, lengths), LSTMState(_last(states.h, lengths), _last(states.c, lengths))

    def trace(self, x: Tensor, state: LSTMState | None = None) -> tuple[LSTMGates, LSTMState]:
        """Every gate and every state along x (N, T, D), (N, T, H) each; without dropout, for pictures."""
        x = self._begin(x, None)  # (T, N, D)
        state = self._initial_state(state, x)
        weights, peephole = self._weights(x.dtype), self._peephole(x.dtype)
        gates, states = [], []
        for x_t in x.unbind():
            gates.append(lstm_gates(x_t, state, *weights, peephole=peephole))
            state = lstm_update(gates[-1], state.c, output_activation=self.output_activation)
            states.append(state)
        return (
            LSTMGates(*(torch.stack(gate, dim=1) for gate in zip(*gates, strict=True))),
            LSTMState(*(torch.stack(each, dim=1) for each in zip(*states, strict=True))),
        )

    def _loop(self, x: Tensor, state: LSTMState) -> LSTMState:
        """States along x (T, N, D), with all options: (T, N, H) each."""
        weights, peephole = self._weights(x.dtype), self._peephole(x.dtype)
        mask = F.dropout(torch.ones_like(state.h), self.recurrent_dropout, self.training)  # (N, H)

        def step(x_t: Tensor, state: LSTMState) -> LSTMState:
            seen = LSTMState(state.h * mask, state.c)
            return lstm_step(x_t, seen, *weights, peephole=peephole, output_activation=self.output_activation)

        return LSTMState(*map(torch.stack, zip(*unroll(step, x, state), strict=True)))

    def _initial_state(self, given: LSTMState | None, x: Tensor) -> LSTMState:
        if given is not None and not (isinstance(given, tuple) and len(given) == 2):
            raise TypeError(f"LSTM expects its state as LSTMState(h, c); got {type(given).__name__}")
        h, c = (None, None) if given is None else given
        return LSTMState(self._initial(h, x), self._initial(c, x))

    def _weights(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        return _cast(dtype, self.weight_ih, self.weight_hh, self.bias)

    def _peephole(self, dtype: torch.dtype) -> Peephole | None:
        return None if self.weight_peephole is None else Peephole(*self.weight_peephole.to(dtype))


class GRU(_Recurrent):
    r"""Gated recurrent unit.

    $$h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t$$
    with the gates and the candidate of `gru_step`. `reset="after"` applies the reset gate after the recurrent
    product, as PyTorch does; `reset="before"`, as the first paper, with one bias instead of two.
    `update="new"` exchanges $z_t$ and $1 - z_t$, which only changes the meaning of the weights.
    Shapes: x (N, T, D), state (N, H) -> output (N, T, H), last state.
    Source: Cho et al. (2014), Learning phrase representations; `update="new"`, Chung et al. (2014).
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, reset: Reset = "after", update: Update = "old"
    ) -> None:
        super().__init__(input_size, hidden_size, blocks=3)
        check_choice("reset", reset, Reset)
        check_choice("update", update, Update)
        self.reset: Reset = reset
        self.update: Update = update
        self.bias_ih = nn.Parameter(torch.empty(3 * hidden_size))
        self.bias_hh = nn.Parameter(torch.empty(3 * hidden_size)) if reset == "after" else None
        self.reset_parameters()

    def extra_repr(self) -> str:
        return super().extra_repr() + _options(self, reset="after", update="old")

    def forward(
        self, x: Tensor, state: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        x = self._begin(x, lengths)  # (T, N, D)
        h = self._initial(state, x)
        weight_ih, weight_hh, bias_ih = _cast(x.dtype, self.weight_ih, self.weight_hh, self.bias_ih)
        bias_hh = None if self.bias_hh is None else self.bias_hh.to(x.dtype)
        if bias_hh is not None and self.update == "old":
            states = gru_sequence(x, h, weight_ih, weight_hh, bias_ih, bias_hh)  # (T, N, H)
        else:

            def step(x_t: Tensor, h: Tensor) -> Tensor:
                weights = (weight_ih, weight_hh, bias_ih, bias_hh)
                return gru_step(x_t, h, *weights, reset=self.reset, update=self.update)

            states = torch.stack(unroll(step, x, h))  # (T, N, H)
        return _output(states, lengths), _last(states, lengths)


def _cast(dtype: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.to(dtype) for tensor in tensors)


def _autocast(device: str) -> bool:
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _options(layer: nn.Module, **defaults: object) -> str:
    """For a layer's printed form: those of its options that differ from their defaults."""
    values = {name: getattr(layer, name) for name in defaults}
    return "".join(f", {name}={value!r}" for name, value in values.items() if value != defaults[name])


def _check_lengths(lengths: Tensor, steps: int, sequences: int) -> None:
    expected = f"lengths must be an integer tensor of shape ({sequences},), one length per sequence"
    if not isinstance(lengths, Tensor):
        raise TypeError(f"{expected}; got {type(lengths).__name__}")
    if lengths.shape != (sequences,) or lengths.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"{expected}; got {lengths.dtype} of shape {tuple(lengths.shape)}")
    if not lengths.is_meta and sequences and not 1 <= int(lengths.min()) <= int(lengths.max()) <= steps:
        raise ValueError(
            f"lengths must lie between 1 and T = {steps}; got {int(lengths.min())} to {int(lengths.max())}"
        )


def _output(states: Tensor, lengths: Tensor | None) -> Tensor:
    """(T, N, H) -> (N, T, H), 0 behind each sequence's end."""
    if lengths is not None:
        states = states.masked_fill(_padding(lengths.to(states.device), len(states)), 0)
    return states.transpose(0, 1)


def _last(states: Tensor, lengths: Tensor | None) -> Tensor:
    """(T, N, H) -> (N, H), after each sequence's last real step."""
    if lengths is None:
        return states[-1]
    return states[lengths.to(states.device) - 1, torch.arange(states.shape[1], device=states.device)]


def _padding(lengths: Tensor, steps: int) -> Tensor:
    """True behind each sequence's end: (N,) -> (T, N, 1)."""
    return (torch.arange(steps, device=lengths.device)[:, None] >= lengths)[:, :, None]
