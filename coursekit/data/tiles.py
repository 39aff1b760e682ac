"""A picture too large for a network: cut into overlapping tiles, and their results put together again.

Letters: T tiles, C channels, K channels of a result, H and W height and width of the whole.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class Tiles(NamedTuple):
    """Square windows of one picture, row by row, and where each row and each column of them begins."""

    patches: Tensor  # (T, C, size, size), T = len(tops) * len(lefts)
    tops: list[int]
    lefts: list[int]


def cut(picture: Tensor, size: int, overlap: int = 0) -> Tiles:
    """Windows of `size` pixels of which neighbours share at least `overlap`; they cover the picture exactly.

    No window reaches over the edge: the last of a row moves inwards and shares more.
    Shapes: picture (C, H, W). Raises `ValueError` for a size beyond the picture or an overlap not in
    [0, size).
    """
    height, width = picture.shape[-2:]
    if not 0 <= overlap < size <= min(height, width):
        raise ValueError(
            f"cut: expected 0 <= overlap < size <= {min(height, width)}, received {overlap} and {size}"
        )
    tops, lefts = (_starts(length, size, overlap) for length in (height, width))
    windows = [picture[..., top : top + size, left : left + size] for top in tops for left in lefts]
    return Tiles(torch.stack(windows), tops, lefts)


def join(results: Tensor, tops: list[int], lefts: list[int]) -> Tensor:
    """One map from the results for the tiles of `cut`: what two tiles share is parted in the middle.

    Near its own edge a tile knows nothing of what lies beyond. If half the overlap is at least the radius of
    the receptive field, every pixel comes from a tile that held all it depends on, and the map is that of
    the whole picture (with strides, if these divide all `tops` and `lefts` too).
    Shapes: results (T, K, size, size) -> (K, H, W).
    """
    size = results.shape[-1]
    grid = results.view(len(tops), len(lefts), *results.shape[1:])  # (rows, columns, K, size, size)
    rows, columns = _parts(tops, size), _parts(lefts, size)
    bands = [
        torch.cat([tile[:, top, left] for tile, left in zip(band, columns, strict=True)], dim=-1)  # (K, h, W)
        for band, top in zip(grid, rows, strict=True)
    ]
    return torch.cat(bands, dim=-2)


def _starts(length: int, size: int, overlap: int) -> list[int]:
    starts = list(range(0, length - size, size - overlap))
    return [*starts, length - size]


def _parts(starts: list[int], size: int) -> list[slice]:
    """Of each window the part that is kept, seen from its own start."""
    middles = [(after + before + size) // 2 for before, after in pairwise(starts)]
    edges = [starts[0], *middles, starts[-1] + size]
    kept = zip(starts, pairwise(edges), strict=True)
    return [slice(low - start, high - start) for start, (low, high) in kept]
