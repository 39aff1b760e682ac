"""Minibatches of plain tensors."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Batches:
    """Minibatches of tensors sharing their first axis. A generator reshuffles each epoch; None keeps order.

    Every pass over it yields each row once, as tuples with one part of every tensor; the last batch may be
    smaller. len() is the number of batches. The tensors stay on their device and are not copied before they
    are cut.
    """

    tensors: tuple[Tensor, ...]  # e.g. images (N, C, H, W) float in [0, 1], labels (N,) int64
    batch_size: int
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        sizes = [len(tensor) for tensor in self.tensors]
        if len(set(sizes)) != 1 or sizes[0] == 0:
            raise ValueError(f"expected tensors with the same number of rows, at least one, received {sizes}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, received {self.batch_size}")

    def __len__(self) -> int:
        return -(-len(self.tensors[0]) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        n, g = len(self.tensors[0]), self.generator
        for rows in (torch.arange(n) if g is None else torch.randperm(n, generator=g)).split(self.batch_size):
            yield tuple(tensor[rows] for tensor in self.tensors)
