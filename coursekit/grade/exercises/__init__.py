"""All exercises, unit by unit. The judge and the notebook look them up here; a worker never imports this."""

from __future__ import annotations

from pathlib import Path

from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises import convolutional, losses, recurrent, segmentation
from coursekit.grade.exercises.declared import load

EXERCISES: tuple[Exercise, ...] = (
    *recurrent.EXERCISES,
    *losses.EXERCISES,
    *convolutional.EXERCISES,
    *segmentation.EXERCISES,
)


def select(target: str) -> tuple[Exercise, ...]:
    """The exercises of a unit ("recurrent"), of a file ("my_unit.py"), or the one with an id.

    The beginning of several ids stands for all of them: "recurrent.lstm" is what begins with "recurrent.lstm_".

    Raises ValueError for an unknown target, and for a file whose exercises do not hold what they promise.
    """
    if target.endswith(".py"):
        return load(Path(target))
    chosen = tuple(exercise for exercise in EXERCISES if target in (exercise.unit, exercise.id))
    chosen = chosen or tuple(exercise for exercise in EXERCISES if exercise.id.startswith(f"{target}_"))
    if not chosen:
        units = ", ".join(dict.fromkeys(exercise.unit for exercise in EXERCISES))
        ids = ", ".join(exercise.id for exercise in EXERCISES)
        raise ValueError(
            f"unknown unit or exercise {target!r}; units: {units}; exercises: {ids}; or a .py file's path"
        )
    return chosen
