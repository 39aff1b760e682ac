"""Readers of real file formats on files written here, photographs, drawn shapes and cells."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.data import images as module
from coursekit.data.cifar import CLASSES, read_cifar10_binary, read_cifar10_python
from coursekit.data.idx import read_idx
from coursekit.data.images import (
    FASHION_CLASSES,
    FASHION_FILES,
    MNIST_FILES,
    cifar10,
    fashion_mnist,
    mnist,
    photographs,
    read_images,
)
from coursekit.data.shapes import SHAPE_CLASSES, cells, shapes

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_of_every_type_and_shape(tmp_path: Path, dtype: str, packed: bool) -> None:
    for shape in ((3,), (2, 4, 5), (1, 1, 1), (0, 28, 28)):
        array = (100 * np.random.default_rng(0).random(shape) - 30 * (dtype != "u1")).astype(dtype)
        content = idx_bytes(array)
        path = tmp_path / "file"
        path.write_bytes(gzip.compress(content) if packed else content)
        got = read_idx(path)
        assert got.shape == shape and torch.equal(got, torch.from_numpy(array))
        got += 1  # its own memory


def test_damaged_idx_files_are_described(tmp_path: Path) -> None:
    whole = idx_bytes(np.arange(12, dtype="u1").reshape(3, 4))
    huge = bytes([0, 0, 8, 3]) + struct.pack(">3I", *[2**31] * 3)
    for content, message in (
        (b"", "expected an IDX file; it begins with b''"),
        (b"\x89PNG....", "it begins with b'.x89PNG'"),
        (bytes([0, 0, 7, 1]), "expected an IDX file"),
        (whole[:7], "expected the lengths of 2 axes; the file ends before"),
        (whole[:-1], r"expected 12 bytes of numbers for shape \(3, 4\); got 11"),
        (whole + b"!", r"expected 12 bytes of numbers for shape \(3, 4\); got more"),
        (huge, "its header names"),
        (gzip.compress(whole)[:-4], "the gzip file is damaged"),
        (gzip.compress(whole)[:-8] + bytes(8), "the gzip file is damaged"),  # its checksum
    ):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_idx(path)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


def write_mnist(folder: Path, packed: bool = True) -> dict[str, bytes]:
    """A small set in the four files of MNIST -> the content of each."""
    rng, contents = np.random.default_rng(0), {}
    for name in MNIST_FILES:
        n = 6 if name.startswith("train") else 4
        shape = (n, 28, 28) if "images" in name else (n,)
        content = idx_bytes(rng.integers(0, 256 if "images" in name else 10, shape, dtype=np.uint8))
        contents[name] = gzip.compress(content)
        (folder / (name if packed else name.removesuffix(".gz"))).write_bytes(
            contents[name] if packed else content
        )
    return contents


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_mnist(tmp_path: Path, packed: bool) -> None:
    write_mnist(tmp_path, packed)
    for read in (mnist, fashion_mnist):
        train, test = read(tmp_path)
        assert train.images.shape == (6, 1, 28, 28) and test.images.shape == (4, 1, 28, 28)
        assert train.images.dtype == torch.float32 and train.labels.dtype == torch.int64
        assert 0 <= train.images.min() and 0.95 < train.images.max() <= 1
    raw = read_idx(next(tmp_path.glob("train-images*")))
    assert torch.equal((train.images[:, 0] * 255).round().to(torch.uint8), raw)
    with pytest.raises(ValueError, match="expected images .N, H, W. of bytes and N labels"):
        read_images(next(tmp_path.glob("train-images*")), next(tmp_path.glob("t10k-labels*")))
    with pytest.raises(
        FileNotFoundError, match="expected train-images-idx3-ubyte.gz or train-images-idx3-ubyte in"
    ):
        mnist(tmp_path / "elsewhere")
    assert len(FASHION_CLASSES) == len(CLASSES) == 10


def test_mnist_is_fetched_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "home"))
    server = tmp_path / "server"
    server.mkdir()
    contents = write_mnist(server)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    for kind in ("MNIST", "FASHION"):
        monkeypatch.setattr(module, f"{kind}_FILES", hashes)
        monkeypatch.setattr(module, f"{kind}_URL", server.as_uri() + "/")
    assert mnist().train.images.shape == fashion_mnist().train.images.shape == (6, 1, 28, 28)
    assert (tmp_path / "home" / "mnist-t10k-labels-idx1-ubyte.gz").exists()
    assert (tmp_path / "home" / "fashion-mnist-t10k-labels-idx1-ubyte.gz").exists()
    for files in (MNIST_FILES, FASHION_FILES):
        assert all(len(sha256) == 64 for sha256 in files.values()) and len(files) == 4


def cifar_rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 3072), dtype=np.uint8), rng.integers(0, 10, n, dtype=np.uint8)


def binary_batch(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    return np.concatenate([labels[:, None], pixels], axis=1).tobytes()


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_both_versions_of_cifar_say_the_same(tmp_path: Path, protocol: int) -> None:
    pixels, labels = cifar_rows(5)
    binary, pickled = tmp_path / "data.bin", tmp_path / "data"
    binary.write_bytes(binary_batch(pixels, labels))
    found = {
        b"batch_label": b"testing",
        b"labels": labels.tolist(),
        b"data": pixels,
        b"filenames": [b"a"] * 5,
    }
    pickled.write_bytes(pickle.dumps(found, protocol))
    one, other = read_cifar10_binary(binary), read_cifar10_python(pickled)
    assert torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)
    assert one.images.shape == (5, 3, 32, 32) and one.images.dtype == torch.uint8
    assert one.images[2, 1, 3, 4] == pixels[2, 1024 + 3 * 32 + 4]  # green, row 3, column 4


def python2_pickle(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    """As Python 2, which made the published files, wrote a batch: its strings are what bytes are now."""
    n = len(pixels)
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = b"T" + struct.pack("<I", pixels.size) + pixels.tobytes()
    data = array + b"(K\x01K" + bytes([n]) + b"M\x00\x0c\x86" + dtype + b"\x89" + content + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + data + b"U\x06labels" + numbers + b"u."


def test_a_batch_as_it_was_published(tmp_path: Path) -> None:
    pixels, labels = cifar_rows(5)
    path = tmp_path / "data_batch_1"
    path.write_bytes(python2_pickle(pixels, labels))
    batch = read_cifar10_python(path)
    assert (
        np.array_equal(batch.images.flatten(1).numpy(), pixels) and batch.labels.tolist() == labels.tolist()
    )


class Malice:
    """Runs a command when an unsuspecting reader unpickles it."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call[0], tuple(self.call[1:])


def test_a_pickle_gets_nothing_done(tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "data"
    for call in (
        (exec, f"open({str(trace)!r}, 'w')"),
        (eval, "1"),
        (np.load, str(trace)),
        (np.dtype, "O"),
        (open, str(trace), "w"),
    ):
        path.write_bytes(pickle.dumps({b"data": Malice(*call), b"labels": [1]}))
        with pytest.raises(ValueError, match=r"expected a pickled batch of CIFAR-10 \(it asks for"):
            read_cifar10_python(path)
    assert not trace.exists()
    pixels, labels = cifar_rows(2)
    for found, message in (
        ({b"labels": [1]}, "expected a pickled batch"),
        ({b"data": pixels[:, :5], b"labels": [1, 2]}, r"got \(2, 5\) and \(2,\)"),
        ({b"data": pixels, b"labels": [1]}, r"got \(2, 3072\) and \(1,\)"),
        (
            {b"data": pixels.astype(float), b"labels": [1, 2]},
            "expected bytes for pixels and integers for labels",
        ),
        ({b"data": pixels, b"labels": [1, 10]}, r"expected labels from 0 to 9; got \[1, 10\]"),
        ([1, 2], "expected a pickled batch"),
    ):
        path.write_bytes(pickle.dumps(found))
        with pytest.raises(ValueError, match=message):
            read_cifar10_python(path)
    path.write_bytes(pickle.dumps({b"data": pixels, b"labels": labels})[:-20])
    with pytest.raises(ValueError, match="expected a pickled batch"):
        read_cifar10_python(path)


def test_damaged_binary_batches_are_described(tmp_path: Path) -> None:
    pixels, labels = cifar_rows(2)
    path = tmp_path / "data.bin"
    for content, message in (
        (b"", "expected records of 3,073 bytes; got 0 bytes in all"),
        (binary_batch(pixels, labels)[:-1], "got 6,145 bytes in all"),
        (binary_batch(pixels, np.array([3, 200], dtype=np.uint8)), r"labels from 0 to 9; got \[3, 200\]"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_cifar10_binary(path)


def test_cifar_is_fetched_and_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "home"))
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    archive = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for seed, name in enumerate(names):
            content = binary_batch(*cifar_rows(3, seed))
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(module, "CIFAR10_URL", archive.as_uri())
    monkeypatch.setattr(module, "CIFAR10_SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    train, test = cifar10()
    assert train.images.shape == (15, 3, 32, 32) and test.images.shape == (3, 3, 32, 32)
    assert torch.equal((test.images.flatten(1) * 255).round(), torch.from_numpy(cifar_rows(3, 5)[0]).float())
    assert train.labels[3:6].tolist() == cifar_rows(3, 1)[1].tolist()


def test_photographs_are_scikit_learns() -> None:
    from sklearn.datasets import load_sample_images

    pictures = photographs()
    assert pictures.shape == (2, 3, 427, 640) and pictures.dtype == torch.float32
    assert pictures.is_contiguous() and 0 <= pictures.min() and pictures.max() <= 1
    for ours, theirs in zip(pictures, load_sample_images().images, strict=True):
        assert np.array_equal((ours.permute(1, 2, 0) * 255).round().byte().numpy(), theirs)


@pytest.mark.topic("CNN-27", "CNN-36")
def test_shapes_are_what_their_masks_say() -> None:
    scenes = shapes(24, size=128, seed=0, most=1, noise=0.0)
    assert scenes.images.shape == (24, 3, 128, 128) and scenes.masks.shape == (24, 128, 128)
    assert scenes.images.dtype == torch.float32 and scenes.masks.dtype == torch.int64
    assert 0 <= scenes.images.min() and scenes.images.max() <= 1
    kinds = [int(mask.max()) for mask in scenes.masks]
    assert set(kinds) == {1, 2, 3} and all(
        set(mask.unique().tolist()) <= {0, kind} for mask, kind in zip(scenes.masks, kinds, strict=True)
    )
    for image, mask, kind in zip(*scenes, kinds, strict=True):
        inside = mask > 0
        y, x = inside.nonzero().double().T
        spread = torch.cov(torch.stack([y, x]), correction=0)
        # The second moments of a disc are area / 4 pi, of a square area / 12, of a triangle area / 6 sqrt 3.
        expected = {1: 1 / (4 * torch.pi), 2: 1 / 12, 3: 1 / (6 * 3**0.5)}[kind]
        assert (spread.diag() / inside.sum()).mean() == pytest.approx(expected, rel=0.02)
        edges = (inside[:, 1:] != inside[:, :-1])[None].expand(3, -1, -1)
        steps = (image[:, :, 1:] - image[:, :, :-1]).abs()
        assert steps[edges].mean() > 5 * steps[~edges].mean()  # the outline shows


@pytest.mark.topic("CNN-36", "CNN-41")
def test_shapes_are_rare_mixed_and_repeatable() -> None:
    one, again, other = shapes(200, size=32), shapes(200, size=32), shapes(200, size=32, seed=1)
    assert torch.equal(one.images, again.images) and torch.equal(one.masks, again.masks)
    assert not torch.equal(one.masks, other.masks)
    shares = torch.bincount(one.masks.flatten(), minlength=len(SHAPE_CLASSES)) / one.masks.numel()
    assert 0.75 < shares[0] < 0.9 and (shares[1:] > 0.02).all()
    several = [len(mask.unique()) for mask in one.masks]
    assert max(several) == 4 and min(several) == 2
    # Colour tells nothing: the mean colour is alike for every class.
    means = torch.stack([one.images.movedim(1, -1)[one.masks == kind].mean(0) for kind in (1, 2, 3)])
    assert means.std(0).max() < 0.06
    for wrong in ({"n": 0}, {"n": 1, "size": 8}, {"n": 1, "most": 0}):
        with pytest.raises(ValueError, match="expected n >= 1, size >= 16 and most >= 1"):
            shapes(**wrong)


@pytest.mark.topic("APP-04")
def test_cells_touch_but_never_share_a_border() -> None:
    found = cells(40, size=48, seed=0)
    assert found.images.shape == (40, 1, 48, 48) and found.masks.shape == found.instances.shape == (
        40,
        48,
        48,
    )
    assert torch.equal(found.masks, (found.instances > 0).long())
    assert torch.equal(cells(40, size=48, seed=0).images, found.images)
    close = 0
    for instances in found.instances:
        numbers = instances.unique().tolist()
        assert numbers == list(range(len(numbers))) and 3 <= len(numbers) <= 9
        for dy in (-2, -1, 0, 1, 2):
            for dx in (-2, -1, 0, 1, 2):
                moved = instances.roll((dy, dx), (0, 1))
                meets = ((moved != instances) & (moved > 0) & (instances > 0))[2:-2, 2:-2].any()
                if max(abs(dy), abs(dx)) == 1:
                    assert not meets
                close += bool(meets)
    assert close > 40  # two pixels apart: the gap is thin
    bright, dark = (found.images[:, 0][found.masks == value].mean() for value in (1, 0))
    assert bright > dark + 0.2
    for wrong in ({"n": 0}, {"n": 1, "size": 16}, {"n": 1, "most": 1}):
        with pytest.raises(ValueError, match="expected n >= 1, size >= 32 and most >= 2"):
            cells(**wrong)
