"""Exercises from a file of an instructor's own, tried out before anybody is graded by them."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import make_exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.judge import judge

KEYS = ("a", "b", "c")  # a mistake may be right by luck, a reference wrong by bad luck


def load(path: Path) -> tuple[Exercise, ...]:
    """What a .py file declares as `EXERCISES`, one or several; a ValueError if something is amiss."""
    if not path.is_file():
        raise ValueError(f"there is no file {path} to read exercises from")
    spec = importlib.util.spec_from_file_location(f"coursekit_declared_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their module up
    sys.path.append(str(path.parent.resolve()))  # last: a file beside it must not hide a library
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path} cannot be run ({type(error).__name__}: {error})") from error
    finally:
        sys.path.pop()
    found = getattr(module, "EXERCISES", None)
    exercises = (found,) if isinstance(found, Exercise) else found
    if not (isinstance(exercises, Sequence) and exercises and {type(e) for e in exercises} == {Exercise}):
        received = "nothing of that name" if found is None else type(found).__name__
        raise ValueError(f"{path} should declare EXERCISES, an Exercise or a list of them; it has {received}")
    ids = Counter(exercise.id for exercise in exercises)
    for exercise in exercises:
        complaint = "its id is used twice" if ids[exercise.id] > 1 else next(complaints(exercise), None)
        if complaint is not None:
            raise ValueError(f"{path}: exercise {exercise.id}: {complaint}")
    return tuple(exercises)


def complaints(exercise: Exercise) -> Iterator[str]:
    """What is wrong with a declaration, in sentences; each relies on those before."""
    if not (exercise.unit.isidentifier() and exercise.function.isidentifier()):
        yield f"its id should have the form unit.function; received {exercise.id!r}"
    if not exercise.parts or any(not part.points > 0 for part in exercise.parts):
        yield "it needs at least one part, and each part's points must be above 0"
    for what, names in (("part", [part.name for part in exercise.parts]), ("argument", exercise.arguments)):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            yield f"two {what}s are called {twice[0]!r}"
    if not isinstance(exercise.differentiable, bool):
        unknown = set(exercise.differentiable) - set(exercise.arguments)
        if unknown:
            yield f"differentiable names {min(unknown)!r}, which is none of its arguments"
    try:
        exams = [make_exam(exercise, key) for key in KEYS]
    except Exception as error:
        yield f"its cases or its reference fail ({type(error).__name__}: {error})"
        return
    for exam in exams:
        for check in exam.checks:
            if len(check.call.arguments) > len(exercise.arguments):
                received = f"{len(check.call.arguments)} in the case {check.case.words!r}"
                yield f"it names {len(exercise.arguments)} arguments; there are {received}"
        verdict = judge(exam, perform_all(exercise.reference, exam.calls, {}))
        if verdict.status != "passed":
            yield f"its reference does not pass its own checks: {verdict.message}"
        for mistake in exercise.mistakes:
            found = judge(exam, perform_all(mistake.wrong, exam.calls, {}))
            if found.status == "passed":
                yield f"its mistake {mistake.id} ({mistake.say}) passes all checks"
