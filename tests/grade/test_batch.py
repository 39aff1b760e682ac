"""Many submissions: found under names of their own, graded in parallel, and never lost or graded twice."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.grade import batch, command, duplicates
from coursekit.grade.batch import Batch, Order, Prepared
from coursekit.grade.command import grade_command
from coursekit.grade.record import Row, Run, open_record, read_record
from coursekit.grade.sources import Source, digest, find_sources

COMMAND = [sys.executable, "-c", "from coursekit.cli import main; main()", "grade", "recurrent.lstm_gates"]
TRUSTED = "--allow-reduced-isolation"
SLOW = (
    "def lstm_gates(*arguments):\n    import time\n    time.sleep({seconds})\n    raise NotImplementedError\n"
)


def slow_class(folder: Path, count: int, seconds: float) -> Path:
    """Submissions that all take their time."""
    folder.mkdir()
    for number in range(count):
        (folder / f"s{number}.py").write_text(SLOW.format(seconds=seconds))
    return folder


def lines_of(record: Path) -> list[bytes]:
    return record.read_bytes().splitlines(keepends=True) if record.exists() else []


def wait_for_lines(record: Path, count: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while len(lines_of(record)) < count:
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """A process that has ended and that nobody has asked about yet runs no more."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pids: list[int], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while any(runs(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


# Finding them


def test_files_of_the_same_name_keep_apart(tmp_path: Path) -> None:
    for student in ("ada", "bob", "cyd"):
        (tmp_path / student / "empty").mkdir(parents=True)
    for student in ("ada", "bob"):
        (tmp_path / student / "hw.py").write_text("")
    files = [tmp_path / student / "hw.py" for student in ("ada", "bob")]
    assert [source.name for source in find_sources(files)] == [str(file) for file in files]
    names = [source.name for source in find_sources([tmp_path / "ada", tmp_path / "cyd"])]
    assert names == [str(tmp_path / "ada" / "empty"), "hw.py", str(tmp_path / "cyd" / "empty")]


def test_a_file_that_is_named_twice_is_one_submission(tmp_path: Path) -> None:
    (tmp_path / "hw.py").write_text("")
    paths = [tmp_path, tmp_path / "hw.py", tmp_path / ".." / tmp_path.name / "hw.py"]
    assert [source.name for source in find_sources(paths)] == ["hw.py"]


def test_the_folder_of_results_is_no_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ada", "bob", "out"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for out in (Path("out"), tmp_path / "out"):
        assert [source.name for source in find_sources([Path(".")], leave_out=out)] == ["ada", "bob"]


def test_odd_names_are_printable_and_still_apart(tmp_path: Path) -> None:
    for name in ("a\x1b[2J.py", "a\n[2J.py", "ä.py", "_b.py", "__init__.py", ".c.py"):
        (tmp_path / name).write_text("")
    names = [source.name for source in find_sources([tmp_path])]
    assert names == ["_b.py", "a?[2J.py", "a?[2J.py (2)", "ä.py"]


def test_a_folder_that_may_not_be_opened_is_a_submission_without_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "bob.py").write_text("")
    listed = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path.name == "ada":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert [(source.name, len(source.files)) for source in find_sources([tmp_path])] == [
        ("ada", 0),
        ("bob.py", 1),
    ]


def test_a_digest_changes_with_names_and_contents_and_not_with_the_place(tmp_path: Path) -> None:
    def files(folder: str, **contents: str) -> list[Path]:
        for name, text in contents.items():
            path = tmp_path / folder / name.replace("_", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [tmp_path / folder / name.replace("_", "/") for name in contents]

    first = digest(files("1", src_a="x", src_b="y", c="z"))
    assert digest(files("moved/2", src_a="x", src_b="y", c="z")) == first
    others = [
        files("3", src_a="x", src_b="y", c="z "),
        files("4", src_a="x", b="y", c="z"),
        files("5", src_a="x", src_b="y"),
        files("6", src_a="xy", src_b="", c="z"),
        [],
    ]
    assert len({first, *(digest(other) for other in others)}) == 6


def test_a_digest_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert digest([tmp_path / "pipe.py"]) != digest([tmp_path / "gone.py"])


# The record


RUN: Run = {
    "target": "recurrent",
    "target_digest": "",
    "seed": "autumn",
    "isolation": "full",
    "coursekit": "1",
    "torch": "2",
    "python": "3",
    "started": "2026-11-21T10:00:00+00:00",
}


def row(name: str, score: float = 0.0) -> Row:
    prepared = Prepared("full", "recurrent", [("recurrent.lstm_gates", 4.0)])
    return batch.ungraded(prepared, Source(name, ()), "Ü\n") | {"score": score}  # type: ignore[return-value]


@given(place=st.floats(0, 1))
def test_a_record_cut_anywhere_loses_the_cut_line_only(
    place: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    with open_record(folder) as record:
        record.begin(RUN)
        for name in "abc":
            record.add(row(name))
    whole = (folder / "record.jsonl").read_bytes()
    cut = round(place * len(whole))
    (folder / "record.jsonl").write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    with open_record(folder) as record:
        assert (record.run is None) == (kept == 0)
        assert list(record.rows) == list("abc")[: max(0, kept - 1)]
        if record.run is None:
            record.begin(RUN)
        for name in "abc"[len(record.rows) :]:
            record.add(row(name))
    run, rows = read_record(folder / "record.jsonl")
    assert run == RUN and [one["submission"] for one in rows] == list("abc")
    assert len(lines_of(folder / "record.jsonl")) == 4


def test_the_last_row_of_a_submission_counts(tmp_path: Path) -> None:
    with open_record(tmp_path) as record:
        record.begin(RUN)
        for one in (row("a", 1.0), row("b", 2.0), row("a", 3.0)):
            record.add(one)
    scores = {one["submission"]: one["score"] for one in read_record(tmp_path / "record.jsonl")[1]}
    assert scores == {"a": 3.0, "b": 2.0}


def test_a_row_is_on_the_disk_when_it_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    with open_record(tmp_path) as record:
        record.begin(RUN)
        record.add(row("a"))
        assert synced == [len(lines_of(record.path)[0]), record.path.stat().st_size]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"notes\n", "line 1 of .* is not a record of graded submissions: choose another --out folder"),
        (json.dumps(RUN).encode() + b"\n[]\n", "line 2 of .* is not a row"),
    ],
)
def test_a_file_that_is_no_record_stays_as_it_is(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "record.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=sentence), open_record(tmp_path):
        pass
    assert (tmp_path / "record.jsonl").read_bytes() == content


def test_a_record_takes_one_run_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw.py").write_text("")
    with open_record(tmp_path / "out"):
        assert grade_command("recurrent", [tmp_path / "hw.py"], out=tmp_path / "out") == 2
    assert "another run is writing to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "call", "sentence"),
    [
        (
            {"target": "word2vec"},
            {},
            "is the record of a run of word2vec; for recurrent, choose another --out",
        ),
        ({}, {"seed": "spring"}, "of a run with --seed autumn; for --seed spring, choose"),
        ({"coursekit": "0.0.1"}, {}, "of a run with another version of coursekit; choose another --out"),
        ({"cores": 2}, {}, "of a run with another version of coursekit; choose another --out"),
        ({"torch": "1.0"}, {}, "of a run with torch 1.0; for torch "),
        ({"target": "own.py", "target_digest": "1"}, {"target": "own.py"}, "of own.py as it was before; for"),
    ],
)
def test_another_runs_record_is_refused(
    change: dict, call: dict, sentence: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text("")
    here = {"coursekit": command.coursekit.__version__, "torch": command.torch_version()}
    with open_record(tmp_path / "out") as record:
        record.begin(RUN | here | change)  # type: ignore[arg-type]
    before = (tmp_path / "out" / "record.jsonl").read_bytes()
    call = {"target": "recurrent"} | call
    assert grade_command(call.pop("target"), [Path("own.py")], out=tmp_path / "out", **call) == 2
    said = capsys.readouterr()
    assert sentence in said.err and said.err.count("\n") == 1 and said.out == ""
    assert (tmp_path / "out" / "record.jsonl").read_bytes() == before


def test_a_record_goes_on_with_its_own_seed(tmp_path: Path) -> None:
    here = {"coursekit": command.coursekit.__version__, "torch": command.torch_version() + "+build"}
    with open_record(tmp_path) as record:
        fresh = {command.seed_to_use(record, "recurrent", seed) for seed in (None, None, "spring")}
        assert len(fresh) == 3 and "spring" in fresh
        record.begin(RUN | here)  # type: ignore[arg-type]
        assert {command.seed_to_use(record, "recurrent", seed) for seed in (None, "autumn")} == {"autumn"}


# Runs that are stopped, and go on


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for everything temporary, to be empty again in the end."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT], ids=lambda stop: stop.name)
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, scratch: Path, stop: signal.Signals) -> None:
    submissions, out = slow_class(tmp_path / "class", 6, 0.4), tmp_path / "out"
    call = [*COMMAND, str(submissions), "--out", str(out), TRUSTED]
    first = subprocess.Popen(
        [*call, "--jobs", "2"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    record = out / "record.jsonl"
    wait_for_lines(record, 3, first)
    started = [child.pid for child in psutil.Process(first.pid).children(recursive=True)]
    first.send_signal(stop)
    said = first.communicate()[1]
    before = record.read_bytes()
    count = before.count(b"\n") - 1
    assert 2 <= count < 6
    if stop == signal.SIGINT:
        assert first.returncode == 130
        assert f"stopped after {count} of 6 submissions; the same command goes on from there" in said
    assert started and gone(started)
    assert list(scratch.iterdir()) == []
    with record.open("ab") as file:  # as if it had been killed while it wrote a row
        file.write(before.splitlines()[-1][:50])

    second = subprocess.run(call, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    after = record.read_bytes()
    assert after.startswith(before)
    names = [json.loads(line)["submission"] for line in after.splitlines()[1:]]
    assert sorted(names) == [f"s{number}.py" for number in range(6)]
    seed = json.loads(after.splitlines()[0])["seed"]
    assert f"6 submissions ({count} from the record), isolation " in second.stdout
    assert f"--seed {seed}" in second.stdout


def test_only_what_has_changed_is_graded_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    submissions, out = slow_class(tmp_path / "class", 2, 0), tmp_path / "out"
    asked: list[str] = []
    grade = Batch.grade

    def grade_and_tell(self: Batch, sources: list[Source]) -> Iterator[Row]:
        asked.extend(source.name for source in sources)
        return grade(self, sources)

    monkeypatch.setattr(Batch, "grade", grade_and_tell)

    def run() -> list[str]:
        asked.clear()
        assert (
            grade_command("recurrent.lstm_gates", [submissions], out=out, allow_reduced_isolation=True) == 0
        )
        return list(asked)

    assert run() == ["s0.py", "s1.py"]
    (submissions / "s1.py").write_text("def lstm_gates(*arguments):\n    return 1\n")
    (submissions / "s2.py").write_text("")
    assert run() == ["s1.py", "s2.py"]
    statuses = {
        one["submission"]: one["questions"][0]["status"] for one in read_record(out / "record.jsonl")[1]
    }
    assert statuses == {"s0.py": "not_attempted", "s1.py": "failed", "s2.py": "missing"}
    (out / "results.json").unlink()
    monkeypatch.setattr(Batch, "__init__", None)  # nothing left to grade: no judge is started
    assert run() == []
    assert len(json.loads((out / "results.json").read_text())) == 3


# Judges that end


ORDER = Order("recurrent.lstm_gates", "autumn", allow_reduced=True)


def graded(judges: Batch, sources: list[Source]) -> dict[str, tuple[str, str]]:
    rows = {one["submission"]: one["questions"][0] for one in judges.grade(sources)}
    return {name: (question["status"], question["message"]) for name, question in rows.items()}


def test_a_judge_that_is_killed_costs_one_submission_and_is_replaced(tmp_path: Path, scratch: Path) -> None:
    slow, quick = slow_class(tmp_path / "slow", 1, 5), slow_class(tmp_path / "quick", 2, 0)
    with Batch(ORDER, 1) as judges:
        judges.prepared()
        (judge,) = (
            child
            for child in psutil.Process().children()
            if "coursekit.grade.job" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE
        )
        rows = judges.grade([*find_sources([slow]), *find_sources([quick])])
        (worker,) = judge.children()
        time.sleep(1.0)
        judge.kill()
        told = [(one["submission"], one["score"], one["questions"][0]["message"]) for one in rows]
    assert told[0] == (
        "s0.py",
        0.0,
        "The grader's own process ended while it was at this submission (SIGKILL).",
    )
    assert [name for name, _, message in told[1:] if not message.startswith("The grader")] == [
        "s0.py",
        "s1.py",
    ]
    assert gone([worker.pid]) and list(scratch.iterdir()) == []


def test_a_judge_that_hangs_costs_one_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "JOB_SECONDS", 1.5)
    (tmp_path / "a.py").write_text(SLOW.format(seconds=8))
    (tmp_path / "b.py").write_text(SLOW.format(seconds=0))
    with Batch(ORDER, 1) as judges:
        judges.prepared()
        told = graded(judges, find_sources([tmp_path]))
    assert told["a.py"] == ("error", "The grader took more than 2 s to read or judge this submission.")
    assert told["b.py"][0] == "not_attempted"


def test_a_judge_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "torch.py").write_text("raise ImportError('no torch today')")
    # the judge or its worker, whichever comes to it first
    with Batch(ORDER, 1) as judges, pytest.raises((OSError, ValueError), match="no torch today"):
        judges.prepared()


def test_several_judges_share_the_work(tmp_path: Path) -> None:
    sources = find_sources([slow_class(tmp_path / "class", 6, 1)])
    with Batch(ORDER, 3) as judges:
        judges.prepared()
        rows = list(judges.grade(sources))
        alive = [child for child in psutil.Process().children() if "coursekit.grade.job" in child.cmdline()]
    assert sorted(one["submission"] for one in rows) == [source.name for source in sources]
    assert len(alive) > 1
    assert gone([child.pid for child in alive], 0)


def test_the_command_itself_loads_no_torch() -> None:
    program = "import coursekit.grade.command, sys; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"


# Duplicates


ANSWER = """\
def lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    size, gates = h.shape[1], []
    for k in range(4):
        rows = slice(k * size, (k + 1) * size)
        gates.append(x @ weight_ih[rows].T + bias_ih[rows] + h @ weight_hh[rows].T + bias_hh[rows])
    return gates[0].sigmoid(), gates[1].sigmoid(), gates[2].tanh(), gates[3].sigmoid()
"""


def test_submissions_that_look_alike_are_listed(tmp_path: Path) -> None:
    texts = {
        "=ada.py": ANSWER,
        "bob.py": "# my own work\n" + ANSWER.replace("rows", "part").replace("gates", "found"),
        "cyd.py": "def lstm_gates(*arguments):\n    return sum(arguments) * 2\n",
        "dan.py": "def lstm_gates(:\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    said = duplicates.write_duplicates(tmp_path, find_sources([tmp_path]), 1)
    assert said.startswith(f"1 pair of submissions looks alike: {tmp_path / 'duplicates.csv'} lists what")
    with (tmp_path / "duplicates.csv").open(newline="") as file:
        (pair,) = csv.DictReader(file)
    assert (pair["first"], pair["second"]) == ("'=ada.py", "bob.py")  # no formula
    assert float(pair["similarity"]) > 0.9 and pair["same_text"] == "False"


def test_a_reader_that_ends_costs_the_list_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "fingerprints_of", os._exit)
    status: Any = 3  # instead of files
    assert duplicates.write_duplicates(tmp_path, [Source("hw.py", status)], 1) == (
        "duplicates.csv could not be made: a process that read the submissions ended."
    )
    assert list(tmp_path.iterdir()) == []


# Progress


def test_where_no_terminal_is_a_line_now_and_then_tells_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(command.time, "monotonic", lambda: now)
    with command.progress(100) as advance:
        for _ in range(25):
            now += 1.0
            advance()
    assert capsys.readouterr().err.splitlines() == [
        "10 of 100 graded, 1.0 a second, 90 s left",
        "20 of 100 graded, 1.0 a second, 80 s left",
    ]
