"""Grade submissions: find them, run their functions in a worker, judge the answers. None stops the others."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from coursekit.grade.exam import Exam
from coursekit.grade.judge import capital, flagged, judge
from coursekit.grade.process import Worker
from coursekit.grade.protocol import ProtocolError, Task, decode_outcomes
from coursekit.grade.submission import (
    SUFFIXES,
    Submission,
    SubmissionError,
    forbidden_use,
    needed_for,
    read_submission,
)
from coursekit.grade.verdict import Verdict

CHECK_SECONDS = 10.0  # wall clock for one exercise
SUBMISSION_SECONDS = 30.0  # and for a whole submission


class Source(NamedTuple):
    """A submission before it is read: a file, or the folder of one student."""

    name: str
    files: tuple[Path, ...]


class Graded(NamedTuple):
    submission: str
    verdicts: tuple[Verdict, ...]
    seconds: float

    @property
    def score(self) -> float:
        return sum((verdict.score for verdict in self.verdicts), 0.0)

    @property
    def max_score(self) -> float:
        return sum((verdict.exercise.max_score for verdict in self.verdicts), 0.0)


def find_sources(paths: Sequence[Path]) -> list[Source]:
    """Every file is a submission; in a folder, so is every notebook and script and every folder."""
    sources: list[Source] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"there is no {path}")
        if path.is_dir():
            found = [Source(child.name, files_in(child)) for child in visible(path) if is_submission(child)]
            if not found:
                raise ValueError(f"there is no .ipynb or .py file in {path}")
            sources += found
        else:
            sources.append(Source(path.name, (path,)))
    names = Counter(source.name for source in sources)
    return [s if names[s.name] == 1 or not s.files else Source(str(s.files[0]), s.files) for s in sources]


def visible(folder: Path) -> list[Path]:
    """What a person would see in a folder, in order. Links could lead anywhere and are left out."""
    return sorted(child for child in folder.iterdir() if child.name[0] not in "._" and not child.is_symlink())


def is_submission(path: Path) -> bool:
    return path.is_dir() or path.suffix in SUFFIXES


def files_in(path: Path) -> tuple[Path, ...]:
    """The notebooks and scripts at or below a path."""
    if path.is_dir():
        return tuple(file for child in visible(path) if is_submission(child) for file in files_in(child))
    return (path,)


def grade_all(
    exams: Sequence[Exam], sources: Sequence[Source], jobs: int, done: Callable[[], None]
) -> list[Graded]:
    """All submissions in order, `jobs` at a time, each job with a worker of its own."""
    with ExitStack() as stack:
        idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        jobs = min(jobs, len(sources))
        for _ in range(jobs):
            idle.put(stack.enter_context(Worker()))

        def job(source: Source) -> Graded:
            worker = idle.get()
            try:
                return grade(worker, exams, source)
            finally:
                idle.put(worker)
                done()

        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        return list(pool.map(job, sources))


def grade(worker: Worker, exams: Sequence[Exam], source: Source) -> Graded:
    """All exercises of one submission. Whatever happens, there is a verdict on each."""
    begun = time.monotonic()
    verdicts: list[Verdict] = []
    try:
        submission = read_submission(source.files)
        for exam in exams:
            left = SUBMISSION_SECONDS - (time.monotonic() - begun)
            verdicts.append(grade_exercise(worker, exam, submission, min(CHECK_SECONDS, left)))
    except SubmissionError as error:
        verdicts = [Verdict(exam.exercise, "error", f"{capital(str(error))}.") for exam in exams]
    except Exception as error:  # a fault of the grader's own must not cost the others their grades
        sentence = f"The grader failed on this submission ({type(error).__name__}: {error})."
        verdicts = [Verdict(exam.exercise, "error", sentence) for exam in exams]
    return Graded(source.name, tuple(verdicts), time.monotonic() - begun)


def grade_exercise(
    worker: Worker, exam: Exam, submission: Submission, seconds: float = CHECK_SECONDS
) -> Verdict:
    exercise = exam.exercise
    blocks = needed_for(exercise.function, submission.statements)
    if not blocks:
        skipped = "".join(f"; {sentence}" for sentence in submission.skipped[:3])
        return Verdict(exercise, "missing", f"No function {exercise.function} was found{skipped}.")
    use = forbidden_use(blocks, exercise.forbidden)
    if use is not None:
        return flagged(exercise, use)
    if seconds <= 0:
        return Verdict(exercise, "timeout", "The time for this submission was used up before this exercise.")
    ending = worker.run(Task(blocks, exercise.function, exam.calls, seconds))
    if ending.reason == "timeout":
        sentence = f"{exercise.function} did not finish within {seconds:.0f} s: is there an endless loop?"
        return Verdict(exercise, "timeout", sentence, output=ending.output)
    if ending.reason == "died":
        sentence = f"The process that ran {exercise.function} ended before it could answer ({ending.how})."
        return Verdict(exercise, "error", sentence, output=ending.output)
    try:
        return replace(judge(exam, decode_outcomes(ending.outcomes)), output=ending.output)
    except ProtocolError:
        sentence = f"The process that ran {exercise.function} did not answer as it should."
        return Verdict(exercise, "error", sentence, output=ending.output)
