"""Control groups: a bound on the memory and the processes of a worker with all its children, where permitted.

The limits of each process are there anyway; a group also counts what is nobody's address space, such as
files in memory. Making one takes root, or a system that delegates its groups to users.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from coursekit.grade.jail.limits import EXTRA_MEMORY

ROOT = Path("/sys/fs/cgroup")
PREFIX = "coursekit-"
MEMORY = EXTRA_MEMORY + 2**30  # bytes, for a child and the worker that waits for it
PROCESSES = 128  # threads count
LIMITS = {  # where a controller keeps its limit, in version 1 and 2
    "memory": ("memory.limit_in_bytes", "memory.max", MEMORY),
    "pids": ("pids.max", "pids.max", PROCESSES),
}
EMPTY_SECONDS = 1.0  # how long the kernel may take to clear away killed processes


class Groups:
    """The groups a worker was put into; closed when it has ended."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders

    def close(self) -> None:
        end = time.monotonic() + EMPTY_SECONDS
        for folder in self.folders:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > end:
                        break
                    time.sleep(0.01)


def join(process: int) -> Groups:
    """Put a process into groups of its own, as many as can be made."""
    made: list[Path] = []
    for controller, base in own_groups().items():
        clear_away(base)
        v1, v2, value = LIMITS[controller]
        folder = base / f"{PREFIX}{os.getpid()}-{process}"
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            if folder not in made:
                made.append(folder)
            limit = next((folder / name for name in (v1, v2) if (folder / name).exists()), None)
            if limit is not None:
                limit.write_text(str(value))
                (folder / "cgroup.procs").write_text(str(process))
    return Groups(made)


def clear_away(base: Path) -> None:
    """Remove the groups of judges that were killed and could not do it themselves."""
    for folder in base.glob(f"{PREFIX}*-*"):
        judge = folder.name.removeprefix(PREFIX).partition("-")[0]
        if judge.isdecimal() and not Path("/proc", judge).exists():
            with contextlib.suppress(OSError):  # not empty: its worker is just ending
                folder.rmdir()


def own_groups() -> dict[str, Path]:
    """The group this process is in, for each controller; see cgroups(7)."""
    found: dict[str, Path] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in LIMITS:
                if controller in controllers.split(","):
                    found[controller] = ROOT / controller / path.lstrip("/")
                elif not controllers:
                    found.setdefault(controller, ROOT / path.lstrip("/"))
    return found
