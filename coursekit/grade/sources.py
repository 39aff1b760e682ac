"""Find submissions: which files belong to one, under which name, and whether they have changed since."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from coursekit.grade.source_files import MAX_BYTES, MAX_FILES, SUFFIXES, SubmissionError, content_of

MAX_LEVELS = 20  # of folders in a student's folder


class Source(NamedTuple):
    """A submission before it is read: a file, or the folder of one student."""

    name: str  # unique among those of a call
    files: tuple[Path, ...]


def find_sources(paths: Sequence[Path], leave_out: Path | None = None) -> list[Source]:
    """Every file is a submission; in a folder, so is every notebook and script and every folder.

    `leave_out` is the folder for the results, which may lie among the submissions.

    Raises a FileNotFoundError for a path that is not there, a ValueError for a folder without submissions.
    """
    found: dict[Path, Path] = {}  # where a submission really is, and how it was called
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no {path}")
        inside = [child for child in visible(path) if is_submission(child)] if path.is_dir() else [path]
        if not inside:
            raise ValueError(f"there is no .ipynb or .py file in {path}")
        for child in inside:
            found.setdefault(child.resolve(), child)
    if leave_out is not None:
        found.pop(leave_out.resolve(), None)
    shared = Counter(path.name for path in found.values())
    names: set[str] = set()
    sources = []
    for path in found.values():
        name = unused(printable(path.name if shared[path.name] == 1 else str(path)), names)
        names.add(name)
        sources.append(Source(name, files_in(path)))
    return sources


def visible(folder: Path) -> list[Path]:
    """What a person would see in a folder, in order. Links could lead anywhere and are left out."""
    return sorted(c for c in folder.iterdir() if not c.name.startswith((".", "__")) and not c.is_symlink())


def is_submission(path: Path) -> bool:
    return path.is_dir() or path.suffix in SUFFIXES


def files_in(path: Path) -> tuple[Path, ...]:
    """The notebooks and scripts at or below a path, in order, and no more than show that there are too many.

    A folder that may not be read holds none. An archive can hold thousands of folders in one another: what
    lies deeper than any student works is left out.
    """
    files: list[Path] = []

    def collect(place: Path, levels: int) -> None:
        if not place.is_dir():
            files.append(place)
            return
        try:
            children = visible(place) if levels else []
        except OSError:
            children = []
        for child in children:
            if is_submission(child) and len(files) <= MAX_FILES:
                collect(child, levels - 1)

    collect(path, MAX_LEVELS)
    return tuple(files)


def printable(name: str) -> str:
    """A file's name as text for terminals and tables: students choose it."""
    return "".join(c if c.isprintable() else "?" for c in name)


def unused(name: str, names: set[str]) -> str:
    """The name, with a number where it is taken."""
    number, candidate = 1, name
    while candidate in names:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def digest(files: Sequence[Path]) -> str:
    """SHA-256 over names and contents. It stays the same when a whole folder moves.

    Of files that are too large to be graded, their sizes count and not what is in them.
    """
    total = hashlib.sha256()
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    large = sum(sizes) > MAX_BYTES
    for (name, file), size in zip(named(files), sizes, strict=True):
        try:
            content = str(size).encode() if large else content_of(file)
        except SubmissionError as error:  # it will get the same row again, until it can be read
            content = str(error).encode()
        for part in (name.encode("utf8", "surrogateescape"), content):
            total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def named(files: Sequence[Path]) -> list[tuple[str, Path]]:
    """Files with their paths below the folder that they share."""
    if len(files) < 2:
        return [(file.name, file) for file in files]
    folder = os.path.commonpath(files)
    return [(file.relative_to(folder).as_posix(), file) for file in files]
