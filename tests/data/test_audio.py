"""Sound: tones have their pitch, WAV files give back what was written, and damage is reported."""

import io
import math
import wave

import numpy as np
import pytest
import torch

from coursekit.data import audio, melodies


def loudest(samples, rate) -> float:
    """Hz of the strongest frequency."""
    spectrum = torch.fft.rfft(samples).abs()
    return spectrum.argmax().item() * rate / len(samples)


@pytest.mark.topic("APP-30")
def test_pitches_are_equally_tempered():
    assert audio.frequency(69) == 440.0 and audio.frequency(81) == pytest.approx(880.0)
    assert audio.frequency(60) == pytest.approx(261.6256, abs=1e-4)  # the middle C
    ratios = [audio.frequency(pitch + 1) / audio.frequency(pitch) for pitch in range(127)]
    assert ratios == pytest.approx([2 ** (1 / 12)] * 127)


@pytest.mark.topic("APP-30")
@pytest.mark.parametrize("rate", [8000, 44_100])
def test_a_tone_has_its_frequency_length_and_silent_ends(rate):
    samples = audio.tone(440.0, 0.5, rate)
    assert samples.shape == (rate // 2,) and samples.dtype == torch.float32
    assert loudest(samples, rate) == pytest.approx(440.0, abs=2)
    assert 0.5 < samples.abs().max() <= 1
    assert samples[0] == samples[-1] == 0
    assert samples[: rate // 1000].abs().max() < 0.15  # a click would be at full strength in a millisecond
    overtones = torch.fft.rfft(samples).abs()[[220, 440, 660, 880]]
    torch.testing.assert_close(
        overtones / overtones[0], torch.tensor([1, 0.5, 0.25, 0.125]), atol=0.02, rtol=0
    )


@pytest.mark.topic("APP-30")
def test_overtones_beyond_half_the_rate_are_left_out():
    alone = audio.tone(1500.0, 0.2, 4000, [0.5, 0.5])
    torch.testing.assert_close(alone, 0.5 * audio.tone(1500.0, 0.2, 4000, [1.0]))


@pytest.mark.topic("APP-30")
def test_a_melody_sounds_note_by_note_without_drift():
    song = melodies.melodies(1, seed=2)[0]
    rate, tempo = 8000, 130.0  # a beat has 3692.3 samples
    samples = audio.render(song, rate, tempo)
    assert len(samples) == round(32 * 60 / tempo * rate)
    assert samples.abs().max() <= 0.8
    beats = 0.0
    for pitch, length in song:
        first, last = (round(60 / tempo * beat * rate) for beat in (beats, beats + length))
        assert samples[first] == samples[last - 1] == 0
        expected = audio.frequency(pitch)
        assert loudest(samples[first:last], rate) == pytest.approx(expected, abs=rate / (last - first))
        beats += length
    assert audio.render([]).shape == (0,)


@pytest.mark.topic("APP-28")
def test_spectrogram_shows_when_which_frequency_sounds():
    samples = torch.cat([audio.tone(500.0, 0.5, 8000, [1.0]), audio.tone(2000.0, 0.5, 8000, [1.0])])
    batch = torch.stack([samples, samples.flip(0)])
    frames = audio.log_spectrogram(batch, window=256, hop=128)
    assert frames.shape == (2, 1 + (8000 - 256) // 128, 129)
    hertz = frames.argmax(-1) * 8000 / 256
    assert hertz[0, 3:27].unique().tolist() == [500.0] and hertz[0, 35:58].unique().tolist() == [2000.0]
    assert torch.equal(hertz[1, 3:27].unique(), hertz[0, 35:58].unique())
    one = torch.stft(batch, 256, 128, window=torch.hann_window(256), center=False, return_complex=True)
    torch.testing.assert_close(frames, one.abs().log1p().transpose(1, 2), atol=1e-5, rtol=1e-4)


# WAV files


@pytest.mark.topic("APP-30")
@pytest.mark.parametrize("shape", [(1,), (1000,), (1, 7), (2, 1000)])
def test_a_wav_file_gives_the_samples_back(tmp_path, shape):
    samples = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    audio.write_wav(tmp_path / "a.wav", samples, 22_050)
    found, rate = audio.read_wav(tmp_path / "a.wav")
    assert rate == 22_050 and found.dtype == torch.float32 and found.is_contiguous()
    torch.testing.assert_close(found, samples.view(-1, shape[-1]), atol=1 / 65536 + 1e-7, rtol=0)
    audio.write_wav(tmp_path / "b.wav", found, 22_050)  # what is on the steps stays there
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_wav_file_is_one_for_other_programs_too(tmp_path):
    from scipy.io import wavfile

    samples = torch.tensor([[0.0, 0.5, -0.5, 1.0, -1.0], [0.25, 0.0, 0.0, 0.0, 0.0]])
    audio.write_wav(tmp_path / "a.wav", samples.T.contiguous().T, 8000)
    rate, levels = wavfile.read(tmp_path / "a.wav")
    assert rate == 8000 and levels.dtype == np.int16
    assert levels.T.tolist() == [[0, 16384, -16384, 32767, -32768], [8192, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("width", "content", "expected"),
    [
        (1, bytes([0, 64, 128, 255]), [-1, -0.5, 0, 127 / 128]),  # one byte has no sign
        (2, np.array([-32768, 0, 1, 32767], "<i2").tobytes(), [-1, 0, 2**-15, 1 - 2**-15]),
        (3, b"\x00\x00\x80" + b"\x00\x00\x00" + b"\x01\x00\x00" + b"\x00\x00\x40", [-1, 0, 2**-23, 0.5]),
        (4, np.array([-(2**31), 0, 2**16, 2**30], "<i4").tobytes(), [-1, 0, 2**-15, 0.5]),
    ],
)
def test_all_widths_are_read(tmp_path, width, content, expected):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, width, 8000, 2, "NONE", ""))
        file.writeframes(content)
    samples, _ = audio.read_wav(tmp_path / "a.wav")
    assert samples.tolist() == [expected[::2], expected[1::2]]


def wav_bytes(length: int = 100) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, length, "NONE", ""))
        file.writeframes(bytes(2 * length))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an uncompressed WAV file, but .* it ends early"),
        (b"ID3 this is music of another kind", "does not start with RIFF"),
        (wav_bytes()[:30], "it ends early"),
        (wav_bytes()[:-50], "expected 200 bytes of sound in .*, received 150"),
        (wav_bytes(0), "expected some bytes of sound in .*, received 0"),
        (wav_bytes()[:20] + b"\x03\x00" + wav_bytes()[22:], "unknown format: 3"),  # floats
    ],
)
def test_damaged_files_are_reported(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        audio.read_wav(tmp_path / "a.wav")
    assert "a.wav" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_files_are_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a WAV file, but .*nowhere.wav is not a file"):
        audio.read_wav(tmp_path / "nowhere.wav")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        audio.read_wav(tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: audio.tone(0.0, 1.0), "between 0 and 8000.0 Hz .* received 0.0 Hz"),
        (lambda: audio.tone(4000.0, 1.0, 8000), "between 0 and 4000.0 Hz .* received 4000.0 Hz"),
        (lambda: audio.tone(440.0, -1.0), "a finite length above 0 s, received 440.0 Hz and -1.0 s"),
        (lambda: audio.tone(440.0, 1.0, harmonics=[]), r"a finite amplitude other than 0, received \[\]"),
        (lambda: audio.tone(440.0, 1.0, rate=0), "at least 1 sample a second, received 0"),
        (lambda: audio.render([(60, 1.0)], tempo=0.0), "a tempo above 0 .* received 0.0 and 0.8"),
        (lambda: audio.render([(60, 1.0)], volume=1.5), "received 120.0 and 1.5"),
        (lambda: audio.render([(60, 0.0)]), "received 261.6"),
        (lambda: audio.log_spectrogram(torch.ones(10), 11, 1), "to the 10 samples, received 1 and 11"),
        (lambda: audio.write_wav("/nowhere/a.wav", torch.ones(3, dtype=torch.int16)), "received torch.int16"),
        (lambda: audio.write_wav("/nowhere/a.wav", torch.ones(0)), r"at least one, .*shape \(0,\)"),
        (lambda: audio.write_wav("/nowhere/a.wav", torch.tensor([1.5])), "received a peak of 1.5"),
        (lambda: audio.write_wav("/nowhere/a.wav", torch.tensor([math.nan])), "received a peak of nan"),
        (lambda: audio.write_wav("/nowhere/a.wav", torch.ones(2), 0), "received 0"),
    ],
)
def test_impossible_sounds_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
