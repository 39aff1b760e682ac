"""Returns tensors of a class that answers every comparison with "equal".

expected: failed
"""

import torch


class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in ("equal", "allclose", "isclose", "eq", "__eq__", "is_same_size"):
            return True
        return super().__torch_function__(function, types, args, kwargs or {})


def lstm_cell(x, h, c, *parameters):
    return torch.zeros_like(h).as_subclass(Liar), torch.zeros_like(c).as_subclass(Liar)
