"""Starts as many threads as it can, none of which ends.

expected: error, timeout
seconds: 2
needs: reduced
"""


def lstm_cell(*arguments):
    import threading
    import time

    threading.stack_size(64 * 1024)
    for _ in range(20_000):
        threading.Thread(target=time.sleep, args=(1000,), daemon=False).start()
    time.sleep(1000)
