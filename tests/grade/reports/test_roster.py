"""Who is who: lists of students in many forms, and names that must not be taken for somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.grade.reports.people import Directory, Person
from coursekit.grade.reports.roster import Student, read_roster

DOE = Student("jdoe", "Doe", "Jane", "jane.doe@example.org")
FORMS = {
    "as nbgrader": "id,first_name,last_name,email,lms_user_id\njdoe,Jane,Doe,jane.doe@example.org,\n",
    "as Gradescope": "First Name,Last Name,SID,Email\nJane,Doe,jdoe,jane.doe@example.org\n",
    "as a spreadsheet": "\ufeffName;E-Mail;Student ID\r\n Doe, Jane ;jane.doe@example.org;jdoe\r\n;;\r\n",
    "as one likes": 'LOGIN\tStudent\te mail\njdoe\t"Jane Doe"\tjane.doe@example.org\n',
}


def roster(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "students.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_list_is_read_in_the_form_it_has(form: str, tmp_path: Path) -> None:
    found = read_roster(roster(tmp_path, FORMS[form]))
    assert found.students == {"jdoe": DOE}
    for submission in (
        "jdoe.ipynb",
        "JDOE.py",
        "jdoe_homework3.ipynb",
        "group/jdoe",
        "jane.doe.py",
        "Jane Doe.py",
    ):
        assert found.student(submission) == DOE, submission
    for submission in ("jdoe2.ipynb", "doe.py", "xjdoe.py", "jane.py"):
        assert found.find(submission) is None, submission


def test_a_column_for_submissions_decides(tmp_path: Path) -> None:
    text = "file,id,name\nhomework(3).ipynb,jdoe,Jane Doe\nadoe.py,bfox,Bob Fox\n"
    found = read_roster(roster(tmp_path, text))
    assert found.student("homework(3).ipynb").student_id == "jdoe"
    assert found.student("adoe.py").student_id == "bfox"


def test_who_is_not_in_the_list_keeps_the_name_of_the_file(tmp_path: Path) -> None:
    assert read_roster(None).student("eve.x.ipynb") == Student("eve.x")
    assert read_roster(roster(tmp_path, "id\njdoe\n")).student("eve") == Student("eve")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"needs a column student_id .* its columns: none"),
        ("first,last\nJane,Doe\n", r"needs a column student_id .* its columns: first, last"),
        ("id,name\njdoe,Jane\njdoe,Jane\n", "row 3 names the student jdoe again"),
        ("id,name\njdoe,Jane\n,Bob\n", "the student in row 3 has no id"),
        ("file,id\na.py,jdoe\nA.py,bfox\n", "row 3 names the submission A.py again"),
        ('id\n"jdoe\n' + "x" * 140_000, "is not a CSV file: field larger than"),
    ],
)
def test_what_is_no_list_is_refused_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_roster(roster(tmp_path, text))


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "students.csv"
    path.write_bytes("id\nMüller\n".encode("latin1"))
    with pytest.raises(ValueError, match=r"students.csv is not UTF-8 \(byte 4\)"):
        read_roster(path)


def test_where_two_people_fit_nobody_is_found() -> None:
    people = [Person("1", ("jdoe",), names=("Doe, Jane",)), Person("2", ("jd",), names=("Jane Doe",))]
    directory = Directory(people)
    assert directory.find("jdoe.py").key == "1" and directory.find("jd-3.py").key == "2"
    assert directory.find("Jane_Doe.py") == (None, "2 people in the list have this name")
