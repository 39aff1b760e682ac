"""Locks what the submission before it has locked: nobody may hold it any more.

expected: error
message: reached []
"""


def lstm_cell(*arguments):
    import fcntl
    import os

    import torch

    reached = []
    for path in (torch.__file__, os.__file__):
        try:
            fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reached.append(path)
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
