"""Limits on what a process uses: time, memory, files. They work on every system with a shell."""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path

EXTRA_MEMORY = 2 * 2**30  # bytes above what the warmed process has mapped already
MAX_FILE = 2**20
MAX_OPEN_FILES = 64
NOTHING = ("RLIMIT_CORE", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE")  # not every system has them all


def limit(seconds: float, mapped: int) -> None:
    """Lower the limits of this process, for good. `mapped`: bytes of address space it had from the start."""
    os.setsid()
    lower(resource.RLIMIT_CPU, math.ceil(seconds) + 1)
    lower(resource.RLIMIT_FSIZE, MAX_FILE)
    lower(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    if mapped:
        lower(resource.RLIMIT_AS, mapped + EXTRA_MEMORY)
    for name in NOTHING:
        if hasattr(resource, name):
            lower(getattr(resource, name), 0)


def mapped_bytes() -> int:
    """How much address space this process has mapped; 0 where that is not known."""
    size = Path("/proc/self/statm")
    return int(size.read_text().split()[0]) * resource.getpagesize() if size.exists() else 0


def lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
