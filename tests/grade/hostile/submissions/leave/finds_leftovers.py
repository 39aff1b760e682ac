"""Lists the folder it works in: an earlier submission has left files there.

expected: error
message: reached []
needs: full
"""


def lstm_cell(*arguments):
    import os

    raise RuntimeError(f"reached {os.listdir('.')}")
