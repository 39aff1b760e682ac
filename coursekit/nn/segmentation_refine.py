r"""What is done to a mask after the network: smoothing, a conditional random field, connected components.

Letters: N batch, C channels, K classes, H and W height and width, r radius of a window. Also the weights that
make a network care for the thin gaps between touching objects.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.nn.convolutional import patches


def majority_filter(labels: Tensor, num_classes: int, kernel_size: int = 3) -> Tensor:
    """Every pixel takes the class that is most frequent in the window around it.

    Pixels beyond the border have no vote; in a tie a pixel keeps its own class if that is among the winners,
    else the lowest of them wins.
    Shapes: labels (N, H, W) integers in [0, K), odd `kernel_size` -> the same.
    """
    if labels.ndim != 3 or kernel_size % 2 == 0:
        raise ValueError(
            f"majority_filter: expected labels (N, H, W) and an odd kernel_size; "
            f"got {tuple(labels.shape)} and {kernel_size}"
        )
    one_hot = F.one_hot(labels, num_classes).movedim(-1, 1).float()  # (N, K, H, W)
    k = (kernel_size, kernel_size)
    votes = patches(one_hot, k, padding=kernel_size // 2).sum((-2, -1))  # (N, K, H, W)
    return (votes + 0.5 * one_hot).argmax(dim=1)  # half a vote more breaks ties


def crf_weights(
    images: Tensor,
    radius: int = 3,
    *,
    near: float = 3.0,
    alike: float = 0.15,
    appearance: float = 1.0,
    smoothness: float = 0.5,
    smooth: float = 1.0,
) -> Tensor:
    r"""How much every pixel wants the label of each neighbour.

    $$w_{ij} = a \exp\Big(-\frac{|p_i - p_j|^2}{2\theta_a^2} - \frac{|I_i - I_j|^2}{2\theta_b^2}\Big)
      + s \exp\Big(-\frac{|p_i - p_j|^2}{2\theta_s^2}\Big), \qquad w_{ii} = 0$$
    with p the position in pixels and I the colour: near pixels of one colour should agree, and very near ones
    whatever their colour. $\theta_a$ = `near`, $\theta_b$ = `alike`, $\theta_s$ = `smooth`, a =
    `appearance`, s = `smoothness`. Neighbours are those in a window of 2r + 1 pixels: farther ones, which the
    original includes, would hardly count.
    Shapes: images (N, C, H, W) -> (N, H, W, 2r + 1, 2r + 1), 0 beyond the border.
    Source: Kraehenbuehl and Koltun (2011), Efficient inference in fully connected CRFs.
    """
    size = 2 * radius + 1
    steps = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    distance = steps[:, None] ** 2 + steps**2  # (2r + 1, 2r + 1)
    around = patches(images, (size, size), padding=radius)  # (N, C, H, W, 2r + 1, 2r + 1)
    contrast = (around - images[..., None, None]).square().sum(1)  # (N, H, W, 2r + 1, 2r + 1)
    weights = appearance * torch.exp(-distance / (2 * near**2) - contrast / (2 * alike**2))
    weights = weights + smoothness * torch.exp(-distance / (2 * smooth**2))
    inside = patches(torch.ones_like(images[:, :1]), (size, size), padding=radius)[:, 0]
    return weights * inside * (distance > 0)


def crf_energy(labels: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
    r"""What a labelling costs: against the network's scores, and for every disagreement with a neighbour.

    $$E(x) = \sum_i \psi_u(x_i) + \sum_{i < j} w_{ij}\,[x_i \ne x_j], \qquad \psi_u(x_i) = -\log p_i(x_i)$$
    Shapes: labels (N, H, W), logits (N, K, H, W), weights as from `crf_weights` -> (N,).
    """
    unary = -logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]  # (N, H, W)
    size = (weights.shape[-2], weights.shape[-1])
    around = patches(labels[:, None].to(weights.dtype), size, padding=size[0] // 2)[:, 0]
    differs = around != labels[..., None, None]  # (N, H, W, 2r + 1, 2r + 1)
    return unary.sum((1, 2)) + (weights * differs).sum((1, 2, 3, 4)) / 2  # every pair is met twice


def mean_field(logits: Tensor, weights: Tensor, iterations: int = 5) -> Tensor:
    r"""Refine a network's scores by a conditional random field, in the mean-field approximation.

    $$Q_i(l) \leftarrow \operatorname{softmax}_l\Big(\log p_i(l) + \sum_j w_{ij} Q_j(l)\Big)$$
    from $Q = p$, all pixels at once. For Potts disagreement, as in `crf_energy`, what the neighbours believe
    of a label is all that matters: what they believe of the others differs from it by a constant.
    Shapes: logits (N, K, H, W), weights (N, H, W, 2r + 1, 2r + 1) from `crf_weights`
    -> probabilities (N, K, H, W), after 0 iterations those of the network.
    Source: Kraehenbuehl and Koltun (2011), Efficient inference in fully connected CRFs.
    """
    if logits.ndim != 4 or weights.shape[:3] != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            "mean_field: expected logits (N, K, H, W) and weights (N, H, W, 2r + 1, 2r + 1); "
            f"got {tuple(logits.shape)} and {tuple(weights.shape)}"
        )
    size = (weights.shape[-2], weights.shape[-1])
    q = logits.softmax(dim=1)  # (N, K, H, W)
    for _ in range(iterations):
        around = patches(q, size, padding=size[0] // 2)  # (N, K, H, W, 2r + 1, 2r + 1)
        message = torch.einsum("nkhwij,nhwij->nkhw", around, weights)
        q = (logits + message).softmax(dim=1)
    return q


def connected_components(
    labels: Tensor, connectivity: Literal[4, 8] = 4, background: int | None = 0
) -> Tensor:
    """Number the groups of touching pixels of equal label, from 1, in the order of their first pixel.

    Pixels of the `background` class are 0; with None every class has components. Touching are 4 neighbours,
    or 8 with the diagonal ones. By union-find, in plain Python: meant for masks, not for megapixels.
    Shapes: labels (H, W) integers -> (H, W) int64.
    Source: Tarjan (1975), Efficiency of a good but not linear set union algorithm.
    """
    if labels.ndim != 2 or connectivity not in (4, 8):
        raise ValueError(
            "connected_components: expected labels (H, W) and a connectivity of 4 or 8; "
            f"got {tuple(labels.shape)} and {connectivity}"
        )
    rows = labels.tolist()
    height, width = labels.shape
    parent = list(range(height * width))

    def root(pixel: int) -> int:
        while parent[pixel] != pixel:
            parent[pixel] = parent[parent[pixel]]  # halve the way for the next time
            pixel = parent[pixel]
        return pixel

    earlier = [(0, -1), (-1, 0)] if connectivity == 4 else [(0, -1), (-1, -1), (-1, 0), (-1, 1)]
    for y in range(height):
        for x in range(width):
            for dy, dx in earlier:
                if y + dy >= 0 and 0 <= x + dx < width and rows[y + dy][x + dx] == rows[y][x]:
                    a, b = root(y * width + x), root((y + dy) * width + x + dx)
                    parent[max(a, b)] = min(a, b)  # the root is a component's first pixel

    numbers: dict[int, int] = {}
    components = torch.zeros(height, width, dtype=torch.int64)
    for y in range(height):
        for x in range(width):
            if rows[y][x] != background:
                components[y, x] = numbers.setdefault(root(y * width + x), len(numbers) + 1)
    return components.to(labels.device)


def drop_small(labels: Tensor, min_size: int, connectivity: Literal[4, 8] = 4, background: int = 0) -> Tensor:
    """Turn components of fewer than `min_size` pixels into background: (H, W) -> (H, W)."""
    components = connected_components(labels, connectivity, background)
    small = torch.bincount(components.flatten()) < min_size  # (components + 1,)
    return torch.where(small[components] & (components > 0), background, labels)


def border_weights(instances: Tensor, strength: float = 10.0, reach: float = 5.0) -> Tensor:
    r"""Weights of the pixels for U-Net's loss: high in the thin gaps between objects.

    $$w = 1 + w_0 \exp\Big(-\frac{(d_1 + d_2)^2}{2 \sigma^2}\Big) \text{ in the background, else } 1$$
    with $d_1$ and $d_2$ the distances in pixels to the nearest and second nearest object, $w_0$ = `strength`
    and $\sigma$ = `reach`. Multiply the pixels' cross-entropies by them.
    Shapes: instances (H, W), 0 for background and a number of its own for each object -> (H, W) float32.
    Source: Ronneberger et al. (2015), U-Net, where the frequencies of the classes are balanced as well.
    """
    if instances.ndim != 2:
        raise ValueError(f"border_weights: expected instances (H, W); got {tuple(instances.shape)}")
    weights = torch.ones(instances.shape, device=instances.device)
    numbers = [int(number) for number in instances.unique() if number != 0]
    gap = instances == 0
    if len(numbers) < 2 or not bool(gap.any()):
        return weights
    places = gap.nonzero().float()  # (M, 2)
    nearest = torch.stack(
        [torch.cdist(places, (instances == number).nonzero().float()).amin(1) for number in numbers]
    )  # (objects, M)
    d1, d2 = nearest.topk(2, dim=0, largest=False).values  # (M,) each
    weights[gap] += strength * torch.exp(-((d1 + d2) ** 2) / (2 * reach**2))
    return weights
