"""Starts processes in every way there is, each of which would start more.

expected: error
message: reached []
needs: reduced
"""


def lstm_cell(*arguments):
    import ctypes
    import multiprocessing
    import os
    import platform
    import pty
    import subprocess
    import sys
    import time

    libc = ctypes.CDLL(None, use_errno=True)
    clone, clone3, vfork = {"x86_64": (56, 435, 58), "aarch64": (220, 435, 0)}[platform.machine()]

    def raw(number, *rest):
        process = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in rest))
        if process == 0:
            os._exit(0)
        if process < 0:
            raise OSError

    def forked(fork):
        child = fork()
        if child in (0, (0, -1)):
            time.sleep(100)
            os._exit(0)

    parts = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
    ways = {
        "fork": lambda: forked(os.fork),
        "pty": lambda: forked(lambda: pty.fork()[0]),
        "posix_spawn": lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], {}),
        "subprocess": lambda: subprocess.Popen(["/bin/sleep", "100"]),
        "system": lambda: os.system("sleep 100 &") and forked(os.fork),
        "popen": lambda: os.popen("sleep 100").close(),
        "fork server": lambda: multiprocessing.get_context("forkserver").Process(target=time.sleep).start(),
        "multiprocessing": lambda: multiprocessing.get_context("fork").Process(target=time.sleep).start(),
        "clone": lambda: raw(clone, 17, 0, 0, 0, 0),
        "clone of memory": lambda: raw(clone, 0x100 | 17, 0, 0, 0, 0),
        "clone in a namespace": lambda: raw(clone, 0x10000000 | 17, 0, 0, 0, 0),
        "clone3": lambda: raw(clone3, ctypes.addressof(parts), ctypes.sizeof(parts)),
        "vfork": lambda: raw(vfork) if vfork else forked(os.fork),
        "exec": lambda: os.execv(sys.executable, [sys.executable, "-c", "pass"]),
    }
    reached = []
    for name, way in ways.items():
        try:
            way()
        except (OSError, RuntimeError, EOFError):
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
