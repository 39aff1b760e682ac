"""Made-up film reviews in the shape of IMDb, for learning sentiment without a download.

The language has no words, only ids: 0 is padding, 2 negates, and 3 and up stand in order of frequency (Zipf's
law). From id 12 on, ids ending in 3 speak well of the film and ids ending in 8 badly; an opinion after a 2
means its opposite, so the order of tokens matters. One token in seven gives an opinion, and three opinions in
four agree with the review's verdict: whoever knew all the words could name 95 verdicts in 100 by counting
opinions.
"""

from typing import NamedTuple

import torch
from torch import Tensor

NOT, FIRST_WORD, FIRST_OPINION = 2, 3, 12  # ids
AGREEMENT, NEGATED = 0.75, 0.1  # shares of the opinions


class Reviews(NamedTuple):
    """Token ids and verdicts of N reviews."""

    tokens: Tensor  # (N, T) int64, padded at the front with 0
    labels: Tensor  # (N,) int64, 1 for a good review


def sentiment(n: int, seed: int = 0, length: int = 100, vocab_size: int = 10_000) -> Reviews:
    """n reviews, half of them good on average; other seeds give other reviews in the same language.

    Reviews are 0.3 to 1.7 times `length` long; as usual with IMDb only the last `length` tokens are kept and
    shorter ones are filled up at the front. For a set of IMDb's size: n = 25,000, seed 0 to train and 1 to
    test.
    """
    if n < 1 or length < 2 or vocab_size < 20 or vocab_size % 10:
        raise ValueError(
            f"expected n >= 1, length >= 2 and for vocab_size a multiple of 10 from 20 on, "
            f"received {n}, {length} and {vocab_size}"
        )
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (n,), generator=g)  # (N,)
    verdict = 2 * labels[:, None] - 1  # (N, 1) in {-1, 1}

    ranks = torch.arange(1, vocab_size - FIRST_WORD + 1, dtype=torch.float64)
    zipf = (1 / ranks).cumsum(0)  # (V - 3,)
    draws = torch.rand(n, length, generator=g, dtype=torch.float64) * zipf[-1]
    tokens = FIRST_WORD + torch.searchsorted(zipf, draws, right=True).clamp(max=len(ranks) - 1)  # (N, T)

    opinion = opinions(tokens) != 0  # (N, T)
    negated = opinion & (torch.rand(n, length, generator=g) < NEGATED)
    negated[:, 0] = False  # there is no place for its negation
    meant = torch.where(torch.rand(n, length, generator=g) < AGREEMENT, verdict, -verdict)  # (N, T)
    said = torch.where(negated, -meant, meant)
    spelled = tokens - tokens % 10 + torch.where(said > 0, 3, 8)  # as frequent, and of this opinion
    tokens = torch.where(opinion, spelled, tokens)
    tokens[:, :-1][negated[:, 1:]] = NOT

    lengths = (length * (0.3 + 1.4 * torch.rand(n, generator=g))).long().clamp(1, length)  # (N,)
    padding = torch.arange(length) < length - lengths[:, None]  # (N, T)
    return Reviews(tokens.masked_fill(padding, 0), labels)


def opinions(tokens: Tensor) -> Tensor:
    """What each token says by itself, before any negation: 1 good, -1 bad, 0 nothing; any shape, int64."""
    digit = tokens % 10
    return ((digit == 3).long() - (digit == 8).long()) * (tokens >= FIRST_OPINION)
