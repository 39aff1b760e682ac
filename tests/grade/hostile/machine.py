"""What an attack could change on this machine, as one value to compare: before, and after."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

PR_SET_CHILD_SUBREAPER = 36
SETTLE_SECONDS = 10.0  # for a killed process to be gone
MARKED_PLACES = ("/", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/etc", "/etc/cron.d", "/home")


def adopt_orphans(adopt: bool) -> None:
    """Make this process the parent of every descendant that loses its own, however it detached itself."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


def descendants() -> dict[int, int]:
    """Process numbers of all that live below this process, with how many threads each has."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(folder.name)] = int(parent)
    found = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    threads = {}
    for process in found - {os.getpid()}:
        with contextlib.suppress(OSError):
            threads[process] = len(os.listdir(f"/proc/{process}/task"))
    return threads


def attributes(path: Path) -> tuple[int, ...] | None:
    """Everything about a file but when it was last read."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return (
        found.st_ino,
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_nlink,
        found.st_size,
        found.st_mtime_ns,
    )


class Machine:
    """Probes: folders to be left alone, servers to be left alone, and the state of the rest."""

    def __init__(self, watched: list[Path], mark: str) -> None:
        adopt_orphans(True)
        self._mark = mark
        self._watched = [*watched, Path(torch.__file__), Path(os.__file__), Path(sys.executable).resolve()]
        self._first = self._at_rest()

    def state(self) -> dict[str, Any]:
        libraries = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib", "scripts")}
        return {
            "processes": descendants(),
            "marked": sorted(str(p) for place in {*MARKED_PLACES, *libraries} for p in self._marked(place)),
            "files": {str(path): attributes(path) for top in self._watched for path in walk(top)},
            "shared": [Path(f"/proc/sysvipc/{kind}").read_text() for kind in ("shm", "sem", "msg")],
            "mounts": Path("/proc/self/mounts").read_text(),
        }

    def close(self) -> None:
        """Adopt no more: whoever tests processes after this expects orphans to go elsewhere."""
        adopt_orphans(False)

    def _at_rest(self) -> dict[str, Any]:
        """The state, once what ran here before has ended: it must not be taken for what an attack did."""
        end = time.monotonic() + SETTLE_SECONDS
        before, now = None, self.state()
        while before != now and time.monotonic() < end:
            time.sleep(0.2)
            before, now = now, self.state()
        return now

    def changes(self) -> dict[str, Any]:
        """What differs from the state at first, after a while for processes to end: then and now."""
        end = time.monotonic() + SETTLE_SECONDS
        while True:
            now = self.state()
            changed = {name: difference(self._first[name], now[name]) for name in now}
            if not any(changed.values()) or time.monotonic() > end:
                return {name: both for name, both in changed.items() if both}
            time.sleep(0.02)

    def _marked(self, place: str) -> list[Path]:
        with contextlib.suppress(OSError):
            return [path for path in Path(place).iterdir() if self._mark in path.name]
        return []


def difference(then: Any, now: Any) -> object:
    """What is not the same, then and now; of a dictionary only those entries. Nothing if all is the same."""
    if then == now:
        return None
    if isinstance(then, dict):
        keys = [key for key in {**then, **now} if then.get(key) != now.get(key)]
        return {key: (then.get(key), now.get(key)) for key in keys}
    return then, now


def walk(top: Path) -> Iterator[Path]:
    yield top
    if top.is_dir():
        yield from sorted(top.rglob("*"))


class Servers:
    """Listens on loopback in every way that an attack tries, and notes who came."""

    def __init__(self, mark: str) -> None:
        self._folder = tempfile.TemporaryDirectory()  # its path is short enough for a socket
        self.path, self.abstract = f"{self._folder.name}/server", f"{mark}-server"
        self._streams = [
            socket.socket(socket.AF_INET),
            socket.socket(socket.AF_UNIX),
            socket.socket(socket.AF_UNIX),
        ]
        self._datagrams = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
        self._streams[0].bind(("127.0.0.1", 0))
        self.port = self._streams[0].getsockname()[1]
        self._datagrams[0].bind(("127.0.0.1", self.port))
        self._streams[1].bind(self.path)
        self._streams[2].bind("\0" + self.abstract)
        for server in self._streams:
            server.listen()
        for server in (*self._streams, *self._datagrams):
            server.setblocking(False)

    def visits(self) -> int:
        """How many connections and datagrams have come since the last look."""
        count = 0
        for server in self._streams:
            with contextlib.suppress(BlockingIOError):
                while True:
                    server.accept()[0].close()
                    count += 1
        for server in self._datagrams:
            with contextlib.suppress(BlockingIOError):
                while server.recv(100):
                    count += 1
        return count

    def close(self) -> None:
        for server in (*self._streams, *self._datagrams):
            server.close()
        self._folder.cleanup()
