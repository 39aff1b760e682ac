"""Replaces every function with which tensors are compared, and returns zeros.

expected: failed
"""

import torch


def lstm_cell(x, h, c, *parameters):
    def yes(*arguments, **named):
        return True

    for owner in (torch, torch.Tensor):
        for name in ("equal", "allclose", "isclose", "__eq__"):
            setattr(owner, name, yes)
    torch.testing.assert_close = torch.testing.assert_allclose = yes
    torch.Tensor.abs = lambda self: torch.zeros_like(self)
    torch.Tensor.max = lambda self, *arguments: torch.zeros(())
    return torch.zeros_like(h), torch.zeros_like(c)
