"""Takes a little time in every call, each below the limit.

expected: timeout
seconds: 1
"""


def lstm_cell(x, h, c, *parameters):
    import time

    time.sleep(0.2)
    return 0 * h, 0 * c
