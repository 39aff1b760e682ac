"""Finds the forbidden class among the subclasses of one that is allowed.

expected: flagged
"""

import torch


def lstm_cell(x, h, c, *parameters):
    todo = [torch.nn.Module]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__name__ == "LSTM" + "Cell" and kind.__module__.startswith("torch.nn"):
            cell = kind(x.shape[1], h.shape[1], dtype=x.dtype)
            names = [name for name, _ in cell.named_parameters()]
            return torch.func.functional_call(cell, dict(zip(names, parameters, strict=True)), (x, (h, c)))
    raise LookupError
