"""Cut the homework from its solutions, and turn pages into notebooks.

    python tools/homework.py           write exercises/*.md and exercises/*.ipynb from solutions/*.md
    python tools/homework.py --check   exit 1 if they are out of step

How answers are cut is written in `coursekit.grade.release`, which hands the same homework to other graders.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from coursekit.grade.release.cutting import TEXT, HomeworkError, student_page
from coursekit.grade.release.notebooks import as_notebook, notebook_text, package_address

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS, EXERCISES = ROOT / "solutions", ROOT / "exercises"


def exercises() -> dict[Path, str]:
    """Every file that belongs in exercises/, with its text."""
    files = {}
    for source in sorted(SOLUTIONS.glob("*.md")):
        page, text = EXERCISES / source.name, student_page(source, name_of(source))
        files[page] = text
        files[page.with_suffix(".ipynb")] = notebook_text(notebook_of(text, name_of(source)))
    return files


def differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text("utf8") != text


def write_exercises() -> list[Path]:
    """Write what is out of step, and only that; return it."""
    EXERCISES.mkdir(exist_ok=True)
    stale = [(path, text) for path, text in exercises().items() if differs(path, text)]
    for path, text in stale:
        path.write_text(text, "utf8")
    return [path for path, _ in stale]


def out_of_step() -> list[Path]:
    """The files in exercises/ that differ from what solutions/ give, are missing, or have no source."""
    expected = exercises()
    strays = {path for path in EXERCISES.glob("*") if path.suffix in (".md", ".ipynb")} - expected.keys()
    return sorted(strays | {path for path, text in expected.items() if differs(path, text)})


def to_notebook(path: Path) -> NotebookNode:
    """A page as a notebook for Jupyter and Colab."""
    return notebook_of(path.read_text("utf8"), name_of(path))


def notebook_of(text: str, source: str) -> NotebookNode:
    return as_notebook(jupytext.reads(text, fmt=TEXT), source, package_address(ROOT))


def name_of(path: Path) -> str:
    path = path.resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if exercises/ is out of step")
    options = parser.parse_args()
    try:
        if not options.check:
            for path in write_exercises():
                print(name_of(path))
            return 0
        stale = ", ".join(name_of(path) for path in out_of_step())
    except (HomeworkError, OSError) as error:
        print(f"homework: {error}", file=sys.stderr)
        return 1
    if stale:
        print(f"homework: out of step: {stale}; run python tools/homework.py", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
