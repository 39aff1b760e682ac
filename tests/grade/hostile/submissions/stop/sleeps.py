"""Sleeps, holding the grader up without using any processor time.

expected: timeout
seconds: 0.5
"""


def lstm_cell(*arguments):
    import time

    time.sleep(10_000)
