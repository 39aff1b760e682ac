"""`check` in a student's notebook: the strict check on public inputs, in the notebook's own process."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import textwrap
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import Exam, make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises import EXERCISES, select
from coursekit.grade.judge import flagged, judge
from coursekit.grade.protocol import Block
from coursekit.grade.submission import forbidden_use
from coursekit.grade.verdict import Verdict


def public_key(seed: int) -> str:
    return f"public/{seed}"


@lru_cache(maxsize=16)
def public_exam(exercise: Exercise, seed: int) -> Exam:
    """Kept, because a student asks again and again, and another grader once for each part."""
    return make_exam(exercise, public_key(seed))


def exercises_of(file: str | None) -> tuple[Exercise, ...]:
    """The course's exercises, or those of an instructor's file."""
    return EXERCISES if file is None else declared(file, Path(file).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def declared(file: str, changed: int) -> tuple[Exercise, ...]:
    """Kept until the file changes, because trying its exercises out takes longer than a check."""
    return select(file)


def check_function(function: Callable[..., Any], seed: int, file: str | None = None) -> Verdict | None:
    """The verdict on a function; None, and a printed sentence, where no exercise has its name."""
    name = getattr(function, "__name__", None)
    try:
        exercises = exercises_of(file)
    except (OSError, ValueError) as error:
        print(f"check cannot use the exercises of {file}: {error}")
        return None
    exercise = next((exercise for exercise in exercises if exercise.function == name), None)
    if exercise is None:
        known = ", ".join(exercise.function for exercise in exercises)
        received = name or type(function).__name__
        print(f"check takes the function of an exercise ({known}); received {received}.")
        return None
    use = forbidden_in(function, exercise)
    if use is not None:
        return flagged(exercise, use)
    code = getattr(inspect.unwrap(function), "__code__", None)
    files = {code.co_filename: ""} if code is not None else {}
    exam = public_exam(exercise, seed)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        outcomes = perform_all(function, exam.calls, files)
    return judge(exam, outcomes)


def forbidden_in(function: Callable[..., Any], exercise: Exercise) -> str | None:
    """The forbidden name that a function or its helpers use, as far as their sources can be read."""
    names = getattr(inspect.unwrap(function), "__globals__", {})
    blocks = [block for block in map(block_of, with_helpers(function)) if block is not None]
    return forbidden_use(blocks, exercise.forbidden, meanings_of(names))


def with_helpers(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function and those of the same notebook or file that it calls, and that these call."""
    found: list[Callable[..., Any]] = []
    todo = [inspect.unwrap(function)]
    while todo:
        one = todo.pop()
        if one not in found:
            found.append(one)
            names = getattr(one, "__globals__", {})
            called = (names.get(name) for name in getattr(getattr(one, "__code__", None), "co_names", ()))
            todo += [other for other in called if inspect.isfunction(other) and other.__globals__ is names]
    return found


def block_of(function: Callable[..., Any]) -> Block | None:
    try:
        lines, start = inspect.getsourcelines(function)
        block = Block("", start, textwrap.dedent("".join(lines)))
        ast.parse(block.source)
    except (OSError, TypeError, SyntaxError):  # typed at a prompt, of a library's own, a lambda in a call
        return None
    return block


def meanings_of(names: dict[str, Any]) -> dict[str, str]:
    """The dotted names of the modules, classes and functions among global names."""
    meanings = {name: value.__name__ for name, value in names.items() if isinstance(value, ModuleType)}
    for name, value in names.items():
        if isinstance(value, type) or inspect.isfunction(value):
            meanings[name] = f"{value.__module__}.{value.__qualname__}"
    return meanings
