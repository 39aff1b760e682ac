"""From a wrong answer to words that help: a mistake with a name, or what differs, where, and how much."""

from __future__ import annotations

from torch import Tensor

from coursekit.grade.calls import Outcome
from coursekit.grade.exam import Exam, Expected
from coursekit.grade.exercise import Mistake

Answer = tuple[Tensor, ...] | None
SLIGHTLY = 1e-4  # a relative error that looks like rounding
CLEARLY = 1e-3  # how far a wrong version must be from the right one on an input that is to tell them apart


def name_mistake(exam: Exam, outcomes: list[Outcome]) -> Mistake | None:
    """The one mistake of the catalogue that gives the student's answers in every telling check, or None."""
    found = {
        (mistake.id, mistake.say): mistake
        for mistake, answers in zip(exam.exercise.mistakes, exam.wrong_answers, strict=True)
        if explains(exam, answers, outcomes)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def explains(exam: Exam, answers: tuple[Answer, ...], outcomes: list[Outcome]) -> bool:
    """Whether a wrong version agrees with the student throughout, and somewhere not with the reference."""
    told = False
    for number, answer in zip(exam.telling, answers, strict=True):
        outcome, expected = outcomes[number], exam.checks[number].outputs
        if answer is None or outcome.error is not None:
            if answer is not None or outcome.error is None:
                return False
            continue
        if len(outcome.outputs) != len(answer):
            return False
        for got, wrong, right in zip(outcome.outputs, answer, expected, strict=True):
            if got.data is None or not agree(got.data, Expected(wrong, right.tolerance)):
                return False
            told |= float((wrong - right.value).abs().max()) > CLEARLY
    return told


def agree(got: Tensor, expected: Expected) -> bool:
    """Same shape, and every element within the tolerance; never where something is not a number."""
    if got.shape != expected.value.shape:
        return False
    return bool(((got - expected.value).abs() <= expected.tolerance).all())


def difference(got: Tensor, expected: Expected, blocks: tuple[str, ...] = ()) -> str:
    """How a tensor of the right shape differs, as the end of a sentence about it."""
    value, shape = expected.value, tuple(got.shape)
    if not got.isfinite().all():
        place = position(~got.isfinite())
        return f"has shape {shape} and is {got[place].item()} at {list(place)}"
    error = (got.double() - value).abs()
    wrong = error > expected.tolerance
    place = position(error == error.max())
    if abs(float(value[place])) <= expected.tolerance:
        worst = f"is {float(got[place]):.3g} and should be 0"
    elif float(error.max()) < SLIGHTLY * abs(float(value[place])):
        worst = f"only by {float(error.max()):.1g}: is something computed in a lower precision on the way?"
    else:
        ratio = float(got[place] / value[place])
        scaled = Expected(ratio * value, expected.tolerance * max(1.0, abs(ratio)))
        if wrong.numel() > 1 and agree(got, scaled):
            return f"has shape {shape}, and every element is {ratio:.3g} times what it should be"
        worst = f"is {ratio:.3g} times what it should be"
    count = f"{int(wrong.sum())} of {wrong.numel()} elements differ{rows_of(wrong, blocks)}"
    return f"has shape {shape}; {count}, the worst, at {list(place)}, {worst}"


def position(mask: Tensor) -> tuple[int, ...]:
    """The index of the first True."""
    return tuple(int(k) for k in mask.nonzero()[0])


def rows_of(wrong: Tensor, blocks: tuple[str, ...]) -> str:
    """Where only some of the blocks of rows are wrong: which."""
    if not blocks:
        return ""
    names = [name for name, rows in zip(blocks, wrong.chunk(len(blocks)), strict=True) if rows.any()]
    return "" if len(names) == len(blocks) else f" (only in the rows of {' and '.join(names)})"
