"""Models that read clips: what is going on, and what comes next.

Letters: N batch, T time, C channels, H and W height and width, F features of a frame, K classes. Heads give
logits: the softmax or sigmoid belongs to the loss.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from coursekit.nn.cells import LSTMState, check_choice
from coursekit.nn.convolutional_recurrent import ConvGRU, ConvLSTM
from coursekit.nn.recurrent import LSTM


def frame_features(in_channels: int, feature_size: int, width: int = 8, grid: int = 4) -> nn.Sequential:
    """A small convolutional network for single frames: (N, C, H, W) -> (N, F), for any H, W of at least 2.

    It ends in a mean over each field of a `grid` x `grid`, not over the whole image: where something is must
    stay known, or its motion would be lost.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(grid),
        nn.Flatten(), nn.Linear(2 * width * grid**2, feature_size), nn.ReLU(),
    )  # fmt: skip


class FrameClassifier(nn.Module):
    r"""What happens in a clip: the same CNN looks at every frame, an LSTM at what it saw, in order.

    $$v_t = \mathrm{CNN}(x_t), \qquad h_t, c_t = \mathrm{LSTM}(v_t, h_{t-1}, c_{t-1}), \qquad y = W h_T + b$$
    `cnn` is any module (M, C, H, W) -> (M, `feature_size`): `frame_features`, or a larger one that knows
    pictures already. `lengths`, (N,) integers, makes the model blind to frames behind each clip's end, save
    for batch norms inside `cnn`, which in training read them too.
    Shapes: frames (N, T, C, H, W) -> logits (N, K). Raises `ValueError` for others.
    Source: Donahue et al. (2015), Long-term recurrent convolutional networks. There the answers of all steps
    are averaged; here the last one counts.
    """

    def __init__(self, cnn: nn.Module, feature_size: int, hidden_size: int, num_classes: int) -> None:
        super().__init__()
        self.cnn = cnn
        self.layer = LSTM(feature_size, hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        if frames.ndim != 5 or frames.shape[1] == 0:
            raise ValueError(
                "FrameClassifier expects frames of shape (N, T, C, H, W) with T at least 1; "
                f"got {tuple(frames.shape)}"
            )
        features = self.cnn(frames.flatten(0, 1))  # (N T, F)
        _, state = self.layer(features.unflatten(0, frames.shape[:2]), lengths=lengths)
        logits: Tensor = self.head(state.h)  # (N, K)
        return logits


class FramePredictor(nn.Module):
    """The next frame, at every step of a clip: a convolutional recurrent layer, then a 1x1 convolution.

    Shapes: frames (N, T, C, H, W) -> logits (N, T, C, H, W) of the frame that follows each, and the state
    after the last, from which the rest of the clip can be read. Pixels lie in [0, 1], and the sigmoid of a
    logit is the pixel's expected value.
    Source: Shi et al. (2015), Convolutional LSTM network, with one layer that both reads and predicts.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        kernel_size: int = 5,
        cell: Literal["lstm", "gru"] = "lstm",
    ) -> None:
        super().__init__()
        check_choice("cell", cell, Literal["lstm", "gru"])
        kind = ConvLSTM if cell == "lstm" else ConvGRU
        self.layer = kind(in_channels, hidden_channels, kernel_size)
        self.head = nn.Conv2d(hidden_channels, in_channels, 1)

    def forward(
        self, frames: Tensor, state: LSTMState | Tensor | None = None
    ) -> tuple[Tensor, LSTMState | Tensor]:
        output, state = self.layer(frames, state)  # (N, T, O, H, W)
        return self.head(output.flatten(0, 1)).unflatten(0, output.shape[:2]), state

    @torch.no_grad()
    def generate(self, frames: Tensor, steps: int) -> Tensor:
        """Continue a clip, reading each expected frame as if seen: (N, T, C, H, W) -> (N, steps, C, H, W)."""
        if steps < 1:
            raise ValueError(f"steps must be at least 1; got {steps}")
        logits, state = self(frames)
        predicted = [logits[:, -1:].sigmoid()]  # (N, 1, C, H, W) each
        for _ in range(steps - 1):
            logits, state = self(predicted[-1], state)
            predicted.append(logits.sigmoid())
        return torch.cat(predicted, dim=1)
