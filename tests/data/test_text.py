"""Tokens, vocabulary, windows, padding and masks: properties over all texts, and bad input."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence

from coursekit.data import text
from coursekit.data.text import Vocabulary

SENTENCE = 'The "forget gate" (Gers et al.) isn\'t a switch: os.path, len() and 0.99 are words.\n\nYes!'


def test_words_are_the_pieces_a_reader_would_name():
    assert text.tokenize(SENTENCE) == [
        *("The", '"', "forget", "gate", '"', "(", "Gers", "et", "al", ".", ")", "isn't", "a", "switch", ":"),
        *("os.path", ",", "len()", "and", "0.99", "are", "words", ".", "\n", "\n", "Yes", "!"),
    ]
    assert text.join(text.tokenize(SENTENCE)) == SENTENCE


@given(st.text(min_size=1))
def test_characters_give_the_text_back(sample):
    assert text.join(text.tokenize(sample, "char"), "char") == sample


LIKELY = st.text(alphabet="ab1_.,'\"-()[]: \n\u00e9", min_size=1)


@given(LIKELY | st.text(min_size=1))
def test_joined_words_have_the_same_tokens(sample):
    if sample.isspace() and "\n" not in sample:
        return
    tokens = text.tokenize(sample)
    assert text.tokenize(text.join(tokens)) == tokens


@pytest.mark.parametrize("sample", ["", "  \t "])
def test_a_text_without_words_is_refused(sample):
    with pytest.raises(ValueError, match="expected a text with at least one word, received"):
        text.tokenize(sample)


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="level must be 'word' or 'char', received 'byte'"):
        text.tokenize("a", "byte")  # type: ignore[arg-type]


def test_description_counts_words_and_characters():
    assert text.describe("to be or not to be") == "6 words (4 different), 18 characters (7 different)"


# Vocabulary


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "\n", "<unk>"]) | st.text(min_size=1), min_size=1))
def test_encode_and_decode_are_inverse(tokens):
    if all(token in (text.PAD, text.UNK) for token in tokens):
        return
    vocabulary = Vocabulary(tokens)
    ids = vocabulary.encode(tokens)
    assert ids.dtype == torch.int64 and ids.shape == (len(tokens),)
    assert vocabulary.decode(ids) == tokens
    assert len(vocabulary) == len({*tokens, text.PAD, text.UNK})


def test_ids_go_by_frequency_then_alphabet_after_the_specials():
    assert Vocabulary("d c b a c a".split()).tokens == ["<pad>", "<unk>", "a", "c", "b", "d"]
    assert Vocabulary("d c b a c a".split(), min_count=2).tokens == ["<pad>", "<unk>", "a", "c"]
    assert Vocabulary("d c b a c a".split(), max_size=3).tokens == ["<pad>", "<unk>", "a"]


def test_an_unknown_token_is_unk_or_named():
    vocabulary = Vocabulary(["gate", "cell"])
    assert vocabulary.decode(vocabulary.encode(["cell", "peephole"])) == ["cell", "<unk>"]
    with pytest.raises(
        ValueError, match="expected tokens of the vocabulary, received 'peephole' at position 1"
    ):
        vocabulary.encode(["cell", "peephole"], unknown="error")
    with pytest.raises(ValueError, match="unknown must be 'unk' or 'error', received 'skip'"):
        vocabulary.encode(["cell"], unknown="skip")  # type: ignore[arg-type]


def test_a_string_is_no_list_of_tokens():
    with pytest.raises(TypeError, match="received a string: tokenize it first"):
        Vocabulary("gate")
    with pytest.raises(TypeError, match="received a string: tokenize it first"):
        Vocabulary(["gate"]).encode("gate")


def test_a_vocabulary_needs_tokens():
    with pytest.raises(ValueError, match="a token that occurs at least 1 times, received none in 0"):
        Vocabulary([])
    with pytest.raises(ValueError, match="a token that occurs at least 3 times, received none in 4"):
        Vocabulary("a b a b".split(), min_count=3)
    with pytest.raises(ValueError, match="max_size must be at least 3"):
        Vocabulary(["a"], max_size=2)


@pytest.mark.parametrize("index", [-1, 3])
def test_an_id_outside_the_vocabulary_is_refused(index):
    with pytest.raises(ValueError, match=f"an id must be from 0 to 2, received {index}"):
        Vocabulary(["a"]).decode(torch.tensor([2, index]))


def test_ids_are_whole_numbers():
    with pytest.raises(TypeError, match="float"):
        Vocabulary(["a"]).decode(torch.tensor([float("nan")]))


# Windows


@st.composite
def cuts(draw):
    length, batch_size = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    return draw(st.integers(length * batch_size + 1, 120)), length, batch_size


@pytest.mark.topic("RNN-13", "RNN-15")
@given(cuts())
def test_windows_predict_every_token_once_and_rows_go_on(cut):
    total, length, batch_size = cut
    batches = text.windows(torch.arange(total), length, batch_size)  # the id of a token is its place
    assert all(part.shape == (batch_size, length) for batch in batches for part in batch)
    for inputs, targets in batches:
        assert torch.equal(targets, inputs + 1)
    for before, after in zip(batches, batches[1:], strict=False):
        assert torch.equal(after.inputs[:, 0], before.inputs[:, -1] + 1)
    predicted = torch.cat([targets.flatten() for _, targets in batches]).sort().values
    assert torch.equal(predicted, torch.arange(1, len(predicted) + 1))  # each once, from the second token on
    assert 0 <= total - 1 - len(predicted) < length * batch_size


@given(cuts())
def test_chunks_are_the_windows_in_the_order_of_the_text(cut):
    total, length, _ = cut
    inputs, targets = text.chunks(torch.arange(total), length)
    assert torch.equal(inputs.flatten(), torch.arange(inputs.numel()))
    assert torch.equal(targets, inputs + 1)
    assert 0 <= total - 1 - targets.numel() < length


@pytest.mark.parametrize(
    ("ids", "length", "batch_size", "message"),
    [
        (torch.arange(20), 10, 2, "2 windows of 10 need at least 21 tokens, received 20"),
        (torch.arange(5), 10, 1, "1 windows of 10 need at least 11 tokens, received 5"),
        (torch.arange(0), 1, 1, "need at least 2 tokens, received 0"),
        (torch.arange(20), 0, 2, "at least 1, received 0 and 2"),
        (torch.arange(20), 2, 0, "at least 1, received 2 and 0"),
        (
            torch.zeros(3, 4).long(),
            1,
            1,
            r"expected int64 ids of shape \(L,\), received torch.int64 of shape \(3, 4\)",
        ),
        (torch.full((9,), float("nan")), 1, 1, r"expected int64 ids of shape \(L,\), received torch.float32"),
    ],
)
def test_windows_refuse_what_they_cannot_cut(ids, length, batch_size, message):
    with pytest.raises(ValueError, match=message):
        text.windows(ids, length, batch_size)


# Padding and masks

RAGGED = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=9), min_size=1, max_size=6)


@pytest.mark.topic("RNN-50")
@given(RAGGED, st.sampled_from(["right", "left"]))
def test_padding_equals_torch_and_the_mask_finds_the_tokens(sequences, side):
    padded, lengths = text.pad(sequences, side=side)
    expected = pad_sequence([torch.tensor(s) for s in sequences], batch_first=True, padding_side=side)
    assert torch.equal(padded, expected)
    assert lengths.tolist() == [len(s) for s in sequences]
    real = text.mask(lengths, side=side)
    assert torch.equal(real, padded != 0)
    assert padded[real].tolist() == [token for sequence in sequences for token in sequence]


@pytest.mark.topic("RNN-50")
@given(RAGGED, st.integers(1, 12))
def test_a_fixed_length_cuts_where_it_pads(sequences, length):
    left, lengths = text.pad(sequences, side="left", length=length)
    right, _ = text.pad(sequences, side="right", length=length)
    for sequence, front, back, real in zip(sequences, left.tolist(), right.tolist(), lengths, strict=True):
        assert front == [0] * (length - len(sequence)) + sequence[-length:]
        assert back == sequence[:length] + [0] * (length - len(sequence))
        assert real == min(len(sequence), length)
    assert torch.equal(text.mask(lengths, length, side="left"), left != 0)


def test_the_padding_value_can_be_chosen():
    padded, _ = text.pad([torch.tensor([4]), [5, 6]], value=-100)
    assert padded.tolist() == [[4, -100], [5, 6]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": []}, "expected at least one sequence, received none"),
        ({"sequences": [[1], []]}, "sequence 1 must hold at least one integer id"),
        (
            {"sequences": [[float("nan")]]},
            "sequence 0 must hold at least one integer id, received torch.float32",
        ),
        ({"sequences": [torch.zeros(0).long()]}, r"sequence 0 .* received torch.int64 of shape \(0,\)"),
        ({"sequences": [torch.ones(2, 2).long()]}, r"sequence 0 .* of shape \(2, 2\)"),
        ({"sequences": [[1]], "side": "front"}, "side must be 'right' or 'left', received 'front'"),
        ({"sequences": [[1]], "length": 0}, "length must be at least 1, received 0"),
    ],
)
def test_pad_refuses_what_no_layer_could_read(arguments, message):
    with pytest.raises(ValueError, match=message):
        text.pad(**arguments)


@pytest.mark.parametrize(
    ("lengths", "length", "message"),
    [
        (torch.tensor([3, 5]), 4, "lengths must be from 0 to 4, received 3 to 5"),
        (torch.tensor([-1, 2]), None, "lengths must be from 0 to 2, received -1 to 2"),
        (
            torch.tensor([1.0, float("nan")]),
            None,
            r"expected int64 lengths of shape \(N,\), received torch.float32",
        ),
        (torch.tensor(3), None, r"of shape \(\)"),
        (torch.tensor([]).long(), None, r"of shape \(0,\)"),
    ],
)
def test_mask_refuses_impossible_lengths(lengths, length, message):
    with pytest.raises(ValueError, match=message):
        text.mask(lengths, length)


# Files


def test_a_file_is_read_as_text(tmp_path):
    path = tmp_path / "play.txt"
    path.write_bytes("\ufeffFirst Citizen:\r\nSpeak, caf\u00e9!\rEnd\n".encode())
    assert text.read(path) == "First Citizen:\nSpeak, caf\u00e9!\nEnd\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"expected text, but .*play.txt has none \(0 bytes\)"),
        (b" \n", r"has none \(2 bytes\)"),
        (b"caf\xe9 noir", "expected UTF-8 text, but .*play.txt has the byte 0xe9 at offset 3"),
        (b"\xef\xbb\xbfab\xff", "byte 0xff at offset 5"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, message):
    path = tmp_path / "play.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        text.read(path)


def test_a_missing_file_or_a_folder_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"expected a text file, received .*lear.txt, which is missing"
    ):
        text.read(tmp_path / "lear.txt")
    with pytest.raises(FileNotFoundError, match="which is a folder"):
        text.read(tmp_path)
