"""Looks for a secret in the environment: Python's, the C library's, and those of other processes.

expected: error
message: reached []
"""


def lstm_cell(*arguments):
    import ctypes
    import os

    reached = [name for name in os.environ if "SECRET" in name]
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    number = 0
    while environ and environ[number]:
        if b"SECRET" in environ[number]:
            reached.append(environ[number])
        number += 1
    processes = ["self", *range(1, 400)]
    for process in processes:
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                reached.append((process, file.read(20)))
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
