"""Cut homework from its solutions.

A solution is a MyST notebook. What stands between `### BEGIN SOLUTION <what to write>` and `### END SOLUTION`
is an answer, and cells with the tag `solution` are notes for instructors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import jupytext
from nbformat import NotebookNode

TEXT = "md:myst"
PAGE_WIDTH = 84  # characters of code beside both sidebars of the site

ANSWER = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION(?P<what>.*)\n"
    r"(?P<lines>(?s:.*?))^[ \t]*### END SOLUTION[ \t]*$",
    re.M,
)
MARK = re.compile(r"(begin|end) solution", re.I)


class HomeworkError(ValueError):
    """A solution that cannot be cut; the message says where and why."""


def starter(answer: re.Match[str]) -> str:
    """What a student finds in place of an answer. Marks that say nothing stay, to be reported."""
    indent, what = answer["indent"], answer["what"].strip()
    if not what:
        return answer[0]
    text = json.dumps(what, ensure_ascii=False)
    line = f"{indent}raise NotImplementedError({text})"
    if len(line) <= PAGE_WIDTH:
        return line
    return f"{indent}raise NotImplementedError(\n{indent}    {text}\n{indent})"


def reference(answer: re.Match[str]) -> str:
    """The answer itself."""
    return answer["lines"].rstrip("\n")


def read_homework(path: Path, name: str, instead: Callable[[re.Match[str]], str] = starter) -> NotebookNode:
    """The notebook in a solution, without notes, and with `instead(answer)` where an answer stands.

    Raises `HomeworkError` where the marks of an answer do not pair up; `name` is what it calls the file.
    """
    notebook: NotebookNode = jupytext.read(path, fmt=TEXT)
    cells = []
    for number, cell in enumerate(notebook.cells, start=1):
        if "solution" in cell.metadata.get("tags", []):
            continue
        is_code = cell.cell_type == "code"
        if MARK.search(ANSWER.sub(starter, cell.source) if is_code else cell.source):
            where = f"{name}, cell {number}"
            raise HomeworkError(f"{where}: BEGIN SOLUTION <what to write> and END SOLUTION do not pair up")
        if is_code:
            cell.source = ANSWER.sub(instead, cell.source)
        cells.append(cell)
    notebook.cells = cells
    return notebook


def student_page(path: Path, name: str) -> str:
    """The exercise, as MyST text, that belongs to a solution."""
    text: str = jupytext.writes(read_homework(path, name), fmt=TEXT)
    text = re.sub(r"^ +jupytext_version:.*\n", "", text, flags=re.M)  # would change with every upgrade
    note = f"# Written by tools/homework.py from {name}; edit that file."
    return text.replace("---\n", f"---\n{note}\n", 1)
