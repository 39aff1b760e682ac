"""`coursekit grade` and `coursekit check` from the outside: submissions in; rows and sentences out."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from coursekit.grade import grading, job
from coursekit.grade.command import check_command, grade_command
from coursekit.grade.exam import Exam, make_exam
from coursekit.grade.exercises import select
from coursekit.grade.process import Worker
from coursekit.grade.sources import Source

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ["recurrent.lstm_gates", "recurrent.lstm_cell", "recurrent.lstm_cell_backward"]
BY_THE_LIBRARY = (
    "def lstm_cell(x, h, c, *p):\n    return torch.nn.LSTMCell(x.shape[1], h.shape[1])(x, (h, c))\n"
)
CHECKS = "from coursekit.grade import check\ncheck(lstm_gates)\ninput('done?')\n"


def notebook(code: str) -> str:
    return nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]))


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory, reference_code: str) -> Path:
    """A class: right, wrong, unfinished, broken, hostile."""
    folder = tmp_path_factory.mktemp("class") / "submissions"
    (folder / "eve" / "src").mkdir(parents=True)
    (folder / "nobody").mkdir()
    files = {
        "ada.ipynb": notebook("%matplotlib inline\n" + reference_code + CHECKS),
        "bob.py": reference_code.replace("return o * c.tanh(), c", "return o * c, c"),
        "cyd.ipynb": (ROOT / "exercises" / "recurrent.ipynb").read_text("utf8"),
        "dan.ipynb": "{oops",
        "eve/a.ipynb": notebook(reference_code),
        "eve/src/b.py": "import torch\n" + BY_THE_LIBRARY,
        "fay.py": reference_code.replace("delta_gates.T @ x", "delta_gates @ x"),
        "gus.py": "def lstm_cell(*arguments):\n    import os\n    os._exit(0)\n\ndef lstm_gates(:\n",
        "hal.py": "def lstm_gates(*arguments):\n    import os\n    os.kill(os.getppid(), 9)\n",
        "ivy.py": reference_code.replace("+ bias_hh", ""),
        ".hidden.py": "",
        "notes.txt": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf8")
    (folder / "link.py").symlink_to(folder / "ada.ipynb")
    return folder


@pytest.fixture(scope="module")
def run(submissions: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """The whole class graded once by the command that an instructor types."""
    command = [sys.executable, "-c", "from coursekit.cli import main; main()", "grade", "recurrent.lstm"]
    command += ["submissions", "--json", "deep/results.json", "--out", "out", "--jobs", "2"]
    command += ["--seed", "autumn", "--format", "json,text", "--allow-reduced-isolation"]
    environment = os.environ | {"COLUMNS": "120"}
    yield subprocess.run(command, cwd=submissions.parent, env=environment, capture_output=True, text=True)


@pytest.fixture
def rows(run: subprocess.CompletedProcess[str], submissions: Path) -> dict[str, dict]:
    assert run.returncode == 0, run.stderr
    content = json.loads((submissions.parent / "deep" / "results.json").read_text("utf8"))
    return {row["submission"]: row for row in content}


def told(row: dict) -> list[tuple]:
    return [(question["status"], question["score"], question["mistake"]) for question in row["questions"]]


def test_every_submission_has_a_row_of_the_agreed_form(rows: dict[str, dict], worker: Worker) -> None:
    assert " ".join(rows) == ("ada.ipynb bob.py cyd.ipynb dan.ipynb eve fay.py gus.py hal.py ivy.py nobody")
    for row in rows.values():
        assert list(row) == ["submission", "unit", "score", "max_score", "isolation", "seconds", "questions"]
        assert (row["unit"], row["max_score"], row["isolation"]) == ("recurrent", 13.0, worker.level)
        assert row["score"] == sum(question["score"] for question in row["questions"])
        assert 0 <= row["seconds"] < 60
        assert [question["id"] for question in row["questions"]] == QUESTIONS
        for question in row["questions"]:
            assert list(question) == ["id", "score", "max_score", "status", "mistake", "message"]
            assert (question["message"] == "") == (question["status"] == "passed")


def test_each_gets_what_it_deserves(rows: dict[str, dict]) -> None:
    passed = [("passed", 4.0, None), ("passed", 2.0, None), ("passed", 7.0, None)]
    one_bias = [("failed", 0.0, "MIS-29")]
    assert told(rows["ada.ipynb"]) == passed
    assert told(rows["bob.py"]) == [passed[0], ("failed", 1.0, "ERR-57"), passed[2]]
    assert told(rows["cyd.ipynb"]) == [("not_attempted", 0.0, None)] * 3
    assert told(rows["dan.ipynb"]) == [("error", 0.0, None)] * 3
    assert told(rows["eve"]) == [passed[0], ("flagged", 0.0, None), passed[2]]
    assert told(rows["fay.py"]) == [*passed[:2], ("error", 0.0, None)]
    assert told(rows["gus.py"]) == [("error", 0.0, None)] * 3
    assert told(rows["hal.py"])[0] == ("error", 0.0, None)
    assert told(rows["ivy.py"]) == one_bias * 3
    assert told(rows["nobody"]) == [("error", 0.0, None)] * 3


def test_messages_say_in_a_sentence_what_is_wrong(rows: dict[str, dict], worker: Worker) -> None:
    messages = {name: [question["message"] for question in row["questions"]] for name, row in rows.items()}
    assert messages["bob.py"][1] == "Squash the cell with tanh before the output gate."
    assert messages["cyd.ipynb"][0].startswith("Write the gates: eq-lstm-input, eq-lstm-forget,")
    assert messages["dan.ipynb"][0] == "The file is not a notebook: it is no JSON (line 1)."
    assert messages["eve"][1].startswith("The code uses torch.nn.LSTMCell (b.py, line 3), which does")
    assert messages["fay.py"][2].startswith("lstm_cell_backward stopped with RuntimeError in fay.py, line ")
    if worker.level == "limits-only":
        assert messages["hal.py"][0].endswith("could answer (it took the worker process with it).")
    else:
        assert messages["hal.py"][0].startswith("lstm_gates stopped with PermissionError in hal.py, line 3:")
    assert messages["hal.py"][1] == "No function lstm_cell was found."
    assert messages["nobody"][0] == "There is no .ipynb or .py file in this folder."


def test_the_terminal_shows_names_points_and_mistakes(
    run: subprocess.CompletedProcess[str], worker: Worker
) -> None:
    lines = run.stdout.splitlines()
    assert any(line.startswith("bob.py  12/13") for line in lines)
    assert any("lstm_cell" in line and "1/2" in line and "ERR-57: Squash the cell" in line for line in lines)
    assert lines[-3] == "Reports: out/results.json and 10 more in out"
    assert lines[-2].endswith("alike: out/duplicates.csv lists what to read before anyone is spoken to.")
    assert lines[-1] == f"10 submissions, isolation {worker.level}, --seed autumn"
    assert max(len(line) for line in lines) <= 120


def test_the_folder_holds_the_record_and_the_reports(
    rows: dict[str, dict], submissions: Path, worker: Worker
) -> None:
    out = submissions.parent / "out"
    first, *lines = (json.loads(line) for line in (out / "record.jsonl").read_text("utf8").splitlines())
    assert (first["target"], first["seed"], first["isolation"]) == ("recurrent.lstm", "autumn", worker.level)
    assert sorted(line["submission"] for line in lines) == list(rows)
    assert json.loads((out / "results.json").read_text("utf8")) == list(rows.values())
    (bob,) = (line for line in lines if line["submission"] == "bob.py")
    assert bob["files"] == ["submissions/bob.py"]
    assert [part["right"] for part in bob["questions"][1]["parts"]] == [False, True]
    assert bob["questions"][1]["advice"].startswith("Read again: equation eq-lstm-hidden in the section on")


# Wrong calls


@pytest.mark.parametrize(
    ("paths", "options", "sentence"),
    [
        (["gone.ipynb"], {}, "there is no gone.ipynb"),
        (["."], {}, "there is no .ipynb or .py file in ."),
        (["hw.py"], {"jobs": 0}, "--jobs must be at least 1; received 0"),
        (["hw.py"], {"json_file": Path("hw.py/results.json")}, "hw.py: File exists"),
        (["hw.py"], {"out": Path("hw.py")}, "hw.py: File exists"),
        (["hw.py"], {"formats": ["word"], "out": Path("out")}, "there is no format 'word'; the formats are "),
        (["hw.py"], {"formats": ["lti"]}, "--format, --roster and --canvas need a folder to write to: add"),
        (["hw.py"], {"roster": Path("gone.csv"), "out": Path("out")}, "gone.csv"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_status_2(
    paths: list[str], options: dict, sentence: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if paths == ["hw.py"]:
        Path("hw.py").write_text("")
    status = grade_command("recurrent", [Path(path) for path in paths], **options)
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert said.err.startswith("coursekit: ") and sentence in said.err and said.err.count("\n") == 1


def test_an_unknown_exercise_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw.py").write_text("")
    assert grade_command("nothing", [tmp_path], allow_reduced_isolation=True) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("coursekit: ") and "'nothing'" in said.err


def test_reduced_isolation_has_to_be_accepted(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    order = {"target": "recurrent.lstm_gates", "seed": "1", "allow_reduced": False}
    request = json.dumps(["hw.py", []]).encode() + b"\n"
    monkeypatch.setattr(job, "Worker", lambda: contextlib.nullcontext(worker))
    monkeypatch.setattr(job, "next_line", lambda stream: stream.readline())
    for level, sentence in [
        ("limits-only", "limits-only here: their time, memory and output are limited, but they"),
        ("reduced", "reduced here: the system allows no namespaces, so they"),
    ]:
        monkeypatch.setattr(worker, "level", level)
        replies = io.BytesIO()
        with pytest.raises(ValueError, match=f"{sentence}.*; if you trust .* --allow-reduced-isolation"):
            job.work(order, io.BytesIO(request), replies)
        assert replies.getvalue() == b""  # nothing was graded
        job.work(order | {"allow_reduced": True}, io.BytesIO(request), replies)
        prepared, row = map(json.loads, replies.getvalue().splitlines())
        assert (prepared["level"], row["isolation"]) == (level, level)


# One submission


@pytest.fixture(scope="module")
def exams() -> list[Exam]:
    return [make_exam(exercise, "autumn") for exercise in select("recurrent.lstm")]


def test_a_fault_of_the_grader_costs_one_submission_only(
    submissions: Path, worker: Worker, exams: list[Exam], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = grading.read_submission

    def fails_once(paths: tuple[Path, ...]) -> object:
        if paths[0].name == "fay.py":
            raise ZeroDivisionError("a bug")
        return read(paths)

    monkeypatch.setattr(grading, "read_submission", fails_once)
    fay, bob = (
        grading.grade_to_row(worker, exams[1:2], Source(name, (submissions / name,)))["questions"][0]
        for name in ("fay.py", "bob.py")
    )
    assert (fay["status"], fay["message"]) == (
        "error",
        "The grader failed on this submission (ZeroDivisionError: a bug).",
    )
    assert bob["mistake"] == "ERR-57"


def test_time_is_limited_for_a_check_and_for_a_submission(
    tmp_path: Path, worker: Worker, exams: list[Exam], monkeypatch: pytest.MonkeyPatch
) -> None:
    loops = "\n".join(f"def {name.split('.')[1]}(*arguments):\n    while True: pass" for name in QUESTIONS)
    (tmp_path / "hw.py").write_text(loops)
    monkeypatch.setattr(grading, "CHECK_SECONDS", 0.6)
    monkeypatch.setattr(grading, "SUBMISSION_SECONDS", 1.0)
    row = grading.grade_to_row(worker, exams[:3], Source("hw.py", (tmp_path / "hw.py",)))
    assert [question["status"] for question in row["questions"]] == ["timeout"] * 3
    messages = [question["message"] for question in row["questions"]]
    assert messages[0] == "lstm_gates did not finish within 1 s: is there an endless loop?"
    assert messages[2] == "The time for this submission was used up before this exercise."
    assert 1.0 <= row["seconds"] < 8.0


# `coursekit check`


@pytest.fixture
def shared_worker(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checking with the session's worker instead of one that starts anew."""
    monkeypatch.setattr(job, "Worker", lambda: contextlib.nullcontext(worker))


@pytest.mark.usefixtures("shared_worker")
def test_a_student_checks_a_file(submissions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_command(submissions / "ada.ipynb") == 0
    assert capsys.readouterr().out.count("passed") == len(select("recurrent"))
    assert check_command(submissions / "bob.py") == 1
    assert "✗ the hidden state h\n  ✓ the cell state c\nERR-57: Squash" in capsys.readouterr().out
    assert check_command(submissions / "dan.ipynb") == 1
    assert "The file is not a notebook" in capsys.readouterr().out


@pytest.mark.usefixtures("shared_worker")
def test_a_file_without_an_exercise_is_a_wrong_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.py").write_text("x = 1")
    for path, sentence in [
        (
            tmp_path / "other.py",
            "there is no function of an exercise in other.py (rnn_cell, rnn_backward, clip_",
        ),
        (tmp_path / "gone.py", "there is no "),
    ]:
        assert check_command(path) == 2
        assert capsys.readouterr().err.startswith(f"coursekit: {sentence}")
