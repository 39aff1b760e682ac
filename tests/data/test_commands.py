"""Made-up spoken commands: what was said can be read off the formants, and not off the vowels alone."""

import pytest
import torch

from coursekit.data import audio, commands
from coursekit.data.commands import COMMANDS, FORMANTS


@pytest.mark.topic("APP-28")
def test_recordings_have_the_length_and_silence_promised():
    samples, labels, onsets = commands.spoken(60, rate=8000, seconds=0.7, noise=0.0)
    assert samples.shape == (60, 5600) and samples.dtype == torch.float32 and labels.dtype == torch.int64
    assert set(labels.tolist()) == set(range(len(COMMANDS)))
    sounding = samples != 0
    first = sounding.long().argmax(dim=1)
    last = 5600 - sounding.flip(1).long().argmax(dim=1)
    assert (first - onsets).abs().max() <= 2
    spans = (last - first) / 8000
    assert 0.24 < spans.min() < 0.3 and 0.45 < spans.max() <= 0.5
    peaks = samples.abs().amax(dim=1)
    assert 0.29 < peaks.min() < 0.4 and 0.8 < peaks.max() <= 0.9
    assert onsets.min() < 800 and onsets.max() > 2400


@pytest.mark.topic("APP-28")
def test_noise_is_the_deviation_of_the_background():
    quiet, noisy = (commands.spoken(10, noise=noise).samples for noise in (0.0, 0.02))
    assert (noisy - quiet).std().item() == pytest.approx(0.02, rel=0.03)


@pytest.mark.topic("APP-28")
def test_each_half_of_a_word_has_the_formants_of_its_vowel():
    """The vowel whose formants are strongest, for some size of the mouth, is the right one."""
    samples, labels, _ = commands.spoken(120, noise=0.0, seed=1)
    right = 0
    for sound, label in zip(samples, labels.tolist(), strict=True):
        word = sound[sound.nonzero()[0, 0] : sound.nonzero()[-1, 0] + 1]
        third = len(word) // 3
        heard = "".join(vowel_of(part) for part in (word[:third], word[-third:]))
        right += heard == COMMANDS[label]
    assert right > 90  # by chance 13


@pytest.mark.topic("APP-28")
def test_speakers_have_mouths_of_all_sizes():
    """The second formant of "i", 2290 Hz on average, is seen a seventh lower to a sixth higher."""
    samples, labels, onsets = commands.spoken(200, noise=0.0, seed=2)
    peaks = []
    for row in torch.tensor([COMMANDS[label][0] == "i" for label in labels]).nonzero()[:, 0]:
        vowel = samples[row, onsets[row] + 200 : onsets[row] + 600]
        spectrum = audio.log_spectrogram(vowel, window=400, hop=400)[0]  # bins of 20 Hz
        peaks.append(1600 + 20 * spectrum[80:150].argmax().item())
    assert min(peaks) < 2100 and max(peaks) > 2500


def vowel_of(samples) -> str:
    frames = audio.log_spectrogram(samples, window=160, hop=40).mean(0)  # bins of 50 Hz
    scores = {
        vowel: max(frames[[round(mouth * hertz / 50) for hertz in formants]].mean() for mouth in MOUTHS)
        - frames[round(sum(formants) / 100)] / 2
        for vowel, formants in FORMANTS.items()
    }
    return max(scores, key=scores.__getitem__)


MOUTHS = (0.87, 0.93, 1.0, 1.08, 1.15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n >= 1, .*received 0, 8000"),
        ({"n": 1, "rate": 4000}, "rate >= 6000, .*received 1, 4000"),
        ({"n": 1, "seconds": 0.3}, "seconds >= 0.5 .*received 1, 8000, 0.3"),
        ({"n": 1, "noise": -1.0}, "a noise >= 0.*-1.0"),
    ],
)
def test_impossible_recordings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        commands.spoken(**options)
