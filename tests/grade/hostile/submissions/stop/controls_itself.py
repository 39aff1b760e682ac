"""Undoes by prctl what was done to it: the signal at its parent's death, its filter, its privileges.

expected: error
message: reached []
needs: reduced
"""


def lstm_cell(*arguments):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    options = {
        "death signal": (1, 0),
        "dumpable": (4, 1),
        "keep capabilities": (8, 1),
        "timing": (14, 0),
        "filter": (22, 0),
        "capability set": (24, 0),
        "timer slack": (29, 1),
        "reaper": (36, 1),
        "privileges": (38, 0),
        "ambient": (47, 2, 21),
        "speculation": (53, 0, 0),
        "core scheduling": (62, 0),
        "tracer": (0x59616D61, -1),
        "mappings": (35, 8, 0),
    }
    reached = []
    for name, (option, *values) in options.items():
        padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
        if libc.prctl(ctypes.c_int(option), *padded) >= 0:
            reached.append(name)
    raise RuntimeError(f"reached {reached}")
