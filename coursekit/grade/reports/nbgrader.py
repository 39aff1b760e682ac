"""Grades as nbgrader's `nbgrader export` writes them, a line for each submission."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from coursekit.grade.record import Row
from coursekit.grade.reports.roster import Roster
from coursekit.grade.reports.tables import as_csv

COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)


def as_nbgrader(rows: Sequence[Row], roster: Roster) -> str:
    """The CSV; sorted as nbgrader sorts, by name and then by id. No penalty is ever taken off."""
    lines = []
    for row in rows:
        student = roster.student(row["submission"])
        lines.append(
            (
                row["unit"],
                "",
                utc(row["finished"]),
                student.student_id,
                student.last_name,
                student.first_name,
                student.email,
                row["score"],
                0.0,
                row["score"],
                row["max_score"],
            )
        )
    return as_csv(COLUMNS, sorted(lines, key=lambda line: (line[4], line[5], line[3])))


def utc(finished: str) -> datetime:
    """nbgrader keeps times in UTC, without saying so."""
    return datetime.fromisoformat(finished).astimezone(UTC).replace(tzinfo=None)
