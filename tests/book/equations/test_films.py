"""The equations of the page on films and music, written out plainly, against the package and PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.nn.cells import LSTMState
from coursekit.nn.convolutional_recurrent import ConvLSTM, conv_lstm_step
from coursekit.nn.recurrent import LSTM
from coursekit.nn.video import FrameClassifier

N, T, C, O, H, W, K = 2, 4, 3, 5, 6, 7, 3  # all different but the kernel  # noqa: E741


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """The sum of the definition, place by place of the kernel, with zeros around x: the size stays."""
    reach = weight.shape[-1] // 2
    padded = F.pad(x, [reach] * 4)
    result = x.new_zeros(len(x), len(weight), *x.shape[2:])
    for down in range(weight.shape[-1]):
        for right in range(weight.shape[-1]):
            seen = padded[:, :, down : down + x.shape[2], right : right + x.shape[3]]
            result += torch.einsum("nchw,oc->nohw", seen, weight[:, :, down, right])
    return result


@pytest.mark.topic("RNN-69")
@pytest.mark.parametrize("seed", range(3))
def test_eq_conv_lstm(seed: int) -> None:
    torch.manual_seed(seed)
    x, h, c = normal(N, C, H, W), normal(N, O, H, W), normal(N, O, H, W)
    weights = {gate: (normal(O, C, K, K), normal(O, O, K, K), normal(O)) for gate in "ifgo"}

    def inside(gate: str) -> Tensor:
        w, u, b = weights[gate]
        return convolve(x, w) + convolve(h, u) + b[:, None, None]

    i, f, o = (inside(gate).sigmoid() for gate in "ifo")
    new_c = f * c + i * inside("g").tanh()
    blocks = [torch.cat([weights[gate][part] for gate in "ifgo"]) for part in range(3)]
    state = conv_lstm_step(x, LSTMState(h, c), *blocks)
    assert_close(state.c, new_c)
    assert_close(state.h, o * new_c.tanh())


@pytest.mark.topic("RNN-69")
def test_a_convolutional_lstm_is_an_lstm_at_every_pixel_for_kernels_of_one() -> None:
    """PyTorch's LSTM, run at each pixel alone, with the 1x1 kernels as its matrices."""
    torch.manual_seed(0)
    ours, theirs = ConvLSTM(C, O, 1).double(), nn.LSTM(C, O, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.weight_ih[..., 0, 0])
        theirs.weight_hh_l0.copy_(ours.weight_hh[..., 0, 0])
        theirs.bias_ih_l0.copy_(ours.bias)
        theirs.bias_hh_l0.zero_()
    x = normal(N, T, C, H, W)
    pixels = x.permute(0, 3, 4, 1, 2).reshape(N * H * W, T, C)
    expected = theirs(pixels)[0].view(N, H, W, T, O).permute(0, 3, 4, 1, 2)
    assert_close(ours(x)[0], expected)


@pytest.mark.topic("RNN-70", "APP-11")
def test_eq_frame_classifier() -> None:
    torch.manual_seed(0)
    features, hidden, classes = 4, 5, 3
    cnn = nn.Sequential(nn.Conv2d(C, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 4 * 5, features))
    model = FrameClassifier(cnn, features, hidden, classes).double()
    theirs = nn.LSTM(features, hidden, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(model.layer.weight_ih)
        theirs.weight_hh_l0.copy_(model.layer.weight_hh)
        theirs.bias_ih_l0.copy_(model.layer.bias)
        theirs.bias_hh_l0.zero_()
    x = normal(N, T, C, H, W)
    v = torch.stack([cnn(x[:, t]) for t in range(T)], dim=1)  # (N, T, F)
    last = theirs(v)[0][:, -1]
    assert_close(model(x), last @ model.head.weight.T + model.head.bias)


@pytest.mark.topic("APP-10")
def test_a_writer_that_begins_where_a_reader_stopped_is_one_lstm() -> None:
    """Handing over h and c: two layers with the same weights, one after the other, are one on the whole."""
    torch.manual_seed(0)
    layer = nn.LSTM(C, O, batch_first=True).double()
    film, caption = normal(N, T, C), normal(N, 3, C)
    ours = LSTM(C, O).double()
    with torch.no_grad():
        ours.weight_ih.copy_(layer.weight_ih_l0)
        ours.weight_hh.copy_(layer.weight_hh_l0)
        ours.bias.copy_(layer.bias_ih_l0 + layer.bias_hh_l0)
    _, state = ours(film)
    assert_close(ours(caption, state)[0], layer(torch.cat([film, caption], dim=1))[0][:, T:])
