"""Writes until the disk is full: one long file, many small ones, memory that looks like a file.

expected: error
message: reached []
needs: full
"""


def lstm_cell(*arguments):
    import os

    reached = []

    def long_file(descriptor):
        written, piece = 0, bytes(2**20)
        try:
            while written < 2**28:
                written += os.write(descriptor, piece)
        except OSError:
            pass
        return written

    total = 0
    for number in range(40):
        try:
            total += long_file(os.open(f"long-{number}", os.O_WRONLY | os.O_CREAT))
        except OSError:
            break
    if total > 20 * 2**20:
        reached.append(f"{total >> 20} MB of files")
    count = 0
    try:
        for count in range(20_000):
            os.mkdir(f"small-{count}")
    except OSError:
        pass
    if count > 5000:
        reached.append(f"{count} folders")
    for name, make in (
        ("memfd", lambda: os.memfd_create("a")),
        ("tmpfile", lambda: os.open("/tmp", os.O_TMPFILE | os.O_WRONLY)),
        ("shm", lambda: os.open("/dev/shm/filled", os.O_WRONLY | os.O_CREAT)),
    ):
        try:
            reached.append(f"{name} {long_file(make())}")
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
