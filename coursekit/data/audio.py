"""Sound as numbers: tones, melodies, WAV files, spectrograms.

Letters: C channels, L samples, T frames, F frequencies.

A sample is the pressure at one moment, float32 in [-1, 1]; `rate` is how many there are in a second (Hz).
"""

import math
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

RATE = 16_000  # Hz
HARMONICS = (1.0, 0.5, 0.25, 0.125)  # amplitudes of 1, 2, 3 and 4 times the frequency
FADE = 0.01  # seconds from silence to full strength, so that a tone does not click


class Sound(NamedTuple):
    """What a WAV file holds."""

    samples: Tensor  # (C, L) float32 in [-1, 1]
    rate: int  # Hz


def frequency(pitch: float) -> float:
    """Hz of a MIDI number, equally tempered: 69 is the A of 440 Hz, 12 more are an octave, twice as fast."""
    return 440.0 * math.pow(2.0, (pitch - 69) / 12)


def tone(hertz: float, seconds: float, rate: int = RATE, harmonics: Iterable[float] = HARMONICS) -> Tensor:
    """One tone with its overtones, (L,) with L = round(seconds * rate), with silent ends and a peak below 1.

    `harmonics` are the amplitudes of 1, 2, 3, ... times the frequency; their sum is the largest value
    possible and is scaled to 1. Those from rate / 2 on would come out as other tones (aliasing) and are
    left out.
    """
    _check_rate(rate)
    amplitudes = list(harmonics)
    if not 0 < hertz < rate / 2 or not 0 < seconds < math.inf:
        raise ValueError(
            f"expected a frequency between 0 and {rate / 2} Hz and a finite length above 0 s, "
            f"received {hertz} Hz and {seconds} s"
        )
    if not amplitudes or not 0 < sum(map(abs, amplitudes)) < math.inf:
        raise ValueError(f"expected a finite amplitude other than 0, received {amplitudes}")
    time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate  # (L,)
    sound = torch.zeros_like(time)
    for number, amplitude in enumerate(amplitudes, start=1):
        if number * hertz < rate / 2:
            sound += amplitude / sum(map(abs, amplitudes)) * torch.sin(2 * math.pi * number * hertz * time)
    fade = (torch.minimum(time, time.flip(0)) / FADE).clamp(max=1)  # (L,) 0 at both ends
    return (fade * sound).float()


def render(
    notes: Iterable[tuple[float, float]], rate: int = RATE, tempo: float = 120.0, volume: float = 0.8
) -> Tensor:
    """The sound of (pitch, beats) pairs one after the other, (L,); `tempo` in beats a minute.

    Every note begins at the sample nearest to its time, so nothing drifts in a long piece.
    """
    if not (0 < tempo < math.inf and 0 <= volume <= 1):
        raise ValueError(f"expected a tempo above 0 and a volume in [0, 1], received {tempo} and {volume}")
    _check_rate(rate)
    parts, beats_before, samples_before = [torch.zeros(0)], 0.0, 0
    for pitch, beats in notes:
        beats_before += beats
        end = round(60 / tempo * beats_before * rate)
        parts.append(volume * tone(frequency(pitch), (end - samples_before) / rate, rate))
        samples_before = end
    return torch.cat(parts)  # (L,)


def log_spectrogram(samples: Tensor, window: int, hop: int) -> Tensor:
    """How strong each frequency is at each time, as a sequence: samples (..., L) -> (..., T, F).

    log(1 + |X|) of windows of `window` samples (Hann, no padding) that begin `hop` samples apart: T = 1 +
    (L - window) // hop and F = window // 2 + 1, from 0 Hz to rate / 2 in steps of rate / window.
    """
    if not (1 <= hop and 2 <= window <= samples.shape[-1]):
        raise ValueError(
            f"expected hop >= 1 and a window from 2 to the {samples.shape[-1]} samples, "
            f"received {hop} and {window}"
        )
    runs = samples.unfold(-1, window, hop) * torch.hann_window(window)  # (..., T, window)
    spectrogram: Tensor = torch.fft.rfft(runs).abs().log1p()  # (..., T, F)
    return spectrogram


def write_wav(path: str | Path, samples: Tensor, rate: int = RATE) -> None:
    """Write samples (L,) or (C, L) in [-1, 1] as a WAV file of 16 bits, steps of 1 / 32768.

    Raises `ValueError` for other values: turn the volume down rather than cut the peaks.
    """
    _check_rate(rate)
    if samples.dim() not in (1, 2) or samples.numel() == 0 or not samples.is_floating_point():
        raise ValueError(
            f"expected float samples (L,) or (C, L), at least one, "
            f"received {samples.dtype} of shape {tuple(samples.shape)}"
        )
    if not samples.abs().max() <= 1:  # also if it is NaN
        raise ValueError(f"expected samples in [-1, 1], received a peak of {samples.abs().max().item()}")
    channels = samples.detach().view(-1, samples.shape[-1])  # (C, L)
    levels = (channels.double() * 32768).round().clamp(max=32767).to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((len(channels), 2, rate, channels.shape[1], "NONE", ""))
        file.writeframes(levels.T.contiguous().numpy().astype("<i2").tobytes())


def read_wav(path: str | Path) -> Sound:
    """The sound of a WAV file of 8, 16, 24 or 32 bits without compression.

    Raises `FileNotFoundError` if there is none, `ValueError` for other content, and for a file that ends
    early.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a WAV file, but {path} is not a file")
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, length = file.getparams()[:4]
            content = file.readframes(length)
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"expected an uncompressed WAV file, but {path} is not one: {str(error) or 'it ends early'}"
        ) from None
    expected = channels * width * length
    if length == 0 or len(content) != expected:
        raise ValueError(f"expected {expected or 'some'} bytes of sound in {path}, received {len(content)}")
    return Sound(_levels(content, width).view(length, channels).T.contiguous(), rate)  # (C, L)


def _levels(content: bytes, width: int) -> Tensor:
    """Samples in [-1, 1] from integers of `width` bytes, the lowest first: those of one byte have no sign."""
    digits = torch.frombuffer(bytearray(content), dtype=torch.uint8).view(-1, width).double()  # (C L, width)
    numbers = digits @ 256.0 ** torch.arange(width, dtype=torch.float64)
    half = 2.0 ** (8 * width - 1)
    signed = numbers - half if width == 1 else torch.where(numbers >= half, numbers - 2 * half, numbers)
    return (signed / half).float()


def _check_rate(rate: int) -> None:
    if rate < 1:
        raise ValueError(f"a rate must be at least 1 sample a second, received {rate}")
