"""Hides the forbidden call in an encoded text.

expected: flagged
"""

import base64

import torch

TEXT = base64.b64encode(b"torch.lstm_cell(x, (h, c), *parameters)")


def lstm_cell(x, h, c, *parameters):
    return eval(base64.b64decode(TEXT), {"torch": torch, "x": x, "h": h, "c": c, "parameters": parameters})
