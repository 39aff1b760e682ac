"""Small images that need no download."""

from typing import NamedTuple

import torch
from torch import Tensor


class Images(NamedTuple):
    """Images and the class of each."""

    images: Tensor  # (N, 1, 8, 8) float32 in [0, 1], 0 is paper and 1 is ink
    labels: Tensor  # (N,) int64, the digit


class Digits(NamedTuple):
    """Three parts without a common image: train on the first, choose with the second, report the third."""

    train: Images  # 1,087
    validation: Images  # 355
    test: Images  # 355


def digits(seed: int = 0) -> Digits:
    """The 1,797 handwritten digits of scikit-learn (8 by 8 pixels, 17 grey levels), split 60 : 20 : 20.

    The split is the same for the same `seed`; validation and test hold a fifth of each class, rounded down.
    Each part is shuffled. Source: E. Alpaydin & C. Kaynak (1998), Optical Recognition of Handwritten Digits,
    UCI repository.
    """
    from sklearn.datasets import load_digits  # a second of imports that only this function needs

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float()[:, None] / 16  # (N, 1, 8, 8)
    labels = torch.from_numpy(bunch.target).long()  # (N,)

    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=g)
    train, validation, test = [], [], []
    for digit in range(10):
        rows = order[labels[order] == digit]
        fifth = len(rows) // 5
        test.append(rows[:fifth])
        validation.append(rows[fifth : 2 * fifth])
        train.append(rows[2 * fifth :])

    parts = []
    for chosen in (train, validation, test):
        rows = torch.cat(chosen)
        rows = rows[torch.randperm(len(rows), generator=g)]
        parts.append(Images(images[rows], labels[rows]))
    return Digits(*parts)
