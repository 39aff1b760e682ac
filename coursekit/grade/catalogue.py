"""What the wrong versions of a catalogue answer to an exam, computed when and as far as needed.

On the first question all versions answer and their answers become matrices, so that an answer finds its
equals in one comparison; the other questions are put only to these.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from coursekit.grade.calls import Array, Call, Outcome, Value, perform_all, tensors_in, values_in
from coursekit.grade.compare import as_plain, close
from coursekit.grade.exercise import Exercise, Mistake
from coursekit.grade.expected import EPS, FACTOR, FLOOR, NUMBER, Check, Expected

FEW = 8
CLEARLY = 1e-3  # how far a wrong version must be from the right one on an input that is to tell them apart


class Answer(NamedTuple):
    """An output, or the gradients of one: its form with everything exact, and its floating-point values."""

    form: Hashable
    numbers: Array
    rounding: float = FLOOR  # how far equal numbers may be apart, relative to the largest or to 1

    def equals(self, wrong: Answer) -> bool:
        return self.form == wrong.form and len(Table([0], [wrong]).equal_to(self)) == 1

    def clearly_differs(self, other: Answer) -> bool:
        return self.form != other.form or not close(self.numbers, other.numbers, CLEARLY).all()


class Question(NamedTuple):
    """A check by which a mistake is recognised: by its values, or by its gradients."""

    check: Check
    gradients: bool

    @property
    def call(self) -> Call:
        call = self.check.call
        return call if self.gradients else call._replace(wanted=(), cotangents=())

    @property
    def rounding(self) -> float:
        """Where no number comes in with a precision, an answer may be in float32."""
        tensors = tensors_in([*self.check.call.arguments, *self.check.call.keywords.values()])
        return FLOOR if any(tensor.is_floating_point() for tensor in tensors) else FACTOR * EPS

    def answer(self, exercise: Exercise, outcome: Outcome) -> tuple[Answer, ...]:
        """What an outcome says, part by part where it has as many; an exception is an answer too."""
        if outcome.error is not None and (self.gradients or outcome.result is None):
            return (Answer("exception", np.empty(0)),)
        items = outcome.outputs if len(exercise.parts) > 1 else (outcome.result,)
        if not self.gradients:
            if len(items) == len(self.check.outputs):
                items = tuple(map(as_asked, items, self.check.outputs))
            return tuple(as_answer(item, self.rounding) for item in items)
        without = [item for part, item in zip(exercise.parts, items, strict=False) if not part.graph]
        kept = tuple(value.graph for value in values_in(without))
        effects = Answer((outcome.changed, kept), np.empty(0))
        return (*(as_answer(row) for row in outcome.gradients), effects)

    def right_answer(self, exercise: Exercise) -> tuple[Answer, ...]:
        check = self.check
        if check.raises:
            return (Answer("exception", np.empty(0)),)
        if not self.gradients:
            return tuple(as_answer(output) for output in check.outputs)
        kept = (False,) * sum(not part.graph for part in exercise.parts)
        return (*(as_answer(row) for row in check.gradients), Answer(((), kept), np.empty(0)))


def as_asked(item: Any, right: Any) -> Any:
    """A whole number where a number with decimals is asked for is one of these: 0 is 0.0."""
    wanted = isinstance(right, Expected) and right.dtype == NUMBER
    return float(item) if wanted and isinstance(item, int) and not isinstance(item, bool) else item


def as_answer(item: Any, rounding: float = FLOOR) -> Answer:
    """A number and a tensor that is one, of no dimensions, have the same form."""
    numbers: list[Array] = []

    def form(item: Any) -> Hashable:
        item = as_plain(item)
        if isinstance(item, Expected):
            numbers.append(item.value.reshape(-1))
            return of_shape(item.value.shape)
        if isinstance(item, np.ndarray):
            return form(item.tolist())
        if isinstance(item, Value):
            if item.data is None:
                return item[:4]
            numbers.append(item.data.reshape(-1))
            return of_shape(item.shape)
        if isinstance(item, (list, tuple)):
            return tuple(form(child) for child in item)
        if isinstance(item, float):
            numbers.append(np.array([item]))
            return of_shape(())
        return (type(item).__name__, item)

    found = form(item)
    return Answer(found, np.concatenate(numbers).astype(np.float64) if numbers else np.empty(0), rounding)


def of_shape(shape: tuple[int, ...]) -> Hashable:
    return ("tensor", shape)


class Table:
    """Answers of one form, as a matrix with a row for each."""

    def __init__(self, numbers: Sequence[int], wrong: Sequence[Answer]) -> None:
        self._numbers = np.array(numbers)
        self._values = np.stack([answer.numbers for answer in wrong])
        finite = np.where(np.isfinite(self._values), np.abs(self._values), 0)
        self._tolerance = (
            max(answer.rounding for answer in wrong) * np.maximum(1, finite.max(axis=1, initial=0))[:, None]
        )

    def equal_to(self, given: Answer) -> list[int]:
        """The numbers of the rows that agree with an answer of this form."""
        rows = np.arange(len(self._numbers))
        for columns in (slice(FEW), slice(FEW, None)):  # a few tell nearly all rows apart
            near = close(given.numbers[columns], self._values[rows, columns], self._tolerance[rows])
            rows = rows[near.all(axis=1)]
        found: list[int] = self._numbers[rows].tolist()
        return found


class WrongAnswers:
    """The answers of wrong versions to some questions; `mistakes` is called when they are first needed."""

    def __init__(
        self, exercise: Exercise, mistakes: Callable[[], Iterable[Mistake]], questions: Sequence[Question]
    ) -> None:
        self._exercise, self._make, self._questions = exercise, mistakes, questions
        self.answers = cache(self._answers)

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        return tuple(self._make())

    def _answers(self, number: int, question: int) -> tuple[Answer, ...]:
        asked = self._questions[question]
        (outcome,) = perform_all(self.mistakes[number].wrong, [asked.call], {})
        return asked.answer(self._exercise, outcome)

    @cached_property
    def _whole(self) -> dict[Hashable, Table]:
        """The answers to the first question, for each form of them."""
        return tables((number, joined(self.answers(number, 0))) for number in range(len(self.mistakes)))

    @cached_property
    def _parts(self) -> tuple[dict[Hashable, Table], ...]:
        """The same for each part of the result."""
        count = len(self._exercise.parts)
        complete = [k for k in range(len(self.mistakes)) if len(self.answers(k, 0)) == count]
        return tuple(tables((k, self.answers(k, 0)[part]) for k in complete) for part in range(count))

    def equal_to(self, given: Sequence[tuple[Answer, ...]]) -> list[int]:
        """The wrong versions whose answers to the first questions are these."""
        first = joined(given[0])
        candidates = self._whole[first.form].equal_to(first) if first.form in self._whole else []
        for question, answer in enumerate(given[1:], start=1):
            candidates = [k for k in candidates if equal(answer, self.answers(k, question))]
        return candidates

    def equal_in(self, part: int, given: Sequence[tuple[Answer, ...]]) -> list[int]:
        """The wrong versions that agree on one part."""
        first, table = given[0][part], self._parts[part]
        candidates = table[first.form].equal_to(first) if first.form in table else []
        for question, answer in enumerate(given[1:], start=1):
            others = {k: self.answers(k, question) for k in candidates}
            candidates = [
                k
                for k, other in others.items()
                if len(other) == len(answer) and answer[part].equals(other[part])
            ]
        return candidates


def tables(answers: Iterable[tuple[int, Answer]]) -> dict[Hashable, Table]:
    groups: dict[Hashable, list[tuple[int, Answer]]] = {}
    for number, answer in answers:
        groups.setdefault(answer.form, []).append((number, answer))
    return {form: Table(*zip(*group, strict=True)) for form, group in groups.items()}


def joined(parts: tuple[Answer, ...]) -> Answer:
    """The answers on all parts as one."""
    numbers = np.concatenate([part.numbers for part in parts])
    return Answer(tuple(part.form for part in parts), numbers, max(part.rounding for part in parts))


def equal(given: tuple[Answer, ...], wrong: tuple[Answer, ...]) -> bool:
    return len(given) == len(wrong) and all(a.equals(b) for a, b in zip(given, wrong, strict=True))


def clearly_differ(given: tuple[Answer, ...], other: tuple[Answer, ...]) -> bool:
    return len(given) != len(other) or any(a.clearly_differs(b) for a, b in zip(given, other, strict=True))
