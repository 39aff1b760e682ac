"""System calls that Python has no function for, on Linux."""

from __future__ import annotations

import ctypes
import os
import platform

LIBC = ctypes.CDLL(None, use_errno=True)
MACHINE = platform.machine()  # "x86_64" or "aarch64"

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITIES_V3 = 0x20080522


def checked(result: int, what: str) -> int:
    """The result of a call, or an OSError that names the call."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: int | ctypes.c_char_p | ctypes.c_void_p, what: str) -> int:
    # variadic: everything that is no pointer must be passed as wide as a register
    wide = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    return checked(LIBC.syscall(ctypes.c_long(number), *wide), what)


def prctl(option: int, value: int = 0) -> None:
    wide = [ctypes.c_ulong(number) for number in (value, 0, 0, 0)]
    checked(LIBC.prctl(ctypes.c_int(option), *wide), f"prctl {option}")


def drop_capabilities() -> None:
    """Give up every capability; with no_new_privs there is no way back."""
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_V3, 0)  # 0: this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; 64 bits each
    syscall(
        CAPSET[MACHINE],
        ctypes.c_void_p(ctypes.addressof(header)),
        ctypes.c_void_p(ctypes.addressof(sets)),
        what="capset",
    )


def no_new_privileges() -> None:
    """Programs that this process starts gain nothing it has not; Landlock and seccomp ask for it."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
