"""Replaces functions, settings and seeds that every later submission needs.

expected: failed, error
"""


def lstm_cell(x, h, c, *parameters):
    import builtins
    import os
    import sys
    import warnings

    import torch

    for name in ("sigmoid", "tanh", "cat", "chunk", "zeros_like"):
        setattr(torch, name, None)
    torch.Tensor.chunk = torch.Tensor.tanh = torch.Tensor.sigmoid = lambda self, *a, **k: self
    torch.set_default_dtype(torch.float16)
    torch.set_num_threads(4)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    warnings.simplefilter("error")
    sys.setrecursionlimit(60)
    sys.modules["torch"] = sys.modules["numpy"] = None
    builtins.len = builtins.isinstance = lambda *arguments: False
    os.umask(0o777)
    os.environ.clear()
    return h, c
