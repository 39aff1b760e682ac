"""What the names in a piece of code stand for, worked out from its text alone.

A name counts for what it means, not for how it is written: through imports and their aliases, variables that
hold a module, `getattr` with a text that can be worked out, `importlib`, `vars`, the text of an `eval`. A
function of the student's own called `lstm_cell` means nothing but itself. What only running can tell, such as
`getattr(torch, input())`, means nothing here; the process that runs the code looks out for it.

The text may be hostile, so time is bounded: a name in a scope and an expression are worked out once, have at
most `MAX_MEANINGS` meanings, no text longer than `MAX_TEXT`, and of the texts of `eval` and `exec` no more
than `MAX_INNER` characters are read. What is nested too deeply to be worked out means nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from typing import NamedTuple

from coursekit.grade.linking import BUILTIN, OWN
from coursekit.grade.names import children

OWN_CLASS = "class "  # before the name of a student's class; no dotted name begins so
MAX_TEXT = 10_000
MAX_INNER = 100_000
MAX_MEANINGS = 16
MAX_PATH = 200

GET = {"builtins.getattr", "builtins.hasattr", "inspect.getattr_static"}
IMPORT = {"importlib.import_module", "importlib.__import__", "builtins.__import__"}
RUN = {"builtins.eval", "builtins.exec", "builtins.compile"}
GETTER = "operator.attrgetter"
LOOK_UP = (".get", ".pop", ".__getitem__")  # of a dictionary
PLAIN = {ast.BinOp, ast.Call, ast.Compare, ast.Expr, ast.Return, ast.Subscript, ast.Tuple}  # bind nothing
DOTTED = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(eq=False)
class Scope:
    """A piece of code with names of its own; what they stand for is worked out when asked."""

    parent: Scope | None
    own_class: str = ""  # what its methods' first argument means
    values: dict[str, list[tuple[ast.expr, Scope]]] = field(default_factory=dict)  # expressions assigned
    meanings: dict[str, set[str]] = field(default_factory=dict)  # from imports and classes
    stars: list[str] = field(default_factory=list)
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal

    def bind(self, name: str, value: ast.expr | None = None, scope: Scope | None = None) -> None:
        home = self.parent if name in self.outer and self.parent is not None else self
        values = home.values.setdefault(name, [])
        if value is not None:
            values.append((value, scope or self))

    def mean(self, name: str, meaning: str) -> None:
        self.bind(name)
        self.meanings.setdefault(name, set()).add(meaning)

    @property
    def top(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def home(self, name: str) -> Scope | None:
        """The scope in which a name that is read here is bound."""
        scope: Scope | None = self
        while scope is not None:
            visible = scope is self or not scope.own_class  # methods do not see the names of their class
            if visible and name in scope.values:
                return scope
            scope = scope.parent
        return None


class Use(NamedTuple):
    """A node that may use something."""

    node: ast.expr
    scope: Scope


class Code:
    """The code of an answer: `read` takes it in, `used` says what a node of it uses."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.modules: dict[str, Scope] = {}
        self.classes: dict[str, Scope] = {}
        self.memory: dict[object, tuple[str, ...]] = {}
        self.inner = 0  # characters of code in texts

    def read_module(self, tree: ast.Module, module: str) -> list[Use]:
        return self.read(tree, self.modules.setdefault(module, Scope(None)))

    def read(self, tree: ast.AST, scope: Scope) -> list[Use]:
        """The nodes that may use something, in the order of the text."""
        uses: list[Use] = []
        todo = [(tree, scope)]
        while todo:
            node, scope = todo.pop()
            if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
                uses.append(Use(node, scope))
            todo += reversed(self.parts(node, scope))
        return uses

    def parts(self, node: ast.AST, scope: Scope) -> list[tuple[ast.AST, Scope]]:
        """Note what a node binds; what is left to read in it. Annotations use nothing."""
        inner = scope
        match node:
            case _ if type(node) in PLAIN:
                pass
            case ast.Import():
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    scope.mean(alias.asname or top, alias.name if alias.asname else top)
            case ast.ImportFrom(module=str(module), level=0):
                for alias in node.names:
                    if alias.name == "*":
                        scope.stars.append(module)
                    else:
                        scope.mean(alias.asname or alias.name, f"{module}.{alias.name}")
            case ast.Name(ctx=ast.Store()):
                scope.bind(node.id)
            case ast.Name() | ast.Constant():
                return []
            case ast.Attribute():
                root: ast.expr = node
                while isinstance(root, ast.Attribute):
                    root = root.value
                return [] if isinstance(root, ast.Name) else [(root, scope)]
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    assign(target, value, scope)
            case ast.AnnAssign(target=target, value=given):
                if given is not None:
                    assign(target, given, scope)
                return [(part, scope) for part in (target, given) if part is not None]
            case ast.NamedExpr(target=target, value=value):
                assign(target, value, scope)
            case ast.For(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values)):
                for value in values:
                    assign(target, value, scope)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                scope.outer |= set(names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                scope.bind(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                scope.bind(name)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inner = Scope(scope)
                for one in node.generators:  # the names come before what uses them
                    for value in one.iter.elts if isinstance(one.iter, ast.Tuple | ast.List) else ():
                        assign(one.target, value, inner)
            case ast.ClassDef():
                own = f"{OWN_CLASS}{node.name}"
                scope.mean(node.name, own)
                inner = self.classes[own] = Scope(scope, own)
                outside = [*node.decorator_list, *node.bases, *node.keywords]
                return [*((part, scope) for part in outside), *((part, inner) for part in node.body)]
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return function_parts(node, scope)
        return [(child, inner) for child in children(node)]

    # Uses

    def used(self, use: Use) -> list[str]:
        """The dotted names that a node uses, and the methods as ".name"."""
        try:
            return list(self.names_used(*use))
        except RecursionError:
            return []

    def names_used(self, node: ast.expr, scope: Scope) -> Iterator[str]:
        match node:
            case ast.Name(ctx=ast.Load()) | ast.Subscript():
                yield from self.meaning(node, scope)
            case ast.Attribute():
                yield from self.meaning(node, scope)
                here: ast.expr = node
                while isinstance(here, ast.Attribute):
                    if not self.is_own(here.value, here.attr, scope):
                        yield "." + here.attr
                    here = here.value
            case ast.Call():
                yield from self.meaning(node, scope)
                called = self.meaning(node.func, scope)
                if GET.intersection(called) and len(node.args) > 1:
                    yield from ("." + text for text in self.texts(node.args[1], scope))
                if RUN.intersection(called) and node.args:
                    for text in self.texts(node.args[0], scope, hole=" _ "):
                        yield from self.used_in_text(text, scope)

    def used_in_text(self, text: str, scope: Scope) -> Iterator[str]:
        self.inner += len(text)
        if self.inner > MAX_INNER:
            return
        try:
            uses = self.read(ast.parse(text.strip()), Scope(scope))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            yield from DOTTED.findall(text)
            return
        for use in uses:
            yield from self.names_used(*use)

    def is_own(self, value: ast.expr, attribute: str, scope: Scope) -> bool:
        """Whether an attribute is one that a class of the student's defines."""
        classes = [self.classes[own] for own in self.meaning(value, scope) if own in self.classes]
        return any(attribute in inner.values for inner in classes)

    # Meanings

    def meaning(self, node: ast.expr, scope: Scope) -> tuple[str, ...]:
        """The dotted names that an expression may stand for."""
        return self.once(("meaning", node), lambda: self.worked_out(node, scope))

    def once(self, key: object, work: Callable[[], Iterable[str]]) -> tuple[str, ...]:
        """Work something out the first time; while that goes on, as in `a = a.b`, it is nothing."""
        if key not in self.memory:
            self.memory[key] = ()
            self.memory[key] = tuple(dict.fromkeys(islice(work(), MAX_MEANINGS)))
        return self.memory[key]

    def worked_out(self, node: ast.expr, scope: Scope) -> Iterator[str]:
        match node:
            case ast.Name(id=name):
                home = scope.home(name) or scope.top
                yield from self.once(("name", home, name), lambda: self.named(name, home))
            case ast.Attribute(value=value, attr=name):
                for base in self.meaning(value, scope):
                    yield from self.member(base, name)
            case ast.IfExp(body=one, orelse=other):
                yield from (*self.meaning(one, scope), *self.meaning(other, scope))
            case ast.NamedExpr(value=value):
                yield from self.meaning(value, scope)
            case ast.Subscript(value=value, slice=index):
                for base in self.meaning(value, scope):
                    yield from self.looked_up(base, index, scope)
            case ast.Call(func=function, args=arguments):
                for called in self.meaning(function, scope):
                    yield from self.returned(called, arguments, scope)

    def named(self, name: str, home: Scope) -> Iterator[str]:
        """What a name means in the scope that binds it, or at the top of a file where none does."""
        if name in home.values:
            for meaning in sorted(home.meanings.get(name, ())):
                module, _, member = meaning.rpartition(".")
                yield from self.member(module, member) if module else [meaning]
            for value, there in home.values[name]:
                yield from self.meaning(value, there)
        elif name in self.known:
            yield self.known[name]
        elif name in BUILTIN:
            yield f"builtins.{name}"
        else:
            for module in home.stars:
                yield from self.member(module, name)

    def member(self, base: str, name: str) -> Iterable[str]:
        """What `base.name` means: a student's module hands on what it imports."""
        if base in self.modules and base != OWN and name in self.modules[base].values:
            return self.once(("member", base, name), lambda: self.named(name, self.modules[base]))
        return [f"{base}.{name}"] if len(base) < MAX_PATH and base not in self.classes else []

    def looked_up(self, base: str, key: ast.expr, scope: Scope) -> Iterator[str]:
        """What `base[key]` means where base is a dictionary of names."""
        for text in self.texts(key, scope):
            if base == "sys.modules":
                yield text
            elif base in ("builtins.globals()", "builtins.locals()"):
                yield from self.named(text, scope.top)
            elif base.endswith(".__dict__"):
                yield from self.member(base.removesuffix(".__dict__"), text)

    def returned(self, called: str, arguments: list[ast.expr], scope: Scope) -> Iterator[str]:
        """What a call gives back, where that can be told."""
        if called in self.classes or called in ("builtins.globals", "builtins.locals"):
            yield called if called in self.classes else f"{called}()"
        if not arguments:
            return
        first = arguments[0]
        if called == "builtins.vars":
            yield from (f"{base}.__dict__" for base in self.meaning(first, scope))
        elif called in GET and len(arguments) > 1:
            for base in self.meaning(first, scope):
                for text in self.texts(arguments[1], scope):
                    yield from self.member(base, text)
        elif called in IMPORT:
            whole = called == "importlib.import_module" or len(arguments) > 1
            for text in self.texts(first, scope):
                yield text if whole else text.partition(".")[0]
        elif called == GETTER:
            yield from (f"{GETTER}({text}" for text in self.texts(first, scope))
        elif called.startswith(f"{GETTER}("):
            for base in self.meaning(first, scope):
                yield from self.member(base, called.removeprefix(f"{GETTER}("))
        elif called.endswith((".__getattribute__", ".__getattr__")):
            for text in self.texts(first, scope):
                yield from self.member(called.rpartition(".")[0], text)
        elif called.endswith(LOOK_UP):
            yield from self.looked_up(called.rpartition(".")[0], first, scope)

    def texts(self, node: ast.expr, scope: Scope, hole: str | None = None) -> tuple[str, ...]:
        """The texts that an expression may be; parts that cannot be told become `hole`, if there is one."""
        return self.once(("text", node, hole), lambda: self.written(node, scope, hole))

    def written(self, node: ast.expr, scope: Scope, hole: str | None) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name) if (home := scope.home(name)) is not None and home.values[name]:
                yield from self.once(("texts", home, name, hole), lambda: self.held(name, home, hole))
            case ast.BinOp(op=ast.Add()):
                pieces: list[ast.expr] = []
                while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
                    pieces.append(node.right)
                    node = node.left
                yield from self.joined([node, *reversed(pieces)], "", scope, hole)
            case ast.JoinedStr(values=pieces):
                yield from self.joined(pieces, "", scope, hole)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                yield from self.texts(value, scope, hole)
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str(between)), attr="join"),
                args=[ast.List(elts=pieces) | ast.Tuple(elts=pieces)],
            ):
                yield from self.joined(pieces, between, scope, hole)
            case _ if hole is not None:
                yield hole

    def held(self, name: str, home: Scope, hole: str | None) -> Iterator[str]:
        for value, there in home.values[name]:
            yield from self.texts(value, there, hole)

    def joined(self, pieces: list[ast.expr], between: str, scope: Scope, hole: str | None) -> Iterator[str]:
        alternatives = [sorted(self.texts(piece, scope, hole)) for piece in pieces]
        for combination in islice(product(*alternatives), MAX_MEANINGS):
            if sum(len(piece) + len(between) for piece in combination) <= MAX_TEXT:
                yield between.join(combination)


def assign(target: ast.expr, value: ast.expr, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        for inner, its_value in zip(target.elts, value.elts, strict=False):
            assign(inner, its_value, scope)


def function_parts(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope
) -> list[tuple[ast.AST, Scope]]:
    """The parts of a function with their scopes; its parameters stand for their defaults."""
    inner = Scope(scope)
    parameters = node.args
    positional = [*parameters.posonlyargs, *parameters.args]
    every = [*positional, *parameters.kwonlyargs]
    for parameter in (*every, parameters.vararg, parameters.kwarg):
        if parameter is not None:
            inner.bind(parameter.arg)
    if scope.own_class and positional:
        inner.mean(positional[0].arg, scope.own_class)
    with_default = positional[len(positional) - len(parameters.defaults) :]
    defaults: list[ast.AST] = []
    for parameter, default in zip(
        [*with_default, *parameters.kwonlyargs], [*parameters.defaults, *parameters.kw_defaults], strict=True
    ):
        if default is not None:
            inner.bind(parameter.arg, default, scope)
            defaults.append(default)
    if isinstance(node, ast.Lambda):
        return [*((part, scope) for part in defaults), (node.body, inner)]
    scope.bind(node.name)
    outside = [*node.decorator_list, *defaults]
    return [*((part, scope) for part in outside), *((part, inner) for part in node.body)]
