"""Call a student's function and describe what came back, without knowing what is right.

The same code runs in a worker process and in a student's notebook. It imports no exercise.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from coursekit.grade.watch import Watch

Array = np.ndarray[Any, Any]
MAX_ELEMENTS = 1_000_000  # of a tensor
MAX_ITEMS = 100_000  # of a result, nested lists counted through
MAX_DEPTH = 8  # of nested lists
MAX_TEXT = 1000
MAX_INT = 2**63
NUMPY = {
    torch.float64: "float64",
    torch.float32: "float32",
    torch.int64: "int64",
    torch.int32: "int32",
    torch.int16: "int16",
    torch.int8: "int8",
    torch.uint8: "uint8",
    torch.bool: "bool",
}


class Call(NamedTuple):
    """One call of the function. With cotangents, gradients for the wanted tensors are asked for as well."""

    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any] = MappingProxyType({})
    wanted: tuple[int, ...] = ()  # numbers of tensors, counted through arguments and keywords
    cotangents: tuple[tuple[Tensor, ...], ...] = ()  # per part of the result, per floating-point tensor in it
    transposed: bool = False  # lay tensors out in memory with their last two axes exchanged
    elsewhere: bool = False  # look whether the function makes its tensors on the device of its arguments
    forbidden: tuple[str, ...] = ()  # look whether any of these is reached


class Value(NamedTuple):
    """A tensor, or something else that came back. `data` is there only for a tensor of reasonable size."""

    type: str  # "Tensor", or the name of another type
    dtype: str = ""  # as in "float64"
    shape: tuple[int, ...] = ()
    device: str = ""
    graph: bool = False  # whether gradients flow from it
    data: Array | None = None


class Error(NamedTuple):
    """An exception in the student's code."""

    type: str
    message: str
    where: str  # e.g. "code cell 2, line 3"; "" where unknown
    kinds: tuple[str, ...] = ()  # the classes it derives from, e.g. ("KeyError", "LookupError", "Exception")


class Outcome(NamedTuple):
    """What one call did.

    `result` is None, a bool, int, float or string, a `Value`, or lists and tuples of these. With an error
    there is none, or the error arose later, in the gradients.
    """

    result: Any = None
    gradients: tuple[tuple[Value | None, ...], ...] = ()  # per part and wanted tensor; None: nothing flows
    changed: tuple[int, ...] = ()  # numbers of the arguments, then keywords, that the call wrote into
    error: Error | None = None
    reached: str = ""  # a forbidden function, e.g. "torch.lstm_cell (code cell 2, line 3)"

    @property
    def outputs(self) -> Sequence[Any]:
        """The items of a tuple or list, or the one result."""
        several = isinstance(self.result, (list, tuple)) and not isinstance(self.result, Value)
        return self.result if several else (self.result,)


def perform_all(
    function: Callable[..., Any], calls: Iterable[Call], files: Mapping[str, str]
) -> list[Outcome]:
    """One outcome per call, but a single one from a starter, which says that it is none.

    `files` gives the names under which the student's code was compiled the names that messages use for them.
    """
    outcomes: list[Outcome] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
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
    if outcome.error is None and all(value.device != "meta" for value in values_in(outcome.result)):
        return outcome
    # Only a suspicion: a single number may live anywhere. The meta device itself, slow to load, knows.
    arguments = tuple(copied(argument, lambda tensor: tensor.to("meta")) for argument in call.arguments)
    keywords = {
        name: copied(value, lambda tensor: tensor.to("meta")) for name, value in call.keywords.items()
    }
    return attempt(function, Call(arguments, keywords), files)


def attempt(function: Callable[..., Any], call: Call, files: Mapping[str, str]) -> Outcome:
    copy = other_layout if call.transposed else torch.clone
    arguments = [copied(argument, copy) for argument in call.arguments]
    keywords = {name: copied(value, copy) for name, value in call.keywords.items()}
    wanted: list[Tensor] = []
    if call.wanted:
        tensors = list(tensors_in([*arguments, *keywords.values()]))
        wanted = [tensors[number].requires_grad_() for number in call.wanted]
    watch = Watch(call.forbidden, files) if call.forbidden and files else None
    try:
        with torch.enable_grad():
            if watch is None:
                result = function(*arguments, **keywords)
            else:
                with watch:
                    result = function(*arguments, **keywords)
            described = describe(result)
    except (Exception, SystemExit) as error:
        return Outcome(error=describe_error(error, files), reached=watch.reached if watch else "")
    gradients: tuple[tuple[Value | None, ...], ...] = ()
    failure = None
    if call.cotangents:
        try:
            gradients = gradients_of(result, call.cotangents, wanted)
        except (Exception, SystemExit) as error:
            failure = describe_error(error, files)
    before, after = (*call.arguments, *call.keywords.values()), (*arguments, *keywords.values())
    changed = tuple(number for number, pair in enumerate(zip(before, after, strict=True)) if not same(*pair))
    return Outcome(described, gradients, changed, failure, watch.reached if watch else "")


# Arguments: nested lists and tuples


def copied(value: Any, copy: Callable[[Tensor], Tensor]) -> Any:
    """The same nesting, new lists, and every tensor as `copy` makes it."""
    if isinstance(value, Tensor):
        return copy(value)
    if isinstance(value, list):
        return [copied(item, copy) for item in value]
    if isinstance(value, tuple):
        return tuple(copied(item, copy) for item in value)
    return value


def other_layout(tensor: Tensor) -> Tensor:
    """Equal, and not contiguous where it has two axes longer than 1 at its end."""
    return tensor.mT.clone(memory_format=torch.contiguous_format).mT if tensor.ndim > 1 else tensor.clone()


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)


def same(before: Any, after: Any) -> bool:
    """Whether a copy of an argument still equals it."""
    if isinstance(before, Tensor):
        if not isinstance(after, Tensor) or before.shape != after.shape or before.dtype != after.dtype:
            return False
        if before.is_meta or torch.equal(before, after):
            return True
        return before.is_floating_point() and torch.equal(before.nan_to_num(), after.nan_to_num())
    if isinstance(before, (list, tuple)):
        return (
            type(after) is type(before)
            and len(after) == len(before)
            and all(same(*pair) for pair in zip(before, after, strict=True))
        )
    return after is before or bool(after == before)


# What came back


def gradients_of(
    result: Any, cotangents: Sequence[tuple[Tensor, ...]], wanted: list[Tensor]
) -> tuple[tuple[Value | None, ...], ...]:
    """Per part, the gradients for the wanted tensors; () where a part has not the form of its cotangents."""
    if len(cotangents) < 2:
        parts: Sequence[Any] = (result,)
    else:
        parts = result if isinstance(result, (list, tuple)) else ()
    rows: list[tuple[Value | None, ...]] = []
    for part, weights in zip(parts, cotangents, strict=False):  # the judge counts the parts
        outputs = [tensor for tensor in tensors_in(part) if tensor.is_floating_point()]
        if [(y.shape, y.dtype) for y in outputs] != [(v.shape, v.dtype) for v in weights]:
            rows.append(())
            continue
        flowing = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
        if not flowing:
            rows.append((None,) * len(wanted) if weights else ())
            continue
        gradients = torch.autograd.grad(weighed(flowing), wanted, retain_graph=True, allow_unused=True)
        rows.append(tuple(None if gradient is None else described_tensor(gradient) for gradient in gradients))
    return tuple(rows)


def weighed(pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """The sum of outputs times cotangents, whose gradient is that of the outputs under these cotangents.

    Handing cotangents to `autograd.grad` itself makes PyTorch import half a second of symbolic algebra.
    """
    return torch.stack([(output * cotangent).sum().double() for output, cotangent in pairs]).sum()


def describe(item: Any) -> Any:
    """A result as plain values, lists, tuples, and a `Value` for everything else."""
    room = MAX_ITEMS

    def walk(item: Any, depth: int) -> Any:
        nonlocal room
        if isinstance(item, Tensor):
            return described_tensor(item)
        if isinstance(item, np.generic):
            item = item.item()
        if item is None or isinstance(item, (bool, float)):
            return None if item is None else bool(item) if isinstance(item, bool) else float(item)
        if isinstance(item, int) and -MAX_INT <= item < MAX_INT:
            return int(item)
        if isinstance(item, str):
            return str(item)[:MAX_TEXT]
        if isinstance(item, (list, tuple)):
            room -= len(item)
            if room >= 0 and depth < MAX_DEPTH:
                items = [walk(child, depth + 1) for child in item]
                return items if isinstance(item, list) else tuple(items)
            return Value(f"{type(item).__name__[:MAX_TEXT]} of {len(item)}")
        return Value(type(item).__name__[:MAX_TEXT])

    return walk(item, 0)


def described_tensor(tensor: Tensor) -> Value:
    shape, device, graph = tuple(tensor.shape), tensor.device.type, tensor.requires_grad
    dtype = NUMPY.get(tensor.dtype)
    sendable = device == "cpu" and tensor.layout == torch.strided and tensor.numel() <= MAX_ELEMENTS
    if dtype is None or not sendable:
        return Value("Tensor", str(tensor.dtype).removeprefix("torch."), shape, device, graph)
    data = tensor.detach().clone(memory_format=torch.contiguous_format).numpy()
    return Value("Tensor", dtype, shape, device, graph, data)


def values_in(result: Any) -> Iterator[Value]:
    if isinstance(result, Value):  # a tuple too, so first
        yield result
    elif isinstance(result, (list, tuple)):
        for item in result:
            yield from values_in(item)


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
    kinds = tuple(kind.__name__[:MAX_TEXT] for kind in type(error).__mro__[:MAX_DEPTH])
    return Error(kinds[0], message[:MAX_TEXT], places[-1] if places else "", kinds)
