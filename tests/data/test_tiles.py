"""Tiles of a large picture: covered exactly, and joined without a seam."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from coursekit.data.images import photographs
from coursekit.data.tiles import cut, join

SIZES = [(40, 40, 16, 0), (40, 57, 16, 6), (33, 100, 32, 10), (16, 16, 16, 4), (41, 17, 16, 15)]


@pytest.mark.topic("APP-05")
@pytest.mark.parametrize(("height", "width", "size", "overlap"), SIZES)
def test_cut_and_joined_is_the_picture(height: int, width: int, size: int, overlap: int) -> None:
    picture = torch.rand(3, height, width)
    patches, tops, lefts = cut(picture, size, overlap)
    assert patches.shape == (len(tops) * len(lefts), 3, size, size)
    assert (tops[0], lefts[0], tops[-1], lefts[-1]) == (0, 0, height - size, width - size)
    for starts in (tops, lefts):
        shared = [before + size - after for before, after in pairwise(starts)]
        assert all(overlap <= share < size for share in shared)
    assert torch.equal(patches[len(lefts) - 1], picture[:, :size, -size:])  # the end of the first row
    assert torch.equal(join(patches, tops, lefts), picture)


@pytest.mark.topic("APP-05")
def test_enough_overlap_leaves_no_seam() -> None:
    """Three 3x3 convolutions see three pixels to every side; an overlap of six gives each pixel all of it."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Conv2d(4, 2, 3, padding=1)).double()
    picture = photographs()[0, :, :150, :200].double()
    with torch.no_grad():
        whole = network(picture[None])[0]

        def tiled(overlap: int) -> torch.Tensor:
            patches, tops, lefts = cut(picture, 48, overlap)
            return join(network(patches), tops, lefts)

        assert_close(tiled(6), whole)
        assert (tiled(5) - whole).abs().max() > 1e-4
        assert (tiled(0) - whole).abs().max() > (tiled(4) - whole).abs().max()


@pytest.mark.topic("APP-05")
@pytest.mark.parametrize(("size", "overlap"), [(16, 16), (16, -1), (31, 0)])
def test_tiles_that_do_not_fit_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"size <= 30, received {overlap} and {size}"):
        cut(torch.zeros(1, 30, 50), size, overlap)
