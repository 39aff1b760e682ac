"""Namespaces: a process that sees no other process, no network, and a scratch folder instead of a disk.

The worker enters a user namespace of its own once, and in it a network without a connection, in which nothing
can stay behind from one check to the next. From then on it may make the others without being root, a set for
every check. A pid namespace concerns children only, and a process may choose one for its children
only once, unless it goes back to its own in between, which it may where it lives in one that it owns: so the
worker's real work is done by a child that is the first process of such a namespace.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from pathlib import Path

from coursekit.grade.jail.system import LIBC, PR_SET_PDEATHSIG, checked, prctl, syscall

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
FOR_A_WORKER = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET  # a network takes half a millisecond to make
FOR_A_CHECK = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC

FIRST = 1  # the number of a namespace's first process
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MOUNT_SETATTR = 442  # the same number on every machine
MOUNT_ATTR_RDONLY, AT_RECURSIVE, AT_FDCWD = 1, 0x8000, -100
SCRATCH = b"size=16m,nr_inodes=1024,mode=700"


def unshare(flags: int) -> None:
    checked(LIBC.unshare(ctypes.c_int(flags)), "unshare")


def enter_own() -> int:
    """Go on as the first process of new user, network and pid namespaces; a descriptor of the last.

    The process that calls this stays behind, waits, and ends as the new one does.
    """
    user, group = os.geteuid(), os.getegid()
    unshare(FOR_A_WORKER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    return os.open("/proc/self/ns/pid_for_children", os.O_RDONLY | os.O_CLOEXEC)


def fork_into_new(own: int) -> int:
    """Fork a child that is alone in a new pid namespace; what it started dies with it."""
    unshare(CLONE_NEWPID)
    child = os.fork()
    if child:
        checked(LIBC.setns(ctypes.c_int(own), ctypes.c_int(CLONE_NEWPID)), "setns")
    return child


def isolate(scratch: str) -> None:
    """Leave the machine's names and shared memory; its files become read-only but for a folder in memory."""
    unshare(FOR_A_CHECK)
    read_only = ctypes.c_char_p(struct.pack("=QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0))
    syscall(MOUNT_SETATTR, AT_FDCWD, ctypes.c_char_p(b"/"), AT_RECURSIVE, read_only, 32, what="mount_setattr")
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    checked(LIBC.mount(b"scratch", os.fsencode(scratch), b"tmpfs", flags, SCRATCH), "mount")
    os.chdir(scratch)
