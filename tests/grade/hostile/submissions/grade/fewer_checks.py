"""Makes the grader's own loop, found on the stack, stop after the one call that this function gets right.

expected: error
"""

import torch


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    import sys

    frame = sys._getframe()
    while frame is not None:
        for name in ("perform", "attempt"):
            if name in frame.f_globals:
                frame.f_globals[name] = stop
        frame = frame.f_back
    i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def stop(*arguments):
    raise StopIteration
