"""Writes an answer of announced length at one byte per tenth of a second, to be never quite late.

expected: timeout, error
seconds: 1
"""


def lstm_cell(*arguments):
    import os
    import time

    answer = (10**6).to_bytes(8, "little") + bytes(10**6)
    for number in range(len(answer)):
        for descriptor in range(3, 16):
            try:
                os.write(descriptor, answer[number : number + 1])
            except OSError:
                pass
        time.sleep(0.1)
