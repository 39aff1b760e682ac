"""Closes all its descriptors and waits, so that nobody hears of it again.

expected: error, timeout
seconds: 1
"""


def lstm_cell(*arguments):
    import os
    import time

    os.closerange(0, 4096)
    time.sleep(1000)
