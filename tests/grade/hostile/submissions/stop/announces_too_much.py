"""Announces an answer of four exabytes, and sends a little of it.

expected: error
"""


def lstm_cell(*arguments):
    import os

    for descriptor in range(3, 16):
        try:
            os.write(descriptor, (2**62).to_bytes(8, "little") + bytes(1000))
        except OSError:
            pass
    os._exit(0)
