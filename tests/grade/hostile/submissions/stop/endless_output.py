"""Prints one character after the other, for ever.

expected: timeout
seconds: 0.5
"""


def lstm_cell(*arguments):
    while True:
        print("y", end="", flush=True)
