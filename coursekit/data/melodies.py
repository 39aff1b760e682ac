"""Melodies from a small grammar, as notes and as tokens. T notes of a melody.

A melody has 32 beats in a major key: question, answer, contrast, answer, two bars of four beats each in

    question -> bar on I, bar on V that ends on the second or the fifth degree
    answer   -> the first bar of the question, bar on I that ends on the tonic
    contrast -> bar on IV, bar on V that ends on the second or the fifth degree

A bar has one of the rhythms in `RHYTHMS`, begins with a note of its chord, and goes on in steps of at
most two degrees, within one octave. So the far past matters: the answer comes back, and the tonic is due
at the end.
"""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

MAJOR = (0, 2, 4, 5, 7, 9, 11, 12)  # semitones above the tonic, of the degrees 0 to 7
RHYTHMS = ((1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 2.0), (2.0, 1.0, 1.0), (0.5, 0.5, 1.0, 2.0), (1.0, 0.5, 0.5, 2.0))
CHORDS = {"I": (0, 2, 4, 7), "IV": (3, 5, 0, 7), "V": (4, 6, 1)}  # degrees
BEATS, BARS = 4, 8  # beats of a bar, bars of a melody
OPEN, CLOSED = (1, 4), (0, 7)  # degrees on which a phrase may end
MIDDLE_C = 60  # as a MIDI number


class Note(NamedTuple):
    """A pitch and how long it sounds."""

    pitch: int  # MIDI number: 60 is the middle C, 69 the A of 440 Hz, one more is a semitone higher
    beats: float


NOTES = tuple(
    (degree, beats) for degree in range(len(MAJOR)) for beats in (0.5, 1.0, 2.0)
)  # of token 1, 2, ...
END, VOCAB_SIZE = 0, 1 + len(NOTES)


def melodies(n: int, seed: int = 0, key: int = MIDDLE_C) -> list[list[Note]]:
    """n melodies; `key` is the pitch of the tonic, from 0 to 115 so that the octave above it has numbers."""
    if n < 1:
        raise ValueError(f"expected n >= 1, received {n}")
    _check_key(key)
    dice = random.Random(seed)
    return [[Note(key + MAJOR[degree], beats) for degree, beats in _song(dice)] for _ in range(n)]


def encode(melody: Sequence[Note], key: int = MIDDLE_C) -> Tensor:
    """Tokens (T + 1,) int64 of a melody, the last one `END`; of each note 1 + its place in `NOTES`.

    Tokens count from the tonic, so a melody has the same ones in every key. Raises `ValueError` for a
    note that the grammar does not have.
    """
    tokens = []
    for position, (pitch, beats) in enumerate(melody):
        if pitch - key not in MAJOR or (MAJOR.index(pitch - key), beats) not in NOTES:
            raise ValueError(
                f"expected notes of the major scale on {key}, of 0.5, 1 or 2 beats, "
                f"received pitch {pitch} for {beats} beats at position {position}"
            )
        tokens.append(1 + NOTES.index((MAJOR.index(pitch - key), beats)))
    return torch.tensor([*tokens, END])


def decode(tokens: Tensor | Iterable[int], key: int = MIDDLE_C) -> list[Note]:
    """The notes of tokens (T,), up to the first `END` if there is one."""
    _check_key(key)
    melody = []
    for token in tokens.tolist() if isinstance(tokens, Tensor) else tokens:
        if not 0 <= token < VOCAB_SIZE:
            raise ValueError(f"a token must be from 0 to {VOCAB_SIZE - 1}, received {token}")
        if token == END:
            break
        degree, beats = NOTES[token - 1]
        melody.append(Note(key + MAJOR[degree], beats))
    return melody


def broken_rules(melody: Sequence[Note], key: int = MIDDLE_C) -> list[str]:
    """What a melody does against the grammar, in words; an empty list for one of its own.

    Meant for judging what a model has composed: count the melodies without a broken rule.
    """
    tokens = encode(melody, key).tolist()[:-1]
    bars = _bars([NOTES[token - 1] for token in tokens])
    if len(bars) != BARS or any(_beats(bar) != BEATS for bar in bars):
        return [f"expected {BARS} bars of {BEATS} beats, received {[_beats(bar) for bar in bars]}"]
    broken = []
    chords = ("I", "V", "I", "I", "IV", "V", "I", "I")
    for number, (bar, chord) in enumerate(zip(bars, chords, strict=True), start=1):
        degrees = [degree for degree, _ in bar]
        if tuple(beats for _, beats in bar) not in RHYTHMS:
            broken.append(f"bar {number} has an unknown rhythm")
        if degrees[0] not in CHORDS[chord]:
            broken.append(f"bar {number} does not begin with a note of {chord}")
        if any(abs(a - b) > 2 for a, b in zip(degrees, degrees[1:], strict=False)):
            broken.append(f"bar {number} leaps by more than two degrees")
        if number % 2 == 0 and degrees[-1] not in (CLOSED if chord == "I" else OPEN):
            broken.append(f"bar {number} ends on a wrong degree")
    if bars[2] != bars[0]:
        broken.append("the answer does not begin as the question")
    if bars[6:] != bars[2:4]:
        broken.append("the second answer is not the first")
    return broken


_Bar = list[tuple[int, float]]  # degree and beats of each note


def _song(dice: random.Random) -> _Bar:
    opening = _bar("I", None, dice)
    question = opening + _bar("V", OPEN, dice)
    answer = opening + _bar("I", CLOSED, dice)
    return question + answer + _bar("IV", None, dice) + _bar("V", OPEN, dice) + answer


def _bar(chord: str, ends: tuple[int, ...] | None, dice: random.Random) -> _Bar:
    """Draw bars until one ends on a degree of `ends`, any for None."""
    while True:
        rhythm = dice.choice(RHYTHMS)
        degrees = [dice.choice(CHORDS[chord])]
        while len(degrees) < len(rhythm):
            degrees.append(dice.choice([d for d in range(len(MAJOR)) if abs(d - degrees[-1]) <= 2]))
        if ends is None or degrees[-1] in ends:
            return list(zip(degrees, rhythm, strict=True))


def _bars(notes: _Bar) -> list[_Bar]:
    """Notes in groups, a new one whenever a full bar has gone by."""
    bars: list[_Bar] = []
    for note in notes:
        if not bars or _beats(bars[-1]) >= BEATS:
            bars.append([])
        bars[-1].append(note)
    return bars


def _beats(bar: _Bar) -> float:
    return sum(beats for _, beats in bar)


def _check_key(key: int) -> None:
    if not 0 <= key <= 127 - MAJOR[-1]:
        raise ValueError(f"a key must be from 0 to {127 - MAJOR[-1]}, received {key}")
