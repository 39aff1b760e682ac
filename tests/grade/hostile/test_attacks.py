"""Hostile submissions, each between two honest ones: contained, one sentence, no points, nothing left."""

from __future__ import annotations

import compileall
import hashlib
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coursekit.grade import grading
from coursekit.grade.exam import Exam, make_exam
from coursekit.grade.exercises import select
from coursekit.grade.process import Worker
from coursekit.grade.record import Row
from coursekit.grade.sources import Source

from . import attacks
from .attacks import Attack
from .machine import Machine, Servers

ROOT = Path(__file__).resolve().parents[3]
SEED = "hostile"

if sys.platform != "linux":  # elsewhere there are limits only, which tests/grade/test_worker.py covers
    pytest.skip("looks for what is left behind in /proc", allow_module_level=True)


@dataclass
class Bench:
    """A worker, a class of submissions, things worth stealing, and probes that tell who touched them."""

    worker: Worker
    exams: dict[str, list[Exam]]  # by category
    folder: Path
    machine: Machine
    servers: Servers
    values: dict[str, Any]  # for the blanks in the attacks

    def grade(self, name: str, source: str, exams: list[Exam]) -> Row:
        """The row of a submission, graded as `coursekit grade` does it."""
        path = self.folder / "submissions" / name
        path.write_text(source, "utf8")
        return grading.grade_to_row(self.worker, exams, Source(name, (path,)))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    # Bytecode that a test beside this one writes would look like an attack's: here it is written before.
    compileall.compile_dir(ROOT / "coursekit" / "nn", quiet=2)
    folder = tmp_path_factory.mktemp("hostile")
    home, others, results, secret = (folder / name for name in ("home", "submissions", "out", "secret"))
    for path in (home / ".ssh", others, results / "feedback"):
        path.mkdir(parents=True)
    for path in (
        home / ".ssh" / "id_secret",
        home / ".netrc",
        home / ".bashrc",
        results / "record.jsonl",
        secret,
    ):
        path.write_text("secret\n")
    for name in ("results.json", "run.json", "feedback/000-honest.py.txt"):
        (results / name).write_text("secret\n")
    (others / "000-honest.py").write_text(attacks.HONEST.read_text("utf8"), "utf8")
    mark = f"hostile-{os.getpid()}-{random.randrange(10**6)}"
    servers = Servers(mark)
    exams = {
        name: [make_exam(exercise, SEED) for exercise in select(f"recurrent{name}")]
        for name in (".lstm", ".lstm_cell")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("SECRET_TOKEN", "secret")
        with Worker() as worker:
            watched = [home, results, secret, others / "000-honest.py", ROOT / "coursekit" / "nn"]
            machine = Machine(watched, mark)
            yield Bench(
                worker,
                {c: exams[".lstm" if c == "library" else ".lstm_cell"] for c in attacks.CATEGORIES},
                folder,
                machine,
                servers,
                {
                    "CHECKOUT": str(ROOT),
                    "HOME": str(home),
                    "OTHERS": str(others),
                    "RESULTS": str(results),
                    "SECRET": str(secret),
                    "JUDGE": os.getpid(),
                    "PORT": servers.port,
                    "SOCKET": servers.path,
                    "ABSTRACT": servers.abstract,
                    "MARK": mark,
                    "KEY": random.randrange(1, 2**31),
                }
                | secrets_in_memory(exams[".lstm_cell"][0]),
            )
            machine.close()
    servers.close()


def secrets_in_memory(exam: Exam) -> dict[str, Any]:
    """A secret text, the first right answer, and how to recognise them without knowing them."""
    text, own = random.randbytes(24).hex(), random.randbytes(24)
    namespace: dict[str, Any] = {}
    exec(attacks.HONEST.read_text("utf8"), namespace)
    answer = namespace["lstm_cell"](*exam.checks[0].call.arguments)[0].numpy().tobytes()
    wanted = {"text": text.encode(), "answer": answer, "its own": own[::-1]}
    known = [(name, v[:6].hex(), len(v), hashlib.sha256(v).hexdigest()) for name, v in wanted.items()]
    return {"TEXT": text, "OWN_SECRET": own.hex(), "SECRETS": known}


@pytest.mark.parametrize("category", attacks.CATEGORIES)
def test_every_attack_is_contained(
    category: str, bench: Bench, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    exams = bench.exams[category]
    honest = attacks.HONEST.read_text("utf8")
    assert_honest(bench.grade("honest.py", honest, exams))
    for attack in attacks.of(category):
        with subtests.test(attack.name):
            if not attack.applies(bench.worker.level):
                pytest.skip(f"not stopped at the level {bench.worker.level} on this machine")
            with monkeypatch.context() as patch:
                if attack.seconds is not None:
                    patch.setattr(grading, "CHECK_SECONDS", attack.seconds)
                row = bench.grade("attack.py", attack.filled_in(bench.values), exams)
            assert_expected(row, attack)
            assert bench.machine.changes() == {}
            assert bench.servers.visits() == 0
            assert_honest(bench.grade("honest.py", honest, exams))


def assert_honest(row: Row) -> None:
    assert row["score"] == row["max_score"] > 0, row


def assert_expected(row: Row, attack: Attack) -> None:
    """One row, of an expected status and score, with one sentence that a table can hold."""
    attempted = [question for question in row["questions"] if question["status"] != "missing"]
    assert len(attempted) == 1, row
    (question,) = attempted
    assert question["status"] in attack.expected, question
    assert question["score"] == (question["max_score"] if question["status"] == "passed" else 0), question
    assert (question["message"] == "") == (question["status"] == "passed")
    assert question["message"].isprintable() and len(question["message"]) < 1000
    assert attack.message in question["message"], question


def test_attacks_say_what_they_attempt() -> None:
    everything = [attack for category in attacks.CATEGORIES for attack in attacks.of(category)]
    assert len(everything) >= 90
    statuses = {"passed", "failed", "error", "timeout", "flagged"}
    for attack in everything:
        assert re.fullmatch(r"[A-Z].*\.", attack.attempt) and set(attack.expected) <= statuses, attack.name
        assert attack.needs in attacks.LEVELS


@pytest.mark.parametrize(
    "attack", [*attacks.of("read"), *attacks.of("network")], ids=lambda attack: attack.name
)
def test_attacks_would_work_if_nobody_stopped_them(attack: Attack, bench: Bench, tmp_path: Path) -> None:
    """The same code in an ordinary process reaches what it is after: its failure means something."""
    call = "\ntry:\n    lstm_cell()\nexcept RuntimeError as error:\n    print(error)\n"
    script = attack.filled_in(bench.values) + call
    env = {
        "PATH": os.environ["PATH"],
        "SECRET_TOKEN": "secret",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reached [") and attack.message not in done.stdout
    assert (bench.servers.visits() > 0) == (attack.name in ("network/tcp", "network/udp", "network/unix"))
