"""Copies a structure that grows tenfold with every level.

expected: error, timeout
seconds: 1
"""


def lstm_cell(*arguments):
    import copy

    thing = ["x"]
    while True:
        thing = [copy.deepcopy(thing) for _ in range(10)]
