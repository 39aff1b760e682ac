"""Sends signals to the worker, the judge, its group, and everybody.

expected: error
message: reached []
needs: reduced
"""

JUDGE = 0  # filled in


def lstm_cell(*arguments):
    import ctypes
    import os
    import platform
    import signal

    numbers = {"x86_64": (62, 200, 234, 129, 297, 424), "aarch64": (129, 130, 131, 138, 240, 424)}
    kill, tkill, tgkill, queue, thread_queue, pidfd = numbers[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)

    def raw(*arguments):
        if libc.syscall(*(ctypes.c_long(value) for value in arguments)) < 0:
            raise OSError

    reached = []
    everybody = {JUDGE, os.getppid()} - {os.getpid(), 0}
    for process in everybody:
        for name, send in {
            "kill": lambda p: os.kill(p, signal.SIGTERM),
            "killpg": lambda p: os.killpg(p, signal.SIGTERM),
            "tkill": lambda p: raw(tkill, p, 15),
            "tgkill": lambda p: raw(tgkill, p, p, 15),
            "queue": lambda p: raw(queue, p, 15, 0),
            "thread_queue": lambda p: raw(thread_queue, p, p, 15, 0),
            "owner": lambda p: own_signals(p),
            "pidfd": lambda p: raw(pidfd, p, 15, 0, 0),
        }.items():
            try:
                send(process)
            except OSError:
                continue
            reached.append((name, process))
    for process in (0, -1):  # its group; everybody it may signal
        try:
            os.kill(process, signal.SIGTERM)
            reached.append(process)
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")


def own_signals(process):
    """Have the kernel send SIGIO to someone else when a pipe becomes readable."""
    import fcntl
    import os
    import signal

    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, process)
    fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writer, b"x")
