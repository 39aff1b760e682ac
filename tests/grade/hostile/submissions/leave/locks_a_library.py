"""Locks torch's own files for itself, which later submissions may want to lock too, and never lets go.

expected: timeout
seconds: 0.5
"""


def lstm_cell(*arguments):
    import contextlib
    import fcntl
    import os
    import time

    import torch

    for path in (torch.__file__, os.__file__):
        with contextlib.suppress(OSError):
            fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    time.sleep(1000)
