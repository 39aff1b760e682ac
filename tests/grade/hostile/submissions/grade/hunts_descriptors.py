"""Looks through all descriptors for one that is open and leads to a file or can be read.

expected: error
message: reached []
"""


def lstm_cell(*arguments):
    import os
    import stat

    reached = []
    for descriptor in range(4096):
        try:
            kind = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISSOCK(kind):
            reached.append((descriptor, oct(kind)))
        elif not stat.S_ISCHR(kind):
            try:
                os.set_blocking(descriptor, False)
                reached.append((descriptor, os.read(descriptor, 100)))
            except BlockingIOError:
                reached.append((descriptor, "a pipe to read from"))
            except OSError:
                pass
    raise RuntimeError(f"reached {reached}")
