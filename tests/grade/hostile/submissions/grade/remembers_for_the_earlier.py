"""A right answer that holds two secrets in its memory, for the next submission to look for.

expected: passed
"""

import torch

TEXT = ""  # filled in
NUMBERS = [TEXT.encode() * n for n in range(1, 50)]


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    assert NUMBERS
    return torch.sigmoid(o) * torch.tanh(c), c
