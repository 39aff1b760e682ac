"""Spoken commands of a made-up language: what a recogniser of words needs, without a microphone.

A word is a row of vowels, and a vowel is a voice (a tone with many overtones) through the throat and
mouth, which strengthen the overtones near two frequencies, the formants. Several words have the same
vowels in another order, so they differ only in when something sounds. Source of the idea: the source and
filter of Fant (1960), Acoustic theory of speech production.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

FORMANTS = {"a": (730.0, 1090.0), "i": (270.0, 2290.0), "u": (300.0, 870.0)}  # Hz, of a man's voice
COMMANDS = ("ai", "ia", "au", "ua", "iu", "ui")
BANDWIDTH = 80.0  # Hz, half the width of a formant
SHORTEST, LONGEST = 0.25, 0.5  # seconds of a word


class Spoken(NamedTuple):
    """Recordings, and the command in each."""

    samples: Tensor  # (N, L) float32 in [-1, 1]
    labels: Tensor  # (N,) int64, an index of COMMANDS
    onsets: Tensor  # (N,) int64, the sample with which the word begins


def spoken(n: int, rate: int = 8000, seconds: float = 0.6, noise: float = 0.02, seed: int = 0) -> Spoken:
    """n recordings of `seconds` at `rate` Hz, each one command by another speaker at some time.

    Speakers differ in pitch (90 to 250 Hz, falling by a tenth), mouth (formants times 6/7 to 7/6),
    tempo (0.25 to 0.5 s a word), and loudness (peak 0.3 to 0.9); `noise` is the deviation of the background.
    The vowels glide into each other. Raises `ValueError` for a rate below 6,000 Hz, which could not carry the
    second formant of "i", or fewer than 0.5 seconds.
    """
    if n < 1 or rate < 6000 or not LONGEST <= seconds < math.inf or not 0 <= noise < math.inf:
        raise ValueError(
            f"expected n >= 1, rate >= 6000, seconds >= {LONGEST} and a noise >= 0, both finite, "
            f"received {n}, {rate}, {seconds} and {noise}"
        )
    g = torch.Generator().manual_seed(seed)
    length = round(seconds * rate)
    labels = torch.randint(len(COMMANDS), (n,), generator=g)  # (N,)
    samples = noise * torch.randn(n, length, generator=g)  # (N, L)
    onsets = torch.zeros(n, dtype=torch.int64)
    for row, label in enumerate(labels.tolist()):
        pitch, mouth, tempo, loudness, start = torch.rand(5, generator=g).tolist()
        duration = int((SHORTEST + (LONGEST - SHORTEST) * tempo) * rate)
        word = _word(COMMANDS[label], 90 + 160 * pitch, (7 / 6) ** (2 * mouth - 1), duration, rate)
        onsets[row] = int(start * (length - len(word) + 1))
        samples[row, onsets[row] : onsets[row] + len(word)] += (0.3 + 0.6 * loudness) * word
    return Spoken(samples.clamp(-1, 1), labels, onsets)


def _word(vowels: str, pitch: float, mouth: float, length: int, rate: int) -> Tensor:
    """The sound of a word, (length,) with peak 1."""
    time = torch.linspace(0, 1, length)
    hertz = pitch * (1.05 - 0.1 * time)  # (length,) the voice falls towards the end
    phase = 2 * math.pi * hertz.double().cumsum(0) / rate
    number = torch.arange(1, int(rate / 2 / hertz.max()) + 1)[:, None]  # (K, 1) overtones below rate / 2
    glide = (3 * time - 1).clamp(0, 1)  # (length,) the middle third leads from the first vowel to the second
    strength = torch.zeros(len(number), length)
    for first, last in zip(FORMANTS[vowels[0]], FORMANTS[vowels[1]], strict=True):
        centre = mouth * (first + (last - first) * glide)
        strength += 1 / (1 + ((number * hertz - centre) / BANDWIDTH) ** 2)  # (K, length)
    sound = (strength / number * torch.sin(number * phase).float()).sum(0)  # a voice is weaker higher up
    sound *= (10 * torch.minimum(time, 1 - time)).clamp(max=1)
    return sound / sound.abs().max()
