"""Our CSV beside the one that nbgrader itself exports from a gradebook with the same grades."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from coursekit.grade import reports

from ..environments import environment, nbgrader_python
from .classes import CLASS, RUN, row

FILL_AND_EXPORT = """
import json, sys
from datetime import datetime
from nbgrader.api import Gradebook
from nbgrader.plugins.export import CsvExportPlugin

content = json.load(open("class.json"))
with Gradebook("sqlite:///gradebook.db") as book:
    book.add_assignment(content["assignment"])
    book.add_notebook("homework", content["assignment"])
    for name, max_score in content["questions"].items():
        book.add_grade_cell(name, "homework", content["assignment"], max_score=max_score, cell_type="code")
    for student in content["students"]:
        scores, finished = student.pop("scores"), student.pop("finished")
        book.add_student(student.pop("id"), **student["names"])
        submission = book.add_submission(content["assignment"], student["key"])
        submission.timestamp = datetime.fromisoformat(finished)
        for name, score in scores.items():
            book.find_grade(name, "homework", content["assignment"], student["key"]).auto_score = score
    book.db.commit()
    plugin = CsvExportPlugin()
    plugin.to = "export.csv"
    plugin.export(book)
"""
ROSTER = """id,first_name,last_name,email
ada,Ada,Lovelace,ada@example.org
bob,Bob,Fox,
cyd,Cyd,Fox,cyd@example.org
dan,Dan,Eliot,dan@example.org
"""


def cells(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_columns_rows_and_values_are_those_of_nbgrader(tmp_path: Path) -> None:
    roster = tmp_path / "students.csv"
    roster.write_text(ROSTER)
    rows = [one for one in CLASS if one["submission"][:3] in ("ada", "bob", "cyd", "dan")]
    rows = [
        row(one["submission"], *one["questions"], finished=f"2026-11-21T1{k}:07:09+01:00")
        for k, one in enumerate(rows)
    ]
    (ours,) = reports.write_reports(tmp_path, RUN, rows, ["nbgrader"], roster=roster)
    students = []
    for one, names in zip(rows, csv.DictReader(ROSTER.splitlines()), strict=True):
        key = names.pop("id")
        moment = datetime.fromisoformat(one["finished"]).astimezone(UTC).replace(tzinfo=None)
        scores = {f"q{k}": question["score"] for k, question in enumerate(one["questions"])}
        students.append(
            {"id": key, "key": key, "names": names, "scores": scores, "finished": moment.isoformat()}
        )
    questions = {f"q{k}": question["max_score"] for k, question in enumerate(rows[0]["questions"])}
    content = {"assignment": "recurrent", "students": students, "questions": questions}
    (tmp_path / "class.json").write_text(json.dumps(content))
    (tmp_path / "fill.py").write_text(FILL_AND_EXPORT)
    python = nbgrader_python()
    done = subprocess.run(
        [str(python), "fill.py"],
        cwd=tmp_path,
        env=environment(python, tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    theirs = cells(tmp_path / "export.csv")
    assert len(theirs) == 5
    assert cells(ours) == theirs


def test_a_name_is_no_formula_for_a_spreadsheet(tmp_path: Path) -> None:
    roster = tmp_path / "students.csv"
    roster.write_text('id,first_name,last_name,email\nmal,"=1+1","+x","-2\n@SUM(A1)"\n')
    rows = [row("mal.py"), row("@cmd.py"), row("-x"), row("=HYPERLINK('a')/b")]
    (path,) = reports.write_reports(tmp_path, RUN, rows, ["nbgrader"], roster=roster)
    _, *lines = cells(path)
    assert len(lines) == 4
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert lines[-1][3:7] == ["mal", "'+x", "'=1+1", "'-2\n@SUM(A1)"]
