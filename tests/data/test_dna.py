"""Planted motifs: there, nowhere else than by chance, and not to be found by counting letters."""

import pytest
import torch

from coursekit.data import dna
from coursekit.data.dna import TATA_BOX


@pytest.mark.topic("APP-35")
def test_the_motif_stands_where_it_is_said_to():
    tokens, labels, positions = dna.motifs(3000, length=60)
    assert tokens.shape == (3000, 60) and tokens.dtype == labels.dtype == positions.dtype == torch.int64
    assert 0 <= tokens.min() and tokens.max() <= 3
    assert labels.float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert torch.equal(positions >= 0, labels == 1)
    texts = [dna.decode(row) for row in tokens]
    for text, position in zip(texts, positions.tolist(), strict=True):
        assert position == -1 or text[position : position + 8] == TATA_BOX
    planted = positions[labels == 1]
    assert planted.min() == 0 and planted.max() == 52 and len(planted.unique()) == 53  # anywhere
    chance = [TATA_BOX in text for text, label in zip(texts, labels.tolist(), strict=True) if not label]
    assert not any(chance)


@pytest.mark.topic("APP-35")
@pytest.mark.parametrize("mutation", [0.0, 0.2])
def test_counting_letters_tells_nothing(mutation):
    tokens, labels, _ = dna.motifs(20_000, length=30, mutation=mutation)
    counts = torch.nn.functional.one_hot(tokens, 4).sum(1).float()  # (N, 4)
    torch.testing.assert_close(counts[labels == 1].mean(0), counts[labels == 0].mean(0), atol=0.08, rtol=0)


@pytest.mark.topic("APP-35")
def test_planted_letters_mutate_and_the_others_keep_their_share():
    tokens, _, positions = dna.motifs(8000, length=20, mutation=0.1, gc=0.8)
    rows = (positions >= 0).nonzero()[:, 0]
    places = positions[rows, None] + torch.arange(8)
    found = tokens[rows[:, None], places]
    assert (found != dna.encode(TATA_BOX)).float().mean().item() == pytest.approx(0.1, abs=0.01)
    outside = torch.ones(len(rows), 20, dtype=torch.bool).scatter(1, places, False)
    letters = tokens[rows][outside]
    assert ((letters == 1) | (letters == 2)).float().mean().item() == pytest.approx(0.8, abs=0.01)
    counts = dna.motifs(3000, length=10, motif="GAC", gc=0.0).tokens.flatten().bincount(minlength=4)
    assert counts[1] == counts[2] == 3000  # only what was planted


@pytest.mark.topic("APP-35")
@pytest.mark.parametrize("motif", ["AC", "AAAC", "ACGT", TATA_BOX])
def test_the_decoy_is_another_order_of_the_same_letters(motif):
    tokens, labels, _ = dna.motifs(400, length=len(motif), motif=motif)
    decoys = [dna.decode(row) for row in tokens[labels == 0]]
    assert {"".join(sorted(decoy)) for decoy in decoys} == {"".join(sorted(motif))}
    most = max(motif.count(letter) for letter in motif)
    apart = min(len(motif), 2 * (len(motif) - most))
    assert all(2 * sum(a != b for a, b in zip(d, motif, strict=True)) >= apart for d in decoys)
    assert len(set(decoys)) > 1 or motif == "AC"


@pytest.mark.topic("APP-35")
def test_strands_and_letters():
    assert dna.decode(dna.encode("GATTACA")) == "GATTACA"
    assert dna.decode(dna.reverse_complement(dna.encode("GATTACA"))) == "TGTAATC"
    tokens = dna.motifs(5).tokens
    assert torch.equal(dna.reverse_complement(dna.reverse_complement(tokens)), tokens)
    assert dna.encode("").shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dna.motifs(0), "n >= 1, .*received 0, 'TATAAAAG', 100"),
        (lambda: dna.motifs(1, length=7), "fits into the length, .*received 1, 'TATAAAAG', 7"),
        (lambda: dna.motifs(1, motif="AAAA"), "two or more different letters .*received 1, 'AAAA'"),
        (lambda: dna.motifs(1, motif=""), "received 1, ''"),
        (lambda: dna.motifs(1, motif="TATAWA"), "expected letters of ACGT, received 'W' at position 4"),
        (lambda: dna.motifs(50, motif="AC"), "a motif rare enough .* received 'AC' for 100 letters"),
        (lambda: dna.motifs(1, mutation=1.5), "1.5 and 0.5"),
        (lambda: dna.motifs(1, gc=-0.1), "0.0 and -0.1"),
        (lambda: dna.encode("acgt"), "received 'a' at position 0"),
        (lambda: dna.decode(torch.tensor([4])), r"ids from 0 to 3 .* received \[4\] of \(1,\)"),
        (lambda: dna.decode(torch.zeros(1, 2, dtype=torch.int64)), r"received .* of \(1, 2\)"),
    ],
)
def test_impossible_sequences_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
