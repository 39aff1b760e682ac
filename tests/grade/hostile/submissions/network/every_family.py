"""Makes a socket of every family and type there is: packets, netlink, virtual machines, pairs.

expected: error
message: reached []
needs: reduced
"""


def lstm_cell(*arguments):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    pair = (ctypes.c_int * 2)()
    reached = []
    for family in range(46):
        for kind in (1, 2, 3, 5, 10, 1 | 0o2000000):
            if libc.socket(family, kind, 0) >= 0:
                reached.append((family, kind))
            if libc.socketpair(family, kind, 0, pair) >= 0:
                reached.append((family, kind, "pair"))
    raise RuntimeError(f"reached {reached}")
