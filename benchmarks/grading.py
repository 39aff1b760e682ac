"""Seconds per submission of the recurrent homework: `coursekit grade`, nbgrader, Otter, and plain pytest.

Writes coursekit/records/grading.json. About ten minutes. Every tool gets the same functions, every second
submission with a known mistake in it, and has one core to itself; the tools take turns, and quoted is the
median over the rounds.

    python benchmarks/grading.py --rounds 1 --submissions 20 --others 2     to see that it works
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import nbformat

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "coursekit" / "records" / "grading.json"
sys.path[:0] = [str(ROOT / "tests" / "grade"), str(ROOT / "tests" / "grade" / "release")]

from environments import environment, nbgrader_python, otter_python  # noqa: E402
from students import Answers, answers_in, filled, write  # noqa: E402

from coursekit.grade.exercises import select  # noqa: E402
from coursekit.grade.release.command import Format, release_command  # noqa: E402

UNIT = "recurrent"
TARGET = "recurrent.lstm"  # of the unit, three functions
ALONE = "recurrent.lstm_cell"
MISTAKE = ("return o * c.tanh(), c", "return o * c, c")
POLL_SECONDS = 0.005
PYTEST = """\
import pytest
import {unit}
from coursekit.grade import require

@pytest.mark.parametrize("seed", (0, 1))
@pytest.mark.parametrize("name", {names})
def test_function(name, seed):
    require(getattr({unit}, name), seed=seed)
"""


SCORES = f"""\
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as book:
    print([submission.score for submission in book.assignment_submissions("{UNIT}")])
"""


class Timing(NamedTuple):
    """One round of one tool."""

    per_submission: float  # seconds from one result to the next
    first: float  # seconds from the start to the first result
    note: str = ""  # what the tool says about itself, e.g. how far it isolates


class Tool(NamedTuple):
    name: str
    version: str
    submissions: int
    once: Callable[[], Timing]


# The same submissions for all


def released(folder: Path, form: Format) -> Path:
    with contextlib.redirect_stdout(io.StringIO()):
        status = release_command(TARGET, form, folder / form)
    if status:
        sys.exit(f"grading: could not release {TARGET} for {form}")
    return folder / form


def submissions(handed_out: Path, right: Answers, paths: Iterable[Path]) -> None:
    """Write a student's notebook to each path."""
    notebook = nbformat.read(handed_out, as_version=4)
    wrong = right | {"lstm_cell": right["lstm_cell"].replace(*MISTAKE)}
    assert wrong != right
    for number, path in enumerate(paths):
        write(filled(notebook, wrong if number % 2 else right), path)


# The tools, each in a folder of its own. What is prepared once is not timed.


def coursekit_rounds(folder: Path, right: Answers, number: int, target: str = TARGET) -> Callable[[], Timing]:
    handed_out = released(folder, "plain") / "student" / f"{UNIT}.ipynb"
    handed_in = [folder / "in" / f"student-{k:04d}.ipynb" for k in range(number)]
    submissions(handed_out, right, handed_in)
    out = folder / "out"
    record = out / "record.jsonl"
    script = "from coursekit.cli import main; main()"
    options = ["--out", str(out), "--format", "json", "--allow-reduced-isolation"]
    command = [sys.executable, "-c", script, "grade", target, str(folder / "in"), *options]

    def once() -> Timing:
        shutil.rmtree(out, ignore_errors=True)
        variables = dict(os.environ) | {"OMP_NUM_THREADS": "1"}
        moments = watched(command, folder, variables, lambda: rows_in(record), number)
        rows = [json.loads(line) for line in record.read_text("utf8").splitlines()[1:]]
        check_scores([row["score"] for row in rows], target)
        return between(moments, ", ".join(sorted({row["isolation"] for row in rows})))

    return once


def nbgrader_rounds(folder: Path, right: Answers, number: int) -> Callable[[], Timing]:
    course = released(folder, "nbgrader")
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
    python = nbgrader_python()
    variables = environment(python, folder)
    nbgrader = str(python.with_name("nbgrader"))
    finish([nbgrader, "generate_assignment", UNIT, "--create"], course, variables)
    notebook = f"{UNIT}/{UNIT}.ipynb"
    students = [f"student-{k:04d}" for k in range(number)]
    handed_in = [course / "submitted" / student / notebook for student in students]
    submissions(course / "release" / notebook, right, handed_in)
    results = [course / "autograded" / student / notebook for student in students]

    def once() -> Timing:
        shutil.rmtree(course / "autograded", ignore_errors=True)
        begun = time.time()
        finish([nbgrader, "autograde", UNIT, "--force"], course, variables)
        moments = sorted(path.stat().st_mtime - begun for path in results)  # of the last change to each
        said = subprocess.run([python, "-c", SCORES], cwd=course, capture_output=True, text=True, check=True)
        check_scores(json.loads(said.stdout))
        return between(moments)

    return once


def otter_rounds(folder: Path, right: Answers, number: int) -> Callable[[], Timing]:
    master = released(folder, "otter") / UNIT
    python = otter_python()
    variables = environment(python, folder)
    otter = str(python.with_name("otter"))
    finish([otter, "assign", f"{UNIT}.ipynb", "dist"], master, variables)
    (zipped,) = (master / "dist" / "autograder").glob("*.zip")
    handed_in = [folder / f"student-{k:04d}.ipynb" for k in range(number)]
    submissions(master / "dist" / "student" / f"{UNIT}.ipynb", right, handed_in)
    for path in handed_in:
        path.with_suffix("").mkdir()
    run = [otter, "run", "--autograder", str(zipped), "--no-logo"]

    def once() -> Timing:
        outs = [path.with_suffix("") for path in handed_in]
        calls = [
            [*run, "--output-dir", out.name, path.name] for path, out in zip(handed_in, outs, strict=True)
        ]
        timing = one_by_one([(call, folder) for call in calls], variables)
        results = [json.loads((out / "results.json").read_text("utf8"))["tests"] for out in outs]
        check_scores([sum(test.get("score", 0) for test in tests) for tests in results])
        return timing

    return once


def pytest_rounds(folder: Path, right: Answers, number: int) -> Callable[[], Timing]:
    handed_out = released(folder, "plain") / "student" / f"{UNIT}.ipynb"
    homes = [folder / f"student-{k:04d}" for k in range(number)]
    submissions(handed_out, right, [home / "notebook.ipynb" for home in homes])
    for home in homes:
        cells = nbformat.read(home / "notebook.ipynb", as_version=4).cells
        code = [cell.source for cell in cells if cell.cell_type == "code"]
        kept = [source for source in code if not source.startswith(("check(", "# For Colab"))]
        (home / f"{UNIT}.py").write_text("\n\n".join(kept) + "\n")
        (home / "test_it.py").write_text(PYTEST.format(unit=UNIT, names=sorted(right)))
    variables = dict(os.environ) | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    def once() -> Timing:
        return one_by_one([(run, home) for home in homes], variables, ends=[0, 1])

    return once


# Running and timing


def watched(
    command: list[str], folder: Path, variables: dict[str, str], results: Callable[[], int], number: int
) -> list[float]:
    """Run a command and note when the first, the second, ... result was there, in seconds from the start."""
    moments: list[float] = []
    with tempfile.TemporaryFile("w+") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(pinned(command), cwd=folder, env=variables, stdout=log, stderr=log)
        while len(moments) < number and process.poll() is None:
            time.sleep(POLL_SECONDS)
            moments += [time.perf_counter() - begun] * (results() - len(moments))
        if process.wait() or len(moments) < number:
            log.seek(0)
            sys.exit(f"grading: {' '.join(command)} failed\n{log.read()}")
    return moments


def pinned(command: list[str]) -> list[str]:
    """The command held to one core, where the system can do that."""
    taskset = shutil.which("taskset")
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return [taskset, "--cpu-list", str(core), *command] if taskset else command


def finish(command: list[str], folder: Path, variables: dict[str, str], end: int = 0) -> float:
    """The seconds that a command takes; it must end with this exit status."""
    begun = time.perf_counter()
    done = subprocess.run(pinned(command), cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode != end:
        sys.exit(f"grading: {' '.join(command)} failed\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begun


def one_by_one(
    calls: list[tuple[list[str], Path]], variables: dict[str, str], ends: Sequence[int] = (0, 0)
) -> Timing:
    """A tool that is started anew, in a folder, for every submission, first a right one, then a wrong one."""
    seconds = [
        finish(command, folder, variables, ends[number % 2]) for number, (command, folder) in enumerate(calls)
    ]
    return Timing(statistics.mean(seconds), seconds[0])


def between(moments: list[float], note: str = "") -> Timing:
    """A tool that is started once: the time from result to result, apart from the time to the first."""
    return Timing((moments[-1] - moments[0]) / (len(moments) - 1), moments[0], note)


def rows_in(record: Path) -> int:
    """The submissions in a record, whose first line is about the run."""
    return max(0, record.read_bytes().count(b"\n") - 1) if record.exists() else 0


def check_scores(scores: list[float], target: str = TARGET) -> None:
    """A benchmark of wrong results would be worth nothing."""
    full = sum(exercise.max_score for exercise in select(target))
    if sorted(set(scores)) != [full - 1, full]:
        sys.exit(f"grading: expected scores of {full - 1:g} and {full:g}; received {sorted(set(scores))}")


def version_in(python: Path, package: str) -> str:
    script = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def summary(tool: Tool, timings: list[Timing]) -> dict[str, object]:
    each = [timing.per_submission for timing in timings]
    return {
        "tool": tool.name,
        "version": tool.version,
        "submissions": tool.submissions,
        "seconds": round(statistics.median(each), 4),
        "seconds_range": [round(min(each), 4), round(max(each), 4)],
        "first_result": round(statistics.median(timing.first for timing in timings), 2),
        "isolation": timings[0].note or "none",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--submissions", type=int, default=200, help="for coursekit")
    parser.add_argument("--others", type=int, default=6, help="submissions for each of the other tools")
    options = parser.parse_args()
    if min(options.submissions, options.others) < 2 or options.rounds < 1:
        parser.error("needs at least one round and two submissions")
    graded = {exercise.function for exercise in select(TARGET)}
    solved = answers_in(ROOT / "solutions" / f"{UNIT}.md")
    right = {name: source for name, source in solved.items() if name in graded}
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, tool) for tool in ("coursekit", "nbgrader", "otter", "pytest", "alone")]
        for folder in folders:
            folder.mkdir()
        many, few = options.submissions, options.others
        ours, theirs = metadata.version, version_in
        tools = [
            Tool("coursekit grade", ours("coursekit"), many, coursekit_rounds(folders[0], right, many)),
            Tool(
                "nbgrader autograde",
                theirs(nbgrader_python(), "nbgrader"),
                few,
                nbgrader_rounds(folders[1], right, few),
            ),
            Tool(
                "otter run", theirs(otter_python(), "otter-grader"), few, otter_rounds(folders[2], right, few)
            ),
            Tool("pytest in a process", ours("pytest"), few, pytest_rounds(folders[3], right, few)),
            Tool(ALONE, ours("coursekit"), many, coursekit_rounds(folders[4], right, many, ALONE)),
        ]
        timings: list[list[Timing]] = [[] for _ in tools]
        for _ in range(options.rounds):
            for tool, rounds in zip(tools, timings, strict=True):
                rounds.append(tool.once())
                each, first, note = rounds[-1]
                print(f"{tool.name:22s}{each:8.3f} s each{first:8.2f} s to the first  {note}", flush=True)
    record = {
        "what": "seconds per submission of the homework on the LSTM (three functions, 13 points), one core; "
        "median over rounds in which the tools took turns; every second submission has a known mistake",
        "rounds": options.rounds,
        "results": [summary(*pair) for pair in zip(tools[:-1], timings[:-1], strict=True)],
        "alone": summary(tools[-1], timings[-1]),  # one exercise instead of three
        "device": f"CPU, one core, {platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": metadata.version("torch")},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, "written")


if __name__ == "__main__":
    main()
