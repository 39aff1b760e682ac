"""Files that are broken, or no homework at all: each gets one row and one sentence, and costs nobody else."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from coursekit.grade.exam import make_exam
from coursekit.grade.exercises import select
from coursekit.grade.grading import grade_to_row
from coursekit.grade.process import Worker
from coursekit.grade.sources import Source

POINTS = {"recurrent.lstm_gates": 4.0, "recurrent.lstm_cell": 2.0, "recurrent.lstm_cell_backward": 7.0}
NEIGHBOURS = ("00_good.py", "50_good.py", "zz_good.py")


class Broken(NamedTuple):
    name: str
    content: bytes
    sentence: str  # the first question's message; empty where everything passes
    status: str = "error"  # of the first question


def cells(*sources: object, **more: object) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": s} for s in sources], **more}).encode()


def zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("hw.ipynb", (2026, 9, 1, 8, 0, 0)), cells("x = 1"))
    return archive.getvalue()


def broken_files(good: str) -> list[Broken]:
    """What students' disks, editors, browsers and version control have made of homework."""
    no_json = "The file is not a notebook: it is no JSON"
    no_cells = "The file is not a notebook: it has no list of cells."
    no_text = "The file is not text in UTF-8."
    no_python = "The file is not valid Python"
    too_much = "There is more code in the file than a person can have written."
    missing = "No function lstm_gates was found"
    before, gates, after = good.partition("\ndef lstm_gates")
    at_once = f"{before}\nSCALE = 1 / 0{gates}{after.replace('x @ weight', 'SCALE * x @ weight', 1)}"
    line = at_once[: at_once.index("SCALE")].count("\n") + 1
    conflict = f"<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> main\n{good}"
    return [
        # nothing, or something else
        Broken("empty.ipynb", b"", "The file is empty."),
        Broken("blank.ipynb", b" \r\n\t\n", "The file is empty."),
        Broken("empty.py", b"", f"{missing}.", "missing"),
        Broken("text.ipynb", cells(cell_type="markdown"), f"{missing}.", "missing"),
        Broken("markdown.ipynb", b'{"cells": [{"cell_type": "raw"}]}', f"{missing}.", "missing"),
        Broken("bytes.ipynb", bytes(range(256)), no_text),
        Broken("program.py", b"\x7fELF\x02\x01\x01" + bytes(100) + b"\xff", no_text),
        Broken("compressed.py", gzip.compress(good.encode(), mtime=0), no_text),
        Broken("archive.ipynb", zipped(), no_text),
        Broken("page.ipynb", b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", f"{no_json} (line 1)."),
        Broken("pointer.ipynb", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", no_json),
        Broken("script.ipynb", good.encode(), f"{no_json} (line 1)."),
        Broken("r.ipynb", cells("x <- 1", metadata={"language_info": {"name": "R"}}),
               "The notebook is written in R, not in Python."),
        Broken("other_work.py", b"def solve(x):\n    return x\n", f"{missing}.", "missing"),
        # JSON, and not what it should be
        Broken("cut.ipynb", cells(good)[:-20], f"{no_json} (line 1)."),
        Broken("conflict.ipynb", b'{\n"cells": [\n<<<<<<< HEAD\n]\n}', f"{no_json} (line 3)."),
        Broken("number.ipynb", b"3", no_cells),
        Broken("null.ipynb", b"null", no_cells),
        Broken("list.ipynb", b"[]", no_cells),
        Broken("other.ipynb", b'{"a": 1}', no_cells),
        Broken("cells_null.ipynb", b'{"cells": null}', no_cells),
        Broken("cells_odd.ipynb", b'{"cells": [null, 3, "x", []]}', no_cells),
        Broken("source_odd.ipynb", cells([1, None]), no_cells),
        Broken("sheets_odd.ipynb", b'{"worksheets": {"a": 1}}', no_cells),
        Broken("deep.ipynb", b"[" * 100_000, f"{no_json}."),
        Broken("deeper.ipynb", b'{"cells": ' * 50_000 + b"1" + b"}" * 50_000, f"{no_json}."),
        Broken("zeros.ipynb", cells(good).replace(b"cell_type", b"cell\0type", 1), f"{no_json} (line 1)."),
        Broken("digits.ipynb", b'{"cells": ' + b"9" * 5_000 + b"}", f"{no_json}."),
        Broken("million.ipynb", b'{"cells": [{"cell_type": "code", "source": ""}' + b", {}" * 10**6 + b"]}",
               "The notebook has more than 1000000 items; clear its outputs and save it again."),
        Broken("format_2.ipynb", json.dumps({"nbformat": 2, "worksheets": [
            {"cells": [{"cell_type": "code", "input": good}]}]}).encode(), "", "passed"),
        Broken("format_99.ipynb", cells(good, nbformat=99, metadata=None), "", "passed"),
        # text, and not quite
        Broken("utf16.ipynb", cells(good).decode().encode("utf-16"), "", "passed"),
        Broken("utf16.py", good.encode("utf-16-be"), "", "passed"),
        Broken("returns.py", good.replace("\n", "\r").encode(), "", "passed"),
        Broken("notebook.py", cells(good), "", "passed"),
        Broken("half_emoji.ipynb", cells("# \ud83d\n" + good), "", "passed"),
        Broken("latin.py", ("# é\n" + good).encode("latin-1"), no_text),
        Broken("rot13.py", b"# coding: rot13\n" + good.encode(), no_text),
        Broken("klingon.py", b"# coding: klingon\n" + good.encode(), no_text),
        Broken("zero.py", b"x = 1\0\n" + good.encode(), no_python),
        # Python, and not quite
        Broken("python2.py", b'x = 1\nprint "hello"\n' + good.encode(), f"{no_python} (line 2: "),
        Broken("tabs.py", b"if 1:\n        x = 1\n\ty = 2\n" + good.encode(), f"{no_python} (line 3: "),
        Broken("conflict.py", conflict.encode(), f"{no_python} (line 1: "),
        Broken("nested.py", ("x = " + "(" * 5_000 + "\n" + good).encode(), no_python),
        Broken("minus.py", ("x = " + "-" * 30_000 + "1\n" + good).encode(), no_python),
        Broken("chain.py", ("x = a" + ".a" * 15_000 + "\n" + good).encode(), no_python),
        Broken("digits.py", ("x = " + "9" * 5_000 + "\n" + good).encode(), no_python),
        Broken("long_line.py", b'x = "' + b"a" * 2**21 + b'"\n' + good.encode(), too_much),
        Broken("table.py", b"x = [" + b"1, " * 30_000 + b"]\n" + good.encode(), too_much),
        Broken("bad_cell.ipynb", cells("def lstm_gates(x:\n", good.replace("def lstm_gates", "def gates")),
               f"{missing}; code cell 1 is not valid Python (line 1: ", "missing"),
        Broken("twice.py", (good.replace(".sigmoid()", ".tanh()") + good).encode(), "", "passed"),
        Broken("itself.py", b"lstm_gates = lstm_gates\n",
               "lstm_gates cannot be defined: NameError in itself.py, line 1: name "),
        Broken("at_once.py", at_once.encode(),
               f"lstm_gates cannot be defined: ZeroDivisionError in at_once.py, line {line}: "),
        Broken("asks.py", b"def lstm_gates(*arguments):\n    return input('really?')\n",
               "lstm_gates stopped with EOFError in asks.py, line 2"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def files(reference_code: str) -> dict[str, Broken]:
    return {broken.name: broken for broken in broken_files(reference_code)}


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, Broken], reference_code: str
) -> tuple[subprocess.CompletedProcess[str], list[dict]]:
    """All of them in one class with three who did their homework, graded by the command."""
    folder = tmp_path_factory.mktemp("broken") / "submissions"
    folder.mkdir()
    for broken in files.values():
        (folder / broken.name).write_bytes(broken.content)
    for name in NEIGHBOURS:
        (folder / name).write_text(reference_code, "utf8")
    with (folder / "huge.ipynb").open("wb") as file:
        file.truncate(60 * 2**20)
    os.mkfifo(folder / "pipe.py")
    (folder / "folder.ipynb").mkdir()
    (folder / "many").mkdir()
    for number in range(101):
        (folder / "many" / f"{number}.py").touch()
    (folder / "partly").mkdir()
    (folder / "partly" / "copy.ipynb").touch()
    (folder / "partly" / "hw.py").write_text(reference_code, "utf8")
    (folder / "dangling.py").symlink_to(folder / "nowhere.py")
    (folder / "outside.py").symlink_to("/etc/passwd")
    (folder.parent / "hw.pdf").write_bytes(b"%PDF-1.7")
    code = "from coursekit.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "grade",
        "recurrent.lstm",
        str(folder),
        str(folder.parent / "hw.pdf"),
    ]
    command += ["--json", str(folder.parent / "results.json"), "--allow-reduced-isolation"]
    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ran.returncode == 0, ran.stderr
    return ran, json.loads((folder.parent / "results.json").read_text("utf8"))


@pytest.fixture(scope="module")
def rows(run: tuple[subprocess.CompletedProcess[str], list[dict]]) -> dict[str, dict]:
    return {row["submission"]: row for row in run[1]}


def test_there_are_enough_of_them(files: dict[str, Broken]) -> None:
    assert sum(broken.status != "passed" for broken in files.values()) >= 35


def test_each_has_exactly_one_row(
    run: tuple[subprocess.CompletedProcess[str], list[dict]], files: dict[str, Broken]
) -> None:
    """Links, which could lead anywhere, are left out of a folder, as hidden files are."""
    others = {"huge.ipynb", "pipe.py", "folder.ipynb", "many", "partly", "hw.pdf"}
    assert sorted(row["submission"] for row in run[1]) == sorted({*files, *NEIGHBOURS, *others})


@pytest.mark.parametrize("name", [broken.name for broken in broken_files("\ndef f(): pass")])
def test_the_sentence_says_what_is_wrong(rows: dict[str, dict], files: dict[str, Broken], name: str) -> None:
    broken, row = files[name], rows[name]
    first = row["questions"][0]
    assert first["status"] == broken.status, first
    if broken.status == "passed":
        assert row["score"] == sum(POINTS.values()), row
        return
    assert first["message"].startswith(broken.sentence)
    assert first["score"] == 0.0


def test_every_message_is_one_short_sentence(rows: dict[str, dict]) -> None:
    for row in rows.values():
        for question in row["questions"]:
            message = question["message"]
            assert bool(message) == (question["status"] != "passed")
            assert "\n" not in message and len(message) < 300 and message.isprintable(), row
            assert "grader failed" not in message, row


def test_the_score_is_what_was_earned(rows: dict[str, dict]) -> None:
    for name, row in rows.items():
        assert {question["id"]: question["max_score"] for question in row["questions"]} == POINTS
        earned = [q["score"] for q in row["questions"] if q["status"] == "passed"]
        assert row["score"] == sum(earned), name
        if row["questions"][0]["status"] == "error":
            assert row["score"] == 0.0, name


def test_those_beside_them_get_full_marks(rows: dict[str, dict]) -> None:
    assert [rows[name]["score"] for name in (*NEIGHBOURS, "partly")] == [13.0] * 4


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("huge.ipynb", "There are 60 MB to read; at most 50 MB are."),
        ("pipe.py", "This is no ordinary file."),
        ("folder.ipynb", "There is no .ipynb or .py file in this folder."),
        ("many", "There are more than 100 notebooks and scripts, too many to read."),
        ("hw.pdf", "The file is neither a notebook (.ipynb) nor a script (.py)."),
    ],
)
def test_what_is_no_file_of_text_is_named(rows: dict[str, dict], name: str, sentence: str) -> None:
    assert [question["message"] for question in rows[name]["questions"]] == [sentence] * 3


def test_none_keeps_the_judge_busy(files: dict[str, Broken], tmp_path: Path, worker: Worker) -> None:
    """In seconds of its own computing, so that it is the same on a busy machine."""
    exams = [make_exam(exercise, "busy") for exercise in select("recurrent.lstm")]
    busy = {}
    for name, broken in files.items():
        (tmp_path / name).write_bytes(broken.content)
        begun = time.process_time()
        grade_to_row(worker, exams, Source(name, (tmp_path / name,)))
        busy[name] = time.process_time() - begun
    slow = {name: seconds for name, seconds in busy.items() if seconds > 5}
    assert slow == {}  # usually under a tenth of a second; the first wrong answer has the catalogue evaluated


def test_a_link_to_nowhere_is_refused_where_it_is_named(tmp_path: Path) -> None:
    from coursekit.grade.command import grade_command

    (tmp_path / "hw.py").symlink_to(tmp_path / "nowhere.py")
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        assert grade_command("recurrent", [tmp_path / "hw.py"]) == 2
    assert errors.getvalue() == f"coursekit: there is no {tmp_path / 'hw.py'}\n"


# While they are being graded


def graded(worker: Worker, path: Path) -> dict:
    exams = [make_exam(exercise, "broken") for exercise in select("recurrent.lstm_cell")]
    return dict(grade_to_row(worker, exams, Source(path.name, (path,))))


def test_a_file_that_disappears(tmp_path: Path, worker: Worker) -> None:
    row = graded(worker, tmp_path / "gone.py")
    assert row["questions"][0]["message"] == "The file cannot be opened: No such file or directory."
    assert row["score"] == 0.0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path, worker: Worker, reference_code: str) -> None:
    path = tmp_path / "hw.py"
    path.write_text(reference_code, "utf8")
    path.chmod(0)
    row = graded(worker, path)
    assert row["questions"][0]["message"] == "The file cannot be opened: Permission denied."


def test_a_link_that_changes_into_a_pipe(tmp_path: Path, worker: Worker) -> None:
    """What is checked is what is read: a pipe without a writer would hold the judge for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "hw.py").symlink_to(tmp_path / "pipe")
    begun = time.monotonic()
    row = graded(worker, tmp_path / "hw.py")
    assert row["questions"][0]["message"] == "This is no ordinary file."
    assert time.monotonic() - begun < 30


def test_a_device_without_an_end(tmp_path: Path, worker: Worker) -> None:
    (tmp_path / "hw.py").symlink_to("/dev/zero")
    row = graded(worker, tmp_path / "hw.py")
    assert row["questions"][0]["message"] == "This is no ordinary file."
