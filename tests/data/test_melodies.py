"""Melodies keep the rules of their grammar, and the judge of melodies notices each broken one."""

import pytest
import torch

from coursekit.data import melodies
from coursekit.data.melodies import CLOSED, END, MAJOR, NOTES, RHYTHMS, VOCAB_SIZE, Note

SONGS = melodies.melodies(300)
TRIADS = {"I": (0, 4, 7), "IV": (5, 9, 0), "V": (7, 11, 2)}  # semitones above the tonic


def bars(melody):
    """(pitches, rhythm) of each bar, counted here by adding up beats in halves."""
    grouped, halves = {}, 0
    for pitch, beats in melody:
        grouped.setdefault(halves // 8, []).append((pitch, beats))
        halves += round(2 * beats)
    assert halves == 64
    return [tuple(zip(*bar, strict=True)) for bar in grouped.values()]


@pytest.mark.topic("APP-30", "RNN-10")
def test_a_melody_is_question_answer_contrast_answer():
    for song in SONGS:
        parts = bars(song)
        assert len(parts) == 8
        for number, (pitches, rhythm) in enumerate(parts):
            degrees = [MAJOR.index(pitch - 60) for pitch in pitches]
            assert rhythm in RHYTHMS and sum(rhythm) == 4
            chord = ("I", "V", "I", "I", "IV", "V", "I", "I")[number]
            assert (pitches[0] - 60) % 12 in TRIADS[chord]
            assert all(abs(a - b) <= 2 for a, b in zip(degrees, degrees[1:], strict=False))
        assert parts[2] == parts[0] and parts[6:] == parts[2:4]
        assert (song[-1].pitch - 60) % 12 == 0
        assert {(parts[n][0][-1] - 60) in (2, 7) for n in (1, 5)} == {True}  # open: second or fifth degree


@pytest.mark.topic("APP-30")
def test_all_that_the_grammar_allows_comes_up():
    rhythms = {rhythm for song in SONGS for _, rhythm in bars(song)}
    assert rhythms == set(RHYTHMS)
    assert {pitch - 60 for song in SONGS for pitch, _ in song} == set(MAJOR)
    assert len({tuple(song) for song in SONGS}) > 295
    tokens = torch.cat([melodies.encode(song) for song in SONGS])
    assert tokens.unique().tolist() == list(range(VOCAB_SIZE)) and len(NOTES) == 24


@pytest.mark.topic("APP-30")
@pytest.mark.parametrize("key", [0, 60, 115])
def test_tokens_are_the_same_in_every_key(key):
    song = melodies.melodies(1, seed=5, key=key)[0]
    tokens = melodies.encode(song, key)
    assert tokens.dtype == torch.int64 and tokens[-1] == END and len(tokens) == len(song) + 1
    assert torch.equal(tokens, melodies.encode(melodies.melodies(1, seed=5)[0]))
    assert melodies.decode(tokens, key) == song == melodies.decode(tokens[:-1].tolist(), key)
    assert all(0 <= note.pitch <= 127 for note in song)
    assert melodies.decode([*tokens.tolist(), 5, END], key) == song  # nothing comes after the end
    assert melodies.broken_rules(song, key) == []


@pytest.mark.topic("APP-30")
def test_good_melodies_break_no_rule():
    assert all(melodies.broken_rules(song) == [] for song in SONGS)


BROKEN = {
    "the last note is missing": (lambda s: s[:-1], "expected 8 bars of 4 beats, received [4.0, "),
    "a bar is missing": (lambda s: s[: -len(bars(s)[7][0])], "expected 8 bars"),
    "no note at all": (lambda s: [], "expected 8 bars of 4 beats, received []"),
    "another last note": (lambda s: [*s[:-1], Note(65, s[-1].beats)], "bar 8 ends on a wrong degree"),
    "another first note": (
        lambda s: [Note(62, s[0].beats), *s[1:]],
        "bar 1 does not begin with a note of I",
    ),
    "a leap": (lambda s: [s[0], Note(72 if s[0].pitch < 67 else 60, s[1].beats), *s[2:]], "bar 1 leaps"),
    "another answer": (lambda s: [Note(72 - s[0].pitch + 60, s[0].beats), *s[1:]], "does not begin as the"),
    "an odd rhythm": (
        lambda s: [Note(60, 0.5), Note(60, 1.0), Note(60, 0.5), Note(60, 2.0), *s[len(bars(s)[0][0]) :]],
        "bar 1 has an unknown rhythm",
    ),
    "another second answer": (
        lambda s: [*s[:-1], Note(60 if s[-1].pitch == 72 else 72, s[-1].beats)],
        "the second answer is not the first",
    ),
}  # fmt: skip


@pytest.mark.topic("APP-30")
@pytest.mark.parametrize(("spoil", "rule"), BROKEN.values(), ids=BROKEN.keys())
def test_each_broken_rule_is_named(spoil, rule):
    tried = 0
    for song in SONGS[:40]:
        spoiled = spoil(song)
        if any(pitch - 60 not in MAJOR for pitch, _ in spoiled) or spoiled == song:
            continue
        tried += 1
        assert any(rule in broken for broken in melodies.broken_rules(spoiled)), spoiled
    assert tried > 5


def test_closed_phrases_end_on_the_tonic_only():
    assert {MAJOR[degree] % 12 for degree in CLOSED} == {0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: melodies.melodies(0), "expected n >= 1, received 0"),
        (lambda: melodies.melodies(1, key=116), "a key must be from 0 to 115, received 116"),
        (lambda: melodies.encode([Note(60, 1.0), Note(61, 1.0)]), "received pitch 61 .* at position 1"),
        (lambda: melodies.encode([Note(60, 3.0)]), "received pitch 60 for 3.0 beats at position 0"),
        (lambda: melodies.decode([1, 25]), "a token must be from 0 to 24, received 25"),
        (lambda: melodies.decode([1], key=-1), "received -1"),
    ],
)
def test_notes_outside_the_grammar_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
