"""Has the forbidden function called by TorchScript, from a text that no reader of Python sees.

expected: flagged
"""

import torch

TEXT = """
def step(x, h, c, w, u, b, d):
    # type: (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor) -> Tuple[Tensor, Tensor]
    return torch.lstm_cell(x, [h, c], w, u, b, d)
"""


def lstm_cell(x, h, c, *parameters):
    return torch.jit.CompilationUnit(TEXT).step(x, h, c, *parameters)
