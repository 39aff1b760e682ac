"""Landlock: of the file system, only Python's own library can be read, and only a scratch folder written.

The rules are an allow list that a process can never extend again. They are put together once, in the
worker, because it takes a while; a check only takes them on. Directories that hold the course's package, and
with it the answers, are left out wherever they lie.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from coursekit.grade.jail.system import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every machine
VERSION, PATH_BENEATH = 1, 1

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
ON_FILES = WRITE_FILE | READ_FILE
READ = READ_FILE | READ_DIR
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # number of rights on files and folders by version; 16 from 5 on
NOT_IN_SCRATCH = 1 << 0 | 1 << 6 | 1 << 9 | 1 << 11 | 1 << 15  # execute; devices, sockets, ioctl on devices

SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/dev/urandom", "/dev/random", "/dev/zero")


def version() -> int:
    """What this kernel knows of Landlock; an OSError where it knows nothing, or it is switched off."""
    return syscall(CREATE_RULESET, ctypes.c_void_p(None), 0, VERSION, what="landlock")


def ruleset(scratch: str | None) -> int:
    """The rules of a check, as a descriptor; without a folder to write in, nothing can be written."""
    known = version()
    rights = (1 << RIGHTS.get(known, 16)) - 1
    network = 0b11 if known >= 4 else 0  # bind and connect over TCP
    scope = 0b11 if known >= 6 else 0  # abstract sockets and signals
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    attribute = ctypes.c_char_p(struct.pack("=QQQ", rights, network, scope))
    rules = syscall(CREATE_RULESET, attribute, size, 0, what="landlock")
    for path, allowed in paths(scratch, rights):
        add(rules, path, allowed & rights)
    return rules


def restrict(rules: int) -> None:
    syscall(RESTRICT_SELF, rules, 0, what="landlock")


def add(rules: int, path: Path, allowed: int) -> None:
    """Allow something for a file or all below a folder; what is not there needs no rule."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            allowed &= ON_FILES
        rule = ctypes.c_char_p(struct.pack("=Qi", allowed, descriptor))
        syscall(ADD_RULE, rules, PATH_BENEATH, rule, 0, what="landlock")
    finally:
        os.close(descriptor)


def paths(scratch: str | None, rights: int) -> Iterator[tuple[Path, int]]:
    answers = Path(__file__).resolve().parents[2]  # the package itself
    libraries = {Path(path).resolve() for path in (*SYSTEM_LIBRARIES, *library_folders())}
    for library in sorted(libraries):
        yield from all_but(library, answers)
    for file in SYSTEM_FILES:
        yield Path(file), READ_FILE
    yield Path("/dev/null"), READ_FILE | WRITE_FILE
    if scratch is not None:
        yield Path(scratch), rights & ~NOT_IN_SCRATCH


def library_folders() -> list[str]:
    """Where this Python keeps its library and the packages it imports."""
    folders = [f"{prefix}/lib" for prefix in (sys.prefix, sys.base_prefix, sys.base_exec_prefix)]
    return folders + [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]


def all_but(folder: Path, hidden: Path) -> Iterator[tuple[Path, int]]:
    """Rules to read a folder without one that may lie in it; its name stays visible."""
    if folder == hidden or folder.is_relative_to(hidden):
        return
    if not hidden.is_relative_to(folder):
        yield folder, READ
        return
    yield folder, READ_DIR
    for child in folder.iterdir():
        yield from all_but(child, hidden)
