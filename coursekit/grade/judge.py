"""Compare what a student's function did with what it should have done. Never runs a student's code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from coursekit.grade.calls import Error, Outcome, Value, values_in
from coursekit.grade.compare import as_number
from coursekit.grade.diagnosis import ASPECTS
from coursekit.grade.exam import Exam
from coursekit.grade.exercise import Exercise
from coursekit.grade.expected import NUMBER, Check, Expected
from coursekit.grade.verdict import Status, Verdict
from coursekit.grade.words import agree, difference, kind, output_fault

MAX_QUOTED = 300


class Fault(NamedTuple):
    """Something that is wrong, before it is put into words."""

    check: int
    what: str  # "error", "parts", "device", "changed", "silent", "value", "gradient", "graph" or "memory"
    part: int | None = None  # number of the part it concerns; None: the whole function


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
    reached = next((outcome.reached for outcome in outcomes if outcome.reached), None)
    if reached is not None:
        return flagged(exercise, printable(reached))
    faults = find_faults(exam, outcomes)
    if not faults:
        return Verdict(exercise, "passed", right=everything)
    wrong = {found.part for found in faults}
    right = frozenset() if None in wrong else everything - wrong
    aspects = {aspect_of(exam.checks[fault.check], outcomes[fault.check], fault.what) for fault in faults}
    aspect = next((aspect for aspect in ASPECTS if aspect in aspects), None)
    named = exam.diagnosis.name(outcomes, aspect) if aspect is not None else None
    if named is not None:
        return Verdict(exercise, "failed", named.message, named.id, right)
    status: Status = "error" if faults[0].what == "error" else "failed"
    return Verdict(exercise, status, sentence(exam, outcomes, faults[0]), None, right)


def flagged(exercise: Exercise, use: str) -> Verdict:
    text = f"uses {use}, which does what {exercise.function} is to be written for"
    return Verdict(exercise, "flagged", f"The code {text}; a person will look at it.")


def aspect_of(check: Check, outcome: Outcome, what: str) -> str:
    """What a mistake must show in to explain a fault."""
    if what in ("gradient", "graph", "changed") or (what == "error" and outcome.result is not None):
        return "gradients" if check.aspect else ""
    return "values" if check.aspect == "gradients" else check.aspect


# Finding


def find_faults(exam: Exam, outcomes: Sequence[Outcome]) -> list[Fault]:
    """All that is wrong, the plainest cases first."""
    units = exam.comparison.units
    by_check: dict[int, list[Fault]] = {}
    for k in np.flatnonzero(~exam.comparison.right(outcomes)):
        unit = units[k]
        found = by_check.setdefault(unit.check, [])
        if not (unit.gradients and found and found[-1] == Fault(unit.check, "value", unit.part)):
            found.append(Fault(unit.check, "gradient" if unit.gradients else "value", unit.part))
    faults: list[Fault] = []
    for number, (check, outcome) in enumerate(zip(exam.checks, outcomes, strict=True)):
        found = list(faults_of(exam.exercise, number, check, outcome, by_check.get(number, [])))
        if not check.repeats:
            faults += found
        elif found and not faults:  # the same question had a right answer before
            faults.append(Fault(number, "memory"))
    return faults


def faults_of(
    exercise: Exercise, number: int, check: Check, outcome: Outcome, wrong: list[Fault]
) -> Iterator[Fault]:
    """What is wrong in one check; `wrong` are the outputs and gradients that differ."""
    elsewhere = check.call.elsewhere
    if outcome.error is not None:
        if elsewhere:
            if "expected device" in outcome.error.message:  # anything else may be a limit of the meta device
                yield Fault(number, "device")
        elif not check.raises or check.raises not in outcome.error.kinds:
            yield Fault(number, "error")
        return
    if check.raises:
        yield Fault(number, "silent")
        return
    if len(exercise.parts) > 1 and len(outcome.outputs) != len(exercise.parts):
        yield Fault(number, "parts")
        return
    devices = {value.device for value in values_in(outcome.result)}
    if "meta" in devices:
        if not elsewhere or devices != {"meta"}:
            yield Fault(number, "device")
        return
    if elsewhere:  # an index made on no device reads any numbers; the same question has been asked before
        return
    if outcome.changed:
        yield Fault(number, "changed")
    yield from wrong
    if check.gradients:
        for k, part in enumerate(exercise.parts):
            if not part.graph and any(value.graph for value in values_in(part_of(exercise, outcome, k))):
                yield Fault(number, "graph", k)


def part_of(exercise: Exercise, outcome: Outcome, part: int) -> Any:
    return outcome.outputs[part] if len(exercise.parts) > 1 else outcome.result


# Words


def sentence(exam: Exam, outcomes: Sequence[Outcome], found: Fault) -> str:
    exercise, check, outcome = exam.exercise, exam.checks[found.check], outcomes[found.check]
    name, parts = exercise.function, exercise.parts
    details = [check.case.words]
    details += ["float32"] if check.dtype == "float32" else []
    details += ["with tensors that are not contiguous in memory"] if check.call.transposed else []
    where = f" ({', '.join(details)})."
    match found.what:
        case "memory":
            return f"{name} answers the same question differently when it is asked again."
        case "device":
            where = "use zeros_like or device=x.device"
            return f"{name} makes a tensor on the CPU wherever its inputs are: {where}."
        case "silent":
            return f"{name} should raise {check.raises} here and returned {kind(outcome.result)}{where}"
        case "changed":
            names = [*exercise.arguments[: len(check.call.arguments)], *check.call.keywords]
            written = " and ".join(names[k] for k in outcome.changed if k < len(names))
            return f"{name} changes its argument {written}: write a = a + b instead of a += b or a.add_(b)."
        case "parts":
            listed = ", ".join(part.name for part in parts)
            returned = kind(outcome.result)
            return f"{name} should return {len(parts)} {things(check)} ({listed}); it returned {returned}."
        case "error":
            assert outcome.error is not None
            hint = ": reshape works where view does not" if check.call.transposed else ""
            should = f" instead of raising {check.raises}" if check.raises else ""
            what = f"The gradient of {name}" if outcome.result is not None else name
            return f"{what} stopped with {in_words(outcome.error)}{should}{hint}{where}"
    assert found.part is not None
    part = parts[found.part]
    if found.what == "graph":
        text = "should carry no graph: detach it, or compute it under torch.no_grad()"
        return f"{capital(part.name)} is right, but {text}{where}"
    if found.what == "gradient":
        row = outcome.gradients[found.part] if found.part < len(outcome.gradients) else ()
        return f"{capital(part.name)} is right, but {gradient_fault(check, row, found.part)}{where}"
    got = part_of(exercise, outcome, found.part)
    for other, right in enumerate(check.outputs):
        if other != found.part and agree(right, got):
            order = f"is what {parts[other].name} should be: mind the order in which you return them"
            return f"{capital(part.name)} {order}{where}"
    if not (check.call.arguments or check.call.keywords) and (number := as_number(got)) is not None:
        # One question for all, worked out by hand: how far off an answer is would give the right one away.
        return f"{capital(part.name)} is not {number:.5g}{where}"
    return f"{capital(part.name)} {output_fault(check.outputs[found.part], got, part.blocks)}{where}"


def gradient_fault(check: Check, row: tuple[Value | None, ...], part: int) -> str:
    """What is wrong with the gradients of one output, as the end of a sentence."""
    if len(row) != len(check.gradients[part]):
        return "its gradients could not be computed"
    for name, value, right in zip(check.wanted, row, check.gradients[part], strict=True):
        if value is None:
            if not agree(right, zeros_like(right)):
                return f"no gradient flows from it to {name}: is there a detach, .data or .item() on the way?"
        elif value.data is None or value.shape != right.value.shape:
            return f"its gradient for {name} is not an ordinary tensor of its shape"
        elif not agree(right, value):
            return f"its gradient for {name} is not: it {difference(value.data, right)}"
    raise AssertionError("a gradient fault without a wrong gradient")


def zeros_like(right: Expected) -> Value:
    zeros = np.zeros(right.value.shape)
    return Value("Tensor", "float64", zeros.shape, "cpu", data=zeros)


def things(check: Check) -> str:
    """What the parts are, in a word."""
    if all(isinstance(part, Expected) and part.dtype == NUMBER for part in check.outputs):
        return "numbers"
    return "tensors" if all(isinstance(part, (Expected, np.ndarray)) for part in check.outputs) else "items"


def in_words(error: Error) -> str:
    place = f" in {error.where}" if error.where else ""
    message = printable(error.message)
    return printable(error.type) + place + (f": {message}" if message else "")


def printable(text: str) -> str:
    """A student's text on one line, without control characters, and not too much of it."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:MAX_QUOTED]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
