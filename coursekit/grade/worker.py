"""The process that runs students' code: `python -m coursekit.grade.worker`. It knows no answer.

It imports torch once and then forks, for every task that arrives on its input, one child that defines the
function, calls it, and writes back what came out. The child is limited, timed, and killed with all it
started. The parent never runs a student's code, and it stays at one thread, because the forked child of a
process with threads can hang.
"""

from __future__ import annotations

import codeop
import importlib.abc
import linecache
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

import torch

from coursekit.grade import jail
from coursekit.grade.calls import Call, Outcome, describe_error, perform_all
from coursekit.grade.protocol import (
    FRAME_LENGTH,
    MAX_FRAME,
    Block,
    Task,
    decode_task,
    encode,
    encode_outcomes,
    read_frame,
    write_frame,
)

MAX_OUTPUT = 64 * 1024  # bytes kept of what a check prints
TICK = 0.05  # seconds between looks at whether the child still lives


def main() -> None:
    tasks, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # the pipe to the judge carries frames and nothing else
    torch.set_num_threads(1)
    warm_up()
    hide_references()
    write_frame(replies, b"ready")
    while (body := read_frame(tasks)) is not None:
        ending, outcomes = run(decode_task(body))
        write_frame(replies, encode(ending, []))
        write_frame(replies, outcomes)


def warm_up() -> None:
    """Import and initialise what each child would otherwise do again."""
    x = torch.ones(2, 2)
    calls = (Call((x,), (x[:, :1], x[:, :1])), Call((x,), elsewhere=True))
    perform_all(lambda a: (a @ a.T).tanh().sigmoid().chunk(2, dim=-1), calls, {})


class NoReferences(importlib.abc.MetaPathFinder):
    """Refuses `import coursekit`, where the answers are."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] == "coursekit":
            raise ImportError("coursekit cannot be imported where homework is graded", name=name)
        return None


def hide_references() -> None:
    sys.meta_path.insert(0, NoReferences())
    for name in [name for name in sys.modules if name.partition(".")[0] == "coursekit"]:
        del sys.modules[name]


# The parent's side of a check


def run(task: Task) -> tuple[list[str], bytes]:
    """How a child ended ("done", "timeout" or "died"; details; its output), and the outcomes it wrote."""
    from_child, to_parent = os.pipe()
    output, printed = os.pipe()
    child = os.fork()
    if child == 0:
        run_child(task, printed, to_parent)
    os.close(to_parent)
    os.close(printed)
    try:
        reason, reply, text = listen(from_child, output, child, time.monotonic() + task.seconds)
    finally:
        os.close(from_child)
        os.close(output)
        how = end(child)
    return [reason, how, text.decode("utf8", "replace")], reply


def listen(from_child: int, output: int, child: int, deadline: float) -> tuple[str, bytes, bytes]:
    """Read until a whole frame has come, the child is gone, or its time is over."""
    reply, text = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(from_child, selectors.EVENT_READ, reply)
        selector.register(output, selectors.EVENT_READ, text)
        while True:
            events = selector.select(TICK)
            for key, _ in events:
                data = os.read(key.fd, 2**16)
                if data:
                    room = MAX_OUTPUT - len(text) if key.data is text else len(data)
                    key.data.extend(data[:room])
                else:
                    selector.unregister(key.fd)
            begun = len(reply) >= FRAME_LENGTH.size
            if begun and len(reply) >= FRAME_LENGTH.size + FRAME_LENGTH.unpack_from(reply)[0]:
                return "done", bytes(reply[FRAME_LENGTH.size :]), bytes(text)
            if len(reply) > MAX_FRAME or from_child not in selector.get_map():
                return "died", b"", bytes(text)
            if time.monotonic() > deadline:
                return "timeout", b"", bytes(text)
            if not events and is_gone(child):  # though something it started still holds the pipes
                return "died", b"", bytes(text)


def is_gone(child: int) -> bool:
    """Whether a child has ended; it stays a zombie, so that its number means nothing else yet."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13; there, such a check runs into its time limit
        return False
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end(child: int) -> str:
    """Kill a child and the group of processes it leads, and say how it ended."""
    for kill in (os.killpg, os.kill):  # in its first moments it leads none
        try:
            kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


# The child's side


def run_child(task: Task, printed: int, to_parent: int) -> NoReturn:
    status = 1
    try:
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        os.dup2(to_parent, 3)
        os.closerange(4, min(os.sysconf("SC_OPEN_MAX"), 2**16))
        jail.enter(task.seconds)
        outcomes = outcomes_of(task)
        sys.stdout.flush()
        with os.fdopen(3, "wb") as stream:
            write_frame(stream, encode_outcomes(outcomes))
        status = 0
    finally:
        os._exit(status)


def outcomes_of(task: Task) -> list[Outcome]:
    """One outcome per call; a single one, with an error, where the function cannot be defined."""
    files = {block.file: block.file for block in task.blocks}
    try:
        function = define(task.blocks, task.function)
    except (Exception, SystemExit) as error:
        return [Outcome(error=describe_error(error, files))]
    return perform_all(function, task.calls, files)


def define(blocks: tuple[Block, ...], name: str) -> Callable[..., Any]:
    """Run the statements of a submission, each at its own line of its own file, and take a name from them."""
    lines: dict[str, list[str]] = {}
    for block in blocks:
        text = lines.setdefault(block.file, [])
        text += [""] * (block.line - 1 - len(text)) + block.source.split("\n")
    for file, text in lines.items():  # for those who ask a function for its source, as torch.jit.script does
        linecache.cache[file] = (0, None, [line + "\n" for line in text], file)
    namespace: dict[str, Any] = {"__name__": "submission"}
    compiled = codeop.Compile()  # carries `from __future__ import annotations` on to later blocks
    for block in blocks:
        exec(compiled("\n" * (block.line - 1) + block.source, block.file, "exec"), namespace)
    if name not in namespace:
        raise NameError(f"{name} is not defined")
    function: Callable[..., Any] = namespace[name]
    return function


if __name__ == "__main__":
    main()
