"""Namespaces: a process that sees no other process, no network, and a scratch folder instead of a disk.

The worker enters a user namespace of its own once, and may from then on make the others without being root:
a network without a connection and a file system that is read-only but for a folder in memory, once for all
checks, because they take milliseconds to make; process numbers and shared memory anew for every check.

A pid namespace concerns children only, and a process may choose one for its children only once, unless it
goes back to its own in between, which it may where it lives in one that it owns: so the worker's real work
is done by a child that is the first process of such a namespace.
"""

from __future__ import annotations

import ctypes
import os
import shutil
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
FOR_A_WORKER = CLONE_NEWUSER | CLONE_NEWPID
FURNISHED = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP

FIRST = 1  # the number of a namespace's first process
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MNT_DETACH = 2
MOUNT_SETATTR = 442  # the same number on every machine
MOUNT_ATTR_RDONLY, AT_RECURSIVE, AT_FDCWD = 1, 0x8000, -100
SCRATCH = b"size=16m,nr_inodes=1024,mode=700"


def unshare(flags: int) -> None:
    checked(LIBC.unshare(ctypes.c_int(flags)), "unshare")


def enter_own(scratch: str) -> int:
    """Go on as the first process of namespaces of its own; returns a descriptor of its pid namespace.

    The process that calls this stays behind and waits. When the new one has ended, it removes the folder that
    holds `scratch`, in case nobody else is left to do so, and ends in the same way.
    """
    user, group = os.geteuid(), os.getegid()
    unshare(FOR_A_WORKER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        shutil.rmtree(Path(scratch).parent, ignore_errors=True)
        os._exit(status & 0xFF)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    own = os.open("/proc/self/ns/pid_for_children", os.O_RDONLY | os.O_CLOEXEC)
    unshare(FURNISHED)
    read_only = ctypes.c_char_p(struct.pack("=QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0))
    syscall(MOUNT_SETATTR, AT_FDCWD, ctypes.c_char_p(b"/"), AT_RECURSIVE, read_only, 32, what="mount_setattr")
    mount(scratch)
    return own


def mount(scratch: str) -> None:
    """Put an empty folder in memory over a folder on disk."""
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    checked(LIBC.mount(b"scratch", os.fsencode(scratch), b"tmpfs", flags, SCRATCH), "mount")


def tidy(scratch: str) -> None:
    """Exchange the folder in memory for a new one if there is anything in it."""
    if os.listdir(scratch):
        checked(LIBC.umount2(os.fsencode(scratch), ctypes.c_int(MNT_DETACH)), "umount")
        mount(scratch)


def fork_into_new(own: int) -> int:
    """Fork a child that is alone, with process numbers and shared memory of its own.

    What it has started dies with it.
    """
    unshare(CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        unshare(CLONE_NEWIPC)
    else:
        checked(LIBC.setns(ctypes.c_int(own), ctypes.c_int(CLONE_NEWPID)), "setns")
    return child
