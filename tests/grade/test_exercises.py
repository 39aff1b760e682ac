"""All exercises of the course: their references earn full marks, their names are found and known."""

from __future__ import annotations

import re

import pytest

from coursekit.grade.confusion import exam_of, verdict_on
from coursekit.grade.exercise import Exercise
from coursekit.grade.exercises import EXERCISES, select

from .collected import UNITS

SEEDS = range(20)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_the_reference_earns_full_marks(exercise: Exercise) -> None:
    for seed in SEEDS:
        verdict = verdict_on(exercise.reference, exam_of(exercise, str(seed)))
        assert (verdict.status, verdict.score) == ("passed", exercise.max_score), verdict


def test_no_two_exercises_share_a_function() -> None:
    """A notebook's `check` and a student's file know an exercise by the name of its function."""
    assert len({exercise.function for exercise in EXERCISES}) == len(EXERCISES)


def test_a_unit_or_an_id_selects_exercises() -> None:
    assert sum((select(unit) for unit in UNITS), ()) == EXERCISES
    assert all(select(exercise.id) == (exercise,) for exercise in EXERCISES)
    assert [exercise.function for exercise in select("recurrent")] == [
        "rnn_cell",
        "rnn_backward",
        "clip_gradient_norm",
        "lstm_gates",
        "lstm_cell",
        "lstm_cell_backward",
        "memory_by_hand",
        "gradient_by_hand",
        "gru_cell",
        "merge_directions",
    ]


def test_the_beginning_of_ids_selects_what_begins_so() -> None:
    assert [exercise.function for exercise in select("recurrent.lstm")] == [
        "lstm_gates",
        "lstm_cell",
        "lstm_cell_backward",
    ]
    assert select("recurrent.lstm_cell")[1:] == ()  # an id is that one, though others begin with it


def test_an_unknown_target_is_answered_with_the_known_ones() -> None:
    units, ids = ", ".join(UNITS), ", ".join(exercise.id for exercise in EXERCISES)
    sentence = f"unknown unit or exercise 'lstm'; units: {units}; exercises: {ids}; or a .py file's path"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        select("lstm")
