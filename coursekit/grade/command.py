"""The commands `coursekit grade` and `coursekit check`: what they print, and the exit status they return."""

from __future__ import annotations

import os
import platform
import secrets
import sys
import warnings
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import coursekit
from coursekit.grade import grading, report
from coursekit.grade.exam import make_exam
from coursekit.grade.exercises import EXERCISES, select
from coursekit.grade.notebook import public_key

DONE, NOT_PASSED, WRONG_CALL = 0, 1, 2
WIDTH_OF_A_FILE = 120  # columns where the output goes to no terminal


def grade_command(
    target: str,
    paths: list[Path],
    *,
    json_file: Path | None = None,
    out: Path | None = None,
    jobs: int = 1,
    seed: str | None = None,
    allow_reduced_isolation: bool = False,
) -> int:
    """Grade submissions; 0 when every one of them has a row, 2 when the call was wrong."""
    try:
        exercises = select(target)
        sources = grading.find_sources(paths)
        if jobs < 1:
            raise ValueError(f"--jobs must be at least 1; received {jobs}")
        isolation = isolation_level(allow_reduced_isolation)
        for folder in (json_file.parent if json_file else None, out):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)  # better now than after an hour of grading
    except (ValueError, OSError) as error:
        return refuse(error)
    torch.set_num_threads(1)
    key = seed if seed is not None else secrets.token_hex(8)
    exams = [make_exam(exercise, key) for exercise in exercises]
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task("", total=len(sources))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # students' code has warnings of its own, which cost nothing
            results = grading.grade_all(exams, sources, jobs, lambda: progress.advance(bar))
    if json_file is not None:
        rows = [report.record(graded, isolation) for graded in results]
        report.write_whole(json_file, report.as_json(rows))
    if out is not None:
        run = {
            "target": target,
            "seed": key,
            "isolation": isolation,
            "coursekit": coursekit.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        report.write_folder(out, results, isolation, run)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH_OF_A_FILE)
    report.show(console, results)
    print(f"\n{len(results)} submission{'s' * (len(results) != 1)}, isolation {isolation}, --seed {key}")
    return DONE


def check_command(path: Path) -> int:
    """The public checks on a student's own file; 0 when all in it passed, 1 when not, 2 for a wrong call."""
    try:
        if path.is_dir():
            raise ValueError(f"check takes one file; {path} is a folder")
        sources = grading.find_sources([path])
        isolation_level(allow_reduced=True)  # it is the student's own code
    except (ValueError, OSError) as error:
        return refuse(error)
    torch.set_num_threads(1)
    exams = [make_exam(exercise, public_key(0)) for exercise in EXERCISES]
    (graded,) = grading.grade_all(exams, sources, 1, lambda: None)
    found = [verdict for verdict in graded.verdicts if verdict.status != "missing"]
    if not found:
        names = ", ".join(exercise.function for exercise in EXERCISES)
        return refuse(ValueError(f"there is no function of an exercise in {path.name} ({names})"))
    print("\n\n".join(repr(verdict) for verdict in found))
    return DONE if all(verdict.status == "passed" for verdict in found) else NOT_PASSED


def isolation_level(allow_reduced: bool) -> str:
    """How far a submission is locked in on this machine; refuses what was not asked for."""
    if os.name != "posix":
        raise OSError("grading needs Linux or macOS; on Windows, use the Windows Subsystem for Linux")
    from coursekit.grade import jail  # its limits exist on these systems only

    if jail.LEVEL != "full" and not allow_reduced:
        raise ValueError(
            f"the isolation of submissions is {jail.LEVEL} here: their time, memory and output are limited, "
            "not files and the network; if you trust them that far, add --allow-reduced-isolation"
        )
    return jail.LEVEL


def refuse(error: OSError | ValueError) -> int:
    sentence = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        sentence = f"{error.filename}: {error.strerror}"
    print(f"coursekit: {sentence}", file=sys.stderr)
    return WRONG_CALL
