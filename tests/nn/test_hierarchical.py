"""Documents of sentences of words: the same as both layers by hand, and blind to padding on both scales."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from coursekit.nn.hierarchical import HierarchicalEncoder, last_hidden
from coursekit.nn.recurrent import GRU, LSTM, RNN, Bidirectional, SequenceLayer, Stacked

pytestmark = pytest.mark.topic("RNN-68")
V = 11
LENGTHS = torch.tensor([[4, 1, 3], [2, 0, 0], [5, 5, 0]])  # words in 3, 1 and 2 sentences of at most 5
LAYERS: dict[str, Callable[[], tuple[SequenceLayer, SequenceLayer]]] = {
    "rnn": lambda: (RNN(4, 3), RNN(3, 2)),
    "lstm": lambda: (LSTM(4, 3), LSTM(3, 2)),
    "gru": lambda: (GRU(4, 3), GRU(3, 2)),
    "both directions": lambda: (Bidirectional(GRU(4, 3)), Bidirectional(LSTM(6, 2), "sum")),
    "several layers": lambda: (
        Stacked([LSTM(4, 5), Bidirectional(LSTM(5, 3), "max")]),
        Stacked([GRU(3, 3), GRU(3, 2)]),
    ),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=[(name, attention) for name in LAYERS for attention in (False, True)], ids=str)
def encoder(request: pytest.FixtureRequest) -> HierarchicalEncoder:
    name, attention = request.param
    return HierarchicalEncoder(V, *LAYERS[name](), attention=attention).double()


def by_hand(encoder: HierarchicalEncoder, tokens: Tensor, lengths: list[int]) -> Tensor:
    """One document (S, T) -> its vector (H,), sentence by sentence, with no padding anywhere."""

    def answer(layer: SequenceLayer, attention: torch.nn.Module | None, x: Tensor) -> Tensor:
        output, state = layer(x[None])
        return last_hidden(layer, state)[0] if attention is None else attention(output).context[0]

    sentences = [
        answer(encoder.words, encoder.word_attention, encoder.embedding.weight[row[:length]])
        for row, length in zip(tokens, lengths, strict=True)
        if length > 0
    ]
    return answer(encoder.sentences, encoder.sentence_attention, torch.stack(sentences))


def test_a_document_is_read_sentence_by_sentence(encoder: HierarchicalEncoder) -> None:
    tokens = torch.randint(V, (3, 3, 5))
    documents = encoder(tokens, LENGTHS)
    assert documents.shape == (3, encoder.sentences.output_size)
    for n in range(3):
        assert_close(documents[n], by_hand(encoder, tokens[n], LENGTHS[n].tolist()))
    full = encoder(tokens)  # without lengths everything is real
    for n in range(3):
        assert_close(full[n], by_hand(encoder, tokens[n], [5, 5, 5]))


def test_padding_of_words_and_sentences_changes_nothing(encoder: HierarchicalEncoder) -> None:
    real = torch.arange(5) < LENGTHS[:, :, None]
    tokens = torch.where(real, torch.randint(1, V, (3, 3, 5)), 0)
    other = torch.where(real, tokens, 7)
    before = encoder(tokens, LENGTHS)
    assert_close(encoder(other, LENGTHS), before)
    wider = torch.full((3, 6, 9), 7)
    wider[:, :3, :5] = tokens
    assert_close(encoder(wider, torch.nn.functional.pad(LENGTHS, (0, 3))), before)
    assert_close(encoder(tokens[1:2, :1, :2], LENGTHS[1:2, :1])[0], before[1])
    assert (encoder(tokens) - before).abs().max() > 1e-6, "without lengths the padding is read"
    gradient = torch.autograd.grad(before.square().sum(), encoder.embedding.weight)[0]
    assert not gradient[0].any() and gradient[tokens[0, 0, 0]].any()


def test_gradients_reach_every_weight_through_all_sentences() -> None:
    encoder = HierarchicalEncoder(None, GRU(4, 3), GRU(3, 2)).double()
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([[5, 2, 3], [1, 4, 0]])
    assert torch.autograd.gradcheck(lambda x: encoder(x, lengths), x)
    gradients = torch.autograd.grad(encoder(x, lengths).square().sum(), [x, *encoder.parameters()])
    assert all(gradient.any() for gradient in gradients)
    real = torch.arange(5) < lengths[:, :, None]
    assert (gradients[0][real].any(dim=-1)).all() and not gradients[0][~real].any()


def test_weights_say_where_a_document_was_read() -> None:
    encoder = HierarchicalEncoder(V, Bidirectional(GRU(4, 3)), GRU(6, 2), attention=True)
    reading = encoder.read(torch.randint(V, (3, 3, 5)), LENGTHS)
    sentences, words = reading.sentence_weights, reading.word_weights
    real = torch.arange(5) < LENGTHS[:, :, None]
    assert sentences.shape == (3, 3) and words.shape == (3, 3, 5)
    assert_close(sentences.sum(dim=1), torch.ones(3))
    assert_close(words.sum(dim=2), (LENGTHS > 0).float())
    assert not words[~real].any() and (words[real] > 0).all() and not sentences[LENGTHS == 0].any()
    plain = HierarchicalEncoder(V, GRU(4, 3), GRU(3, 2)).read(torch.randint(V, (3, 3, 5)))
    assert plain.sentence_weights is None and plain.word_weights is None


def test_the_way_from_a_word_to_the_answer_is_short() -> None:
    """S + T steps one after the other instead of S T; padding sentences are not read at all."""
    encoder = HierarchicalEncoder(V, LSTM(4, 3), LSTM(3, 2))
    shapes: list[tuple[int, ...]] = []
    for layer in (encoder.words, encoder.sentences):
        layer.register_forward_pre_hook(lambda module, arguments: shapes.append(tuple(arguments[0].shape)))
    encoder(torch.randint(V, (3, 3, 5)), LENGTHS)
    assert shapes == [(6, 5, 4), (3, 3, 3)]


def test_order_matters_on_both_scales() -> None:
    encoder, tokens = HierarchicalEncoder(V, GRU(4, 3), GRU(3, 2)), torch.arange(6).view(1, 2, 3)
    for other in (tokens.flip(1), tokens.flip(2), tokens.view(1, 3, 2)):
        assert (encoder(other) - encoder(tokens)).abs().max() > 1e-4


@pytest.mark.parametrize("merge", ["concat", "sum", "average", "max", "product"])
def test_the_last_word_of_both_directions_is_at_both_ends(merge: str) -> None:
    layer = Bidirectional(LSTM(4, 3), merge)
    x = torch.randn(2, 5, 4)
    _, state = layer(x)
    forward, backward = layer.forward_layer(x)[1].h, layer.backward_layer(x.flip(1))[1].h
    got = last_hidden(layer, state)
    assert got.shape == (2, layer.output_size)
    if merge == "concat":
        assert_close(got, torch.cat([forward, backward], dim=1))
    if merge == "average":
        assert_close(got, 0.5 * forward + 0.5 * backward)


def test_parameter_counts() -> None:
    encoder = HierarchicalEncoder(
        1000, Bidirectional(GRU(50, 25)), Bidirectional(GRU(50, 25)), attention=True
    )
    parts = [sum(p.numel() for p in part.parameters()) for part in encoder.children()]
    direction = 3 * 25 * (50 + 25 + 2)
    assert parts == [50_000, 2 * direction, 2 * direction, 50 * 52, 50 * 52]


TOKENS = torch.zeros(2, 3, 4, dtype=torch.int64)
FULL = torch.full((2, 3), 4)


def encode(x: Tensor = TOKENS, lengths: Tensor | None = None, vocab_size: int | None = V) -> Tensor:
    return HierarchicalEncoder(vocab_size, GRU(4, 3), GRU(3, 2))(x, lengths)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: HierarchicalEncoder(V, GRU(4, 3), GRU(4, 2)),
            "sentences expects 4 features .*; words gives 3",
        ),
        (lambda: encode(TOKENS[0]), r"integers of shape \(N, S, T\), .*; got torch.int64 of shape \(3, 4\)"),
        (lambda: encode(TOKENS.float()), "got torch.float32"),
        (lambda: encode(TOKENS[:, :, :0]), r"none of them 0; got .* \(2, 3, 0\)"),
        (lambda: encode(TOKENS + V), "tokens from 0 to 10; got 11 to 11"),
        (lambda: encode(torch.zeros(2, 3, 4, 5), vocab_size=None), r"\(N, S, T, 4\), .*; got \(2, 3, 4, 5\)"),
        (
            lambda: encode(lengths=FULL[:, :2]),
            r"integers of shape \(2, 3\), .*; got torch.int64 of .*\(2, 2\)",
        ),
        (lambda: encode(lengths=FULL.float()), r"integers of shape \(2, 3\), .*; got torch.float32"),
        (lambda: encode(lengths=FULL + 1), "between 0 and T = 4; got 5 to 5"),
        (lambda: encode(lengths=FULL - 5), "between 0 and T = 4; got -1 to -1"),
        (lambda: encode(lengths=torch.tensor([[1, 2, 0], [1, 0, 2]])), r"got \[1, 0, 2\] in row 1"),
        (lambda: encode(lengths=torch.tensor([[0, 0, 0], [1, 2, 2]])), r"got \[0, 0, 0\] in row 0"),
    ],
)
def test_errors_say_what_was_expected_and_received(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
