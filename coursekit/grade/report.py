"""The results of a run: JSON for programs, a table in the terminal, a page of text for each student."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from coursekit.grade.grading import Graded

MAX_PRINTED = 2000  # characters of what a function printed, on a student's page


def record(graded: Graded, isolation: str) -> dict[str, Any]:
    """One submission in the form of the results file."""
    return {
        "submission": graded.submission,
        "unit": graded.verdicts[0].exercise.unit,
        "score": graded.score,
        "max_score": graded.max_score,
        "isolation": isolation,
        "seconds": round(graded.seconds, 3),
        "questions": [
            {
                "id": verdict.exercise.id,
                "score": verdict.score,
                "max_score": verdict.exercise.max_score,
                "status": verdict.status,
                "mistake": verdict.mistake,
                "message": verdict.message,
            }
            for verdict in graded.verdicts
        ],
    }


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(text, "utf8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def as_json(content: Any) -> str:
    return json.dumps(content, indent=1) + "\n"


def write_folder(folder: Path, results: Sequence[Graded], isolation: str, run: dict[str, str]) -> None:
    """`results.json`, `run.json` with what it takes to repeat the run, and a page each in `feedback/`."""
    write_whole(folder / "results.json", as_json([record(graded, isolation) for graded in results]))
    write_whole(folder / "run.json", as_json(run))
    for graded in results:
        name = graded.submission.replace("/", "_") + ".txt"
        write_whole(folder / "feedback" / name, feedback(graded))


def feedback(graded: Graded) -> str:
    pages = [f"{graded.submission}: {graded.score:g} of {graded.max_score:g} points"]
    for verdict in graded.verdicts:
        printed = f"It printed:\n{verdict.output[:MAX_PRINTED].rstrip()}" if verdict.output.strip() else ""
        pages.append("\n".join(text for text in (repr(verdict), printed) if text))
    return "\n\n".join(pages) + "\n"


def show(console: Console, results: Sequence[Graded]) -> None:
    """A table with a row for every exercise of every submission."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("submission", "exercise", "points", "status", "what to tell"):
        table.add_column(title, justify="right" if title == "points" else "left", overflow="fold")
    for graded in results:
        name = f"{graded.submission}  {graded.score:g}/{graded.max_score:g}"
        for verdict in graded.verdicts:
            points = f"{verdict.score:g}/{verdict.exercise.max_score:g}"
            colour = "green" if verdict.status == "passed" else "yellow"
            status = Text(verdict.status.replace("_", " "), style=colour)
            table.add_row(Text(name), verdict.exercise.function, points, status, Text(verdict.sentence))
            name = ""
    console.print(table)
