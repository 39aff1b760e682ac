"""English sentences from a small grammar, with the part of speech of every word. N sentences, T words.

Two words in three of a text could be of several classes. What comes before often does not tell which: "the
cold helps" and "the cold dog helps", "that stops" and "that train stops", "she works hard" and "she likes
hard plays" part only at the next word. Every sentence has exactly one reading, so whoever sees all of it
can always be right. The tags are those of the Universal Dependencies; source: de Marneffe et al. (2021).
"""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

TAGS = ("ADJ", "ADP", "ADV", "DET", "NOUN", "PRON", "PUNCT", "VERB")

# Symbol -> its expansions, each as likely as the next; what is no symbol here stands in WORDS. A 1 at the
# end is for the singular, a 2 for the plural, which subject and verb share.
GRAMMAR = {
    "sentence": ("subject1 predicate1 stop", "subject2 predicate2 stop"),
    "subject1": ("pronoun1", "phrase1"),
    "subject2": ("pronoun2", "phrase2"),
    "phrase1": ("determiner1 noun1", "determiner1 adjective noun1"),
    "phrase2": ("determiner2 noun2", "determiner2 adjective noun2"),
    "predicate1": ("acts1", "acts1 adverb", "acts1 place", "affects1 object"),
    "predicate2": ("acts2", "acts2 adverb", "acts2 place", "affects2 object"),
    "place": ("preposition phrase1", "preposition phrase2"),
    "object": ("phrase1", "phrase2", "noun2", "adjective noun2", "objective"),
}
# Symbol -> tag and words.
WORDS = {
    "determiner1": ("DET", "the a that this"),
    "determiner2": ("DET", "those these"),
    "pronoun1": ("PRON", "she he it that this"),
    "pronoun2": ("PRON", "we they those these"),
    "objective": ("PRON", "her them us that these"),
    "adjective": ("ADJ", "cold light hard fast late young"),
    "noun1": ("NOUN", "cold light watch play stop train dog"),
    "noun2": ("NOUN", "colds lights watches plays stops trains dogs"),
    "acts1": ("VERB", "works helps plays stops trains"),
    "acts2": ("VERB", "work help play stop train"),
    "affects1": ("VERB", "likes lights watches finds"),
    "affects2": ("VERB", "like light watch find"),
    "adverb": ("ADV", "hard fast late inside outside there"),
    "preposition": ("ADP", "inside outside with"),
    "stop": ("PUNCT", "."),
}


class Sentence(NamedTuple):
    """Words, and what each one is."""

    words: tuple[str, ...]
    tags: tuple[str, ...]  # of TAGS


def sentences(n: int, seed: int = 0) -> list[Sentence]:
    """n sentences of 3 to 9 words, the stop included; short ones come again, as in any language."""
    if n < 1:
        raise ValueError(f"expected n >= 1, received {n}")
    dice = random.Random(seed)
    drawn = []
    for _ in range(n):
        symbols = list(_expand("sentence", dice))
        words = tuple(dice.choice(WORDS[symbol][1].split()) for symbol in symbols)
        drawn.append(Sentence(words, tuple(WORDS[symbol][0] for symbol in symbols)))
    return drawn


def encode_tags(tags: Sequence[str]) -> Tensor:
    """Ids (T,) int64 of tags, their places in `TAGS`; `text.Vocabulary` and `text.pad` do the words."""
    for position, tag in enumerate(tags):
        if tag not in TAGS:
            raise ValueError(f"expected tags of {' '.join(TAGS)}, received {tag!r} at position {position}")
    return torch.tensor([TAGS.index(tag) for tag in tags], dtype=torch.int64)


def ambiguous() -> dict[str, tuple[str, ...]]:
    """Each word that has several tags, and these: what a look at the word alone cannot decide."""
    found: dict[str, set[str]] = {}
    for tag, words in WORDS.values():
        for word in words.split():
            found.setdefault(word, set()).add(tag)
    return {word: tuple(sorted(tags)) for word, tags in sorted(found.items()) if len(tags) > 1}


def _expand(symbol: str, dice: random.Random) -> Iterator[str]:
    """The symbols of WORDS that a symbol becomes."""
    if symbol in WORDS:
        yield symbol
    else:
        for part in dice.choice(GRAMMAR[symbol]).split():
            yield from _expand(part, dice)
