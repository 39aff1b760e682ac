"""Read a student's file, however it was saved, and find the statements that a function needs.

Nothing is executed here, and of a submission nothing else will be: the last definition of the function and,
in turn, what that reads: imports, helper functions, constants. Calls, prints and checks at the top of a
cell never run, unless a value that the function reads comes from them.
"""

from __future__ import annotations

import ast
import io
import json
import re
import symtable
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from coursekit.grade.protocol import Block

SUFFIXES = (".ipynb", ".py")
MAX_BYTES = 50 * 2**20  # of a file with all its pictures
MAX_CODE = 2**20  # characters of code
PYTHON_CELL_MAGICS = {"%%time", "%%timeit", "%%capture", "%%prun"}
MAGIC = re.compile(r"^([ \t]*)(?:([\w, ]+=)[ \t]*[%!]|[%!?]|[\w.]+\?{1,2}[ \t]*$)(?:.*\\\n)*.*$", re.M)
COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}
MAY_KEEP_A_VALUE = (ast.AugAssign, ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match)


class SubmissionError(ValueError):
    """A file that cannot be read; the message is a sentence for the student."""


class Cell(NamedTuple):
    name: str  # "code cell 3", or the file's name for a script
    source: str


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell, with the names it gives a value and the names it reads."""

    block: Block
    binds: frozenset[str]
    reads_now: frozenset[str]  # while it runs: decorators, defaults, right-hand sides
    reads_later: frozenset[str]  # when a function it defines is called
    always: bool  # a star import, which binds nobody knows what, or one from __future__
    perhaps: bool  # builds on the values its names had, or may leave them


class Submission(NamedTuple):
    statements: tuple[Statement, ...]
    skipped: tuple[str, ...]  # sentences on cells that are no Python


def read_submission(paths: Sequence[Path]) -> Submission:
    """One submission from its files, in their order: of a name defined twice, the later definition counts."""
    if not paths:
        raise SubmissionError("there is no .ipynb or .py file in this folder")
    statements: list[Statement] = []
    skipped: list[str] = []
    for path in paths:
        cells = cells_of(path, alone=len(paths) == 1)
        if sum(len(cell.source) for cell in cells) > MAX_CODE:
            raise SubmissionError("there is more code in the file than a person can have written")
        for cell in cells:
            try:
                statements += cell_statements(cell)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                place = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
                if len(paths) == 1 and path.suffix == ".py":
                    raise SubmissionError(f"the file is not valid Python{place}") from None
                skipped.append(f"{cell.name} is not valid Python{place} and was skipped")
    return Submission(tuple(statements), tuple(skipped))


# Files to cells


def cells_of(path: Path, alone: bool) -> list[Cell]:
    if path.suffix not in SUFFIXES:
        raise SubmissionError("the file is neither a notebook (.ipynb) nor a script (.py)")
    if path.suffix == ".py":
        return [Cell(path.name, decoded(path))]
    cells = notebook_cells(path)
    return cells if alone else [Cell(f"{path.name}, {cell.name}", cell.source) for cell in cells]


def decoded(path: Path) -> str:
    """The text of a file, with line feeds; understands byte-order marks and, in scripts, a coding comment."""
    try:
        if path.exists() and not path.is_file():  # a pipe, say, which nobody may ever write to
            raise SubmissionError("this is no ordinary file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise SubmissionError(
                f"the file has {size // 2**20} MB; at most {MAX_BYTES // 2**20} MB are read"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"the file cannot be opened: {error.strerror}") from None
    try:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            encoding = "utf-16"
        elif path.suffix == ".py":
            encoding = tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
        else:
            encoding = "utf-8-sig"
        text = raw.decode(encoding)
    except (UnicodeDecodeError, SyntaxError):
        raise SubmissionError("the file is not text in UTF-8") from None
    return with_line_feeds(text)


def with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def notebook_cells(path: Path) -> list[Cell]:
    """The code cells of a notebook of format 3 or 4."""
    text = decoded(path)
    if not text.strip():
        raise SubmissionError("the file is empty")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise SubmissionError(f"the file is not a notebook: it is no JSON{where}") from None
    try:
        language = notebook_language(content)
        sheets = content["worksheets"] if "worksheets" in content else [content]  # format 3 has sheets
        cells = [cell for sheet in sheets for cell in sheet["cells"] if cell["cell_type"] == "code"]
        sources = [cell["source"] if "source" in cell else cell["input"] for cell in cells]
        texts = [source if isinstance(source, str) else "".join(source) for source in sources]
    except (KeyError, TypeError, AttributeError):
        raise SubmissionError("the file is not a notebook: it has no list of cells") from None
    if not language.lower().startswith(("python", "ipython")):
        raise SubmissionError(f"the notebook is written in {language}, not in Python")
    return [Cell(f"code cell {number}", with_line_feeds(text)) for number, text in enumerate(texts, start=1)]


def notebook_language(content: dict[str, Any]) -> str:
    metadata = content.get("metadata", {})
    language = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language")
    return language if isinstance(language, str) and language else "python"


# Cells to statements


def without_magics(source: str) -> str:
    """Notebook commands (`%matplotlib`, `!pip`, `name?`) replaced line by line, so that line numbers stay."""
    first = source.lstrip().split(maxsplit=1)[0] if source.strip() else ""
    if first.startswith("%%") and first not in PYTHON_CELL_MAGICS:
        return ""

    def harmless(match: re.Match[str]) -> str:
        indent, target = match[1], match[2]
        return f"{indent}{target} None" if target else f"{indent}pass" + "\n" * match[0].count("\n")

    return MAGIC.sub(harmless, source)


def cell_statements(cell: Cell) -> Iterator[Statement]:
    """The statements of a cell in order; statements on the same line are one."""
    source = cell.source
    try:
        body = ast.parse(source).body
    except SyntaxError:
        source = without_magics(source)
        body = ast.parse(source).body
    lines = source.split("\n")
    groups: list[list[ast.stmt]] = []
    for node in body:
        if groups and first_line(node) <= last_line(groups[-1][-1]):
            groups[-1].append(node)
        else:
            groups.append([node])
    for nodes in groups:
        start = first_line(nodes[0])
        text = "\n".join(lines[start - 1 : last_line(nodes[-1])])
        yield statement(Block(cell.name, start, text), nodes)


def first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def statement(block: Block, nodes: list[ast.stmt]) -> Statement:
    top = symtable.symtable(block.source, block.file, "exec")
    now: set[str] = set()
    later: set[str] = set()

    def collect(table: symtable.SymbolTable, runs_now: bool) -> None:
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (table is top or symbol.is_global()):
                (now if runs_now else later).add(symbol.get_name())
        for child in table.get_children():
            waits = child.get_type() == "function" and child.get_name() not in COMPREHENSIONS
            collect(child, runs_now and not waits)

    collect(top, True)
    symbols = top.get_symbols()
    binds = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    always = any(node.names[0].name == "*" or node.module == "__future__" for node in imports)
    perhaps = any(isinstance(node, MAY_KEEP_A_VALUE) for node in nodes)
    return Statement(block, frozenset(binds), frozenset(now), frozenset(later), always, perhaps)


def needed_for(function: str, statements: tuple[Statement, ...]) -> tuple[Block, ...]:
    """The statements that define `function` and all it reads, in order; empty where nothing defines it."""
    everything = len(statements)
    chosen: set[int] = set()
    names = [(function, everything)]  # a name, and the statement before which it must have its value
    while names:
        name, before = names.pop()
        for k in reversed(range(before)):
            here = statements[k]
            if name not in here.binds:
                continue
            if k not in chosen:
                chosen.add(k)
                names += [(read, k) for read in here.reads_now]
                names += [(read, everything) for read in here.reads_later]
            if not here.perhaps:
                break
    if chosen:
        chosen |= {k for k, here in enumerate(statements) if here.always}
    return tuple(statements[k].block for k in sorted(chosen))


# What an exercise forbids


def forbidden_use(
    blocks: Iterable[Block], forbidden: tuple[str, ...], known: dict[str, str] | None = None
) -> str | None:
    """The first use of a forbidden name, e.g. "torch.nn.LSTMCell (code cell 2, line 5)", or None.

    `known` says what names from outside the blocks mean, e.g. {"nn": "torch.nn"}.
    """
    nodes = [(block, node) for block in blocks for node in ast.walk(ast.parse(block.source))]
    meaning = dict(known or {})
    for _, node in nodes:
        meaning |= imported(node)
    for block, node in nodes:
        for used in names_used(node, meaning):
            if any(used == name or used.startswith(name + ".") for name in forbidden):
                line = f"line {block.line + getattr(node, 'lineno', 1) - 1}"
                place = f"{block.file}, {line}" if block.file else line
                return f"{used.lstrip('.')} ({place})"
    return None


def imported(node: ast.AST) -> dict[str, str]:
    """The names that an import binds, and what they mean."""
    if isinstance(node, ast.ImportFrom) and node.module:
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    if not isinstance(node, ast.Import):
        return {}
    whole = {alias.asname: alias.name for alias in node.names if alias.asname}
    tops = {alias.name.partition(".")[0] for alias in node.names if not alias.asname}
    return whole | {top: top for top in tops}


def names_used(node: ast.AST, meaning: dict[str, str]) -> list[str]:
    """The dotted names that a node uses, with import aliases resolved; methods as ".name"."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Name):
        return [meaning[node.id]] if node.id in meaning else []
    if not isinstance(node, ast.Attribute):
        return []
    path, root = [node.attr], node.value
    while isinstance(root, ast.Attribute):
        path.append(root.attr)
        root = root.value
    method = "." + node.attr
    if isinstance(root, ast.Name) and root.id in meaning:
        return [".".join([meaning[root.id], *reversed(path)]), method]
    return [method]
