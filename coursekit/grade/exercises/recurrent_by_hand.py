"""The exercises with pen and paper: an LSTM's memory two steps forwards, its gradient two steps backwards.

The functions take no arguments and return the numbers a student has worked out. One hidden unit; the cell
states are chosen so that every answer is a short decimal: tanh(ln 2) = 3/5, tanh(-ln 3) = -4/5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Generator

from coursekit.grade.exercise import Case, Exercise, Mistake, Part

Numbers = tuple[float, float, float]


@dataclass(frozen=True)
class Memory:
    """What two steps forwards are worked out from: step t-1, then step t."""

    c: float = 2.0  # c_{t-2}
    f: tuple[float, float] = (0.5, 0.8)
    i: tuple[float, float] = (0.6, 0.25)
    g: tuple[float, float] = (-0.5, 0.8)


@dataclass(frozen=True)
class Errors:
    """What two steps backwards are worked out from."""

    f: tuple[float, float] = (0.5, 0.8)  # steps t-1 and t
    delta_c: float = 1.0  # of c_t
    c: tuple[float, float] = (-math.log(3), math.log(2))  # c_{t-2} and c_{t-1}
    o: tuple[float, float] = (0.25, 0.5)  # their output gates
    delta_h: tuple[float, float] = (-1.0, 0.25)  # of h_{t-2} and h_{t-1}


MEMORY, ERRORS = Memory(), Errors()


def two_steps(kept: float, written: float, now: float) -> Numbers:
    """What is left of c_{t-2}, what is left of the writing of step t-1, and their sum with this step's."""
    return kept, written, kept + written + now


def memory_by_hand() -> Numbers:
    (f1, f), (i1, i), (g1, g) = MEMORY.f, MEMORY.i, MEMORY.g
    return two_steps(f * f1 * MEMORY.c, f * i1 * g1, i * g)


def wrong_memories() -> Iterator[Mistake]:
    (f1, f), (i1, i), (g1, g), c = MEMORY.f, MEMORY.i, MEMORY.g, MEMORY.c
    kept, written, now = f * f1 * c, f * i1 * g1, i * g

    def wrong(id: str, say: str, *terms: float) -> Mistake:
        return Mistake(id, say, lambda: two_steps(*terms))

    both = "Two steps lie between c_{t-2} and c_t: the forget gates of both, f_{t-1} and f_t, multiply it."
    yield wrong("ERR-45", both, f * c, written, now)
    yield wrong("ERR-45", both, f1 * c, written, now)
    yield wrong("ERR-45", both, f * c, 0.0, now)
    product = "Shares multiply: f_t f_{t-1} of c_{t-2} is left, not the sum of the gates."
    yield wrong("ERR-45", product, (f + f1) * c, written, now)
    later = (
        "What step t-1 wrote passes one forget gate on its way to c_t, that of step t: f_t i_{t-1} g_{t-1}."
    )
    yield wrong("ERR-45", later, kept, i1 * g1, now)
    yield wrong("ERR-45", later, kept, f1 * i1 * g1, now)
    yield wrong("ERR-45", later, kept, f * f1 * i1 * g1, now)
    own = "A candidate is written by the input gate of its own step: i_{t-1} belongs to g_{t-1}, i_t to g_t."
    yield wrong("ERR-42", own, kept, f * i * g1, i1 * g)
    yield wrong("ERR-39", "c_t also contains what step t itself writes, i_t g_t.", kept, written, 0.0)
    share = "Only the share i of a candidate is written: each g comes with its input gate."
    yield wrong("ERR-39", share, kept, f * g1, g)


def backwards(f: tuple[float, float], outputs: tuple[float, float]) -> Numbers:
    """Errors of c_{t-1} and c_{t-2}, and what arrives at c_{t-2} along the cell alone.

    `outputs`: what comes in through h_{t-2} and h_{t-1}.
    """
    earlier = f[1] * ERRORS.delta_c + outputs[1]
    return earlier, f[0] * earlier + outputs[0], f[0] * f[1] * ERRORS.delta_c


def through_outputs(
    slope: Callable[[float], float] = lambda c: 1 - math.tanh(c) ** 2, gate: bool = True
) -> tuple[float, float]:
    first, second = (
        error * (o if gate else 1.0) * slope(c)
        for error, o, c in zip(ERRORS.delta_h, ERRORS.o, ERRORS.c, strict=True)
    )
    return first, second


def gradient_by_hand() -> Numbers:
    return backwards(ERRORS.f, through_outputs())


def wrong_gradients() -> Iterator[Mistake]:
    (f1, f), outputs, delta = ERRORS.f, through_outputs(), ERRORS.delta_c

    def wrong(id: str, say: str, *errors: float) -> Mistake:
        first, second, *alone = errors
        return Mistake(id, say, lambda: (first, second, *(alone or [f * f1 * delta])))

    gate = "Going back from t to t-1 undoes step t, so it multiplies by f_t; only the next link has f_{t-1}."
    yield wrong("ERR-46", gate, *backwards((f, f1), outputs))
    output = (
        "A cell also acts on the loss through its own output: add the error of h, times o (1 - tanh^2 c), "
        "at t-1 and at t-2."
    )
    yield wrong("ERR-46", output, *backwards((f1, f), (0.0, 0.0)))
    yield wrong("ERR-46", output, *backwards((f1, f), (outputs[0], 0.0)))
    yield wrong("ERR-46", output, *backwards((f1, f), (0.0, outputs[1])))
    all_of_it = "f_{t-1} multiplies all of the error of c_{t-1}, also what came in through h_{t-1}."
    yield wrong("ERR-46", all_of_it, f * delta + outputs[1], f1 * f * delta + sum(outputs))
    gated = (
        "What goes back through h passes the output gate: the error of h times o, times the slope of tanh."
    )
    yield wrong("ERR-46", gated, *backwards((f1, f), through_outputs(gate=False)))
    slope = "The slope of tanh at c is 1 - tanh^2 c: the square of the tanh, not of c."
    yield wrong("ERR-56", slope, *backwards((f1, f), through_outputs(lambda c: 1 - math.tanh(c))))
    yield wrong("ERR-56", slope, *backwards((f1, f), through_outputs(lambda c: 1 - c**2)))
    squashed = "The output is o times tanh(c), so its slope 1 - tanh^2 c belongs to the product."
    yield wrong("ERR-56", squashed, *backwards((f1, f), through_outputs(lambda c: 1.0)))
    yield wrong("ERR-56", squashed, *backwards((f1, f), through_outputs(math.tanh)))
    alone = "Along the cell alone the error passes both forget gates: f_{t-1} f_t times the error of c_t."
    right = backwards((f1, f), outputs)[:2]
    yield wrong("ERR-45", alone, *right, f * delta)
    yield wrong("ERR-45", alone, *right, f1 * delta)
    yield wrong("ERR-45", alone, *right, (f + f1) * delta)


def once(generator: Generator) -> Iterator[Case]:
    yield Case("the numbers of the table", ())


EXERCISES = (
    Exercise(
        id="recurrent.memory_by_hand",
        arguments=(),
        parts=(
            Part("what is left of c_{t-2}", "eq-lstm-two-steps"),
            Part("what is left of the writing of step t-1", "eq-lstm-two-steps"),
            Part("the cell state c_t", "eq-lstm-two-steps"),
        ),
        cases=once,
        reference=memory_by_hand,
        mistakes=tuple(wrong_memories()),
        section="two steps forward",
        forbidden=("coursekit",),
        differentiable=False,
    ),
    Exercise(
        id="recurrent.gradient_by_hand",
        arguments=(),
        parts=(
            Part("the error of c_{t-1}", "eq-lstm-delta-c"),
            Part("the error of c_{t-2}", "eq-lstm-delta-c-two"),
            Part("what arrives along the cell alone", "eq-lstm-delta-c-two"),
        ),
        cases=once,
        reference=gradient_by_hand,
        mistakes=tuple(wrong_gradients()),
        section="two steps back",
        forbidden=("coursekit",),
        differentiable=False,
    ),
)
