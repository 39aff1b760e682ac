"""The hostile submissions: what each attempts, and what has to become of it.

An attack is a file in `submissions/`, in a folder that says what it is after. The first line of its
docstring says what it attempts. The last lines say what the grader has to make of it::

    expected: failed, error      status of its row, one of these; no points unless it is "passed"
    message: reached []          text that the row's sentence contains
    seconds: 0.5                 time limit, if not the usual one
    needs: reduced               weakest level of isolation that stops it; below, it is not run
    machine: x86_64              only machine it is written for

Most look for something and tell what they got by raising an error, "reached [...]". A line that ends in
`# filled in` gets its value from the test: where the others' files lie, which port is listened to.
"""

from __future__ import annotations

import ast
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

SUBMISSIONS = Path(__file__).with_name("submissions")
HONEST = SUBMISSIONS / "honest.py"
LEVELS = ("limits-only", "reduced", "full")
DECLARATION = re.compile(r"^(expected|message|seconds|needs|machine): (.+)$", re.MULTILINE)
BLANK = re.compile(r"^(\w+) = .*  # filled in$", re.MULTILINE)


class Attack(NamedTuple):
    name: str  # folder and stem, e.g. "stop/sleeps"
    source: str
    attempt: str
    expected: tuple[str, ...]
    message: str
    seconds: float | None
    needs: str
    machine: str

    def applies(self, level: str) -> bool:
        return LEVELS.index(level) >= LEVELS.index(self.needs) and self.machine in ("", platform.machine())

    def filled_in(self, values: Mapping[str, Any]) -> str:
        return BLANK.sub(lambda blank: f"{blank[1]} = {values[blank[1]]!r}", self.source)


def read(path: Path) -> Attack:
    source = path.read_text("utf8")
    text = ast.get_docstring(ast.parse(source)) or ""
    declared = dict(DECLARATION.findall(text))
    return Attack(
        name=f"{path.parent.name}/{path.stem}",
        source=source,
        attempt=text.partition("\n")[0],
        expected=tuple(declared["expected"].split(", ")),
        message=declared.get("message", ""),
        seconds=float(declared["seconds"]) if "seconds" in declared else None,
        needs=declared.get("needs", "limits-only"),
        machine=declared.get("machine", ""),
    )


def of(category: str) -> list[Attack]:
    return [read(path) for path in sorted((SUBMISSIONS / category).glob("*.py"))]


CATEGORIES = tuple(
    sorted(path.name for path in SUBMISSIONS.iterdir() if path.is_dir() and path.name[0] != "_")
)
