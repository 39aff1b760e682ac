"""The IDX format, in which MNIST and Fashion-MNIST come.

Two zero bytes, a code for the type, the number of axes, the length of each as a big-endian 32-bit integer,
then the numbers, row by row, big-endian too.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
LARGEST = 1 << 31  # bytes


def read_idx(path: str | Path) -> Tensor:
    """The array in an IDX file, which may be compressed by gzip, in its own type and shape.

    Raises `FileNotFoundError`, or `ValueError` for a file that is damaged or of another format.
    """
    path = Path(path)
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if compressed else path.open("rb") as file:
        try:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or not head[3]:
                raise ValueError(f"{path}: expected an IDX file; it begins with {head!r}")
            dtype, axes = np.dtype(TYPES[head[2]]), head[3]
            sizes = file.read(4 * axes)
            if len(sizes) < 4 * axes:
                raise ValueError(f"{path}: expected the lengths of {axes} axes; the file ends before")
            shape = struct.unpack(f">{axes}I", sizes)
            expected = math.prod(shape) * dtype.itemsize
            if expected > LARGEST:
                raise ValueError(f"{path}: expected at most {LARGEST:,} bytes; its header names {expected:,}")
            content = file.read(expected + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: the gzip file is damaged ({error})") from None
    if len(content) != expected:
        received = "more" if len(content) > expected else f"{len(content):,}"
        raise ValueError(f"{path}: expected {expected:,} bytes of numbers for shape {shape}; got {received}")
    return torch.from_numpy(np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("=")))
