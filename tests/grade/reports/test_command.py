"""`coursekit report`: reports from a record, without grading."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.grade import reports
from coursekit.grade.record import open_record
from coursekit.grade.reports.command import report_command

from .classes import CLASS, RUN

GRADEBOOK = (
    'Student,ID,SIS Login ID,Recurrent (1)\nPoints Possible,,,6\n"Fox, Bob",101,bob,\n"Poe, Ada",102,ada,3\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with open_record(tmp_path / "run") as record:
        record.begin(RUN)
        for row in reversed(CLASS):
            record.add(row)
    return tmp_path / "run"


def test_the_usual_reports_stand_beside_the_record(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert report_command(folder) == 0
    names = {path.relative_to(folder).parts[0] for path in folder.rglob("*")} - {"record.jsonl"}
    statistics = {f"statistics.{end}" for end in ("csv", "html", "json")}
    assert names == {"index.html", "by-points.html", "students", "results.json", "text"} | statistics
    said = capsys.readouterr().out
    assert (
        "recurrent.lstm_cell" in said
        and f"7 submissions. In {folder}: index.html, by-points.html, students/" in said
    )
    results = json.loads((folder / "results.json").read_text())
    assert [result["submission"] for result in results] == [row["submission"] for row in CLASS]


def test_results_have_the_agreed_keys_and_no_more(folder: Path) -> None:
    report_command(folder / "record.jsonl", formats=["json"])
    (first, *_) = results = json.loads((folder / "results.json").read_text())
    assert list(first) == ["submission", "unit", "score", "max_score", "isolation", "seconds", "questions"]
    assert list(first["questions"][0]) == ["id", "score", "max_score", "status", "mistake", "message"]
    assert results == json.loads(reports.as_json(CLASS))
    assert results[1]["questions"][1] == {
        "id": "recurrent.lstm_cell",
        "score": 1.0,
        "max_score": 2.0,
        "status": "failed",
        "mistake": "ERR-57",
        "message": "Squash the cell with tanh before the output gate.",
    }


def test_canvas_is_filled_and_the_rest_listed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    canvas = tmp_path / "grades.csv"
    canvas.write_text(GRADEBOOK)
    assert report_command(folder, out=tmp_path / "out", formats=["json"], canvas=canvas) == 0
    filled = GRADEBOOK.replace("bob,\n", "bob,5\n").replace("ada,3", "ada,6")
    assert (tmp_path / "out" / "canvas.csv").read_text() == filled
    said = capsys.readouterr().out
    assert "Recurrent (1): 2 students graded." in said and "  eve: nobody in the list" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"formats": ["html", "pdf"]}, "there is no format 'pdf'; the formats are html, json, text"),
        ({"formats": ["canvas"]}, "the format canvas needs --canvas FILE"),
        ({"roster": Path("nowhere.csv")}, "nowhere.csv: No such file or directory"),
        ({"canvas": Path("nowhere.csv")}, "nowhere.csv: No such file or directory"),
    ],
)
def test_a_wrong_call_is_answered_in_a_sentence(
    options: dict, sentence: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_command(folder, out=tmp_path / "out", **options) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"coursekit: {sentence}") and said.err.count("\n") == 1 and said.out == ""
    assert not (tmp_path / "out").exists()


def test_a_record_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    older = dict(CLASS[0])
    del older["digest"]
    (tmp_path / "old.jsonl").write_text(f"{json.dumps(RUN)}\n{json.dumps(older)}\n")
    for name, sentence in (
        ("gone.jsonl", "gone.jsonl: No such file"),
        ("notes.txt", "notes.txt is not a record"),
        ("old.jsonl", "old.jsonl comes from another version, without digest"),
        (".", "record.jsonl: No such file"),
    ):
        assert report_command(tmp_path / name) == 2
        assert sentence in capsys.readouterr().err


def test_the_command_line(folder: Path) -> None:
    def coursekit(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from coursekit.cli import main; sys.argv[0] = 'coursekit'; main()"
        command = [sys.executable, "-c", code, "report", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=folder.parent)

    done = coursekit("run", "--format", "junit, nbgrader", "--out", "deep/out")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (folder.parent / "deep/out").iterdir()) == [
        "junit.xml",
        "nbgrader.csv",
    ]
    done = coursekit("run", "--format", "nothing")
    assert done.returncode == 2 and "there is no format 'nothing'" in done.stderr


def test_reports_need_no_torch() -> None:
    code = "import sys, coursekit.grade.reports; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
