"""Prints 200 MB to both streams, through Python and below it.

expected: failed
"""


def lstm_cell(x, h, c, *parameters):
    import os

    if x.dtype.itemsize == 8 and x.shape[0] == 3:
        for _ in range(50):
            for descriptor in (1, 2):
                os.write(descriptor, b"y" * 2**20)
        print("x" * 10**7)
    return 0 * h, 0 * c
