"""Text to tensors: tokens, vocabulary, windows, padding and masks. N batch, T time, V vocabulary.

The usual road: `tokenize` a text, build a `Vocabulary` on the training part, `encode` each part to ids, then
cut the ids to `windows` (one long text) or `pad` them (many short ones).
"""

import operator
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from coursekit.data.corpus import documentation, documentation_splits, documentation_topics
from coursekit.data.reviews import sentiment

__all__ = [
    "PAD",
    "UNK",
    "Vocabulary",
    "Windows",
    "chunks",
    "describe",
    "documentation",
    "documentation_splits",
    "documentation_topics",
    "join",
    "mask",
    "pad",
    "read",
    "sentiment",
    "tokenize",
    "windows",
]

Level = Literal["word", "char"]
Side = Literal["right", "left"]

PAD, UNK = "<pad>", "<unk>"

# A line break; a word, with marks inside and the brackets of a call (don't, os.path, len()); any mark.
_TOKEN = re.compile(r"\n|\w+(?:['.-]\w+)*(?:\(\))?|[^\w\s]")
_OPENING, _CLOSING = frozenset("([{\n"), frozenset(".,;:?!)]}\n")  # no blank after, no blank before


def read(path: str | Path) -> str:
    """The text of a UTF-8 file, with line ends as "\\n".

    Raises FileNotFoundError if there is no such file, ValueError if it is empty or not UTF-8 (naming the
    offset).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a text file, received {path}, which is {_what_is(path)}")
    raw = path.read_bytes()
    try:
        text = raw.decode().removeprefix("\ufeff")  # some editors put a byte-order mark first
    except UnicodeDecodeError as error:
        raise ValueError(
            f"expected UTF-8 text, but {path} has the byte {raw[error.start]:#04x} at offset {error.start:,}"
        ) from None
    if not text.strip():
        raise ValueError(f"expected text, but {path} has none ({len(raw)} bytes)")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _what_is(path: Path) -> str:
    return "a folder" if path.is_dir() else "missing" if not path.exists() else "no regular file"


def describe(text: str) -> str:
    """One line about a text: its words (separated by blanks) and characters, and how many of each differ."""
    words = text.split()
    return (
        f"{len(words):,} words ({len(set(words)):,} different), "
        f"{len(text):,} characters ({len(set(text)):,} different)"
    )


def tokenize(text: str, level: Level = "word") -> list[str]:
    """Cut a text into tokens: words, punctuation marks and line breaks, or single characters.

    Case is kept; blanks between words are not, `join` puts them back. Raises ValueError if no token is found.
    """
    if level not in ("word", "char"):
        raise ValueError(f"level must be 'word' or 'char', received {level!r}")
    tokens = list(text) if level == "char" else _TOKEN.findall(text)
    if not tokens:
        raise ValueError(f"expected a text with at least one {level}, received {text[:20]!r}")
    return tokens


def join(tokens: Iterable[str], level: Level = "word") -> str:
    """Readable text from tokens. Characters give the text back; words give one that has the same tokens."""
    if level == "char":
        return "".join(tokens)
    pieces: list[str] = []
    glue, quoted = True, False  # whether the next token follows without a blank; whether a quotation is open
    for token in tokens:
        closes = token in _CLOSING or (token == '"' and quoted)
        pieces.append(token if glue or closes else " " + token)
        if token == '"':
            quoted = not quoted
        elif token == "\n":
            quoted = False
        glue = token in _OPENING or (token == '"' and quoted)
    return "".join(pieces)


class Vocabulary:
    """Tokens <-> ids. Id 0 is `<pad>`, 1 is `<unk>`, then tokens from the most to the least frequent.

    Equal counts are in alphabetical order, so the same text always gives the same ids. Build it on the
    training part only. `min_count` leaves out rarer tokens, `max_size` (specials included) keeps the most
    frequent.
    """

    def __init__(self, tokens: Iterable[str], max_size: int | None = None, min_count: int = 1) -> None:
        if max_size is not None and max_size < 3:
            raise ValueError(f"max_size must be at least 3 (two specials and a token), received {max_size}")
        counts = Counter(_listed(tokens))
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        known = [token for token in ranked if counts[token] >= min_count and token not in (PAD, UNK)]
        if not known:
            raise ValueError(
                f"expected a token that occurs at least {min_count} times, received none in {counts.total()}"
            )
        self.tokens = [PAD, UNK, *known][:max_size]
        self.ids = {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Iterable[str], unknown: Literal["unk", "error"] = "unk") -> Tensor:
        """Ids (T,) int64 of tokens. An unknown one becomes `<unk>`, or a ValueError that names it."""
        if unknown not in ("unk", "error"):
            raise ValueError(f"unknown must be 'unk' or 'error', received {unknown!r}")
        tokens = _listed(tokens)
        if unknown == "error":
            for position, token in enumerate(tokens):
                if token not in self.ids:
                    raise ValueError(
                        f"expected tokens of the vocabulary, received {token!r} at position {position}"
                    )
        return torch.tensor([self.ids.get(token, 1) for token in tokens], dtype=torch.int64)  # (T,)

    def decode(self, ids: Tensor | Iterable[int]) -> list[str]:
        """The tokens of ids (T,); `join` makes text of them."""
        indices = [operator.index(index) for index in (ids.tolist() if isinstance(ids, Tensor) else ids)]
        for index in indices:
            if not 0 <= index < len(self):
                raise ValueError(f"an id must be from 0 to {len(self) - 1}, received {index}")
        return [self.tokens[index] for index in indices]


def _listed(tokens: Iterable[str]) -> list[str]:
    # A string would pass as a sequence of characters, and every word would silently be unknown.
    if isinstance(tokens, str):
        raise TypeError("expected a list of tokens, received a string: tokenize it first")
    return list(tokens)


class Windows(NamedTuple):
    """What a language model reads, and what it is to predict: the same text one token later."""

    inputs: Tensor  # (N, T) int64
    targets: Tensor  # (N, T) int64


def chunks(ids: Tensor, length: int) -> Windows:
    """All windows of a text, in its order: ids (L,) -> inputs and targets (W, length), W = (L - 1) // length.

    Each token but the first is predicted once; fewer than `length` at the end are left over. The windows are
    independent examples, so they may be shuffled; to carry the state from one to the next use `windows`.
    """
    _check_ids(ids, length, batch_size=1)
    count = (len(ids) - 1) // length
    covered = count * length
    return Windows(ids[:covered].view(count, length), ids[1 : covered + 1].view(count, length))  # (W, T)


def windows(ids: Tensor, length: int, batch_size: int) -> list[Windows]:
    """Batches of a text in which row n of the next batch goes on where row n of this one stops.

    The text is cut into `batch_size` streams of equal length, and each batch takes the next `length` tokens
    of every stream: ids (L,) -> a list of `Windows` (batch_size, length). Keep the batches in order and carry
    the state. Each token but the first is predicted exactly once, except fewer than batch_size * length at
    the end of the text; to leave out the fewest when evaluating, take a batch size of 1.
    """
    _check_ids(ids, length, batch_size)
    inputs, targets = chunks(ids, length)  # (W, T)
    batches = len(inputs) // batch_size
    rows = torch.arange(batches * batch_size).view(batch_size, batches)  # (N, B) windows of stream n
    return [Windows(inputs[row], targets[row]) for row in rows.T]  # (N, T) each


def _check_ids(ids: Tensor, length: int, batch_size: int) -> None:
    if ids.dim() != 1 or ids.dtype != torch.int64:
        raise ValueError(
            f"expected int64 ids of shape (L,), received {ids.dtype} of shape {tuple(ids.shape)}"
        )
    if length < 1 or batch_size < 1:
        raise ValueError(f"length and batch_size must be at least 1, received {length} and {batch_size}")
    if len(ids) <= length * batch_size:
        raise ValueError(
            f"{batch_size} windows of {length} need at least {length * batch_size + 1:,} tokens, "
            f"received {len(ids):,}"
        )


def pad(
    sequences: Sequence[Tensor | Sequence[int]],
    value: int = 0,
    side: Side = "right",
    length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Sequences of unequal length as one tensor filled up with `value`: ids (N, T) int64, and lengths (N,).

    T is the longest, or `length`: longer sequences then lose tokens on the side where shorter ones are
    filled, so side="left" keeps the last tokens. Raises ValueError for an empty sequence, which no layer
    could read.
    """
    _check_side(side)
    if length is not None and length < 1:
        raise ValueError(f"length must be at least 1, received {length}")
    rows = [torch.as_tensor(sequence) for sequence in sequences]
    for index, row in enumerate(rows):
        if row.dim() != 1 or row.numel() == 0 or row.dtype != torch.int64:
            received = f"{row.dtype} of shape {tuple(row.shape)}"
            raise ValueError(f"sequence {index} must hold at least one integer id, received {received}")
    if not rows:
        raise ValueError("expected at least one sequence, received none")
    width = length or max(len(row) for row in rows)
    padded = torch.full((len(rows), width), value, dtype=torch.int64)  # (N, T)
    for line, row in zip(padded, rows, strict=True):
        if side == "right":
            line[: len(row)] = row[:width]
        else:
            line[-len(row) :] = row[-width:]
    return padded, torch.tensor([min(len(row), width) for row in rows])  # (N, T), (N,)


def mask(lengths: Tensor, length: int | None = None, side: Side = "right") -> Tensor:
    """True where a padded batch holds real tokens: lengths (N,) -> (N, T), T the longest or `length`.

    `side` is where the padding stands, as in `pad`.
    """
    _check_side(side)
    if lengths.dim() != 1 or lengths.dtype != torch.int64 or lengths.numel() == 0:
        raise ValueError(
            f"expected int64 lengths of shape (N,), received {lengths.dtype} of shape {tuple(lengths.shape)}"
        )
    longest = int(lengths.max())
    width = longest if length is None else length
    if longest > width or int(lengths.min()) < 0:
        raise ValueError(f"lengths must be from 0 to {width}, received {int(lengths.min())} to {longest}")
    positions = torch.arange(width, device=lengths.device)  # (T,)
    if side == "left":
        positions = positions.flip(0)
    return positions < lengths[:, None]  # (N, T)


def _check_side(side: str) -> None:
    if side not in ("right", "left"):
        raise ValueError(f"side must be 'right' or 'left', received {side!r}")
