"""Keeps things in the kernel under no name: keys, unnamed files, timers, watches, locks on everybody's files.

expected: error
message: reached []
needs: reduced
"""


def lstm_cell(*arguments):
    import ctypes
    import fcntl
    import os
    import platform

    import torch

    libc = ctypes.CDLL(None, use_errno=True)
    add_key, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]

    def key(ring):
        description = ctypes.c_char_p(b"left")
        if (
            libc.syscall(ctypes.c_long(add_key), ctypes.c_char_p(b"user"), description, description, 4, ring)
            < 0
        ):
            raise OSError

    def session():
        if libc.syscall(ctypes.c_long(keyctl), 1, ctypes.c_char_p(b"left")) < 0:
            raise OSError

    def lease():
        fcntl.fcntl(os.open(torch.__file__, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)

    def watch():
        fcntl.fcntl(os.open(os.path.dirname(torch.__file__), os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_CREATE)

    ways = {
        "session key": lambda: key(-3),
        "user key": lambda: key(-4),
        "session": session,
        "memfd": lambda: os.memfd_create("left"),
        "lease": lease,
        "watch": watch,
    }
    reached = []
    for name, way in ways.items():
        try:
            way()
        except OSError:
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
