"""Exercises, and what is said about an attempt at one.

In a notebook: `from coursekit.grade import check`, then `check(lstm_cell)`. For a class: `coursekit grade`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coursekit.grade.verdict import Verdict

__all__ = ["check"]


def check(function: Callable[..., Any], seed: int = 0) -> Verdict | None:
    """Compare a function you wrote with the course's reference of that name, and say what is not right yet.

    The inputs follow from `seed` and are no secret; homework is graded on others. Whatever the function
    does, the answer is a verdict to look at and no exception.
    """
    from coursekit.grade.notebook import check_function  # not above: a worker must not load the references

    return check_function(function, seed)
