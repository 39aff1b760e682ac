"""Clicks of made-up viewers on films: what will each one watch next? N viewers, T clicks.

Items are numbered from 1, since 0 is for padding. Genre k has the items from k * size + 1 on, size =
items / genres, the first of them the most popular (Zipf's law). Every viewer has a taste, a genre that
most clicks come from.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Clicks(NamedTuple):
    """Items in the order in which they were clicked, and the taste behind them."""

    items: Tensor  # (N, T) int64, from 1
    tastes: Tensor  # (N,) int64, a genre


def clicks(
    n: int,
    length: int = 20,
    items: int = 60,
    genres: int = 6,
    sequel: float = 0.5,
    stray: float = 0.2,
    seed: int = 0,
) -> Clicks:
    """n viewers with `length` clicks each.

    With probability `sequel` a click is the item after the last one (after the last of a genre, its
    first). Otherwise it is drawn by popularity, from the viewer's taste or, with probability `stray`,
    from a genre drawn evenly. So the last click tells of a sequel, and all clicks together of the taste.
    Forecast `items[:, 1:]` from `items[:, :-1]`; the most popular item is the answer to beat. Raises
    `ValueError` unless `genres` divides `items` and the probabilities are in [0, 1].
    """
    if n < 1 or length < 1 or not 1 <= genres <= items or items % genres:
        raise ValueError(
            f"expected n >= 1, length >= 1 and a number of genres that divides the items, "
            f"received {n}, {length}, {genres} and {items}"
        )
    if not (0 <= sequel <= 1 and 0 <= stray <= 1):
        raise ValueError(f"expected sequel and stray in [0, 1], received {sequel} and {stray}")
    g = torch.Generator().manual_seed(seed)
    size = items // genres
    tastes = torch.randint(genres, (n,), generator=g)  # (N,)
    strays = torch.rand(n, length, generator=g) < stray
    genre = torch.where(strays, torch.randint(genres, (n, length), generator=g), tastes[:, None])  # (N, T)
    popularity = 1 / torch.arange(1, size + 1, dtype=torch.float64)
    ranks = torch.multinomial(popularity, n * length, replacement=True, generator=g).view(n, length)
    drawn = genre * size + ranks  # (N, T), counted from 0
    follows = torch.rand(n, length, generator=g) < sequel
    steps = [drawn[:, 0]]
    for t in range(1, length):
        last = steps[-1]
        following = (
            last - last % size + (last + 1) % size
        )  # as the first item of a genre is a multiple of size
        steps.append(torch.where(follows[:, t], following, drawn[:, t]))
    return Clicks(torch.stack(steps, dim=1) + 1, tastes)
