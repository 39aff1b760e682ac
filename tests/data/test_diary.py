"""Made-up diaries: the writer says what the writer feels, and the words alone do not tell which it is."""

from collections import Counter

import pytest
import torch

from coursekit.data import diary
from coursekit.data.diary import EMOTIONS, FEELINGS
from coursekit.data.text import Vocabulary

ENTRIES = diary.entries(5000)
EMOTION_OF = {word: EMOTIONS.index(name) for name, words in FEELINGS.items() for word in words}


def writers_feeling(words):
    """The feeling of a sentence, if it is the writer's: the last one after "i" without a "not" before it."""
    felt = None
    subject, negated = None, False
    for word in words:
        if word in ("i", *diary.WORDS["who"]):
            subject, negated = word, False
        negated = word == "not" or (negated and word != "but")
        if word in EMOTION_OF and subject == "i" and not negated:
            felt = EMOTION_OF[word]
    return felt


@pytest.mark.topic("APP-15")
def test_one_sentence_says_what_the_writer_feels_and_the_word_is_marked():
    for entry in ENTRIES[:1000]:
        said = [writers_feeling(words) for words in entry.sentences]
        assert [number for number, felt in enumerate(said) if felt is not None] == [entry.sentence]
        assert said[entry.sentence] == entry.emotion
        assert entry.words[entry.position] in FEELINGS[EMOTIONS[entry.emotion]]
        assert entry.words[entry.position] == entry.sentences[entry.sentence][entry.word]
        beside = [EMOTION_OF[word] for word in entry.sentences[entry.sentence] if word in EMOTION_OF]
        assert beside.count(entry.emotion) == 1  # the feeling beside it, if any, is a wrong one


@pytest.mark.topic("APP-15")
def test_the_emotions_are_equally_likely_and_counting_them_is_right_about_half_the_time():
    counts = Counter(entry.emotion for entry in ENTRIES)
    assert [counts[k] for k in range(4)] == pytest.approx([1250] * 4, rel=0.1)
    right = 0.0
    for entry in ENTRIES:
        named = Counter(EMOTION_OF[word] for word in entry.words if word in EMOTION_OF)
        most = [k for k in named if named[k] == max(named.values())]
        right += (entry.emotion in most) / len(most)  # a tie is decided by chance
    assert 0.4 < right / len(ENTRIES) < 0.65


@pytest.mark.topic("RNN-68", "APP-23")
def test_both_forms_hold_the_same_words():
    written = diary.entries(50, sentences=4, seed=3)
    assert {len(entry.sentences) for entry in written} == {2, 3, 4}
    vocabulary = Vocabulary(word for entry in written for word in entry.words)
    encoded = diary.encode(written, vocabulary)
    assert encoded.by_sentence.shape[:2] == encoded.sentence_lengths.shape == (50, 4)
    assert torch.equal(encoded.lengths, encoded.sentence_lengths.sum(1))
    assert encoded.labels.tolist() == [entry.emotion for entry in written]
    for n, entry in enumerate(written):
        assert tuple(vocabulary.decode(encoded.tokens[n, : encoded.lengths[n]])) == entry.words
        assert not encoded.tokens[n, encoded.lengths[n] :].any()
        for s, words in enumerate(entry.sentences):
            length = int(encoded.sentence_lengths[n, s])
            assert tuple(vocabulary.decode(encoded.by_sentence[n, s, :length])) == words
            assert not encoded.by_sentence[n, s, length:].any()
        assert not encoded.sentence_lengths[n, len(entry.sentences) :].any()


def test_the_seed_fixes_everything():
    assert diary.entries(20, seed=1) == diary.entries(20, seed=1) != diary.entries(20, seed=2)


@pytest.mark.parametrize("arguments", [(0, 6), (1, 1)])
def test_impossible_entries_are_refused(arguments):
    with pytest.raises(ValueError, match=f"received {arguments[0]} and {arguments[1]}"):
        diary.entries(*arguments)
