"""Returns structures without end: a list in itself, a million tensors, an error of 100 MB.

expected: error, failed
"""

import itertools

calls = itertools.count()


def lstm_cell(x, h, c, *parameters):
    kind = next(calls) % 3
    if kind == 0:
        endless = []
        endless.append(endless)
        return endless
    if kind == 1:
        return [h] * 10**6
    raise ValueError("x" * 10**8)
