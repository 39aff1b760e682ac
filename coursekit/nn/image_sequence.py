r"""Recurrent networks that read and write images: drawing row by row, and compression by residuals.

Letters: N images, C channels, R rows, W width, H hidden units, K bits of an iteration, T iterations.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.nn.losses import binary_cross_entropy_with_logits
from coursekit.nn.recurrent import LSTM


class RowModel(nn.Module):
    r"""The probability of a black and white image, row after row, and images drawn from it.

    $$p(x) = \prod_{r=1}^{R} p(x_r \mid x_{<r}), \qquad
      p(x_r \mid x_{<r}) = \prod_{w=1}^{W} \sigma(a_{rw})^{x_{rw}} (1 - \sigma(a_{rw}))^{1 - x_{rw}}$$
    $$h_r = \mathrm{LSTM}(x_{r-1}, h_{r-1}), \quad x_0 = 0, \qquad a_r = V h_r + b \;(+\, L x_r)$$
    The rows above reach row r through the LSTM's state. Without $L$ the pixels of a row are drawn
    independently of each other. With `within_row=True` each also sees those to its left: $L$ (W, W) has
    entries only below the diagonal, and p(x) is a product over single pixels. To read pixel by pixel,
    reshape the images to a width of 1.
    Parameters: LSTM $4H(W+H+1)$, head $W(H+1)$, and $W(W-1)/2$ within a row.
    Shapes: images (N, 1, R, W) of 0 and 1 -> logits (N, 1, R, W).
    Raises `ValueError` for other shapes and other values: pictures with greys have to be binarised first.
    Source: van den Oord et al. (2016), Pixel recurrent neural networks, reduced to one LSTM over rows.
    """

    def __init__(self, width: int, hidden_size: int, within_row: bool = False) -> None:
        super().__init__()
        self.width = width
        self.layer = LSTM(width, hidden_size)
        self.head = nn.Linear(hidden_size, width)
        self.left = nn.Parameter(torch.zeros(width * (width - 1) // 2)) if within_row else None

    def forward(self, images: Tensor) -> Tensor:
        rows = self._rows(images)  # (N, R, W)
        read = F.pad(rows, (0, 0, 1, -1))  # (N, R, W), the row above each; above the first is nothing
        logits: Tensor = self.head(self.layer(read)[0])  # (N, R, W)
        if self.left is not None:
            logits = logits + rows @ self._left_weight().T
        return logits.unsqueeze(1)  # (N, 1, R, W)

    def log_prob(self, images: Tensor) -> Tensor:
        r"""$\ln p(x)$ of each image, (N,); divided by $-\ln 2$, the bits of its shortest code."""
        losses = binary_cross_entropy_with_logits(self(images), images, reduction="none")
        return -losses.flatten(1).sum(dim=1)  # (N,)

    @torch.no_grad()
    def complete(self, top: Tensor, rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw what stands below: top (N, 1, r, W) -> (N, 1, rows, W) with the given rows unchanged.

        Rows are drawn in order, each from p(row | rows above). A `top` of no rows, (N, 1, 0, W), gives new
        images. Raises `ValueError` as the model, and for `rows` below r.
        """
        given = self._rows(top)  # (N, r, W)
        if rows < given.shape[1]:
            raise ValueError(f"rows must be at least {given.shape[1]}, the rows given; got {rows}")
        image = F.pad(given, (0, 0, 0, rows - given.shape[1]))  # (N, rows, W), blank below
        read, state = F.pad(given, (0, 0, 1, 0)), None  # (N, r + 1, W), a blank row first
        for r in range(given.shape[1], rows):
            output, state = self.layer(read, state)
            image[:, r] = self._draw(self.head(output[:, -1]), generator)
            read = image[:, r : r + 1]
        return image.unsqueeze(1)  # (N, 1, rows, W)

    def _draw(self, logits: Tensor, generator: torch.Generator | None) -> Tensor:
        """One row (N, W) from its logits before the pixels to the left are seen."""
        row, left = torch.zeros_like(logits), self._left_weight()
        for w in range(self.width):
            p = (logits[:, w] + row @ left[w]).sigmoid()  # (N,)
            row[:, w] = torch.bernoulli(p, generator=generator)
        return row

    def _left_weight(self) -> Tensor:
        """(W, W): row w holds what the logit of pixel w takes from the pixels before it."""
        weight = self.head.weight.new_zeros(self.width, self.width)
        if self.left is None:
            return weight
        below = torch.tril_indices(self.width, self.width, offset=-1, device=weight.device)
        return weight.index_put((below[0], below[1]), self.left)

    def _rows(self, images: Tensor) -> Tensor:
        """Checked images (N, 1, R, W) -> (N, R, W)."""
        if images.ndim != 4 or images.shape[1] != 1 or images.shape[3] != self.width:
            raise ValueError(
                f"RowModel expects images of shape (N, 1, R, {self.width}); got {tuple(images.shape)}"
            )
        if not images.is_meta and not ((images == 0) | (images == 1)).all():
            odd = images[(images != 0) & (images != 1)][0].item()
            raise ValueError(f"RowModel expects pixels of 0 and 1; got {odd:g}: binarise the images first")
        return images.squeeze(1)


def binarise(x: Tensor, noise: bool = False) -> Tensor:
    r"""Every number of [-1, 1] to -1 or 1: its sign, or with `noise` at random, so that its mean is x.

    $$b(x) = \begin{cases} 1 & \text{with probability } (1 + x)/2 \\ -1 & \text{otherwise} \end{cases}$$
    The sign has slope 0 almost everywhere, so nothing would learn through it: backwards it counts as the
    identity, which is what b is on average.
    Shapes: x of any shape -> the same. Source: Toderici et al. (2016); the gradient, Bengio et al. (2013),
    Estimating or propagating gradients through stochastic neurons.
    """
    threshold = 2 * torch.rand_like(x) - 1 if noise else torch.zeros_like(x)
    bits = torch.where(x >= threshold, 1.0, -1.0).to(x.dtype)
    return bits + (x - x.detach())  # the bracket is 0, with slope 1


class ResidualCoder(nn.Module):
    r"""Images as bits, a few more in every iteration, each about what the bits before got wrong.

    $$r_t = x - \hat x_t, \quad \hat x_0 = \tfrac12, \qquad
      b_t = b\big(\tanh(W_b e_t + \beta_b)\big), \quad e_t = \mathrm{LSTM}_e(\gamma^{t-1} r_{t-1}, e_{t-1}),$$
    $$\hat x_t = \hat x_{t-1} + \gamma^{1-t} (W_x d_t + \beta_x), \quad d_t = \mathrm{LSTM}_d(b_t, d_{t-1})$$
    with `binarise` for b, in training with noise unless `noise=False`. One set of weights serves all
    iterations, so after training the number of bits, $t K$ after t iterations, can be chosen for each image,
    and a code that is cut short is a coarser picture. Residuals shrink, so each is enlarged by $\gamma$ =
    `gain` once more than the one before, and its correction is reduced by as much. With a gain of 1 the
    corrections, which should get finer, stay of one size, and late iterations spoil what the first have done.
    The model is trained by the mean of $|r_t|$ over all iterations.
    Parameters, for images of P = C R W pixels: encoder $4H(P+H+1) + K(H+1)$, decoder $4H(K+H+1) + P(H+1)$.
    Shapes: images (N, C, R, W) in [0, 1] -> reconstructions (N, T, C, R, W), one after each iteration.
    Source: Toderici et al. (2016), Variable rate image compression with recurrent neural networks; here one
    LSTM without convolutions on each side. A gain, there chosen by a network for each part of an image:
    Toderici et al. (2017), Full resolution image compression with recurrent neural networks.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        hidden_size: int,
        bits: int,
        iterations: int = 8,
        gain: float = 1.3,
        noise: bool = True,
    ) -> None:
        super().__init__()
        for name, count in (("bits", bits), ("iterations", iterations)):
            if count < 1:
                raise ValueError(f"{name} must be at least 1; got {count}")
        if not 1 <= gain < math.inf:
            raise ValueError(f"gain must be a finite number of at least 1; got {gain}")
        self.image_shape = torch.Size(image_shape)
        self.iterations = iterations
        self.gain = gain
        self.noise = noise
        pixels = self.image_shape.numel()
        self.encoder = LSTM(pixels, hidden_size)
        self.to_bits = nn.Linear(hidden_size, bits)
        self.decoder = LSTM(bits, hidden_size)
        self.to_pixels = nn.Linear(hidden_size, pixels)

    def forward(self, images: Tensor, iterations: int | None = None) -> Tensor:
        _, pictures = self._run(images, iterations)
        return pictures.reshape(*pictures.shape[:2], *self.image_shape)  # (N, T, C, R, W)

    @torch.no_grad()
    def encode(self, images: Tensor, iterations: int | None = None) -> Tensor:
        """The code of each image: (N, C, R, W) -> (N, T, K) of bool. Never noisy."""
        was_training = self.training
        self.eval()
        try:
            return self._run(images, iterations)[0] > 0
        finally:
            self.train(was_training)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """What the bits alone say: (N, T, K) of bool -> (N, T, C, R, W), the picture after each iteration."""
        if codes.ndim != 3 or codes.shape[2] != self.to_bits.out_features or codes.dtype != torch.bool:
            raise ValueError(
                f"decode expects bool codes of shape (N, T, {self.to_bits.out_features}); "
                f"got {codes.dtype} of shape {tuple(codes.shape)}"
            )
        bits = 2 * codes.to(self.to_pixels.weight.dtype) - 1  # (N, T, K) in {-1, 1}
        sizes = self.gain ** -torch.arange(bits.shape[1], dtype=bits.dtype, device=bits.device)  # (T,)
        steps = self.to_pixels(self.decoder(bits)[0]) * sizes[:, None]  # (N, T, P)
        pictures: Tensor = 0.5 + steps.cumsum(dim=1)
        return pictures.reshape(*pictures.shape[:2], *self.image_shape)  # (N, T, C, R, W)

    def _run(self, images: Tensor, iterations: int | None) -> tuple[Tensor, Tensor]:
        """Bits in {-1, 1} (N, T, K) and reconstructions (N, T, P) of all iterations."""
        if images.shape[1:] != self.image_shape:
            shape = ", ".join(map(str, self.image_shape))
            raise ValueError(f"ResidualCoder expects images of shape (N, {shape}); got {tuple(images.shape)}")
        count = self.iterations if iterations is None else iterations
        if count < 1:
            raise ValueError(f"iterations must be at least 1; got {count}")
        x = images.flatten(1)  # (N, P)
        picture = torch.full_like(x, 0.5)
        encoded = decoded = None
        codes, pictures = [], []
        for t in range(count):
            enlarged = self.gain**t * (x - picture)  # (N, P)
            seen, encoded = self.encoder(enlarged.unsqueeze(1), encoded)  # (N, 1, H)
            bits = binarise(self.to_bits(seen).tanh(), noise=self.noise and self.training)  # (N, 1, K)
            said, decoded = self.decoder(bits, decoded)  # (N, 1, H)
            picture = picture + self.gain**-t * self.to_pixels(said).squeeze(1)  # (N, P)
            codes.append(bits)
            pictures.append(picture)
        return torch.cat(codes, dim=1), torch.stack(pictures, dim=1)
