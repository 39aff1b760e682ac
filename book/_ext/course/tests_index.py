"""Find the tests of the course by reading their source, so that no test has to run while pages are built."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[3] / "tests"
EQUATIONS = "book/equations"  # the folder, below TESTS, of the tests that bear an equation's label


@dataclass(frozen=True)
class Test:
    """One test function: its name, its file below the repository root, its source, the topics it checks."""

    name: str
    file: str
    source: str
    topics: tuple[str, ...]


def _topics(nodes: list[ast.expr]) -> Iterator[str]:
    """The arguments of every `pytest.mark.topic(...)` among decorators or the values of `pytestmark`."""
    for node in nodes:
        if isinstance(node, ast.List | ast.Tuple):
            yield from _topics(node.elts)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.topic":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)


def _module_topics(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from _topics([node.value])


def tests_in(path: Path) -> Iterator[Test]:
    text = path.read_text("utf8")
    tree, lines = ast.parse(text), text.splitlines()
    shared = tuple(_module_topics(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            source = "\n".join(lines[first - 1 : node.end_lineno])
            file = path.relative_to(TESTS.parent).as_posix()
            yield Test(node.name, file, source, (*shared, *_topics(node.decorator_list)))


def all_tests(folder: str = "") -> list[Test]:
    """The tests in a folder below `TESTS`, by default all of them."""
    return [test for path in sorted((TESTS / folder).rglob("test_*.py")) for test in tests_in(path)]


def equation_test_name(label: str) -> str:
    """`eq-lstm-cell` is checked by `test_eq_lstm_cell`."""
    return "test_" + label.replace("-", "_")
