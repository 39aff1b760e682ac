"""What the mistakes of a catalogue are recognised as, when each is graded like an answer handed in.

A confusion matrix: how often a mistake that was made got its own name, another's, or none. It is what an
instructor looks at after adding a mistake: two that give the same answers rob each other of their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from coursekit.grade.calls import perform_all
from coursekit.grade.exam import Exam, make_exam
from coursekit.grade.exercise import Exercise, Mistake
from coursekit.grade.judge import judge
from coursekit.grade.verdict import Verdict

NO_NAME = "no name"


class Trial(NamedTuple):
    """One wrong version, graded."""

    made: str  # "ERR-35", or "ERR-35 + MIS-27" where two were made at once
    seen: str  # an id, two, `NO_NAME`, or a status such as "passed"
    told: bool  # whether the sentences were those of what was made

    @property
    def named(self) -> bool:
        """Whether the student was told what they did wrong.

        Of two mistakes one can hide the other: an output gate without its sigmoid does not show where the
        output gate is not used. The answer is then that of the one that shows, and its name the right one.
        """
        return self.told or (" + " in self.made and self.seen in self.made.split(" + "))


def exam_of(exercise: Exercise, key: str) -> Exam:
    """An exam that forbids nothing: wrong versions are made from what students may not use."""
    return make_exam(replace(exercise, forbidden=()), key)


def verdict_on(function: Callable[..., Any], exam: Exam) -> Verdict:
    """Grade a function in this process: for code that is trusted."""
    return judge(exam, perform_all(function, exam.calls, {}))


def try_out(mistakes: Iterable[Mistake], exam: Exam) -> Iterator[Trial]:
    """Grade each mistake as if it were an answer."""
    for mistake in mistakes:
        verdict = verdict_on(mistake.wrong, exam)
        both = [(mistake.id, mistake.say), *([mistake.also] if mistake.also else [])]
        named = verdict.mistake in {id for id, _ in both}
        told = named and all(say in verdict.message for _, say in both)
        seen = label(id for id, _ in both) if told else seen_in(verdict)
        yield Trial(label(id for id, _ in both), seen, told)


def seen_in(verdict: Verdict) -> str:
    if verdict.mistake is None:
        return NO_NAME if verdict.status in ("failed", "error") else verdict.status
    return verdict.mistake


def label(ids: Iterable[str]) -> str:
    return " + ".join(sorted(ids))


def matrix(trials: Iterable[Trial]) -> dict[str, dict[str, int]]:
    """How often each mistake was recognised as what: made -> seen -> count."""
    counts: dict[str, Counter[str]] = {}
    for trial in trials:
        counts.setdefault(trial.made, Counter())[trial.seen] += 1
    return {made: dict(sorted(counts[made].items())) for made in sorted(counts)}
