"""A layer for the words of each sentence, and one for the sentences of each document.

Letters: N documents, S sentences, T words, D features of a word, H features of a document. `lengths`, (N, S)
integers, says how many words of each sentence are real; 0 marks places behind a document's last sentence.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from coursekit.nn.attention import Attention
from coursekit.nn.cells import LSTMState
from coursekit.nn.wrappers import Bidirectional, SequenceLayer, Stacked, merge_directions


class Reading(NamedTuple):
    """A document's vector and, with attention, where it comes from; weights are 0 in the padding."""

    document: Tensor  # (N, H)
    sentence_weights: Tensor | None  # (N, S), sum 1 over a document
    word_weights: Tensor | None  # (N, S, T), sum 1 over a sentence


def last_hidden(layer: SequenceLayer, state: Any) -> Tensor:
    """What a layer shows of its last `state`: (N, `layer.output_size`).

    h of an LSTM; of several layers that of the last; of two directions the merge of what each has at its own
    end of the sequence.
    """
    if isinstance(layer, Bidirectional):
        forward = last_hidden(layer.forward_layer, state.forward)
        backward = last_hidden(layer.backward_layer, state.backward)
        return merge_directions(forward, backward, layer.merge)
    if isinstance(layer, Stacked):
        top = layer.layers[-1]
        assert isinstance(top, SequenceLayer)
        return last_hidden(top, state[-1])
    hidden: Tensor = state.h if isinstance(state, LSTMState) else state
    return hidden


class HierarchicalEncoder(nn.Module):
    r"""A document read sentence by sentence: one vector each, and from those one for all.

    $$s_j = \mathrm{words}(x_{j1}, \ldots, x_{jT}), \qquad d = \mathrm{sentences}(s_1, \ldots, s_S)$$
    A layer's answer is its last hidden state or, with `attention`, the mean of its outputs by their weights.
    From any word to the answer it is at most T + S steps, where one long sequence would take S T, so that
    gradients have a shorter way. `words` and `sentences` are any layers that fit together, such as
    `Bidirectional(GRU(32, 16))` and `LSTM(32, 16)`.
    Shapes: tokens (N, S, T), or with `vocab_size=None` features (N, S, T, D) -> (N, H). Raises `ValueError`
    for other shapes, tokens outside the vocabulary, an empty document, or a gap between sentences.
    Source: Yang et al. (2016), Hierarchical attention networks for document classification; two scales of
    time, El Hihi and Bengio (1996), Hierarchical recurrent neural networks for long-term dependencies.
    """

    def __init__(
        self, vocab_size: int | None, words: SequenceLayer, sentences: SequenceLayer, attention: bool = False
    ) -> None:
        super().__init__()
        if words.output_size != sentences.input_size:
            raise ValueError(
                f"sentences expects {sentences.input_size} features of each sentence; "
                f"words gives {words.output_size}"
            )
        self.embedding = None if vocab_size is None else nn.Embedding(vocab_size, words.input_size)
        self.words = words
        self.sentences = sentences
        self.word_attention = Attention(words.output_size, None) if attention else None
        self.sentence_attention = Attention(sentences.output_size, None) if attention else None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.read(x, lengths).document

    def read(self, x: Tensor, lengths: Tensor | None = None) -> Reading:
        """The document's vector, and the weights of its sentences and words."""
        self._check(x)
        documents, most, steps = x.shape[:3]
        if lengths is None:
            lengths = torch.full((documents, most), steps, device=x.device)
        else:
            _check_lengths(lengths, documents, most, steps)
            lengths = lengths.to(x.device)
        real = lengths > 0  # (N, S)
        read = x[real]  # (R, T) or (R, T, D), the R real sentences of all documents
        if self.embedding is not None:
            read = self.embedding(read)  # (R, T, D)
        vectors, weights = _answer(self.words, self.word_attention, read, lengths[real])
        sentences = vectors.new_zeros(documents, most, vectors.shape[1]).index_put((real,), vectors)
        document, sentence_weights = _answer(
            self.sentences, self.sentence_attention, sentences, real.sum(dim=1)
        )  # (N, H), (N, S)
        if weights is not None:
            weights = weights.new_zeros(documents, most, steps).index_put((real,), weights)
        return Reading(document, sentence_weights, weights)

    def _check(self, x: Tensor) -> None:
        shape = tuple(x.shape)
        if self.embedding is None:
            if x.ndim != 4 or x.shape[3] != self.words.input_size or 0 in shape:
                expected = f"(N, S, T, {self.words.input_size})"
                raise ValueError(f"expected features of shape {expected}, none of them 0; got {shape}")
            return
        if x.ndim != 3 or x.dtype not in (torch.int32, torch.int64) or 0 in shape:
            raise ValueError(
                f"expected tokens as integers of shape (N, S, T), none of them 0; "
                f"got {x.dtype} of shape {shape}"
            )
        low, high = (int(end) for end in x.aminmax())
        if low < 0 or high >= self.embedding.num_embeddings:
            raise ValueError(
                f"expected tokens from 0 to {self.embedding.num_embeddings - 1}; got {low} to {high}"
            )


def _answer(
    layer: SequenceLayer, attention: Attention | None, x: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor | None]:
    """x (N, T, D) -> what the layer says of each sequence (N, H), and its weights (N, T) if it has any."""
    output, state = layer(x, lengths=lengths)
    if attention is None:
        return last_hidden(layer, state), None
    mask = torch.arange(x.shape[1], device=x.device) < lengths[:, None]  # (N, T)
    context, weights = attention(output, mask=mask)
    return context, weights


def _check_lengths(lengths: Tensor, documents: int, sentences: int, steps: int) -> None:
    if lengths.shape != (documents, sentences) or lengths.dtype not in (torch.int32, torch.int64):
        raise ValueError(
            f"lengths must be integers of shape ({documents}, {sentences}), one length per sentence; "
            f"got {lengths.dtype} of shape {tuple(lengths.shape)}"
        )
    low, high = (int(end) for end in lengths.aminmax())
    if low < 0 or high > steps:
        raise ValueError(f"lengths must lie between 0 and T = {steps}; got {low} to {high}")
    real = (lengths > 0).long()  # (N, S)
    broken = (real[:, 0] == 0) | (real.diff(dim=1) > 0).any(dim=1)  # (N,)
    if broken.any():
        row = int(broken.nonzero()[0])
        raise ValueError(
            "lengths of 0 must stand behind a document's sentences, of which there is at least one; "
            f"got {lengths[row].tolist()} in row {row}"
        )
