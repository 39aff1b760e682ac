"""Aborts, with a handler that does not let it end.

expected: error, timeout
seconds: 1
"""


def lstm_cell(*arguments):
    import os
    import signal

    signal.signal(signal.SIGABRT, signal.SIG_IGN)
    os.abort()
