"""Which submissions resemble each other more than the task explains: a list for a person, not a verdict.

What is compared is the order of operations, not the text. Each definition becomes a sequence of tokens, read
off its syntax tree: layout, comments, docstrings, annotations and imports leave no trace, the student's own
names and all numbers look alike, and what cannot be renamed (`torch`, `.sigmoid`, `dim=`) stays. Every `RUN`
successive tokens are hashed to one number, and of each `WINDOW` successive numbers the smallest is kept as a
fingerprint (winnowing: Schleimer, Wilkerson & Aiken, 2003). So `RUN + WINDOW - 1` tokens in common leave a
fingerprint in common, wherever they stand.

What everybody has in common is no trace of anyone: fingerprints of the known texts (the starter, the
reference) and those in more than `COMMON` of the class do not count. Of what is left,

    similarity = shared fingerprints / fingerprints of the submission that has fewer of them

**How to read it.** 1.00 with `same_text`: the same code, letter by letter but for layout and comments. 0.90
and more: the same code with other names or another layout. Around 0.50: some part, such as one function, is
the same. A right answer to a short exercise leaves little to choose: two people who both multiply the gates
in the book's order write the same lines honestly. So look at `shared` first, and read the lines before you
speak to anyone. Below 20 shared fingerprints, about ten lines, the likeness says little; and two who worked
as a pair, or from the same page of a book, look like two of whom one copied. A pair that is *not* listed
proves nothing either: whoever rewrites an answer step by step leaves no trace here.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import combinations
from typing import NamedTuple

from coursekit.grade.names import children
from coursekit.grade.protocol import Block

RUN = 16  # tokens in a fingerprint: two or three short statements
WINDOW = 4
COMMON = 0.1  # of the class
AT_LEAST = 5  # submissions that must share something before it is common: small classes have few of each
MIN_SHARED = 8
MIN_SIMILARITY = 0.5
MAX_MARKS = 2_000  # of one submission; a homework has a few hundred
MAX_PLACES = 5


class Fingerprints(NamedTuple):
    """What is kept of a submission to compare it with others; goes through JSON unchanged."""

    text: str  # SHA-256 of its code without layout and comments; empty for no code
    marks: dict[str, str]  # fingerprint, and where it was found: "code cell 3, line 2"


class Pair(NamedTuple):
    """Two submissions that a person might look at, as a row of the list."""

    first: str
    second: str
    similarity: float  # above 0, at most 1
    shared: int  # fingerprints
    same_text: bool
    first_places: str  # where the first shared ones start, in the one and in the other
    second_places: str


class Token(NamedTuple):
    text: str
    line: int


# One submission


def fingerprints(blocks: Iterable[Block]) -> Fingerprints:
    """The fingerprints of a submission's statements. Expressions at the top, such as checks, do not count."""
    trees = [(block, node) for block in blocks for node in ast.parse(block.source).body if counts(node)]
    own = {name for _, tree in trees for node in ast.walk(tree) for name in names_given(node)}
    marks: dict[str, str] = {}
    text = hashlib.sha256()
    for block, tree in trees:
        for token in tokens(tree, frozenset()):
            text.update(encoded(f"{token.text} "))
        for mark, line in winnowed(list(tokens(tree, own))):
            if len(marks) < MAX_MARKS:
                marks.setdefault(mark, f"{block.file}, line {block.line + line - 1}")
    return Fingerprints(text.hexdigest() if trees else "", marks)


def counts(node: ast.stmt) -> bool:
    return not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)


def names_given(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
    return []


def tokens(tree: ast.AST, own: Set[str]) -> Iterator[Token]:
    """The nodes of a syntax tree, parents first. With names in `own`, these are all alike, as are numbers."""
    todo: list[tuple[ast.AST, int]] = [(tree, 1)]
    while todo:
        node, line = todo.pop()
        line = getattr(node, "lineno", line)
        word = type(node).__name__
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                continue  # a docstring
            case ast.Name(id=name):
                word = "name" if name in own else name
            case ast.arg():
                yield Token("name" if node.arg in own else node.arg, line)
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                word = word if node.name in own else f"{word} {node.name}"
            case ast.Attribute(attr=name):
                word = f".{name}"
            case ast.keyword(arg=name):
                word = f"{name}="
            case ast.Constant(value=value):
                alike = "number" if type(value) in (int, float, complex) else type(value).__name__
                word = alike if own else repr(value)
            case ast.BinOp() | ast.UnaryOp() | ast.BoolOp() | ast.AugAssign():
                word = type(node.op).__name__
            case ast.Compare():
                word = " ".join(type(op).__name__ for op in node.ops)
        yield Token(word, line)
        skipped = (getattr(node, "annotation", None), getattr(node, "returns", None))
        todo += [(child, line) for child in reversed(children(node)) if child not in skipped]


def winnowed(sequence: list[Token]) -> Iterator[tuple[str, int]]:
    """Fingerprints with their lines: of each window of hashed runs the smallest, the last one of equals."""
    hashed = []
    for k in range(len(sequence) - RUN + 1):
        run = encoded("".join(f"{token.text} " for token in sequence[k : k + RUN]))
        hashed.append((hashlib.blake2b(run, digest_size=8).hexdigest(), -k))
    for k in range(max(1, len(hashed) - WINDOW + 1)):
        if window := hashed[k : k + WINDOW]:
            mark, position = min(window)
            yield mark, sequence[-position].line


def encoded(text: str) -> bytes:
    return text.encode("utf8", "backslashreplace")


# A class


def similar_pairs(
    submissions: Mapping[str, Fingerprints],
    known: Iterable[Fingerprints] = (),
    least: float = MIN_SIMILARITY,
) -> list[Pair]:
    """Pairs that share at least `least` of what is not common, the most alike first; the same in any order.

    Of several with the same text, each is paired with the first of them, which alone is compared with others.
    The work grows with what is shared, not with the number of pairs: every fingerprint knows its holders.
    """
    known = list(known)
    same: dict[str, list[str]] = {}
    for name in sorted(submissions):
        if submissions[name].text not in {"", *(one.text for one in known)}:
            same.setdefault(submissions[name].text, []).append(name)
    found = [
        pair_of((group[0], other), 1.0, submissions, set(submissions[other].marks))
        for group in same.values()
        for other in group[1:]
    ]
    special = uncommon(submissions, {mark for one in known for mark in one.marks})
    names = [group[0] for group in same.values()]
    left = {name: {mark for mark in submissions[name].marks if mark in special} for name in names}
    holders: dict[str, list[str]] = {}
    for name in sorted(names):
        for mark in left[name]:
            holders.setdefault(mark, []).append(name)
    shared = Counter(pair for those in holders.values() for pair in combinations(those, 2))
    for (first, second), count in shared.items():
        similarity = count / min(len(left[first]), len(left[second]))
        if similarity >= least and count >= MIN_SHARED:
            found.append(pair_of((first, second), similarity, submissions, left[first] & left[second]))
    return sorted(found, key=lambda pair: (-pair.similarity, -pair.shared, pair.first, pair.second))


def uncommon(submissions: Mapping[str, Fingerprints], known: Set[str]) -> set[str]:
    """The fingerprints that are in few submissions and in no known text."""
    number = Counter(mark for one in submissions.values() for mark in one.marks)
    most = max(AT_LEAST, int(COMMON * len(submissions)))
    return {mark for mark, count in number.items() if count <= most and mark not in known}


def pair_of(
    names: tuple[str, str], similarity: float, submissions: Mapping[str, Fingerprints], shared: Set[str]
) -> Pair:
    first, second = (submissions[name] for name in names)
    marks = [mark for mark in first.marks if mark in shared]
    places = (
        "; ".join(list(dict.fromkeys(one.marks[mark] for mark in marks))[:MAX_PLACES])
        for one in (first, second)
    )
    return Pair(*names, round(similarity, 2), len(marks), first.text == second.text, *places)
