"""Small damage done to a right answer, everywhere one at a time: what a grader must notice.

The answer is a student's source text. Each mutant differs from it by one change to its syntax tree, of a kind
that people make when they write or copy an equation.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.Div),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
COMPARISONS: dict[
    type[ast.cmpop], type[ast.cmpop]
] = {  # where both are equal seldom matters, so not < for <=
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
}
COMMUTES = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)
ACTIVATIONS = {
    "sigmoid": ("tanh", "relu"),
    "tanh": ("sigmoid", "relu"),
    "exp": ("expm1",),
    "sum": ("mean",),
    "mean": ("sum",),
    "nanmean": ("mean",),
    "log": ("log2",),
    "abs": ("square",),
    "zeros_like": ("ones_like",),
}
AXES = ("dim", "axis")
MAX_SHOWN = 80


class Mutant(NamedTuple):
    """A damaged copy of a source."""

    kind: str
    change: str  # e.g. "line 3: x @ weight_ih.T -> x * weight_ih.T"
    source: str


Rule = Callable[[ast.AST, list[str]], Iterator[ast.AST]]


def mutants(source: str, without: Collection[str] = ()) -> list[Mutant]:
    """All mutants of the functions in a source, of all kinds but some, each text once."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        names = names_in(function)
        for place, node in places(function):
            for kind in (kind for kind in RULES if kind not in without):
                for other in RULES[kind](node, names):
                    text = with_other(tree, place, node, other)
                    if text != original and text not in found and compiles(text):
                        change = f"line {place.line}: {in_short(node)} -> {in_short(other)}"
                        found[text] = Mutant(kind, change, text)
    return list(found.values())


def in_short(node: ast.AST) -> str:
    """A node's own text, cut at both ends where it is long."""
    text = ast.unparse(node)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN // 2]} ... {text[-MAX_SHOWN // 2 :]}"


class Place(NamedTuple):
    """Where a node hangs in its tree."""

    parent: Any
    field: str
    index: int | None  # in a list of nodes
    line: int


def places(function: ast.FunctionDef) -> Iterator[tuple[Place, ast.AST]]:
    """Every node in the body of a function, but for what is only asked its shape."""
    waiting: list[ast.AST] = [function]
    while waiting:
        parent = waiting.pop(0)
        if isinstance(parent, ast.Attribute) and parent.attr == "shape":
            continue
        for field, value in ast.iter_fields(parent):
            if parent is function and field != "body":
                continue
            items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
            for index, node in items:
                if isinstance(node, ast.AST):
                    line = getattr(node, "lineno", getattr(parent, "lineno", 0))
                    yield Place(parent, field, index, line), node
                    waiting.append(node)


def with_other(tree: ast.Module, place: Place, node: ast.AST, other: ast.AST) -> str:
    """The source with another node in a place; the tree stays as it was."""
    put(place, other)
    text = ast.unparse(tree)
    put(place, node)
    return text


def put(place: Place, node: ast.AST) -> None:
    if place.index is None:
        setattr(place.parent, place.field, node)
    else:
        getattr(place.parent, place.field)[place.index] = node


def compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def names_in(function: ast.FunctionDef) -> list[str]:
    """Arguments, then what is assigned, in their order: what could be mistaken for one another."""
    arguments = [argument.arg for argument in function.args.args]
    stored = [n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return list(dict.fromkeys([*arguments, *stored]))


# The kinds of damage


def loaded(node: ast.AST) -> bool:
    return isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def method(node: ast.expr, name: str) -> ast.Call:
    return ast.Call(ast.Attribute(node, name, ast.Load()), [], [])


def operator(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp):
        for other in OPERATORS.get(type(node.op), ()):
            yield ast.BinOp(node.left, other(), node.right)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators)


def sign(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """A minus too many in front of an operand, or one too few."""
    if isinstance(node, ast.BinOp):
        yield ast.BinOp(ast.UnaryOp(ast.USub(), node.left), node.op, node.right)
        yield ast.BinOp(node.left, node.op, ast.UnaryOp(ast.USub(), node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand


def constant(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)


def axis(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, ast.keyword) and node.arg in AXES:
        for other in (0, 1):
            yield ast.keyword(node.arg, ast.Constant(other))
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "->" in node.value:  # of an einsum
        operands, result = node.value.split("->")
        yield ast.Constant(f"{operands}->{result[::-1]}")
        yield ast.Constant(f"{operands[::-1]}->{result}")


def index(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Bounds of a slice off by one, and neighbours exchanged where several are unpacked."""
    if isinstance(node, ast.Slice):
        for bound in ("lower", "upper"):
            value = getattr(node, bound)
            for step in (ast.Add(), ast.Sub()):
                other = ast.Slice(node.lower, node.upper, node.step)
                if value is not None:
                    setattr(other, bound, ast.BinOp(value, step, ast.Constant(1)))
                    yield other
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Store):
        yield from exchanged(node, "elts")


def activation(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Another function, or none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        others = ACTIVATIONS.get(node.func.attr, ())
        for other in others:
            yield ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)
        if others:
            yield node.args[0] if is_function(node.func.value, names) else node.func.value


def detach(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    if isinstance(node, (ast.Name, ast.Call, ast.BinOp)) and loaded(node) and not is_function(node, names):
        yield method(node, "detach")


def dtype(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Another precision for an argument or an intermediate result, and there and back again."""
    if isinstance(node, (ast.Name, ast.BinOp)) and loaded(node) and not is_function(node, names):
        yield method(node, "float")
        yield method(node, "double")
        back = ast.Attribute(method(node, "float"), "to", ast.Load())
        yield ast.Call(back, [ast.Attribute(node, "dtype", ast.Load())], [])


def arguments(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Two operands, arguments or results in each other's place."""
    if isinstance(node, ast.BinOp) and not isinstance(node.op, COMMUTES):
        yield ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.Call):
        yield from exchanged(node, "args")
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        yield from exchanged(node, "elts")


def term(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """One of two terms or factors forgotten."""
    if isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.MatMult, ast.Pow)):
        yield node.left
        yield node.right


def variable(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """A neighbour's name instead of the right one."""
    if isinstance(node, ast.Name) and loaded(node) and node.id in names:
        at = names.index(node.id)
        yield ast.Name(names[at - 1], ast.Load())
        yield ast.Name(names[(at + 1) % len(names)], ast.Load())


def statement(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """A line left out."""
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)):
        yield ast.Pass()


def exchanged(node: ast.AST, field: str) -> Iterator[ast.AST]:
    """Copies of a node with two neighbours in a list of its nodes exchanged."""
    items = getattr(node, field)
    for k in range(len(items) - 1):
        other = copy.copy(node)
        setattr(other, field, [*items[:k], items[k + 1], items[k], *items[k + 2 :]])
        yield other


def is_function(node: ast.AST, names: list[str]) -> bool:
    """Whether a name is a module's or a function's, and so no value of the student's."""
    return isinstance(node, ast.Name) and node.id not in names


RULES: dict[str, Rule] = {
    "operator": operator,
    "sign": sign,
    "constant": constant,
    "axis": axis,
    "index": index,
    "activation": activation,
    "detach": detach,
    "dtype": dtype,
    "arguments": arguments,
    "term": term,
    "variable": variable,
    "statement": statement,
}
