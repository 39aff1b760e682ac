"""Ignores every signal that can be ignored, raises its timers, and loops.

expected: timeout
seconds: 0.5
"""


def lstm_cell(*arguments):
    import signal

    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        pass
