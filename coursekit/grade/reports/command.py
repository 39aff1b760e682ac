"""The command `coursekit report`: reports from a stored record, without grading again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coursekit.grade import reports
from coursekit.grade.command import DONE, console, refuse
from coursekit.grade.record import FILE_NAME, QuestionRow, Row, Run, read_record
from coursekit.grade.reports.statistics import question_statistics


def report_command(
    record: Path,
    *,
    formats: Sequence[str] = (),
    out: Path | None = None,
    roster: Path | None = None,
    canvas: Path | None = None,
    canvas_column: str | None = None,
) -> int:
    """Make reports from a record, or the one in a folder; 0 when they are written, 2 for a wrong call."""
    path = record / FILE_NAME if record.is_dir() else record
    try:
        run, rows = stored(path)
        folder = path.parent if out is None else out
        written = reports.write_reports(
            folder,
            run,
            rows,
            formats or reports.USUAL,
            roster=roster,
            canvas=canvas,
            canvas_column=canvas_column,
        )
    except (ValueError, OSError) as error:
        return refuse(error)
    reports.show_statistics(console(), question_statistics(rows))
    found = f"{len(rows)} submission{'s' * (len(rows) != 1)}"
    print(f"\n{found}. In {folder}: {', '.join(entries(folder, written))}")
    if canvas is not None:
        print(f"\n{(folder / reports.CANVAS_NOTES).read_text('utf8')}", end="")
    return DONE


def stored(path: Path) -> tuple[Run, list[Row]]:
    """The run and its rows, by name. Refuses what another version of the course may have written."""
    run, rows = read_record(path)
    keys = lacking(run, Run)
    for row in rows:
        keys += lacking(row, Row) or lacking_in_questions(row)
    if keys:
        raise ValueError(f"{path} comes from another version, without {keys[0]}: grade again with this one")
    return run, sorted(rows, key=lambda row: row["submission"])


def lacking_in_questions(row: Row) -> list[str]:
    return [key for question in row["questions"] for key in lacking(question, QuestionRow)]


def lacking(content: Mapping[str, object], form: type) -> list[str]:
    return [key for key in form.__annotations__ if key not in content]


def entries(folder: Path, written: Sequence[Path]) -> list[str]:
    """What is new in the folder: files, and folders of files."""
    parts = (file.relative_to(folder).parts for file in written)
    return list(dict.fromkeys(f"{first}/" if rest else first for first, *rest in parts))
