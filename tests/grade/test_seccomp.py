"""The filter of system calls, for both kinds of machine, in an interpreter of its own."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from coursekit.grade.jail import seccomp


def run_filter(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter answers, by the rules of the Berkeley packet filter."""
    known = seccomp.ARCHITECTURE[machine] if architecture is None else architecture
    data = struct.pack("<IIQ6Q", number, known, 0, *arguments, *[0] * (6 - len(arguments)))
    code = [
        struct.unpack_from("=HBBI", seccomp.program(machine, 77), at)
        for at in range(0, len(seccomp.program(machine, 77)), 8)
    ]
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x15:
            at += if_true if accumulator == value else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= value else if_false
        else:
            assert operation == 0x06
            return value


ALLOWED, EPERM, ENOSYS, KILLED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
MACHINES = ("x86_64", "aarch64")


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_is_allowed_or_refused_as_the_list_says(machine: str) -> None:
    here = MACHINES.index(machine)
    allowed = {numbers[here] for numbers in seccomp.PLAIN.values()}
    special = {n[here] for n, _, _ in seccomp.WITH_ARGUMENT.values()} | {
        numbers[here] for numbers in (seccomp.CLONE, seccomp.CLONE3, seccomp.TGKILL)
    }
    for number in range(1024):
        if number not in special:
            expected = ALLOWED if number in allowed else ENOSYS if number >= seccomp.NEWEST else EPERM
            assert run_filter(machine, number) == expected, number
    assert run_filter(machine, 0x40000000) == EPERM
    other = seccomp.ARCHITECTURE[MACHINES[1 - here]]
    assert run_filter(machine, 0, architecture=other) == KILLED


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_with_arguments(machine: str) -> None:
    here = MACHINES.index(machine)
    clone, clone3, tgkill = (n[here] for n in (seccomp.CLONE, seccomp.CLONE3, seccomp.TGKILL))
    assert run_filter(machine, clone, 0x003D0F00) == ALLOWED  # as pthread_create asks
    assert run_filter(machine, clone, 0x01200011) == EPERM  # as fork asks
    assert run_filter(machine, clone, 0x003D0F00 | 0x40000000) == EPERM  # a thread in a new network
    assert run_filter(machine, clone3, 0) == ENOSYS
    assert run_filter(machine, tgkill, 77, 78, 6) == ALLOWED and run_filter(machine, tgkill, 1, 1, 9) == EPERM
    fcntl, ioctl, limit = (seccomp.WITH_ARGUMENT[name][0][here] for name in ("fcntl", "ioctl", "prlimit64"))
    assert run_filter(machine, fcntl, 3, 8) == EPERM  # F_SETOWN: whom to signal
    assert run_filter(machine, ioctl, 0, 0x5412) == EPERM  # TIOCSTI: type into a terminal
    assert run_filter(machine, ioctl, 0, 0x5401) == ALLOWED
    assert run_filter(machine, limit, 0) == ALLOWED and run_filter(machine, limit, 1) == EPERM


HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", r"#define __NR_(\w+)\s+(\d+)"),
    "aarch64": ("/usr/include/asm-generic/unistd.h", r"#define __NR(?:3264)?_(?:3264_)?(\w+)\s+(\d+)"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernel(machine: str) -> None:
    file, pattern = HEADERS[machine]
    if not Path(file).exists():
        pytest.skip("the kernel's headers are not installed")
    here = MACHINES.index(machine)
    known = {name: int(number) for name, number in re.findall(pattern, Path(file).read_text())}
    known |= {"newfstatat": known.get("fstatat", known.get("newfstatat", -1))}
    listed = seccomp.PLAIN | {name: numbers for name, (numbers, _, _) in seccomp.WITH_ARGUMENT.items()}
    listed |= {"clone": seccomp.CLONE, "clone3": seccomp.CLONE3, "tgkill": seccomp.TGKILL}
    assert {n: v[here] for n, v in listed.items() if v[here] is not None} == {
        n: known[n] for n, v in listed.items() if v[here] is not None
    }
