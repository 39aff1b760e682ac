"""Read a student's file, however it was saved: bytes to cells of text. Nothing is executed.

Everything here is bounded, because the judge itself reads these files: what is opened is an ordinary file (a
pipe would never end), 50 MB at most, and what it holds is counted before a parser sees it. JSON and Python
objects take up to 200 times the room of their text, so that 50 MB of `{},{},...` would need gigabytes, and
1 MB of `a,a,...` 700 MB and 5 s; pictures, which are what makes real notebooks large, are single strings.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tokenize
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

SUFFIXES = (".ipynb", ".py")
MAX_FILES = 100  # of a submission
MAX_BYTES = 50 * 2**20  # of a file with all its pictures
MAX_ITEMS = 1_000_000  # of a notebook's JSON
MAX_CODE = 2**20  # characters of code
MAX_PIECES = 40_000  # words and signs of code, some 4,000 lines: at worst 0.6 s and 60 MB
PIECE = re.compile(r"\w+|[^\w\s]")
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, as a cut emoji leaves it
SLOW_CODECS = {"idna", "punycode"}  # take time that grows with the square of the length


class SubmissionError(ValueError):
    """A file that cannot be read; the message is a sentence for the student."""


class Cell(NamedTuple):
    name: str  # "code cell 3", or the file's name for a script
    source: str


def cells_of(path: Path, name: str = "") -> list[Cell]:
    """The cells of a notebook, or the one of a script. Where there are several files, `name` says which."""
    if path.suffix not in SUFFIXES:
        raise SubmissionError("the file is neither a notebook (.ipynb) nor a script (.py)")
    text = decoded(path)
    if path.suffix == ".py" and not is_notebook(text):
        cells = [Cell(name or path.name, text)]
    else:
        before = f"{name}, " if name else ""
        sources = enumerate(notebook_sources(text), start=1)
        cells = [Cell(f"{before}code cell {number}", source) for number, source in sources]
    return cells


def is_notebook(text: str) -> bool:
    """Whether a script is a notebook under the wrong name: its text is JSON, which defines nothing."""
    return text.lstrip().startswith("{") and '"cells"' in text


def pieces_of(cells: list[Cell], limit: int) -> int:
    """How many words and signs there are; counts no further than just past a limit."""
    return sum(
        1 for _ in islice((piece for cell in cells for piece in PIECE.finditer(cell.source)), limit + 1)
    )


def content_of(path: Path) -> bytes:
    """The bytes of an ordinary file. It is opened once, so that what is checked is what is read."""
    try:
        descriptor = os.open(
            path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )  # a pipe must not wait for a writer
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SubmissionError("this is no ordinary file")
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        if path.is_dir() or path.is_fifo() or path.is_socket():
            raise SubmissionError("this is no ordinary file") from None
        raise SubmissionError(f"the file cannot be opened: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise SubmissionError(
            f"the file has {status.st_size // 2**20} MB; at most {MAX_BYTES // 2**20} MB are read"
        )
    return content


def decoded(path: Path) -> str:
    """The text of a file, with line feeds; understands byte-order marks and, in scripts, a coding comment."""
    content = content_of(path)
    try:
        encoding: str = json.detect_encoding(content)  # by the mark or by where zeros stand
        if path.suffix == ".py" and not encoding.startswith(("utf-16", "utf-32")):
            encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        if encoding in SLOW_CODECS:
            raise LookupError(encoding)
        text = content.decode(encoding)
    except (UnicodeError, SyntaxError, LookupError):  # the last for codecs that are none of text, e.g. rot13
        raise SubmissionError("the file is not text in UTF-8") from None
    return with_line_feeds(text)


def with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def notebook_sources(text: str) -> list[str]:
    """The sources of the code cells of a notebook of format 3 or 4."""
    if not text.strip():
        raise SubmissionError("the file is empty")
    if sum(text.count(sign) for sign in ",[{") > MAX_ITEMS:
        raise SubmissionError(
            f"the notebook has more than {MAX_ITEMS} items; clear its outputs and save it again"
        )
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
        raise SubmissionError(f"the notebook is written in {language:.40}, not in Python")
    return [SURROGATE.sub("\ufffd", with_line_feeds(text)) for text in texts]


def notebook_language(content: dict[str, Any]) -> str:
    """What its metadata say; "python" where they are odd or missing, as nobody hands in anything else."""
    metadata = content.get("metadata")
    for key, field in (("language_info", "name"), ("kernelspec", "language")):
        section = metadata.get(key) if isinstance(metadata, dict) else None
        language = section.get(field) if isinstance(section, dict) else None
        if isinstance(language, str) and language:
            return language
    return "python"
