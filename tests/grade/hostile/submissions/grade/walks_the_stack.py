"""Looks for the right answer in the variables of everything that called it, and in all that Python keeps.

expected: error
message: reached []
"""

import itertools

import torch

calls = itertools.count()


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    import gc
    import sys

    if next(calls):
        raise RuntimeError("once is enough")

    def tensors(thing, depth):
        if isinstance(thing, torch.Tensor):
            yield thing
        elif depth and isinstance(thing, (list, tuple, set, frozenset)):
            for item in thing:
                yield from tensors(item, depth - 1)
        elif depth and isinstance(thing, dict):
            for item in list(thing.values()):
                yield from tensors(item, depth - 1)

    frame, found = sys._getframe().f_back, list(tensors(gc.get_objects(), 1))
    while frame is not None:
        found += tensors([frame.f_locals, frame.f_globals], 8)
        frame = frame.f_back
    i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    right = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    reached = [t.shape for t in found if t.shape == right.shape and (t - right).abs().max() < 1e-3]
    assert len(found) > 50, "it has seen the questions, at least"
    raise RuntimeError(f"reached {reached}")
