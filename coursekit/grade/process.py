"""The judge's end of a worker process: start it, hand it tasks, and never wait for it longer than agreed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
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
    """A worker process, started when first needed and again after it broke. Use it in a `with` statement."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="coursekit-"))  # where a student's code finds itself

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, task: Task) -> Ending:
        """Run a task; whatever the student's code does, an answer comes within its seconds and a few more."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        watch = threading.Timer(task.seconds + GRACE_SECONDS, process.kill)  # a killed worker ends every read and write
        watch.start()
        try:
            write_frame(process.stdin, encode_task(task))
            control, outcomes = read_frame(process.stdout), read_frame(process.stdout)
            if control is None or outcomes is None:
                raise ProtocolError("the stream ended")
            (reason, how, output), _ = decode(control)
            return Ending(reason, how, output, outcomes)
        except (OSError, ValueError):
            self._stop()
            return Ending("died", "it took the worker process with it", "", b"")
        finally:
            watch.cancel()

    def _start(self) -> subprocess.Popen[bytes]:
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "coursekit.grade.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._folder,
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | FIXED,
                start_new_session=True,
            )
            assert process.stdout is not None
            self._process = process
            watch = threading.Timer(START_SECONDS, process.kill)
            watch.start()
            try:
                if read_frame(process.stdout) != b"ready":
                    errors.seek(0)
                    said = errors.read().decode("utf8", "replace").strip().splitlines()
                    raise RuntimeError(f"the worker process did not start: {said[-1] if said else 'it said nothing'}")
            except BaseException:
                self._stop()
                raise
            finally:
                watch.cancel()
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what it was last sent, it will not read
                    pass
