"""English text that every Python brings along: its own documentation, as prose ready for a language model.

Two sources: the help topics of the language reference (`pydoc_data.topics`) and the docstrings of the modules
in `MODULES`, read from their source files without running them. Both belong to Python and its licence. The
text depends on the Python that runs this, not on the machine: the same Python always gives the same
characters.

Words (separated by blanks): 104,261 on Python 3.11.7 and 103,667 on 3.11.2, 106,155 on 3.12.1, 108,056 on
3.13.0; `text.describe(text.documentation())` counts those of the Python at hand. Reading takes about a
second, once.
"""

import ast
import re
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

# Modules with much prose in their docstrings, on every platform, from Python 3.11 to 3.14.
MODULES = """
abc argparse asyncio.events asyncio.locks asyncio.queues asyncio.streams asyncio.tasks base64 bdb bisect bz2
calendar cmd code codecs codeop collections concurrent.futures._base configparser contextlib copy dataclasses
difflib doctest email.charset email.header email.message email.policy enum fileinput fnmatch functools getopt
getpass graphlib heapq hmac html.parser http.client http.cookiejar http.cookies http.server importlib.abc
inspect io ipaddress json json.decoder linecache locale logging logging.config logging.handlers lzma operator
os pdb pickletools pkgutil queue random sched secrets selectors shelve shutil site smtplib socket socketserver
statistics string subprocess symtable tarfile tempfile textwrap threading timeit tokenize traceback typing
unittest.case unittest.mock urllib.parse urllib.request uuid warnings wave weakref webbrowser wsgiref.handlers
xml.etree.ElementTree xml.sax.handler xmlrpc.server zipfile
""".split()

_TYPOGRAPHY = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "–": "-", "—": "-"})
_PLAIN_WORD = re.compile(r"""["'(]*[A-Za-z][a-z'-]*["'.,:;!?)]*""")


class Topic(NamedTuple):
    """One help topic or one module."""

    title: str
    text: str  # one paragraph a line


class Splits(NamedTuple):
    """The three parts of a text: train on the first, choose with the second, report the third."""

    train: str
    validation: str
    test: str


@cache
def documentation_topics() -> tuple[Topic, ...]:
    """The documentation by topic, in alphabetical order, so that related topics are neighbours.

    Only prose is kept: headings, code, grammar, tables and signatures are left out, markup and line breaks
    are undone. A paragraph that several topics share stays in the first of them only, so no paragraph occurs
    twice.
    """
    seen: set[str] = set()
    topics = []
    for title, texts in sorted(_sources().items()):
        paragraphs = [p for p in dict.fromkeys(_prose(texts)) if p not in seen]
        seen.update(paragraphs)
        if paragraphs:
            topics.append(Topic(title, "\n".join(paragraphs)))
    return tuple(topics)


def documentation() -> str:
    """The whole corpus: one paragraph a line, a blank line between topics; ASCII only."""
    return _join(documentation_topics())


def documentation_splits(validation: float = 0.1, test: float = 0.1) -> Splits:
    """The corpus cut in three, in order and only between topics: no topic and no paragraph is in two parts.

    `validation` and `test` are shares of the words; whole topics come within a few per cent of them.
    """
    if not (0 < validation and 0 < test and validation + test < 1):
        raise ValueError(
            f"validation and test must be positive shares that leave some for training, "
            f"received {validation} and {test}"
        )
    topics = documentation_topics()
    words = [len(topic.text.split()) for topic in topics]
    parts: tuple[list[Topic], list[Topic], list[Topic]] = ([], [], [])
    middle = 0.0
    for topic, count in zip(topics, words, strict=True):
        share = (middle + count / 2) / sum(words)  # where the middle of this topic lies in the corpus
        parts[(share > 1 - validation - test) + (share > 1 - test)].append(topic)
        middle += count
    return Splits(*map(_join, parts))


def _join(topics: Iterable[Topic]) -> str:
    return "\n\n".join(topic.text for topic in topics) + "\n"


def _sources() -> dict[str, list[str]]:
    """Title -> texts, before any cleaning."""
    from pydoc_data.topics import topics  # 0.6 MB that only this function needs

    sources = {title: [text] for title, text in topics.items()}
    for name in MODULES:
        sources.setdefault(name, []).extend(_docstrings(ast.parse(_source_file(name).read_bytes())))
    return sources


def _source_file(module: str) -> Path:
    """The file of a standard module, found without importing it or its package."""
    library = Path(sysconfig.get_path("stdlib"))
    stem = module.replace(".", "/")
    for path in (library / f"{stem}.py", library / stem / "__init__.py"):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"the documentation corpus reads the sources of Python's library, but {library} has no {stem}.py"
    )


def _docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Docstrings of a module and of its public classes and functions, in the order of the file."""
    if docstring := ast.get_docstring(node):
        yield docstring
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and child.name[0] != "_":
            yield from _docstrings(child)


def _prose(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", text):
            paragraph = _plain(paragraph)
            if _is_prose(paragraph):
                yield paragraph


def _plain(paragraph: str) -> str:
    """A paragraph on one line, without list marks and reStructuredText markup."""
    line = re.sub(r"(\w)-\n\s*(\w)", r"\1-\2", paragraph)  # left-\nhand -> left-hand
    line = " ".join(line.translate(_TYPOGRAPHY).split())
    line = re.sub(r"^(?:[*-]|\(?\d+[.)]|\[\d+\]) +", "", line)
    line = re.sub(r":[a-z:]+:`~?([^`<]*?)(?: <[^`]*>)?`", r"\1", line)  # :class:`str` -> str
    line = re.sub(r"`+([^`']+)[`']+", r"\1", line)  # `name`, ``code``, `old style quotes'
    line = re.sub(r"(?<![\w*])\*{1,2}(\w[^*]*?)\*{1,2}(?![\w*])", r"\1", line)  # *emphasis*, **strong**
    return line.replace("::", ":")


def _is_prose(line: str) -> bool:
    """A sentence or more: begins and ends like one, and three words in four are words rather than code."""
    words = line.split()
    return (
        len(words) >= 4
        and line.isascii()
        and (line[0].isupper() or line[0] == '"')
        and line[-1] in ".!?)"
        and sum(bool(_PLAIN_WORD.fullmatch(word)) for word in words) >= 0.75 * len(words)
    )
