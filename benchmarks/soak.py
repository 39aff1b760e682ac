"""Ten thousand submissions in one run of `coursekit grade`: does it stay as fast, as small and as tidy?

Writes coursekit/records/soak.json. While the command runs, the memory and the open descriptors of its three
kinds of process are read every second; afterwards every row must say what its submission deserves, no
process may be left, and no file.

    python benchmarks/soak.py --count 500 --jobs 2 --out /tmp/soak.json     to see that it works
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import psutil

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "soak.json"
TARGET = "recurrent.lstm_cell"
LOOK_SECONDS = 1.0
SETTLED = 0.2  # memory is followed from this share of the run on: caches fill first

RIGHT = """\
import torch


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c
"""


def instead(body: str) -> str:
    return f"import os\n\n\ndef lstm_cell(*arguments):\n    {body}\n"


class Kind(NamedTuple):
    """A kind of submission, how many of a hundred are of it, and the status it deserves."""

    name: str
    share: int
    status: str
    text: str


KINDS = (
    Kind("right", 45, "passed", RIGHT),
    Kind("no tanh of the cell", 10, "failed", RIGHT.replace("c.tanh()", "c")),
    Kind("one bias", 10, "failed", RIGHT.replace(" + bias_hh", "")),
    Kind("gates in another order", 5, "failed", RIGHT.replace("i, f, g, o", "f, i, g, o")),
    Kind("raises", 5, "error", RIGHT.replace("weight_hh.T", "weight_hh")),
    Kind("not begun", 5, "not_attempted", instead("raise NotImplementedError")),
    Kind("another function", 3, "missing", "def lstm(x):\n    return x\n"),
    Kind("no Python", 3, "error", "def lstm_cell(:\n"),
    Kind("no text", 2, "error", "\ud800"),  # written as bytes that are no UTF-8
    Kind("the library's", 2, "flagged", RIGHT.replace("return ", "torch.nn.LSTMCell(1, 1)\n    return ")),
    Kind("leaves", 2, "error", instead("os._exit(0)")),
    Kind("crashes", 2, "error", instead("os.kill(os.getpid(), 11)")),
    Kind("starts processes", 2, "error", instead("os.fork()")),
    Kind("eats memory", 1, "error", instead("bytearray(2**33)")),
    Kind("prints without end", 1, "failed", instead("print('x' * 10**7)")),
    Kind("writes files", 2, "failed", instead("open('left', 'w').write('x' * 10**6)")),
)


def write_class(folder: Path, count: int) -> dict[str, Kind]:
    """Submissions of all kinds, no two the same, every second a notebook; by name."""
    folder.mkdir()
    kinds = [kind for kind in KINDS for _ in range(kind.share)]
    submissions = {}
    for number in range(count):
        kind = kinds[number * 37 % len(kinds)]  # 37 and 100 have no common divisor: the kinds are mixed
        text = f"# student {number}\n{kind.text}"
        name = f"s{number:05}.py"
        if number % 2 and kind.name not in ("no Python", "no text"):
            name = f"s{number:05}.ipynb"
            text = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)]))
        (folder / name).write_bytes(text.encode("utf8", "surrogatepass"))
        submissions[name] = kind
    return submissions


class Look(NamedTuple):
    """One look at the running command: per kind of process, means over those there are."""

    done: int
    seconds: float
    megabytes: dict[str, float]
    descriptors: dict[str, float]


def role(process: psutil.Process) -> str:
    line = process.cmdline()
    if "coursekit.grade.job" in line:
        return "judge"
    parent = process.parent()
    if "coursekit.grade.worker" in line and parent and "coursekit.grade.job" in parent.cmdline():
        return "worker"
    return ""


def look(command: psutil.Process, done: int, seconds: float, seen: set[psutil.Process]) -> Look:
    found: dict[str, list[tuple[float, float]]] = {"command": [(size(command), command.num_fds())]}
    for process in command.children(recursive=True):
        try:
            name = role(process)
            if name:
                seen.add(process)
                found.setdefault(name, []).append((size(process), process.num_fds()))
        except psutil.Error:  # it has ended meanwhile
            continue
    megabytes = {name: statistics.fmean(mb for mb, _ in values) for name, values in found.items()}
    descriptors = {name: statistics.fmean(count for _, count in values) for name, values in found.items()}
    return Look(done, seconds, megabytes, descriptors)


def size(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def growth(looks: list[Look], name: str) -> dict[str, float]:
    """Memory and descriptors of one kind of process, from when it has settled to the end."""
    settled = [one for one in looks if one.done >= SETTLED * looks[-1].done and name in one.megabytes]
    done = [one.done / 1000 for one in settled]
    memory = [one.megabytes[name] for one in settled]
    slope = statistics.linear_regression(done, memory).slope if len(set(done)) > 1 else 0.0
    return {
        "first_mb": round(memory[0], 1),
        "last_mb": round(memory[-1], 1),
        "most_mb": round(max(memory), 1),
        "mb_per_1000": round(slope, 3),
        "first_descriptors": round(settled[0].descriptors[name], 1),
        "most_descriptors": round(max(one.descriptors[name] for one in settled), 1),
    }


def soak(count: int, jobs: int, folder: Path) -> dict[str, Any]:
    submissions = write_class(folder / "class", count)
    scratch, out = folder / "tmp", folder / "out"
    scratch.mkdir()
    call = [sys.executable, "-c", "from coursekit.cli import main; main()", "grade", TARGET]
    call += [str(folder / "class"), "--out", str(out), "--jobs", str(jobs), "--seed", "soak"]
    call += ["--format", "json", "--allow-reduced-isolation"]
    begun = time.monotonic()
    looks: list[Look] = []
    seen: set[psutil.Process] = set()
    first = 0.0
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(call, stdout=said, stderr=said, env=os.environ | {"TMPDIR": str(scratch)})
        command = psutil.Process(process.pid)
        while process.poll() is None:
            done = lines_in(out / "record.jsonl") - 1
            seconds = time.monotonic() - begun
            first = first or (seconds if done > 0 else 0.0)
            if done > 0 and (not looks or seconds - looks[-1].seconds >= LOOK_SECONDS):
                looks.append(look(command, done, seconds, seen))
            time.sleep(0.02 if done <= 0 else LOOK_SECONDS)
    if process.returncode:
        sys.exit(f"soak: the command failed: {(folder / 'said').read_text()[-2000:]}")
    run, *rows = (json.loads(line) for line in (out / "record.jsonl").read_text("utf8").splitlines())
    statuses = {row["submission"]: row["questions"][0]["status"] for row in rows}
    unexpected = Counter(
        f"{kind.name}: {statuses.get(name)}"
        for name, kind in submissions.items()
        if statuses.get(name) != kind.status
    )
    looks = [one for one in looks if one.done < count]  # then come the reports
    last = looks[-1]
    between = [(b.done - a.done) / (b.seconds - a.seconds) for a, b in zip(looks, looks[1:], strict=False)]
    tenth = max(1, len(between) // 10)
    return {
        "what": f"one run of coursekit grade on {TARGET}, submissions of {len(KINDS)} kinds mixed",
        "count": count,
        "jobs": jobs,
        "isolation": run["isolation"],
        "kinds": {kind.name: kind.share for kind in KINDS},
        "rows": len(rows),
        "unexpected": dict(unexpected),
        "first_result_seconds": round(first, 2),
        "per_second": round((last.done - looks[0].done) / (last.seconds - looks[0].seconds), 2),
        "per_second_first_tenth": round(statistics.fmean(between[:tenth]), 2),
        "per_second_last_tenth": round(statistics.fmean(between[-tenth:]), 2),
        "processes": {name: growth(looks, name) for name in ("command", "judge", "worker")},
        "judges_and_workers_started": len(seen),
        "processes_left": sum(one.is_running() for one in seen),
        "files_left": len(list(scratch.iterdir())),
        "record_bytes_per_submission": round((out / "record.jsonl").stat().st_size / count),
        "device": f"CPU, {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": metadata.version("torch")},
        "seconds": round(time.monotonic() - begun),
    }


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="submissions")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=RECORD)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        record = soak(arguments.count, arguments.jobs, Path(folder))
    arguments.out.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(json.dumps(record, indent=1))
    if record["unexpected"] or record["processes_left"] or record["files_left"]:
        sys.exit("soak: not all is as it should be")


if __name__ == "__main__":
    main()
