"""Grades for Canvas: the gradebook that an instructor exported, with the column of this homework filled.

Nothing else of the file changes, not even its quotes. A grade is written only where it is certain whose it
is; `CanvasGrades.notes` lists the submissions and students that were left alone, and why.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from coursekit.grade.record import Row
from coursekit.grade.reports.people import Directory, Found, Person
from coursekit.grade.reports.plain import clean
from coursekit.grade.reports.roster import Roster
from coursekit.grade.reports.tables import read_text, split_cells, value_of

ASSIGNMENT = re.compile(r"(?P<title>.*) \((?P<id>\d+)\)")
BESIDE_STUDENT = re.compile(r'\ufeff?"?Student"?([,;\t])')
POINTS_POSSIBLE, READ_ONLY = "Points Possible", "(read only)"
TEST_STUDENT = ("Student, Test", "Test Student")
DECIMAL_COMMA = re.compile(r"\d+,\d+")
IDENTIFIERS = ("SIS Login ID", "SIS User ID", "ID", "Integration ID")


class CanvasGrades(NamedTuple):
    file: str  # to import into Canvas
    notes: str  # what was left alone, for the instructor


class Gradebook:
    """An exported gradebook: the cells as they stand, and where the students and assignments are in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = read_text(path)
        beside = BESIDE_STUDENT.match(text)
        self.delimiter = "," if beside is None else beside[1]
        self.mark = "\ufeff" if text.startswith("\ufeff") else ""
        self.cells = split_cells(text.removeprefix("\ufeff"), self.delimiter)
        self.header = [value_of(cell) for cell in self.cells[0]] if self.cells else []
        starts = [value_of(line[0]) for line in self.cells]
        if not {"Student", "ID"} <= set(self.header) or POINTS_POSSIBLE not in starts:
            raise ValueError(
                f"{path} is not a gradebook exported from Canvas: "
                "it needs the columns Student and ID, and a row Points Possible"
            )
        first = starts.index(POINTS_POSSIBLE)
        self.possible = self.cells[first]
        self.students = [line for line in self.cells[first + 1 :] if self.at(line, "ID")]

    def at(self, line: list[str], title: str) -> str:
        """What a line says in the column of this title; "" where there is none."""
        place = self.header.index(title) if title in self.header else len(line)
        return value_of(line[place]) if place < len(line) else ""

    @property
    def assignments(self) -> list[str]:
        return [
            title
            for title in self.header
            if ASSIGNMENT.fullmatch(title) and self.at(self.possible, title) != READ_ONLY
        ]

    def column(self, wanted: str | None, target: str) -> str:
        """The title of this homework's column: the one asked for, else the one that bears its name."""
        choice = ", ".join(self.assignments) or "none"
        if wanted is not None:
            fitting = [title for title in self.assignments if wanted in names_of(title)]
            problem = f"{wanted!r} should be one of the assignments in {self.path}, which are: {choice}"
        else:
            unit = Path(target).name.partition(".")[0]  # also where the target is a file of exercises
            words = {target.casefold(), unit.casefold()}
            named = [title for title in self.assignments if any(word in title.casefold() for word in words)]
            fitting = named or self.assignments
            problem = f"{self.path} has these assignments: {choice}; say which one with --canvas-column"
        if len(fitting) != 1:
            raise ValueError(problem)
        return fitting[0]

    def points(self, column: str) -> float | None:
        said = self.at(self.possible, column)
        try:
            return float(said.replace(",", "." if self.decimal_comma else ""))
        except ValueError:
            return None

    @property
    def decimal_comma(self) -> bool:
        """Whether 2.5 is written 2,5 in this file."""
        return self.delimiter != "," and any(
            DECIMAL_COMMA.fullmatch(value_of(cell)) for cell in self.possible
        )

    def directory(self) -> Directory:
        """The students by their numbers in Canvas. One with several lines is one person."""
        people = (
            Person(
                self.at(line, "ID"),
                tuple(self.at(line, title) for title in IDENTIFIERS),
                self.at(line, "ID"),
                (self.at(line, "Student"),),
            )
            for line in self.students
            if self.at(line, "Student") not in TEST_STUDENT
        )
        return Directory(people)

    def write(self, line: list[str], column: str, score: float) -> None:
        grade = f"{score:g}".replace(".", "," if self.decimal_comma else ".")
        place = self.header.index(column)
        ending = line[-1][len(line[-1].rstrip("\r\n")) :]
        line[-1] = line[-1].removesuffix(ending)
        line += [""] * (place + 1 - len(line))
        line[place] = grade
        line[-1] += ending

    @property
    def text(self) -> str:
        return self.mark + "".join(self.delimiter.join(line) for line in self.cells)


def names_of(title: str) -> tuple[str, ...]:
    parts = ASSIGNMENT.fullmatch(title)
    return (title,) if parts is None else (title, parts["title"], parts["id"])


def fill(
    gradebook: Gradebook, target: str, rows: Sequence[Row], roster: Roster, wanted: str | None
) -> CanvasGrades:
    """The gradebook with the scores of `rows` in the column of this homework.

    Raises a ValueError where the column is not certain, or has other points than the homework.
    """
    column = gradebook.column(wanted, target)
    check_points(gradebook, column, rows)
    directory = gradebook.directory()
    found: dict[str, list[Row]] = defaultdict(list)
    left: list[tuple[str, str]] = []
    for row in rows:
        match = find(directory, roster, row["submission"])
        if match.key is None:
            left.append((row["submission"], match.reason))
        else:
            found[match.key].append(row)
    grades = {number: own[0]["score"] for number, own in found.items() if len(own) == 1}
    without: list[str] = []
    for line in gradebook.students:
        number, name = gradebook.at(line, "ID"), gradebook.at(line, "Student")
        if number in grades:
            gradebook.write(line, column, grades[number])
        elif number not in found:
            without.append(name)
        else:
            reason = f"{name} handed in {len(found[number])} times; decide which one counts"
            left += [(row["submission"], reason) for row in found[number]]
            found[number] = []  # a student in two sections has two lines
    return CanvasGrades(gradebook.text, notes(column, len(grades), left, without))


def find(directory: Directory, roster: Roster, submission: str) -> Found:
    """Whose submission it is: whose the list of students says, else by its own name."""
    student = roster.find(submission)
    if student is None:
        return directory.find(submission)
    for name in (student.student_id, student.email, student.name):
        found = directory.find(name)
        if found.key is not None:
            return found
    return Found(None, f"the student {student.student_id} of the list of students is not in the gradebook")


def check_points(gradebook: Gradebook, column: str, rows: Sequence[Row]) -> None:
    possible = gradebook.points(column)
    worth = {row["max_score"] for row in rows} - {possible}
    if worth:
        there = "no" if possible is None else f"{possible:g}"
        raise ValueError(
            f"{column} is worth {there} points in Canvas and {worth.pop():g} here: "
            "give the assignment as many points in Canvas, and export the gradebook again"
        )


def notes(column: str, filled: int, left: list[tuple[str, str]], without: list[str]) -> str:
    lines = [f"{column}: {filled} student{'s' * (filled != 1)} graded.", ""]
    lines += [f"Submissions without a student in the gradebook: {len(left) or 'none'}"]
    lines += [f"  {clean(submission)}: {reason}" for submission, reason in left]
    lines += ["", f"Students left as they were, without a submission: {len(without) or 'none'}"]
    lines += [f"  {clean(name)}" for name in without]
    return "\n".join(lines) + "\n"
