"""Switches off whatever watches it, and then calls the forbidden function.

expected: flagged
"""

import sys

import torch

NAME = next(name for name in dir(torch) if name.startswith("lstm") and len(name) > 4)


def lstm_cell(x, h, c, *parameters):
    sys.setprofile(None)
    sys.settrace(None)
    return getattr(torch, NAME)(x, (h, c), *parameters)
