"""What the terminal shows after a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from coursekit.grade.record import Row
from coursekit.grade.reports.plain import clean, function, told
from coursekit.grade.reports.statistics import QuestionStatistics


def show(console: Console, rows: Sequence[Row]) -> None:
    """A table with a line for every exercise of every submission."""
    table = new_table(("submission", "exercise", "points", "status", "what to tell"))
    for row in rows:
        name = f"{clean(row['submission'])}  {row['score']:g}/{row['max_score']:g}"
        for question in row["questions"]:
            score = f"{question['score']:g}/{question['max_score']:g}"
            colour = "green" if question["status"] == "passed" else "yellow"
            status = Text(question["status"].replace("_", " "), style=colour)
            table.add_row(Text(name), function(question), score, status, Text(told(question)))
            name = ""
    console.print(table)


def show_statistics(console: Console, statistics: Sequence[QuestionStatistics]) -> None:
    """A table with a line for every exercise."""
    table = new_table(("exercise", "attempts", "passed", "mean", "discrimination", "most frequent mistakes"))
    for one in statistics:
        mistakes = ", ".join(f"{mistake.id} ({mistake.times})" for mistake in one.mistakes[:3])
        discrimination = "" if one.discrimination is None else f"{one.discrimination:.2f}"
        attempts = f"{one.attempts}/{one.submissions}"
        mean = f"{one.mean:.2f}/{one.max_score:g}"
        table.add_row(one.id, attempts, f"{one.share_passed:.0%}", mean, discrimination, mistakes)
    console.print(table)


def new_table(titles: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        right = title in ("points", "attempts", "passed", "mean", "discrimination")
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    return table
