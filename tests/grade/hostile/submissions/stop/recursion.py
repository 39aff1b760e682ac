"""Calls itself without end, with the limit on recursion lifted, until the stack is gone.

expected: error
"""


def lstm_cell(*arguments):
    import sys

    sys.setrecursionlimit(2**31 - 1)

    class Deep:
        def __getattr__(self, name):
            return getattr(self, name + "x")

    for way in (lambda: lstm_cell(*arguments), lambda: Deep().x):
        return repr(way())
