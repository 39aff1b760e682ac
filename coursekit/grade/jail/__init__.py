"""What a process that runs a student's code may use, and how it is locked in, as far as a machine can do it.

    full         limits, namespaces, Landlock and a filter of system calls: it reads Python's library and
                 nothing else, writes into a folder in memory, sees no network and no other process
    reduced      the same without namespaces, where a system does not let ordinary users make them
    limits-only  time, memory, file size and open files are limited; files and the network can be reached

A worker calls `prepare` once, which tries the levels from the top and keeps the first that a process locked
in on trial cannot get out of. It then forks with `Jail.fork`, and the child calls `Jail.enter`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from coursekit.grade.jail import landlock, limits, namespaces, seccomp
from coursekit.grade.jail.system import MACHINE, PR_SET_PDEATHSIG, drop_capabilities, no_new_privileges, prctl

Level = Literal["full", "reduced", "limits-only"]
LEVELS: tuple[Level, ...] = ("full", "reduced", "limits-only")
TRIAL_SECONDS = 5.0
FIRST_TO_GO = "1000"  # where memory runs out, on the kernel's scale from -1000 to 1000


@dataclass(frozen=True)
class Jail:
    level: Level
    scratch: str  # an empty folder to work in
    mapped: int  # bytes of address space before a check
    rules: int | None = None  # descriptor of Landlock's rules
    own_pids: int | None = None  # descriptor of the worker's pid namespace

    def fork(self) -> int:
        """As os.fork; at the level full, the child is alone in a pid namespace."""
        return os.fork() if self.own_pids is None else namespaces.fork_into_new(self.own_pids)

    def enter(self, seconds: float) -> None:
        """Give up everything that a check does not need, for good. `seconds` of processor time are left."""
        limits.limit(seconds, self.mapped)
        if sys.platform == "linux":
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.chdir(self.scratch)
        if self.rules is not None:
            no_new_privileges()
            landlock.restrict(self.rules)
            os.close(self.rules)
            drop_capabilities()
            seccomp.restrict(os.getpid())

    def tidy(self) -> None:
        """Between checks: an empty folder to work in again."""
        if self.own_pids is not None:
            namespaces.tidy(self.scratch)
        elif self.rules is None:
            shutil.rmtree(self.scratch, ignore_errors=True)
            os.makedirs(self.scratch, exist_ok=True)


def prepare(folder: Path, best: Level = "full") -> Jail:
    """The best jail this machine can make, and none better than `best`. `folder` is the worker's own.

    Where namespaces can be made, the caller goes on as the first process of one.
    """
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    plain = Jail("limits-only", str(scratch), limits.mapped_bytes())
    for level in LEVELS[LEVELS.index(best) : -1]:
        with contextlib.suppress(OSError):
            jail = locked(plain, level)
            if holds(jail):
                return jail
    return plain


def locked(plain: Jail, level: Level) -> Jail:
    """A jail with locks; an OSError where the system cannot make them."""
    if sys.platform != "linux" or not seccomp.is_known():
        raise OSError("there are no locks for this system")
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    if level == "reduced":
        return replace(plain, level=level, rules=landlock.ruleset(None))
    # the folder above, because Landlock looks at what lies under a mount; the rest of it is read-only then
    rules = landlock.ruleset(str(Path(plain.scratch).parent))
    seccomp.program(MACHINE, namespaces.FIRST)  # kept, so that no child has to put it together
    return replace(plain, level=level, rules=rules, own_pids=namespaces.enter_own(plain.scratch))


def holds(jail: Jail) -> bool:
    """Whether a process locked in on trial is."""
    child = jail.fork()
    if child == 0:
        status = 1
        try:
            jail.enter(TRIAL_SECONDS)
            status = len(ways_out(jail))
        finally:
            os._exit(status)
    end = time.monotonic() + TRIAL_SECONDS
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.001)
    return ended[1] == 0


def ways_out(jail: Jail) -> list[str]:
    """What this process can do and should not be able to, or cannot and should."""
    found = []
    for name in (__file__, "/etc/passwd", "/proc/self/environ"):
        with contextlib.suppress(OSError), open(name, "rb"):
            found.append(f"reads {name}")
    with contextlib.suppress(OSError), socket.socketpair()[0]:
        found.append("makes sockets")
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            os._exit(0)
        found.append("makes processes")
    with contextlib.suppress(OSError):
        os.kill(os.getppid() or 1, 0)
        found.append("signals others")
    if jail.level == "full":
        if os.getpid() != 1:
            found.append("is not alone")
        try:
            Path("trial").write_text("")
        except OSError:
            found.append("has no folder to write in")
    else:
        with contextlib.suppress(OSError):
            Path("trial").write_text("")
            found.append("writes files")
    return found
