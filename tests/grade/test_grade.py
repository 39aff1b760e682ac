"""`coursekit grade` and `coursekit check` from the outside: submissions in; rows and sentences out."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from coursekit.grade import grading
from coursekit.grade.command import check_command, grade_command
from coursekit.grade.process import Worker

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


@pytest.fixture
def shared_worker(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grading with the session's worker instead of one that starts anew."""
    monkeypatch.setattr(grading, "Worker", lambda: contextlib.nullcontext(worker))


@pytest.fixture(scope="module")
def run(submissions: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """The whole class graded once by the command that an instructor types."""
    command = [
        sys.executable,
        "-c",
        "from coursekit.cli import main; main()",
        "grade",
        "recurrent",
        "submissions",
    ]
    command += ["--json", "deep/results.json", "--out", "out", "--jobs", "2", "--seed", "autumn"]
    yield subprocess.run(
        [*command, "--allow-reduced-isolation"], cwd=submissions.parent, capture_output=True, text=True
    )


@pytest.fixture
def rows(run: subprocess.CompletedProcess[str], submissions: Path) -> dict[str, dict]:
    assert run.returncode == 0, run.stderr
    content = json.loads((submissions.parent / "deep" / "results.json").read_text("utf8"))
    return {row["submission"]: row for row in content}


def told(row: dict) -> list[tuple]:
    return [(question["status"], question["score"], question["mistake"]) for question in row["questions"]]


def test_every_submission_has_a_row_of_the_agreed_form(rows: dict[str, dict]) -> None:
    names = [
        "ada.ipynb",
        "bob.py",
        "cyd.ipynb",
        "dan.ipynb",
        "eve",
        "fay.py",
        "gus.py",
        "hal.py",
        "ivy.py",
        "nobody",
    ]
    assert list(rows) == names
    for row in rows.values():
        assert list(row) == ["submission", "unit", "score", "max_score", "isolation", "seconds", "questions"]
        assert (row["unit"], row["max_score"], row["isolation"]) == ("recurrent", 13.0, "limits-only")
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


def test_messages_say_in_a_sentence_what_is_wrong(rows: dict[str, dict]) -> None:
    messages = {name: [question["message"] for question in row["questions"]] for name, row in rows.items()}
    assert messages["bob.py"][1] == "Squash the cell with tanh before the output gate."
    assert messages["cyd.ipynb"][0].startswith("Write the gates: eq-lstm-input, eq-lstm-forget,")
    assert messages["dan.ipynb"][0] == "The file is not a notebook: it is no JSON (line 1)."
    assert messages["eve"][1].startswith("The code uses torch.nn.LSTMCell (b.py, line 3), which does")
    assert messages["fay.py"][2].startswith("lstm_cell_backward stopped with RuntimeError in fay.py, line ")
    assert messages["hal.py"][0] == (
        "The process that ran lstm_gates ended before it could answer (it took the worker process with it)."
    )
    assert messages["hal.py"][1] == "No function lstm_cell was found."
    assert messages["nobody"][0] == "There is no .ipynb or .py file in this folder."


def test_the_terminal_shows_names_points_and_mistakes(run: subprocess.CompletedProcess[str]) -> None:
    lines = run.stdout.splitlines()
    assert any(line.startswith("bob.py  12/13") for line in lines)
    assert any("lstm_cell" in line and "1/2" in line and "ERR-57: Squash the cell" in line for line in lines)
    assert lines[-1] == "10 submissions, isolation limits-only, --seed autumn"
    assert max(len(line) for line in lines) <= 120 and run.stderr == ""


def test_the_folder_holds_what_it_takes_to_repeat_and_a_page_for_each(
    rows: dict[str, dict], submissions: Path
) -> None:
    out = submissions.parent / "out"
    assert json.loads((out / "results.json").read_text("utf8")) == list(rows.values())
    run = json.loads((out / "run.json").read_text("utf8"))
    assert (run["seed"], run["isolation"], run["target"]) == ("autumn", "limits-only", "recurrent")
    assert {page.stem for page in (out / "feedback").iterdir()} == rows.keys()
    page = (out / "feedback" / "bob.py.txt").read_text("utf8")
    assert page.startswith("bob.py: 12 of 13 points\n\nlstm_gates: passed, 4 of 4 points\n")
    assert "Read again: equation eq-lstm-hidden in the section on the cell state." in page


# Wrong calls


@pytest.mark.parametrize(
    ("target", "paths", "options", "sentence"),
    [
        (
            "nothing",
            ["."],
            {},
            "unknown unit or exercise 'nothing'; units: recurrent; exercises: recurrent.lstm_gates",
        ),
        ("recurrent", ["gone.ipynb"], {}, "there is no gone.ipynb"),
        ("recurrent", ["."], {}, "there is no .ipynb or .py file in ."),
        ("recurrent", ["hw.py"], {"jobs": 0}, "--jobs must be at least 1; received 0"),
        ("recurrent", ["hw.py"], {"json_file": Path("hw.py/results.json")}, "hw.py: File exists"),
        ("recurrent", ["hw.py"], {"out": Path("hw.py")}, "hw.py: File exists"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_status_2(
    target: str, paths: list[str], options: dict, sentence: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if paths == ["hw.py"]:
        Path("hw.py").write_text("")
    status = grade_command(target, [Path(path) for path in paths], allow_reduced_isolation=True, **options)
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert said.err.startswith(f"coursekit: {sentence}") and said.err.count("\n") == 1


def test_reduced_isolation_has_to_be_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw.py").write_text("")
    assert grade_command("recurrent", [tmp_path]) == 2
    assert "the isolation of submissions is limits-only here" in capsys.readouterr().err


@pytest.mark.usefixtures("shared_worker")
def test_one_exercise_alone_and_inputs_from_a_new_key_each_time(
    submissions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = []
    for _ in range(2):
        file = tmp_path / "results.json"
        grade_command(
            "recurrent.lstm_cell", [submissions / "bob.py"], json_file=file, allow_reduced_isolation=True
        )
        (row,) = json.loads(file.read_text("utf8"))
        assert (row["submission"], row["score"], row["max_score"], len(row["questions"])) == (
            "bob.py",
            1,
            2,
            1,
        )
        keys.append(capsys.readouterr().out.split("--seed ")[1].strip())
    assert keys[0] != keys[1]


@pytest.mark.usefixtures("shared_worker")
def test_files_of_the_same_name_keep_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for student in ("ada", "bob"):
        (tmp_path / student).mkdir()
        (tmp_path / student / "hw.py").write_text("")
    files = [tmp_path / student / "hw.py" for student in ("ada", "bob")]
    assert [source.name for source in grading.find_sources(files)] == [str(file) for file in files]
    assert grade_command("recurrent", files, out=tmp_path / "out", allow_reduced_isolation=True) == 0
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == 2


@pytest.mark.usefixtures("shared_worker")
def test_a_fault_of_the_grader_costs_one_submission_only(
    submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read = grading.read_submission

    def fails_once(paths: tuple[Path, ...]) -> object:
        if paths[0].name == "fay.py":
            raise ZeroDivisionError("a bug")
        return read(paths)

    monkeypatch.setattr(grading, "read_submission", fails_once)
    files, results = [submissions / name for name in ("fay.py", "bob.py")], tmp_path / "results.json"
    assert grade_command("recurrent.lstm_cell", files, json_file=results, allow_reduced_isolation=True) == 0
    fay, bob = (row["questions"][0] for row in json.loads(results.read_text("utf8")))
    assert (fay["status"], fay["message"]) == (
        "error",
        "The grader failed on this submission (ZeroDivisionError: a bug).",
    )
    assert bob["mistake"] == "ERR-57"


@pytest.mark.usefixtures("shared_worker")
def test_time_is_limited_for_a_check_and_for_a_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loops = "\n".join(f"def {name.split('.')[1]}(*arguments):\n    while True: pass" for name in QUESTIONS)
    (tmp_path / "hw.py").write_text(loops)
    monkeypatch.setattr(grading, "CHECK_SECONDS", 0.6)
    monkeypatch.setattr(grading, "SUBMISSION_SECONDS", 1.0)
    results = tmp_path / "results.json"
    grade_command("recurrent", [tmp_path / "hw.py"], json_file=results, allow_reduced_isolation=True)
    questions = json.loads(results.read_text("utf8"))[0]["questions"]
    assert [question["status"] for question in questions] == ["timeout"] * 3
    assert questions[0]["message"] == "lstm_gates did not finish within 1 s: is there an endless loop?"
    assert questions[2]["message"] == "The time for this submission was used up before this exercise."


# `coursekit check`


@pytest.mark.usefixtures("shared_worker")
def test_a_student_checks_a_file(submissions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_command(submissions / "ada.ipynb") == 0
    assert capsys.readouterr().out.count("passed") == 3
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
            "there is no function of an exercise in other.py (lstm_gates, lstm_cell, lstm_",
        ),
        (tmp_path / "gone.py", "there is no "),
    ]:
        assert check_command(path) == 2
        assert capsys.readouterr().err.startswith(f"coursekit: {sentence}")


def test_a_file_that_may_not_be_read_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "hw.py").write_text("")
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(grading.SubmissionError, match="the file cannot be opened: Permission denied"):
        grading.read_submission([tmp_path / "hw.py"])
