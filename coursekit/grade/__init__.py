"""Exercises, and what is said about an attempt at one.

In a notebook: `from coursekit.grade import check`, then `check(lstm_cell)`. For a class: `coursekit grade`.

Where things are; each file begins by saying what it is for:

    declaring an exercise   exercise, generators, exercises/
    reading a submission    source_files, magics, statements, names, linking, submission; meanings, forbidden
    running it              protocol, process, worker, jail/; encoding, calls, watch
    judging what came back  exam, expected, compare, judge, verdict; diagnosis, catalogue, words, confusion
    a whole class           sources, grading, job, batch, cluster, record, command; similarity, duplicates
    for readers             notebook, assertion, reports/, release/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coursekit.grade.verdict import Verdict

__all__ = ["check", "require"]


def check(function: Callable[..., Any], seed: int = 0, exercises: str | None = None) -> Verdict | None:
    """Compare a function you wrote with the course's reference of that name, and say what is not right yet.

    The inputs follow from `seed` and are no secret; homework is graded on others. Whatever the function
    does, the answer is a verdict to look at and no exception. `exercises` is the path of a .py file that
    declares exercises of its own.
    """
    from coursekit.grade.notebook import check_function  # not above: a worker must not load the references

    return check_function(function, seed, exercises)


def require(function: Callable[..., Any], part: str | None = None, seed: int = 0) -> None:
    """`check` as an assertion, for tests in nbgrader and Otter: raise unless a part, or everything, is right.

    `part` is the name of one tensor of the result as verdicts say it, e.g. "the output gate o". Raises
    `AssertionError` with what is not right and, if it is a known mistake, its sentence; `ValueError` where
    the exercise has no such part.
    """
    from coursekit.grade.assertion import require_function

    require_function(function, part, seed)
