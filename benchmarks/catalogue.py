"""How well the grader grades: mistakes named, mutants rejected, unusual right answers accepted.

Writes coursekit/records/catalogue.json, unit by unit, which the book shows. Minutes, on all cores. The tests
in tests/grade hold the same figures to a standard, the pairs of mistakes by a sample; here is all of it, on
more inputs.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # what is damaged, and the unusual answers, are those of the tests

from coursekit.grade.confusion import NO_NAME, Trial, exam_of, matrix, try_out, verdict_on  # noqa: E402
from coursekit.grade.exercises import select  # noqa: E402
from tests.grade.collected import ANSWERS, TYPED, UNITS, VARIANTS  # noqa: E402
from tests.grade.habits import habits_of  # noqa: E402
from tests.grade.scores import exercise_of, grade_mutants, is_named  # noqa: E402

RECORD = ROOT / "coursekit" / "records" / "catalogue.json"
KEYS = tuple(f"catalogue {number}" for number in range(5))
SEEDS = range(20)


def singles(unit: str) -> dict[str, Any]:
    exercises = select(unit)
    trials: list[Trial] = []
    for exercise in exercises:
        for key in KEYS:
            trials += try_out(exercise.mistakes, exam_of(exercise, key))
    says = {mistake.id: mistake.say for exercise in exercises for mistake in reversed(exercise.mistakes)}
    return {
        "versions": sum(len(exercise.mistakes) for exercise in exercises),
        "keys": len(KEYS),
        "graded": len(trials),
        "named": sum(trial.named for trial in trials),
        "passed": sum(trial.seen == "passed" for trial in trials),
        "matrix": matrix(trials),
        "says": {id: says[id] for id in sorted(says)},
    }


def pairs(unit: str) -> dict[str, Any]:
    """Every two mistakes that can be made at once, on one set of inputs."""
    trials = [
        trial for exercise in select(unit) for trial in try_out(exercise.pairs(), exam_of(exercise, KEYS[0]))
    ]
    return {
        "graded": len(trials),
        "both_named": sum(trial.told for trial in trials),
        "one_hides_the_other": sum(trial.named and not trial.told for trial in trials),
        "no_name": sum(trial.seen == NO_NAME for trial in trials),
        "passed": sum(trial.seen == "passed" for trial in trials),
        "others": sorted(
            f"{trial.made}, seen as {trial.seen}"
            for trial in trials
            if not trial.named and trial.seen not in (NO_NAME, "passed")
        ),
    }


def typed(unit: str) -> dict[str, int]:
    exams = {exercise: exam_of(exercise, KEYS[0]) for exercise in select(unit)}
    own = [one for one in TYPED if exercise_of(one.answer).unit == unit]
    named = sum(is_named(one, exams[exercise_of(one.answer)]) for one in own)
    return {"graded": len(own), "named": named, "of_two": sum(len(one.ids) == 2 for one in own)}


def habits(unit: str) -> list[dict[str, Any]]:
    told: Counter[str] = Counter()
    graded: Counter[str] = Counter()
    words: dict[str, str] = {}
    for exercise in select(unit):
        exam = exam_of(exercise, KEYS[0])
        for habit in habits_of(exercise):
            verdict = verdict_on(habit.function, exam)
            graded[habit.name] += 1
            told[habit.name] += verdict.status == "failed" and habit.words in verdict.message
            words.setdefault(habit.name, verdict.message)
    return [
        {"habit": name, "told": told[name], "of": graded[name], "message": words[name]} for name in graded
    ]


def mutants(unit: str) -> dict[str, Any]:
    kinds: dict[str, Counter[str]] = {}
    answers, reasons, accepted_once = [], Counter[str](), 0
    for answer in (answer for answer in ANSWERS if exercise_of(answer).unit == unit):
        graded = list(grade_mutants(answer))
        for one in graded:
            kinds.setdefault(one.mutant.kind, Counter())[one.fate] += 1
            if one.fate == "equivalent":
                reasons[answer.equivalent[one.mutant.change]] += 1
        accepted_once += sum(one.right_once for one in graded)
        fates = Counter(one.fate for one in graded)
        answers.append({"exercise": answer.exercise, "answer": answer.name, "of": len(graded), **fates})
    return {
        "answers": answers,
        "kinds": {kind: dict(kinds[kind]) for kind in sorted(kinds)},
        "reasons": dict(reasons.most_common()),
        "right_in_one_comparison_of_values": accepted_once,
    }


def variants(unit: str) -> list[dict[str, Any]]:
    rows = []
    for exercise in select(unit):
        exams = [exam_of(exercise, str(seed)) for seed in SEEDS]
        for function in VARIANTS[exercise.id]:
            accepted = sum(verdict_on(function, exam).status == "passed" for exam in exams)
            row = {"exercise": exercise.id, "answer": function.__name__.replace("_", " ")}
            rows.append({**row, "accepted": accepted, "of": len(exams)})
    return rows


PARTS: dict[str, Callable[[str], Any]] = {
    part.__name__: part for part in (singles, pairs, mutants, variants, typed, habits)
}


def measured(part: str, unit: str) -> Any:
    torch.set_num_threads(1)
    start = time.perf_counter()
    found = PARTS[part](unit)
    print(f"{unit}, {part}: {time.perf_counter() - start:.0f} s", flush=True)
    return found


def main() -> None:
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {
            unit: {part: pool.submit(measured, part, unit) for part in PARTS} for unit in UNITS
        }  # all at once, so that no core waits
        units = {
            unit: {part: future.result() for part, future in parts.items()} for unit, parts in waiting.items()
        }
    record: dict[str, Any] = {
        "what": "the grader graded: known mistakes, two at once and bad habits as answers; single changes to "
        "the syntax tree of right answers; right answers written in unusual ways",
        "units": units,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf8")
    print(RECORD.name, "written")


if __name__ == "__main__":
    main()
