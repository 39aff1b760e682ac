"""The exercise on merging the two directions of a bidirectional network, and its mistakes.

The exercise is as small as its catalogue, so both stand here. N batch, T time, H hidden units of a direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Generator, Tensor

from coursekit.grade.exercise import Case, Exercise, Part
from coursekit.grade.exercises.slips import Slip, mistakes_of, pairs_of
from coursekit.grade.generators import uniform
from coursekit.nn.wrappers import Merge, merge_directions

ALONG_FEATURES = "Concatenate the directions along the features, not along time."
NO_NEW_AXIS = "stack adds an axis; mode concat makes the features longer, (N, T, 2H): torch.cat, dim=-1."
FORWARD_FIRST = "In the concatenation the forward direction comes first, as in PyTorch."
INTERLEAVED = "Concatenate one direction after the other: H features of the one, then H of the other."
IN_TIME_ALREADY = (
    "Both directions come in order of time: at t stands what has read x_T to x_t. Do not flip again."
)
HALF = "The average of two is half their sum."
SUM = "Mode sum adds the two directions up; the half belongs to the average."
LARGER = "Mode max takes the larger of the two, element by element: torch.maximum, not minimum."
SIGNED = "Mode max compares the numbers with their signs: -2 is less than 1, although it is larger in size."
PRODUCT = "Mode product multiplies the two directions element by element."
REFUSE = "An unknown mode is a ValueError: what nobody has written must not come out as another merge."

SHAPES = ((2, 3, 4), (1, 1, 3), (3, 2, 1), (4, 5, 2))  # N, T, H
UNKNOWN = ("difference", "last")

Join = Callable[[Tensor, Tensor], Tensor]


def merge_cases(generator: Generator) -> Iterator[Case]:
    for number, mode in enumerate(get_args(Merge)):
        for k, size in ((number, 1.0), (number + 2, 20.0)):
            batch, steps, hidden = shape = SHAPES[k % len(SHAPES)]
            words = f"mode {mode!r}, batch {batch}, {steps} step{'s' * (steps > 1)}, {hidden} hidden units"
            yield Case(words, (uniform(generator, size, *shape), uniform(generator, size, *shape), mode))
    for mode in UNKNOWN:
        both = uniform(generator, 1.0, 2, 3, 4), uniform(generator, 1.0, 2, 3, 4)
        yield Case(f"mode {mode!r}, which there is not", (*both, mode), raises=ValueError)


def refuse(forward: Tensor, backward: Tensor) -> Tensor:
    raise ValueError("unknown mode")


@dataclass(frozen=True)
class Merging:
    """Merging in pieces, all right unless replaced."""

    backward: Callable[[Tensor], Tensor] = lambda backward: backward
    concat: Join = lambda a, b: torch.cat([a, b], dim=-1)
    sum: Join = torch.add
    average: Join = lambda a, b: (a + b) / 2
    max: Join = torch.maximum
    product: Join = torch.mul
    unknown: Callable[[Tensor, Tensor], Tensor | None] = refuse

    def __call__(self, forward: Tensor, backward: Tensor, mode: str) -> Tensor | None:
        join = getattr(self, mode) if mode in get_args(Merge) else self.unknown
        return join(forward, self.backward(backward))


MERGE_SLIPS = (
    Slip("RNN-S41", IN_TIME_ALREADY, "backward", lambda backward: backward.flip(1)),
    Slip("ERR-65", ALONG_FEATURES, "concat", lambda a, b: torch.cat([a, b], dim=1)),
    Slip("ERR-65", ALONG_FEATURES, "concat", lambda a, b: torch.cat([a, b])),
    *(
        Slip("ERR-65", NO_NEW_AXIS, "concat", lambda a, b, axis=axis: torch.stack([a, b], dim=axis))
        for axis in (0, 1, 2, 3)
    ),
    Slip("RNN-S40", FORWARD_FIRST, "concat", lambda a, b: torch.cat([b, a], dim=-1)),
    Slip("RNN-S42", INTERLEAVED, "concat", lambda a, b: torch.stack([a, b], dim=-1).flatten(2)),
    Slip("RNN-S43", SUM, "sum", lambda a, b: (a + b) / 2),
    Slip("RNN-S43", HALF, "average", torch.add),
    Slip("RNN-S44", LARGER, "max", torch.minimum),
    Slip("RNN-S44", SIGNED, "max", lambda a, b: torch.where(a.abs() > b.abs(), a, b)),
    Slip("RNN-S44", SIGNED, "max", lambda a, b: torch.maximum(a.abs(), b.abs())),
    Slip("RNN-S45", PRODUCT, "product", torch.add),
    Slip("RNN-S46", REFUSE, "unknown", lambda a, b: None),
    Slip("RNN-S46", REFUSE, "unknown", lambda a, b: torch.cat([a, b], dim=-1)),
    Slip("RNN-S46", REFUSE, "unknown", lambda a, b: a + b),
    Slip("RNN-S46", REFUSE, "unknown", lambda a, b: a * b),
    Slip("RNN-S46", REFUSE, "unknown", lambda a, b: a),
    Slip("RNN-S46", REFUSE, "unknown", torch.maximum),
)

EXERCISES = (
    Exercise(
        id="recurrent.merge_directions",
        arguments=("forward", "backward", "mode"),
        parts=(Part("the merged result", "eq-birnn-output", points=2),),
        cases=merge_cases,
        reference=merge_directions,
        mistakes=mistakes_of(Merging(), MERGE_SLIPS),
        pairs=pairs_of(Merging(), MERGE_SLIPS),
        section="merging two directions",
        forbidden=("coursekit",),
    ),
)
