"""Entries of made-up diaries: how does the one who writes feel? N entries, S sentences, T words.

Every entry has one sentence on the writer's own feeling. It may name another feeling too, that of somebody
else or one that was not felt, and other sentences tell how other people feel, or nothing at all. So the words
of the right feeling are always there, mostly among those of wrong ones, and only who feels tells them apart.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.data.text import Vocabulary, pad

EMOTIONS = ("joy", "anger", "fear", "sadness")
FEELINGS = {
    "joy": "happy glad delighted cheerful".split(),
    "anger": "angry furious annoyed cross".split(),
    "fear": "afraid scared worried nervous".split(),
    "sadness": "sad lonely unhappy miserable".split(),
}
# {own} and {other} become words of a feeling, {who} somebody else, {thing} and {place} what they say. The
# {other} of a sentence on the writer is another emotion than the {own}; without {own} it may be any.
OWN = (
    "i was {own} about the {thing} .",
    "i felt {own} when the {thing} came .",
    "i was not {other} but {own} .",
    "i was {own} while {who} was {other} .",
    "{who} was {other} while i was {own} .",
    "{who} felt {other} but i felt {own} .",
)
REST = (
    "{who} was {other} about the {thing} .",
    "{who} felt {other} when the {thing} came .",
    "{who} was {other} .",
    "we walked to the {place} .",
    "the {thing} came late .",
    "{who} waited at the {place} .",
)
WORDS = {
    "who": ("she", "he", "mother", "grandfather", "anna", "tom"),
    "thing": ("letter", "train", "doctor", "parcel", "rain"),
    "place": ("station", "school", "river", "market"),
}


class Entry(NamedTuple):
    """Sentences of words, what the writer feels, and the one word that says it."""

    sentences: tuple[tuple[str, ...], ...]
    emotion: int  # an index of EMOTIONS
    sentence: int  # which sentence it is that says it
    word: int  # and which of its words

    @property
    def words(self) -> tuple[str, ...]:
        """All of them, in order."""
        return sum(self.sentences, ())

    @property
    def position(self) -> int:
        """Where among all words the one stands that says it."""
        return sum(map(len, self.sentences[: self.sentence])) + self.word


class Encoded(NamedTuple):
    """Entries as ids, twice: in one row of words, and by sentences."""

    tokens: Tensor  # (N, T) int64, padded at the end with 0
    lengths: Tensor  # (N,) int64
    by_sentence: Tensor  # (N, S, T) int64, padded at the end on both scales
    sentence_lengths: Tensor  # (N, S) int64, 0 behind the last sentence
    labels: Tensor  # (N,) int64, an index of EMOTIONS


def entries(n: int, sentences: int = 6, seed: int = 0) -> list[Entry]:
    """n entries of 2 to `sentences` sentences, the emotions equally likely."""
    if n < 1 or sentences < 2:
        raise ValueError(f"expected n >= 1 and sentences >= 2, received {n} and {sentences}")
    dice = random.Random(seed)
    return [_entry(dice, sentences) for _ in range(n)]


def encode(written: Sequence[Entry], vocabulary: Vocabulary) -> Encoded:
    """Both forms of the same entries, with the ids of `vocabulary`."""
    tokens, lengths = pad([vocabulary.encode(entry.words) for entry in written])
    rows = [vocabulary.encode(words) for entry in written for words in entry.sentences]
    padded, row_lengths = pad(rows)  # (R, T), (R,) the sentences of all entries
    counts = torch.tensor([len(entry.sentences) for entry in written])  # (N,)
    real = torch.arange(int(counts.max())) < counts[:, None]  # (N, S)
    by_sentence = torch.zeros(*real.shape, padded.shape[1], dtype=torch.int64)
    sentence_lengths = torch.zeros(real.shape, dtype=torch.int64)
    by_sentence[real], sentence_lengths[real] = padded, row_lengths
    labels = torch.tensor([entry.emotion for entry in written])
    return Encoded(tokens, lengths, by_sentence, sentence_lengths, labels)


def _entry(dice: random.Random, most: int) -> Entry:
    count = dice.randint(2, most)
    emotion, place = dice.randrange(len(EMOTIONS)), dice.randrange(count)
    written = [
        _sentence(OWN if number == place else REST, EMOTIONS[emotion], dice).split()
        for number in range(count)
    ]
    marked = [word.startswith("*") for word in written[place]]
    sentences = tuple(tuple(word.lstrip("*") for word in words) for words in written)
    return Entry(sentences, emotion, place, marked.index(True))


def _sentence(forms: Sequence[str], emotion: str, dice: random.Random) -> str:
    """A sentence with a star before the word of the writer's feeling, if it has one."""
    form = dice.choice(forms)
    others = [name for name in EMOTIONS if name != emotion or forms is REST]
    return form.format(
        own="*" + dice.choice(FEELINGS[emotion]),
        other=dice.choice(FEELINGS[dice.choice(others)]),
        **{name: dice.choice(words) for name, words in WORDS.items()},
    )
