"""`check` in a student's notebook: the strict check on public inputs, in the notebook's own process."""

from __future__ import annotations

import contextlib
import inspect
import io
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises import EXERCISES
from coursekit.grade.judge import flagged, judge
from coursekit.grade.protocol import Block
from coursekit.grade.submission import forbidden_use
from coursekit.grade.verdict import Verdict


def public_key(seed: int) -> str:
    return f"public/{seed}"


def check_function(function: Callable[..., Any], seed: int) -> Verdict | None:
    """The verdict on a function; None, and a printed sentence, where no exercise has its name."""
    name = getattr(function, "__name__", None)
    exercise = next((exercise for exercise in EXERCISES if exercise.function == name), None)
    if exercise is None:
        known = ", ".join(exercise.function for exercise in EXERCISES)
        received = name or type(function).__name__
        print(f"check takes the function of an exercise ({known}); received {received}.")
        return None
    use = forbidden_in(function, exercise)
    if use is not None:
        return flagged(exercise, use)
    code = getattr(inspect.unwrap(function), "__code__", None)
    files = {code.co_filename: ""} if code is not None else {}
    exam = make_exam(exercise, public_key(seed))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        outcomes = perform_all(function, exam.calls, files)
    return judge(exam, outcomes)


def forbidden_in(function: Callable[..., Any], exercise: Exercise) -> str | None:
    """The forbidden name that a function uses, as far as its source can be read."""
    try:
        lines, start = inspect.getsourcelines(function)
        block = Block("", start, textwrap.dedent("".join(lines)))
        return forbidden_use([block], exercise.forbidden, meanings_of(getattr(function, "__globals__", {})))
    except (OSError, TypeError, SyntaxError):
        return None


def meanings_of(names: dict[str, Any]) -> dict[str, str]:
    """The dotted names of the modules, classes and functions among global names."""
    meanings = {name: value.__name__ for name, value in names.items() if isinstance(value, ModuleType)}
    for name, value in names.items():
        if isinstance(value, type) or inspect.isfunction(value):
            meanings[name] = f"{value.__module__}.{value.__qualname__}"
    return meanings
