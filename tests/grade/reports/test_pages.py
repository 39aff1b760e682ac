"""The pages as text: what they say, what they must never say, and that students' texts stay texts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from coursekit.grade import reports
from coursekit.grade.record import Row

from .classes import CLASS, HOSTILE_TEXTS, RUN, hostile_class, question, row

INLINE = ("span", "strong", "code", "wbr", "bdi", "a", "time")
FOR_STUDENTS = ["html", "text", "gradescope", "prairielearn", "lti", "junit"]


class Page(HTMLParser):
    """Elements and text of a page, as a browser's parser splits them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(path.read_text("utf8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.text += "" if tag in INLINE else " "
        self.attributes |= {name for name, _ in attributes}
        self.links += [value or "" for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"] or not data.startswith("\n:root"):
            self.text += data


def pages(folder: Path, rows: list[Row], roster: Path | None = None) -> dict[str, Path]:
    """The pages of a class: "index", "by-points", and by the names of submissions."""
    index, by_points, *students = reports.write_reports(folder, RUN, rows, ["html"], roster=roster)
    named = {one["submission"]: path for one, path in zip(rows, students, strict=True)}
    return {"index": index, "by-points": by_points} | named


def words(path: Path) -> str:
    return " ".join(Page(path).text.split())


def test_a_student_reads_score_status_parts_mistake_and_advice(tmp_path: Path) -> None:
    found = pages(tmp_path, CLASS)
    bob = words(found["bob.py"])
    for said in (
        "bob.py 5 of 6 points",
        "lstm_gates ✓ passed 4 of 4 points",
        "lstm_cell ✗ not right yet 1 of 2 points",
        "Squash the cell with tanh before the output gate. Known mistake ERR-57. Read again: equation",
        "✗the hidden state h: not right (1)",
        "✓the cell state c: right (1)",
        "What your code printed i tensor([[ #, #]]) shape (2, 3)",
        "The code ran fully locked in.",
    ):
        assert said in bob, said
    assert "⚑ a person will look at it" in words(
        found["eve"]
    ) and "torch.nn.LSTMCell (b.py, line 3)" in words(found["eve"])
    assert words(found["dan.ipynb"]).count("The file is not a notebook.") == 1
    assert "○ not attempted yet 0 of 4" in words(found["cyd.ipynb"])
    assert "✗ took too long 0 of 2" in words(found["fay.py"])


def test_a_student_sees_neither_others_nor_the_seed(tmp_path: Path) -> None:
    names = {one["submission"] for one in CLASS}
    for submission, path in pages(tmp_path, CLASS).items():
        if submission in names:
            text = path.read_text("utf8")
            assert RUN["seed"] not in text
            assert not [other for other in names - {submission, "eve"} if other in text]


def test_the_class_page_lists_all_in_order_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    roster = tmp_path / "students.csv"
    roster.write_text("id,name\nada,Zoe Zimmer\nbob,Bob Adams\n")
    out = tmp_path / "out"
    rows = [*hostile_class(), *CLASS, row("x y/#%3f?.py")]
    found = pages(out, rows, roster)
    scores = {one["submission"]: one["score"] for one in rows}
    for name in ("index", "by-points"):
        page = Page(found[name])
        table = page.links[-len(rows) :]
        assert sorted(table) == sorted(set(table)) and len(table) == len(rows)
        assert all(
            (out / link.partition("#")[0]).exists() for link in page.links if not link.startswith("data:")
        )
        order = [
            submission
            for link in table
            for submission, path in found.items()
            if path == (out / link.partition("#")[0])
        ]
        if name == "by-points":
            assert [scores[submission] for submission in order] == sorted(scores.values(), reverse=True)
        else:
            assert order.index("bob.py") < order.index("ada.ipynb") == len(rows) - 1  # by last name
    text = words(found["index"])
    assert f"Homework recurrent submissions {len(rows)} mean" in text
    assert "2 MIS-29 lstm_gates You add one bias only. 1 ERR-57" in text
    assert "eve lstm_cell The code uses torch.nn.LSTMCell" in text and "dan.ipynb whole file The file" in text


TAGS = set(
    "html head meta link title style body main header footer section div p h1 h2 h3 span strong code wbr bdi "
    "a ol ul li pre time dl dt dd table thead tbody tr th td".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name rel href class style id aria-hidden aria-label aria-labelledby "
    "aria-sort tabindex role datetime scope".split()
)


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    roster = tmp_path / "students.csv"
    roster.write_text('file,id,name,email\n"<b>/0.py",<u>,"<i>x</i>, <script>",<a@b>\n')
    rows = [row("<b>/0.py"), *hostile_class(), row("f.py", question('f" onclick="hacked()', output="1"))]
    found = pages(tmp_path / "out", rows, roster)
    for path in found.values():
        page = Page(path)
        assert set(page.tags) <= TAGS and page.attributes <= ATTRIBUTES, path
        assert page.tags.count("style") == page.tags.count("title") == 1
        assert re.search(r"script-src|default-src 'none'", path.read_text("utf8"))
    for text, one in zip(HOSTILE_TEXTS, rows[1:-1], strict=True):
        if text.isprintable():
            said = Page(found[one["submission"]]).text
            assert said.count(text) >= 5  # in title and heading, as message, part, advice and output


@pytest.mark.parametrize("format", FOR_STUDENTS)
def test_what_a_program_printed_is_cut(format: str, tmp_path: Path) -> None:
    one = row("a.py", CLASS[1]["questions"][1] | {"output": "word " * 100_000})  # type: ignore[arg-type]
    for path in reports.write_reports(tmp_path, RUN, [one], [format]):
        assert path.stat().st_size < 20_000
    if format == "text":
        assert "[499,999 characters in all; the rest is left out]" in path.read_text("utf8")


def test_the_text_page_says_it_in_plain_words(tmp_path: Path) -> None:
    text = reports.write_reports(tmp_path, RUN, CLASS, ["text"])[1]
    assert text.read_text("utf8") == (
        "bob.py: 5 of 6 points\n\n"
        "lstm_gates: passed, 4 of 4 points\n"
        "✓ the input gate i\n✓ the forget gate f\n✓ the candidate g\n✓ the output gate o\n\n"
        "lstm_cell: not right yet, 1 of 2 points\n"
        "ERR-57: Squash the cell with tanh before the output gate.\n"
        "✗ the hidden state h\n✓ the cell state c\n"
        "Read again: equation eq-lstm-hidden in the section on the cell state.\n"
        "It printed:\ni tensor([[ #, #]])\nshape (2, 3)\n\n"
        "The code ran fully locked in.\n"
    )


def test_the_terminal_is_not_steered_by_students() -> None:
    console = Console(width=200, record=True, force_terminal=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        reports.show(console, [*CLASS, *hostile_class()])
    text = console.export_text(styles=False)
    assert "ERR-57: Squash the cell" in text and "bob.py  5/6" in text
    assert not {"\x1b", "\x08", "\u202e", "\x00"} & set(text)
