"""Inside the built site every link resolves, nothing is loaded from elsewhere, every picture has a text."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from site_pages import ROOT, SITE, pages, target  # noqa: E402


def test_every_link_and_anchor_inside_the_site_resolves() -> None:
    faults = []
    for page in pages().values():
        for address in page.links + page.loads:
            found = target(page, address)
            if found is None:
                continue
            file, anchor = found
            if not file.exists():
                faults.append(f"{page.path.relative_to(SITE)}: {address} does not exist")
            elif anchor and anchor != "top" and file in pages() and anchor not in pages()[file].anchors:
                faults.append(f"{page.path.relative_to(SITE)}: {address} has no such anchor")
    assert faults == []


def test_nothing_is_loaded_from_outside() -> None:
    outside = [
        f"{page.path.relative_to(SITE)}: {address[:100]}"
        for page in pages().values()
        for address in page.loads
        if target(page, address) is None and not address.startswith("data:")
    ]
    assert outside == []


def test_every_picture_has_an_alternative_text() -> None:
    missing = {str(p.path.relative_to(SITE)): p.without_alt for p in pages().values() if p.without_alt}
    assert missing == {}


def test_every_equation_on_a_page_links_to_its_test() -> None:
    for page in pages().values():
        text = page.path.read_text("utf8")
        labels = re.findall(r'id="equation-(eq-[a-z0-9-]+)"', text)
        assert all(f"#check-{label}" in text for label in labels), page.path.name
    lstm = (SITE / "book" / "recurrent" / "30-lstm.html").read_text("utf8")
    assert "equation-eq-lstm-cell" in lstm


def test_the_syllabus_lists_every_topic_with_a_section_and_a_test() -> None:
    text = (SITE / "book" / "reference" / "syllabus.html").read_text("utf8")
    rows = re.findall(r'<tr[^>]*id="topic-([a-z]+-\d+)"(.*?)</tr>', text, re.S)
    claimed = re.findall(r"^([A-Z]+-\d+):", (ROOT / "book" / "topics.yml").read_text("utf8"), re.M)
    assert [topic.upper() for topic, _ in rows] == claimed and len(claimed) == len(set(claimed)) > 80
    for _, row in rows:
        assert row.count('href="') >= 2, row


def test_no_path_of_the_building_machine_is_published() -> None:
    for file in SITE.rglob("*"):
        if file.suffix in {".html", ".ipynb", ".js", ".txt", ".md"}:
            assert str(ROOT) not in file.read_text("utf8", "replace"), file.relative_to(SITE)


def test_no_answer_of_the_homework_is_published() -> None:
    """Neither the code between the marks nor an instructor's note stands anywhere in the students' site."""
    secrets = []
    for page in sorted((ROOT / "solutions").glob("*.md")):
        text = page.read_text("utf8")
        answers = re.findall(r"### BEGIN SOLUTION.*?\n(.*?)### END SOLUTION", text, re.S)
        notes = re.findall(r'^\+\+\+ \{"tags": \["solution"\]\}\n(.*?)^\+\+\+$', text, re.S | re.M)
        secrets += [
            line.strip() for block in answers + notes for line in block.splitlines() if len(line) > 40
        ]
    assert len(secrets) > 10
    for file in SITE.rglob("*"):
        if file.suffix in {".html", ".ipynb", ".js", ".txt", ".md"}:
            text = html.unescape(re.sub(r"<[^>]+>", "", file.read_text("utf8", "replace")))
            found = [secret for secret in secrets if secret in text]
            assert found == [], file.relative_to(SITE)
