"""Changes to a picture that keep its label: flips, crops, rotation, shear, light.

What moves pixels moves masks too, and takes them along in the same call or by the same matrix (MIS-10).
Which of these changes keeps a label is for you to know: a car upside down is no car seen from the street, a
mirrored 2 no digit. Letters: N images, C channels, H and W height and width.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def rotation(angle: Tensor | float) -> Tensor:
    """The matrix that turns a picture by `angle`, in degrees and against the clock: (2, 2), or (N, 2, 2)."""
    angle = torch.deg2rad(torch.as_tensor(angle, dtype=torch.get_default_dtype()))
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)


def shear(slope: Tensor | float) -> Tensor:
    r"""The matrix of $x' = x + s\,y$, y pointing down, as an oblique view does: (2, 2), or (N, 2, 2).

    It is affine: parallel lines stay parallel, so it only resembles a change of viewpoint (ERR-14).
    """
    slope = torch.as_tensor(slope, dtype=torch.get_default_dtype())
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    return torch.stack([torch.stack([one, slope], -1), torch.stack([zero, one], -1)], -2)


def warp(pictures: Tensor, matrix: Tensor) -> Tensor:
    r"""Move the pixel at p, measured right and down from the centre, to Ap; 0 where nothing comes from.

    $$y(p) = x(A^{-1} p)$$
    Images, floating-point numbers, are interpolated between four pixels. Masks, integers, take the nearest
    one: halfway between class 1 and class 3 there is no class 2.
    Shapes: images (N, C, H, W) or masks (N, H, W), matrix (2, 2) or (N, 2, 2) -> as `pictures`. Raises
    `ValueError` for others.
    """
    masks = not pictures.is_floating_point()
    if pictures.ndim != (3 if masks else 4) or matrix.shape not in {(2, 2), (len(pictures), 2, 2)}:
        raise ValueError(
            "warp: expected images (N, C, H, W) of floats or masks (N, H, W) of integers, and a matrix "
            f"(2, 2) or (N, 2, 2); received {tuple(pictures.shape)} of {pictures.dtype} and "
            f"{tuple(matrix.shape)}"
        )
    numbers = pictures[:, None].double() if masks else pictures  # (N, C, H, W)
    height, width = numbers.shape[2:]
    back = torch.linalg.inv(matrix.to(numbers)).expand(len(numbers), 2, 2)
    # grid_sample measures in half widths and half heights, so a rotation of an oblong picture is none to it.
    half = numbers.new_tensor([width / 2, height / 2])
    theta = F.pad(back * half / half[:, None], (0, 1))  # (N, 2, 3), no shift
    grid = F.affine_grid(theta, list(numbers.shape), align_corners=False)  # (N, H, W, 2)
    moved = F.grid_sample(numbers, grid, mode="nearest" if masks else "bilinear", align_corners=False)
    return moved[:, 0].to(pictures.dtype) if masks else moved


def relight(images: Tensor, brightness: Tensor | float = 0.0, contrast: Tensor | float = 1.0) -> Tensor:
    r"""Another light: $\mathrm{clamp}(m + c\,(x - m) + b)$ to [0, 1], with m the mean of each image.

    Shapes: images (N, C, H, W) in [0, 1]; brightness b and contrast c numbers or (N,).
    """
    b, c = (torch.as_tensor(value).to(images).view(-1, 1, 1, 1) for value in (brightness, contrast))
    mean = images.mean((1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    return (mean + c * (images - mean) + b).clamp(0, 1)


def random_flip(
    pictures: tuple[Tensor, ...], generator: torch.Generator, *, vertical: bool = False
) -> tuple[Tensor, ...]:
    """Mirror about half of the pictures, left for right or with `vertical` top for bottom; their masks alike.

    Shapes: tensors (N, ..., H, W) of the same N.
    """
    flipped = torch.rand(len(pictures[0]), generator=generator) < 0.5  # (N,)
    axis = -2 if vertical else -1
    return tuple(
        torch.where(flipped.view(-1, *[1] * (tensor.ndim - 1)), tensor.flip(axis), tensor)
        for tensor in pictures
    )


def random_crop(pictures: tuple[Tensor, ...], size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """A square of `size` pixels from anywhere in each picture, from its mask the same one.

    Pad first to move a picture by a few pixels at its full size. A crop may miss what the label is about.
    Shapes: tensors (N, ..., H, W) of the same N, H and W -> (N, ..., size, size). Raises `ValueError` for a
    size below 1 or beyond the picture.
    """
    n, (height, width) = len(pictures[0]), pictures[0].shape[-2:]
    if not 1 <= size <= min(height, width):
        raise ValueError(f"random_crop: expected a size from 1 to {min(height, width)}, received {size}")
    tops = torch.randint(height - size + 1, (n,), generator=generator).tolist()
    lefts = torch.randint(width - size + 1, (n,), generator=generator).tolist()
    windows = [
        (slice(top, top + size), slice(left, left + size)) for top, left in zip(tops, lefts, strict=True)
    ]
    return tuple(
        torch.stack(
            [picture[..., rows, columns] for picture, (rows, columns) in zip(tensor, windows, strict=True)]
        )
        for tensor in pictures
    )


def eight_ways(pictures: Tensor) -> Tensor:
    """Every picture in all eight positions of a square: turned by quarters, then mirrored and turned.

    For pictures that have no top, as from a microscope or a satellite. No pixel is interpolated, so masks
    and weights of pixels go the same way exactly.
    Shapes: (N, ..., H, H) -> (8 N, ..., H, H), the N unchanged ones first.
    """
    sides = (pictures, pictures.flip(-1))
    return torch.cat([torch.rot90(side, quarters, (-2, -1)) for side in sides for quarters in range(4)])
