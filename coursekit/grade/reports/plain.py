"""What students wrote, as plain text that cannot disturb the page, file or terminal it is put in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coursekit.grade.record import QuestionRow, Row
from coursekit.grade.verdict import WORDS

MAX_PRINTED = 2000  # characters of what a function printed, in a report
TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")  # colours, titles
# control characters, signs that turn the direction of writing, halves of surrogate pairs, what XML excludes
UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
DECIMALS = re.compile(  # 0.25, .25, -1.5e-3, the 3. of a tensor but not of a sentence, 1e5, 12345
    r"[-+]?(?:\d[\d_]*)?\.\d[\d.]*(?:e[-+]?\d+)?|\d+\.(?=[],)}])|\d{5,}|\d+e[-+]?\d+", re.IGNORECASE
)
HIDDEN_NUMBER = "#"
QUOTING = ("error", "not_attempted")  # the message quotes an exception of the student's code
STATUS_WORDS: dict[str, str] = {status: words for status, words in WORDS.items()}
LEVELS = {
    "full": "The code ran fully locked in.",
    "reduced": "The code ran partly locked in (isolation: reduced).",
    "limits-only": "The code ran with limits only and was not locked in (isolation: limits-only).",
}


def clean(text: str) -> str:
    """The text without colours for a terminal; a mark for each character that is not to be shown."""
    lines = TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return UNWANTED.sub("\N{REPLACEMENT CHARACTER}", lines)


def without_numbers(text: str) -> str:
    """The text with `#` for every decimal or long number.

    In what a student's code says, these are the hidden inputs or follow from them; shapes and words stay.
    """
    return DECIMALS.sub(HIDDEN_NUMBER, text)


def message(question: QuestionRow) -> str:
    """One sentence for the student."""
    text = clean(question["message"])
    return without_numbers(text) if question["status"] in QUOTING else text


def told(question: QuestionRow) -> str:
    """What to tell the student about a question: the mistake's id, and a sentence."""
    return ": ".join(text for text in (question["mistake"], message(question)) if text)


def printed(question: QuestionRow) -> str:
    """What the student's function printed, cut and without its numbers."""
    text = clean(question["output"]).strip("\n").rstrip()
    shown = without_numbers(text[: 4 * MAX_PRINTED])
    if len(text) > 4 * MAX_PRINTED or len(shown) > MAX_PRINTED:
        return f"{shown[:MAX_PRINTED]}\n[{len(text):,} characters in all; the rest is left out]"
    return shown


def status(question: QuestionRow) -> str:
    """How it ended, in words."""
    return STATUS_WORDS.get(question["status"], question["status"])


def points(score: float, max_score: float) -> str:
    return f"{score:g} of {max_score:g} point{'s' * (max_score != 1)}"


def function(question: QuestionRow) -> str:
    """The name of the function to write."""
    return question["id"].partition(".")[2]


def isolation(level: str) -> str:
    """How far submissions were locked in, as a sentence."""
    return LEVELS.get(level, f"Isolation: {level}.")


def unit(rows: Sequence[Row], otherwise: str) -> str:
    """What the homework is called."""
    return rows[0]["unit"] if rows else otherwise
