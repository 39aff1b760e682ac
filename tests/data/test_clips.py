"""Moving blobs: measured where they are and where they go, against what their rules promise."""

import math

import pytest
import torch

from coursekit.data.clips import ACTIONS, actions, bouncing


def around(frames):
    """Where the blob of each frame is, right and down, if sides meet: (N, T, 1, S, S) -> (N, T, 2)."""
    frames, size = frames[:, :, 0].double(), frames.shape[-1]
    wave = torch.exp(2j * math.pi * torch.arange(size) / size)
    x, y = (frames.sum(dim=2) * wave).sum(dim=-1), (frames.sum(dim=3) * wave).sum(dim=-1)
    return torch.stack([x.angle(), y.angle()], dim=2) * size / (2 * math.pi)


def moves(frames):
    """From frame to frame, the short way round: (N, T - 1, 2)."""
    size = frames.shape[-1]
    return (around(frames).diff(dim=1) + size / 2) % size - size / 2


@pytest.mark.topic("RNN-69", "RNN-70", "APP-11")
@pytest.mark.parametrize(
    "make", [lambda seed: actions(20, seed=seed), lambda seed: (bouncing(20, seed=seed),)]
)
def test_a_seed_fixes_the_clips_and_leaves_the_global_generator_alone(make):
    state = torch.random.get_rng_state()
    first, again, other = make(0), make(0), make(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.topic("RNN-70", "APP-11")
def test_actions_are_what_their_labels_say():
    frames, labels = actions(600, steps=9, size=16, noise=0.0)
    assert frames.shape == (600, 9, 1, 16, 16) and frames.dtype == torch.float32
    assert labels.shape == (600,) and labels.dtype == torch.int64 and frames.min() >= 0 and frames.max() <= 1
    assert torch.bincount(labels, minlength=6).tolist() == pytest.approx([100] * 6, rel=0.35)
    way = moves(frames)
    length = way.norm(dim=2)
    assert 0.095 * 16 < length.min() and length.max() < 0.185 * 16
    for action, direction in {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}.items():
        chosen = labels == ACTIONS.index(action)
        expected = length[chosen][..., None] * torch.tensor(direction)
        torch.testing.assert_close(way[chosen], expected, atol=0.05, rtol=0)
    heading = torch.atan2(way[..., 1], way[..., 0])  # grows clockwise, since y points down
    turn = (heading.diff(dim=1) + math.pi) % (2 * math.pi) - math.pi
    for action, sign in {"clockwise": 1, "anticlockwise": -1}.items():
        chosen = labels == ACTIONS.index(action)
        torch.testing.assert_close(
            turn[chosen], torch.full_like(turn[chosen], sign * math.pi / 4), atol=0.1, rtol=0
        )
        assert (frames[chosen, 0] - frames[chosen, -1]).abs().max() < 1e-4  # once round


@pytest.mark.topic("RNN-70", "APP-11")
def test_single_frames_look_alike_in_all_actions():
    frames, labels = actions(6000, steps=5, size=8, noise=0.0)
    for t in range(5):
        means = torch.stack([frames[labels == k, t].mean(dim=0) for k in range(6)])
        assert means.std(dim=(1, 2, 3)).max() < 0.02 and (means.mean(dim=(1, 2, 3)).std()) < 0.01
    spread = frames.std(dim=0).mean()
    assert spread > 0.15  # the means are flat though the frames are not


@pytest.mark.topic("RNN-69", "APP-11")
def test_blobs_go_straight_until_a_wall_throws_them_back():
    frames = bouncing(200, steps=20, size=32, blobs=1)
    assert frames.shape == (200, 20, 1, 32, 32) and frames.dtype == torch.float32
    image = frames[:, :, 0].double()
    places = torch.arange(32)
    total = image.sum(dim=(2, 3))
    x = (image.sum(dim=2) * places).sum(dim=-1) / total
    y = (image.sum(dim=3) * places).sum(dim=-1) / total
    centre = torch.stack([x, y], dim=2)  # (N, T, 2), true where the whole blob is inside
    assert 0.09 * 32 - 0.5 < centre.min() + 2 and image.amax(dim=(2, 3)).min() > 0.8  # never outside
    inside = ((centre > 9) & (centre < 22)).all(dim=2)
    straight = inside[:, :-2] & inside[:, 1:-1] & inside[:, 2:]
    way = centre.diff(dim=1)
    bend = way.diff(dim=1).norm(dim=2)[straight]
    assert len(bend) > 100 and bend.max() < 0.1
    speed = way.norm(dim=2)[:, :-1][straight]
    assert 0.045 * 32 < speed.min() and speed.max() < 0.125 * 32
    turned = (way[:, :1].sign() != way[:, -1:].sign()).any(dim=2)
    assert turned.double().mean() > 0.5


@pytest.mark.topic("RNN-69")
def test_more_blobs_are_more_light_and_noise_is_noise():
    one, three = (bouncing(50, blobs=blobs).mean() for blobs in (1, 3))
    assert 2 * one < three < 3 * one  # a little is covered
    noisy, clean = bouncing(50, noise=0.1), bouncing(50)
    middle = (clean > 0.4) & (clean < 0.6)  # where nothing is cut off
    assert (noisy - clean)[middle].std().item() == pytest.approx(0.1, rel=0.05)
    assert noisy.min() >= 0 and noisy.max() <= 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: actions(0), "received 0, 12, 16 and 0.05"),
        (lambda: actions(1, steps=2), "steps >= 3, size >= 8 .*, received 1, 2, 16 and 0.05"),
        (lambda: actions(1, size=7), "received 1, 12, 7 and 0.05"),
        (lambda: actions(1, noise=math.inf), "received 1, 12, 16 and inf"),
        (lambda: bouncing(1, steps=0), "n, steps and blobs >= 1, .*, received 1, 0, 2, 16 and 0.0"),
        (lambda: bouncing(1, blobs=0), "received 1, 12, 0, 16 and 0.0"),
        (lambda: bouncing(1, size=7), "received 1, 12, 2, 7 and 0.0"),
        (lambda: bouncing(1, noise=-0.1), "received 1, 12, 2, 16 and -0.1"),
    ],
)
def test_impossible_clips_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
