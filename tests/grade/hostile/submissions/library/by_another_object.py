"""Takes the forbidden function from an object that a reader of the code does not take for torch.

expected: flagged
"""

import sys


def lstm_cell(x, h, c, *parameters):
    library = sys.modules[type(x).__mro__[-2].__module__.partition(".")[0]]
    return vars(library)["_VF"].__dict__["vf"].lstm_cell(x, (h, c), *parameters)
