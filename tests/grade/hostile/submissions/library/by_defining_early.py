"""Binds the forbidden function while the file is read, before any call is watched, as the answer itself.

expected: flagged
"""

import torch

HIDDEN = vars(torch)[next(name for name in dir(torch) if name.startswith("lstm") and len(name) > 4)]


class Answer:
    def __call__(self, x, h, c, *parameters):
        return HIDDEN(x, (h, c), *parameters)


lstm_cell = Answer()
