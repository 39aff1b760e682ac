"""Statistics of a class, against numpy and against counts made by hand."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from coursekit.grade import reports
from coursekit.grade.record import Row
from coursekit.grade.reports.statistics import MistakeCount, question_statistics

from .classes import CLASS, RUN, gates, question, row


def random_class(size: int) -> list[Row]:
    draw = random.Random(size)
    mistakes = ["ERR-38", "ERR-57", "MIS-29", None]
    return [
        row(
            f"s{k}.py",
            gates("failed", right=draw.sample(range(4), draw.randrange(5)), mistake=draw.choice(mistakes)),
            question(status="failed", right=draw.sample(range(2), draw.randrange(3))),
            question("other", draw.choice(["passed", "missing"])),
        )
        for k in range(size)
    ]


def test_counts_of_a_class_made_by_hand() -> None:
    first, second = question_statistics(CLASS)
    assert (first.id, first.submissions, first.attempts, first.passed) == ("recurrent.lstm_gates", 7, 6, 3)
    assert (second.id, second.submissions, second.attempts, second.passed) == ("recurrent.lstm_cell", 7, 6, 1)
    assert first.mean == pytest.approx((4 + 4 + 0 + 0 + 4 + 2 + 0) / 7) and first.max_score == 4
    assert first.share_passed == pytest.approx(3 / 7)
    assert first.mistakes == [MistakeCount("MIS-29", "You add one bias only.", 2)]
    assert [mistake.id for mistake in second.mistakes] == ["ERR-57"]


@pytest.mark.parametrize("size", [12, 30, 200])
def test_discrimination_is_the_correlation_with_the_rest(size: int) -> None:
    rows = random_class(size)
    scores = np.array([[asked["score"] for asked in one["questions"]] for one in rows])
    for k, found in enumerate(question_statistics(rows)):
        rest = scores.sum(1) - scores[:, k]
        assert found.discrimination == pytest.approx(np.corrcoef(scores[:, k], rest)[0, 1])


@pytest.mark.parametrize(
    "rows", [[row("a.py"), row("b.py", question(status="missing"))], [row("a.py", gates())] * 3]
)
def test_discrimination_that_is_not_defined_is_none(rows: list[Row]) -> None:
    assert [found.discrimination for found in question_statistics(rows)] == [None]


def test_mistakes_come_by_frequency() -> None:
    for found in question_statistics(random_class(200)):
        counts = [mistake.times for mistake in found.mistakes]
        assert counts == sorted(counts, reverse=True)


def test_the_files_say_the_same(tmp_path: Path) -> None:
    rows = random_class(40)
    page, table, data = reports.write_reports(tmp_path, RUN, rows, ["statistics"])
    numbers = question_statistics(rows)
    content = json.loads(data.read_text("ascii"))
    lines = list(csv.DictReader(table.read_text("utf8").splitlines()))
    html = page.read_text("utf8")
    for one, found in zip(content, numbers, strict=True):
        assert one["mean"] == pytest.approx(found.mean) and one["discrimination"] == pytest.approx(
            found.discrimination
        )
        whole, *of_mistakes = [line for line in lines if line["id"] == found.id]
        assert float(whole["mean"]) == pytest.approx(found.mean, abs=1e-4)
        assert float(whole["discrimination"]) == pytest.approx(found.discrimination, abs=1e-4)
        assert {line["mistake"]: int(line["count"]) for line in of_mistakes} == {
            m["id"]: m["times"] for m in one["mistakes"]
        }
        assert f"{found.mean:.2f} of {found.max_score:g}" in html and f"{found.share_passed:.0%}" in html
    assert "s0.py" not in html and RUN["seed"] not in html  # may be shown to anybody


def test_the_terminal_shows_every_exercise() -> None:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        reports.show_statistics(console, question_statistics(CLASS))
    text = console.export_text()
    assert "recurrent.lstm_gates" in text and "6/7" in text and "43%" in text and "MIS-29 (2)" in text


def test_no_submissions_make_no_statistics(tmp_path: Path) -> None:
    assert question_statistics([]) == []
    for path in reports.write_reports(
        tmp_path, RUN, [], [name for name in reports.FORMATS if name != "canvas"]
    ):
        assert path.stat().st_size
