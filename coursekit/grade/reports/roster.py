"""The list of students: for the name of a submission, who handed it in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from coursekit.grade.reports.people import Directory, Person, fold, letters, stem
from coursekit.grade.reports.tables import read_table

COLUMNS = {  # what a column may be called, without blanks and signs
    "submission": ("submission", "file", "filename", "folder", "upload"),
    "student_id": ("studentid", "sisloginid", "loginid", "login", "username", "netid", "user", "sid", "id"),
    "last_name": ("lastname", "last", "surname", "familyname"),
    "first_name": ("firstname", "first", "givenname"),
    "name": ("name", "fullname", "student", "studentname"),
    "email": ("email", "mail", "emailaddress"),
    "lms_user_id": ("lmsuserid", "ltiuserid", "ltiid"),
}


class Student(NamedTuple):
    """Who handed in a submission. Without a list of students, `student_id` is the name of the file."""

    student_id: str
    last_name: str = ""
    first_name: str = ""
    email: str = ""
    lms_user_id: str = ""  # by which a learning platform knows the student

    @property
    def name(self) -> str:
        return ", ".join(part for part in (self.last_name, self.first_name) if part)


class Roster:
    """Students by the names of their submissions; by login, number, e-mail or name where none are given."""

    def __init__(self, students: list[Student], submissions: dict[str, Student]) -> None:
        self.students = {student.student_id: student for student in students}
        self.submissions = submissions
        self.directory = Directory(
            Person(
                student.student_id,
                (student.student_id, student.email, student.email.partition("@")[0]),
                names=(student.name,),
            )
            for student in students
        )

    def find(self, submission: str) -> Student | None:
        for name in (fold(submission), fold(stem(submission))):
            if name in self.submissions:
                return self.submissions[name]
        key = self.directory.find(submission).key
        return None if key is None else self.students[key]

    def student(self, submission: str) -> Student:
        """Who handed it in; somebody with the id of its file where the list does not say."""
        return self.find(submission) or Student(stem(submission))


NO_ROSTER = Roster([], {})


def read_roster(path: Path | None) -> Roster:
    """Read a CSV with a header. It needs a column for the student's id; the others may be missing.

    Raises a ValueError, one sentence, where the file is no such list or names somebody twice.
    """
    if path is None:
        return NO_ROSTER
    header, *lines = read_table(path) or [[]]
    places = {column: place(header, names) for column, names in COLUMNS.items()}
    if places["student_id"] is None:
        seen = ", ".join(header) or "none"
        raise ValueError(f"{path} needs a column student_id (or id, login, username); its columns: {seen}")
    students: list[Student] = []
    submissions: dict[str, Student] = {}
    ids: set[str] = set()
    for number, line in enumerate(lines, start=2):
        cells = {column: line[k] if k is not None and k < len(line) else "" for column, k in places.items()}
        student = student_of(cells)
        if not student.student_id:
            raise ValueError(f"{path}: the student in row {number} has no id")
        submission = fold(cells["submission"])
        if submission in submissions:
            raise ValueError(f"{path}: row {number} names the submission {cells['submission']} again")
        if submission:
            submissions[submission] = student
        elif student.student_id in ids:
            raise ValueError(f"{path}: row {number} names the student {student.student_id} again")
        ids.add(student.student_id)
        students.append(student)
    return Roster(students, submissions)


def place(header: list[str], names: tuple[str, ...]) -> int | None:
    """Number of the column that has one of these names, the first of them first."""
    plain = [letters(title) for title in header]
    return next((plain.index(name) for name in names if name in plain), None)


def student_of(cells: dict[str, str]) -> Student:
    last, first = cells["last_name"], cells["first_name"]
    if not (last or first):
        last, comma, first = (part.strip() for part in cells["name"].partition(","))
        if not comma:  # Jane van Doe
            first, _, last = last.partition(" ")
    return Student(cells["student_id"], last, first, cells["email"], cells["lms_user_id"])
