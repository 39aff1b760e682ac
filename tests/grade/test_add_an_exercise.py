"""The page on adding an exercise: its files are written, its commands run, its output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.grade.process import Worker

PAGE = Path(__file__).resolve().parents[2] / "book" / "grading" / "30-add-an-exercise.md"
FILE = re.compile(r"^```\{code-block\} python\n:caption: (\S+)\n(.*?)^```$", re.M | re.S)
CONSOLE = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.M | re.S)
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "120", "PYTHONIOENCODING": "utf8"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file of the page; blocks with the same caption are pieces of the same file."""
    folder = tmp_path_factory.mktemp("unit")
    for name, text in FILE.findall(PAGE.read_text("utf8")):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf8") as file:
            file.write(text)
    return folder


COMMANDS = CONSOLE.findall(PAGE.read_text("utf8"))


def test_the_page_has_files_and_commands(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    students = {f"submissions/{name}.py" for name in ("anna", "ben", "carla")}
    assert files == {"my_unit.py", "try_it.py", "careless.py", *students}
    assert len(COMMANDS) == 3


@pytest.mark.parametrize(("command", "printed"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_of_the_page_prints_what_the_page_shows(
    command: str, printed: str, folder: Path, worker: Worker
) -> None:
    program, *arguments = command.split()
    words = [sys.executable, *arguments]
    if program == "coursekit":
        words[1:1] = ["-c", "from coursekit.cli import main; main()"]
        words += [] if worker.level == "full" else ["--allow-reduced-isolation"]
    done = subprocess.run(
        words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, encoding="utf8", timeout=120
    )
    shown = [line.rstrip() for line in (done.stdout or done.stderr).splitlines()]
    expected = printed.replace("isolation full", f"isolation {worker.level}")
    assert shown == expected.splitlines(), done.stderr
    assert done.returncode == (2 if "careless" in command else 0)
