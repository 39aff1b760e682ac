"""The equation of the page on transfer, pixel by pixel, and what its record says."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from coursekit import records
from coursekit.data.augment import rotation, shear, warp


def where_from(picture: Tensor, matrix: Tensor) -> Tensor:
    """y(p) = x(A^-1 p) at every pixel p, between four pixels by their distances; 0 outside."""
    height, width = picture.shape
    padded = F.pad(picture, (1, 1, 1, 1))  # beyond the edge there is 0, and the edge fades into it
    result = torch.zeros_like(picture)
    (a, b), (c, d) = matrix.tolist()
    det = a * d - b * c
    for row in range(height):
        for column in range(width):
            right, down = column - (width - 1) / 2, row - (height - 1) / 2
            u = (d * right - b * down) / det + (width - 1) / 2 + 1
            v = (a * down - c * right) / det + (height - 1) / 2 + 1
            if not (0 <= u < width + 1 and 0 <= v < height + 1):
                continue
            left, top = math.floor(u), math.floor(v)
            for y, x in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
                result[row, column] += (1 - abs(u - x)) * (1 - abs(v - y)) * padded[y, x]
    return result


@pytest.mark.topic("APP-06")
@pytest.mark.parametrize(
    "matrix",
    [
        rotation(torch.tensor(33.0, dtype=torch.float64)),
        shear(torch.tensor(-0.4, dtype=torch.float64)),
        rotation(torch.tensor(200.0, dtype=torch.float64)) @ shear(torch.tensor(0.7, dtype=torch.float64)),
    ],
    ids=["rotation", "shear", "both"],
)
def test_eq_warp(matrix: Tensor) -> None:
    torch.manual_seed(0)
    picture = torch.rand(
        7, 10, dtype=torch.float64
    )  # oblong: the centre lies between pixels in one direction
    assert_close(warp(picture[None, None], matrix)[0, 0], where_from(picture, matrix))

    angle = math.radians(33)
    expected = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    assert_close(rotation(33.0), torch.tensor(expected))
    assert_close(shear(0.3), torch.tensor([[1.0, 0.3], [0.0, 1.0]]))


@pytest.mark.topic("CNN-40")
def test_the_recorded_runs_show_what_a_pretrained_encoder_is_worth() -> None:
    record = records.load("transfer")
    runs = record["runs"]
    assert len({run["seed"] for run in runs}) >= 3 and record["labelled"][0] == 20
    scratch, frozen, tuned = (
        [run["miou"][start][0] for run in runs]
        for start in ("from scratch", "pretrained, frozen", "pretrained, fine-tuned")
    )
    for borrowed in (frozen, tuned):  # on 20 masks, in every single run
        assert all(ours > theirs for ours, theirs in zip(borrowed, scratch, strict=True))
    both = [run["miou"]["pretrained, fine-tuned, augmented"][0] for run in runs]
    assert statistics.mean(both) > max(statistics.mean(frozen), statistics.mean(tuned))
