"""The models: exact counts, padding, and a language model that continues a text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from coursekit.nn.sequence import LanguageModel, SequenceClassifier, SequenceRegressor, TextClassifier

V = 11


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=["rnn", "lstm", "gru"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    return LanguageModel(V, 6, 5, cell=request.param)


def counts(model: nn.Module) -> list[int]:
    """Parameters of each part that has any, in order."""
    parts = [sum(parameter.numel() for parameter in part.parameters()) for part in model.children()]
    return [count for count in parts if count]


REFERENCE = {
    "RNN-22": (lambda: SequenceClassifier(1000, 64, 128, 10), [64_000, 98_816, 1_290], 164_106),
    "RNN-48": (lambda: SequenceRegressor(1, 50), [10_400, 51], 10_451),
    "RNN-49": (TextClassifier, [16_000, 6_272, 8_448, 257], 30_977),
    "RNN-50": (lambda: SequenceClassifier(10_000, 32, 5, 1), [320_000, 760, 6], 320_766),
    "RNN-57": (lambda: SequenceClassifier(None, 50, 128, 1, cell="gru"), [69_120, 129], 69_249),
    "RNN-58": (lambda: SequenceClassifier(10_000, 32, 5, 1, cell="gru"), [320_000, 585, 6], 320_591),
}


@pytest.mark.parametrize(
    ("make", "parts", "total"),
    [pytest.param(*row, id=topic, marks=pytest.mark.topic(topic)) for topic, row in REFERENCE.items()],
)
def test_parameter_counts(make: Callable[[], nn.Module], parts: list[int], total: int) -> None:
    with torch.device("meta"):
        assert counts(make()) == parts
    assert sum(parts) == total


@pytest.mark.topic("RNN-11", "RNN-22")
def test_shapes_on_the_way_through_a_classifier() -> None:
    model = SequenceClassifier(1000, 64, 128, 10)
    shapes: list[tuple[int, ...]] = []
    for part in model.children():
        part.register_forward_pre_hook(lambda module, arguments: shapes.append(tuple(arguments[0].shape)))
    logits = model(torch.randint(1000, (3, 7)))
    assert [*shapes, tuple(logits.shape)] == [(3, 7), (3, 7, 64), (3, 128), (3, 10)]


MODELS = {
    "lstm classifier": lambda: SequenceClassifier(V, 6, 5, 3),
    "gru classifier": lambda: SequenceClassifier(V, 6, 5, 3, cell="gru"),
    "rnn classifier": lambda: SequenceClassifier(V, 6, 5, 3, cell="rnn"),
    "classifier of features": lambda: SequenceClassifier(None, 6, 5, 3),
    "regressor": lambda: SequenceRegressor(6, 5),
    "text classifier": lambda: TextClassifier(V).eval(),
    "language model": lambda: LanguageModel(V, 6, 5),
}


@pytest.mark.parametrize("name", MODELS)
def test_padding_behind_the_end_changes_nothing(name: str) -> None:
    model = MODELS[name]()
    reads_tokens = getattr(model, "embedding", None) is not None
    x = torch.randint(V, (2, 7)) if reads_tokens else torch.randn(2, 7, 6)

    def answer(x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What is said about the second sequence, at its last real step."""
        if isinstance(model, LanguageModel):
            return model(x, lengths=lengths)[0][-1, 3]
        return model(x, lengths)[-1]

    padded = x.clone()
    padded[1, 4:] = 0
    lengths = torch.tensor([7, 4])
    alone = answer(x[1:, :4])
    assert_close(answer(x, lengths), alone)
    assert_close(answer(padded, lengths), alone)
    if not isinstance(model, LanguageModel):
        assert (answer(x) - alone).abs().max() > 1e-3, "without lengths the padding is read"


@pytest.mark.topic("RNN-49")
def test_text_classifier_drops_in_training_only() -> None:
    model, tokens = TextClassifier(), torch.randint(1000, (2, 20))
    assert not torch.equal(model(tokens), model(tokens))
    model.eval()
    assert torch.equal(model(tokens), model(tokens))


@pytest.mark.topic("RNN-49")
def test_text_classifier_part_by_part() -> None:
    model, tokens = TextClassifier(), torch.randint(1000, (2, 20))
    assert (model.layer.input_dropout, model.layer.recurrent_dropout) == (0.1, 0.1)
    model.eval()
    read = model.layer(model.embedding.weight[tokens])[0][:, -1]  # (N, 32)
    dense = torch.sigmoid(read @ model.dense.weight.T + model.dense.bias)  # (N, 256)
    assert_close(model(tokens), dense @ model.head.weight.T + model.head.bias)


@pytest.mark.topic("RNN-63")
def test_language_model_drops_before_and_after_its_layer() -> None:
    model = LanguageModel(V, 64, 64, dropout=0.25)
    read: list[Tensor] = []
    for part in (model.layer, model.head):
        part.register_forward_pre_hook(lambda module, arguments: read.append(arguments[0]))
    model(torch.randint(V, (4, 30)))
    assert [x.shape for x in read] == [(4, 30, 64)] * 2
    for x in read:
        assert (x == 0).double().mean().item() == pytest.approx(0.25, abs=0.02)  # four standard deviations


@pytest.mark.topic("RNN-13")
def test_language_model_reads_left_to_right_and_in_pieces(model: LanguageModel) -> None:
    tokens = torch.randint(V, (2, 9))
    logits, _ = model(tokens)
    assert logits.shape == (2, 9, V)
    changed = tokens.clone()
    changed[:, 5] = (changed[:, 5] + 1) % V
    different = (model(changed)[0] != logits).any(dim=-1)
    assert not different[:, :5].any() and different[:, 5:].all()
    first, state = model(tokens[:, :4])
    second, _ = model(tokens[:, 4:], state)
    assert_close(torch.cat([first, second], dim=1), logits)


@pytest.mark.topic("RNN-13")
def test_language_model_learns_a_sequence_by_heart(model: LanguageModel) -> None:
    text = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 10]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        loss = nn.functional.cross_entropy(model(text[:, :-1])[0][0], text[0, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    assert torch.equal(model.generate(text[0, :1], 12, temperature=0), text[0])


@pytest.mark.topic("RNN-13")
def test_greedy_continuation_is_the_most_probable_token_each_time(model: LanguageModel) -> None:
    prompt = torch.tensor([3, 1, 4])
    tokens = model.generate(prompt, 5, temperature=0)
    assert tokens.dtype == prompt.dtype and torch.equal(tokens[:3], prompt)
    for end in range(3, 8):
        assert tokens[end] == model(tokens[None, :end])[0][0, -1].argmax()
    assert torch.equal(model.generate(prompt, 5, temperature=1e-6), tokens)


@pytest.mark.topic("RNN-13")
def test_sampling_is_repeatable_and_leaves_out_what_it_should(model: LanguageModel) -> None:
    prompt = torch.tensor([3])

    def sample(seed: int, exclude: tuple[int, ...] = ()) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return model.generate(prompt, 200, temperature=2.0, generator=generator, exclude=exclude)

    assert torch.equal(sample(0), sample(0)) and not torch.equal(sample(0), sample(1))
    assert set(sample(0).tolist()) == set(range(V))
    assert set(sample(0, exclude=(0, 1)).tolist()) == set(range(2, V))


def test_generation_rests_dropout_and_puts_the_mode_back() -> None:
    model = LanguageModel(V, 6, 5, dropout=0.5)
    prompt = torch.tensor([3, 1])
    assert not torch.equal(model(prompt[None])[0], model(prompt[None])[0])
    assert torch.equal(model.generate(prompt, 20, temperature=0), model.generate(prompt, 20, temperature=0))
    assert model.training
    model.eval().generate(prompt, 1)
    assert not model.training


TOKENS = torch.zeros(2, 3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: LanguageModel(V, 6, 5, cell="elman"),
            "cell must be one of 'rnn', 'lstm', 'gru'; got 'elman'",
        ),
        (
            lambda: LanguageModel(V, 6, 5)(TOKENS[0]),
            r"tokens as integers of shape \(N, T\); got .* of shape \(3,\)",
        ),
        (
            lambda: TextClassifier()(TOKENS.float()),
            r"tokens as integers of shape \(N, T\); got torch.float32",
        ),
        (lambda: SequenceClassifier(V, 6, 5, 1)(TOKENS + V), "tokens from 0 to 10; got 11 to 11"),
        (lambda: SequenceClassifier(V, 6, 5, 1)(TOKENS - 1), "tokens from 0 to 10; got -1 to -1"),
        (lambda: SequenceClassifier(V, 6, 5, 1)(TOKENS[:, :0]), r"T at least 1; got \(2, 0, 6\)"),
        (lambda: SequenceRegressor(1, 5)(torch.zeros(2, 3)), r"shape \(N, T, 1\) .*; got \(2, 3\)"),
        (
            lambda: LanguageModel(V, 6, 5).generate(TOKENS, 1),
            r"at least one token in shape \(T,\); got \(2, 3\)",
        ),
        (lambda: LanguageModel(V, 6, 5).generate(TOKENS[0, :0], 1), r"at least one token .*; got \(0,\)"),
        (
            lambda: LanguageModel(V, 6, 5).generate(TOKENS[0], 1, temperature=-1),
            "temperature .* at least 0; got -1",
        ),
        (
            lambda: LanguageModel(V, 6, 5).generate(TOKENS[0], 1, float("nan")),
            "temperature .* at least 0; got nan",
        ),
    ],
)
def test_errors_say_what_was_expected_and_received(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
