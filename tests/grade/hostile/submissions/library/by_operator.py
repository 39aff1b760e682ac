"""Calls the operator below the forbidden function, by its schema.

expected: flagged
"""

import torch


def lstm_cell(x, h, c, *parameters):
    operator = torch._C._jit_get_operation("aten::lstm_cell")[0]
    return operator(x, [h, c], *parameters)
