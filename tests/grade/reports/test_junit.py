"""JUnit XML, read by junitparser."""

from __future__ import annotations

from datetime import datetime

import junitparser
import pytest

from coursekit.grade.record import Row
from coursekit.grade.reports.junit import as_junit

from .classes import CLASS, HOSTILE_TEXTS, RUN, hostile_class

KINDS = {
    "passed": None,
    "failed": junitparser.Failure,
    "missing": junitparser.Failure,
    "flagged": junitparser.Failure,
    "error": junitparser.Error,
    "timeout": junitparser.Error,
    "not_attempted": junitparser.Skipped,
}


def read(rows: list[Row]) -> junitparser.JUnitXml:
    return junitparser.JUnitXml.fromstring(as_junit(RUN, rows))


def test_a_parser_finds_every_exercise_and_how_it_ended() -> None:
    for one, suite in zip(CLASS, read(CLASS), strict=True):
        assert suite.name == one["submission"]
        assert datetime.fromisoformat(suite.timestamp + "+00:00") == datetime.fromisoformat(one["finished"])
        properties = {p.name: p.value for p in suite.properties()}
        assert properties == {
            "score": str(one["score"]),
            "max_score": str(one["max_score"]),
            "isolation": "full",
        }
        for question, case in zip(one["questions"], suite, strict=True):
            assert case.classname == one["submission"] and f"recurrent.{case.name}" == question["id"]
            kind = KINDS[question["status"]]
            assert [type(result) for result in case.result] == ([] if kind is None else [kind])
            assert not case.result or question["message"] in case.result[0].message


def test_the_counts_are_those_that_the_parser_counts() -> None:
    document = read(CLASS)
    said = [(s.tests, s.failures, s.errors, s.skipped) for s in document]
    for suite in document:
        suite.update_statistics()
    assert said == [(s.tests, s.failures, s.errors, s.skipped) for s in document]
    assert sum(suite.skipped for suite in document) == 1 and sum(suite.errors for suite in document) == 4


def test_a_mistake_is_the_type_of_the_failure() -> None:
    result = list(list(read(CLASS))[1])[1].result[0]
    assert result.type == "ERR-57" and "not right: the hidden state h" in result.text
    assert "the cell state c" not in result.text


@pytest.mark.parametrize("index", range(len(HOSTILE_TEXTS)))
def test_texts_of_students_come_back_as_text(index: int) -> None:
    rows = hostile_class()
    suite = list(read(rows))[index]
    failed, error = list(suite)
    printable = HOSTILE_TEXTS[index]
    if printable.isprintable():
        assert failed.result[0].message == printable and printable in error.system_out
        assert suite.name == rows[index]["submission"]
    else:  # what XML cannot say is marked
        said = failed.result[0].message
        assert "red" in said and "[31m" not in said and "\N{REPLACEMENT CHARACTER}" in said
