"""Returns an object that is no tensor, says that it is one, and equals everything.

expected: failed, error
"""

import torch


class Anything:
    __class__ = torch.Tensor

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __float__(self):
        return 0.0

    __le__ = __ge__ = __eq__
    __lt__ = __gt__ = __ne__
    __hash__ = object.__hash__

    def __getattr__(self, name):
        return Anything()

    def __call__(self, *arguments, **named):
        return Anything()


def lstm_cell(*arguments):
    return Anything(), Anything()
