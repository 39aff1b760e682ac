"""Whose submission is it? The names of files and folders, compared with a list of people."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

# doejane_LATE_12345_678901_recurrent.ipynb: name, number of the person in Canvas, number of the upload, file
CANVAS_DOWNLOAD = re.compile(r"(?P<name>.+?)_(?:LATE_)?(?P<person>\d{3,})_\d{3,}_.+")
SUFFIXES = (".ipynb", ".py")


class Person(NamedTuple):
    """One person of a list, and what a file or folder of theirs may be called."""

    key: str  # unique in the list
    identifiers: tuple[str, ...]  # logins, numbers, addresses
    number: str = ""  # in Canvas
    names: tuple[str, ...] = ()  # "Doe, Jane" or "Jane Doe"


class Found(NamedTuple):
    key: str | None  # of the person; None where it is not certain
    reason: str = ""  # why not


class Directory:
    """Finds people by the names of submissions. Where more than one fits, nobody is found."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.by_identifier: dict[str, set[str]] = defaultdict(set)
        self.by_name: dict[str, set[str]] = defaultdict(set)
        self.by_number: dict[str, Person] = {}
        for person in people:
            for identifier in person.identifiers:
                self.by_identifier[fold(identifier)].add(person.key)
            for name in person.names:
                for spelling in spellings(name):
                    self.by_name[spelling].add(person.key)
            if person.number:
                self.by_number[person.number] = person
        self.by_identifier.pop("", None)
        self.by_name.pop("", None)

    def find(self, submission: str) -> Found:
        """The person whose identifier or name the submission bears, whole or before `_`, `-` or a blank."""
        name = stem(submission)
        download = CANVAS_DOWNLOAD.fullmatch(name)
        if download is not None and self.by_number:
            return self.confirm(download["name"], download["person"])
        for candidates in (
            self.by_identifier.get(fold(name)),
            self.by_name.get(letters(name)),
            self.by_identifier.get(fold(re.split(r"[_\s-]", name)[0])),
        ):
            if candidates:
                return one_of(candidates)
        return Found(None, "nobody in the list has this name, login or number")

    def confirm(self, name: str, number: str) -> Found:
        """A number in Canvas is enough only if the name before it is the same person's."""
        person = self.by_number.get(number)
        if person is None:
            return Found(None, f"nobody in the list has the number {number}")
        if not any(letters(name) in spellings(known) for known in person.names):
            return Found(None, f"the number {number} in its name belongs to {' '.join(person.names)}")
        return Found(person.key)


def one_of(candidates: set[str]) -> Found:
    if len(candidates) == 1:
        return Found(next(iter(candidates)))
    return Found(None, f"{len(candidates)} people in the list have this name")


def stem(submission: str) -> str:
    """The name of the file or folder, without .ipynb or .py; a dot in a login stays."""
    name = PurePosixPath(submission).name
    return next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()


def letters(text: str) -> str:
    """Letters and digits only, as a download from Canvas spells names."""
    return "".join(c for c in fold(text) if c.isalnum())


def spellings(name: str) -> set[str]:
    """Doe, Jane: doejane, janedoe."""
    last, _, first = name.partition(",")
    return {letters(name), letters(first + last)}
