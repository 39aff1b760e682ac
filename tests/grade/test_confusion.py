"""Every mistake of the catalogue, graded like an answer: refused, and called by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

import pytest

from coursekit.grade.confusion import NO_NAME, Trial, exam_of, matrix, try_out, verdict_on
from coursekit.grade.exercise import Exercise, Mistake
from coursekit.grade.exercises import EXERCISES
from coursekit.grade.exercises.recurrent_gradients import Backward
from coursekit.grade.exercises.recurrent_mistakes import Step

from .habits import habits_of
from .scores import is_named
from .typed import TYPED

GATES, CELL, BACKWARD = EXERCISES
KEYS = ("catalogue", "another")
NAMED = 0.95  # of all mistakes, at least
PAIRS = 40  # of an exercise's pairs, spread over all of them
each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.function)
Record = Callable[[str, object], None]


def share_named(trials: Iterable[Trial], title: str, record: Record) -> float:
    tried = list(trials)
    named = sum(trial.named for trial in tried)
    assert all(trial.seen != "passed" for trial in tried), tried
    record("score", (title, named, len(tried)))
    return named / len(tried)


@each
def test_a_mistake_of_the_catalogue_is_refused_and_named(exercise: Exercise, record_property: Record) -> None:
    trials = [trial for key in KEYS for trial in try_out(exercise.mistakes, exam_of(exercise, key))]
    assert share_named(trials, "mistakes of the catalogue named", record_property) >= NAMED, matrix(trials)


@each
def test_two_mistakes_at_once_are_refused_and_named(exercise: Exercise, record_property: Record) -> None:
    pairs = list(exercise.pairs())
    step = len(pairs) // PAIRS
    trials = list(try_out(islice(pairs, 0, None, step), exam_of(exercise, KEYS[0])))
    assert share_named(trials, "pairs of mistakes named, of a sample", record_property) >= NAMED, matrix(
        trials
    )


@each
def test_a_mistake_typed_into_an_answer_is_named(exercise: Exercise, record_property: Record) -> None:
    exam = exam_of(exercise, KEYS[0])
    own = [typed for typed in TYPED if typed.answer.exercise == exercise.id]
    missed = [(typed.ids, typed.edits) for typed in own if not is_named(typed, exam)]
    assert missed == [] and len(own) > 10
    record_property("score", ("mistakes typed into right answers named", len(own), len(own)))


@each
def test_a_bad_habit_is_refused_in_its_own_words(exercise: Exercise, record_property: Record) -> None:
    exam = exam_of(exercise, KEYS[0])
    for habit in habits_of(exercise):
        verdict = verdict_on(habit.function, exam)
        assert verdict.status == "failed" and verdict.score < exercise.max_score, (habit.name, verdict)
        assert habit.words in verdict.message, (habit.name, verdict)
        record_property("score", ("bad habits told in their own words", 1, 1))


def test_the_catalogue_holds_every_mistake_that_fits_these_functions() -> None:
    ids = {exercise.function: {mistake.id for mistake in exercise.mistakes} for exercise in EXERCISES}
    of_gates = {"ERR-35", "ERR-36", "ERR-37", "ERR-39", "ERR-43", "ERR-44", "MIS-27", "MIS-29"}
    of_cells = {"ERR-38", "ERR-40", "ERR-41", "ERR-42", "ERR-53", "ERR-57", "ERR-69", "MIS-36"} | of_gates
    of_gradients = {"ERR-46", "ERR-56", "ERR-64"} | of_cells
    assert ids == {"lstm_gates": of_gates, "lstm_cell": of_cells, "lstm_cell_backward": of_gradients}


@each
def test_a_sentence_belongs_to_one_mistake_and_fits_on_a_screen(exercise: Exercise) -> None:
    ids: dict[str, str] = {}
    for mistake in exercise.mistakes:
        assert ids.setdefault(mistake.say, mistake.id) == mistake.id
        assert mistake.say.endswith((".", ")")) and len(mistake.say) < 130


@pytest.mark.topic("RNN-37", "RNN-43")
@pytest.mark.parametrize(
    ("exercise", "whole"), [(GATES, Step().gates_alone), (CELL, Step().cell), (BACKWARD, Backward())]
)
def test_the_pieces_that_mistakes_replace_are_right(exercise: Exercise, whole: Callable[..., object]) -> None:
    assert verdict_on(whole, exam_of(exercise, KEYS[0])).status == "passed"


# The matrix itself, on a catalogue that is bad on purpose


def trials_of(*mistakes: Mistake) -> list[Trial]:
    return list(try_out(mistakes, exam_of(replace(CELL, mistakes=mistakes, pairs=tuple), "matrix")))


def test_two_names_for_one_answer_leave_it_without() -> None:
    known = CELL.mistakes[0]
    trials = trials_of(known, known._replace(id="ERR-00"))
    assert [trial.named for trial in trials] == [False, False]
    assert matrix(trials) == {"ERR-00": {NO_NAME: 1}, known.id: {NO_NAME: 1}}


def test_a_mistake_that_is_none_is_seen_to_pass() -> None:
    (trial,) = trials_of(CELL.mistakes[0]._replace(wrong=CELL.reference))
    assert trial == Trial(CELL.mistakes[0].id, "passed", told=False) and not trial.named


def test_of_two_mistakes_the_hidden_one_need_not_be_named() -> None:
    shown, hidden = CELL.mistakes[0], ("ERR-00", "It does not show.")
    both = shown._replace(also=hidden)
    (trial,) = try_out([both], exam_of(replace(CELL, mistakes=(shown,), pairs=tuple), "matrix"))
    assert trial == Trial(f"ERR-00 + {shown.id}", shown.id, told=False) and trial.named
