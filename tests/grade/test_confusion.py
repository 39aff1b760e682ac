"""Every mistake of the catalogue, graded like an answer: refused, and called by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

import pytest

from coursekit.grade.confusion import NO_NAME, Trial, exam_of, matrix, try_out, verdict_on
from coursekit.grade.exercise import Exercise, Mistake
from coursekit.grade.exercises import EXERCISES, select

from .collected import TYPED
from .habits import habits_of
from .scores import is_named

(CELL,) = select("recurrent.lstm_cell")
KEYS = ("catalogue", "another")
NAMED = 0.95  # of all mistakes, at least
PAIRS = 40  # of an exercise's pairs, spread over all of them
each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
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
    if not pairs:
        pytest.skip("its mistakes are all in one place")
    step = max(1, len(pairs) // PAIRS)
    trials = list(try_out(islice(pairs, 0, None, step), exam_of(exercise, KEYS[0])))
    assert share_named(trials, "pairs of mistakes named, of a sample", record_property) >= NAMED, matrix(
        trials
    )


@each
def test_a_mistake_typed_into_an_answer_is_named(exercise: Exercise, record_property: Record) -> None:
    exam = exam_of(exercise, KEYS[0])
    own = [typed for typed in TYPED if typed.answer.exercise == exercise.id]
    missed = [(typed.ids, typed.edits) for typed in own if not is_named(typed, exam)]
    assert missed == [] and len(own) >= 5
    record_property("score", ("mistakes typed into right answers named", len(own), len(own)))


@each
def test_a_bad_habit_is_refused_in_its_own_words(exercise: Exercise, record_property: Record) -> None:
    exam = exam_of(exercise, KEYS[0])
    for habit in habits_of(exercise):
        verdict = verdict_on(habit.function, exam)
        assert verdict.status == "failed" and verdict.score < exercise.max_score, (habit.name, verdict)
        assert habit.words in verdict.message, (habit.name, verdict)
        record_property("score", ("bad habits told in their own words", 1, 1))


@each
def test_a_sentence_belongs_to_one_mistake_and_fits_on_a_screen(exercise: Exercise) -> None:
    ids: dict[str, str] = {}
    for mistake in exercise.mistakes:
        assert ids.setdefault(mistake.say, mistake.id) == mistake.id
        assert mistake.say.endswith((".", ")")) and len(mistake.say) < 130


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
