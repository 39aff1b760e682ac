"""The page on grading a class: its first command, and what the page says it prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from coursekit.grade.process import Worker

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "book" / "grading" / "10-grade-a-class.md"
FIRST = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.M | re.S)
SEED = re.compile(r"--seed \w+")
FOLDER = re.compile(r"^```text\ngrades/\n(.*?)^```$", re.M | re.S)


def test_the_sample_class_is_graded_as_the_page_shows(tmp_path: Path, worker: Worker) -> None:
    page = PAGE.read_text("utf8")
    found = FIRST.search(page.partition("## Five minutes")[2])
    listed = FOLDER.search(page)
    assert found is not None and listed is not None
    program, *arguments = found[1].split()
    assert program == "coursekit"
    shutil.copytree(ROOT / "solutions" / "sample-class", tmp_path / "solutions" / "sample-class")
    words = [sys.executable, "-c", "from coursekit.cli import main; main()", *arguments]
    words += [] if worker.level == "full" else ["--allow-reduced-isolation"]
    width = {"COLUMNS": "100", "PYTHONIOENCODING": "utf8"}
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=os.environ | width,
        capture_output=True,
        text=True,
        encoding="utf8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    shown = SEED.sub("--seed", "\n".join(line.rstrip() for line in done.stdout.splitlines()))
    expected = found[2].replace("isolation full", f"isolation {worker.level}")
    assert shown == SEED.sub("--seed", expected.rstrip("\n"))
    for line in listed[1].splitlines():
        assert (tmp_path / "grades" / line.split()[0]).exists(), line
