"""What a class found easy or hard: numbers for each question, and the mistakes that were made most."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from coursekit.grade.record import Row
from coursekit.grade.reports.tables import as_csv

NO_ATTEMPT = ("missing", "not_attempted")


class MistakeCount(NamedTuple):
    id: str  # in the catalogue
    message: str
    times: int


class QuestionStatistics(NamedTuple):
    """One question over all submissions of a run; who did not attempt it counts as 0 points.

    `discrimination` is the correlation of the points for this question with those for all others: near 1,
    who does well elsewhere does well here; near 0 or below, the question measures something else. None where
    it is not defined: one question, or everybody with the same points.
    """

    id: str
    max_score: float
    submissions: int
    attempts: int
    passed: int
    mean: float
    discrimination: float | None
    mistakes: list[MistakeCount]  # most frequent first

    @property
    def share_passed(self) -> float:
        return self.passed / self.submissions


def question_statistics(rows: Sequence[Row]) -> list[QuestionStatistics]:
    """Statistics of every question, in the order of the homework; empty without submissions."""
    ids = list(dict.fromkeys(question["id"] for row in rows for question in row["questions"]))
    return [statistics_of(id, rows) for id in ids]


def statistics_of(id: str, rows: Sequence[Row]) -> QuestionStatistics:
    pairs = [(row, question) for row in rows for question in row["questions"] if question["id"] == id]
    questions = [question for _, question in pairs]
    scores = [question["score"] for question in questions]
    rest = [row["score"] - question["score"] for row, question in pairs]
    messages = {question["mistake"]: question["message"] for question in questions}
    counts = Counter(question["mistake"] for question in questions if question["mistake"])
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return QuestionStatistics(
        id=id,
        max_score=questions[0]["max_score"],
        submissions=len(questions),
        attempts=sum(question["status"] not in NO_ATTEMPT for question in questions),
        passed=sum(question["status"] == "passed" for question in questions),
        mean=statistics.fmean(scores),
        discrimination=correlation(scores, rest),
        mistakes=[MistakeCount(mistake, messages[mistake], count) for mistake, count in ordered],
    )


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's; None where one of them does not vary."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return statistics.correlation(first, second)


def statistics_csv(numbers: Sequence[QuestionStatistics]) -> str:
    """A line for each question, then for each of its mistakes."""
    header = (
        "id",
        "mistake",
        "count",
        "attempts",
        "submissions",
        "passed",
        "mean",
        "max_score",
        "discrimination",
    )
    lines: list[tuple[object, ...]] = []
    for one in numbers:
        discrimination = "" if one.discrimination is None else round(one.discrimination, 4)
        mean = round(one.mean, 4)
        whole = (one.attempts, one.submissions, one.passed, mean, one.max_score, discrimination)
        lines.append((one.id, "", "", *whole))
        lines += [(one.id, mistake.id, mistake.times, *[""] * len(whole)) for mistake in one.mistakes]
    return as_csv(header, lines)


def statistics_json(numbers: Sequence[QuestionStatistics]) -> str:
    content = [
        one._asdict() | {"share_passed": one.share_passed, "mistakes": [m._asdict() for m in one.mistakes]}
        for one in numbers
    ]
    return json.dumps(content, indent=1) + "\n"
