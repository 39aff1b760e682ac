"""Images drawn and compressed by recurrent networks: probabilities add up, and more bits come closer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.data.images import digits
from coursekit.nn.image_sequence import ResidualCoder, RowModel, binarise
from coursekit.nn.recurrent import LSTMState, lstm_step


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def row_model(width: int, hidden_size: int, within_row: bool) -> RowModel:
    """In float64, all parameters random and large enough to matter."""
    model = RowModel(width, hidden_size, within_row).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


def every_image(rows: int, width: int) -> Tensor:
    """All images of 0 and 1, (2^(R W), 1, R, W)."""
    pixels = itertools.product([0.0, 1.0], repeat=rows * width)
    return torch.tensor(list(pixels), dtype=torch.float64).view(-1, 1, rows, width)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


# Drawing row by row --------------------------------------------------------------------------------------


@pytest.mark.topic("RNN-72")
@pytest.mark.parametrize("within_row", [False, True])
@pytest.mark.parametrize(("rows", "width"), [(3, 3), (1, 4), (4, 1), (5, 2)])
def test_the_probabilities_of_all_images_add_up_to_one(rows: int, width: int, within_row: bool) -> None:
    model = row_model(width, 4, within_row)
    total = model.log_prob(every_image(rows, width)).logsumexp(dim=0)
    assert total.item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.topic("RNN-72")
def test_probability_of_an_image_pixel_by_pixel() -> None:
    """The factors of p(x), each from the step of the LSTM and a logistic unit that sees what came before."""
    model, images = row_model(3, 4, within_row=True), every_image(2, 3)[[5, 44]]
    left = [[0, 0, 0], [model.left[0], 0, 0], [model.left[1], model.left[2], 0]]
    expected = torch.zeros(2, dtype=torch.float64)
    state, above = LSTMState(*torch.zeros(2, 2, 4, dtype=torch.float64)), torch.zeros(2, 3).double()
    for row in images[:, 0].unbind(1):  # (N, W)
        layer = model.layer
        state = lstm_step(above, state, layer.weight_ih, layer.weight_hh, layer.bias)
        for w in range(3):
            a = state.h @ model.head.weight[w] + model.head.bias[w]
            a = a + sum(left[w][k] * row[:, k] for k in range(3))
            expected = expected + torch.where(row[:, w] == 1, a.sigmoid(), 1 - a.sigmoid()).log()
        above = row
    assert_close(model.log_prob(images), expected)


@pytest.mark.topic("RNN-72")
@pytest.mark.parametrize("within_row", [False, True])
def test_a_pixel_depends_on_what_was_drawn_before_it_and_nothing_else(within_row: bool) -> None:
    model, image = row_model(4, 5, within_row), torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    expected = model(image)
    for r, w in itertools.product(range(4), repeat=2):
        changed = image.clone()
        changed[0, 0, r, w] = 1
        different = (model(changed) != expected)[0, 0]  # (R, W)
        assert not different[:r].any() and different[r + 1 :].all()
        assert not different[r, : w + 1].any(), "a pixel sees itself"
        assert different[r, w + 1 :].all() == within_row or w == 3


@pytest.mark.topic("RNN-72")
def test_images_are_drawn_as_often_as_they_are_probable() -> None:
    for within_row in (False, True):
        model, images = row_model(2, 3, within_row), every_image(2, 2)
        p, n = model.log_prob(images).exp(), 4000
        drawn = model.complete(torch.zeros(n, 1, 0, 2).double(), 2, torch.Generator().manual_seed(0))
        found = (drawn.flatten(1) @ torch.tensor([8.0, 4.0, 2.0, 1.0]).double()).long().bincount(minlength=16)
        chi_square = ((found - n * p).square() / (n * p)).sum().item()
        assert chi_square < 44.3  # 15 degrees of freedom: one sound sampler in ten thousand exceeds it


@pytest.mark.topic("RNN-72")
def test_a_completed_image_keeps_its_top_and_follows_the_conditional_probability() -> None:
    model, n = row_model(2, 3, within_row=True), 4000
    top = torch.tensor([1.0, 0.0]).double().expand(n, 1, 1, 2)
    drawn = model.complete(top, 2, torch.Generator().manual_seed(0))
    assert torch.equal(drawn[:, :, :1], top)
    p = model.log_prob(every_image(2, 2)[8:12]).softmax(dim=0)  # those whose first row is 1, 0
    found = (drawn[:, 0, 1] @ torch.tensor([2.0, 1.0]).double()).long().bincount(minlength=4)
    assert ((found - n * p).square() / (n * p)).sum().item() < 21.1  # 3 degrees of freedom, likewise
    assert torch.equal(model.complete(drawn, 2), drawn)
    again = model.complete(top, 2, torch.Generator().manual_seed(0))
    assert torch.equal(again, drawn)


@pytest.mark.topic("RNN-72")
@pytest.mark.parametrize("given", [0, 1, 3])
def test_drawing_reads_the_same_states_as_the_finished_image(given: int) -> None:
    model, read = row_model(2, 3, within_row=True), list[Tensor]()
    model.head.register_forward_pre_hook(lambda module, arguments: read.append(arguments[0]))
    drawn = model.complete(torch.ones(5, 1, given, 2).double(), 6)
    model(drawn)
    *each, whole = read
    assert_close(torch.stack(each, dim=1), whole[:, given:])


@pytest.mark.topic("RNN-72")
@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (lambda: RowModel(8, 64), 18_688 + 520),
        (lambda: RowModel(8, 64, within_row=True), 18_688 + 520 + 28),
        (lambda: RowModel(28, 128), 80_384 + 3_612),
        (lambda: RowModel(1, 32), 4_352 + 33),
        (lambda: RowModel(1, 32, within_row=True), 4_352 + 33),
    ],
)
def test_counts_of_the_row_model(make: Callable[[], RowModel], parameters: int) -> None:
    model = make()
    W, H = model.width, model.layer.hidden_size
    within = 0 if model.left is None else W * (W - 1) // 2
    assert count(model) == parameters == 4 * H * (W + H + 1) + W * (H + 1) + within


@pytest.mark.topic("RNN-72", "APP-12")
def test_row_model_learns_digits() -> None:
    """In bits per image, below what independent pixels of the right frequency need."""
    images = (digits().train.images[:500] > 0.5).float()
    model = RowModel(8, 32, within_row=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        loss = -model.log_prob(images).mean() / math.log(2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    p = images.mean(dim=0).clamp(1e-6, 1 - 1e-6)
    independent = -(p * p.log2() + (1 - p) * (1 - p).log2()).sum()
    assert loss < independent - 2


# Compression by residuals --------------------------------------------------------------------------------


@pytest.fixture
def coder() -> ResidualCoder:
    coder = ResidualCoder((2, 3, 4), hidden_size=6, bits=5, iterations=4, gain=1.5).double()
    with torch.no_grad():
        for parameter in coder.parameters():
            parameter.copy_(torch.randn_like(parameter) / 2)
    return coder.eval()


def pictures(n: int = 3) -> Tensor:
    return torch.rand(n, 2, 3, 4, dtype=torch.float64)


@pytest.mark.topic("RNN-73")
def test_binarise_gives_signs_that_learn_as_the_identity() -> None:
    x = torch.tensor([-1.0, -0.3, 0.0, 0.3, 1.0], requires_grad=True)
    bits = binarise(x)
    assert bits.tolist() == [-1, -1, 1, 1, 1]
    cotangent = torch.randn(5)
    for noise in (False, True):
        assert torch.equal(torch.autograd.grad(binarise(x, noise), x, cotangent)[0], cotangent)


@pytest.mark.topic("RNN-73")
@pytest.mark.parametrize("x", [-1.0, -0.5, 0.0, 0.8, 1.0])
def test_noisy_bits_are_right_on_average(x: float) -> None:
    bits = binarise(torch.full((40_000,), x), noise=True)
    assert set(bits.tolist()) <= {-1.0, 1.0}
    assert bits.mean().item() == pytest.approx(x, abs=4 * math.sqrt((1 - x**2) / 40_000) + 1e-9)


@pytest.mark.topic("RNN-73")
def test_the_bits_say_everything(coder: ResidualCoder) -> None:
    x = pictures()
    codes = coder.encode(x)
    assert codes.shape == (3, 4, 5) and codes.dtype == torch.bool
    assert coder(x).shape == (3, 4, 2, 3, 4)
    assert_close(coder.decode(codes), coder(x))


@pytest.mark.topic("RNN-73")
def test_a_code_cut_short_is_the_code_of_fewer_iterations(coder: ResidualCoder) -> None:
    x = pictures()
    codes = coder.encode(x, 7)
    for kept in (1, 3, 6):
        assert torch.equal(codes[:, :kept], coder.encode(x, kept))
        assert_close(coder.decode(codes[:, :kept]), coder.decode(codes)[:, :kept])
        assert_close(coder(x, kept), coder(x, 7)[:, :kept])


@pytest.mark.topic("RNN-73")
def test_each_iteration_reads_what_the_bits_before_got_wrong(coder: ResidualCoder) -> None:
    x, read = pictures(), list[Tensor]()
    coder.encoder.register_forward_pre_hook(lambda module, arguments: read.append(arguments[0][:, 0]))
    seen = coder(x)
    assert_close(read[0], (x - 0.5).flatten(1))
    for t in range(3):
        assert_close(read[t + 1], 1.5 ** (t + 1) * (x - seen[:, t]).flatten(1))


@pytest.mark.topic("RNN-73")
def test_a_coder_by_hand_halves_its_error_with_every_bit() -> None:
    """One pixel, a gain of 2: a bit says whether it is brighter, step t corrects by 2^-(t + 1): a search."""
    coder = ResidualCoder((1, 1, 1), hidden_size=1, bits=1, iterations=6, gain=2.0).double().eval()

    class Memoryless(nn.Module):
        """Stands for an LSTM that hands on what it reads."""

        def forward(self, x: Tensor, state: None = None) -> tuple[Tensor, None]:
            return x, None

    coder.encoder, coder.decoder = Memoryless(), Memoryless()
    with torch.no_grad():
        for layer, weight in ((coder.to_bits, 1.0), (coder.to_pixels, 0.25)):
            layer.weight.fill_(weight)
            layer.bias.fill_(0)
    x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None, None, None]
    errors = (coder(x) - x[:, None]).abs().amax(dim=(0, 2, 3, 4))
    assert_close(errors, 0.5 ** torch.arange(2, 8, dtype=torch.float64))
    assert_close(coder.decode(coder.encode(x)), coder(x))


@pytest.mark.topic("RNN-73", "APP-13")
def test_corrections_get_finer_so_late_iterations_cannot_undo_the_first(coder: ResidualCoder) -> None:
    """An LSTM's outputs are below 1, so that of the t-th correction is below its gain's share."""
    x, bound = pictures(), coder.to_pixels.weight.abs().sum(dim=1) + coder.to_pixels.bias.abs()  # (P,)
    moves = coder(x, 40).flatten(2).diff(dim=1).abs()  # (N, 39, P)
    for t, move in enumerate(moves.unbind(dim=1), start=1):
        assert (move <= bound * 1.5**-t + 1e-12).all()
    assert moves[:, -1].max() < 1e-5 < moves[:, 0].max()


@pytest.mark.topic("RNN-73")
def test_all_parts_learn_through_bits_and_iterations() -> None:
    coder, x = ResidualCoder((1, 2, 3), 4, 3, iterations=3), torch.rand(5, 1, 2, 3)
    assert not torch.equal(coder(x), coder(x)), "bits are noisy in training"
    (x - coder(x)[:, -1]).abs().mean().backward()
    for name, parameter in coder.named_parameters():
        assert parameter.grad.any(), name
    before = coder.encode(x)
    assert coder.training and torch.equal(coder.encode(x), before), "a code is not"
    coder.noise = False
    assert torch.equal(coder(x), coder(x)) and torch.equal(coder(x), coder.eval()(x))


@pytest.mark.topic("RNN-73")
@pytest.mark.parametrize(
    ("shape", "hidden", "bits", "encoder", "decoder"),
    [
        ((1, 8, 8), 64, 8, 33_024 + 520, 18_688 + 4_160),
        ((3, 8, 8), 64, 16, 65_792 + 1_040, 20_736 + 12_480),
        ((1, 28, 28), 128, 16, 467_456 + 2_064, 74_240 + 101_136),
    ],
)
def test_counts_of_the_residual_coder(
    shape: tuple[int, int, int], hidden: int, bits: int, encoder: int, decoder: int
) -> None:
    with torch.device("meta"):
        coder = ResidualCoder(shape, hidden, bits)
    assert count(coder.encoder) + count(coder.to_bits) == encoder
    assert count(coder.decoder) + count(coder.to_pixels) == decoder
    pixels = math.prod(shape)
    assert encoder == 4 * hidden * (pixels + hidden + 1) + bits * (hidden + 1)
    assert decoder == 4 * hidden * (bits + hidden + 1) + pixels * (hidden + 1)


@pytest.mark.topic("RNN-73", "APP-13")
def test_more_bits_bring_digits_closer() -> None:
    images = digits().train.images[:300]
    coder = ResidualCoder((1, 8, 8), hidden_size=32, bits=8, iterations=2)
    optimizer = torch.optim.Adam(coder.parameters(), lr=0.02)
    for _ in range(120):
        loss = (coder(images) - images[:, None]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    errors = (coder.decode(coder.encode(images)) - images[:, None]).abs().mean(dim=(0, 2, 3, 4))
    median = (images - images.median(dim=0).values).abs().mean()
    assert errors[1] < 0.98 * errors[0] < 0.8 * median


GREY = torch.full((2, 1, 8, 8), 0.25)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: RowModel(8, 4)(GREY), "pixels of 0 and 1; got 0.25: binarise"),
        (lambda: RowModel(7, 4)(GREY.round()), r"shape \(N, 1, R, 7\); got \(2, 1, 8, 8\)"),
        (lambda: RowModel(8, 4)(GREY[:, 0].round()), r"shape \(N, 1, R, 8\); got \(2, 8, 8\)"),
        (lambda: RowModel(8, 4).complete(GREY.round(), 7), "rows must be at least 8, the rows given; got 7"),
        (lambda: RowModel(0, 4), "input_size must be at least 1; got 0"),
        (lambda: ResidualCoder((1, 8, 8), 4, 0), "bits must be at least 1; got 0"),
        (lambda: ResidualCoder((1, 8, 8), 4, 2, 0), "iterations must be at least 1; got 0"),
        (lambda: ResidualCoder((1, 8, 8), 4, 2, gain=0.9), "gain must be a finite .* at least 1; got 0.9"),
        (lambda: ResidualCoder((1, 8, 8), 4, 2, gain=math.nan), "at least 1; got nan"),
        (lambda: ResidualCoder((1, 8, 8), 4, 2)(GREY, 0), "iterations must be at least 1; got 0"),
        (lambda: ResidualCoder((1, 8, 7), 4, 2)(GREY), r"shape \(N, 1, 8, 7\); got \(2, 1, 8, 8\)"),
        (
            lambda: ResidualCoder((1, 8, 8), 4, 2).decode(torch.ones(2, 3, 4) > 0),
            r"bool codes of shape \(N, T, 2\); got torch.bool of shape \(2, 3, 4\)",
        ),
        (
            lambda: ResidualCoder((1, 8, 8), 4, 2).decode(torch.ones(2, 3, 2)),
            r"bool codes .*; got torch.float32 of shape \(2, 3, 2\)",
        ),
    ],
)
def test_errors_say_what_was_expected_and_received(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


def test_shapes_without_memory() -> None:
    with torch.device("meta"):
        assert RowModel(8, 4, within_row=True)(torch.empty(2, 1, 5, 8)).shape == (2, 1, 5, 8)
        assert ResidualCoder((1, 8, 8), 4, 2, 3)(torch.empty(2, 1, 8, 8)).shape == (2, 3, 1, 8, 8)
