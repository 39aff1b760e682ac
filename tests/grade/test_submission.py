"""Files as students really save them, and which of their statements are run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from coursekit.grade.exercises import EXERCISES
from coursekit.grade.protocol import Block
from coursekit.grade.submission import Submission, SubmissionError, forbidden_use, needed_for, read_submission

FORBIDDEN = EXERCISES[1].forbidden
FORBIDDEN_BACKWARD = EXERCISES[2].forbidden


def notebook(*sources: str | list[str], **metadata: object) -> dict:
    cells = [{"cell_type": "code", "source": s, "metadata": {}, "outputs": []} for s in sources]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def read(tmp_path: Path, content: object, name: str = "hw.ipynb") -> Submission:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf8")
    return read_submission([path])


def sources(submission: Submission, name: str = "f") -> list[str]:
    return [block.source for block in needed_for(name, submission.statements)]


# Files

F = "def f(x):\n    return x"


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(notebook(F)),
        json.dumps(notebook(F.splitlines(keepends=True))),
        "\ufeff" + json.dumps(notebook(F)),
        json.dumps(notebook(F), indent=1).replace("\n", "\r\n"),
        json.dumps(notebook(F.replace("\n", "\r\n"))),
        json.dumps(notebook(F)).encode("utf-16"),
        json.dumps({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": F}]}]}),
        json.dumps(notebook(F, kernelspec={"name": "conda-env-dl-py", "display_name": "?"})),
        json.dumps(notebook(F, language_info={"name": "ipython"})),
        json.dumps(notebook("# deleted the check", F, "", "   ")),
    ],
    ids=["v4", "lines", "mark", "crlf", "crlf inside", "utf-16", "v3", "kernel", "ipython", "empty cells"],
)
def test_a_notebook_is_read_however_it_was_saved(tmp_path: Path, content: str | bytes) -> None:
    assert sources(read(tmp_path, content)) == [F]


@pytest.mark.parametrize(
    "content",
    [F, "\ufeff" + F, F.replace("\n", "\r\n"), ("# coding: latin-1\n# é\n" + F).encode("latin-1")],
    ids=["plain", "mark", "crlf", "latin-1"],
)
def test_a_script_is_read_however_it_was_saved(tmp_path: Path, content: str | bytes) -> None:
    assert sources(read(tmp_path, content, "hw.py")) == [F]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (b"{oops", "the file is not a notebook: it is no JSON (line 1)"),
        (b"<!DOCTYPE html>", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"version https://git-lfs.github.com/spec/v1", "it is no JSON"),
        (b"[]", "it has no list of cells"),
        (b"{}", "it has no list of cells"),
        (b'{"cells": 3}', "it has no list of cells"),
        (b'{"cells": [3]}', "it has no list of cells"),
        (b'{"cells": [{"cell_type": "code", "source": 3}]}', "it has no list of cells"),
        (b'{"metadata": 3, "cells": []}', "it has no list of cells"),
        (b"\x80\x81", "the file is not text in UTF-8"),
        (
            json.dumps(notebook("1", language_info={"name": "R"})).encode(),
            "the notebook is written in R, not in Python",
        ),
        (
            json.dumps(notebook("x = 1\n" * 300_000)).encode(),
            "more code in the file than a person can have written",
        ),
    ],
    ids=range(15),
)
def test_a_broken_notebook_gets_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        read(tmp_path, content)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_readable_file_gets_one_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")  # reading it would wait forever
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "hw.pdf").write_bytes(b"%PDF")
    for name, sentence in [
        ("pipe.py", "this is no ordinary file"),
        ("folder.py", "this is no ordinary file"),
        ("hw.pdf", "the file is neither a notebook (.ipynb) nor a script (.py)"),
        ("gone.py", "the file cannot be opened: No such file or directory"),
    ]:
        with pytest.raises(SubmissionError) as caught:
            read_submission([tmp_path / name])
        assert str(caught.value) == sentence
    with pytest.raises(SubmissionError, match="no .ipynb or .py file in this folder"):
        read_submission([])


def test_a_cell_that_is_no_python_is_skipped_and_mentioned(tmp_path: Path) -> None:
    submission = read(tmp_path, notebook("def f(x:\n  pass", F, "x = 'a\0b'"))
    assert sources(submission) == [F]
    assert submission.skipped == (
        "code cell 1 is not valid Python (line 1) and was skipped",
        "code cell 3 is not valid Python and was skipped",
    )


def test_several_files_are_one_submission_and_say_which_is_which(tmp_path: Path) -> None:
    for name, source in [("a.ipynb", "def f(x):\n    return 1"), ("b.ipynb", F)]:
        (tmp_path / name).write_text(json.dumps(notebook(source)))
    (tmp_path / "c.py").write_text("y = 2")
    submission = read_submission([tmp_path / name for name in ("a.ipynb", "b.ipynb", "c.py")])
    assert needed_for("f", submission.statements) == (Block("b.ipynb, code cell 1", 1, F),)


def test_magics_disappear_and_lines_stay_where_they_were(tmp_path: Path) -> None:
    cells = [
        "%matplotlib inline\n!pip install \\\n   torch\nimport math\nmath.pi?\n"
        "x = %timeit 1\nif x:\n    %pip list\n\ny = 1",
        "%%time\n" + F,
        "%%bash\nrm -rf /",
        "f?",
        "z = 7\\\n % 4",
    ]
    submission = read(tmp_path, notebook(*cells))
    assert submission.skipped == ()
    assert needed_for("f", submission.statements) == (Block("code cell 2", 2, F),)
    assert needed_for("y", submission.statements) == (Block("code cell 1", 10, "y = 1"),)
    assert needed_for("z", submission.statements) == (Block("code cell 5", 1, "z = 7\\\n % 4"),)


# What a function needs


def test_only_what_the_function_reads_is_run(tmp_path: Path) -> None:
    source = """
import torch, os
import matplotlib.pyplot as plt
SCALE = 2
UNUSED = input("name?")
h = print("a test of mine")
def helper(v): return SCALE * v
def unused(): plt.show()
@torch.no_grad()
def f(x, factor=SCALE):
    h = x
    return helper(h) + sum(k for k in range(factor))
f(3)
print(f(4))
assert f(1) == 2
check(f)
"""
    kept = "\n".join(sources(read(tmp_path, source, "hw.py")))
    assert kept == (
        "import torch, os\nSCALE = 2\ndef helper(v): return SCALE * v\n@torch.no_grad()\n"
        "def f(x, factor=SCALE):\n    h = x\n    return helper(h) + sum(k for k in range(factor))"
    )


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["def f(): return 1", "def f(): return 2"], ["def f(): return 2"]),
        (["A = 1", "A = 2", "def f(): return A"], ["A = 2", "def f(): return A"]),
        (["A = 1", "def f(): return A", "A = 2"], ["def f(): return A", "A = 2"]),
        (["A = 1", "A += 1", "def f(): return A"], ["A = 1", "A += 1", "def f(): return A"]),
        (["A = 1", "def f(a=A): return a", "A = 2"], ["A = 1", "def f(a=A): return a"]),
        (["def f(): return 1", "f = wrap(f)", "def wrap(g): return g"], ["def f(): return 1", "f = wrap(f)"]),
        (["try:\n    import a\nexcept ImportError:\n    a = 1", "f = lambda: a"], None),
        (["B = 1", "if B:\n    B = 2", "def f(): return B"], None),
        (["from math import *", "def f(): return pi"], None),
        (["from __future__ import annotations", "def f(x: Undefined): return x"], None),
        (["def f(): return g()", "def g(): return f()"], None),
        (["K = 3", "L = [K for _ in 'a']", "K = 4", "f = L"], ["K = 3", "L = [K for _ in 'a']", "f = L"]),
        (["class A:\n    size = 2", "def f(): return A.size"], None),
        (["i, f = 1, lambda: 2"], None),
        (["a = 1; f = lambda: a"], None),
        (["g = lambda: 1", "f: object = g"], None),
    ],
)  # fmt: skip
def test_definitions_are_taken_as_a_reader_would(
    tmp_path: Path, cells: list[str], expected: list[str] | None
) -> None:
    assert sources(read(tmp_path, notebook(*cells))) == (cells if expected is None else expected)


def test_a_function_that_is_not_there_needs_nothing(tmp_path: Path) -> None:
    assert sources(read(tmp_path, notebook("from math import *", "def g(): pass", "f()"))) == []


# What an exercise forbids


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import torch\ndef f(x):\n    return torch.nn.LSTMCell(1, 1)(x)", "torch.nn.LSTMCell (line 3)"),
        ("from torch import nn\ndef f(x): return nn.LSTM(1, 1)(x)", "torch.nn.LSTM (line 2)"),
        ("import torch.nn as n\ndef f(x): return n.LSTMCell(1, 1)", "torch.nn.LSTMCell (line 2)"),
        ("from torch.nn import LSTMCell as C\ndef f(x): return C(1, 1)", "torch.nn.LSTMCell (line 1)"),
        ("import torch\ng = torch.lstm_cell\ndef f(x): return g(x)", "torch.lstm_cell (line 2)"),
        ("import torch as t\ndef f(x):\n    return t._VF.lstm_cell(x)", "torch._VF.lstm_cell (line 3)"),
        ("import torch\ndef f(x): return torch.ops.aten.lstm_cell(x)", "torch.ops.aten.lstm_cell (line 2)"),
        ("def f(x):\n    import coursekit.nn as k\n    return k", "coursekit.nn (line 2)"),
        ("def f(x):\n    from coursekit.nn import cells\n    return cells", "coursekit.nn.cells (line 2)"),
        ("from coursekit.nn import *\ndef f(x): return lstm_step(x)", "coursekit.nn.* (line 1)"),
        ("from torch.nn.modules.rnn import LSTM as C\nf = C(1, 1)", "torch.nn.modules.rnn.LSTM (line 1)"),
    ],
)  # fmt: skip
def test_a_forbidden_call_is_found_with_its_line(tmp_path: Path, source: str, used: str) -> None:
    blocks = needed_for("f", read(tmp_path, source, "hw.py").statements)
    assert forbidden_use(blocks, FORBIDDEN) == used.replace("(", "(hw.py, ")


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ndef f(x): return torch.autograd.grad(x, x)",
        "def f(x):\n    x.sum().backward()\n    return x.grad",
        "from torch import autograd\ndef f(x): return autograd.grad(x, x)",
        "from torch.func import vjp\ndef f(x): return vjp(x)",
    ],
)
def test_autograd_is_forbidden_where_the_gradient_is_to_be_written(tmp_path: Path, source: str) -> None:
    blocks = needed_for("f", read(tmp_path, source, "hw.py").statements)
    assert forbidden_use(blocks, FORBIDDEN_BACKWARD) is not None
    assert forbidden_use(blocks, FORBIDDEN) is None


@pytest.mark.parametrize(
    "source",
    [
        "from coursekit.grade import check\ndef f(x): return x\ncheck(f)",
        "import torch\ndef f(x): return x\nlstm = torch.nn.LSTMCell(1, 1)",
        "import torch\ndef lstm_cell(x): return x\ndef f(x): return lstm_cell(x)",
        "import torch\nclass O(torch.autograd.Function):\n    def backward(c, g): ...\nf = O.apply",
        "def f(x, LSTM=1): return x.LSTM",
    ],
)  # fmt: skip
def test_what_is_allowed_is_not_flagged(tmp_path: Path, source: str) -> None:
    blocks = needed_for("f", read(tmp_path, source, "hw.py").statements)
    assert blocks and forbidden_use(blocks, FORBIDDEN_BACKWARD) is None
