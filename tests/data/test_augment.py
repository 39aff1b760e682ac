"""Changes of pictures: against exact rotations and mirrors, and with their masks."""

import math

import pytest
import torch
from torch.testing import assert_close

from coursekit.data.augment import eight_ways, random_crop, random_flip, relight, rotation, shear, warp
from coursekit.data.images import digits, photographs
from coursekit.data.shapes import shapes


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.topic("APP-06")
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turning_by_quarters_only_moves_pixels(quarters: int) -> None:
    scenes = shapes(3, 17, seed=quarters)
    matrix = rotation(90.0 * quarters)
    assert_close(warp(scenes.images, matrix), scenes.images.rot90(quarters, (-2, -1)), atol=1e-5, rtol=0)
    assert torch.equal(warp(scenes.masks, matrix), scenes.masks.rot90(quarters, (-2, -1)))


@pytest.mark.topic("APP-06")
def test_an_oblong_picture_is_turned_and_not_stretched() -> None:
    x = torch.zeros(1, 1, 9, 21)
    x[0, 0, 4, 7:14] = 1  # a level line of seven pixels through the centre
    turned = warp(x, rotation(90.0))
    expected = torch.zeros(1, 1, 9, 21)
    expected[0, 0, 1:8, 10] = 1
    assert_close(turned, expected, atol=1e-5, rtol=0)


@pytest.mark.topic("APP-06")
def test_each_picture_has_its_own_angle_and_back_is_back() -> None:
    x = photographs()[:, :, 100:164, 100:164]
    turned = warp(x, rotation(torch.tensor([30.0, -45.0])))
    assert_close(turned[:1], warp(x[:1], rotation(30.0)))
    assert_close(turned[1:], warp(x[1:], rotation(-45.0)))
    smooth = torch.nn.functional.avg_pool2d(x, 9, 1, 4)
    back = warp(warp(smooth, rotation(20.0)), rotation(-20.0))
    inside = (slice(None), slice(None), slice(20, 44), slice(20, 44))
    assert (back[inside] - smooth[inside]).abs().max() < 0.02
    assert (warp(smooth, rotation(20.0))[inside] - smooth[inside]).abs().max() > 0.05


@pytest.mark.topic("APP-06")
def test_shear_moves_a_row_by_its_height_and_keeps_parallels() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 2, 4] = x[0, 0, 4, 4] = x[0, 0, 7, 4] = 1  # y = -2, 0, 3 from the centre
    moved = warp(x, shear(1.0))
    places = [(int(r), int(c)) for r, c in moved[0, 0].round().nonzero()]
    assert places == [(2, 2), (4, 4), (7, 7)]
    directions = torch.tensor([[1.0, 2.0], [2.0, 4.0]]) @ shear(0.3).T  # two parallel lines
    assert_close(directions[0, 0] * directions[1, 1], directions[0, 1] * directions[1, 0])
    assert_close(torch.linalg.det(shear(torch.tensor([0.2, -1.5]))), torch.ones(2))  # areas stay


@pytest.mark.topic("APP-06", "CNN-40")
def test_a_moved_mask_holds_no_class_that_was_not_there() -> None:
    scenes = shapes(20, 32, seed=1)
    matrix = rotation(torch.rand(20, generator=seeded()) * 360) @ shear(0.2)
    moved = warp(scenes.masks, matrix)
    assert moved.dtype == torch.int64
    for before, after in zip(scenes.masks, moved, strict=True):
        assert set(after.unique().tolist()) <= set(before.unique().tolist()) | {0}
    # The picture has moved the same way: its outline still lies where the mask's does.
    ink = (scenes.masks > 0).float()[:, None]
    disagree = (warp(ink, matrix)[:, 0] > 0.5) != (moved > 0)
    assert disagree.float().mean() < 0.01
    with pytest.raises(ValueError, match=r"received \(20, 1, 32, 32\) of torch.int64 and \(20, 2, 2\)"):
        warp(scenes.masks[:, None], matrix)
    with pytest.raises(ValueError, match=r"received \(20, 3, 32, 32\) of torch.float32 and \(3, 2, 2\)"):
        warp(scenes.images, matrix[:3])


@pytest.mark.topic("APP-06")
def test_light_changes_brightness_and_contrast_within_the_range() -> None:
    x = 0.3 + 0.4 * torch.rand(2, 3, 8, 8, generator=seeded())
    brighter = relight(x, brightness=torch.tensor([0.1, -0.2]))
    assert_close(brighter, x + torch.tensor([0.1, -0.2]).view(2, 1, 1, 1))
    flat = relight(x, contrast=0.5)
    assert_close(flat.mean((1, 2, 3)), x.mean((1, 2, 3)))
    assert_close(flat.flatten(1).std(1), 0.5 * x.flatten(1).std(1))
    harsh = relight(x, contrast=10.0)
    assert harsh.min() == 0 and harsh.max() == 1


@pytest.mark.topic("APP-05", "APP-07")
@pytest.mark.parametrize("vertical", [False, True])
def test_a_flip_mirrors_some_pictures_and_their_masks_alike(vertical: bool) -> None:
    scenes = shapes(40, 16, seed=3)
    images, masks = random_flip(tuple(scenes), seeded(), vertical=vertical)
    axis = -2 if vertical else -1
    changed = (images != scenes.images).flatten(1).any(1)
    assert 8 < changed.sum() < 32
    for picture in range(40):
        expected = [t[picture].flip(axis) if changed[picture] else t[picture] for t in scenes]
        assert torch.equal(images[picture], expected[0]) and torch.equal(masks[picture], expected[1])
    again = random_flip(tuple(scenes), seeded(), vertical=vertical)
    assert torch.equal(again[0], images)  # the generator decides, nothing else


@pytest.mark.topic("APP-07")
def test_a_mirror_keeps_what_is_above_above() -> None:
    face = torch.zeros(64, 1, 9, 9)
    face[:, :, 2, 2] = face[:, :, 2, 6] = 1  # eyes
    face[:, :, 6, 3:7] = 0.5  # a mouth, a little to one side
    (mirrored,) = random_flip((face,), seeded())
    (upside_down,) = random_flip((face,), seeded(), vertical=True)
    assert (mirrored[:, 0, 2].amax(-1) == 1).all() and (mirrored[:, 0, 6].amax(-1) == 0.5).all()
    assert (upside_down[:, 0, 2].amax(-1) != 1).any()


@pytest.mark.topic("APP-07")
def test_a_crop_is_a_window_of_picture_and_mask() -> None:
    height, width = 12, 20
    numbers = torch.arange(height * width).view(1, height, width).expand(200, -1, -1)
    images = numbers[:, None].float()
    (crops, masks) = random_crop((images, numbers), 9, seeded())
    assert crops.shape == (200, 1, 9, 9) and torch.equal(crops[:, 0].long(), masks)
    tops, lefts = masks[:, 0, 0] // width, masks[:, 0, 0] % width
    window = width * torch.arange(9)[:, None] + torch.arange(9)
    assert torch.equal(masks, (width * tops + lefts)[:, None, None] + window)
    assert set(tops.tolist()) == set(range(4)) and set(lefts.tolist()) == set(range(12))  # every place
    whole = digits().train.images[:3]
    assert torch.equal(random_crop((whole,), 8, seeded())[0], whole)
    for size in (0, 13):
        with pytest.raises(ValueError, match=f"expected a size from 1 to 12, received {size}"):
            random_crop((images,), size, seeded())


def test_angles_are_in_degrees_against_the_clock() -> None:
    assert_close(rotation(30.0), torch.tensor([[0.75**0.5, 0.5], [-0.5, 0.75**0.5]]))
    right = torch.tensor([1.0, 0.0])
    assert (rotation(10.0) @ right)[1] < 0  # y points down: what was right goes up
    assert_close(rotation(torch.tensor([20.0]))[0] @ rotation(25.0), rotation(45.0))
    assert math.isclose(float(rotation(0.0)[0, 0]), 1)


@pytest.mark.topic("APP-04")
def test_a_square_lies_in_eight_ways_and_its_mask_with_it() -> None:
    scenes = shapes(2, 16, seed=0)
    images, masks = eight_ways(scenes.images), eight_ways(scenes.masks)
    assert images.shape == (16, 3, 16, 16) and masks.shape == (16, 16, 16)
    assert torch.equal(images[:2], scenes.images) and torch.equal(masks[:2], scenes.masks)
    assert len(images[::2].unique(dim=0)) == 8  # of the first picture, all different
    numbered = torch.arange(9).view(1, 3, 3)
    assert torch.equal(eight_ways(numbered.float()[:, None])[:, 0].long(), eight_ways(numbered))
    corners = {tuple(way[[0, 0, 2, 2], [0, 2, 2, 0]].tolist()) for way in eight_ways(numbered)}
    clockwise = [0, 2, 8, 6]
    turned = {tuple(clockwise[k:] + clockwise[:k]) for k in range(4)}
    assert corners == turned | {way[::-1] for way in turned}
