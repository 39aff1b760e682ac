"""The files of CIFAR-10: 32 by 32 pixels in colour, ten classes.

The binary version is a row of records, one byte for the class and 3,072 for the pixels: red, green, blue,
each row by row. The Python version holds the same in a pickle. Unpickling runs what a file says, so the
reader here lets it say nothing: of all Python it may name the four functions that build an array.
"""

import io
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PIXELS = 3 * 32 * 32
RECORD = 1 + PIXELS


class Batch(NamedTuple):
    """The content of one file."""

    images: Tensor  # (N, 3, 32, 32) uint8
    labels: Tensor  # (N,) int64, 0 to 9


def read_cifar10_binary(path: str | Path) -> Batch:
    """A file of `cifar-10-binary.tar.gz`, such as `data_batch_1.bin`.

    Raises `ValueError` for other content.
    """
    content = Path(path).read_bytes()
    if not content or len(content) % RECORD:
        raise ValueError(f"{path}: expected records of {RECORD:,} bytes; got {len(content):,} bytes in all")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return _checked(path, records[:, 1:], records[:, 0])


def read_cifar10_python(path: str | Path) -> Batch:
    """A file of `cifar-10-python.tar.gz`, such as `data_batch_1`, read without running what it says.

    Raises `ValueError` for other content, whatever it would have done.
    """
    try:
        found = _ArrayUnpickler(io.BytesIO(Path(path).read_bytes()), encoding="bytes").load()
        pixels, labels = found[b"data"], np.asarray(found[b"labels"])
    except OSError:
        raise
    except Exception as error:  # a pickle can fail in any way
        raise ValueError(f"{path}: expected a pickled batch of CIFAR-10 ({error})") from None
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or labels.dtype.kind not in "iu":
        raise ValueError(f"{path}: expected bytes for pixels and integers for labels")
    if pixels.ndim != 2 or pixels.shape[1] != PIXELS or labels.shape != (len(pixels),):
        raise ValueError(
            f"{path}: expected pixels (N, {PIXELS}) and N labels; got {pixels.shape} and {labels.shape}"
        )
    return _checked(path, pixels, labels)


def _checked(path: str | Path, pixels: Any, labels: Any) -> Batch:
    batch = Batch(
        torch.from_numpy(np.array(pixels)).view(-1, 3, 32, 32), torch.from_numpy(labels.astype(np.int64))
    )
    if len(batch.labels) == 0 or batch.labels.min() < 0 or batch.labels.max() >= len(CLASSES):
        raise ValueError(f"{path}: expected labels from 0 to 9; got {sorted(set(labels.tolist()))[:12]}")
    return batch


class _ArrayUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists, strings, numbers and arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # how newer versions write bytes
            return _encode
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray"):
            if name == "ndarray":
                return np.ndarray
            if name == "dtype":
                return _plain_dtype
            if name == "_reconstruct":
                return np.empty(0).__reduce__()[0]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


def _plain_dtype(name: Any, *options: Any) -> Any:
    """A type of numbers; one of objects could smuggle anything into an array."""
    dtype = np.dtype(name, *options)
    if dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"it asks for arrays of {dtype}")
    return dtype
