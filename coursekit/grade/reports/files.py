"""Files of reports: names that every system accepts, and contents that are whole or not there."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 150  # of a name; systems allow 255, suffixes included
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # devices on Windows


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file so that it is there whole or not at all; its folder is made where needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def file_names(submissions: Iterable[str]) -> dict[str, str]:
    """For each submission a name for its files, without suffix.

    No name leads out of its folder or is hidden, and no two are the same for a system that takes large and
    small letters, or the two ways to write an accent, as one. They depend on the set of submissions and not
    on their order, so that links stay right when reports are made again.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for submission in sorted(submissions):
        plain = plain_name(submission)
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        names[submission] = name
    return names


def plain_name(submission: str) -> str:
    kept = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFKC", submission)).strip("._-")
    short = kept.encode()[:MAX_BYTES].decode(errors="ignore") or "submission"
    return f"_{short}" if RESERVED.match(short) else short
