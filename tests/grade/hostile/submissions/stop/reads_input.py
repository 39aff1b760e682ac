"""Waits for someone to type.

expected: error
message: EOFError
"""


def lstm_cell(*arguments):
    return input("How many points? ")
