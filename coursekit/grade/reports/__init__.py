"""Everything that is made from the record of a run: pages for people, files for other programs.

`write_reports` takes a run and its rows (`coursekit.grade.record`), so that any report can be made again from
a stored record, without grading again. `check_request` finds what is wrong with a request for reports before
an hour of grading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from coursekit.grade.record import Row, Run
from coursekit.grade.reports.canvas import Gradebook, fill
from coursekit.grade.reports.class_page import class_pages, statistics_page
from coursekit.grade.reports.files import file_names, write_whole
from coursekit.grade.reports.junit import as_junit
from coursekit.grade.reports.nbgrader import as_nbgrader
from coursekit.grade.reports.platforms import as_gradescope, as_lti, as_prairielearn
from coursekit.grade.reports.results import as_json
from coursekit.grade.reports.roster import Roster, read_roster
from coursekit.grade.reports.statistics import question_statistics, statistics_csv, statistics_json
from coursekit.grade.reports.student_page import student_page
from coursekit.grade.reports.terminal import show, show_statistics
from coursekit.grade.reports.text import as_text

__all__ = ["FORMATS", "USUAL", "as_json", "check_request", "show", "show_statistics", "write_reports"]

FORMATS: tuple[str, ...] = (
    "html",
    "json",
    "text",
    "statistics",
    "gradescope",
    "prairielearn",
    "nbgrader",
    "canvas",
    "lti",
    "junit",
)
USUAL: tuple[str, ...] = ("html", "json", "text", "statistics")  # where no format is asked for

CANVAS_FILE, CANVAS_NOTES = "canvas.csv", "canvas-notes.txt"


def check_request(
    formats: Sequence[str],
    *,
    roster: Path | None = None,
    canvas: Path | None = None,
    canvas_column: str | None = None,
    target: str = "",
) -> None:
    """Raise a ValueError or OSError, one sentence, if `write_reports` could not do what is asked."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ValueError(f"there is no format {unknown[0]!r}; the formats are {', '.join(FORMATS)}")
    read_roster(roster)
    if "canvas" in formats and canvas is None:
        raise ValueError("the format canvas needs --canvas FILE, the gradebook exported from Canvas")
    if canvas is not None:
        Gradebook(canvas).column(canvas_column, target)


def write_reports(
    folder: Path,
    run: Run,
    rows: Sequence[Row],
    formats: Sequence[str],
    *,
    roster: Path | None = None,
    canvas: Path | None = None,
    canvas_column: str | None = None,
) -> list[Path]:
    """Write reports in `formats` to `folder`; return the paths of the files, in the order of `formats`.

    Each file is written whole or not at all. `roster` is a list of students, `canvas` a gradebook exported
    from Canvas, in which `canvas_column` names the assignment where that is not plain. Raises a ValueError
    or OSError, one sentence, before anything is written, where one of these cannot be used.
    """
    check_request(formats, roster=roster, canvas=canvas, canvas_column=canvas_column, target=run["target"])
    students = read_roster(roster)
    if canvas is not None:
        grades = fill(Gradebook(canvas), run["target"], rows, students, canvas_column)
    written: list[Path] = []
    for name in dict.fromkeys(formats):
        files = contents(name, run, rows, students)
        written += [write_whole(folder / path, content) for path, content in files]
    if canvas is not None:
        written.append(write_whole(folder / CANVAS_FILE, grades.file))
        written.append(write_whole(folder / CANVAS_NOTES, grades.notes))
    return written


def contents(
    format: str, run: Run, rows: Sequence[Row], students: Roster
) -> Iterator[tuple[str, str | bytes]]:
    """The files of one format: path in the folder, and content. One at a time: a class may be large."""
    names = file_names(row["submission"] for row in rows)
    match format:
        case "html":
            links = {submission: f"students/{name}.html" for submission, name in names.items()}
            yield from class_pages(run, rows, students, links).items()
            for row in rows:
                yield links[row["submission"]], student_page(run, row, students.student(row["submission"]))
        case "json":
            yield "results.json", as_json(rows)
        case "text":
            for row in rows:
                yield f"text/{names[row['submission']]}.txt", as_text(row)
        case "statistics":
            numbers = question_statistics(rows)
            yield "statistics.html", statistics_page(run, rows)
            yield "statistics.csv", statistics_csv(numbers)
            yield "statistics.json", statistics_json(numbers)
        case "gradescope":
            for row in rows:
                yield f"gradescope/{names[row['submission']]}.json", as_gradescope(row)
        case "prairielearn":
            for row in rows:
                yield f"prairielearn/{names[row['submission']]}.json", as_prairielearn(row)
        case "nbgrader":
            yield "nbgrader.csv", as_nbgrader(rows, students)
        case "lti":
            for row in rows:
                yield f"lti/{names[row['submission']]}.json", as_lti(row, students.student(row["submission"]))
        case "junit":
            yield "junit.xml", as_junit(run, rows)
