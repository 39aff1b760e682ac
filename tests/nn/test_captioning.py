"""The captioner: a step depends on the picture and on the words before, and on nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.captioning import Captioner, picture_features

V, END = 7, 6


@pytest.fixture
def model() -> Captioner:
    torch.manual_seed(0)
    return Captioner(picture_features(3, 16, 5), V, 5, 4).double().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def tokens(steps: int) -> Tensor:
    return torch.randint(V, (3, steps), generator=torch.Generator().manual_seed(2))


@pytest.mark.topic("APP-09", "RNN-10")
def test_scores_equal_those_of_torchs_lstm_fed_with_the_picture_and_then_the_words(
    model: Captioner, images: Tensor
) -> None:
    theirs, said = nn.LSTM(5, 4, batch_first=True, dtype=torch.float64), tokens(6)
    theirs.load_state_dict(
        {
            "weight_ih_l0": model.layer.weight_ih,
            "weight_hh_l0": model.layer.weight_hh,
            "bias_ih_l0": model.layer.bias,
            "bias_hh_l0": torch.zeros(16),
        }
    )
    first = model.cnn(images)  # (N, E)
    read = [first, *(model.embedding.weight[said[:, t]] for t in range(5))]
    output, _ = theirs(torch.stack(read, dim=1))
    logits = model(images, said)
    assert logits.shape == (3, 6, V)
    torch.testing.assert_close(logits, F.linear(output, model.head.weight, model.head.bias))


@pytest.mark.topic("APP-09")
def test_a_word_changes_only_what_is_said_after_it_and_the_picture_changes_all(
    model: Captioner, images: Tensor
) -> None:
    said = tokens(6)
    changed = said.clone()
    changed[:, 2] = (changed[:, 2] + 1) % V
    moved = (model(images, changed) - model(images, said)).abs().amax(dim=(0, 2))
    assert (moved[:3] == 0).all() and (moved[3:] > 0).all()
    assert ((model(1 - images, said) - model(images, said)).abs().amax(dim=(0, 2)) > 0).all()


@pytest.mark.topic("APP-09", "RNN-10")
def test_writing_takes_the_most_probable_word_each_time_and_stops_at_the_end(
    model: Captioner, images: Tensor
) -> None:
    written = model.describe(images, END, most=8)
    assert written.shape == (3, 8)
    scores = model(images, written)  # what the model says of its own caption
    for row, score in zip(written, scores, strict=True):
        ends = (row == END).nonzero()[:, 0]
        length = int(ends[0]) + 1 if len(ends) else 8
        assert torch.equal(row[:length], score.argmax(dim=1)[:length])
        assert (row[length:] == END).all()


@pytest.mark.topic("APP-09")
def test_what_follows_the_end_of_a_caption_is_not_kept(model: Captioner, images: Tensor) -> None:
    script = torch.tensor([[1, END, 2, 3], [4, 5, END, 0], [0, 1, 2, 3]])  # what each would say, (N, T)

    class Scripted(nn.Module):
        steps = 0

        def forward(self, output: Tensor) -> Tensor:
            self.steps += 1
            return F.one_hot(script[:, self.steps - 1], V).to(output.dtype)

    model.head = Scripted()  # type: ignore[assignment]
    expected = torch.tensor([[1, END, END, END], [4, 5, END, END], [0, 1, 2, 3]])
    assert torch.equal(model.describe(images, END, most=4), expected)


@pytest.mark.topic("APP-09")
def test_parameters_and_shapes_of_the_network_for_pictures() -> None:
    with torch.device("meta"):
        net = picture_features(3, 24, 64)
        assert net(torch.empty(2, 3, 24, 24)).shape == (2, 64)
    kernels = 16 * (3 * 9 + 1) + 32 * (16 * 9 + 1)
    assert sum(p.numel() for p in net.parameters()) == kernels + 2 * (16 + 32) + 64 * (32 * 6 * 6 + 1)
    for size in (2, 18):
        with pytest.raises(ValueError, match=f"size must be a multiple of 4; got {size}"):
            picture_features(3, size, 8)
