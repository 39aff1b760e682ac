"""Grades for Canvas, written into a gradebook as Canvas exports it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from coursekit.grade import reports
from coursekit.grade.record import Row
from coursekit.grade.reports.tables import split_cells

from .classes import RUN, gates, question, row

COLUMN = "Recurrent networks (778899)"
# two sections, a student in both, the test student, columns that Canvas computes, quotes where it sets them
EXPORT = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Warm-up (778898),Recurrent networks (778899),"
    '"Essay, long (778900)",Assignments Current Points,Final Score\r\n'
    ",,,,,,Manual Posting,,,\r\n"
    "    Points Possible,,,,,10.00,6.00,20.00,(read only),(read only)\r\n"
    '"Doe, Jane",4501,S100,jdoe,"Monday, A",9.00,,12.50,21.50,80.1\r\n'
    '"Łoś, Ewa",4502,S101,elos,"Monday, A",,2.50,,2.50,10.0\r\n'
    '"O\'Neil, ""Bob"" Lee",4503,S102,bob.oneil@example.org,Tuesday B,8.00,N/A,,8.00,30.2\r\n'
    '"Roe, Sam",4504,S103,sroe,"Monday, A",1.00,,,1.00,1\r\n'
    '"Roe, Sam",4504,S103,sroe,Tuesday B,1.00,,,1.00,1\r\n'
    '"Doe, Jane",4505,S104,jdoe2,Tuesday B,,,,,\r\n'
    '"=HYPERLINK(""x"")",4506,S105,mallory,Tuesday B,,,,,\r\n'
    '"Student, Test",4599,,f00ba4,"Monday, A",,,,,\r\n'
)


def graded(*names: str) -> list[Row]:
    """Submissions with 4.0, 4.5, ... points of 6."""
    rows = [row(name, gates(), question(status="failed", right=[])) for name in names]
    for k, one in enumerate(rows):
        one["score"] += k / 2
    return rows


def filled(tmp_path: Path, export: str, rows: list[Row], **options: object) -> tuple[str, str]:
    """The filled file, and what the instructor is told."""
    canvas = tmp_path / "grades.csv"
    canvas.write_bytes(export.encode())
    reports.write_reports(tmp_path / "out", RUN, rows, ["canvas"], canvas=canvas, **options)  # type: ignore[arg-type]
    assert canvas.read_bytes().decode() == export
    return tuple(
        (tmp_path / "out" / name).read_bytes().decode() for name in ("canvas.csv", "canvas-notes.txt")
    )  # type: ignore[return-value]


def column(text: str, title: str = COLUMN, delimiter: str = ",") -> list[str]:
    lines = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter))
    place = lines[0].index(title)
    return [line[place] if place < len(line) else "" for line in lines]


def test_grades_land_with_their_students_and_nothing_else_changes(tmp_path: Path) -> None:
    rows = graded("jdoe.ipynb", "S101", "bob.oneil@example.org", "4504.py", "stranger.py")
    text, notes = filled(tmp_path, EXPORT, rows)
    before = EXPORT.splitlines(keepends=True)
    expected = [
        *before[:3],
        before[3].replace('A",9.00,,', 'A",9.00,4,'),
        before[4].replace(",2.50,,2.50", ",4.5,,2.50"),
        before[5].replace("N/A", "5"),
        before[6].replace('A",1.00,,', 'A",1.00,5.5,'),
        before[7].replace("B,1.00,,", "B,1.00,5.5,"),
        *before[8:],
    ]
    assert text.splitlines(keepends=True) == expected
    assert notes.splitlines() == [
        "Recurrent networks (778899): 4 students graded.",
        "",
        "Submissions without a student in the gradebook: 1",
        "  stranger.py: nobody in the list has this name, login or number",
        "",
        "Students left as they were, without a submission: 3",
        "  Doe, Jane",
        '  =HYPERLINK("x")',
        "  Student, Test",
    ]


def test_names_of_a_bulk_download(tmp_path: Path) -> None:
    rows = graded(
        "doejane_4501_678901_recurrent.ipynb",
        "łośewa_LATE_4502_678902_recurrent-1.ipynb",
        "oneilboblee_4503_678903_jdoe_4501_678901_x.py",  # Bob called his file as if it were Jane's
        "roesam_4501_678904_recurrent.py",  # a number and a name of different people
        "doejane_4999_678905_recurrent.py",  # left the course
    )
    text, notes = filled(tmp_path, EXPORT, rows)
    assert column(text)[3:] == ["4", "4.5", "5", "", "", "", "", ""]
    assert "roesam_4501_678904_recurrent.py: the number 4501 in its name belongs to Doe, Jane" in notes
    assert "doejane_4999_678905_recurrent.py: nobody in the list has the number 4999" in notes


@pytest.mark.parametrize(
    "name", ["Doe, Jane.py", "janedoe.ipynb", "student.py", "test_student.py", "f00ba4", "jane"]
)
def test_no_grade_is_invented(name: str, tmp_path: Path) -> None:
    text, notes = filled(tmp_path, EXPORT, graded(name))
    assert text == EXPORT and f"  {name}: " in notes


def test_two_submissions_of_one_student_are_left_for_a_person(tmp_path: Path) -> None:
    text, notes = filled(tmp_path, EXPORT, graded("jdoe.py", "jdoe-2.py", "sroe.py", "S103.py"))
    assert text == EXPORT
    assert "jdoe-2.py: Doe, Jane handed in 2 times; decide which one counts" in notes
    assert notes.count("Roe, Sam handed in 2 times") == 2  # although Sam has two lines


def test_a_list_of_students_says_whose_a_submission_is(tmp_path: Path) -> None:
    roster = tmp_path / "students.csv"
    roster.write_text(
        "file,id,email\nhw (3).py,sroe,\njdoe.py,mallory,\nx.py,gone,\ny.py,?,bob.oneil@example.org\n"
    )
    text, notes = filled(tmp_path, EXPORT, graded("hw (3).py", "jdoe.py", "x.py", "y.py"), roster=roster)
    assert column(text)[3:] == ["", "2.50", "5.5", "4", "4", "", "4.5", ""]
    assert "x.py: the student gone of the list of students is not in the gradebook" in notes


SEMICOLONS = (
    "\ufeffStudent;ID;SIS Login ID;Section;Recurrent, all (1);Other (2)\n"
    "Points Possible;;;;6,00;12,50\n"
    "Doe, Jane;4501;jdoe;A\n"
    "\n"
    'Roe, "S";4504;sroe;A;1,5;;;'
)


def test_semicolons_marks_decimal_commas_and_short_lines_stay(tmp_path: Path) -> None:
    text, _ = filled(tmp_path, SEMICOLONS, graded("jdoe.py", "sroe.py"))
    assert text == SEMICOLONS.replace("jdoe;A\n", "jdoe;A;4\n").replace(";1,5;;;", ";4,5;;;")


@pytest.mark.parametrize("text", [EXPORT, SEMICOLONS.replace(";", ","), "", "\n", 'a,"b\n,""",\n\n,', "a"])
def test_a_file_taken_apart_is_the_same_file_again(text: str) -> None:
    cells = split_cells(text, ",")
    assert "".join(",".join(line) for line in cells) == text


@pytest.mark.parametrize(
    ("wanted", "place"), [("Warm-up", 5), ("778898", 5), ("Warm-up (778898)", 5), ("Essay, long", 7)]
)
def test_the_column_can_be_chosen(wanted: str, place: int, tmp_path: Path) -> None:
    export = EXPORT.replace(",10.00,6.00,20.00", ",6,6,6")
    text, _ = filled(tmp_path, export, graded("mallory.py"), canvas_column=wanted)
    (line,) = [line for line in csv.reader(text.splitlines()) if "mallory" in line]
    assert [k for k, cell in enumerate(line) if cell == "4"] == [place]


def test_without_a_title_that_fits_a_single_assignment_is_meant(tmp_path: Path) -> None:
    export = 'Student,ID,Section,Homework 5 (9)\nPoints Possible,,,6\n"Doe, Jane",4501,A,\n'
    assert filled(tmp_path, export, graded("4501.py"))[0] == export.replace("A,\n", "A,4\n")


@pytest.mark.parametrize(
    ("export", "options", "sentence"),
    [
        (
            "name,score\na,1\n",
            {},
            "is not a gradebook exported from Canvas: it needs the columns Student and ID",
        ),
        ("", {}, "is not a gradebook exported from Canvas"),
        (
            EXPORT.replace("Recurrent networks", "Lists"),
            {},
            r"Lists \(778899\).*say which one with --canvas-column",
        ),
        (EXPORT.replace("Warm-up", "Recurrent one"), {}, "say which one with --canvas-column"),
        (EXPORT, {"canvas_column": "Final Score"}, r"'Final Score' should be one of the assignments"),
        (EXPORT.replace("6.00", "(read only)"), {}, "say which one with --canvas-column"),
        (EXPORT.replace("6.00", "10"), {}, "is worth 10 points in Canvas and 6 here: give the assignment"),
    ],
)
def test_an_uncertain_gradebook_is_refused_and_nothing_is_written(
    export: str, options: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=sentence):
        filled(tmp_path, export, graded("jdoe.py"), **options)
    assert not (tmp_path / "out").exists()


def test_the_format_needs_the_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs --canvas FILE"):
        reports.write_reports(tmp_path, RUN, [], ["canvas"])
