"""A submission: the statements of a student's files, and which of them a function needs.

Nothing is executed here, and of a submission nothing else will be: the last definition of the function and,
in turn, what that reads: imports, helper functions, constants. Calls, prints and checks at the top of a
cell never run, unless a value that the function reads comes from them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from coursekit.grade.forbidden import forbidden_use
from coursekit.grade.linking import Linker
from coursekit.grade.magics import written_file
from coursekit.grade.protocol import Block
from coursekit.grade.source_files import (
    MAX_BYTES,
    MAX_CODE,
    MAX_FILES,
    MAX_PIECES,
    SUFFIXES,
    Cell,
    SubmissionError,
    cells_of,
    pieces_of,
)
from coursekit.grade.statements import Statement, cell_statements

__all__ = ["SUFFIXES", "Submission", "SubmissionError", "forbidden_use", "needed_for", "read_submission"]

MAX_REASON = 100  # characters of Python's own words on what is wrong


class Submission(NamedTuple):
    statements: tuple[Statement, ...]
    skipped: tuple[str, ...]  # sentences on files and cells that could not be read


def read_submission(paths: Sequence[Path]) -> Submission:
    """One submission from its files, in their order: of a name defined twice, the later definition counts.

    One file, or one cell of a notebook, that cannot be read does not cost the others. Where nothing can be
    read, a SubmissionError says why, in a sentence without capital and full stop.
    """
    if not paths:
        raise SubmissionError("there is no .ipynb or .py file in this folder")
    if len(paths) > MAX_FILES:
        raise SubmissionError(f"there are more than {MAX_FILES} notebooks and scripts, too many to read")
    size = sum(path.stat().st_size for path in paths if path.is_file())
    if size > MAX_BYTES:
        raise SubmissionError(f"there are {size // 2**20} MB to read; at most {MAX_BYTES // 2**20} MB are")
    statements: list[Statement] = []
    skipped: list[str] = []
    uncounted: list[Cell] = []
    failed = characters = pieces = 0
    count = Counter(path.name for path in paths)
    for path, unit in zip(paths, units_of(paths), strict=True):
        name = path.name if count[path.name] == 1 else unit  # how messages call it
        try:
            cells = cells_of(path, name if len(paths) > 1 else "")
            characters += sum(len(cell.source) for cell in cells)
            uncounted += cells
            if characters > MAX_PIECES:  # else there cannot be more pieces than that either
                pieces += pieces_of(uncounted, MAX_PIECES)
                uncounted.clear()
            if characters > MAX_CODE or pieces > MAX_PIECES:
                raise SubmissionError("there is more code in the file than a person can have written")
            statements += statements_of(unit, cells, skipped)
        except SubmissionError as error:
            if len(paths) == 1:
                raise
            skipped.append(f"{name} was skipped: {error}")
            failed += 1
    if failed == len(paths):
        raise SubmissionError("; ".join(skipped[:3]))
    return Submission(tuple(statements), tuple(skipped))


def units_of(paths: Sequence[Path]) -> list[str]:
    """The files' paths below the folder that they share."""
    folder = os.path.commonpath([path.parent for path in paths])
    return [Path(os.path.relpath(path, folder)).as_posix() for path in paths]


def statements_of(unit: str, cells: list[Cell], skipped: list[str]) -> list[Statement]:
    """The statements of a file, those of files that its cells write first; bad cells go to `skipped`."""
    written: list[Statement] = []
    own: list[Statement] = []
    for cell in cells:
        try:
            file = written_file(cell.source)
            if file is not None:
                path = (PurePosixPath(unit).parent / file.name).as_posix()
                written += cell_statements(Cell(cell.name, file.source), path)
            else:
                own += cell_statements(cell, unit)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            # what the parser raises for bad text, for zero bytes, and for the depths that it refuses itself
            if unit.endswith(".py"):
                raise SubmissionError(f"the file is not valid Python{place_of(error)}") from None
            skipped.append(f"{cell.name} is not valid Python{place_of(error)} and was skipped")
    return written + own


def place_of(error: Exception) -> str:
    if not isinstance(error, SyntaxError) or not error.lineno:
        return ""
    return f" (line {error.lineno}: {error.msg[:MAX_REASON]})"


def needed_for(function: str, statements: tuple[Statement, ...]) -> tuple[Block, ...]:
    """The statements that define `function` and all it reads, in order; empty where nothing defines it."""
    return Linker(statements).link(function)
