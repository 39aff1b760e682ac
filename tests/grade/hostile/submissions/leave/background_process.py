"""Leaves a process behind that belongs to nobody: forked twice, in a session of its own, ignoring signals.

expected: error
message: reached []
needs: reduced
"""


def lstm_cell(*arguments):
    import os
    import signal
    import time

    reached = []
    for _ in range(3):
        try:
            child = os.fork()
        except OSError:
            continue
        if child == 0:
            for number in signal.valid_signals():
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            os.setsid()
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
        reached.append(child)
    try:
        os.setsid()
        reached.append("a session")
    except OSError:
        pass
    raise RuntimeError(f"reached {reached}")
