"""Results as JUnit XML, which continuous integration shows: a suite per submission, a case per exercise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from coursekit.grade.record import QuestionRow, Row, Run
from coursekit.grade.reports.plain import clean, function, points, printed, status, told

OUTCOMES = {
    "error": "error",
    "timeout": "error",
    "not_attempted": "skipped",
}  # all others that did not pass fail


def as_junit(run: Run, rows: Sequence[Row]) -> bytes:
    """An XML file of all submissions. What the record says beyond JUnit's terms is in the properties."""
    root = ET.Element("testsuites", name=f"coursekit {run['target']}")
    for row in rows:
        questions = row["questions"]
        outcomes = [outcome(question) for question in questions]
        name = clean(row["submission"])
        suite = ET.SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(len(questions)),
            failures=str(outcomes.count("failure")),
            errors=str(outcomes.count("error")),
            skipped=str(outcomes.count("skipped")),
            time=f"{row['seconds']:.3f}",
            timestamp=utc(row["finished"]),
        )
        properties = ET.SubElement(suite, "properties")
        for key in ("score", "max_score", "isolation"):
            ET.SubElement(properties, "property", name=key, value=str(dict(row)[key]))
        for question in questions:
            add_case(suite, name, question)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def outcome(question: QuestionRow) -> str:
    """The name of the element that says how it ended; "" for a pass."""
    return "" if question["status"] == "passed" else OUTCOMES.get(question["status"], "failure")


def add_case(suite: ET.Element, submission: str, question: QuestionRow) -> None:
    case = ET.SubElement(suite, "testcase", classname=submission, name=function(question), time="0")
    how = outcome(question)
    if how:
        result = ET.SubElement(case, how, message=told(question) or status(question))
        if how != "skipped":
            result.set("type", question["mistake"] or question["status"])
            wrong = [f"not right: {clean(part['name'])}" for part in question["parts"] if not part["right"]]
            score = f"{status(question)}, {points(question['score'], question['max_score'])}"
            result.text = "\n".join(line for line in (score, *wrong, clean(question["advice"])) if line)
    output = printed(question)
    if output:
        ET.SubElement(case, "system-out").text = output


def utc(finished: str) -> str:
    return datetime.fromisoformat(finished).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
