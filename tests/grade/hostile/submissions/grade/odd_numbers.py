"""Returns NaN, infinities, and every kind of tensor whose values cannot simply be compared.

expected: failed, error
"""

import itertools

import torch

ODD = (
    lambda t: t * float("nan"),
    lambda t: t + float("inf"),
    lambda t: torch.zeros(1, dtype=t.dtype).expand(10**9),
    lambda t: torch.empty(0, 2**31, 2**20, dtype=t.dtype),
    lambda t: t.to_sparse(),
    lambda t: t.to("meta"),
    lambda t: t.to(torch.complex128),
    lambda t: torch.zeros_like(t).view(torch.int8),
    lambda t: torch.zeros(t.shape, dtype=torch.bfloat16),
    lambda t: torch.nested.nested_tensor([t]),
    lambda t: torch.quantize_per_tensor(t.float(), 0.1, 0, torch.qint8),
    lambda t: torch.empty_strided((2**20, 2**10), (0, 0), dtype=t.dtype),
)
calls = itertools.count()


def lstm_cell(x, h, c, *parameters):
    odd = ODD[next(calls) % len(ODD)]
    return odd(h.detach()), odd(c.detach())
