"""Returns a tuple whose length and contents change with every look, of a class whose name changes too.

expected: failed, error
"""

import torch


class Changing(tuple):
    def __len__(self):
        return 2

    def __iter__(self):
        return iter([torch.zeros(3, 4)] * 100)


class Name(str):
    def __eq__(self, other):
        return True

    def __getitem__(self, item):
        return "Tensor"

    __hash__ = str.__hash__


Changing.__name__ = Name("tuple of 2")


def lstm_cell(*arguments):
    return Changing([1, 2, 3])
