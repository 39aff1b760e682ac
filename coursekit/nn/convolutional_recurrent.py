r"""Recurrent layers for images: where an LSTM or GRU multiplies by a matrix, these convolve.

Letters: N batch, T time, C channels in, O hidden channels, H and W height and width, k kernel size, odd. A
state is itself an image, (N, O, H, W): every pixel has a memory, and its gates see its neighbourhood. $*$ is
the convolution of deep learning, bordered by zeros so that sizes stay. Weights stand in PyTorch's order, i,
f, g, o and r, z, n, as in `coursekit.nn.cells`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.cells import LSTMGates, LSTMState, Reset, check_choice, lstm_update, unroll


def conv_lstm_step(
    x: Tensor, state: LSTMState, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
) -> LSTMState:
    r"""One step of an LSTM whose products are convolutions.

    $$i_t, f_t, o_t = \sigma(W_\bullet * x_t + U_\bullet * h_{t-1} + b_\bullet), \qquad
      g_t = \tanh(W_g * x_t + U_g * h_{t-1} + b_g)$$
    and then, pixel by pixel, `lstm_update`.
    Shapes: x (N, C, H, W), state (N, O, H, W) each, weight_ih (4O, C, k, k), weight_hh (4O, O, k, k),
    bias (4O,) -> (N, O, H, W) each.
    Source: Shi et al. (2015), Convolutional LSTM network. There gates also see the memory, each pixel through
    a weight of its own, which ties a network to one image size; here they do not.
    """
    a = _conv(x, weight_ih, bias) + _conv(state.h, weight_hh)  # (N, 4O, H, W)
    i, f, g, o = a.chunk(4, dim=1)  # (N, O, H, W) each
    return lstm_update(LSTMGates(i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()), state.c)


def conv_gru_step(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor | None,
    *,
    reset: Reset = "after",
) -> Tensor:
    r"""One step of a GRU whose products are convolutions; $z_t$ is the share of the old state that is kept.

    $$r_t, z_t = \sigma(W_\bullet * x_t + b_\bullet + U_\bullet * h_{t-1} + b'_\bullet), \qquad
      h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t$$
    with the reset gate after the convolution, as in `torch.nn.GRU`, or before it, as in the paper:
    $$n_t = \tanh(W_n * x_t + b_n + r_t \odot (U_n * h_{t-1} + b'_n)) \quad\text{or}\quad
      n_t = \tanh(W_n * x_t + b_n + U_n * (r_t \odot h_{t-1}) + b'_n)$$
    Before it, `bias_hh` may be None. A kernel of more than one pixel makes the two differ by more than names:
    before it, the gates of the neighbours matter as well.
    Shapes: x (N, C, H, W), h (N, O, H, W), weight_ih (3O, C, k, k), weight_hh (3O, O, k, k), biases (3O,)
    -> (N, O, H, W).
    Source: Ballas et al. (2016), Delving deeper into convolutional networks for learning video
    representations, whose $z_t$ is our $1 - z_t$.
    """
    check_choice("reset", reset, Reset)
    size = h.shape[1]
    a = _conv(x, weight_ih, bias_ih)  # (N, 3O, H, W)
    if reset == "after":
        from_state = _conv(h, weight_hh, bias_hh)  # (N, 3O, H, W)
        r, z = (a[:, : 2 * size] + from_state[:, : 2 * size]).sigmoid().chunk(2, dim=1)
        n = (a[:, 2 * size :] + r * from_state[:, 2 * size :]).tanh()
    else:
        a = a if bias_hh is None else a + bias_hh[:, None, None]
        r, z = (a[:, : 2 * size] + _conv(h, weight_hh[: 2 * size])).sigmoid().chunk(2, dim=1)
        n = (a[:, 2 * size :] + _conv(r * h, weight_hh[2 * size :])).tanh()
    return z * h + (1 - z) * n


class _ConvRecurrent(nn.Module):
    """What both layers share: two weights, and the checks of what comes in."""

    def __init__(self, in_channels: int, hidden_channels: int, kernel_size: int, blocks: int) -> None:
        super().__init__()
        for name, size in (("in_channels", in_channels), ("hidden_channels", hidden_channels)):
            if size < 1:
                raise ValueError(f"{name} must be at least 1; got {size}")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, so that it has a middle; got {kernel_size}")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.kernel_size = kernel_size
        kernel, rows = (kernel_size, kernel_size), blocks * hidden_channels
        self.weight_ih = nn.Parameter(torch.empty(rows, in_channels, *kernel))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_channels, *kernel))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        r"""Weights uniform in +-1/sqrt(O k²), which for one pixel is an LSTM's or GRU's; biases 0."""
        bound = (self.hidden_channels * self.kernel_size**2) ** -0.5
        for name, parameter in self.named_parameters():
            if name in ("weight_ih", "weight_hh"):
                parameter.uniform_(-bound, bound)
            else:
                parameter.zero_()

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.hidden_channels}, kernel_size={self.kernel_size}"

    def _begin(self, x: Tensor) -> Tensor:
        """The checked clips, time first: (N, T, C, H, W) -> (T, N, C, H, W)."""
        if x.ndim != 5 or x.shape[2] != self.in_channels or x.shape[1] == 0:
            raise ValueError(
                f"{type(self).__name__} expects x of shape (N, T, {self.in_channels}, H, W) "
                f"with T at least 1; got {tuple(x.shape)}"
            )
        return x.transpose(0, 1)

    def _initial(self, given: Tensor | None, x: Tensor) -> Tensor:
        """The checked state before the frames x (T, N, C, H, W), zeros if none is given: (N, O, H, W)."""
        expected = (x.shape[1], self.hidden_channels, *x.shape[3:])
        if given is None:
            return x.new_zeros(expected)
        if tuple(given.shape) != expected:
            raise ValueError(
                f"{type(self).__name__} expects a state of shape {expected}; got {tuple(given.shape)}"
            )
        return given


class ConvLSTM(_ConvRecurrent):
    r"""An LSTM that reads a clip frame by frame, with `conv_lstm_step`.

    Of a picture of one pixel only the middle of each kernel is used, and the layer is an LSTM; with a kernel
    of one pixel it is one at every pixel. After t more frames a pixel has reached those up to
    $(t + 1)(k - 1)/2$ pixels away.
    Parameters: $4O ((C + O) k^2 + 1)$, whatever the image size. The forget gate's bias starts at 1.
    Shapes: x (N, T, C, H, W), state (N, O, H, W) each -> output (N, T, O, H, W), last state.
    Source: Shi et al. (2015), Convolutional LSTM network, without peepholes.
    """

    def __init__(self, in_channels: int, hidden_channels: int, kernel_size: int = 3) -> None:
        super().__init__(in_channels, hidden_channels, kernel_size, blocks=4)
        self.bias = nn.Parameter(torch.empty(4 * hidden_channels))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """As both layers; the forget gate's bias 1."""
        super().reset_parameters()
        self.bias[self.hidden_channels : 2 * self.hidden_channels] = 1.0

    def forward(self, x: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        x = self._begin(x)  # (T, N, C, H, W)
        h, c = (None, None) if state is None else state
        start = LSTMState(self._initial(h, x), self._initial(c, x))

        def step(x_t: Tensor, state: LSTMState) -> LSTMState:
            return conv_lstm_step(x_t, state, self.weight_ih, self.weight_hh, self.bias)

        states = unroll(step, x, start)
        return torch.stack([state.h for state in states], dim=1), states[-1]


class ConvGRU(_ConvRecurrent):
    r"""A GRU that reads a clip frame by frame, with `conv_gru_step`.

    Parameters: $3O ((C + O) k^2 + 2)$ with two biases, for `reset="after"`; one fewer for `"before"`.
    Shapes: x (N, T, C, H, W), state (N, O, H, W) -> output (N, T, O, H, W), last state.
    Source: Ballas et al. (2016), Delving deeper into convolutional networks, with `reset="before"`.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int, kernel_size: int = 3, *, reset: Reset = "after"
    ) -> None:
        super().__init__(in_channels, hidden_channels, kernel_size, blocks=3)
        check_choice("reset", reset, Reset)
        self.reset: Reset = reset
        self.bias_ih = nn.Parameter(torch.empty(3 * hidden_channels))
        self.bias_hh = nn.Parameter(torch.empty(3 * hidden_channels)) if reset == "after" else None
        self.reset_parameters()

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self._begin(x)  # (T, N, C, H, W)

        def step(x_t: Tensor, h: Tensor) -> Tensor:
            weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
            return conv_gru_step(x_t, h, *weights, reset=self.reset)

        states = unroll(step, x, self._initial(state, x))
        return torch.stack(states, dim=1), states[-1]


def _conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution that keeps the image size."""
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
