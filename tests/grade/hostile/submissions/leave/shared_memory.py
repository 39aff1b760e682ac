"""Leaves shared memory, semaphores and message queues, of both kinds that Unix has.

expected: error
message: reached []
needs: reduced
"""

MARK = ""  # filled in
KEY = 0  # filled in


def lstm_cell(*arguments):
    import ctypes
    import errno
    import multiprocessing
    from multiprocessing import shared_memory

    import torch

    libc = ctypes.CDLL(None, use_errno=True)

    def refused(result):
        if result is None or result < 0:
            raise OSError(ctypes.get_errno() or errno.EPERM, "refused")

    libc.sem_open.restype = ctypes.c_void_p
    ways = {
        "shm": lambda: shared_memory.SharedMemory(f"{MARK}-shm", create=True, size=10),
        "lock": lambda: multiprocessing.Lock(),
        "semaphore": lambda: refused(libc.sem_open(f"/{MARK}-sem".encode(), 0o100, 0o600, 1) or -1),
        "queue": lambda: refused(libc.mq_open(f"/{MARK}-mq".encode(), 0o101, 0o600, None)),
        "shmget": lambda: refused(libc.shmget(KEY, 4096, 0o1600)),
        "semget": lambda: refused(libc.semget(KEY, 1, 0o1600)),
        "msgget": lambda: refused(libc.msgget(KEY, 0o1600)),
        "tensor": lambda: torch.ones(3).share_memory_(),
    }
    reached = []
    for name, way in ways.items():
        try:
            way()
        except (OSError, RuntimeError):
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
