"""The course teaches what it claims and tests what it teaches; the same checks stop the build of the site."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from course import tests_index  # noqa: E402
from course.tests_index import EQUATIONS, all_tests, equation_test_name  # noqa: E402

PAGES = [page for folder in ("book", "solutions") for page in sorted((ROOT / folder).rglob("*.md"))]
FENCE = re.compile(r"^```\{code-cell\}.*?^```$|^```[a-z]+$.*?^```$", re.S | re.M)
DISPLAY = re.compile(r"^\$\$\n.*?^\$\$(?P<label>[^\n]*)$", re.S | re.M)
LABEL = re.compile(r"^ \((?:eq|def)-[a-z0-9-]+\)$")
TOPICS = re.compile(r"^```\{topics\} (.+)$", re.M)


def prose(page: Path) -> str:
    """A page without its code, in which `$$` may mean something else."""
    return FENCE.sub("", page.read_text("utf8"))


def claimed() -> dict[str, str]:
    return yaml.safe_load((ROOT / "book" / "topics.yml").read_text("utf8"))


def taught() -> set[str]:
    return {topic for page in PAGES for ids in TOPICS.findall(prose(page)) for topic in ids.split()}


def test_every_claimed_topic_is_taught_and_tested() -> None:
    tested = {topic for test in all_tests() for topic in test.topics}
    missing = {
        topic: ("section",) * (topic not in taught()) + ("test",) * (topic not in tested)
        for topic in claimed()
    }
    assert {topic: what for topic, what in missing.items() if what} == {}


def test_no_section_teaches_a_topic_that_is_not_claimed() -> None:
    assert taught() <= claimed().keys()


def test_the_lstm_unit_is_claimed_whole() -> None:
    assert {f"RNN-{number}" for number in range(30, 51)} <= claimed().keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_displayed_equation_has_a_label(page: Path) -> None:
    unlabelled = [
        match.group(0)[:60] for match in DISPLAY.finditer(prose(page)) if not LABEL.match(match["label"])
    ]
    assert unlabelled == []
    assert prose(page).count("$$") == 2 * len(DISPLAY.findall(prose(page))), "write $$ on lines of their own"


def test_every_equation_has_its_test_and_every_equation_test_its_equation() -> None:
    labels = {
        match["label"].strip(" ()") for page in PAGES for match in DISPLAY.finditer(prose(page))
    }  # fmt: skip
    equations = {equation_test_name(label) for label in labels if label.startswith("eq-")}
    tests = {test.name for test in all_tests(EQUATIONS) if test.name.startswith("test_eq_")}
    assert equations == tests


def test_the_index_reads_names_sources_and_topics() -> None:
    file = tests_index.TESTS / EQUATIONS / "test_lstm.py"
    found = {test.name: test for test in tests_index.tests_in(file)}
    assert found["test_eq_lstm_cell"].topics == ("RNN-35",)
    assert found["test_eq_lstm_cell"].source.startswith('@pytest.mark.topic("RNN-35")\ndef test_eq_lstm_cell')
