r"""From a picture to a sentence: a small convolutional network, and an LSTM that writes. One to many.

Letters: N pictures, C channels, S pixels to a side, E embedding size, H hidden units, V vocabulary, T words,
F features.
"""

import torch
from torch import Tensor, nn

from coursekit.nn.recurrent import LSTM


def picture_features(in_channels: int, size: int, feature_size: int) -> nn.Sequential:
    """A small convolutional network that keeps what stands where: (N, C, S, S) -> (N, F).

    Two convolutions halve the picture twice; a linear layer then reads all places, since a mean over them
    would lose what is above what. Raises `ValueError` for a size that is no multiple of 4.
    """
    if size < 4 or size % 4:
        raise ValueError(f"size must be a multiple of 4; got {size}")
    return nn.Sequential(
        nn.Conv2d(in_channels, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.Flatten(), nn.Linear(32 * (size // 4) ** 2, feature_size),
    )  # fmt: skip


class Captioner(nn.Module):
    r"""The probability of each word of a caption, given the picture and the words before it.

    $$x_1 = \mathrm{CNN}(\text{picture}), \quad x_{t+1} = \mathrm{embedding}(w_t), \qquad
      p(w_t \mid \text{picture}, w_{<t}) = \mathrm{softmax}(V h_t + c)$$
    The picture is the one input: it enters at the first step and never again, the LSTM has to remember it.
    Afterwards each word is the input of the next step: in training the caption's own, in writing its own.
    Shapes: images (N, C, S, S), tokens (N, T) -> logits (N, T, V), those at t for the word tokens[:, t].
    `cnn` is any module (N, C, S, S) -> (N, E), such as `picture_features`.
    Source: Vinyals et al. (2015), Show and tell.
    """

    def __init__(self, cnn: nn.Module, vocab_size: int, embedding_size: int, hidden_size: int) -> None:
        super().__init__()
        self.cnn = cnn
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.layer = LSTM(embedding_size, hidden_size)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        said = self.embedding(tokens[:, :-1])  # (N, T - 1, E), each word once it has been said
        x = torch.cat([self.cnn(images)[:, None], said], dim=1)  # (N, T, E)
        logits: Tensor = self.head(self.layer(x)[0])  # (N, T, V)
        return logits

    @torch.no_grad()
    def describe(self, images: Tensor, end: int, most: int) -> Tensor:
        """Captions written word by word, always the most probable: (N, C, S, S) -> tokens (N, most).

        From the token `end` on, a caption is filled up with it.
        """
        x, state, words = self.cnn(images)[:, None], None, []
        ended = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        for _ in range(most):
            output, state = self.layer(x, state)  # (N, 1, H)
            word = self.head(output[:, 0]).argmax(dim=1).masked_fill(ended, end)  # (N,)
            ended |= word == end
            words.append(word)
            x = self.embedding(word)[:, None]  # (N, 1, E)
        return torch.stack(words, dim=1)
