"""The same judges on Dask workers: a scheduler and workers of its own, on this machine's loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from coursekit.grade import cluster
from coursekit.grade.batch import Order
from coursekit.grade.command import grade_command

COMMAND = [sys.executable, "-c", "from coursekit.cli import main; main()", "grade"]
LOOPBACK = ["--host", "127.0.0.1", "--no-dashboard"]
SLOW = "def lstm_gates(*arguments):\n    import time\n    time.sleep(0.5)\n    raise NotImplementedError\n"
BY_THE_LIBRARY = (
    "import torch\n\n\ndef lstm_cell(x, h, c, *p):\n"
    "    return torch.nn.LSTMCell(x.shape[1], h.shape[1])(x, (h, c))\n"
)


@contextmanager
def running(program: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Dask scheduler or worker, ended with all it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{program}", *LOOPBACK, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """The address of a scheduler without workers."""
    file = folder / "scheduler.json"
    with running("scheduler", "--port", "0", "--scheduler-file", str(file)) as process:
        end = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"]


@contextmanager
def dask_worker(address: str) -> Iterator[psutil.Process]:
    with running("worker", address, "--nthreads", "1", "--no-nanny") as process:
        yield psutil.Process(process.pid)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler with two workers."""
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path_factory.mktemp("dask")))
        for _ in range(2):
            stack.enter_context(dask_worker(address))
        yield address


def judges() -> set[int]:
    """The judge processes of Dask workers that belong to this test run."""
    return {
        process.pid
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and "coursekit.grade.job" in process.cmdline()
    }


def test_the_rows_are_those_of_a_run_on_this_machine(
    address: str, tmp_path: Path, reference_code: str
) -> None:
    files = {
        "ada.py": reference_code,
        "bob.py": reference_code.replace("return o * c.tanh(), c", "return o * c, c"),
        "cyd.ipynb": "{oops",
        "dan/a.py": reference_code,
        "dan/src/b.py": BY_THE_LIBRARY,
        "eve.py": "",
        "fay.py": "def lstm_gates(*arguments):\n    import os\n    os._exit(3)\n",
    }
    for name, text in files.items():
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
    (tmp_path / "class" / "nobody").mkdir()
    call = [*COMMAND, "recurrent.lstm", "class", "--seed", "autumn", "--format", "json"]
    call.append("--allow-reduced-isolation")
    rows = []
    for name, options in [("here", ["--jobs", "2"]), ("there", ["--cluster", address])]:
        done = subprocess.run([*call, "--out", name, *options], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        record = (tmp_path / name / "record.jsonl").read_text().splitlines()
        rows.append(sorted((json.loads(line) for line in record[1:]), key=lambda row: row["submission"]))
        for row in rows[-1]:
            del row["seconds"], row["finished"]
    here, there = rows
    assert len(here) == 7 and there == here
    assert judges() == set()  # those of the workers ended with the run


def test_the_submissions_of_a_worker_that_dies_go_to_another(address: str, tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    for number in range(12):
        (tmp_path / "class" / f"s{number}.py").write_text(SLOW)
    record = tmp_path / "out" / "record.jsonl"
    call = [*COMMAND, "recurrent.lstm_gates", "class", "--out", "out", "--allow-reduced-isolation"]
    with dask_worker(address) as unlucky:
        run = subprocess.Popen(
            [*call, "--cluster", address],
            cwd=tmp_path,
            text=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        end = time.monotonic() + 120
        while not record.exists() or record.read_bytes().count(b"\n") < 4 or not unlucky.children():
            assert run.poll() is None and time.monotonic() < end, run.communicate()
            time.sleep(0.02)
        orphans = unlucky.children(recursive=True)
        unlucky.kill()
        said = run.communicate()[1]
    assert run.returncode == 0, said
    rows = [json.loads(line) for line in record.read_text().splitlines()[1:]]
    assert sorted(row["submission"] for row in rows) == sorted(f"s{number}.py" for number in range(12))
    assert {row["questions"][0]["status"] for row in rows} == {"not_attempted"}
    assert psutil.wait_procs(orphans, timeout=20)[1] == []


def test_what_the_judges_refuse_is_a_wrong_call(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hw.py").write_text("")
    call = [*COMMAND, "nothing", "hw.py", "--cluster", address, "--allow-reduced-isolation"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "'nothing'" in done.stderr


def test_an_instructors_file_travels_with_the_submissions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "Job", lambda order: order)
    order = Order("/home/me/own.py", "autumn", allow_reduced=False)
    desk = cluster.Desk(order, b"EXERCISES = ()")
    with desk.job() as there:
        assert there.target != order.target and Path(there.target).name == "own.py"
        assert Path(there.target).read_bytes() == b"EXERCISES = ()"
    desk._jobs.clear()
    desk.close()
    assert not Path(there.target).exists()


# Clusters that cannot be used


def refused(address: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    (tmp_path / "hw.py").write_text("")
    program = f"from coursekit.grade import cluster; cluster.CONNECT_SECONDS = 1.0; {COMMAND[2]}"
    call = [sys.executable, "-c", program, "grade", "recurrent", "hw.py", "--cluster", address]
    return subprocess.run(call, cwd=tmp_path, capture_output=True, text=True)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "carrier-pigeon://127.0.0.1:1"])
def test_no_scheduler_is_a_wrong_call(address: str, tmp_path: Path) -> None:
    done = refused(address, tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"coursekit: no Dask scheduler answers at {address} (")
    assert done.stderr.count("\n") == 1


def test_a_scheduler_without_workers_is_a_wrong_call(tmp_path: Path) -> None:
    with scheduler(tmp_path) as address:
        done = refused(address, tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"coursekit: the Dask scheduler at {address} has no workers: start some with dask worker\n"
    )


def test_without_dask_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hw.py").write_text("")
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "coursekit.grade.cluster")
    assert grade_command("recurrent", [tmp_path / "hw.py"], cluster="tcp://127.0.0.1:1") == 2
    assert capsys.readouterr().err == (
        "coursekit: --cluster needs Dask, here and on its workers: pip install distributed\n"
    )


@pytest.mark.parametrize(
    ("package", "there", "sentence"),
    [
        ("coursekit", "0.0.1", "the Dask worker tcp://w has coursekit 0.0.1; this machine has "),
        ("torch", "1.0+cu11", "the Dask worker tcp://w has torch 1.0.cu11; this machine has "),
        ("torch", ModuleNotFoundError("torch"), "torch is not installed on the Dask worker tcp://w"),
    ],
)
def test_workers_with_other_versions_are_refused(package: str, there: object, sentence: str) -> None:
    class Client:
        def run(self, version: object, name: str, on_error: str) -> dict[str, object]:
            return {"tcp://w": there if name == package else cluster.metadata.version(name) + "+other"}

    with pytest.raises(ValueError, match=sentence):
        cluster.check_versions(Client())
