"""Right answers pass however they are written, on twenty sets of inputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exercises import EXERCISES, select

from .collected import VARIANTS

SEEDS = range(20)
drawn = cache(exam_of)
UNUSUAL = [(id, function) for id, functions in VARIANTS.items() for function in functions]


@pytest.mark.parametrize(("id", "function"), UNUSUAL, ids=lambda item: getattr(item, "__name__", ""))
def test_a_correct_but_unusual_answer_passes(
    id: str, function: Callable[..., Any], record_property: Callable[[str, object], None]
) -> None:
    (exercise,) = select(id)
    for seed in SEEDS:
        verdict = verdict_on(function, drawn(exercise, str(seed)))
        assert verdict.status == "passed", (seed, verdict)
    record_property("score", (f"unusual right answers accepted, on {len(SEEDS)} sets of inputs each", 1, 1))


def test_every_exercise_has_unusual_answers() -> None:
    assert all(len(VARIANTS[exercise.id]) >= 3 for exercise in EXERCISES)
