"""Many submissions on this machine: judges in processes of their own, each with a worker.

The process that a person started only hands out names of files and collects rows. It loads no torch, so the
judges begin at once, and none of their deaths is its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from signal import Signals
from typing import Any, NamedTuple, cast

from coursekit.grade.record import Row
from coursekit.grade.sources import Source, digest

START_SECONDS = 180.0  # importing torch from a cold disk, for all jobs at once
JOB_SECONDS = 120.0  # a judge that takes longer hangs: its worker is limited to much less
STOP_SECONDS = 5.0
STOPPED = "grading was stopped"
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


class Order(NamedTuple):
    """What a judge needs to know before the first submission."""

    target: str  # a unit, an exercise, or the path of an instructor's file
    seed: str
    allow_reduced: bool


class Prepared(NamedTuple):
    """What a judge says when it can begin."""

    level: str
    unit: str
    questions: list[tuple[str, float]]  # id and points of each exercise


class Judge:
    """A judge process, which starts a worker of its own. It is there at once and can begin a little later."""

    def __init__(self, order: Order) -> None:
        self._prepared: Prepared | None = None
        self._folder = tempfile.mkdtemp(prefix="coursekit-")
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", "coursekit.grade.job", self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | ONE_THREAD | {"CUDA_VISIBLE_DEVICES": ""},
            start_new_session=True,  # Ctrl-C is for the process that hands out the work
        )
        self._send(order._asdict())

    def prepared(self) -> Prepared:
        """Wait until the judge can begin. Raises a ValueError if it refuses, an OSError if it cannot."""
        if self._prepared is None:
            reply = self._receive(START_SECONDS)
            if reply is None:
                raise OSError(f"a judge process did not start: {self._last_words()}")
            if "refused" in reply:
                raise ValueError(reply["refused"])
            self._prepared = Prepared(reply["level"], reply["unit"], reply["questions"])
        return self._prepared

    def grade(self, source: Source) -> Row | None:
        """The row of a submission; None if the judge ends over it, or is ended after JOB_SECONDS."""
        self._send([source.name, [str(file) for file in source.files]])
        return cast("Row | None", self._receive(JOB_SECONDS))

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def how_it_ended(self) -> str:
        code = self._process.wait()
        return Signals(-code).name if code < 0 else f"exit status {code}"

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            with contextlib.suppress(OSError):  # what it was last sent, it will not read
                stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # there still, if the judge could not tidy up

    def _send(self, content: Any) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, as there will be no answer
            self._process.stdin.write(json.dumps(content).encode() + b"\n")
            self._process.stdin.flush()

    def _receive(self, seconds: float) -> dict[str, Any] | None:
        """The next answer; None if the judge ends or, after so many seconds, is ended."""
        assert self._process.stdout is not None
        watch = threading.Timer(seconds, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        return cast("dict[str, Any]", json.loads(line)) if line.endswith(b"\n") else None

    def _last_words(self) -> str:
        how = self.how_it_ended()
        self._errors.seek(0)
        said = self._errors.read().decode("utf8", "replace").strip().splitlines()
        return said[-1] if said else how


class Job:
    """A place at which one submission at a time is graded: a judge, replaced when it dies.

    One thread uses it; another one may close it meanwhile.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._judge: Judge | None = None
        self._closed = False
        self._lock = threading.Lock()

    def prepared(self) -> Prepared:
        """Wait until grading can begin. Raises a ValueError if the judge refuses, an OSError if it cannot."""
        return self._living().prepared()

    def grade(self, source: Source) -> Row:
        """The row of a submission; one that says so if the judge does not survive it."""
        judge = self._living()
        prepared, begun = judge.prepared(), time.monotonic()
        row = judge.grade(source)
        if row is not None:
            return row
        seconds = time.monotonic() - begun
        if self._closed:
            raise OSError(STOPPED)
        sentence = f"The grader's own process ended while it was at this submission ({judge.how_it_ended()})."
        if seconds >= JOB_SECONDS:
            sentence = f"The grader took more than {JOB_SECONDS:.0f} s to read or judge this submission."
        return ungraded(prepared, source, sentence, seconds)

    def close(self) -> None:
        """End the judge and its worker. Whoever waits for a row gets an OSError."""
        with self._lock:
            self._closed = True
            if self._judge is not None:
                self._judge.close()

    def _living(self) -> Judge:
        with self._lock:
            if self._closed:
                raise OSError(STOPPED)
            if self._judge is not None and self._judge.has_ended():
                self._judge.close()
                self._judge = None
            if self._judge is None:
                self._judge = Judge(self._order)
            return self._judge


class Batch:
    """Jobs on this machine, for the length of a `with` statement.

    The first starts alone, so that the first results come as early as they can; the others start while it
    grades.
    """

    def __init__(self, order: Order, jobs: int) -> None:
        self._jobs = [Job(order) for _ in range(jobs)]
        self._idle = list(self._jobs)
        self._pool = ThreadPoolExecutor(jobs)

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        with ThreadPoolExecutor(len(self._jobs)) as closing:
            list(closing.map(Job.close, self._jobs))
        self._pool.shutdown()

    def prepared(self) -> Prepared:
        """Wait until grading can begin. Raises a ValueError where the judges refuse to."""
        return self._jobs[0].prepared()

    def grade(self, sources: Sequence[Source]) -> Iterator[Row]:
        """A row for each submission, as they finish."""
        for row in as_completed([self._pool.submit(self._grade_one, source) for source in sources]):
            yield row.result()

    def _grade_one(self, source: Source) -> Row:
        job = self._idle.pop()  # there are as many jobs as threads
        try:
            return job.grade(source)
        finally:
            self._idle.append(job)


def ungraded(prepared: Prepared, source: Source, sentence: str, seconds: float = 0.0) -> Row:
    """The row of a submission about which there is nothing but a sentence."""
    return {
        "submission": source.name,
        "files": [str(file) for file in source.files],
        "digest": digest(source.files),
        "unit": prepared.unit,
        "score": 0.0,
        "max_score": sum((points for _, points in prepared.questions), 0.0),
        "isolation": prepared.level,
        "seconds": round(seconds, 3),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "questions": [
            {
                "id": id,
                "score": 0.0,
                "max_score": points,
                "status": "error",
                "mistake": None,
                "message": sentence,
                "advice": "",
                "parts": [],
                "output": "",
            }
            for id, points in prepared.questions
        ],
    }
