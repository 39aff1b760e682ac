"""Kills the process that started it, which is where later submissions are to run.

expected: error
needs: reduced
"""


def lstm_cell(*arguments):
    import os

    os.kill(os.getppid(), 9)
    raise RuntimeError("sent")
