"""Spells the forbidden function from two halves.

expected: flagged
"""

import torch

NAME = "lstm_" + "cell"


def lstm_cell(x, h, c, *parameters):
    return getattr(torch, NAME)(x, (h, c), *parameters)
