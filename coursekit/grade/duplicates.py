"""`duplicates.csv`: which submissions of a class look alike, for a person to judge (`similarity.py`)."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from coursekit.grade.reports.files import write_whole
from coursekit.grade.reports.tables import as_csv
from coursekit.grade.similarity import Fingerprints, Pair, fingerprints, similar_pairs
from coursekit.grade.sources import Source
from coursekit.grade.submission import read_submission

FILE_NAME = "duplicates.csv"
AT_A_TIME = 25  # submissions that a process is given


def write_duplicates(folder: Path, sources: Sequence[Source], jobs: int) -> str:
    """Compare submissions, write the list, and say what it holds.

    The files are read by processes of their own, because nobody knows what a parser makes of them.
    """
    context = multiprocessing.get_context("spawn")
    processes = min(jobs, len(sources) // AT_A_TIME + 1)
    with ProcessPoolExecutor(processes, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            found = list(pool.map(fingerprints_of, [s.files for s in sources], chunksize=AT_A_TIME))
        except BrokenProcessPool:
            return f"{FILE_NAME} could not be made: a process that read the submissions ended."
    known = {source.name: one for source, one in zip(sources, found, strict=True) if one is not None}
    pairs = similar_pairs(known)
    write_whole(folder / FILE_NAME, as_csv(Pair._fields, pairs))
    if not pairs:
        return "No two submissions look alike."
    count = "1 pair of submissions looks" if len(pairs) == 1 else f"{len(pairs)} pairs of submissions look"
    return f"{count} alike: {folder / FILE_NAME} lists what to read before anyone is spoken to."


def fingerprints_of(files: Sequence[Path]) -> Fingerprints | None:
    """What is compared of a submission; None where it cannot be read, as its row says."""
    try:
        return fingerprints(statement.block for statement in read_submission(files).statements)
    except Exception:
        return None
