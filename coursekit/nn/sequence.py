"""Models that read sequences: an embedding where the input is tokens, a recurrent layer, and a head.

Letters: N batch, T time, D input features, E embedding size, H hidden units, V vocabulary, K classes. Heads
give logits: the softmax or sigmoid belongs to the loss. `lengths`, (N,) integers, makes a model blind to the
padding behind each sequence's end.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from coursekit.nn.cells import LSTMState, check_choice
from coursekit.nn.recurrent import GRU, LSTM, RNN

Cell = Literal["rnn", "lstm", "gru"]
State = Tensor | LSTMState


class SequenceClassifier(nn.Module):
    """One answer for a whole sequence: the last hidden state, then a linear head.

    Shapes: tokens (N, T) -> logits (N, K). With `vocab_size=None` the model has no embedding and reads
    features (N, T, `embedding_size`).
    """

    def __init__(
        self,
        vocab_size: int | None,
        embedding_size: int,
        hidden_size: int,
        num_classes: int,
        cell: Cell = "lstm",
    ) -> None:
        super().__init__()
        self.embedding = None if vocab_size is None else nn.Embedding(vocab_size, embedding_size)
        self.layer = _recurrent_layer(cell, embedding_size, hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            x = _embed(self.embedding, x)  # (N, T, E)
        logits: Tensor = self.head(_hidden(self.layer(x, lengths=lengths)[1]))  # (N, K)
        return logits


class SequenceRegressor(nn.Module):
    """One number for a whole sequence, such as its next value: the last state of an LSTM, then a linear head.

    Shapes: x (N, T, D) -> (N, 1).
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.layer = LSTM(input_size, hidden_size)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        prediction: Tensor = self.head(_hidden(self.layer(x, lengths=lengths)[1]))  # (N, 1)
        return prediction


class TextClassifier(nn.Module):
    """Yes or no for a text: an LSTM with dropout 0.1 on input and state, a layer of sigmoids, one logit.

    Shapes: tokens (N, T) -> logits (N, 1).
    """

    def __init__(
        self, vocab_size: int = 1000, embedding_size: int = 16, hidden_size: int = 32, dense_size: int = 256
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.layer = LSTM(embedding_size, hidden_size, input_dropout=0.1, recurrent_dropout=0.1)
        self.dense = nn.Linear(hidden_size, dense_size)
        self.head = nn.Linear(dense_size, 1)

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        _, state = self.layer(_embed(self.embedding, tokens), lengths=lengths)
        logits: Tensor = self.head(self.dense(_hidden(state)).sigmoid())  # (N, 1)
        return logits


class LanguageModel(nn.Module):
    """What comes next, at every position of a text; `dropout` acts before and after the recurrent layer.

    Shapes: tokens (N, T) -> logits (N, T, V) for the token that follows each, and the state after the last,
    from which the next window can start.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int,
        hidden_size: int,
        cell: Cell = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.layer = _recurrent_layer(cell, embedding_size, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, vocab_size)

    def forward(
        self, tokens: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        x = self.dropout(_embed(self.embedding, tokens))  # (N, T, E)
        output, state = self.layer(x, state, lengths)  # (N, T, H)
        return self.head(self.dropout(output)), state  # (N, T, V)

    @torch.no_grad()
    def generate(
        self,
        prompt: Tensor,
        steps: int,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        exclude: Sequence[int] = (),
    ) -> Tensor:
        r"""Continue a text: prompt (T,) -> the prompt and `steps` more tokens, (T + steps,).

        Each token is drawn from $p_k \propto e^{z_k / \tau}$ with logits z and temperature $\tau$; at 0 it is
        the most probable one. Tokens in `exclude`, such as that of unknown words, are never drawn.
        """
        if prompt.ndim != 1 or len(prompt) == 0:
            raise ValueError(f"prompt must be at least one token in shape (T,); got {tuple(prompt.shape)}")
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature must be a finite number of at least 0; got {temperature}")
        excluded = torch.tensor(exclude, dtype=torch.long, device=prompt.device)
        was_training = self.training
        self.eval()
        try:
            read, state, tokens = prompt, None, [prompt]
            for _ in range(steps):
                logits, state = self(read[None], state)  # (1, T, V)
                scores = logits[0, -1].index_fill(0, excluded, -torch.inf)  # (V,)
                read = _draw(scores, temperature, generator).to(prompt.dtype)  # (1,)
                tokens.append(read)
        finally:
            self.train(was_training)
        return torch.cat(tokens)


def _draw(scores: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """One index (1,) drawn from the softmax of scores (V,) at a temperature."""
    if temperature == 0:
        return scores.argmax(dim=0, keepdim=True)
    probabilities = ((scores - scores.max()).double() / temperature).softmax(dim=0)
    return torch.multinomial(probabilities, 1, generator=generator)


def _recurrent_layer(cell: Cell, input_size: int, hidden_size: int) -> RNN | LSTM | GRU:
    check_choice("cell", cell, Cell)
    if cell == "rnn":
        return RNN(input_size, hidden_size)
    return LSTM(input_size, hidden_size) if cell == "lstm" else GRU(input_size, hidden_size)


def _hidden(state: State) -> Tensor:
    """The part of a state that other layers see: (N, H)."""
    return state.h if isinstance(state, LSTMState) else state


def _embed(embedding: nn.Embedding, tokens: Tensor) -> Tensor:
    """Token ids (N, T) -> their vectors (N, T, E)."""
    if tokens.ndim != 2 or tokens.dtype not in (torch.int32, torch.int64):
        raise ValueError(
            f"expected tokens as integers of shape (N, T); got {tokens.dtype} of shape {tuple(tokens.shape)}"
        )
    try:
        vectors: Tensor = embedding(tokens)  # (N, T, E)
    except IndexError:
        raise ValueError(
            f"expected tokens from 0 to {embedding.num_embeddings - 1}; "
            f"got {int(tokens.min())} to {int(tokens.max())}"
        ) from None
    return vectors
