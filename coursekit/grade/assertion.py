"""The strict check as an assertion, for graders whose tests are cells or functions that raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coursekit.grade.notebook import check_function
from coursekit.grade.verdict import WORDS, Verdict


def require_function(function: Callable[..., Any], part: str | None, seed: int) -> None:
    verdict = check_function(function, seed)
    if verdict is None:
        raise AssertionError("no exercise has the name of this function")
    parts = [known.name for known in verdict.exercise.parts]
    if part is not None and part not in parts:
        raise ValueError(f"{verdict.exercise.id} has the parts {', '.join(parts)}; received {part!r}")
    wanted = parts if part is None else [part]
    wrong = [name for number, name in enumerate(parts) if name in wanted and number not in verdict.right]
    if wrong:
        raise AssertionError(complaint(verdict, wrong))


def complaint(verdict: Verdict, wrong: list[str]) -> str:
    """What is not right and what to do about it, in one line, for a report that shows only the exception."""
    found = WORDS[verdict.status]
    if verdict.status == "failed":
        found = f"{', '.join(wrong)}: {found}"
    sentences = (f"{verdict.exercise.function}: {found}.", verdict.sentence, verdict.advice)
    return " ".join(sentence for sentence in sentences if sentence)
