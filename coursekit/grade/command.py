"""The commands `coursekit grade` and `coursekit check`: what they print, and the exit status they return.

`grade` loads no torch: the judges do, in processes of their own (`batch.py`).
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

import coursekit
from coursekit.grade import reports
from coursekit.grade.batch import Batch, Order, Prepared
from coursekit.grade.duplicates import write_duplicates
from coursekit.grade.record import Record, Row, Run, open_record, public_version
from coursekit.grade.reports.files import write_whole
from coursekit.grade.sources import Source, digest, find_sources
from coursekit.progress import progress_bar, somebody_watches

if TYPE_CHECKING:
    from coursekit.grade.cluster import Cluster
    from coursekit.grade.exam import Exam

DONE, NOT_PASSED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
WIDTH_OF_A_FILE = 120  # columns where the output goes to no terminal
QUIET_SECONDS = 10.0  # between lines about the progress where there is no terminal for a bar


def grade_command(
    target: str,
    paths: list[Path],
    *,
    json_file: Path | None = None,
    out: Path | None = None,
    formats: Sequence[str] = (),
    jobs: int = 1,
    cluster: str | None = None,
    seed: str | None = None,
    allow_reduced_isolation: bool = False,
    roster: Path | None = None,
    canvas: Path | None = None,
    canvas_column: str | None = None,
) -> int:
    """Grade submissions; 0 when every one of them has a row, 2 when the call was wrong, 130 after Ctrl-C.

    What was graded before, according to the record in `out`, is not graded again. Raises an OSError where
    grading has begun and cannot go on; the record keeps what is finished.
    """
    wanted = Reports(list(formats or reports.USUAL), roster, canvas, canvas_column)
    with ExitStack() as stack:
        try:
            check_call(jobs)
            if out is None and (formats or roster or canvas):
                raise ValueError("--format, --roster and --canvas need a folder to write to: add --out DIR")
            wanted.check(target)
            sources = find_sources(paths, leave_out=out)
            if json_file is not None:
                json_file.parent.mkdir(parents=True, exist_ok=True)  # better now than after an hour
            record = stack.enter_context(open_record(out))
            order = Order(target, seed_to_use(record, target, seed), allow_reduced_isolation)
        except (ValueError, OSError) as error:
            return refuse(error)
        missing = [source for source in sources if not is_graded(source, record)]
        try:
            grade_missing(missing, record, order, jobs, cluster)
        except KeyboardInterrupt:
            done = sum(source.name in record.rows for source in sources)
            how = "the same command goes on from there" if out else "with --out DIR it could go on from there"
            print(f"coursekit: stopped after {done} of {len(sources)} submissions; {how}", file=sys.stderr)
            return INTERRUPTED
        except ValueError as error:  # the judges refused before the first submission
            return refuse(error)
        rows = ordered(record, sources)
        assert record.run is not None
        reports.show(console(), rows)
        print()
        if json_file is not None:
            write_whole(json_file, reports.as_json(rows))
        if out is not None:
            print(wanted.write(out, record.run, rows))
            print(
                write_duplicates(out, [source for source in sources if is_comparable(source, record)], jobs)
            )
        print(summary(rows, record.run, again=len(sources) - len(missing)))
    return DONE


def check_call(jobs: int) -> None:
    if os.name != "posix":
        raise OSError("grading needs Linux or macOS; on Windows, use the Windows Subsystem for Linux")
    if jobs < 1:
        raise ValueError(f"--jobs must be at least 1; received {jobs}")


class Reports(NamedTuple):
    """The reports that were asked for."""

    formats: Sequence[str]
    roster: Path | None
    canvas: Path | None
    canvas_column: str | None

    def check(self, target: str) -> None:
        """Raise a ValueError or OSError where they could not be written, before an hour of grading."""
        reports.check_request(
            self.formats,
            roster=self.roster,
            canvas=self.canvas,
            canvas_column=self.canvas_column,
            target=target,
        )

    def write(self, folder: Path, run: Run, rows: Sequence[Row]) -> str:
        """Write them, and say where they are."""
        written = reports.write_reports(
            folder,
            run,
            rows,
            self.formats,
            roster=self.roster,
            canvas=self.canvas,
            canvas_column=self.canvas_column,
        )
        others = f" and {len(written) - 1} more in {folder}" if len(written) > 1 else ""
        return f"Reports: {written[0]}{others}"


# The record of a run


def seed_to_use(record: Record, target: str, seed: str | None) -> str:
    """The seed that was given, or that of the record, or a new one. Refuses another run's record."""
    run = record.run
    if run is None:
        return secrets.token_hex(8) if seed is None else seed
    other = "choose another --out folder"
    if run.keys() != Run.__required_keys__ or run["coursekit"] != coursekit.__version__:
        raise ValueError(f"{record.path} is the record of a run with another version of coursekit; {other}")
    if public_version(run["torch"]) != public_version(torch_version()):
        found, wanted = f"with torch {run['torch']}", f"torch {torch_version()}"
    elif (run["target_digest"] or run["target"]) != (target_digest(target) or target):
        found, wanted = f"of {run['target']}", target
        if run["target"] == target:
            found, wanted = f"of {target} as it was before", f"{target} as it is now"
    elif seed is not None and seed != run["seed"]:
        found, wanted = f"with --seed {run['seed']}", f"--seed {seed}"
    else:
        return run["seed"]
    raise ValueError(f"{record.path} is the record of a run {found}; for {wanted}, {other}")


def target_digest(target: str) -> str:
    """SHA-256 of an instructor's exercise file; "" for exercises of the course."""
    path = Path(target)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix == ".py" and path.is_file() else ""


def torch_version() -> str:
    return metadata.version("torch")  # `import torch` would take a second


def is_graded(source: Source, record: Record) -> bool:
    row = record.rows.get(source.name)
    return row is not None and row["digest"] == digest(source.files)


def new_run(order: Order, prepared: Prepared) -> Run:
    return {
        "target": order.target,
        "target_digest": target_digest(order.target),
        "seed": order.seed,
        "isolation": prepared.level,
        "coursekit": coursekit.__version__,
        "torch": torch_version(),
        "python": platform.python_version(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def is_comparable(source: Source, record: Record) -> bool:
    """Whether a submission could be read: if not, it is not read again to see whether it was copied."""
    return any(question["status"] != "error" for question in record.rows[source.name]["questions"])


# Grading


def grade_missing(
    missing: Sequence[Source], record: Record, order: Order, jobs: int, cluster: str | None
) -> None:
    """Grade what has no row yet, and record each row at once."""
    if not missing:
        return
    with engine(order, min(jobs, len(missing)), cluster) as judges:
        prepared = judges.prepared()
        if record.run is None:
            record.begin(new_run(order, prepared))
        with progress(len(missing)) as advance:
            for row in judges.grade(missing):
                record.add(row)
                advance()


def engine(order: Order, jobs: int, cluster: str | None) -> Batch | Cluster:
    if cluster is None:
        return Batch(order, jobs)
    try:
        from coursekit.grade.cluster import Cluster  # only now: it needs Dask
    except ImportError:
        raise ValueError("--cluster needs Dask, here and on its workers: pip install distributed") from None
    return Cluster(order, cluster)


def ordered(record: Record, sources: Sequence[Source]) -> list[Row]:
    """The rows of this call's submissions, then those that the record has from earlier calls."""
    names = dict.fromkeys([*(source.name for source in sources), *record.rows])
    return [record.rows[name] for name in names]


# What is printed


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """Yield what is to be called after each submission: it draws a bar, or writes a line now and then."""
    begun = said = time.monotonic()
    done = 0
    with progress_bar() as show:
        show(0, total, "grading")

        def advance() -> None:
            nonlocal done, said
            done += 1
            now = time.monotonic()
            speed = done / (now - begun)
            text = f"{done} of {total} graded, {speed:.1f} a second"
            show(done, total, text)
            if not somebody_watches() and now - said >= QUIET_SECONDS and done < total:
                print(f"{text}, {(total - done) / speed:.0f} s left", file=sys.stderr, flush=True)
                said = now

        yield advance


def console() -> Console:
    """As wide as $COLUMNS or the terminal says."""
    return Console(width=shutil.get_terminal_size((WIDTH_OF_A_FILE, 0)).columns)


def summary(rows: Sequence[Row], run: Run, again: int) -> str:
    levels = ", ".join(dict.fromkeys(row["isolation"] for row in rows))
    earlier = f" ({again} from the record)" if again else ""
    count = f"{len(rows)} submission{'s' * (len(rows) != 1)}{earlier}"
    return f"{count}, isolation {levels}, --seed {run['seed']}"


def refuse(error: OSError | ValueError) -> int:
    sentence = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        sentence = f"{error.filename}: {error.strerror}"
    print(f"coursekit: {sentence}", file=sys.stderr)
    return WRONG_CALL


# A student's own file


def public_exams() -> list[Exam]:
    from coursekit.grade.exercises import EXERCISES
    from coursekit.grade.job import make_exams
    from coursekit.grade.notebook import public_key

    return make_exams(EXERCISES, public_key(0))


def check_command(path: Path) -> int:
    """The public checks on a student's own file; 0 when all in it passed, 1 when not, 2 for a wrong call."""
    from coursekit.grade.job import prepared

    try:
        if os.name != "posix":
            raise OSError(
                "checking a file needs Linux or macOS; on Windows, call check(function) in the notebook"
            )
        if path.is_dir():
            raise ValueError(f"check takes one file; {path} is a folder")
        (source,) = find_sources([path])
    except (ValueError, OSError) as error:
        return refuse(error)
    with prepared(public_exams) as (worker, exams):
        from coursekit.grade.grading import grade

        graded = grade(worker, exams, source)
    found = [verdict for verdict in graded.verdicts if verdict.status != "missing"]
    if not found:
        names = ", ".join(exam.exercise.function for exam in exams)
        return refuse(ValueError(f"there is no function of an exercise in {path.name} ({names})"))
    print("\n\n".join(repr(verdict) for verdict in found))
    return DONE if all(verdict.status == "passed" for verdict in found) else NOT_PASSED
