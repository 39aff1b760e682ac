"""The page of plain text for a student."""

from __future__ import annotations

from coursekit.grade.record import Row
from coursekit.grade.reports.plain import clean, function, isolation, points, status
from coursekit.grade.reports.platforms import details


def as_text(row: Row) -> str:
    """The score; then of each question the status, what is wrong, its parts, and what it printed."""
    sections = [f"{clean(row['submission'])}: {points(row['score'], row['max_score'])}"]
    for question in row["questions"]:
        score = points(question["score"], question["max_score"])
        headline = f"{function(question)}: {status(question)}, {score}"
        sections.append("\n".join(text for text in (headline, details(question)) if text))
    return "\n\n".join([*sections, isolation(row["isolation"])]) + "\n"
