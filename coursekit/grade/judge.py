"""Compare what a student's function did with what it should have done. Never runs a student's code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from coursekit.grade.calls import Error, Outcome, Value
from coursekit.grade.diagnosis import agree, difference, name_mistake
from coursekit.grade.exam import Check, Exam, Expected
from coursekit.grade.exercise import Exercise
from coursekit.grade.verdict import Status, Verdict

MAX_QUOTED = 300


class Problem(NamedTuple):
    sentence: str
    part: int | None = None  # number of the part it concerns; None: the whole function
    raised: bool = False


def judge(exam: Exam, outcomes: list[Outcome]) -> Verdict:
    """The verdict from the outcomes of the exam's calls, or from just one, if nothing could be called."""
    exercise = exam.exercise
    everything = frozenset(range(len(exercise.parts)))
    first = outcomes[0].error if outcomes else None
    if first is not None and first.type == "NotImplementedError":
        return Verdict(exercise, "not_attempted", printable(first.message))
    if first is not None and len(outcomes) == 1:
        return Verdict(exercise, "error", f"{exercise.function} cannot be defined: {in_words(first)}.")
    if len(outcomes) != len(exam.checks):
        return Verdict(exercise, "error", f"{exercise.function} left before the checks were finished.")
    problems = find_problems(exam, outcomes)
    if not problems:
        return Verdict(exercise, "passed", right=everything)
    wrong = {problem.part for problem in problems}
    right = frozenset() if None in wrong else everything - wrong
    mistake = name_mistake(exam, outcomes)
    if mistake is not None:
        return Verdict(exercise, "failed", mistake.say, mistake.id, right)
    status: Status = "error" if problems[0].raised else "failed"
    return Verdict(exercise, status, problems[0].sentence, None, right)


def flagged(exercise: Exercise, use: str) -> Verdict:
    sentence = f"uses {use}, which does what {exercise.function} is to be written for"
    return Verdict(exercise, "flagged", f"The code {sentence}; a person will look at it.")


def find_problems(exam: Exam, outcomes: list[Outcome]) -> list[Problem]:
    """All that is wrong, the plainest cases first."""
    name = exam.exercise.function
    problems: list[Problem] = []
    for check, outcome in zip(exam.checks, outcomes, strict=True):
        found = list(problems_of(exam.exercise, check, outcome))
        if not check.repeats:
            problems += found
        elif found and not problems:  # the same question had a right answer before
            problems.append(Problem(f"{name} answers the same question differently when it is asked again."))
    return problems


def problems_of(exercise: Exercise, check: Check, outcome: Outcome) -> Iterator[Problem]:
    name, parts, elsewhere = exercise.function, exercise.parts, check.call.elsewhere
    case = f" ({check.case.words}{', float32' if check.dtype == 'float32' else ''})."
    if outcome.error is not None:
        if not elsewhere:
            yield Problem(f"{name} stopped with {in_words(outcome.error)}{case}", raised=True)
        elif "expected device" in outcome.error.message:  # anything else may be a limit of the meta device
            yield Problem(on_wrong_device(name))
        return
    if len(outcome.outputs) != len(parts) or (len(parts) > 1 and " of " not in outcome.returned):
        names = ", ".join(part.name for part in parts)
        yield Problem(f"{name} should return {len(parts)} tensors ({names}); it returned {outcome.returned}.")
        return
    if any(value.device == "meta" for value in outcome.outputs):
        if not (elsewhere and all(value.device == "meta" for value in outcome.outputs)):
            yield Problem(on_wrong_device(name))
        return
    if outcome.changed:
        written = " and ".join(exercise.arguments[k] for k in outcome.changed if k < len(exercise.arguments))
        yield Problem(
            f"{name} changes its argument {written}: write a = a + b instead of a += b or a.add_(b)."
        )
    for number, (part, value, expected) in enumerate(zip(parts, outcome.outputs, check.outputs, strict=True)):
        fault = value_fault(exercise, check, number, value, expected)
        if fault:
            yield Problem(f"{capital(part.name)} {fault}{case}", number)
        elif check.gradients:
            row = outcome.gradients[number] if number < len(outcome.gradients) else ()
            fault = gradient_fault(exercise, row, check.gradients[number])
            if fault:
                yield Problem(f"{capital(part.name)} is right, but {fault}{case}", number)


def value_fault(exercise: Exercise, check: Check, number: int, value: Value, expected: Expected) -> str:
    """What is wrong with one returned tensor, as the end of a sentence about it; "" if nothing is."""
    if value.type != "Tensor":
        return f"should be a tensor, not {value.type}"
    if value.dtype != check.dtype:
        return f"has dtype {value.dtype}; for {check.dtype} inputs it should be {check.dtype}"
    if value.shape != tuple(expected.value.shape):
        return f"has shape {value.shape} and should have {tuple(expected.value.shape)}"
    if value.data is None:
        return "is not an ordinary tensor on the CPU"
    if agree(value.data, expected):
        return ""
    for other, part in enumerate(exercise.parts):
        if other != number and agree(value.data, check.outputs[other]):
            return f"is what {part.name} should be: mind the order in which you return them"
    return difference(value.data, expected, exercise.parts[number].blocks)


def gradient_fault(exercise: Exercise, row: tuple[Value | None, ...], expected: tuple[Expected, ...]) -> str:
    """What is wrong with the gradients of one output, as the end of a sentence; "" if nothing is."""
    if len(row) != len(expected):
        return "its gradients could not be computed"
    for name, value, right in zip(exercise.arguments, row, expected, strict=True):
        if value is None:
            if float(right.value.abs().max()) > right.tolerance:
                return f"no gradient flows from it to {name}: is there a detach, .data or .item() on the way?"
        elif value.data is None or value.shape != tuple(right.value.shape):
            return f"its gradient for {name} is not an ordinary tensor of its shape"
        elif not agree(value.data, right):
            return f"its gradient for {name} is not: it {difference(value.data, right)}"
    return ""


def on_wrong_device(name: str) -> str:
    return f"{name} makes a tensor on the CPU wherever its inputs are: use zeros_like or device=x.device."


def in_words(error: Error) -> str:
    place = f" in {error.where}" if error.where else ""
    message = printable(error.message)
    return printable(error.type) + place + (f": {message}" if message else "")


def printable(text: str) -> str:
    """A student's text on one line, without control characters, and not too much of it."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:MAX_QUOTED]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
