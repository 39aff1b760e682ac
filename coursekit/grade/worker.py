"""The process that runs students' code: `python -m coursekit.grade.worker`. It knows no answer.

It imports torch once and then, for every submission, forks a child, which locks itself in, reads the code,
calls one function after the other, and writes what came out. The judge hands over descriptors: where the
submission is read, where the answers go, and where the prints of each function go. The parent passes them on
unused, so that it never holds a byte of a submission, and no child finds another student's code or answers in
the memory it inherits. It stays at one thread, because the forked child of a process with threads can hang.
"""

from __future__ import annotations

import codeop
import contextlib
import gc
import importlib.abc
import linecache
import os
import select
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import torch

from coursekit.grade import jail
from coursekit.grade.calls import Call, Outcome, describe_error, perform_all
from coursekit.grade.encoding import decode_calls, encode_outcomes
from coursekit.grade.jail.memory import use_large_pages
from coursekit.grade.protocol import (
    Block,
    Order,
    decode_source,
    read_frame,
    receive,
    send,
    write_frame,
)

A_BATCH = 16  # tasks after which it is worth half a second to make each later one several milliseconds faster
TICK = 0.05  # seconds between looks at the child, where the system does not tell that it ended


def main() -> None:
    """Serve the judge at the other end of a socket, given by its descriptor, in a folder of its own."""
    judge, folder, best = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a killed child has said something
    torch.set_num_threads(1)
    warm_up()
    prison = jail.prepare(folder, best)  # type: ignore[arg-type]
    hide_references()
    send(judge, Order.READY, prison.level.encode())
    questions: dict[str, tuple[Call, ...]] = {}
    tasks = 0
    while (message := receive(judge)) is not None:
        if message.order is Order.QUESTIONS:
            key, _, body = message.body.partition(b"\n")
            questions[key.decode()] = decode_calls(body)
        elif message.order is Order.RUN:
            seconds, *keys = message.body.decode().split("\n")
            exams = [questions[key] for key in keys]
            how = run(prison, judge, exams, float(seconds), message.descriptors)
            send(judge, Order.ENDED, how.encode())
            tasks += 1
            if tasks == A_BATCH:
                use_large_pages()
    if prison.own_pids is None:  # else the process that waits for this one does it
        shutil.rmtree(folder, ignore_errors=True)  # the judge may have been killed before it could


def warm_up() -> None:
    """Import and initialise what each child would otherwise do again, and in memory of its own."""
    blocks = (Block("warm-up", 1, "def product(a):\n    return (a @ a.T).tanh().sigmoid().chunk(2, dim=-1)"),)
    x = torch.ones(2, 2)
    calls = (
        Call((x,), wanted=(0,), cotangents=((x[:, :1],), (x[:, 1:],))),
        Call((x,), forbidden=("torch.lstm",)),
        Call((x,), elsewhere=True),
    )
    encode_outcomes(outcomes_of(blocks, "product", calls))
    gc.collect()
    gc.freeze()  # or a collection in a child would write to every object there is


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


def run(
    prison: jail.Jail,
    judge: socket.socket,
    exams: Sequence[tuple[Call, ...]],
    seconds: float,
    descriptors: list[int],
) -> str:
    """How a child ended, by itself or because the judge has had enough: exit status or signal."""
    child = prison.fork()
    if child == 0:
        run_child(prison, exams, seconds, *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    wait(judge, child)
    end(child)
    prison.tidy()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def wait(judge: socket.socket, child: int) -> None:
    """Until the child has ended or the judge says something, which can only be that it should."""
    if not hasattr(os, "pidfd_open"):
        while not select.select([judge], [], [], TICK)[0]:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return
    else:
        ended = os.pidfd_open(child)
        readable, _, _ = select.select([judge.fileno(), ended], [], [])
        os.close(ended)
        if judge.fileno() not in readable:
            return
    receive(judge)


def end(child: int) -> None:
    """Kill a child and the group of processes it leads, if they still live."""
    for kill in (os.killpg, os.kill):  # in its first moments it leads none
        try:
            kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


# The child's side


def run_child(
    prison: jail.Jail,
    exams: Sequence[tuple[Call, ...]],
    seconds: float,
    source: int,
    reply: int,
    *prints: int,
) -> NoReturn:
    status = 1
    try:
        with os.fdopen(source, "rb") as stream:
            submission = read_frame(stream)
        assert submission is not None
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        close_all_but({0, 1, 2, reply, *prints, prison.rules})
        prison.enter(seconds)
        answers = os.fdopen(reply, "wb")  # open to the end, which is how the judge notices it
        for task, calls, printed in zip(decode_source(submission), exams, prints, strict=True):
            os.dup2(printed, 1)
            os.dup2(printed, 2)
            os.close(printed)
            outcomes = outcomes_of(*task, calls)
            with contextlib.suppress(Exception):  # whatever a student has put in its place
                sys.stdout.flush()
            write_frame(answers, encode_outcomes(outcomes))
        status = 0
    finally:
        os._exit(status)


def close_all_but(kept: set[int | None]) -> None:
    first = 0
    for descriptor in sorted(number for number in kept if number is not None):
        if first < descriptor:  # an empty range can count as all there are
            os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, min(os.sysconf("SC_OPEN_MAX"), 2**16))


def outcomes_of(blocks: tuple[Block, ...], name: str, calls: tuple[Call, ...]) -> list[Outcome]:
    """One outcome per call; a single one, with an error, where the function cannot be defined."""
    files = {block.file: block.file for block in blocks}
    try:
        function = define(blocks, name)
    except (Exception, SystemExit) as error:
        return [Outcome(error=describe_error(error, files))]
    return perform_all(function, calls, files)


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
