"""Convolutional LSTM and GRU: one pixel is a plain LSTM or GRU, many pixels are the equation written out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.cells import LSTMState
from coursekit.nn.convolutional import conv2d
from coursekit.nn.convolutional_recurrent import ConvGRU, ConvLSTM, conv_gru_step, conv_lstm_step
from coursekit.nn.recurrent import GRU

pytestmark = pytest.mark.topic("RNN-69")
LAYERS: dict[str, Callable[..., ConvLSTM | ConvGRU]] = {
    "lstm": ConvLSTM,
    "gru": ConvGRU,
    "gru, reset before": lambda *sizes: ConvGRU(*sizes, reset="before"),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=LAYERS)
def make(request: pytest.FixtureRequest) -> Callable[..., ConvLSTM | ConvGRU]:
    return LAYERS[request.param]


def parts(state: LSTMState | Tensor) -> tuple[Tensor, ...]:
    return tuple(state) if isinstance(state, LSTMState) else (state,)


def copy_weights(ours: ConvLSTM | ConvGRU, theirs: nn.RNNBase) -> list[tuple[Tensor, Tensor]]:
    """Give the middle of our kernels their weights; (our parameter, their twin) of all that is learned."""
    middle, twins = ours.kernel_size // 2, []
    for name, parameter in ours.named_parameters():
        twin = getattr(theirs, ("bias_ih" if name == "bias" else name) + "_l0")
        other = theirs.bias_hh_l0 if name == "bias" else torch.zeros_like(twin)
        target = parameter.data[:, :, middle, middle] if parameter.ndim == 4 else parameter.data
        target.copy_(twin + other)
        twins.append((parameter, twin))
    return twins


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize(("kind", "N", "T"), [("lstm", 3, 6), ("lstm", 1, 1), ("gru", 3, 6), ("gru", 1, 1)])
def test_a_picture_of_one_pixel_needs_no_convolution(
    kind: str, N: int, T: int, kernel_size: int, dtype: torch.dtype
) -> None:
    """torch.nn's LSTM and GRU: outputs, last states, and all gradients under random cotangents."""
    C, O, close = 4, 3, {"atol": 1e-10 if dtype == torch.float64 else 1e-5, "rtol": 0}  # noqa: E741
    ours = LAYERS[kind](C, O, kernel_size).to(dtype)
    theirs = (nn.LSTM if kind == "lstm" else nn.GRU)(C, O, batch_first=True, dtype=dtype)
    twins = copy_weights(ours, theirs)
    x = torch.randn(N, T, C, dtype=dtype, requires_grad=True)
    start = [torch.randn(1, N, O, dtype=dtype, requires_grad=True) for _ in range(2 if kind == "lstm" else 1)]
    images = [part[0, :, :, None, None] for part in start]
    output, last = ours(x[..., None, None], LSTMState(*images) if kind == "lstm" else images[0])
    expected, their_last = theirs(x, tuple(start) if kind == "lstm" else start[0])
    got = [tensor[..., 0, 0] for tensor in (output, *parts(last))]
    wanted = [expected, *(part[0] for part in (their_last if kind == "lstm" else (their_last,)))]
    for a, b in zip(got, wanted, strict=True):
        assert_close(a, b, **close)
    cotangents = [torch.randn_like(tensor) for tensor in wanted]
    gradients = torch.autograd.grad(got, [x, *start, *(ours_ for ours_, _ in twins)], cotangents)
    twin_gradients = torch.autograd.grad(wanted, [x, *start, *(twin for _, twin in twins)], cotangents)
    middle = kernel_size // 2
    for a, b in zip(gradients, twin_gradients, strict=True):
        if a.ndim == 4:
            around = a.clone()
            around[:, :, middle, middle] = 0
            assert not around.any()
            a = a[:, :, middle, middle]
        assert_close(a, b, **close)


def test_a_kernel_of_one_pixel_is_a_network_at_every_pixel() -> None:
    ours, theirs = ConvLSTM(4, 3, 1).double(), nn.LSTM(4, 3, batch_first=True).double()
    copy_weights(ours, theirs)
    x = torch.randn(2, 5, 4, 3, 6).double()
    output, state = ours(x)
    expected, (h, c) = theirs(x.permute(0, 3, 4, 1, 2).flatten(0, 2))  # (2 * 3 * 6, 5, 4)
    assert_close(output.permute(0, 3, 4, 1, 2).flatten(0, 2), expected)
    for got, want in zip(state, (h[0], c[0]), strict=True):
        assert_close(got.permute(0, 2, 3, 1).flatten(0, 2), want)


def test_one_pixel_with_the_reset_before_the_product_is_our_gru() -> None:
    ours, plain = ConvGRU(4, 3, 3, reset="before").double(), GRU(4, 3, reset="before").double()
    with torch.no_grad():
        plain.bias_ih.normal_()
        ours.weight_ih[:, :, 1, 1] = plain.weight_ih
        ours.weight_hh[:, :, 1, 1] = plain.weight_hh
        ours.bias_ih.copy_(plain.bias_ih)
    x = torch.randn(2, 5, 4).double()
    assert_close(ours(x[..., None, None])[0][..., 0, 0], plain(x)[0])


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_steps_as_the_equations_say(kernel_size: int) -> None:
    """Gate by gate, with the convolution from its definition, on pictures that are not square."""

    def conv(x: Tensor, weight: Tensor) -> Tensor:
        return conv2d(x, weight, padding=kernel_size // 2)

    x, h, c = (torch.randn(2, channels, 4, 6).double() for channels in (3, 2, 2))
    weight_ih = torch.randn(8, 3, kernel_size, kernel_size).double()
    weight_hh = torch.randn(8, 2, kernel_size, kernel_size).double()
    bias, bias_hh = torch.randn(2, 8).double()
    blocks = zip(weight_ih.split(2), weight_hh.split(2), bias[:, None, None].split(2), strict=True)
    a = [conv(x, w) + conv(h, u) + b for w, u, b in blocks]
    memory = a[1].sigmoid() * c + a[0].sigmoid() * a[2].tanh()
    state = conv_lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias)
    assert_close(state.c, memory)
    assert_close(state.h, a[3].sigmoid() * memory.tanh())

    weight_ih, weight_hh, bias, bias_hh = (each[:6] for each in (weight_ih, weight_hh, bias, bias_hh))
    total = (bias + bias_hh)[:, None, None]
    r, z = (
        (conv(x, weight_ih) + conv(h, weight_hh) + total).sigmoid()[:, part]
        for part in (slice(2), slice(2, 4))
    )
    from_input = conv(x, weight_ih[4:]) + bias[4:, None, None]
    after = (from_input + r * (conv(h, weight_hh[4:]) + bias_hh[4:, None, None])).tanh()
    before = (from_input + conv(r * h, weight_hh[4:]) + bias_hh[4:, None, None]).tanh()
    arguments = (x, h, weight_ih, weight_hh, bias, bias_hh)
    assert_close(conv_gru_step(*arguments), z * h + (1 - z) * after)
    assert_close(conv_gru_step(*arguments, reset="before"), z * h + (1 - z) * before)
    added = (x, h, weight_ih, weight_hh, bias + bias_hh, None)
    assert_close(conv_gru_step(*added, reset="before"), z * h + (1 - z) * before)


def test_gradients_of_the_layers(make: Callable[..., ConvLSTM | ConvGRU]) -> None:
    layer = make(2, 2, 3).double()
    x = torch.randn(1, 3, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x)[0], x)
    gradients = torch.autograd.grad(layer(x)[0].square().sum(), list(layer.parameters()))
    assert all(gradient.any() for gradient in gradients)


def test_a_clip_in_two_halves_equals_the_whole(make: Callable[..., ConvLSTM | ConvGRU]) -> None:
    layer, x = make(3, 2, 3).double(), torch.randn(2, 7, 3, 5, 4).double()
    whole, last = layer(x)
    assert whole.shape == (2, 7, 2, 5, 4)
    first, state = layer(x[:, :3])
    second, state = layer(x[:, 3:], state)
    assert_close(torch.cat([first, second], dim=1), whole)
    for got, expected in zip(parts(state), parts(last), strict=True):
        assert_close(got, expected)
    assert_close(parts(last)[0], whole[:, -1])


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_news_travels_half_a_kernel_a_frame(kernel_size: int) -> None:
    """And one kernel further where the gates of the neighbours come before the product."""
    clip = torch.zeros(1, 4, 1, 25, 25, dtype=torch.float64)
    changed = clip.clone()
    changed[0, 1, 0, 12, 12] = 1
    for make in (ConvLSTM, ConvGRU):
        layer = make(1, 2, kernel_size).double()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.normal_()
        difference = (layer(changed)[0] - layer(clip)[0]).abs().sum(dim=2)[0]  # (T, 25, 25)
        assert not difference[0].any(), "nothing goes back in time"
        for t in (1, 2, 3):
            reach = t * (kernel_size // 2)
            seen = torch.zeros(25, 25, dtype=torch.bool)
            seen[12 - reach : 13 + reach, 12 - reach : 13 + reach] = True
            assert torch.equal(difference[t] > 0, seen)


def test_what_moves_in_moves_out(make: Callable[..., ConvLSTM | ConvGRU]) -> None:
    """Away from the border a shifted clip gives the shifted output."""
    layer, x = make(1, 2, 3).double(), torch.zeros(1, 3, 1, 20, 20).double()
    x[..., 8:11, 8:11] = torch.randn(1, 3, 1, 3, 3).double()
    inner = slice(5, 13)
    output, shifted = layer(x)[0], layer(x.roll((2, 1), (3, 4)))[0]
    assert_close(shifted[..., 7:15, 6:14], output[..., inner, inner])
    assert (output[..., inner, inner] - shifted[..., inner, inner]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        (ConvLSTM(1, 16, 5), 4 * 16 * (17 * 25 + 1)),
        (ConvLSTM(64, 128, 1), 98_816),  # that of LSTM(64, 128)
        (ConvGRU(3, 8), 3 * 8 * (11 * 9 + 2)),
        (ConvGRU(64, 128, 1), 74_496),
        (ConvGRU(64, 128, 1, reset="before"), 74_112),
    ],
)
def test_parameter_counts(layer: nn.Module, count: int) -> None:
    assert sum(parameter.numel() for parameter in layer.parameters()) == count


def test_where_weights_begin(make: Callable[..., ConvLSTM | ConvGRU]) -> None:
    layer = make(2, 4, 3)
    for weight in (layer.weight_ih, layer.weight_hh):
        assert 0.9 / 6 < weight.abs().max() <= 1 / 6  # 1/sqrt(4 * 9)
    if isinstance(layer, ConvLSTM):
        assert layer.bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    else:
        assert not layer.bias_ih.any()


CLIP = torch.zeros(2, 3, 1, 4, 5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ConvLSTM(0, 4), "in_channels must be at least 1; got 0"),
        (lambda: ConvGRU(1, 0), "hidden_channels must be at least 1; got 0"),
        (lambda: ConvLSTM(1, 4, 2), "kernel_size must be odd, .*; got 2"),
        (lambda: ConvGRU(1, 4, reset="never"), "reset must be one of 'after', 'before'; got 'never'"),
        (lambda: ConvLSTM(1, 4)(CLIP[0]), r"ConvLSTM expects x of shape \(N, T, 1, H, W\) .*\(3, 1, 4, 5\)"),
        (lambda: ConvGRU(2, 4)(CLIP), r"shape \(N, T, 2, H, W\) .*; got \(2, 3, 1, 4, 5\)"),
        (lambda: ConvGRU(1, 4)(CLIP[:, :0]), r"T at least 1; got \(2, 0, 1, 4, 5\)"),
        (
            lambda: ConvGRU(1, 4)(CLIP, torch.zeros(2, 4)),
            r"ConvGRU expects a state of shape \(2, 4, 4, 5\); got \(2, 4\)",
        ),
        (
            lambda: ConvLSTM(1, 4)(CLIP, LSTMState(torch.zeros(2, 4, 4, 5), torch.zeros(2, 4, 5, 4))),
            r"ConvLSTM expects a state of shape \(2, 4, 4, 5\); got \(2, 4, 5, 4\)",
        ),
    ],
)
def test_errors_say_what_was_expected_and_received(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
