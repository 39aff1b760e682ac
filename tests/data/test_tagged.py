"""Tagged sentences: one reading each, and words whose class only the neighbours tell."""

import itertools
from collections import Counter, defaultdict

import pytest
import torch

from coursekit.data import tagged
from coursekit.data.tagged import GRAMMAR, TAGS, WORDS
from coursekit.data.text import Vocabulary

SENTENCES = tagged.sentences(20_000)


def expansions(symbol):
    """All rows of word symbols that a symbol can become."""
    if symbol in WORDS:
        return [(symbol,)]
    rows = []
    for rule in GRAMMAR[symbol]:
        for parts in itertools.product(*map(expansions, rule.split())):
            rows.append(sum(parts, ()))
    return rows


def classes(word):
    return frozenset(symbol for symbol, (_, words) in WORDS.items() if word in words.split())


@pytest.mark.topic("APP-20", "RNN-23")
def test_every_sentence_has_one_reading():
    """Tried on all sentences of the words that fit in most places; any other word fits in fewer."""
    words = {word for _, words in WORDS.values() for word in words.split()}
    looks = {classes(word): word for word in sorted(words)}
    widest = {look: word for look, word in looks.items() if not any(look < other for other in looks)}
    readings: dict[tuple[str, ...], tuple[str, ...]] = {}
    for symbols in expansions("sentence"):
        tags = tuple(WORDS[symbol][0] for symbol in symbols)
        choices = ([word for look, word in widest.items() if symbol in look] for symbol in symbols)
        for sentence in itertools.product(*choices):
            assert readings.setdefault(sentence, tags) == tags, sentence
    assert len(readings) > 400


@pytest.mark.topic("APP-20")
def test_sentences_are_well_formed():
    lengths = {len(words) for words, _ in SENTENCES}
    assert lengths == set(range(3, 10))
    for words, tags in SENTENCES:
        assert len(words) == len(tags) and set(tags) <= set(TAGS)
        assert words[-1] == "." and tags[-1] == "PUNCT" and tags.count("VERB") == tags.count("PUNCT") == 1
        verb = words[tags.index("VERB")]
        plural = words[0] in ("we", "they", "those", "these")
        assert verb.endswith("s") != plural, words  # the verb agrees with its subject
    used = {(word, tag) for words, tags in SENTENCES for word, tag in zip(words, tags, strict=True)}
    assert used == {(word, tag) for tag, text in WORDS.values() for word in text.split()}
    assert {tag for _, tag in used} == set(TAGS)


def accuracy(context) -> float:
    """Of a tagger that gives each context the tag it has most often."""
    seen: dict[tuple, Counter] = defaultdict(Counter)
    for words, tags in SENTENCES:
        padded = ("", "", *words, "", "")
        for place, tag in enumerate(tags):
            seen[context(padded, place + 2)][tag] += 1
    return sum(max(tags.values()) for tags in seen.values()) / sum(map(Counter.total, seen.values()))


@pytest.mark.topic("APP-20", "RNN-23")
def test_both_neighbours_tell_what_the_past_alone_does_not():
    alone = accuracy(lambda words, t: words[t])
    past = accuracy(lambda words, t: words[: t + 1])
    both = accuracy(lambda words, t: words[t - 2 : t + 3])
    assert alone < past - 0.04 and past < both - 0.02
    assert both > 0.995


@pytest.mark.topic("APP-20")
def test_unsure_words_are_listed_with_their_tags():
    unsure = tagged.ambiguous()
    assert unsure["that"] == ("DET", "PRON") and unsure["light"] == ("ADJ", "NOUN", "VERB")
    assert unsure["hard"] == ("ADJ", "ADV") and unsure["inside"] == ("ADP", "ADV")
    assert "she" not in unsure and "dog" not in unsure


@pytest.mark.topic("APP-20")
def test_tags_have_ids_and_words_go_through_a_vocabulary():
    words, tags = SENTENCES[0]
    ids = tagged.encode_tags(tags)
    assert ids.dtype == torch.int64 and [TAGS[i] for i in ids] == list(tags)
    vocabulary = Vocabulary(word for words, _ in SENTENCES for word in words)
    assert vocabulary.decode(vocabulary.encode(words, "error")) == list(words)
    with pytest.raises(ValueError, match="expected tags of ADJ .* VERB, received 'XYZ' at position 1"):
        tagged.encode_tags(["DET", "XYZ"])
    with pytest.raises(ValueError, match="expected n >= 1, received 0"):
        tagged.sentences(0)
