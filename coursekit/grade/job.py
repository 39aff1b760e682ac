"""One judge at work: `python -m coursekit.grade.job FOLDER`, a process for itself, started by `batch.py`.

It reads lines of JSON on its standard input: first the `Order`, then one submission after the other. It
answers each with one line: `Prepared` once it can begin, then rows. When its input ends, it ends.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from coursekit.grade.process import Worker
from coursekit.grade.sources import Source

if TYPE_CHECKING:
    from coursekit.grade.exam import Exam
    from coursekit.grade.exercise import Exercise

IDLE_SECONDS = 600.0
MISSING = {
    "reduced": "the system allows no namespaces, so they see that other processes run and cannot write files",
    "limits-only": "their time, memory and output are limited, but they can reach files and the network",
}


@contextmanager
def prepared(prepare: Callable[[], Sequence[Exam]]) -> Iterator[tuple[Worker, Sequence[Exam]]]:
    """A worker and the exams, made at the same time: both begin with a second of `import torch`."""
    with ThreadPoolExecutor(1) as pool:
        exams = pool.submit(prepare)
        with Worker() as worker:  # in this thread: a worker ends with the thread that started it
            yield worker, exams.result()


def exams_of(target: str, key: str) -> list[Exam]:
    """The exams of a unit or exercise; ValueError for an unknown one."""
    from coursekit.grade.exercises import select

    return make_exams(select(target), key)


def make_exams(exercises: Sequence[Exercise], key: str) -> list[Exam]:
    import torch

    from coursekit.grade.exam import make_exam

    torch.set_num_threads(1)
    return [make_exam(exercise, key) for exercise in exercises]


def check_level(level: str, allow_reduced: bool) -> None:
    """Refuse a machine on which submissions cannot be locked in completely, unless that was asked for."""
    if level != "full" and not allow_reduced:
        raise ValueError(
            f"the isolation of submissions is {level} here: {MISSING[level]}; "
            "if you trust them that far, add --allow-reduced-isolation"
        )


def main() -> None:
    """With a folder as argument, which holds everything temporary and is gone in the end."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # whatever prints must not end up between the rows
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())  # through the end of every `with`
    tempfile.tempdir = sys.argv[1]
    try:
        work(json.loads(requests.readline()), requests, replies)
    except (ValueError, OSError) as error:
        answer(replies, {"refused": str(error)})
    finally:
        shutil.rmtree(sys.argv[1], ignore_errors=True)


def work(order: dict[str, Any], requests: IO[bytes], replies: IO[bytes]) -> None:
    with prepared(lambda: exams_of(order["target"], order["seed"])) as (worker, exams):
        from coursekit.grade.grading import grade_to_row  # only now: it needs torch

        check_level(worker.level, order["allow_reduced"])
        exercises = [exam.exercise for exam in exams]
        answer(
            replies,
            {
                "level": worker.level,
                "unit": exercises[0].unit,
                "questions": [[exercise.id, exercise.max_score] for exercise in exercises],
            },
        )
        while line := next_line(requests):
            name, files = json.loads(line)
            answer(replies, grade_to_row(worker, exams, Source(name, tuple(map(Path, files)))))


def next_line(requests: IO[bytes]) -> bytes:
    """The next request; b"" at the end, or if none comes for so long that nobody is likely to care.

    None can be in the buffer: the next one is sent after this one was answered.
    """
    ready, _, _ = select.select([requests], [], [], IDLE_SECONDS)
    return requests.readline() if ready else b""


def answer(replies: IO[bytes], content: Any) -> None:
    replies.write(json.dumps(content).encode() + b"\n")
    replies.flush()


if __name__ == "__main__":
    main()
