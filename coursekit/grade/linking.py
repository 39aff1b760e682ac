"""From the statements of a submission to the blocks that define one function, in the order they run.

Names are found as Python finds them: in the function's own file first, at the place where they are read or,
from inside a function, at the end. A file that another imports becomes a module of its own in the process
that runs the blocks, with the statements that are needed of it. What neither a file nor its imports define is
looked for in the student's other files, as after `%run`, or where a second notebook goes on from the first.

All of it takes time in proportion to the number of statements: of a chain of a thousand `a += 1`, none is
looked at twice.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from coursekit.grade.protocol import Block
from coursekit.grade.statements import Import, Statement

OWN = ""  # the space of names of the submission itself; a module's is called as it is imported
END = sys.maxsize
THIRD_PARTY = {"coursekit", "torch", "numpy", "matplotlib", "scipy", "sklearn", "pandas"}
LIBRARIES = sys.stdlib_module_names | THIRD_PARTY  # a file of the same name does not stand for them
OF_NOTEBOOKS = {"get_ipython", "display"}  # there without an import
RELATIVE = re.compile(r"from \.+(\S*) import (\w+(?: as \w+)?)\Z")
BUILTIN = frozenset(dir(builtins))

# The grader's worker has no coursekit, and no notebook around it. What was only there to look at the work
# (`from coursekit.grade import check`) does nothing then; an answer that leans on it is flagged before.
STAND_IN = """
import builtins, sys, types

class StandIn(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments, **options):
        return self

sys.modules.update({{name: StandIn(name) for name in {modules!r}}})
vars(builtins).update({{name: StandIn(name) for name in {names!r}}})
"""
IN_MODULE = (
    "exec(compile({text!r}, {file!r}, 'exec'), __import__('sys').modules"
    ".setdefault({module!r}, type(__import__('sys'))({module!r})).__dict__)"
)


class InModule(NamedTuple):
    """Code that runs in a module of the submission: a block with it, and back."""

    module: str
    file: str
    text: str  # with empty lines before it, so that messages name the student's line

    def block(self) -> Block:
        return Block(self.file, 1, IN_MODULE.format(**self._asdict()))

    @classmethod
    def of(cls, block: Block) -> InModule | None:
        """What a block runs in a module; None for a block of the submission's own."""
        if not block.source.startswith("exec(compile("):
            return None
        match ast.parse(block.source, mode="eval").body:
            case ast.Call(
                args=[
                    ast.Call(args=[ast.Constant(value=str(text)), ast.Constant(value=str(file)), _]),
                    ast.Attribute(value=ast.Call(args=[ast.Constant(value=str(module)), _])),
                ]
            ):
                found = cls(module, file, text)
                return found if found.block() == block else None
        return None


class Unit:
    """The statements of one file, and where in it names get their values."""

    def __init__(self, name: str) -> None:
        path = PurePosixPath(name).with_suffix("")
        self.parts = path.parts[:-1] if path.name == "__init__" and path.parent.name else path.parts
        self.statements: list[Statement] = []
        self.binders: dict[str, list[int]] = {}
        self.changers: dict[str, list[int]] = {}
        self.imported: set[str] = set()
        self.attributes: set[str] = set()
        self.stars: dict[str, int] = {}  # modules of star imports

    def add(self, statement: Statement) -> None:
        number = len(self.statements)
        self.statements.append(statement)
        for name in statement.binds:
            self.binders.setdefault(name, []).append(number)
        for name in statement.changes:
            self.changers.setdefault(name, []).append(number)
        self.imported |= {one.bound for one in statement.imports}
        self.attributes |= statement.attributes
        self.stars |= {one.module: number for one in statement.imports if one.name == "*"}

    def writes(self, function: str) -> bool:
        """Whether a function is defined here, and not only as it was handed out."""
        return not self.statements[self.binders[function][-1]].unwritten


class Want(NamedTuple):
    """A name that code in a space of names reads, and the statement of its file that it must stand before."""

    space: str
    unit: str
    name: str
    before: int


class Linker:
    """Collects what a function needs; `blocks` then gives it in order."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.units: dict[str, Unit] = {}
        for statement in statements:
            if statement.unit not in self.units:
                self.units[statement.unit] = Unit(statement.unit)
            self.units[statement.unit].add(statement)
        self.homes: dict[str, list[str]] = {}  # a name, and the units that define it
        self.called: dict[str, list[str]] = {}  # the last part of a module's name, and the units called so
        for name, unit in self.units.items():
            self.called.setdefault(unit.parts[-1], []).append(name)
            for bound in unit.binders:
                self.homes.setdefault(bound, []).append(name)
        self.chosen: dict[str, set[tuple[str, int]]] = {}  # a space of names, and its units and statements
        self.modules: dict[str, str] = {}  # the modules that are imported, and their units
        self.imports: dict[str, list[str]] = {}  # a space of names, and the modules that it imports
        self.stand_ins: dict[str, None] = {}  # names of notebooks
        self.done: set[Want] = set()
        self.todo: list[Want] = []

    def link(self, function: str) -> tuple[Block, ...]:
        """What defines a function and all it reads, in order; empty where nothing defines it."""
        homes = self.homes.get(function)
        if not homes:
            return ()
        written = [name for name in homes if self.units[name].writes(function)]
        self.modules[OWN] = (written or homes)[-1]
        self.todo.append(Want(OWN, self.modules[OWN], function, END))
        while self.todo:
            self.find(self.todo.pop())
        blocks = (block for space in self.in_order(OWN, set()) for block in self.blocks(space))
        return (*self.stand_in_blocks(), *blocks)

    # Names to statements

    def find(self, want: Want) -> None:
        """Choose the statements that give a name its value: the last one, and those that it may build on."""
        unit = self.units[want.unit]
        binders = unit.binders.get(want.name, [])
        end = bisect_left(binders, want.before)
        if end == 0:
            self.find_elsewhere(want)
            return
        start = end - 1
        while start > 0 and unit.statements[binders[start]].perhaps:
            if self.is_done(want, binders[start]):
                break  # so are those above it
            start -= 1
        self.choose_down(want, binders[start:end])
        if want.name not in unit.imported:  # a setting of a library is no value of the student's
            changers = unit.changers.get(want.name, [])
            after, before = bisect_left(changers, binders[start]), bisect_left(changers, want.before)
            self.choose_down(want, changers[after:before])

    def is_done(self, want: Want, number: int) -> bool:
        return want._replace(before=number) in self.done

    def choose_down(self, want: Want, numbers: list[int]) -> None:
        """Choose the last statement and so on to the first, or to one that was reached on this way before."""
        for number in reversed(numbers):
            if self.is_done(want, number):
                return
            self.done.add(want._replace(before=number))
            self.choose(want.space, want.unit, number)

    def choose(self, space: str, unit: str, number: int) -> None:
        chosen = self.chosen.setdefault(space, set())
        if (unit, number) in chosen:
            return
        chosen.add((unit, number))
        statement = self.units[unit].statements[number]
        self.todo += [Want(space, unit, name, number) for name in statement.reads_now]
        self.todo += [Want(space, unit, name, END) for name in statement.reads_later]
        for one in statement.imports:
            self.follow(space, unit, one)

    def find_elsewhere(self, want: Want) -> None:
        """A name that its own file does not define: by a star import, in another file, or nowhere."""
        if want.name in BUILTIN or want._replace(before=END) in self.done:
            return
        self.done.add(want._replace(before=END))
        for module, number in self.units[want.unit].stars.items():
            sibling = self.sibling(want.unit, module)
            if sibling is None and module.partition(".")[0] == "coursekit":
                if module not in sys.modules or hasattr(sys.modules[module], want.name):
                    self.choose(want.space, want.unit, number)
            elif sibling is not None and want.name in self.units[sibling].binders:
                self.choose(want.space, want.unit, number)
                self.need(want.space, module, sibling, [want.name])
                return
        others = [name for name in self.homes.get(want.name, []) if name != want.unit]
        if others:
            self.todo.append(Want(want.space, others[-1], want.name, END))
        elif want.name in OF_NOTEBOOKS:
            self.stand_ins[want.name] = None

    # Imports of a student's own files

    def follow(self, space: str, unit: str, one: Import) -> None:
        """Make modules of the student's files that an import names."""
        module = absolute(one.module, space)
        sibling = self.sibling(unit, module)
        if sibling is not None and one.name is None:
            self.need(space, module, sibling, self.used_of(unit, sibling))
        elif sibling is not None and one.name in self.units[sibling].binders:
            self.need(space, module, sibling, [one.name])
        elif one.name is not None:  # a file of a folder: `from tools import helpers`
            inner = f"{module}.{one.name}".lstrip(".")
            sibling = self.sibling(unit, inner)
            if sibling is not None:
                self.need(space, inner, sibling, self.used_of(unit, sibling))

    def used_of(self, unit: str, module: str) -> list[str]:
        """The names of a module that a file can mean by `module.name`."""
        binders = self.units[module].binders
        return [name for name in sorted(self.units[unit].attributes) if name in binders]

    def need(self, space: str, module: str, unit: str, names: list[str]) -> None:
        self.modules[module] = unit
        self.imports.setdefault(space, []).append(module)
        self.todo += [Want(module, unit, name, END) for name in names]

    def sibling(self, unit: str, module: str) -> str | None:
        """The student's file that an import in one of them means: of several, one in the same folder."""
        parts = tuple(module.split("."))
        if parts[0] in LIBRARIES:
            return None
        folder = self.units[unit].parts[:-1]
        called = [name for name in self.called.get(parts[-1], []) if name != unit]
        fits = [name for name in called if self.units[name].parts[-len(parts) :] == parts]
        beside = [name for name in fits if self.units[name].parts == (*folder, *parts)]
        return next(iter(beside or fits), None)

    # Statements to blocks

    def in_order(self, space: str, seen: set[str]) -> Iterator[str]:
        """The modules that a space of names imports, and theirs, each before what imports it."""
        seen.add(space)
        for module in self.imports.get(space, ()):
            if module not in seen:
                yield from self.in_order(module, seen)
        yield space

    def blocks(self, space: str) -> Iterator[Block]:
        """The statements that run in a space of names; those of other files come first."""
        home = self.modules[space]
        numbers: dict[str, set[int]] = {}
        for unit, number in self.chosen.get(space, ()):
            numbers.setdefault(unit, set()).add(number)
        for name in sorted(numbers, key=lambda name: (name == home, list(self.units).index(name))):
            statements = self.units[name].statements
            always = {k for k, statement in enumerate(statements) if self.is_always(name, statement)}
            for number in sorted(numbers[name] | always):
                block = statements[number].block
                if space == OWN:
                    yield block._replace(source=without_dots(block.source))
                else:
                    yield InModule(space, block.file, "\n" * (block.line - 1) + block.source).block()
        folder, _, name = space.rpartition(".")
        if folder:  # `import folder.name` also gives folder its attribute
            yield InModule(folder, "", f"from {folder} import {name}").block()

    def is_always(self, unit: str, statement: Statement) -> bool:
        """Whether a statement runs with any of its file: a setting, or a star import from a library."""
        return statement.always and not any(
            one.name == "*" and (one.module.startswith("coursekit") or self.sibling(unit, one.module))
            for one in statement.imports
        )

    def stand_in_blocks(self) -> Iterator[Block]:
        """What stands for coursekit and for the notebook, where the chosen statements mention them."""
        statements = (self.units[u].statements[k] for chosen in self.chosen.values() for u, k in chosen)
        imported = {one.module for statement in statements for one in statement.imports}
        modules = {module for module in imported if module.partition(".")[0] == "coursekit"}
        whole = sorted({above for module in modules for above in (module, *parents(module))})
        if whole or self.stand_ins:
            text = STAND_IN.format(modules=whole, names=list(self.stand_ins))
            yield InModule("stand_ins", "stand_ins", text).block()


def absolute(module: str, space: str) -> str:
    """The name of a module without the dots of a relative import from another module."""
    name = module.lstrip(".")
    folders = space.split(".")
    above = folders[: len(folders) - (len(module) - len(name))] if module != name else []
    return ".".join([*above, *([name] if name else [])])


def without_dots(source: str) -> str:
    """A relative import as one that works outside a package, where the modules of a submission are."""
    dots = RELATIVE.match(source)
    if dots is None:
        return source
    return f"from {dots[1]} import {dots[2]}" if dots[1] else f"import {dots[2]}"


def parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:k]) for k in range(1, len(parts))]
