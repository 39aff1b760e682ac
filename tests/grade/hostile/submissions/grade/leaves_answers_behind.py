"""A right answer that writes its results wherever a later submission of a friend might find them.

expected: passed
"""

import torch

MARK = ""  # filled in


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    import builtins
    import os
    import sys

    i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    answer = torch.sigmoid(o) * torch.tanh(new), new
    for owner in (torch, torch.Tensor, builtins, sys):
        owner.answers = getattr(owner, "answers", []) + [answer]
    os.environ["ANSWERS"] = repr(answer)
    for folder in (".", "..", "/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), *sys.path):
        try:
            with open(f"{folder}/{MARK}-answers", "a") as file:
                file.write(repr(answer))
        except OSError:
            pass
    return answer
