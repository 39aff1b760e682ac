"""Call a student's function and describe what came back, without knowing what is right.

The same code runs in a worker process and in a student's notebook. It imports no exercise.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

MAX_OUTPUTS = 16
MAX_ELEMENTS = 1_000_000
MAX_TEXT = 1000


class Call(NamedTuple):
    """Arguments of one call. With cotangents, one per output, all their gradients are asked for as well."""

    arguments: tuple[Tensor, ...]
    cotangents: tuple[Tensor, ...] = ()
    elsewhere: bool = False  # look whether the function makes its tensors on the device of its arguments


class Value(NamedTuple):
    """One thing that came back. `data` is there only for a float32 or float64 tensor of reasonable size."""

    type: str  # "Tensor", or the name of another type
    dtype: str = ""  # as in "float64"
    shape: tuple[int, ...] = ()
    device: str = ""
    data: Tensor | None = None


class Error(NamedTuple):
    """An exception in the student's code."""

    type: str
    message: str
    where: str  # e.g. "code cell 2, line 3"; "" where unknown


class Outcome(NamedTuple):
    """What one call did."""

    returned: str = ""  # the type of the whole result, e.g. "tuple of 2"
    outputs: tuple[Value, ...] = ()
    gradients: tuple[tuple[Value | None, ...], ...] = ()  # per output and argument; None where nothing flows
    changed: tuple[int, ...] = ()  # arguments that the call wrote into
    error: Error | None = None


def perform_all(
    function: Callable[..., Any], calls: Iterable[Call], files: Mapping[str, str]
) -> list[Outcome]:
    """One outcome per call, but a single one from a starter, which says that it is none.

    `files` gives the names under which the student's code was compiled the names that messages use for them.
    """
    outcomes: list[Outcome] = []
    for call in calls:
        outcomes.append(perform(function, call, files))
        first = outcomes[0].error
        if first is not None and first.type == "NotImplementedError":
            break
    return outcomes


def perform(function: Callable[..., Any], call: Call, files: Mapping[str, str]) -> Outcome:
    """Call the function on copies of the arguments and describe what it did."""
    if not call.elsewhere:
        return attempt(function, call, files)
    with torch.device("meta"):  # a tensor made without naming a device now lands elsewhere
        outcome = attempt(function, call, files)
    if outcome.error is None and all(value.device == "cpu" for value in outcome.outputs):
        return outcome
    # Only a suspicion: a single number may live anywhere. The meta device itself, slow to load, knows.
    return attempt(function, Call(tuple(tensor.to("meta") for tensor in call.arguments)), files)


def attempt(function: Callable[..., Any], call: Call, files: Mapping[str, str]) -> Outcome:
    arguments = [tensor.detach().clone() for tensor in call.arguments]
    if call.cotangents:
        arguments = [tensor.requires_grad_() for tensor in arguments]
    try:
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            result = function(*arguments)
            several = isinstance(result, (tuple, list)) and len(result) <= MAX_OUTPUTS
            items = tuple(result) if several else (result,)
            gradients = tuple(
                gradients_of(item, cotangent, arguments)
                for item, cotangent in zip(
                    items, call.cotangents, strict=False
                )  # the judge counts the outputs
            )
    except (Exception, SystemExit) as error:
        return Outcome(error=describe_error(error, files))
    changed = (
        number
        for number, (before, after) in enumerate(zip(call.arguments, arguments, strict=True))
        if not before.is_meta and not torch.equal(before, after)
    )
    returned = type(result).__name__ + (f" of {len(result)}" if isinstance(result, (tuple, list)) else "")
    return Outcome(returned, tuple(describe(item) for item in items), gradients, tuple(changed))


def gradients_of(output: Any, cotangent: Tensor, arguments: list[Tensor]) -> tuple[Value | None, ...]:
    """Gradients of one output for all arguments; () where the output has not the form of its cotangent."""
    if not isinstance(output, Tensor) or output.shape != cotangent.shape or output.dtype != cotangent.dtype:
        return ()
    if not output.requires_grad:
        return (None,) * len(arguments)
    gradients = torch.autograd.grad(output, arguments, cotangent, retain_graph=True, allow_unused=True)
    return tuple(None if gradient is None else describe(gradient) for gradient in gradients)


def describe(item: Any) -> Value:
    if not isinstance(item, Tensor):
        return Value(type(item).__name__[:MAX_TEXT])
    dtype, shape = str(item.dtype).removeprefix("torch."), tuple(item.shape)
    readable = item.layout == torch.strided and item.dtype in (torch.float32, torch.float64)
    sendable = item.device.type == "cpu" and item.numel() <= MAX_ELEMENTS
    data = item.detach().clone(memory_format=torch.contiguous_format) if readable and sendable else None
    return Value("Tensor", dtype, shape, item.device.type, data)


def describe_error(error: BaseException, files: Mapping[str, str]) -> Error:
    """Type, message and place of an exception: the last line of the student's own code on its way."""
    places = [
        f"{files[frame.filename]}, line {frame.lineno}".removeprefix(", ")
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in files
    ]
    try:
        message = str(error)
    except Exception:  # a class of the student's own, whose __str__ fails
        message = ""
    return Error(type(error).__name__[:MAX_TEXT], message[:MAX_TEXT], places[-1] if places else "")
