"""The documentation corpus: its size, its cleanness, and that no part of it leaks into another."""

import re
import subprocess
import sys
import time

import pytest

from coursekit.data import corpus, text


def test_it_has_about_a_hundred_thousand_words():
    words = len(corpus.documentation().split())
    assert 90_000 < words < 130_000
    if sys.version_info[:2] == (3, 11):
        assert abs(words - 104_261) < 1500  # the docstring's number; patch releases differ by less than this


def test_another_process_reads_the_same_text_quickly():
    program = "import sys; from coursekit.data import corpus; sys.stdout.write(corpus.documentation())"
    environment = {"PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"}
    began = time.perf_counter()
    other = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, env=environment, check=True
    )
    assert other.stdout.decode() == corpus.documentation()
    assert time.perf_counter() - began < 20  # a second or two on an idle machine


def test_reading_runs_none_of_the_modules():
    program = "import sys; from coursekit.data import corpus; corpus.documentation(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"asyncio", "unittest", "pdb", "xmlrpc", "torch"} & set(loaded)


def test_it_reads_like_prose():
    for topic in corpus.documentation_topics():
        for line in topic.text.split("\n"):
            assert line.isascii() and line == " ".join(line.split()) and line[-1] in ".!?)"
            assert not re.search(r":(class|func|meth|mod|exc|attr):`|::=|>>>|\+---|^\.\. ", line), line


def test_markup_is_undone():
    assert corpus._plain("* See :class:`~abc.ABC`, ``len()``, `x`\n  and the left-\n  hand *side*.") == (
        "See abc.ABC, len(), x and the left-hand side."
    )


@pytest.mark.parametrize(
    "line",
    ["assert_stmt: assert expression.", ">>> a + b (c)", "str.count(sub[, start])", "x = f(y).", "Notes:"],
)
def test_code_and_headings_are_no_prose(line):
    assert not corpus._is_prose(line)


def test_no_topic_and_no_paragraph_is_in_two_parts():
    parts = corpus.documentation_splits()
    paragraphs = [[line for line in part.split("\n") if line] for part in parts]
    everything = [line for lines in paragraphs for line in lines]
    assert len(set(everything)) == len(everything)
    titles = [topic.title for topic in corpus.documentation_topics()]
    assert len(set(titles)) == len(titles)
    for topic in corpus.documentation_topics():
        assert sum(topic.text in part for part in parts) == 1
    assert "\n".join(part for part in parts) == corpus.documentation()  # in order, nothing lost


def test_the_parts_have_the_shares_asked_for():
    for validation, test in ((0.1, 0.1), (0.2, 0.05)):
        parts = corpus.documentation_splits(validation, test)
        words = [len(part.split()) for part in parts]
        for count, share in zip(words, (1 - validation - test, validation, test), strict=True):
            assert abs(count / sum(words) - share) < 0.03


@pytest.mark.parametrize(("validation", "test"), [(0.0, 0.1), (0.5, 0.5), (0.1, float("nan"))])
def test_shares_that_leave_nothing_are_refused(validation, test):
    with pytest.raises(ValueError, match="must be positive shares that leave some for training, received"):
        corpus.documentation_splits(validation, test)


def test_a_library_without_sources_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(corpus.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"but .* has no xml/sax/handler.py"):
        corpus._source_file("xml.sax.handler")


@pytest.mark.topic("RNN-13")
def test_it_makes_a_language_model_set():
    train, validation, _ = text.documentation_splits()
    vocabulary = text.Vocabulary(text.tokenize(train), min_count=3)
    ids = vocabulary.encode(text.tokenize(validation))
    assert (ids == 1).float().mean() < 0.15  # most words of new topics are known
    batches = text.windows(ids, 35, 8)
    assert len(batches) > 30
    assert text.tokenize(text.join(vocabulary.decode(batches[0].inputs[0])).replace("<unk>", "unk"))
