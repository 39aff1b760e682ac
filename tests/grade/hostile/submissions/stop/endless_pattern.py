"""Matches a regular expression that takes longer than the age of the universe, while it is being defined.

expected: timeout
seconds: 0.5
"""

import re

SLOW = re.match(r"(a*)*b", "a" * 100)


def lstm_cell(*arguments):
    return SLOW
