"""Grade one submission: run its functions in a worker, judge the answers, and make its row."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from coursekit.grade.encoding import EncodingError, decode_outcomes
from coursekit.grade.exam import Exam
from coursekit.grade.judge import capital, flagged, judge
from coursekit.grade.process import Ending, Worker
from coursekit.grade.protocol import Task
from coursekit.grade.record import QuestionRow, Row
from coursekit.grade.sources import Source, digest
from coursekit.grade.submission import (
    Submission,
    SubmissionError,
    forbidden_use,
    needed_for,
    read_submission,
)
from coursekit.grade.verdict import Verdict

CHECK_SECONDS = 10.0  # wall clock for one exercise
SUBMISSION_SECONDS = 30.0  # and for a whole submission


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


def grade(worker: Worker, exams: Sequence[Exam], source: Source) -> Graded:
    """All exercises of one submission. Whatever happens, there is a verdict on each."""
    begun = time.monotonic()
    try:
        verdicts = verdicts_on(worker, exams, read_submission(source.files), begun + SUBMISSION_SECONDS)
    except SubmissionError as error:
        verdicts = [Verdict(exam.exercise, "error", f"{capital(str(error))}.") for exam in exams]
    except Exception as error:  # a fault of the grader's own must not cost the others their grades
        sentence = f"The grader failed on this submission ({type(error).__name__}: {error})."
        verdicts = [Verdict(exam.exercise, "error", sentence) for exam in exams]
    return Graded(source.name, tuple(verdicts), time.monotonic() - begun)


def verdicts_on(worker: Worker, exams: Sequence[Exam], submission: Submission, until: float) -> list[Verdict]:
    """What can be said of the text is said first; the rest runs, and is judged while the next one runs."""
    read = [verdict_or_task(exam, submission) for exam in exams]
    endings = worker.run_all([task for task in read if isinstance(task, Task)], until)
    return [
        verdict_on(exam, next(endings)) if isinstance(found, Task) else found
        for exam, found in zip(exams, read, strict=True)
    ]


def verdict_or_task(exam: Exam, submission: Submission) -> Verdict | Task:
    exercise = exam.exercise
    blocks = needed_for(exercise.function, submission.statements)
    if not blocks:
        skipped = "".join(f"; {sentence}" for sentence in submission.skipped[:3])
        return Verdict(exercise, "missing", f"No function {exercise.function} was found{skipped}.")
    use = forbidden_use(blocks, exercise.forbidden)
    if use is not None:
        return flagged(exercise, use)
    return Task(blocks, exercise.function, exam.questions, CHECK_SECONDS)


def verdict_on(exam: Exam, ending: Ending) -> Verdict:
    exercise = exam.exercise
    match ending.reason:
        case "late":
            sentence = "The time for this submission was used up before this exercise."
            return Verdict(exercise, "timeout", sentence)
        case "timeout":
            sentence = f"{exercise.function} did not finish within {ending.how}: is there an endless loop?"
            return Verdict(exercise, "timeout", sentence, output=ending.output)
        case "died":
            sentence = (
                f"The process that ran {exercise.function} ended before it could answer ({ending.how})."
            )
            return Verdict(exercise, "error", sentence, output=ending.output)
    try:
        return replace(judge(exam, decode_outcomes(ending.outcomes)), output=ending.output)
    except EncodingError:
        sentence = f"The process that ran {exercise.function} did not answer as it should."
        return Verdict(exercise, "error", sentence, output=ending.output)


# The row of a submission


def grade_to_row(worker: Worker, exams: Sequence[Exam], source: Source) -> Row:
    """What the record keeps of a submission, as it was when its files were opened."""
    contents = digest(source.files)
    graded = grade(worker, exams, source)
    return {
        "submission": source.name,
        "files": [str(file) for file in source.files],
        "digest": contents,
        "unit": exams[0].exercise.unit,
        "score": graded.score,
        "max_score": graded.max_score,
        "isolation": worker.level,
        "seconds": round(graded.seconds, 3),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "questions": [question_row(verdict) for verdict in graded.verdicts],
    }


def question_row(verdict: Verdict) -> QuestionRow:
    compared = verdict.status in ("passed", "failed")
    parts = enumerate(verdict.exercise.parts) if compared else ()
    return {
        "id": verdict.exercise.id,
        "score": verdict.score,
        "max_score": verdict.exercise.max_score,
        "status": verdict.status,
        "mistake": verdict.mistake,
        "message": verdict.message,
        "advice": verdict.advice,
        "parts": [
            {"name": part.name, "points": part.points, "right": number in verdict.right}
            for number, part in parts
        ],
        "output": verdict.output,
    }
