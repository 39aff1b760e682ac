"""Never comes back from a single call of C code, where Python looks at no signal.

expected: timeout
seconds: 0.5
"""


def lstm_cell(*arguments):
    import itertools

    return sum(itertools.repeat(0))
