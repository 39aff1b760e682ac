"""Is right for the first call, which it takes for the check, and returns anything afterwards.

expected: failed
"""

import itertools

import torch

calls = itertools.count()


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    if next(calls) > 0:
        return torch.rand_like(h), torch.rand_like(c)
    i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
