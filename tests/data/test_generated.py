"""What all generators of sequences have in common: the seed fixes everything, and nothing else is touched."""

import random

import pytest
import torch

from coursekit.data import anomalies, clicks, commands, dna, forecast, melodies, tagged

GENERATORS = {
    "seasonal": lambda seed: forecast.seasonal(300, gaps=4, memory=0.5, seed=seed),
    "random_walk": lambda seed: (forecast.random_walk(50, seed=seed),),
    "anomalies": lambda seed: anomalies.stream(600, 3, 2, 2, seed=seed),
    "clicks": lambda seed: clicks.clicks(20, seed=seed),
    "commands": lambda seed: commands.spoken(5, seed=seed),
    "dna": lambda seed: dna.motifs(20, mutation=0.1, seed=seed),
    "melodies": lambda seed: melodies.melodies(5, seed),
    "tagged": lambda seed: tagged.sentences(5, seed),
}


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a.nan_to_num(-1e9), b.nan_to_num(-1e9))
    return a == b


@pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS.keys())
def test_a_seed_fixes_everything_and_the_global_generators_stay_as_they_are(make):
    states = torch.random.get_rng_state(), random.getstate()
    first, again, other = make(0), make(0), make(1)
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not any(same(a, b) for a, b in zip(first, other, strict=True) if not _constant(a))
    assert torch.equal(torch.random.get_rng_state(), states[0]) and random.getstate() == states[1]


def _constant(part) -> bool:
    return isinstance(part, torch.Tensor) and part.dim() > 0 and len(part.unique()) == 1
