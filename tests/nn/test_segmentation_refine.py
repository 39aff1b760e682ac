"""What is done to finished masks, against SciPy, plain loops and enumeration."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.testing import assert_close

from coursekit.data.shapes import cells
from coursekit.nn.segmentation_refine import (
    border_weights,
    connected_components,
    crf_energy,
    crf_weights,
    drop_small,
    majority_filter,
    mean_field,
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.topic("CNN-37")
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_majority_by_counting(kernel_size: int) -> None:
    labels = torch.randint(3, (2, 7, 6), generator=torch.Generator().manual_seed(0))
    expected, r = labels.clone(), kernel_size // 2
    for n, y, x in itertools.product(range(2), range(7), range(6)):
        window = labels[n, max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1]
        votes = torch.bincount(window.flatten(), minlength=3)
        winners = (votes == votes.max()).nonzero().flatten().tolist()
        own = labels[n, y, x].item()
        expected[n, y, x] = own if own in winners else winners[0]
    assert torch.equal(majority_filter(labels, 3, kernel_size), expected)


@pytest.mark.topic("CNN-37")
def test_majority_removes_a_lone_pixel_and_keeps_a_straight_edge() -> None:
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[:, :, 4:] = 2
    clean = labels.clone()
    labels[0, 3, 1] = 1
    assert torch.equal(majority_filter(labels, 3), clean)
    with pytest.raises(ValueError, match=r"an odd kernel_size; got \(1, 8, 8\) and 4"):
        majority_filter(labels, 3, 4)


def weights_by_loops(image: Tensor, radius: int) -> Tensor:
    """(P, P) between all pairs of pixels of an image (C, H, W), with the default settings."""
    _, height, width = image.shape
    places = list(itertools.product(range(height), range(width)))
    weights = torch.zeros(len(places), len(places), dtype=torch.float64)
    for i, (y1, x1) in enumerate(places):
        for j, (y2, x2) in enumerate(places):
            if i != j and max(abs(y1 - y2), abs(x1 - x2)) <= radius:
                d2 = (y1 - y2) ** 2 + (x1 - x2) ** 2
                c2 = (image[:, y1, x1] - image[:, y2, x2]).square().sum()
                weights[i, j] = torch.exp(-d2 / (2 * 3.0**2) - c2 / (2 * 0.15**2)) + 0.5 * math.exp(-d2 / 2)
    return weights


@pytest.mark.topic("CNN-38")
def test_mean_field_and_energy_by_loops() -> None:
    image, logits = 0.1 * random(1, 2, 4, 3), random(1, 3, 4, 3, seed=1)
    weights = crf_weights(image, radius=2)
    pairs = weights_by_loops(image[0], 2)  # (12, 12)
    p = logits[0].flatten(1).T.softmax(1)  # (12, 3)
    q = p
    for iterations in range(4):
        assert_close(mean_field(logits, weights, iterations)[0].flatten(1).T, q)
        q = (p.log() + pairs @ q).softmax(1)

    labels = torch.randint(3, (1, 4, 3), generator=torch.Generator().manual_seed(0))
    flat = labels.flatten()
    energy = -p[range(12), flat].log().sum()
    for i, j in itertools.combinations(range(12), 2):
        energy = energy + pairs[i, j] * (flat[i] != flat[j])
    assert_close(crf_energy(labels, logits, weights), energy[None])


@pytest.mark.topic("CNN-38")
def test_mean_field_comes_close_to_the_exact_marginals() -> None:
    logits = random(1, 2, 2, 3)
    weights = 0.2 * crf_weights(torch.zeros(1, 1, 2, 3, dtype=torch.float64), radius=2)
    total, exact = 0.0, torch.zeros(2, 3, dtype=torch.float64)
    for labels in itertools.product((0, 1), repeat=6):
        x = torch.tensor(labels).view(1, 2, 3)
        chance = torch.exp(-crf_energy(x, logits, weights)).item()
        total, exact = total + chance, exact + chance * x[0]
    refined, alone = (
        (mean_field(logits, weights, iterations)[0, 1] - exact / total).abs().max() for iterations in (30, 0)
    )
    assert refined < 0.03 and refined < alone / 2  # alone: what the network says without its neighbours


@pytest.mark.topic("CNN-38")
def test_a_field_mends_a_mask_along_the_edges_of_the_image() -> None:
    truth = torch.zeros(1, 12, 12, dtype=torch.int64)
    truth[:, 3:9, 4:10] = 1
    image = 0.2 + 0.6 * truth[:, None].double() + 0.02 * random(1, 1, 12, 12)
    logits = torch.stack([-(2.0 * truth - 1), 2.0 * truth - 1], 1) + 1.5 * random(1, 2, 12, 12, seed=1)
    weights = crf_weights(image)
    before, after = logits.argmax(1), mean_field(logits, weights).argmax(1)
    assert (before != truth).sum() > 10 and (after != truth).sum() <= 1
    assert crf_energy(after, logits, weights) < crf_energy(before, logits, weights)
    alone = crf_weights(image, appearance=0.0, smoothness=0.0)
    assert_close(mean_field(logits, alone), logits.softmax(1))
    with pytest.raises(ValueError, match=r"expected logits \(N, K, H, W\) and weights"):
        mean_field(logits[:, :, :5], weights)


@pytest.mark.topic("CNN-39")
@pytest.mark.parametrize(("connectivity", "structure"), [(4, None), (8, np.ones((3, 3)))])
def test_components_are_scipys(connectivity: int, structure: np.ndarray | None) -> None:
    for seed, share in itertools.product(range(3), (0.3, 0.5, 0.7)):
        g = torch.Generator().manual_seed(seed)
        mask = (torch.rand(13, 17, generator=g) < share).long()
        expected, _ = ndimage.label(mask.numpy(), structure)
        assert torch.equal(connected_components(mask, connectivity), torch.from_numpy(expected).long())


@pytest.mark.topic("CNN-39")
def test_components_of_several_classes_and_shapes() -> None:
    labels = torch.tensor([[1, 1, 2], [0, 2, 2], [1, 0, 0]])
    assert connected_components(labels).tolist() == [[1, 1, 2], [0, 2, 2], [3, 0, 0]]
    assert connected_components(labels, background=None).tolist() == [[1, 1, 2], [3, 2, 2], [4, 5, 5]]
    assert connected_components(labels, 8, background=None).tolist() == [[1, 1, 2], [3, 2, 2], [4, 3, 3]]
    spiral = torch.tensor([[1, 1, 1, 1], [0, 0, 0, 1], [1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]])
    assert connected_components(spiral).unique().tolist() == [0, 1]  # parts that meet late become one
    assert drop_small(labels, 2).tolist() == [[1, 1, 2], [0, 2, 2], [0, 0, 0]]
    assert drop_small(labels, 3).tolist() == [[0, 0, 2], [0, 2, 2], [0, 0, 0]]
    with pytest.raises(ValueError, match=r"a connectivity of 4 or 8; got \(3, 3\) and 6"):
        connected_components(labels, 6)  # type: ignore[arg-type]


@pytest.mark.topic("CNN-39", "APP-04")
def test_components_of_a_mask_of_cells_are_the_cells() -> None:
    for mask, instances in zip(*cells(8, size=48, seed=0)[1:], strict=True):
        found = connected_components(mask, 8)
        assert found.max() == len(instances.unique()) - 1
        pairs = torch.stack([found.flatten(), instances.flatten()]).unique(dim=1)
        assert pairs.shape[1] == found.max() + 1  # one number for one cell


@pytest.mark.topic("CNN-33", "APP-04")
def test_border_weights_are_highest_in_the_gap() -> None:
    instances = torch.zeros(9, 12, dtype=torch.int64)
    instances[:, :5], instances[:, 6:9] = 1, 2
    weights = border_weights(instances, strength=10.0, reach=5.0)
    assert (weights[instances > 0] == 1).all()
    assert_close(weights[:, 5], torch.full((9,), 1 + 10 * math.exp(-(2**2) / 50)))
    assert (border_weights((instances == 1).long()) == 1).all()  # one object has no neighbour
    instances[0, 11] = 3
    distances = [ndimage.distance_transform_edt(instances.numpy() != number) for number in (1, 2, 3)]
    d1, d2, _ = np.sort(distances, axis=0)
    expected = np.where(instances == 0, 1 + 10 * np.exp(-((d1 + d2) ** 2) / 50), 1.0)
    assert_close(border_weights(instances), torch.from_numpy(expected).float())
