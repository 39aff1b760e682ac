"""Models of clips: one CNN for all frames, an order that matters, and a next frame that is foreseen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit.data.clips import ACTIONS, actions, bouncing
from coursekit.nn.video import FrameClassifier, FramePredictor, frame_features


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def classifier() -> FrameClassifier:
    return FrameClassifier(frame_features(2, 5, width=3), 5, 4, 3)


def learn(model: nn.Module, loss: Callable[[], torch.Tensor], steps: int, lr: float = 1e-2) -> nn.Module:
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return model


@pytest.mark.topic("RNN-70", "APP-11")
def test_a_classifier_looks_at_each_frame_alone_and_then_at_all_in_order() -> None:
    model, frames = classifier().double(), torch.randn(3, 5, 2, 8, 6).double()
    features = torch.stack([model.cnn(frame) for frame in frames.unbind(dim=1)], dim=1)  # (3, 5, 5)
    output, _ = model.layer(features)
    assert_close(model(frames), output[:, -1] @ model.head.weight.T + model.head.bias)
    for n in range(3):
        assert_close(model(frames[n : n + 1])[0], model(frames)[n])
    gradients = torch.autograd.grad(model(frames).square().sum(), list(model.parameters()))
    assert all(gradient.any() for gradient in gradients)


@pytest.mark.topic("RNN-70")
def test_frames_behind_the_end_change_nothing() -> None:
    model, frames = classifier().double(), torch.randn(2, 6, 2, 8, 8).double()
    lengths = torch.tensor([6, 3])
    other = frames.clone()
    other[1, 3:] = 7
    assert_close(model(other, lengths), model(frames, lengths))
    assert_close(model(frames, lengths)[1], model(frames[1:, :3])[0])
    assert (model(other) - model(frames)).abs().max() > 1e-6, "without lengths the padding is read"


@pytest.mark.topic("RNN-70")
def test_any_network_of_frames_will_do() -> None:
    model = FrameClassifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 7)), 7, 4, 2)
    assert model(torch.randn(2, 5, 3, 4, 4)).shape == (2, 2)


@pytest.mark.topic("RNN-70")
@pytest.mark.parametrize("size", [(2, 2), (9, 7), (16, 32)])
def test_features_of_frames_of_any_size_know_where_things_are(size: tuple[int, int]) -> None:
    cnn = frame_features(1, 6)
    frames = torch.zeros(2, 1, *size)
    frames[0, ..., :1] = 9  # the same stripe on either side
    frames[1, ..., -1:] = 9
    left, right = cnn(frames)
    assert left.shape == (6,) and (left - right).abs().max() > 1e-3


@pytest.mark.topic("RNN-70")
def test_parameter_counts() -> None:
    parts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in FrameClassifier(frame_features(1, 32), 32, 16, 6).named_children()
    }
    cnn = 8 * (9 + 1) + 16 * (8 * 9 + 1) + 32 * (16 * 16 + 1)
    assert parts == {"cnn": cnn, "layer": 4 * 16 * (32 + 16 + 1), "head": 6 * 17}


@pytest.mark.topic("RNN-70", "APP-11")
def test_who_reads_in_order_tells_right_from_left() -> None:
    """The mean over frames, an answer without order, is the same for a clip and the clip backwards."""

    def draw(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        frames, labels = actions(600, steps=4, size=8, seed=seed, noise=0.0)
        two = labels < 2
        assert ACTIONS[:2] == ("right", "left")
        return frames[two], labels[two]

    frames, labels = draw(0)
    model = FrameClassifier(frame_features(1, 16), 16, 16, 2)
    bag = model.cnn(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).mean(dim=1)
    backwards = model.cnn(frames.flip(1).flatten(0, 1)).unflatten(0, frames.shape[:2]).mean(dim=1)
    assert_close(bag, backwards)
    learn(model, lambda: F.cross_entropy(model(frames), labels), 60)
    frames, labels = draw(1)
    with torch.no_grad():
        right = model(frames).argmax(dim=1) == labels
        fooled = model(frames.flip(1)).argmax(dim=1) == 1 - labels
    assert right.double().mean() > 0.9 and fooled.double().mean() > 0.9


@pytest.mark.topic("RNN-69", "APP-11")
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_predictor_learns_to_do_better_than_repeating_the_last_frame(cell: str) -> None:
    """On the clips it was trained on, from their second frame on, when the direction can be known."""
    clips = bouncing(4, steps=6, size=8, blobs=1)
    model = FramePredictor(1, 8, 3, cell)

    def loss() -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(model(clips[:, :-1])[0], clips[:, 1:])

    learn(model, loss, 150, lr=5e-2)
    with torch.no_grad():
        error = (model(clips[:, :-1])[0].sigmoid() - clips[:, 1:])[:, 1:].square().mean()
    assert error < 0.85 * (clips[:, 1:-1] - clips[:, 2:]).square().mean()


@pytest.mark.topic("RNN-69")
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_what_follows_a_clip_is_read_like_the_clip(cell: str) -> None:
    model, frames = FramePredictor(2, 3, 3, cell).double(), torch.rand(2, 4, 2, 5, 6).double()
    logits, _ = model(frames)
    assert logits.shape == frames.shape
    first, state = model(frames[:, :1])
    second, _ = model(frames[:, 1:], state)
    assert_close(torch.cat([first, second], dim=1), logits)
    follows = model.generate(frames, 3)
    assert follows.shape == (2, 3, 2, 5, 6) and not follows.requires_grad
    for step in range(3):
        read = torch.cat([frames, follows[:, :step]], dim=1)
        assert_close(follows[:, step], model(read)[0][:, -1].sigmoid().detach())


FRAMES = torch.zeros(2, 3, 2, 8, 8)


@pytest.mark.topic("RNN-69", "RNN-70")
@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: classifier()(FRAMES[0]), r"frames of shape \(N, T, C, H, W\) .*; got \(3, 2, 8, 8\)"),
        (lambda: classifier()(FRAMES[:, :0]), r"T at least 1; got \(2, 0, 2, 8, 8\)"),
        (lambda: classifier()(FRAMES, torch.tensor([3, 4])), "between 1 and T = 3; got 3 to 4"),
        (lambda: FramePredictor(1, 4, cell="rnn"), "cell must be one of 'lstm', 'gru'; got 'rnn'"),
        (lambda: FramePredictor(1, 4)(FRAMES), r"shape \(N, T, 1, H, W\)"),
        (lambda: FramePredictor(2, 4).generate(FRAMES, 0), "steps must be at least 1; got 0"),
    ],
)
def test_errors_say_what_was_expected_and_received(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
