"""One JSON file per submission for Gradescope, for PrairieLearn, and for all that speak LTI."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from coursekit.grade.record import QuestionRow, Row
from coursekit.grade.reports.plain import clean, function, isolation, points, printed, status, told
from coursekit.grade.reports.roster import Student

RAN = ("passed", "failed", "timeout", "flagged")


def as_gradescope(row: Row) -> str:
    """A `results.json` of a Gradescope autograder: https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    tests = [
        {
            "name": function(question),
            "number": str(number),
            "score": question["score"],
            "max_score": question["max_score"],
            "status": "passed" if question["status"] == "passed" else "failed",
            "output": details(question),
            "output_format": "text",
            "tags": [tag for tag in (question["status"], question["mistake"]) if tag],
            "visibility": "visible",
            "extra_data": {
                "id": question["id"],
                "status": question["status"],
                "mistake": question["mistake"],
            },
        }
        for number, question in enumerate(row["questions"], start=1)
    ]
    return as_file(
        {
            "score": row["score"],
            "execution_time": row["seconds"],
            "output": isolation(row["isolation"]),
            "output_format": "text",
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "extra_data": {"isolation": row["isolation"], "max_score": row["max_score"]},
            "tests": tests,
        }
    )


def as_prairielearn(row: Row) -> str:
    """A `results.json` of an external grader: https://prairielearn.readthedocs.io/en/latest/externalGrading/

    A submission of which no function could be run is not gradable: it costs the student no attempt.
    """
    tests = [
        {
            "name": function(question),
            "description": status(question),
            "points": question["score"],
            "max_points": question["max_score"],
            "message": told(question),
            "output": details(question, with_message=False),
        }
        for question in row["questions"]
    ]
    content: dict[str, Any] = {
        "gradable": any(question["status"] in RAN for question in row["questions"]),
        "score": row["score"] / row["max_score"] if row["max_score"] else 0.0,
        "message": f"{points(row['score'], row['max_score'])}.",
        "output": isolation(row["isolation"]),
        "tests": tests,
    }
    if not content["gradable"]:
        content["format_errors"] = list(dict.fromkeys(told(question) for question in row["questions"]))
    return as_file(content)


def as_lti(row: Row, student: Student) -> str:
    """A score message of LTI Assignment and Grade Services 2.0: https://www.imsglobal.org/spec/lti-ags/v2p0

    `userId` is the platform's own id of the student, which a list of students gives as lms_user_id. Where a
    person has yet to look at an answer, the message says that the grade is not final.
    """
    flagged = any(question["status"] == "flagged" for question in row["questions"])
    return as_file(
        {
            "userId": clean(student.lms_user_id or student.student_id),
            "scoreGiven": row["score"],
            "scoreMaximum": row["max_score"],
            "comment": "\n".join([*map(in_a_line, row["questions"]), isolation(row["isolation"])]),
            "timestamp": with_milliseconds(row["finished"]),
            "activityProgress": "Completed",
            "gradingProgress": "PendingManual" if flagged else "FullyGraded",
        }
    )


def in_a_line(question: QuestionRow) -> str:
    said = f"{function(question)}: {status(question)}, {points(question['score'], question['max_score'])}"
    return f"{said}. {told(question)}" if told(question) else said


def details(question: QuestionRow, *, with_message: bool = True) -> str:
    """What the student reads about one question."""
    output = printed(question)
    lines = [
        told(question) if with_message else "",
        *(f"{'✓' if part['right'] else '✗'} {clean(part['name'])}" for part in question["parts"]),
        clean(question["advice"]),
        f"It printed:\n{output}" if output else "",
    ]
    return "\n".join(line for line in lines if line)


def with_milliseconds(finished: str) -> str:
    """The specification asks for a time zone and for fractions of a second."""
    return datetime.fromisoformat(finished).astimezone(UTC).isoformat(timespec="milliseconds")


def as_file(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"
