"""Reads what the other students handed in, by six ways of opening a file.

expected: error
message: reached []
"""

OTHERS = ""  # filled in


def lstm_cell(*arguments):
    import ctypes
    import linecache
    import mmap
    import os

    import numpy
    import torch

    victim = f"{OTHERS}/000-honest.py"

    def by_c():
        descriptor = ctypes.CDLL(None).open(victim.encode(), 0)
        if descriptor < 0:
            raise OSError
        return os.read(descriptor, 10)

    def by_folder():
        folder = os.open(OTHERS, os.O_RDONLY | os.O_DIRECTORY)
        return os.open("000-honest.py", os.O_RDONLY, dir_fd=folder)

    def by_path():
        folder = os.open(OTHERS, os.O_PATH)
        return open(os.open("000-honest.py", os.O_RDONLY, dir_fd=folder)).read()

    def by_lines():
        if not linecache.getlines(victim):
            raise OSError

    ways = {
        "open": lambda: open(victim).read(),
        "listdir": lambda: os.listdir(OTHERS),
        "walk": lambda: next(os.walk(OTHERS, onerror=None)),
        "C": by_c,
        "folder": by_folder,
        "path": by_path,
        "lines": by_lines,
        "numpy": lambda: numpy.memmap(victim, mode="r"),
        "torch": lambda: torch.from_file(victim, size=10, dtype=torch.uint8),
        "mmap": lambda: mmap.mmap(os.open(victim, os.O_RDONLY), 0, prot=mmap.PROT_READ),
    }
    reached = []
    for name, way in ways.items():
        try:
            way()
        except (OSError, RuntimeError, StopIteration):
            continue
        reached.append(name)
    raise RuntimeError(f"reached {reached}")
