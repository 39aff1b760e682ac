"""Sequences in the letters of DNA, some with a motif planted in them. N sequences, T letters.

The letters A, C, G and T have the ids 0 to 3, so that the partner of a letter in the other strand is 3 -
id. The default motif is the TATA box, a signal before the start of many genes; the rest is chance, not
biology.
"""

from collections import Counter
from typing import NamedTuple

import torch
from torch import Tensor

LETTERS = "ACGT"
TATA_BOX = "TATAAAAG"
REDRAWS = 100  # of sequences that have the motif though they should not


class Dna(NamedTuple):
    """Sequences, and where the motif stands."""

    tokens: Tensor  # (N, T) int64, an index of LETTERS
    labels: Tensor  # (N,) int64, 1 with the motif
    positions: Tensor  # (N,) int64, of the motif's first letter, or -1


def motifs(
    n: int, length: int = 100, motif: str = TATA_BOX, mutation: float = 0.0, gc: float = 0.5, seed: int = 0
) -> Dna:
    """n random sequences, in half of them on average a motif at a random place.

    Into each of the others the letters of the motif are planted in another order, so that counting letters
    tells nothing: the orders differ in at least half as many places as they can. Each planted letter is
    replaced by another one with probability `mutation`. The others do not have the motif anywhere, so
    without mutations who looks for it is always right. `gc` is the share of G and C in what is not planted.
    Raises `ValueError` for a motif of other letters, of a single letter, longer than `length`, or so short
    that hardly a sequence is without it.
    """
    planted = encode(motif)
    most = max(Counter(motif).values(), default=0)
    apart = min(len(motif), 2 * (len(motif) - most))  # so many places can differ
    if n < 1 or not len(motif) <= length or apart == 0 or not (0 <= mutation <= 1 and 0 <= gc <= 1):
        raise ValueError(
            f"expected n >= 1, a motif of two or more different letters that fits into the length, "
            f"mutation and gc in [0, 1], received {n}, {motif!r}, {length}, {mutation} and {gc}"
        )
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (n,), generator=g)  # (N,)
    tokens = torch.empty(n, length, dtype=torch.int64)  # (N, T)
    starts = torch.empty(n, dtype=torch.int64)  # (N,)
    shares = torch.tensor([1 - gc, gc, gc, 1 - gc]) / 2
    rows = torch.arange(n)  # to be drawn
    for _ in range(REDRAWS):
        pieces = _pieces(planted, labels[rows], apart, mutation, g)  # (rows, k)
        starts[rows] = torch.randint(length - len(planted) + 1, (len(rows),), generator=g)
        drawn = torch.multinomial(shares, len(rows) * length, replacement=True, generator=g).view(-1, length)
        tokens[rows] = drawn.scatter(1, starts[rows, None] + torch.arange(len(planted)), pieces)
        found = (tokens[rows].unfold(1, len(planted), 1) == planted).all(2).any(1)  # also by chance
        rows = rows[found & (labels[rows] == 0)]
        if len(rows) == 0:
            return Dna(tokens, labels, torch.where(labels == 1, starts, -1))
    raise ValueError(
        f"expected a motif rare enough to be missing in half of the sequences, received {motif!r} "
        f"for {length} letters"
    )


def _pieces(planted: Tensor, labels: Tensor, apart: int, mutation: float, g: torch.Generator) -> Tensor:
    """What is planted: the motif (k,) for label 1, else its letters in another order, (len(labels), k)."""
    pieces = planted.repeat(len(labels), 1)
    for row in (labels == 0).nonzero()[:, 0].tolist():
        piece = pieces[row]  # a view
        while 2 * int((piece != planted).sum()) < apart:
            piece[:] = planted[torch.randperm(len(planted), generator=g)]
    mutated = torch.rand(pieces.shape, generator=g) < mutation
    return torch.where(mutated, (pieces + torch.randint(1, 4, pieces.shape, generator=g)) % 4, pieces)


def encode(text: str) -> Tensor:
    """Ids (T,) int64 of capital letters."""
    for position, letter in enumerate(text):
        if letter not in LETTERS:
            raise ValueError(f"expected letters of {LETTERS}, received {letter!r} at position {position}")
    return torch.tensor([LETTERS.index(letter) for letter in text], dtype=torch.int64)


def decode(tokens: Tensor) -> str:
    """The letters of ids (T,)."""
    if tokens.dim() != 1 or ((tokens < 0) | (tokens >= len(LETTERS))).any():
        raise ValueError(
            f"expected ids from 0 to 3 of shape (T,), received {tokens[:5].tolist()} of {tuple(tokens.shape)}"
        )
    return "".join(LETTERS[token] for token in tokens.tolist())


def reverse_complement(tokens: Tensor) -> Tensor:
    """The other strand, read in its own direction: ids (..., T) -> (..., T)."""
    return 3 - tokens.flip(-1)
