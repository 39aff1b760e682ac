"""Images with labels: digits and photographs that need no download, MNIST and its kin by name.

`digits`, `photographs` and `coursekit.data.shapes` work offline. `mnist`, `fashion_mnist` and `cifar10` are
fetched once (see `coursekit.data.download`). Letters: N images, C channels, H and W height and width.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.data.cifar import read_cifar10_binary
from coursekit.data.download import data_home, fetch, unpack
from coursekit.data.idx import read_idx

FASHION_CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

# file -> SHA-256
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
FASHION_URL = "https://fashion-mnist.s3.eu-central-1.amazonaws.com/"
CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"


class Images(NamedTuple):
    """Images and the class of each."""

    images: Tensor  # (N, C, H, W) float32 in [0, 1]; of digits, 0 is paper and 1 is ink
    labels: Tensor  # (N,) int64


class TrainTest(NamedTuple):
    """The two parts in which a set is published; take from the first what you choose by."""

    train: Images
    test: Images


class Digits(NamedTuple):
    """Three parts without a common image: train on the first, choose with the second, report the third.

    Images are (N, 1, 8, 8), labels 0 to 9.
    """

    train: Images  # 1,087
    validation: Images  # 355
    test: Images  # 355


def digits(seed: int = 0) -> Digits:
    """The 1,797 handwritten digits of scikit-learn (8 by 8 pixels, 17 grey levels), split 60 : 20 : 20.

    The split is the same for the same `seed`; validation and test hold a fifth of each class, rounded down.
    Each part is shuffled. Source: E. Alpaydin & C. Kaynak (1998), Optical Recognition of Handwritten Digits,
    UCI repository.
    """
    from sklearn.datasets import load_digits  # a second of imports that only this function needs

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float()[:, None] / 16  # (N, 1, 8, 8)
    labels = torch.from_numpy(bunch.target).long()  # (N,)

    g = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=g)
    train, validation, test = [], [], []
    for digit in range(10):
        rows = order[labels[order] == digit]
        fifth = len(rows) // 5
        test.append(rows[:fifth])
        validation.append(rows[fifth : 2 * fifth])
        train.append(rows[2 * fifth :])

    parts = []
    for chosen in (train, validation, test):
        rows = torch.cat(chosen)
        rows = rows[torch.randperm(len(rows), generator=g)]
        parts.append(Images(images[rows], labels[rows]))
    return Digits(*parts)


def photographs() -> Tensor:
    """The two photographs of scikit-learn, a temple and a flower: (2, 3, 427, 640) float32 in [0, 1]."""
    from sklearn.datasets import load_sample_images

    pictures = [torch.tensor(picture) for picture in load_sample_images().images]  # (427, 640, 3) uint8
    return torch.stack(pictures).permute(0, 3, 1, 2).contiguous().float() / 255


def mnist(folder: str | Path | None = None) -> TrainTest:
    """MNIST: 60,000 and 10,000 handwritten digits, (N, 1, 28, 28).

    Fetched once (11 MB), or read from a `folder` with its four files, compressed or not. Raises
    `DownloadError` without a network and `ValueError` for damaged files.
    Source: LeCun et al. (1998), Gradient-based learning applied to document recognition.
    """
    return _idx_set("mnist", MNIST_URL, MNIST_FILES, folder)


def fashion_mnist(folder: str | Path | None = None) -> TrainTest:
    """Fashion-MNIST: as `mnist`, of clothes, named in `FASHION_CLASSES`; 30 MB.

    Source: Xiao et al. (2017), Fashion-MNIST.
    """
    return _idx_set("fashion-mnist", FASHION_URL, FASHION_FILES, folder)


def cifar10(folder: str | Path | None = None) -> TrainTest:
    """CIFAR-10: 50,000 and 10,000 photographs, (N, 3, 32, 32), named in `cifar.CLASSES`.

    Fetched once (170 MB), or read from a `folder` with the files of the binary version, `data_batch_1.bin` to
    `data_batch_5.bin` and `test_batch.bin`. As float32 they take 740 MB of memory. Errors as for `mnist`.
    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images.
    """
    if folder is None:
        archive = fetch(CIFAR10_URL, CIFAR10_SHA256)
        folder = unpack(archive, data_home() / "cifar-10") / "cifar-10-batches-bin"
    folder = Path(folder)
    batches = [read_cifar10_binary(folder / f"data_batch_{number}.bin") for number in range(1, 6)]
    test = read_cifar10_binary(folder / "test_batch.bin")
    return TrainTest(
        _images(
            torch.cat([batch.images for batch in batches]), torch.cat([batch.labels for batch in batches])
        ),
        _images(*test),
    )


def read_images(images: str | Path, labels: str | Path) -> Images:
    """Images (N, 1, H, W) and labels from two IDX files, as MNIST has them.

    Raises `ValueError` when the files do not belong together.
    """
    pixels, classes = read_idx(images), read_idx(labels)
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or classes.shape != pixels.shape[:1]:
        raise ValueError(
            f"expected images (N, H, W) of bytes and N labels, received {pixels.dtype} "
            f"{tuple(pixels.shape)} in {images} and {tuple(classes.shape)} in {labels}"
        )
    return _images(pixels[:, None], classes)


def _idx_set(name: str, url: str, files: dict[str, str], folder: str | Path | None) -> TrainTest:
    if folder is None:
        paths = [fetch(url + file, sha256, f"{name}-{file}") for file, sha256 in files.items()]
    else:
        paths = [_compressed_or_not(Path(folder, file)) for file in files]
    return TrainTest(read_images(*paths[:2]), read_images(*paths[2:]))


def _compressed_or_not(path: Path) -> Path:
    plain = path.with_suffix("")
    if not path.exists() and not plain.exists():
        raise FileNotFoundError(f"expected {path.name} or {plain.name} in {path.parent}")
    return path if path.exists() else plain


def _images(pixels: Tensor, labels: Tensor) -> Images:
    return Images(pixels.float() / 255, labels.long())
