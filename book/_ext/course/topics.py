"""Which section teaches which topic, and which test checks it.

A section says `{topics} RNN-31 RNN-32`; `book/topics.yml` names the topics that the course claims to teach;
the directive `syllabus` lists each with its sections and tests. It is a warning, hence a failed build, when a
topic is claimed but not taught or not tested, or taught but not claimed.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from .equations import anchor
from .tests_index import Test, all_tests

log = logging.getLogger(__name__)
CLAIMED = Path(__file__).resolve().parents[2] / "topics.yml"


class Place(NamedTuple):
    """A section that teaches a topic."""

    topic: str
    section: str  # its anchor
    title: str


class topics_note(nodes.container):
    """The line under a heading that names the section's topics."""


class syllabus_table(nodes.General, nodes.Element):
    """Where the syllabus goes once every page has been read."""


def claimed() -> dict[str, str]:
    """Topic ID to title, in the order of the course."""
    return yaml.safe_load(CLAIMED.read_text("utf8"))


def _places(env: BuildEnvironment) -> dict[str, list[Place]]:
    if not hasattr(env, "course_topics"):
        env.course_topics = {}
    return env.course_topics


class Topics(SphinxDirective):
    """The topics a section teaches."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        ids = self.arguments[0].split()
        line = nodes.paragraph()
        for position, topic in enumerate(ids):
            line += nodes.Text(" · " if position else "")
            line += addnodes.pending_xref(
                "", nodes.inline(text=topic), refdomain="std", reftype="ref",
                reftarget="topic-" + topic.lower(), refexplicit=True, refwarn=True, refdoc=self.env.docname,
            )  # fmt: skip
        note = topics_note("", line, classes=["topics"])
        note["topics"] = ids
        self.set_source_info(note)
        return [note]


class Syllabus(SphinxDirective):
    """A table of all topics with their sections and tests."""

    def run(self) -> list[nodes.Node]:
        self.env.course_syllabus = self.env.docname
        self.env.note_dependency(str(CLAIMED))
        labels = self.env.domaindata["std"]["anonlabels"]
        for topic in claimed():
            label = "topic-" + topic.lower()
            labels[label] = (self.env.docname, label)
        return [syllabus_table()]


def collect(app: Sphinx, doctree: nodes.document) -> None:
    places = []
    for note in doctree.findall(topics_note):
        section = note.parent
        while not isinstance(section, nodes.section):
            section = section.parent
        title = next(section.findall(nodes.title)).astext()
        places += [Place(topic, section["ids"][0], title) for topic in note["topics"]]
    _places(app.env)[app.env.docname] = places


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _places(env).pop(docname, None)


def check(app: Sphinx, env: BuildEnvironment) -> None:
    titles = claimed()
    taught = {place.topic for places in _places(env).values() for place in places}
    tested = {topic for test in all_tests() for topic in test.topics}
    for topic in titles:
        if topic not in taught:
            log.warning("topic %s is claimed in topics.yml, but no section teaches it", topic, type="course")
        if topic not in tested:
            log.warning("topic %s is claimed in topics.yml, but no test checks it", topic, type="course")
    for topic in sorted(taught - titles.keys()):
        log.warning("topic %s is taught, but topics.yml does not claim it", topic, type="course")


def refresh(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The syllabus depends on every other page, so it is always set again."""
    return [env.course_syllabus] if hasattr(env, "course_syllabus") else []


def _links(app: Sphinx, source: str, places: list[tuple[str, Place]]) -> nodes.paragraph:
    line = nodes.paragraph()
    for position, (page, place) in enumerate(places):
        line += nodes.Text(", " if position else "")
        uri = f"{app.builder.get_relative_uri(source, page)}#{place.section}"
        line += nodes.reference("", "", nodes.Text(place.title), internal=True, refuri=uri)
    return line


def _spoken(name: str) -> str:
    """A test's name as words, or as the label of its equation."""
    words = name.removeprefix("test_")
    return words.replace("_", "-" if words.startswith("eq_") else " ")


def _test_links(app: Sphinx, source: str, tests: list[Test]) -> nodes.paragraph:
    line = nodes.paragraph()
    options = app.config.html_theme_options
    repository = f"{options['repository_url']}/blob/{options.get('repository_branch', 'main')}"
    for position, test in enumerate(tests):
        line += nodes.Text(" · " if position else "")
        if test.name.startswith("test_eq_"):
            label = test.name.removeprefix("test_").replace("_", "-")
            uri = f"{app.builder.get_relative_uri(source, app.env.course_equation_page)}#{anchor(label)}"
        else:
            uri = f"{repository}/{test.file}"
        line += nodes.reference("", "", nodes.Text(_spoken(test.name)), refuri=uri)
    return line


def _row(*cells: nodes.Node | str, row_id: str | None = None) -> nodes.row:
    row = nodes.row(ids=[row_id] if row_id else [])
    for cell in cells:
        row += nodes.entry("", nodes.paragraph(text=cell) if isinstance(cell, str) else cell)
    return row


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for place_holder in list(doctree.findall(syllabus_table)):
        tests = all_tests()
        head, body = nodes.thead("", _row("Topic", "Taught in", "Checked by")), nodes.tbody()
        for topic, title in claimed().items():
            places = [
                (page, p) for page, found in _places(app.env).items() for p in found if p.topic == topic
            ]
            checks = [test for test in tests if topic in test.topics]
            name = nodes.paragraph("", "", nodes.strong(text=topic), nodes.Text(" " + title))
            cells = (name, _links(app, docname, places), _test_links(app, docname, checks))
            body += _row(*cells, row_id="topic-" + topic.lower())
        group = nodes.tgroup(
            "", *(nodes.colspec(colwidth=width) for width in (30, 30, 40)), head, body, cols=3
        )
        place_holder.replace_self(nodes.table("", group, classes=["syllabus"]))


def setup(app: Sphinx) -> None:
    app.add_node(
        topics_note,
        html=(lambda self, node: self.visit_container(node), lambda self, node: self.depart_container(node)),
    )
    app.add_node(syllabus_table)
    app.add_directive("topics", Topics)
    app.add_directive("syllabus", Syllabus)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", purge)
    app.connect("env-check-consistency", check)
    app.connect("env-updated", refresh)
    app.connect("doctree-resolved", fill)
