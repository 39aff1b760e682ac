"""Give a wrong answer the name of its mistake, or of its two mistakes.

A wrong version shows in the values of ordinary cases, or only in gradients and what it writes into, or only
in extreme cases, or only in float32. An answer is compared with the catalogue on the first of these where it
is wrong, and on those before, where the version that explains it must be as right as the answer is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from coursekit.grade.calls import Outcome
from coursekit.grade.catalogue import CLEARLY, Answer, Question, WrongAnswers, clearly_differ
from coursekit.grade.exercise import Exercise
from coursekit.grade.expected import Check

ASPECTS = ("values", "gradients", "extremes", "float32")


class Named(NamedTuple):
    """A mistake as a verdict says it."""

    id: str
    message: str


class Diagnosis:
    """The catalogue of an exercise, and the checks of an exam by which it tells answers apart."""

    def __init__(self, exercise: Exercise, checks: Sequence[Check]) -> None:
        self._exercise = exercise
        self._numbers: list[int] = []  # of the checks, aspect after aspect
        self._questions: list[Question] = []
        self._ends: dict[str, int] = {}
        for aspect in ASPECTS:
            for number, check in enumerate(checks):
                if check.aspect == aspect or (aspect == "values" and check.aspect == "gradients"):
                    self._numbers.append(number)
                    self._questions.append(Question(check, gradients=aspect == "gradients"))
            self._ends[aspect] = len(self._questions)
        self._single = WrongAnswers(exercise, lambda: exercise.mistakes, self._questions)
        self._pairs = WrongAnswers(exercise, exercise.pairs, self._questions)

    def name(self, outcomes: Sequence[Outcome], aspect: str) -> Named | None:
        """The one explanation of an answer that is wrong in this aspect first, or None."""
        end = self._ends[aspect]
        start = self._ends.get(ASPECTS[ASPECTS.index(aspect) - 1], 0) if aspect != "values" else 0
        given = [
            question.answer(self._exercise, outcomes[number])
            for number, question in zip(self._numbers[:end], self._questions, strict=False)
        ]
        if not given:
            return None
        for known in (self._single, self._pairs):
            found = [k for k in known.equal_to(given) if self._tells(known, k, range(start, end))]
            made = [known.mistakes[k] for k in found]
            names = {in_words((mistake.id, mistake.say), mistake.also) for mistake in made}
            if names:
                return names.pop() if len(names) == 1 else None
        return self._part_by_part(given) if aspect == "values" else None

    def _tells(self, known: WrongAnswers, number: int, questions: Iterable[int]) -> bool:
        """Whether a wrong version is clearly not right somewhere."""
        return any(
            clearly_differ(known.answers(number, k), self._questions[k].right_answer(self._exercise))
            for k in questions
        )

    def _part_by_part(self, given: list[tuple[Answer, ...]]) -> Named | None:
        """One mistake in all parts that are wrong, or two in different ones."""
        count = len(self._exercise.parts)
        right = [question.right_answer(self._exercise) for question in self._questions[: len(given)]]
        if count == 1 or any(len(answer) != count for answer in given):
            return None
        explanations: list[set[tuple[str, str]]] = []
        for part in range(count):
            pairs = [(answer[part], other[part]) for answer, other in zip(given, right, strict=True)]
            if all(answer.equals(other) for answer, other in pairs):
                continue
            if not any(answer.clearly_differs(other) and varied(answer) for answer, other in pairs):
                return None
            found = (self._single.mistakes[k] for k in self._single.equal_in(part, given))
            explanations.append({(mistake.id, mistake.say) for mistake in found})
        if not explanations:
            return None
        common = set.intersection(*explanations)
        if common:
            return Named(*common.pop()) if len(common) == 1 else None
        both = sorted(set.union(*explanations))
        if any(len(found) != 1 for found in explanations) or len(both) != 2 or both[0][0] == both[1][0]:
            return None
        return in_words(*both)


def in_words(first: tuple[str, str], second: tuple[str, str] | None) -> Named:
    return Named(first[0], first[1] + (f" Also {second[0]}: {second[1]}" if second else ""))


def varied(answer: Answer) -> bool:
    """Whether an answer is more than zeros, or one number everywhere, which anybody may have left there."""
    return answer.numbers.size > 1 and bool(np.ptp(answer.numbers) > CLEARLY)
