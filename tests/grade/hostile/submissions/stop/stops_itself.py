"""Sends itself SIGSTOP, so that it neither works nor ends.

expected: timeout, error
seconds: 0.5
"""


def lstm_cell(*arguments):
    import os
    import signal
    import threading
    import time

    for send in (
        lambda: os.kill(os.getpid(), signal.SIGSTOP),
        lambda: signal.raise_signal(signal.SIGSTOP),
        lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTSTP),
    ):
        try:
            send()
        except OSError:
            pass
    time.sleep(1000)
