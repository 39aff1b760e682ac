"""What an exercise forbids, found in the text of an answer, with the line that uses it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType

from coursekit.grade.linking import OWN, InModule
from coursekit.grade.meanings import Code, Use
from coursekit.grade.protocol import Block

HARMLESS = "coursekit.grade.check"  # looks at work and does none


def forbidden_use(
    blocks: Iterable[Block], forbidden: tuple[str, ...], known: Mapping[str, str] | None = None
) -> str | None:
    """The first use of a forbidden name, e.g. "torch.nn.LSTMCell (code cell 2, line 5)", or None.

    `forbidden` has dotted names, with all that lies below them, and methods as ".name". `known` says what
    names from outside the blocks mean, e.g. {"nn": "torch.nn"}.
    """
    code = Code(known or {})
    found: list[tuple[Block, list[Use]]] = []
    for block in blocks:
        inner = InModule.of(block)
        if inner is not None:
            block = Block(inner.file, 1, inner.text)
        found.append((block, code.read_module(ast.parse(block.source), inner.module if inner else OWN)))
    for block, uses in found:
        for use in uses:
            used = next((name for name in code.used(use) if is_forbidden(name, forbidden)), None)
            if used is not None:
                line = f"line {block.line + use.node.lineno - 1}"
                place = f"{block.file}, {line}" if block.file else line
                return f"{used.lstrip('.')} ({place})"
    return None


# Which names are forbidden


def is_forbidden(used: str, forbidden: tuple[str, ...]) -> bool:
    if below(used, HARMLESS):
        return False
    if used.startswith("."):
        return used in forbidden
    if any(below(used, name) for name in forbidden):
        return True
    top, *rest = used.split(".")
    modules, leaves = objects_of(forbidden)
    under_another_name = any((top, part) in leaves for part in rest)  # torch.nn.modules.LSTMCell
    return under_another_name or any(id(module) in modules for module in modules_along(used))


def below(used: str, name: str) -> bool:
    return used == name or used.startswith(name + ".")


@cache
def objects_of(forbidden: tuple[str, ...]) -> tuple[dict[int, ModuleType], set[tuple[str, str]]]:
    """The modules among forbidden names; of all others, the library and the last part of the name."""
    modules: dict[int, ModuleType] = {}
    leaves: set[tuple[str, str]] = set()
    for name in forbidden:
        along = modules_along(name)
        if len(along) == name.count(".") + 1:
            modules[id(along[-1])] = along[-1]
        elif along:
            leaves.add((name.partition(".")[0], name.rpartition(".")[2]))
    return modules, leaves


def modules_along(name: str) -> list[ModuleType]:
    """The modules that a dotted name passes, as far as they are loaded. Nothing is imported or run."""
    top, *rest = name.split(".")
    along: list[ModuleType] = []
    here: object = sys.modules.get(top)
    while isinstance(here, ModuleType):
        along.append(here)
        here = vars(here).get(rest.pop(0)) if rest else None
    return along
