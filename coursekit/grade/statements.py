"""A cell of Python cut into its statements, each with the names it gives a value and the names it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from coursekit.grade.magics import plain_python
from coursekit.grade.names import names_in
from coursekit.grade.protocol import Block
from coursekit.grade.source_files import Cell

MAY_KEEP_A_VALUE = (
    ast.AugAssign,
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.Try,
    ast.TryStar,
    ast.With,
    ast.AsyncWith,
    ast.Match,
)


class Import(NamedTuple):
    """One name of an import: `from module import name as bound`, or `import module as bound`."""

    module: str  # with leading dots, if relative
    name: str | None  # "*" for all
    bound: str


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell."""

    block: Block
    unit: str  # the file it belongs to; names are looked up there first
    binds: frozenset[str]
    reads_now: frozenset[str]  # while it runs: decorators, defaults, right-hand sides
    reads_later: frozenset[str]  # when a function it defines is called
    changes: frozenset[str]  # whose value it may change without a new one: A[0] = 1, A.b = 1, A.append(1)
    imports: tuple[Import, ...]  # anywhere in it
    attributes: frozenset[str]  # a, b of x.a.b, anywhere in it
    always: bool  # a star import, which binds nobody knows what, or one from __future__
    perhaps: bool  # builds on the values its names had, or may leave them
    unwritten: bool  # a function that only raises NotImplementedError, as handed out


def parsed(source: str) -> tuple[str, list[ast.stmt]]:
    """A cell's text, without notebook commands where it has any, and its statements."""
    try:
        return source, ast.parse(source).body
    except SyntaxError:
        source = plain_python(source)
        return source, ast.parse(source).body


def cell_statements(cell: Cell, unit: str) -> Iterator[Statement]:
    """The statements of a cell in order, the names of an import one by one.

    What stands under `if __name__ == "__main__":` is as good as what stands outside: in a notebook it runs.
    """
    source, body = parsed(cell.source)
    lines = source.split("\n")
    for node in body:
        for inner in guarded(node):
            # under another condition, so that indented lines, and texts that span lines, stay as they are
            start = first_line(inner) - 1
            text = "if True:\n" + "\n".join(lines[start : inner.end_lineno])
            yield statement(Block(cell.name, start, text), inner, unit)
        if guarded(node):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom) and node.names[0].name != "*":
            for alias in node.names:
                one = single_import(node, alias)
                yield statement(Block(cell.name, node.lineno, ast.unparse(one)), one, unit)
        else:
            yield statement(Block(cell.name, first_line(node), text_of(node, lines)), node, unit)


def guarded(node: ast.stmt) -> list[ast.stmt]:
    """The statements under `if __name__ == "__main__":`; none for any other statement."""
    match node:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()]), body=body):
            return body if body[0].lineno > node.lineno else []
    return []


def single_import(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.Import | ast.ImportFrom:
    if isinstance(node, ast.Import):
        return ast.copy_location(ast.Import([alias]), node)
    return ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node)


def first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def text_of(node: ast.stmt, lines: list[str]) -> str:
    """The lines of a statement, without what stands beside it: `a = 1; b = 2` are two statements."""
    start, end = first_line(node), node.end_lineno or node.lineno
    text = lines[start - 1 : end]
    if node.end_col_offset is not None:  # columns count bytes; what follows a statement is ";" or a comment
        text[-1] = text[-1].encode()[: node.end_col_offset].decode()
    if start == node.lineno and node.col_offset:
        text[0] = text[0].encode()[node.col_offset :].decode()
    return "\n".join(text)


def statement(block: Block, node: ast.stmt, unit: str) -> Statement:
    names = names_in(node)
    always = isinstance(node, ast.ImportFrom) and (node.names[0].name == "*" or node.module == "__future__")
    return Statement(
        block,
        unit,
        frozenset(names.binds),
        frozenset(names.reads_now),
        frozenset(names.reads_later),
        frozenset(names.changes - names.binds),
        tuple(imported for inner in names.imports for imported in imports_of(inner)),
        frozenset(names.attributes),
        always,
        isinstance(node, MAY_KEEP_A_VALUE),
        is_unwritten(node),
    )


def imports_of(node: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield Import("." * node.level + (node.module or ""), alias.name, alias.asname or alias.name)
        else:
            yield Import(alias.name, None, alias.asname or alias.name.partition(".")[0])


def is_unwritten(node: ast.stmt) -> bool:
    match node:
        case ast.FunctionDef(body=[*before, ast.Raise(exc=ast.Call(func=ast.Name(id=name)))]):
            return name == "NotImplementedError" and all(isinstance(line, ast.Expr) for line in before)
    return False
