"""See at run time whether code reaches a function that it may not use, however it got hold of it.

`forbidden_use` reads the source and finds what is written there. A name put together at run time, as in
`getattr(torch, "lstm_" + "cell")`, is found here. While a call is watched, Python reports every function that
starts, its own and those written in C, so that the line can be named; and PyTorch reports every operator and
every step of the autograd engine, so that no road around Python, such as TorchScript, stays unseen.
"""

from __future__ import annotations

import _thread
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch._C._autograd import _disable_profiler_legacy, _enable_profiler_legacy
from torch._C._profiler import ProfilerConfig, ProfilerState, _ExperimentalConfig

OFF = (sys.setprofile, _thread.start_new_thread)  # what would leave the rest unseen
ENGINE = "autograd::engine::"
LOOKS_UP = "torch._VF"  # computes nothing: whatever it hands out reports itself, and einsum asks it too


class Watch:
    """Notes in `reached` the first forbidden function that starts inside a `with` statement.

    `forbidden` as in `Exercise`; `files` as in `perform_all`.
    """

    def __init__(self, forbidden: tuple[str, ...], files: Mapping[str, str]) -> None:
        self.reached = ""
        self._files = files
        self._operators: dict[str, str] = {}
        self._autograd = next(
            (name for name in forbidden if name in ("torch.autograd.grad", ".backward")), ""
        )
        self._names: dict[str, str] = {}  # how a function reports itself -> what is forbidden
        self._code: dict[types.CodeType, str] = {}
        for name in forbidden:
            found = find(name)
            self._names["torch.Tensor" + name if name.startswith(".") else canonical(name, found)] = name
            if callable(found) and not isinstance(found, type):
                self._operators["aten::" + name.rpartition(".")[2]] = name
            for inner, function in functions_in(name, found):
                self._code[function.__code__] = inner

    def __enter__(self) -> Watch:
        self._before = sys.getprofile(), threading.getprofile()
        record_operators()
        threading.setprofile(self._look)
        sys.setprofile(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before[0])
        threading.setprofile(self._before[1])
        for name in recorded_operators():
            self.reached = self.reached or self._operators.get(name, "")
            if name.startswith(ENGINE) and self._autograd:
                self.reached = self.reached or "torch.autograd"

    def _look(self, frame: types.FrameType, event: str, function: Any) -> None:
        if self.reached or event not in ("call", "c_call") or frame.f_globals is globals():
            return
        if event == "call":
            used = self._code.get(frame.f_code) or self._forbidden(name_of_frame(frame))
        elif function in OFF and frame.f_code.co_filename in self._files:
            used = f"{function.__module__}.{function.__name__}"
        else:
            used = self._forbidden(name_of_builtin(function))
        place = self._place(frame) if used else None
        if place is not None:
            self.reached = f"{used} ({place})"

    def _forbidden(self, name: str) -> str:
        """What is forbidden that a function of this name belongs to; "" for all others."""
        if not name.startswith(("torch.", "coursekit.")) or name.startswith(LOOKS_UP):
            return ""
        for canonical_name, forbidden in self._names.items():
            if name == canonical_name or name.startswith(canonical_name + "."):
                return forbidden.removeprefix(".")
        return ""

    def _place(self, frame: types.FrameType | None) -> str | None:
        """The line of the student's code from which a frame was reached, if it was."""
        while frame is not None:
            file = self._files.get(frame.f_code.co_filename)
            if file is not None:
                return f"{file}, line {frame.f_lineno}" if file else f"line {frame.f_lineno}"
            frame = frame.f_back
        return None


def record_operators() -> None:
    """Have PyTorch note, in this thread, the operators that run from now on."""
    nothing_else = False, False, False, False, False  # shapes, memory, stacks, operations, modules
    _enable_profiler_legacy(ProfilerConfig(ProfilerState.CPU, *nothing_else, _ExperimentalConfig()))


def recorded_operators() -> list[str]:
    """The names noted since, e.g. "aten::lstm_cell" and "autograd::engine::..."."""
    return [event.name() for thread in _disable_profiler_legacy() for event in thread]


def find(name: str) -> Any:
    """What a dotted name means; None where it means nothing here."""
    top, *path = name.split(".")
    found: Any = sys.modules.get(top)
    for step in path:
        found = getattr(found, step, None)
    return found


def functions_in(name: str, found: Any) -> Iterator[tuple[str, types.FunctionType]]:
    """A function, or those of a module, by the names under which they are forbidden."""
    if isinstance(found, types.FunctionType):
        yield name, found
    elif isinstance(found, types.ModuleType):
        for inner, function in vars(found).items():
            if isinstance(function, types.FunctionType) and function.__module__ == name:
                yield f"{name}.{inner}", function


def canonical(name: str, found: Any) -> str:
    """The name under which a function or class reports itself, e.g. "torch.nn.modules.rnn.LSTMCell"."""
    if isinstance(found, types.BuiltinFunctionType):
        return name_of_builtin(found)
    if isinstance(found, (type, types.FunctionType)):
        return f"{found.__module__}.{found.__qualname__}"
    return name


def name_of_frame(frame: types.FrameType) -> str:
    module, code = frame.f_globals.get("__name__"), frame.f_code
    if module == "torch._ops" and code.co_name == "__call__":  # of torch.ops.aten.lstm_cell, say
        return "torch." + str(frame.f_locals.get("self")).partition(".")[2].partition(".")[0]
    if module == "torch._tensor":  # methods that are written in Python
        return f"torch.{code.co_qualname}"
    return f"{module}.{code.co_qualname}"


def name_of_builtin(function: types.BuiltinFunctionType) -> str:
    """For a function of PyTorch's in C, "torch." and its name; for a method, "torch.Tensor." and its name."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, torch.Tensor):
        return f"torch.Tensor.{function.__name__}"
    if owner is None or getattr(owner, "__name__", "").startswith("torch"):
        return f"torch.{function.__name__}"
    return ""
