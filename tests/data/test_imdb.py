"""The reader of IMDb's reviews, on a small archive of the same layout, whole and damaged."""

import hashlib
import io
import tarfile

import pytest
import torch

from coursekit.data import imdb as module
from coursekit.data.archive import ArchiveError
from coursekit.data.download import DownloadError
from coursekit.data.imdb import imdb, words

REVIEWS = {
    "train/neg/0_2.txt": "A bad, BAD film.<br /><br />It isn't good.",
    "train/neg/10_1.txt": "Bad acting; bad film; the end: 10/10 bad.",
    "train/neg/2_4.txt": "film film",
    "train/pos/0_10.txt": "Good! A good film.",
    "train/pos/1_7.txt": "Très good\u2026 the film of the year",
    "train/pos/2_8.txt": "good",
    "test/neg/0_3.txt": "An unseen word, bad",
    "test/neg/1_1.txt": "bad",
    "test/neg/2_1.txt": "bad film",
    "test/pos/0_9.txt": "good film",
    "test/pos/1_9.txt": "good",
    "test/pos/2_9.txt": "the end",
}
OTHERS = {  # what else is in the real archive
    "README": "Large Movie Review Dataset",
    "imdb.vocab": "the\nand\n",
    "train/urls_pos.txt": "http://www.imdb.com/title/tt0453418/usercomments\n",
    "train/unsup/0_0.txt": "no verdict here, so nobody reads it",
}


def archive(path, files=REVIEWS, top="aclImdb"):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {**OTHERS, **files}.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            raw = content if isinstance(content, bytes) else content.encode()
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    return path


@pytest.fixture
def packed(tmp_path):
    return archive(tmp_path / "aclImdb_v1.tar.gz")


@pytest.mark.topic("RNN-50", "APP-14")
def test_words_are_small_and_without_marks():
    assert words("A bad, BAD film.<br /><br />It isn't 'good': 10/10!") == (
        ["a", "bad", "bad", "film", "it", "isn't", "good", "10", "10"]
    )
    assert words("<br />...") == []


@pytest.mark.topic("RNN-50", "APP-14")
def test_reviews_become_ids_padded_at_the_front(packed):
    train, test, vocabulary = imdb(packed, length=5, per_folder=3)
    assert train.tokens.shape == test.tokens.shape == (6, 5)
    assert train.tokens.dtype == train.labels.dtype == torch.int64
    assert train.labels.tolist() == test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert vocabulary.tokens[:6] == ["<pad>", "<unk>", "film", "bad", "good", "the"]  # 6, 5, 5 and 3 times
    read_back = [vocabulary.decode(row) for row in train.tokens]
    assert read_back[0] == ["bad", "film", "it", "isn't", "good"]  # the last five
    assert read_back[1] == ["<pad>"] * 3 + ["film", "film"]  # number 2 comes before number 10
    assert read_back[2] == ["the", "end", "10", "10", "bad"]
    assert read_back[3] == ["<pad>", "good", "a", "good", "film"]
    assert read_back[4] == ["the", "film", "of", "the", "year"]
    assert vocabulary.decode(test.tokens[0]) == [
        "<pad>",
        "<unk>",
        "<unk>",
        "<unk>",
        "bad",
    ]  # of the training part


@pytest.mark.topic("RNN-50")
def test_only_the_most_frequent_words_have_ids(packed):
    train, test, vocabulary = imdb(packed, vocab_size=5, length=8, per_folder=None)
    assert vocabulary.tokens == ["<pad>", "<unk>", "film", "bad", "good"]
    assert train.tokens[2].tolist() == [1, 3, 2, 1, 1, 1, 1, 3]  # acting bad film the end 10 10 bad
    assert train.tokens.max() == 4
    assert [vocabulary.decode(row) for row in test.tokens[1:4, -2:]] == (
        [["<pad>", "bad"], ["bad", "film"], ["good", "film"]]
    )


@pytest.mark.topic("RNN-50")
def test_archive_folder_and_the_folder_around_it_give_the_same(packed, tmp_path):
    first = imdb(packed, per_folder=3)
    for source in (tmp_path / "aclImdb_v1", tmp_path / "aclImdb_v1" / "aclImdb", packed, str(packed)):
        again = imdb(source, per_folder=3)
        assert torch.equal(first.train.tokens, again.train.tokens)
        assert torch.equal(first.test.tokens, again.test.tokens)


@pytest.mark.topic("RNN-50")
def test_the_archive_is_fetched_once_and_checked(packed, home, monkeypatch):
    monkeypatch.setattr(module, "IMDB_URL", packed.as_uri())
    monkeypatch.setattr(module, "IMDB_SHA256", hashlib.sha256(packed.read_bytes()).hexdigest())
    first = imdb(per_folder=3)
    packed.unlink()
    again = imdb(per_folder=3)
    assert torch.equal(first.train.tokens, again.train.tokens)
    assert (home / "imdb" / "aclImdb" / "train" / "pos").is_dir()


def test_another_file_than_the_published_one_is_refused(packed, home, monkeypatch):
    monkeypatch.setattr(module, "IMDB_URL", packed.as_uri())
    with pytest.raises(DownloadError, match=f"its SHA-256 must be {module.IMDB_SHA256}"):
        imdb()


def test_the_real_set_is_expected_by_default(packed):
    with pytest.raises(ValueError, match=r"expected 12500 reviews \(.txt\) in .*train/neg, received 3"):
        imdb(packed)


DAMAGED = {
    "a review too few": ({"test/pos/2_9.txt": None}, ValueError, "expected 3 reviews .*test/pos, received 2"),
    "empty": ({"train/pos/2_8.txt": ""}, ValueError, r"expected text, but .*2_8.txt has none \(0 bytes\)"),
    "no word": ({"test/neg/1_1.txt": "<br />?!"}, ValueError, "expected a review, but .*1_1.txt has no word"),
    "not UTF-8": ({"train/neg/0_2.txt": b"bad \xff"}, ValueError, "0_2.txt has the byte 0xff at offset 4"),
    "wrong stars": (
        {"train/neg/2_4.txt": None, "train/neg/2_9.txt": "good"},
        ValueError,
        "number_stars.txt with 1 to 4 stars, received .*2_9.txt",
    ),
    "odd name": (
        {"train/pos/2_8.txt": None, "train/pos/notes.txt": "my notes"},
        ValueError,
        "7 to 10 stars, received .*notes.txt",
    ),
    "no pos": (
        {name: None for name in REVIEWS if name.startswith("train/pos")},
        FileNotFoundError,
        "expected the folder .*aclImdb/train/pos of reviews",
    ),
    "no test": (
        {name: None for name in REVIEWS if name.startswith("test")},
        FileNotFoundError,
        "expected the folder .*aclImdb/test/neg of reviews",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "error", "message"), DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_wrong_with_the_files_is_named(tmp_path, changes, error, message):
    files = {name: content for name, content in {**REVIEWS, **changes}.items() if content is not None}
    with pytest.raises(error, match=message) as caught:
        imdb(archive(tmp_path / "a.tar.gz", files), per_folder=3)
    assert "\n" not in str(caught.value)


def test_damaged_foreign_and_missing_archives_are_reported(packed, tmp_path):
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match=r"aclImdb_v1.tar.gz is damaged"):
        imdb(packed)
    assert [path.name for path in tmp_path.iterdir()] == ["aclImdb_v1.tar.gz"]  # nothing half unpacked
    with pytest.raises(ArchiveError, match="outside the folder"):
        imdb(archive(tmp_path / "evil.tar.gz", top=".."))
    with pytest.raises(FileNotFoundError, match="expected the folder .*aclImdb/train/neg"):
        imdb(archive(tmp_path / "other.tar.gz", top="somethingelse"))
    with pytest.raises(FileNotFoundError, match="expected an archive, but .*none.tar.gz is not a file"):
        imdb(tmp_path / "none.tar.gz")
    with pytest.raises(FileNotFoundError, match="expected the folder .*nowhere.*train/neg"):
        imdb(tmp_path / "nowhere")


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="expected vocab_size >= 3 and length >= 1, received 2 and 100"):
        imdb(vocab_size=2)
    with pytest.raises(ValueError, match="received 10000 and 0"):
        imdb(length=0)
