"""CSV files: reading other programs' exports; writing none in which a spreadsheet sees a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would compute
DELIMITERS = ",;\t"


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, a byte-order mark included."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 (byte {error.start}): export it again as CSV in UTF-8"
        ) from None


def delimiter_of(text: str) -> str:
    """What separates the cells: the most frequent candidate in the first line."""
    first = text.lstrip("\ufeff").partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def read_table(path: Path) -> list[list[str]]:
    """All lines that hold something, cells without surrounding blanks."""
    text = read_text(path)
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter_of(text))
    try:
        lines = [[cell.strip() for cell in line] for line in reader]
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: {error}") from None
    return [line for line in lines if any(line)]


def as_csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A CSV file; texts that a spreadsheet would take for a formula begin with an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in line] for line in lines)
    return file.getvalue()


def harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def split_cells(text: str, delimiter: str) -> list[list[str]]:
    """The cells of a CSV file exactly as they stand there, quotes included; the last of a line with its end.

    `"".join` of all cells, with the delimiter between those of a line, is `text` again.
    """
    lines: list[list[str]] = [[]]
    start, quoted = 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted and character == delimiter:
            lines[-1].append(text[start:position])
            start = position + 1
        elif not quoted and character == "\n":
            lines[-1].append(text[start : position + 1])
            lines.append([])
            start = position + 1
    if start < len(text) or lines[-1]:
        lines[-1].append(text[start:])
    return [line for line in lines if line]


def value_of(cell: str) -> str:
    """What a cell of `split_cells` says."""
    text = cell.strip("\r\n").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"').strip()
    return text
