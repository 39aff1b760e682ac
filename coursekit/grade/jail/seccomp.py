"""A filter of system calls: what numerical Python needs is allowed, everything else answers EPERM.

Threads work and processes do not: `clone` must ask for a thread, and `clone3`, whose flags a filter cannot
read, answers that this kernel has none, so that the C library goes back to `clone`. No socket can be made, of
any family. What Landlock does not watch, such as changing the mode or the times of a file, is not on the list
either. The filter is a program of the classic Berkeley packet filter, see seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import functools
import struct
from collections.abc import Iterable

from coursekit.grade.jail.system import LIBC, MACHINE, PR_SET_SECCOMP, checked

SECCOMP_MODE_FILTER = 2
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # from here on, x86_64 has the calls of another convention
NEWEST = 462  # calls with a greater number are newer than this list, and to be taken for missing

LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
KILL, ALLOW, REFUSE = 0x80000000, 0x7FFF0000, 0x00050000
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16

CLONE_THREAD = 0x00010000
CLONE_NEW_NAMESPACE = 0x7E020000

# name: number on x86_64, number on aarch64; None where there is no such call
PLAIN: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "lseek": (8, 62),
    "close": (3, 57),
    "close_range": (436, 436),
    "open": (2, None),
    "openat": (257, 56),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "umask": (95, 166),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "flock": (73, 32),
    "sendfile": (40, 71),
    "copy_file_range": (326, 285),
    "fadvise64": (221, 223),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "mincore": (27, 232),
    "msync": (26, 227),
    "futex": (202, 98),
    "futex_waitv": (449, 449),
    "set_robust_list": (273, 99),
    "get_robust_list": (274, 100),
    "rseq": (334, 293),
    "set_tid_address": (218, 96),
    "membarrier": (324, 283),
    "gettid": (186, 178),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getpgid": (121, 155),
    "getsid": (124, 156),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getgroups": (115, 158),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getcpu": (309, 168),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "times": (100, 153),
    "time": (201, None),
    "getrandom": (318, 278),
    "gettimeofday": (96, 169),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "pause": (34, None),
    "alarm": (37, None),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create": (213, None),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "eventfd2": (290, 19),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "arch_prctl": (158, None),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
# allowed with certain values of one argument only: numbers, which argument, the values
WITH_ARGUMENT: dict[str, tuple[tuple[int, int], int, tuple[int, ...]]] = {
    # duplicate, flags, status, locks; nothing that sends signals
    "fcntl": ((72, 25), 1, (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)),
    # is it a terminal, how wide, close on exec, bytes to read, non-blocking
    "ioctl": ((16, 29), 1, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),
    "prctl": ((157, 167), 0, (15, 16, 0x53564D41)),  # names of threads and of mappings
    "prlimit64": ((302, 261), 0, (0,)),  # its own limits, which it can only lower
}
CLONE, CLONE3, TGKILL = (56, 220), (435, 435), (234, 131)


def is_known() -> bool:
    """Whether there is a filter for this kind of machine."""
    return MACHINE in ARCHITECTURE


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def answer(value: int) -> bytes:
    return instruction(RETURN, value)


def on_call(number: int, block: bytes) -> bytes:
    """A block of instructions that only the call with this number runs; it ends in an answer."""
    return instruction(EQUAL, number, 0, len(block) // 8) + block


def argument(which: int) -> bytes:
    """Load the lower 32 bits of an argument, all that the kernel reads of an int."""
    return instruction(LOAD, ARGUMENTS_OFFSET + 8 * which)


def one_of(which: int, values: Iterable[int]) -> bytes:
    checks = b"".join(instruction(EQUAL, value, 0, 1) + answer(ALLOW) for value in values)
    return argument(which) + checks + answer(REFUSE | errno.EPERM)


@functools.cache
def program(machine: str, process: int) -> bytes:
    """The filter for a process, which may signal itself and nobody else."""
    here = ("x86_64", "aarch64").index(machine)
    only_threads = (
        argument(0)
        + instruction(AND, CLONE_THREAD | CLONE_NEW_NAMESPACE)
        + instruction(EQUAL, CLONE_THREAD, 0, 1)
        + answer(ALLOW)
        + answer(REFUSE | errno.EPERM)
    )
    parts = [
        instruction(LOAD, ARCHITECTURE_OFFSET),
        instruction(EQUAL, ARCHITECTURE[machine], 1, 0),
        answer(KILL),
        instruction(LOAD, NUMBER_OFFSET),
        instruction(AT_LEAST, X32, 0, 1),
        answer(REFUSE | errno.EPERM),
        *(
            on_call(number, answer(ALLOW))
            for numbers in PLAIN.values()
            if (number := numbers[here]) is not None
        ),
        *(on_call(numbers[here], one_of(which, values)) for numbers, which, values in WITH_ARGUMENT.values()),
        on_call(TGKILL[here], one_of(0, (process,))),
        on_call(CLONE[here], only_threads),
        on_call(CLONE3[here], answer(REFUSE | errno.ENOSYS)),
        instruction(AT_LEAST, NEWEST, 0, 1),
        answer(REFUSE | errno.ENOSYS),
        answer(REFUSE | errno.EPERM),
    ]
    return b"".join(parts)


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict(process: int) -> None:
    """Take the filter on, for good. `process` is this process's own number."""
    instructions = program(MACHINE, process)
    filter = Program(len(instructions) // 8, instructions)
    arguments = (
        ctypes.c_ulong(SECCOMP_MODE_FILTER),
        ctypes.byref(filter),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
    )
    checked(LIBC.prctl(ctypes.c_int(PR_SET_SECCOMP), *arguments), "seccomp")
