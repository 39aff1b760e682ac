"""What is kept of a graded submission, and the file that keeps it: every report is made from these rows.

`record.jsonl` grows by one line per finished submission and is never rewritten. Its first line is the `Run`,
each further one a `Row`; where a submission has several, the last counts. A run that was stopped in the
middle of a line loses that line only, and goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypedDict, cast

FILE_NAME = "record.jsonl"


class PartRow(TypedDict):
    """One named part of an exercise, e.g. the forget gate."""

    name: str
    points: float
    right: bool


class QuestionRow(TypedDict):
    """One exercise of one submission. The first six keys are those of the results file."""

    id: str  # unit.function
    score: float
    max_score: float
    status: str  # passed, failed, error, timeout, missing, not_attempted, flagged
    mistake: str | None  # id in the catalogue
    message: str  # for the student; never a hidden input
    advice: str  # where to read again; may be empty
    parts: list[PartRow]  # empty where nothing was compared
    output: str  # what the function printed, cut


class Row(TypedDict):
    """One submission. `record.jsonl` holds one per line, after a first line with the `Run`."""

    submission: str  # unique in a run
    files: list[str]
    digest: str  # SHA-256 over names and contents of its files
    unit: str
    score: float
    max_score: float
    isolation: str  # full, reduced or limits-only
    seconds: float
    finished: str  # ISO 8601, UTC, e.g. 2026-11-21T10:00:00+00:00
    questions: list[QuestionRow]


class Run(TypedDict):
    """What it takes to grade the same submissions again with the same outcome."""

    target: str
    target_digest: str  # SHA-256 of an instructor's exercise file; "" for exercises of the course
    seed: str
    isolation: str
    coursekit: str
    torch: str
    python: str
    started: str  # ISO 8601, UTC


def public_version(version: str) -> str:
    """A version without its build: 2.13.0+cpu and 2.13.0+cu130 judge alike, as judges compute on the CPU."""
    return version.partition("+")[0]


class Record:
    """The rows of one run, by the submission's name; with a folder, also in its `record.jsonl`.

    `run` is None until the first `begin`, here or in an earlier process.
    """

    def __init__(self, path: Path | None, file: IO[bytes] | None) -> None:
        self.path = path
        self.run: Run | None = None
        self.rows: dict[str, Row] = {}
        self._file = file

    def begin(self, run: Run) -> None:
        assert self.run is None
        self._append(run)
        self.run = run

    def add(self, row: Row) -> None:
        """Keep a row; on return it is on the disk."""
        self._append(row)
        self.rows[row["submission"]] = row

    def _append(self, content: Run | Row) -> None:
        if self._file is not None:
            self._file.write(json.dumps(content).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())


@contextlib.contextmanager
def open_record(folder: Path | None) -> Iterator[Record]:
    """The record in a folder, ready to go on; a record in memory only where there is no folder.

    Raises a ValueError where another process is writing to it, or where the file is no record.
    """
    if folder is None:
        yield Record(None, None)
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    with path.open("a+b") as file:
        lock(file, path)
        record = Record(path, file)
        whole = load(record, file)
        file.truncate(whole)
        yield record


def read_record(path: Path) -> tuple[Run, list[Row]]:
    """The run and the rows in a finished or unfinished record; writes nothing."""
    record = Record(path, None)
    with path.open("rb") as file:
        load(record, file)
    if record.run is None:
        raise ValueError(f"{path} is empty: nothing was graded yet")
    return record.run, list(record.rows.values())


def load(record: Record, file: IO[bytes]) -> int:
    """Read what a file holds; return where its last whole line ends."""
    file.seek(0)
    whole = 0
    for number, line in enumerate(file, start=1):
        if not line.endswith(b"\n"):  # the line at which an earlier run was stopped
            break
        content = parsed(line, "target" if number == 1 else "submission")
        if content is None:
            what = "a record of graded submissions" if number == 1 else "a row of one"
            raise ValueError(f"line {number} of {record.path} is not {what}: choose another --out folder")
        if number == 1:
            record.run = cast(Run, content)
        else:
            record.rows[content["submission"]] = cast(Row, content)
        whole += len(line)
    return whole


def parsed(line: bytes, key: str) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and key in content else None


def lock(file: IO[bytes], path: Path) -> None:
    """Keep other runs out until the file is closed, or this process ends in whatever way."""
    import fcntl  # not on Windows, where nothing is graded

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"another run is writing to {path.parent}: wait for it, or stop it") from None
