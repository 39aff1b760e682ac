"""The judge's end of a worker process: start it, hand it tasks, and never wait for it longer than agreed."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import IO, NamedTuple

from coursekit.grade.jail import Level, cgroups
from coursekit.grade.protocol import (
    FRAME_LENGTH,
    MAX_FRAME,
    MAX_TASKS,
    Order,
    ProtocolError,
    Task,
    encode_source,
    receive,
    send,
    write_frame,
)

START_SECONDS = 120.0  # importing torch from a cold disk
GRACE_SECONDS = 5.0  # beyond a task's own time, for the worker to end its child and say so
MAX_OUTPUT = 64 * 1024  # bytes kept of what a check prints
PIPE_SIZE = 2**20  # so that a child need not wait for the judge to read
COMMAND = (sys.executable, "-P", "-m", "coursekit.grade.worker")
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
FIXED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Ending(NamedTuple):
    """How a task ended, what it printed, and the message with its outcomes, still unread."""

    reason: str  # "done", "timeout", "died", or "late": it never began
    how: str  # exit status or signal, e.g. "SIGSEGV"; the time it had, e.g. "10 s"
    output: str
    outcomes: bytes


class Worker:
    """A worker process for the length of a `with` statement, started again if a submission takes it down.

    `level` says how far it locks submissions in: as far as this machine can, and no farther than `best`.
    """

    def __init__(self, best: Level = "full") -> None:
        self._best: Level = best

    def __enter__(self) -> Worker:
        self._stack = contextlib.ExitStack()
        self._running: Running | None = None
        try:
            self._folder = self._stack.enter_context(
                tempfile.TemporaryDirectory(prefix="coursekit-", ignore_cleanup_errors=True)
            )
            self._stack.callback(self._stop)
            self._running = Running(self._folder, self._best)
        except BaseException:
            self._stack.close()
            raise
        self.level: Level = self._running.level
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, task: Task) -> Ending:
        """Run a task; whatever the student's code does, an answer comes within its seconds and a few more."""
        (ending,) = self.run_all([task])
        return ending

    def run_all(self, tasks: Sequence[Task], until: float = math.inf) -> Iterator[Ending]:
        """Run the tasks of one submission in one child, and in another from the one on that ended badly.

        Their endings come one by one, and the child goes on while the caller looks at one. `until`, on the
        clock of `time.monotonic`, is when the submission's time is over.
        """
        waiting = list(tasks)
        while waiting:
            try:
                if self._running is None:
                    self._running = Running(self._folder, self._best)
                    self.level = self._running.level
                for ending in self._running.run(waiting, until):
                    del waiting[0]
                    yield ending
            except (OSError, ProtocolError):
                self._stop()
                if waiting:  # else it has answered everything before
                    del waiting[0]
                    yield Ending("died", "it took the worker process with it", "", b"")

    def _stop(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


class Running:
    """A worker process that has said it is ready."""

    def __init__(self, folder: str, best: Level) -> None:
        self._known: set[str] = set()  # keys of the questions it has been sent
        self._busy = False  # whether there is a child that has not been said to have ended
        self._stopped = False  # whether it has been told to
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(START_SECONDS)
        with theirs, tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(
                [*COMMAND, str(theirs.fileno()), folder, best],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=[theirs.fileno()],
                cwd=folder,
                env=environment(folder),
                start_new_session=True,
            )
            theirs.close()
            self._group = cgroups.join(self._process.pid)
            try:
                ready = receive(self._socket)
                if ready is None or ready.order is not Order.READY:
                    raise OSError(f"the worker process did not start: {last_line(errors)}")
            except BaseException:
                self.close()
                raise
        self.level: Level = ready.body.decode()  # type: ignore[assignment]
        self._socket.settimeout(GRACE_SECONDS)

    def run(self, tasks: Sequence[Task], until: float) -> Iterator[Ending]:
        """The endings of tasks, up to the first that is not "done"."""
        tasks = tasks[:MAX_TASKS]
        if time.monotonic() >= until:
            yield Ending("late", "", "", b"")
            return
        self._await_end()
        for task in tasks:
            if task.questions.key not in self._known:
                send(self._socket, Order.QUESTIONS, task.questions.key.encode() + b"\n" + task.questions.body)
                self._known.add(task.questions.key)
        with contextlib.ExitStack() as stack:
            answers, to_answer = pipe(stack)
            pairs = [pipe(stack) for _ in tasks]
            seconds = min(sum(task.seconds for task in tasks), until - time.monotonic())
            with source_file(tasks) as source:
                order = "\n".join([str(seconds), *(task.questions.key for task in tasks)]).encode()
                ends = [source, to_answer, *(to_print for _, to_print in pairs)]
                send(self._socket, Order.RUN, order, [end.fileno() for end in ends])
                self._busy = True
            for end in ends:
                end.close()  # the child's are the only ones left, so its end can be noticed
            stack.callback(self._stop)  # an ended child, too, is told, and then said to have ended
            received = Buffer(FRAME_LENGTH.size + MAX_FRAME + PIPE_SIZE)
            for task, (printed, _) in zip(tasks, pairs, strict=True):
                limit = min(task.seconds, until - time.monotonic())
                reason, text = self._listen(answers, received, printed, time.monotonic() + limit)
                if reason != "done":
                    self._stop()
                    how = self._await_end()
                    yield Ending(reason, f"{limit:.0f} s" if reason == "timeout" else how, text, b"")
                    return
                yield Ending(reason, "", text, received.take_frame())

    def _listen(
        self, answers: IO[bytes], received: Buffer, printed: IO[bytes], deadline: float
    ) -> tuple[str, str]:
        """Read until an answer is whole, the child is gone, or its time is over: which, and the prints."""
        text, reason = Buffer(MAX_OUTPUT), "done" if received.holds_frame() else ""
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ, received)
            selector.register(printed, selectors.EVENT_READ, text)
            selector.register(self._socket, selectors.EVENT_READ)  # says when the child has ended
            while not reason:
                ready = [key for key, _ in selector.select(max(0.0, deadline - time.monotonic()))]
                for key in ready:
                    if key.data is not None and not key.data.take(key.fd):
                        selector.unregister(key.fileobj)
                nothing_left = [key.fileobj for key in ready] == [self._socket]
                if received.holds_frame():
                    reason = "done"
                elif nothing_left or received.is_full() or answers not in selector.get_map():
                    reason = "died"
                elif time.monotonic() > deadline:
                    reason = "timeout"
        with contextlib.suppress(BlockingIOError):
            while not text.is_full() and text.take(printed.fileno()):
                pass
        return reason, text.data.decode("utf8", "replace")

    def _stop(self) -> None:
        """Have the child ended. That it has is said later, so that its answers can be judged meanwhile."""
        if self._busy and not self._stopped:
            send(self._socket, Order.STOP)
            self._stopped = True

    def _await_end(self) -> str:
        if not self._busy:
            return ""
        message = receive(self._socket)
        if message is None or message.order is not Order.ENDED:
            raise ProtocolError("the worker ended")
        self._busy = self._stopped = False
        return message.body.decode()

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._socket.close()
        self._group.close()


def environment(folder: str) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed_on | FIXED | {"TMPDIR": f"{folder}/scratch"}


def last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    said = errors.read().decode("utf8", "replace").strip().splitlines()
    return said[-1] if said else "it said nothing"


def pipe(stack: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """The ends of a pipe to read from and to write to, closed with the stack; reading does not wait."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    ends = os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb", buffering=0)
    for end in ends:
        stack.enter_context(end)
    return ends


def source_file(tasks: Sequence[Task]) -> IO[bytes]:
    """A file without a name that holds the submission as a frame."""
    file = (
        os.fdopen(os.memfd_create("task"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()
    )
    write_frame(file, encode_source(tasks))
    file.seek(0)
    return file


class Buffer:
    """What has come through a pipe, up to a size; the rest is read and forgotten."""

    def __init__(self, size: int) -> None:
        self.data = bytearray()
        self._size = size

    def take(self, descriptor: int) -> bool:
        """Read once; False at the end."""
        data = os.read(descriptor, PIPE_SIZE)
        self.data += data[: self._size - len(self.data)]
        return bool(data)

    def is_full(self) -> bool:
        return len(self.data) == self._size

    def holds_frame(self) -> bool:
        head = FRAME_LENGTH.size
        return len(self.data) >= head and len(self.data) >= head + FRAME_LENGTH.unpack_from(self.data)[0]

    def take_frame(self) -> bytes:
        """The first frame; what has come of the next stays."""
        end = FRAME_LENGTH.size + FRAME_LENGTH.unpack_from(self.data)[0]
        frame = bytes(self.data[FRAME_LENGTH.size : end])
        del self.data[:end]
        return frame
