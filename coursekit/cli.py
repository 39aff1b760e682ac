"""The command `coursekit`. A command imports what it needs when it runs: `--help` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

import coursekit

FAILED, INTERRUPTED = 1, 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"coursekit {coursekit.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """A course on deep learning that can be checked."""


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Write the report as JSON.")] = False,
) -> int:
    """Say what is installed, which devices there are, and how to mend what is missing.

    Exit status 0: all that the course needs is there. 1: something is missing.
    """
    from coursekit.doctor import doctor_command

    return doctor_command(as_json=json)


@app.command()
def check(path: Annotated[Path, typer.Argument(help="Your .ipynb or .py file.")]) -> int:
    """Run the public checks on your own homework.

    Exit status 0: everything in the file passed. 1: something did not.
    """
    from coursekit.grade.command import check_command

    return check_command(path)


@app.command()
def grade(
    target: Annotated[
        str,
        typer.Argument(
            metavar="UNIT_OR_ID",
            help="e.g. recurrent, recurrent.lstm, recurrent.lstm_cell, or a file of your own.",
        ),
    ],
    paths: Annotated[list[Path], typer.Argument(help="Submissions, .ipynb or .py, or folders of them.")],
    jobs: Annotated[int, typer.Option(metavar="N", help="Submissions at a time, one per core.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where to keep the record and the reports; a second run goes on there."
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write all results.")] = None,
    formats: Annotated[
        str,
        typer.Option("--format", metavar="NAME,...", help="Which reports to write to DIR, e.g. gradescope."),
    ] = "",
    roster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who is who, for reports that list students.")
    ] = None,
    canvas: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The gradebook exported from Canvas, to be filled.")
    ] = None,
    canvas_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its assignment, where that is not plain.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Grade on the workers of a Dask scheduler, e.g. tcp://host:8786."
        ),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="KEY", help="Draw the inputs of an earlier run.")
    ] = None,
    allow_reduced_isolation: Annotated[
        bool,
        typer.Option(
            "--allow-reduced-isolation",
            help="Run submissions although they cannot be locked in completely here.",
        ),
    ] = False,
) -> int:
    """Grade submissions.

    Exit status 0: every submission has a row. 2: the call itself was wrong. 130: stopped with Ctrl-C.
    """
    from coursekit.grade.command import grade_command

    return grade_command(
        target,
        paths,
        json_file=json,
        out=out,
        formats=[name.strip() for name in formats.split(",") if name.strip()],
        jobs=jobs,
        cluster=cluster,
        seed=seed,
        allow_reduced_isolation=allow_reduced_isolation,
        roster=roster,
        canvas=canvas,
        canvas_column=canvas_column,
    )


@app.command()
def report(
    record: Annotated[
        Path, typer.Argument(metavar="RECORD_OR_FOLDER", help="What coursekit grade --out wrote.")
    ],
    formats: Annotated[
        str, typer.Option("--format", metavar="NAME,...", help="Which reports, e.g. canvas,statistics.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write them; else beside the record.")
    ] = None,
    roster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who is who, for reports that list students.")
    ] = None,
    canvas: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The gradebook exported from Canvas, to be filled.")
    ] = None,
    canvas_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its assignment, where that is not plain.")
    ] = None,
) -> int:
    """Write reports of submissions that were graded before, without grading them again.

    Exit status 0: the reports are written. 2: the call itself was wrong.
    """
    from coursekit.grade.reports.command import report_command

    return report_command(
        record,
        formats=[name.strip() for name in formats.split(",") if name.strip()],
        out=out,
        roster=roster,
        canvas=canvas,
        canvas_column=canvas_column,
    )


@app.command()
def release(
    target: Annotated[
        str,
        typer.Argument(metavar="UNIT_OR_ID", help="e.g. recurrent, recurrent.lstm or recurrent.lstm_cell"),
    ],
    form: Annotated[
        Literal["plain", "nbgrader", "otter"],
        typer.Option("--format", help="plain: as it is. nbgrader, otter: for the grader that you run."),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write it, e.g. your course folder.")],
    source: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The homework with its answers; else solutions/ of the checkout."),
    ] = None,
) -> int:
    """Write the homework of a unit for students, nbgrader or Otter.

    Exit status 0: it is written. 2: the call was wrong, and nothing was.
    """
    from coursekit.grade.release.command import release_command

    return release_command(target, form, out, source)


def sentence(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, typer.TyperException):
        return f"{error.format_message().rstrip('.')} (see coursekit --help)"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def main() -> None:
    """Run the command line, and turn what users did wrong into one sentence on standard error."""
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="coursekit", standalone_mode=False)
    except (OSError, ValueError, typer.TyperException) as error:
        print(f"coursekit: {sentence(error)}", file=sys.stderr)
        status = getattr(error, "exit_code", FAILED)
    if status == INTERRUPTED:
        print("coursekit: interrupted", file=sys.stderr)
    sys.exit(status)
