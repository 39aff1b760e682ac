"""Every displayed equation has a label and a test that bears it.

`eq-...` is an equation the package computes: `tests/book/equations` holds a function `test_eq_...` that
evaluates it, the page links to that test, and the directive `equation-tests` prints them all. `def-...` marks
a definition that nothing computes. Anything else is a warning, hence a failed build.
"""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from . import tests_index
from .tests_index import EQUATIONS, all_tests, equation_test_name

log = logging.getLogger(__name__)


def _collected(env: BuildEnvironment) -> dict[str, list[str]]:
    """The labels `eq-...` of each page, in order."""
    if not hasattr(env, "course_equations"):
        env.course_equations = {}
    return env.course_equations


def anchor(label: str) -> str:
    return "check-" + label


def collect(app: Sphinx, doctree: nodes.document) -> None:
    docname, labels = app.env.docname, []
    for node in doctree.findall(nodes.math_block):
        label = node.get("label")
        if not label or not label.startswith(("eq-", "def-")):
            shown = " ".join(node.astext().split())[:60]
            log.warning(
                "displayed equation %r has no label that starts with 'eq-' or 'def-': %s", label or "", shown,
                location=node, type="course", subtype="equation",
            )  # fmt: skip
        elif label.startswith("eq-"):
            labels.append(label)
    _collected(app.env)[docname] = labels


def purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _collected(env).pop(docname, None)


def check(app: Sphinx, env: BuildEnvironment) -> None:
    names = {test.name for test in all_tests(EQUATIONS)}
    shown = {label: page for page, labels in _collected(env).items() for label in labels}
    for label, page in shown.items():
        if equation_test_name(label) not in names:
            log.warning(
                "equation %s has no test: write %s in tests/book/equations", label, equation_test_name(label),
                location=page, type="course", subtype="equation",
            )  # fmt: skip
    for name in sorted(names - {equation_test_name(label) for label in shown}):
        if name.startswith("test_eq_"):
            log.warning("%s checks an equation that no page shows", name, type="course", subtype="equation")


class EquationTests(SphinxDirective):
    """Print the source of every equation's test, each under an anchor that the equation links to."""

    def run(self) -> list[nodes.Node]:
        self.env.course_equation_page = self.env.docname
        result: list[nodes.Node] = []
        for test in all_tests(EQUATIONS):
            self.env.note_dependency(str(tests_index.TESTS.parent / test.file))
            if not test.name.startswith("test_eq_"):
                continue
            label = test.name.removeprefix("test_").replace("_", "-")
            holder = nodes.container(ids=[anchor(label)], classes=["equation-test"])
            reference = addnodes.pending_xref(
                "", nodes.inline(text=label), refdomain="math", reftype="eq", reftarget=label,
                refdoc=self.env.docname,
            )  # fmt: skip
            holder += nodes.paragraph("", "Equation ", reference, nodes.Text(", "), nodes.literal(text=label))
            holder += nodes.literal_block(test.source, test.source, language="python")
            result.append(holder)
        return result


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Below each equation, a link to its test."""
    page = getattr(app.env, "course_equation_page", None)
    if app.builder.format != "html" or page is None:
        return
    base = app.builder.get_relative_uri(docname, page)
    for node in list(doctree.findall(nodes.math_block)):
        label = node.get("label") or ""
        if label.startswith("eq-"):
            text = nodes.Text("tested")
            reference = nodes.reference("", "", text, internal=True, refuri=f"{base}#{anchor(label)}")
            reference["reftitle"] = f"The test that evaluates {label}"
            line = nodes.paragraph("", "", reference, classes=["equation-link"])
            node.parent.insert(node.parent.index(node) + 1, line)


def setup(app: Sphinx) -> None:
    app.add_directive("equation-tests", EquationTests)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", purge)
    app.connect("env-check-consistency", check)
    app.connect("doctree-resolved", link)
