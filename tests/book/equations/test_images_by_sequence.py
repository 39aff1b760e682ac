"""The equations of the page on pictures as sequences, written out plainly, against package and PyTorch."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.image_sequence import ResidualCoder, RowModel
from coursekit.nn.recurrent import LSTM


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.topic("RNN-72", "APP-12")
@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_eq_image_factorisation(seed: int) -> None:
    """Each factor from its definition, a ratio of sums over all pictures of 2 x 3 pixels."""
    torch.manual_seed(seed)
    model = RowModel(3, 4, within_row=True).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    pictures = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6))).double()  # (64, 6)
    p = model.log_prob(pictures.view(-1, 1, 2, 3)).exp()  # (64,)
    logits = model(pictures.view(-1, 1, 2, 3)).flatten(1)  # (64, 6)
    for x, log_p, a in zip(pictures, p.log(), logits, strict=True):
        factors = []
        for i in range(6):
            before = (pictures[:, :i] == x[:i]).all(dim=1)  # those that begin alike
            with_pixel = before & (pictures[:, i] == x[i])
            factors.append(p[with_pixel].sum() / p[before].sum())
            assert_close(factors[-1], a[i].sigmoid() if x[i] == 1 else 1 - a[i].sigmoid())
        assert_close(torch.stack(factors).log().sum(), log_p)


def like(ours: LSTM) -> nn.LSTM:
    """PyTorch's LSTM with the same weights."""
    theirs = nn.LSTM(ours.input_size, ours.hidden_size, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.weight_ih)
        theirs.weight_hh_l0.copy_(ours.weight_hh)
        theirs.bias_ih_l0.copy_(ours.bias)
        theirs.bias_hh_l0.zero_()
    return theirs


@pytest.mark.topic("RNN-73", "APP-13")
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_eq_residual_coding(gain: float) -> None:
    torch.manual_seed(0)
    N, P, K, T = 3, 12, 5, 4
    coder = ResidualCoder((1, 3, 4), hidden_size=6, bits=K, iterations=T, gain=gain).double().eval()
    sender, receiver = like(coder.encoder), like(coder.decoder)
    x = torch.rand(N, P, dtype=torch.float64)
    picture, e, d = torch.full_like(x, 0.5), None, None
    codes, pictures = [], []
    for t in range(1, T + 1):
        residual = x - picture
        seen, e = sender((gain ** (t - 1) * residual)[:, None], e)
        bits = (seen[:, 0] @ coder.to_bits.weight.T + coder.to_bits.bias).tanh().sign()
        said, d = receiver(bits[:, None], d)
        correction = said[:, 0] @ coder.to_pixels.weight.T + coder.to_pixels.bias
        picture = picture + gain ** (1 - t) * correction
        codes.append(bits > 0)
        pictures.append(picture)
    assert torch.equal(coder.encode(x.view(N, 1, 3, 4)), torch.stack(codes, dim=1))
    assert_close(coder(x.view(N, 1, 3, 4)).flatten(2), torch.stack(pictures, dim=1))
