"""Asks for more and more memory, as bytes, as tensors and as anonymous maps, and writes into all of it.

expected: error
message: reached []
seconds: 30
"""

import functools
import mmap

import torch

LIMIT = 5 * 2**30  # so that it does no harm where it is not stopped
PIECE = 2**28


def lstm_cell(*arguments):
    raise RuntimeError(f"reached {fill()}")


@functools.cache
def fill():
    held = []
    for make in (
        lambda: b"x" * PIECE,
        lambda: torch.empty(PIECE, dtype=torch.uint8).fill_(1),
        lambda: mmap.mmap(-1, PIECE),
    ):
        try:
            while len(held) * PIECE < LIMIT:
                held.append(make())
                if isinstance(held[-1], mmap.mmap):
                    held[-1].write(bytes(PIECE))
        except (MemoryError, OSError, RuntimeError):
            pass
    megabytes = len(held) * PIECE >> 20
    held.clear()
    return [megabytes] if megabytes > 3000 else []
