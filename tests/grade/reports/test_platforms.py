"""Gradescope, PrairieLearn and LTI: each file against its published form, for every class we can think of."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from coursekit.grade import reports
from coursekit.grade.record import Row

from .classes import CLASS, RUN, gates, hostile_class, question, row

TEXT_FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
# https://gradescope-autograders.readthedocs.io/en/latest/specs/
GRADESCOPE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number", "minimum": 0},
        "output": {"type": "string"},
        "output_format": TEXT_FORMAT,
        "test_output_format": TEXT_FORMAT,
        "test_name_format": TEXT_FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "leaderboard": {"type": "array"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["score"],
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": TEXT_FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": TEXT_FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}
# https://prairielearn.readthedocs.io/en/latest/externalGrading/
IMAGES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["url"],
        "properties": {"url": {"type": "string"}, "label": {"type": "string"}},
    },
}
PRAIRIELEARN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["score"],
    "properties": {
        "gradable": {"type": "boolean"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "message": {"type": "string"},
        "output": {"type": "string"},
        "images": IMAGES,
        "format_errors": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
        },
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "points", "max_points"],
                "properties": {
                    "name": {"type": "string"},
                    "description": {"type": "string"},
                    "points": {"type": "number", "minimum": 0},
                    "max_points": {"type": "number", "exclusiveMinimum": 0},
                    "message": {"type": "string"},
                    "output": {"type": "string"},
                    "images": IMAGES,
                },
            },
        },
    },
}
# https://www.imsglobal.org/spec/lti-ags/v2p0, section on the score publish service
LTI = {
    "type": "object",
    "additionalProperties": False,
    "required": ["userId", "activityProgress", "gradingProgress", "timestamp", "scoreGiven", "scoreMaximum"],
    "properties": {
        "userId": {"type": "string", "minLength": 1},
        "scoreGiven": {"type": "number", "minimum": 0},
        "scoreMaximum": {"type": "number", "exclusiveMinimum": 0},
        "comment": {"type": "string"},
        "timestamp": {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d+(Z|[+-]\d{2}:\d{2})$",
        },
        "activityProgress": {"enum": ["Initialized", "Started", "InProgress", "Submitted", "Completed"]},
        "gradingProgress": {"enum": ["FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"]},
    },
}
SCHEMAS = {"gradescope": GRADESCOPE, "prairielearn": PRAIRIELEARN, "lti": LTI}
ROWS = [*CLASS, *hostile_class(), row("empty.py", gates(status="missing"))]


def written(format: str, rows: list[Row], folder: Path, roster: Path | None = None) -> dict[str, Any]:
    """The contents of a format's files, by submission."""
    paths = reports.write_reports(folder, RUN, rows, [format], roster=roster)
    return {
        row["submission"]: json.loads(path.read_text("ascii")) for row, path in zip(rows, paths, strict=True)
    }


@pytest.mark.parametrize("format", SCHEMAS)
def test_files_have_the_published_form(format: str, tmp_path: Path) -> None:
    schema = jsonschema.Draft202012Validator(SCHEMAS[format])
    contents = written(format, ROWS, tmp_path)
    assert len(contents) == len(ROWS)
    for content in contents.values():
        schema.validate(content)
        assert not {"\x00", "\x1b", "\ud800", "\u202e"} & set(json.dumps(content, ensure_ascii=False))
    assert all(path.stat().st_size < 100_000 for path in (tmp_path / format).iterdir())


@pytest.mark.parametrize("format", SCHEMAS)
def test_the_schemas_refuse_what_is_not_legal(format: str, tmp_path: Path) -> None:
    """Each field is needed or typed: spoil one after the other, and the schema notices."""
    schema = jsonschema.Draft202012Validator(SCHEMAS[format])
    content = next(iter(written(format, CLASS, tmp_path).values()))
    for key, value in content.items():
        assert not schema.is_valid(content | {key: "never legal" if not isinstance(value, str) else 0}), key
        assert not schema.is_valid(content | {f"{key}_": value})


def test_gradescope_adds_up_and_tells_what_happened(tmp_path: Path) -> None:
    contents = written("gradescope", ROWS, tmp_path)
    for one in ROWS:
        content = contents[one["submission"]]
        assert content["score"] == sum(test["score"] for test in content["tests"]) == one["score"]
        assert content["extra_data"]["max_score"] == sum(test["max_score"] for test in content["tests"])
        for test, asked in zip(content["tests"], one["questions"], strict=True):
            assert (test["status"] == "passed") == (asked["status"] == "passed")
            assert test["output_format"] == "text"  # nothing a student wrote is taken for HTML
    assert contents["ada.ipynb"]["output"] == "The code ran fully locked in."
    bob = contents["bob.py"]["tests"][1]
    assert bob["name"] == "lstm_cell" and bob["tags"] == ["failed", "ERR-57"] and bob["number"] == "2"
    assert bob["output"] == (
        "ERR-57: Squash the cell with tanh before the output gate.\n"
        "✗ the hidden state h\n✓ the cell state c\n"
        "Read again: equation eq-lstm-hidden in the section on the cell state.\n"
        "It printed:\ni tensor([[ #, #]])\nshape (2, 3)"
    )


def test_prairielearn_scores_are_shares_and_broken_files_cost_no_attempt(tmp_path: Path) -> None:
    contents = written("prairielearn", ROWS, tmp_path)
    for one in ROWS:
        content = contents[one["submission"]]
        assert content["score"] == pytest.approx(
            sum(test["points"] for test in content["tests"])
            / sum(test["max_points"] for test in content["tests"])
        )
        assert ("format_errors" in content) == (not content["gradable"])
        assert content["gradable"] or content["score"] == 0
    gradable = {one["submission"]: contents[one["submission"]]["gradable"] for one in CLASS}
    expected = {"cyd.ipynb": False, "dan.ipynb": False}  # nothing to run in the one, no notebook in the other
    assert gradable == {one["submission"]: expected.get(one["submission"], True) for one in CLASS}
    assert contents["dan.ipynb"]["format_errors"] == ["The file is not a notebook."]


def test_lti_scores_are_final_unless_a_person_must_look(tmp_path: Path) -> None:
    roster = tmp_path / "students.csv"
    roster.write_text("id,lms_user_id\nada,f81d4fae-7dec\nbob,\n")
    contents = written("lti", CLASS, tmp_path / "out", roster)
    assert {name: content["gradingProgress"] for name, content in contents.items() if name != "eve"} == {
        one["submission"]: "FullyGraded" for one in CLASS if one["submission"] != "eve"
    }
    assert contents["eve"]["gradingProgress"] == "PendingManual"
    assert [contents[name]["userId"] for name in ("ada.ipynb", "bob.py", "cyd.ipynb")] == [
        "f81d4fae-7dec",
        "bob",
        "cyd",
    ]
    for one in CLASS:
        content = contents[one["submission"]]
        assert (content["scoreGiven"], content["scoreMaximum"]) == (one["score"], one["max_score"])
        assert datetime.fromisoformat(content["timestamp"]) == datetime.fromisoformat(one["finished"])
        assert "fully locked in" in content["comment"]


@pytest.mark.parametrize("level", ["reduced", "limits-only"])
@pytest.mark.parametrize("format", SCHEMAS)
def test_the_level_of_isolation_is_named(format: str, level: str, tmp_path: Path) -> None:
    one = row("ada.py", question())
    one["isolation"] = level
    assert level in json.dumps(written(format, [one], tmp_path))
