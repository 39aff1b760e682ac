"""A notebook's own commands (`%matplotlib inline`, `!pip install`, `name?`) made plain Python.

Only cells that are no Python as they stand come here. Lines stay where they were, so that messages can name
them; a command inside a text in triple quotes or inside brackets is none. Every pattern below takes time in
proportion to the text, whatever the text is: its alternatives never start alike.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PYTHON_CELL_MAGICS = {"%%time", "%%timeit", "%%capture", "%%prun"}
WRITING_MAGICS = {"%%writefile", "%%file"}
COMMAND = re.compile(r"[%!?]|[%\w.*]+\?{1,2}[ \t]*$|([\w., ]+=)[ \t]*[%!]")
TIMED = re.compile(r"%time[ \t]+(?=\S)")
INDENT = re.compile(r"[ \t]*")
PIECE = re.compile(
    r"""(?P<triple>\"{3}|'{3})|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?|\#[^\n]*|\\\n
    |(?P<opens>[(\[{])|(?P<closes>[)\]}])|(?P<ends>\n)|[^"'\#\\()\[\]{}\n]+|.""",
    re.S | re.X,
)
REST_OF_TEXT = {
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+(?:""")?', re.S),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+(?:''')?", re.S),
}


class WrittenFile(NamedTuple):
    name: str  # e.g. "helpers.py"
    source: str  # at the lines where it stood in the cell


def plain_python(source: str) -> str:
    """The cell without its commands; empty where all of it is for another program, as under `%%bash`."""
    first = first_words(source)[:1]
    if first and first[0].startswith("%%"):
        if first[0] not in PYTHON_CELL_MAGICS:
            return ""
        source = without_first_line(source)
    return without_commands(without_indent(source))


def written_file(source: str) -> WrittenFile | None:
    """The Python file that a cell with `%%writefile` writes; None for all other cells."""
    words = first_words(source)
    if words and words[0] in WRITING_MAGICS and words[-1].strip("\"'").endswith(".py"):
        return WrittenFile(words[-1].strip("\"'"), without_first_line(source))
    return None


def first_words(source: str) -> list[str]:
    return source.lstrip().partition("\n")[0].split()


def without_first_line(source: str) -> str:
    blank = len(source) - len(source.lstrip())
    return "\n" * (source[:blank].count("\n") + 1) + source[blank:].partition("\n")[2]


def without_indent(source: str) -> str:
    """A cell that is indented as a whole runs in a notebook, so here too."""
    indent = INDENT.match(source.lstrip("\n"))
    prefix = indent[0] if indent else ""
    return "\n".join(line.removeprefix(prefix) for line in source.split("\n")) if prefix else source


def without_commands(source: str) -> str:
    kept: list[str] = []
    position, depth = 0, 0
    starts = True  # a statement may start here
    while position < len(source):
        if starts and (command := command_at(source, position)) is not None:
            text, position = command
            kept.append(text)
            starts = False
            continue
        piece = PIECE.match(source, position)
        assert piece is not None
        end = piece.end()
        if piece["triple"]:
            rest = REST_OF_TEXT[piece["triple"]].match(source, end)
            end = rest.end() if rest else end
        depth = max(0, depth + bool(piece["opens"]) - bool(piece["closes"]))
        starts = bool(piece["ends"]) and depth == 0
        kept.append(source[position:end])
        position = end
    return "".join(kept)


def command_at(source: str, position: int) -> tuple[str, int] | None:
    """What stands for the command that starts at a position, and where it ends; None if none does."""
    indent = INDENT.match(source, position)
    start = indent.end() if indent else position
    end = end_of_line(source, start)
    line = source[start:end]
    found = COMMAND.match(line)
    if found is None:
        return None
    timed = TIMED.match(line)
    if timed is not None:
        return source[position:start], start + timed.end()
    while end < len(source) and source[end - 1] == "\\":
        end = end_of_line(source, end + 1)
    instead = f"{found[1]} None" if found[1] else "pass"
    return source[position:start] + instead + "\n" * source.count("\n", start, end), end


def end_of_line(source: str, start: int) -> int:
    end = source.find("\n", start)
    return end if end >= 0 else len(source)
