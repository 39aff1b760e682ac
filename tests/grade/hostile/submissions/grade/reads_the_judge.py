"""Reads the memory of the judge and of the worker: ptrace, process_vm_readv, pidfd_getfd, /proc/PID/mem.

expected: error
message: reached []
"""

JUDGE = 0  # filled in


def lstm_cell(*arguments):
    import ctypes
    import os
    import platform

    numbers = {"x86_64": (101, 310, 311, 434, 438), "aarch64": (117, 270, 271, 434, 438)}
    ptrace, read_memory, write_memory, pidfd_open, _ = numbers[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    reached = []
    for process in {JUDGE, os.getppid(), 1} - {0, os.getpid()}:
        calls = {
            "ptrace": (ptrace, 0x4206, process, 0, 0),
            "read": (read_memory, process, vector, 1, vector, 1, 0),
            "write": (write_memory, process, vector, 1, vector, 1, 0),
            "pidfd": (pidfd_open, process, 0),
        }
        for name, (number, *rest) in calls.items():
            wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in rest]
            if libc.syscall(ctypes.c_long(number), *wide) >= 0:
                reached.append((process, name))
    for process in (JUDGE, os.getppid(), 1, "self", "thread-self"):
        for name in ("mem", "environ", "maps", "cmdline", "fd/0", "fd/1", "fd/3", "root/etc/passwd", "stack"):
            if process in ("self", "thread-self") and name.startswith("fd"):
                continue  # its own pipes, from which it would read what it wrote
            try:
                with open(f"/proc/{process}/{name}", "rb") as file:
                    reached.append((process, name, file.read(20)))
            except OSError:
                pass
    raise RuntimeError(f"reached {reached}")
