"""Ends the process with status 0 as soon as it is called.

expected: error
"""


def lstm_cell(*arguments):
    import os

    os._exit(0)
