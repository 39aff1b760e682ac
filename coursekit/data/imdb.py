"""The film reviews of IMDb as token ids: 25,000 to train on and 25,000 to test, half of each favourable.

Source: Maas et al. (2011), Learning word vectors for sentiment analysis. The archive holds one file a review,

    aclImdb/train/neg/0_3.txt    aclImdb/train/pos/0_9.txt    aclImdb/test/neg/...    aclImdb/test/pos/...

named by a number and the stars it gave: 1 to 4 are bad, 7 to 10 good. Without a download,
`text.sentiment` makes up reviews of the same shape.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import torch

from coursekit.data.archive import TAR_READERS
from coursekit.data.download import data_home, fetch, unpack
from coursekit.data.reviews import Reviews
from coursekit.data.text import Vocabulary, pad, read

IMDB_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
IMDB_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"
VERDICTS = {"neg": range(1, 5), "pos": range(7, 11)}  # folder -> stars; the label is its place here
_NAME = re.compile(r"(\d+)_(\d+)")
_WORD = re.compile(r"\w+(?:'\w+)*")


class Imdb(NamedTuple):
    """The two parts in which the reviews are published, and the words behind the ids."""

    train: Reviews
    test: Reviews  # take from the first part what you choose by
    vocabulary: Vocabulary


def imdb(
    source: str | Path | None = None,
    vocab_size: int = 10_000,
    length: int = 100,
    per_folder: int | None = 12_500,
) -> Imdb:
    """IMDb's reviews as ids below `vocab_size`: tokens (N, length) padded and cut at the front, labels (N,).

    Fetched once (84 MB, 500 MB unpacked), or read from `source`: the archive, which is unpacked beside
    itself, or the folder made of it. A token is a word in small letters (`words`). Ids go by frequency in
    the training part: 0 is padding, 1 any other word, the `vocab_size` - 2 most frequent ones follow. The
    last `length` words of each review are kept, since the verdict tends to come last. The bad reviews
    stand before the good ones: shuffle.

    Each of the four folders must have `per_folder` reviews; None is for an excerpt with any number of them.
    Raises `DownloadError` without a network, `ArchiveError` for a damaged archive, `FileNotFoundError` where
    something is missing, and `ValueError` for files that are empty, no UTF-8, or not named as above.
    """
    if vocab_size < 3 or length < 1:
        raise ValueError(f"expected vocab_size >= 3 and length >= 1, received {vocab_size} and {length}")
    folder = _folder(source)
    train, train_labels = _read_part(folder / "train", per_folder)
    vocabulary = Vocabulary((word for review in train for word in review), max_size=vocab_size)
    test, test_labels = _read_part(folder / "test", per_folder)
    return Imdb(
        _reviews(train, train_labels, vocabulary, length),
        _reviews(test, test_labels, vocabulary, length),
        vocabulary,
    )


def words(review: str) -> list[str]:
    """The words of a review in small letters, without punctuation and the line breaks <br /> of web pages."""
    return _WORD.findall(review.replace("<br />", " ").lower())


def _folder(source: str | Path | None) -> Path:
    """The folder with train/ and test/."""
    if source is None:
        folder = unpack(fetch(IMDB_URL, IMDB_SHA256), data_home() / "imdb")
    else:
        source = folder = Path(source)
        suffix = next((end for end in TAR_READERS if source.name.lower().endswith(end)), None)
        if suffix is not None and not source.is_dir():
            folder = unpack(source, source.with_name(source.name[: -len(suffix)]))
    return folder if (folder / "train").is_dir() else folder / "aclImdb"


def _read_part(folder: Path, per_folder: int | None) -> tuple[list[list[str]], list[int]]:
    """The words of each review below train/ or test/, and its label."""
    reviews, labels = [], []
    for label, (verdict, stars) in enumerate(VERDICTS.items()):
        if not (folder / verdict).is_dir():
            raise FileNotFoundError(f"expected the folder {folder / verdict} of reviews, but it is missing")
        paths = list((folder / verdict).glob("*.txt"))
        if not paths or len(paths) != (per_folder or len(paths)):
            raise ValueError(
                f"expected {per_folder or 'some'} reviews (.txt) in {folder / verdict}, received {len(paths)}"
            )
        for path in sorted(paths, key=lambda path: _number(path, stars)):
            found = words(read(path))
            if not found:
                raise ValueError(f"expected a review, but {path} has no word")
            reviews.append([sys.intern(word) for word in found])  # one copy of each: millions are repeated
            labels.append(label)
    return reviews, labels


def _number(path: Path, stars: range) -> int:
    """The number in a file's name, once it is clear that the stars in it suit the folder."""
    match = _NAME.fullmatch(path.stem)
    if match is None or int(match[2]) not in stars:
        raise ValueError(
            f"expected files named number_stars.txt with {stars[0]} to {stars[-1]} stars, received {path}"
        )
    return int(match[1])


def _reviews(found: list[list[str]], labels: list[int], vocabulary: Vocabulary, length: int) -> Reviews:
    tokens, _ = pad([vocabulary.encode(review[-length:]) for review in found], side="left", length=length)
    return Reviews(tokens, torch.tensor(labels))
