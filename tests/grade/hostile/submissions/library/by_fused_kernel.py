"""Uses the whole-sequence kernel of the library for one step.

expected: flagged
"""

import torch

KERNEL = "".join(reversed("mtsl"))


def lstm_cell(x, h, c, *parameters):
    kernel = getattr(torch, KERNEL)
    out, h, c = kernel(x[:, None], (h[None], c[None]), list(parameters), True, 1, 0.0, False, False, True)
    return out[:, 0], c[0]
