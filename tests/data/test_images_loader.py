"""Digits and minibatches."""

import pytest
import torch

from coursekit.data.images import digits
from coursekit.data.loader import Batches


def test_digits_are_scikit_learns_and_no_image_is_in_two_parts():
    from sklearn.datasets import load_digits

    parts = digits()
    assert [len(part.images) for part in parts] == [len(part.labels) for part in parts] == [1087, 355, 355]
    ours = torch.cat([part.images for part in parts]).flatten(1) * 16
    theirs = torch.from_numpy(load_digits().data).float()
    assert sorted(ours.tolist()) == sorted(theirs.tolist())  # the same 1,797 images, each once
    for part in parts:
        assert part.images.shape[1:] == (1, 8, 8) and part.images.dtype == torch.float32
        assert part.images.min() == 0 and part.images.max() == 1
        assert part.labels.dtype == torch.int64


def test_images_keep_their_labels():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    known = {tuple(row): label for row, label in zip(bunch.data.tolist(), bunch.target.tolist(), strict=True)}
    for part in digits(seed=3):
        pixels = (part.images * 16).flatten(1).tolist()
        assert [known[tuple(row)] for row in pixels] == part.labels.tolist()


def test_every_class_has_its_share_and_the_split_is_fixed():
    train, validation, test = digits()
    counts = torch.stack([torch.bincount(part.labels, minlength=10) for part in (train, validation, test)])
    assert torch.equal(counts[1], counts[2]) and torch.equal(counts[1], counts.sum(0) // 5)
    assert all(
        torch.equal(a, b)
        for one, two in zip(digits(), digits(), strict=True)
        for a, b in zip(one, two, strict=True)
    )
    assert not torch.equal(digits(seed=1).test.images, test.images)
    assert (test.labels[:-1] > test.labels[1:]).any()  # shuffled, not in order of class


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 9, [3]), (1, 1, [1])]
)
def test_batches_cover_every_row_once(n, batch_size, sizes):
    x, y = torch.arange(n), torch.arange(n) * 10
    for generator in (None, torch.Generator().manual_seed(0)):
        batches = Batches((x, y), batch_size, generator)
        got = list(batches)
        assert [len(a) for a, _ in got] == sizes and len(batches) == len(sizes)
        assert torch.equal(torch.cat([a for a, _ in got]).sort().values, x)
        assert all(torch.equal(b, a * 10) for a, b in got)


def test_batches_keep_order_or_reshuffle_each_epoch():
    x = torch.arange(50)
    kept = Batches((x,), 7)
    assert torch.equal(torch.cat([a for (a,) in kept]), x)

    def epochs(seed):
        shuffled = Batches((x,), 7, torch.Generator().manual_seed(seed))
        return [torch.cat([a for (a,) in shuffled]) for _ in range(2)]

    (first, second), (again, _) = epochs(0), epochs(0)
    assert not torch.equal(first, second) and not torch.equal(first, x) and torch.equal(first, again)


@pytest.mark.parametrize(
    ("shapes", "batch_size", "message"),
    [
        ([], 2, r"same number of rows, at least one, received \[\]"),
        ([0, 0], 2, r"received \[0, 0\]"),
        ([4, 5], 2, r"received \[4, 5\]"),
        ([4], 0, "batch_size must be at least 1, received 0"),
    ],
)
def test_batches_refuse_what_does_not_fit(shapes, batch_size, message):
    with pytest.raises(ValueError, match=message):
        Batches(tuple(torch.zeros(n) for n in shapes), batch_size)
