"""The judge's end of a worker process: start it, hand it tasks, and never wait for it longer than agreed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple

from coursekit.grade.protocol import ProtocolError, Task, decode, encode_task, read_frame, write_frame

START_SECONDS = 120.0  # importing torch from a cold disk
GRACE_SECONDS = 5.0  # beyond a task's own time, for the worker to end its child and answer
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
FIXED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Ending(NamedTuple):
    """How a task ended, what it printed, and the message with its outcomes, still unread."""

    reason: str  # "done", "timeout" or "died"
    how: str  # exit status or signal, e.g. "SIGSEGV"
    output: str
    outcomes: bytes


class Worker:
    """A worker process for the length of a `with` statement, started again if a submission takes it down."""

    def __enter__(self) -> Worker:
        self._folder = tempfile.TemporaryDirectory(prefix="coursekit-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = start(self._folder.name)
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._folder.cleanup()

    def run(self, task: Task) -> Ending:
        """Run a task; whatever the student's code does, an answer comes within its seconds and a few more."""
        try:
            if self._process is None:
                self._process = start(self._folder.name)
            return ask(self._process, task)
        except (OSError, ValueError, TypeError):
            self._stop()
            return Ending("died", "it took the worker process with it", "", b"")

    def _stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None


def start(folder: str) -> subprocess.Popen[bytes]:
    """A worker that says it is ready, in a folder where a student's code can do no harm by accident."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "coursekit.grade.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | FIXED,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            with killed_after(START_SECONDS, process):
                if read_frame(process.stdout) != b"ready":
                    errors.seek(0)
                    said = errors.read().decode("utf8", "replace").strip().splitlines()
                    raise OSError(
                        f"the worker process did not start: {said[-1] if said else 'it said nothing'}"
                    )
        except BaseException:
            end(process)
            raise
    return process


def ask(process: subprocess.Popen[bytes], task: Task) -> Ending:
    assert process.stdin is not None and process.stdout is not None
    with killed_after(task.seconds + GRACE_SECONDS, process):
        write_frame(process.stdin, encode_task(task))
        control, outcomes = read_frame(process.stdout), read_frame(process.stdout)
    if control is None or outcomes is None:
        raise ProtocolError("the stream ended")
    (reason, how, output), _ = decode(control)
    return Ending(reason, how, output, outcomes)


@contextlib.contextmanager
def killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """When the time is over, end the process, and with it every read from it and every write to it."""
    watch = threading.Timer(seconds, process.kill)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with contextlib.suppress(OSError):  # what it was last sent, it will not read
            stream.close()
