"""The command `coursekit release`: what it writes and prints, and the exit status it returns."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal

from coursekit.grade.command import DONE, refuse
from coursekit.grade.release.homework import find_homework
from coursekit.grade.release.nbgrader import nbgrader_files
from coursekit.grade.release.otter import otter_files
from coursekit.grade.release.plain import plain_files

Format = Literal["plain", "nbgrader", "otter"]
SEEDS = range(1, 2**31)  # 0 is the public one


def release_command(target: str, form: Format, out: Path, source: Path | None = None) -> int:
    """Write homework for students or another grader; 0 when all is there, 2 when nothing was written."""
    try:
        if form != "plain" and target.endswith(".py"):
            raise ValueError(
                f"the tests for {form} know the exercises of the course alone; received the file {target}, "
                "which --format plain takes"
            )
        homework = find_homework(target, source)
        seed = secrets.choice(SEEDS)
        files = {
            "plain": lambda: plain_files(homework),
            "nbgrader": lambda: nbgrader_files(homework, seed),
            "otter": lambda: otter_files(homework, seed),
        }[form]()
        written = write_new(out, files)
    except (ValueError, OSError) as error:
        return refuse(error)
    print("\n".join(str(path) for path in written))
    return DONE


def write_new(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write files that are not there yet. An instructor may have edited those of an earlier release."""
    paths = [folder / name for name in files]
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise FileExistsError(0, "is there already; move it away or choose another --out", str(there))
    for path, text in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
    return paths
