"""Names of files, and files that are whole or not there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.grade import reports
from coursekit.grade.reports.files import file_names, write_whole

from .classes import CLASS, RUN, hostile_class, row

TROUBLE = [
    "../../etc/passwd",
    "..",
    ".",
    "/",
    "",
    "a/b.py",
    "a_b.py",
    "A_B.py",
    "a\\b.py",
    "con.py",
    "NUL",
    "lpt1",
    "\N{LATIN SMALL LETTER E WITH ACUTE}.py",
    "e\N{COMBINING ACUTE ACCENT}.py",
    "x" * 300,
    "x" * 301,
    "\N{GRINNING FACE}" * 90,
    "  ",
    ".hidden",
    "a\nb\x00c",
    "-rf",
    "a_b.py-2",
]


def check_names(names: dict[str, str]) -> None:
    for name in names.values():
        assert name and name[0] not in ".-" and "/" not in name and "\\" not in name
        assert name.isprintable() and len(f"{name}.html.part".encode()) <= 255
    same_for_some_system = [unicodedata.normalize("NFC", name).casefold() for name in names.values()]
    assert len(set(same_for_some_system)) == len(names)


def test_names_are_safe_and_different_for_every_system() -> None:
    names = file_names(TROUBLE)
    assert list(names) == sorted(TROUBLE)
    check_names(names)
    assert not {name.casefold().partition(".")[0] for name in names.values()} & {"con", "nul", "lpt1"}


@given(st.sets(st.text(max_size=300), max_size=12))
def test_names_are_safe_whatever_the_submissions_are_called(submissions: set[str]) -> None:
    check_names(file_names(submissions))


def test_ordinary_names_stay_and_do_not_depend_on_the_order() -> None:
    assert file_names(["bob.py", "Łukasz-1.ipynb"]) == {
        "Łukasz-1.ipynb": "Łukasz-1.ipynb",
        "bob.py": "bob.py",
    }
    assert file_names(TROUBLE) == file_names(reversed(TROUBLE))


def test_nothing_is_written_outside_the_folder(tmp_path: Path) -> None:
    rows = [*(row(name) for name in TROUBLE), *hostile_class(), *CLASS]
    formats = [name for name in reports.FORMATS if name != "canvas"]
    written = reports.write_reports(tmp_path / "in" / "out", RUN, rows, formats)
    found = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert found == set(written) and len(written) == len(found)
    assert all(path.is_relative_to(tmp_path / "in" / "out") for path in found)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "a" / "b.txt", "old")

    def full(*_: object) -> None:
        assert path.with_name("b.txt.part").read_text() == "new"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert {p.name: p.read_text() for p in path.parent.iterdir()} == {"b.txt": "old"}


def test_reports_made_again_are_the_same(tmp_path: Path) -> None:
    for folder in ("one", "two", "two"):
        reports.write_reports(tmp_path / folder, RUN, CLASS, reports.USUAL)
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two and len(one) == 2 * len(CLASS) + 6
