"""What a process that runs a student's code may use. This version knows one level: limits only.

Time, memory, file size and open files are limited, and the process leaves its parent's session. The file
system and the network stay reachable; so the level is named in every report, and an instructor has to
accept it.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import sys
from pathlib import Path

LEVEL = "limits-only"
EXTRA_MEMORY = 4 * 2**30  # bytes above what the warmed process has mapped already
MAX_FILE = 2**20
MAX_OPEN_FILES = 64
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def enter(seconds: float) -> None:
    """Give up what a check does not need, for good. `seconds` of processor time are left."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    limit(resource.RLIMIT_CPU, math.ceil(seconds) + 1)
    limit(resource.RLIMIT_FSIZE, MAX_FILE)
    limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    limit(resource.RLIMIT_CORE, 0)
    size = Path("/proc/self/statm")
    if size.exists():
        mapped = int(size.read_text().split()[0]) * resource.getpagesize()
        limit(resource.RLIMIT_AS, mapped + EXTRA_MEMORY)


def limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
