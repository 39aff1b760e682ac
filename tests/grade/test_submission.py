"""Files as students really save them, and which of their statements are run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from coursekit.grade.exercises import select
from coursekit.grade.notebook import forbidden_in
from coursekit.grade.protocol import Block
from coursekit.grade.submission import Submission, SubmissionError, forbidden_use, needed_for, read_submission

(CELL,), (BACKWARD,) = select("recurrent.lstm_cell"), select("recurrent.lstm_cell_backward")
FORBIDDEN, FORBIDDEN_BACKWARD = CELL.forbidden, BACKWARD.forbidden
RUN = """
import codeop, json, sys
sys.modules.update(dict.fromkeys(["coursekit", "coursekit.grade"]))  # as in the worker: importing them fails
namespace, compiled = {"__name__": "submission"}, codeop.Compile()
for file, line, source in json.load(sys.stdin):
    exec(compiled("\\n" * (line - 1) + source, file, "exec"), namespace)
print(namespace["f"]())
"""


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


def result(submission: Submission) -> str:
    """What f() gives where its blocks run as a worker runs them: in order, in one space of names."""
    blocks = json.dumps(needed_for("f", submission.statements))
    ran = subprocess.run([sys.executable, "-I", "-c", RUN], input=blocks, capture_output=True, text=True)
    return ran.stdout.strip() or ran.stderr


def folder(tmp_path: Path, files: dict[str, str]) -> Submission:
    """The submission of a folder; a notebook gets its text as its one cell."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(notebook(text)) if path.suffix == ".ipynb" else text, "utf8")
    return read_submission(sorted(tmp_path / name for name in files))


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
        json.dumps(notebook(F)).encode("utf-16-le"),
        json.dumps(notebook(F)).encode("utf-32"),
        json.dumps(notebook(F.replace("\n", "\r"))),
        json.dumps(notebook(F) | {"metadata": {"kernelspec": None, "language_info": []}}),
        json.dumps({"cells": [{"cell_type": "code", "source": F}]}),
        json.dumps({"nbformat": 99, "cells": [{"cell_type": "code", "source": F, "id": "a"}] * 2}),
        json.dumps(notebook(f"# cut \ud83d\n{F}")).replace(r"\n# cut", "# cut"),
    ],
    ids=["v4", "lines", "mark", "crlf", "crlf inside", "utf-16", "v3", "kernel", "ipython", "empty cells"]
    + [
        "utf-16 without a mark",
        "utf-32",
        "cr inside",
        "odd metadata",
        "no format",
        "double ids",
        "half emoji",
    ],
)
def test_a_notebook_is_read_however_it_was_saved(tmp_path: Path, content: str | bytes) -> None:
    assert sources(read(tmp_path, content))[-1] == F


@pytest.mark.parametrize(
    "content",
    [
        F,
        F.replace("\n", "\r"),
        ("\ufeff" + F).encode("utf-16-be"),
        "\ufeff" + F,
        F.replace("\n", "\r\n"),
        ("# coding: latin-1\n# é\n" + F).encode("latin-1"),
    ],
    ids=["plain", "cr", "utf-16", "mark", "crlf", "latin-1"],
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
        (b'{"worksheets": [3]}', "it has no list of cells"),
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
        "code cell 1 is not valid Python (line 1: '(' was never closed) and was skipped",
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
        '%time w = 2\n"""%no\n!no"""\nv = (w\n    %w)\n?f\nfiles = !ls -l | grep "\n%load a.py\n%lsmagic',
        "    %autoreload 2\n    u = 1",
        "data = await fetch()\nasync with data: pass\nt = 1",
    ]
    submission = read(tmp_path, notebook(*cells))
    assert submission.skipped == ()
    for name, cell, line, source in [
        ("f", 2, 2, F),
        ("y", 1, 10, "y = 1"),
        ("z", 5, 1, "z = 7\\\n % 4"),
        ("w", 6, 1, "w = 2"),
        ("u", 7, 2, "u = 1"),
        ("t", 8, 3, "t = 1"),
    ]:
        assert needed_for(name, submission.statements) == (Block(f"code cell {cell}", line, source),)
    assert sources(submission, "v")[-1] == "v = (w\n    %w)"
    assert sources(submission, "files") == ["files = None"]


@pytest.mark.parametrize(
    "text",
    [
        "%time " * 15_000,
        " " * 200_000 + "x",
        "a, " * 19_000 + "%",
        '\\"' * 19_000,
        '"' * 39_999,
        "%a\\\n" * 13_000,
        '"""' + "\\" * 39_000,
        "if a:\n" * 13_000,
        "(" * 39_000,
        "{" * 99 + "x" + "}" * 99 + "%",
        "-" * 39_000 + "1",
        "a" + ".a" * 19_000,
        "a = 1\n" * 13_000,
        "a += 1\n" * 9_000 + "f = a",
        "a = []\n" + "a.b(a)\n" * 6_000 + "f = a",
        "from a import *\n" * 9_000 + "f = a, b",
        "f = " + " + ".join(f"a{k}" for k in range(400)),
        "x" * 2**20,
        "\n" * 2**20,
        "f = " + "9" * 100_000,
        "f = exec\n" + "f(a + '1' * 9)\n" * 3_000,
        "a = 'x' * 9 + 'y'\nb = a + a\n" + "b = b + b\n" * 7_000 + "def f(): getattr(b, b)",
        "f = torch\n" + "f = f.a\n" * 7_000,
    ],
    ids=range(23),
)  # fmt: skip
def test_no_text_keeps_the_judge_busy(tmp_path: Path, text: str) -> None:
    """Twice, with and without commands, in processor time of this thread: other tests run beside this one."""
    begun = time.thread_time()
    for source in (text, "%magic\n" + text):
        try:
            submission = read(tmp_path, source, "hw.py")
        except SubmissionError as error:
            assert len(str(error)) < 200
        else:
            forbidden_use(needed_for("f", submission.statements), FORBIDDEN)
    assert time.thread_time() - begun < 6.0  # usually half a second; without the limits, minutes


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
        "import torch\nSCALE = 2\ndef helper(v): return SCALE * v\n@torch.no_grad()\n"
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
        (["a = 1; f = lambda: a  # é"], ["a = 1", "f = lambda: a"]),
        (["from a import b, c as f"], ["from a import c as f"]),
        (["import a.b, f"], ["import f"]),
        (["A = [1]", "A[0] = 2", "A.append(3)", "def f(): return A"], None),
        (["A = [1]", "A[0] = 2", "A = 3", "def f(): return A"], ["A = 3", "def f(): return A"]),
        (["B = 1", "B.b()", "B.c = 2", "def f(): return 1"], ["def f(): return 1"]),
        (["import a", "a.setting = 1", "a.seed(0)", "f = a"], ["import a", "f = a"]),
        (["class C: pass", "def g(self): return 1", "C.g = g", "f = C().g"], None),
        (["def f(): return 1", "del f"], ["def f(): return 1"]),
        (["A = 1", "for A in A: pass", "while A:\n    A = 0", "def f(): return A"], None),
        (["A = 1", "def f():\n A = 2\n def g(): return A"], ["def f():\n A = 2\n def g(): return A"]),
        (["A = 1", "def f():\n  def g():\n    global A\n    return A\n  A = 2\n  return g"], None),
        (["A = 1", "def f(): return [A for A in 'a']"], ["def f(): return [A for A in 'a']"]),
        (["A = 1", "f = [A for B in A]"], None),
        (["A = 1", "B = [A for A in 'a']", "def f(): return A"], ["A = 1", "def f(): return A"]),
        (["A = 'é'; f = A"], ["A = 'é'", "f = A"]),
        (["x = 1", "class f:\n    x = 2\n    def g(self): return x"], None),
        (["x = 1", "def f(y=lambda: x): return y"], None),
        (["x = 1", "def f(a, *b, c: x = 1, **d) -> a: return a"], None),
        (["x = 1", "f = lambda y: eval('x + y')"], None),
        (["match 1:\n    case {'a': [*x], **f}: pass"], None),
        (["g = lambda: 1", "f: object = g"], None),
    ],
)  # fmt: skip
def test_definitions_are_taken_as_a_reader_would(
    tmp_path: Path, cells: list[str], expected: list[str] | None
) -> None:
    assert sources(read(tmp_path, notebook(*cells))) == (cells if expected is None else expected)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.py": "from b import g\ndef f(): return g()", "b.py": "K = 2\ndef g(): return K\ninput()"}, "2"),
        ({"a.py": "from b import g as h\nK = 1\nf = lambda: h() + K", "b.py": "K = 2\ng = lambda: K"}, "3"),
        ({"a.py": "import b\ndef f(): return b.g()", "b.py": "def g(): return 3\ninput()"}, "3"),
        ({"a.py": "import b as c\nf = lambda: c.g", "b.py": "from d import g", "d.py": "g = 4"}, "4"),
        ({"a.py": "from b import *\ndef f(): return g()", "b.py": "def g(): return 5"}, "5"),
        ({"a.py": "def f():\n    from b import g\n    return g()", "b.py": "def g(): return 6"}, "6"),
        ({"z.py": "try:\n  from b import f\nexcept ImportError:\n  f = int", "b.py": "f = lambda: 7"}, "7"),
        ({"a.py": "from t.b import f", "t/b.py": "from .c import h\nf = lambda: h", "t/c.py": "h = 8"}, "8"),
        ({"a.py": "import t.b\nf = lambda: t.b.g", "t/b.py": "g = 9"}, "9"),
        ({"a.py": "from t import b\nf = lambda: b.g", "t/b.py": "g = 10"}, "10"),
        ({"a.py": "from t import g\nf = lambda: g", "t/__init__.py": "g = 11"}, "11"),
        ({"a.py": "from b import g\nf = lambda: g", "b.py": "import a\ng = 12"}, "12"),
        ({"a.ipynb": "%run b.ipynb\ndef f(): return g", "b.ipynb": "g = 13"}, "13"),
        ({"a.ipynb": "def g(): return h()", "b.ipynb": "def h(): return 14\ndef f(): return g()"}, "14"),
        ({"a.ipynb": "h = 15\ndef f(): return h", "b.ipynb": "h = 0"}, "15"),
        ({"a.py": "def f(): return 16", "b.py": "def f():\n  'do'\n  raise NotImplementedError('f')"}, "16"),
        ({"a.py": "def f(): return 0", "b.py": "def f(): return 17"}, "17"),
        ({"a.py": "import math\nf = lambda: math.gcd(18, 36)", "math.py": "gcd = 1"}, "18"),
        ({"a.py": "from b import f", "b.py": "def f(): return 19"}, "19"),
        ({"a.ipynb": "@g\ndef f(): return 21", "b.ipynb": "def g(h): return h"}, "21"),
        ({"t/b.py": "from . import c as d\nf = lambda: d.h", "t/c.py": "h = 20"}, "20"),
    ],
    ids=range(1, 22),
)  # fmt: skip
def test_files_of_a_folder_import_each_other(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    assert result(folder(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["%%writefile b.py\ndef g(): return 1", "from b import g", "def f(): return g()"], "1"),
        (["%%writefile b.py\ndef f(): return 2"], "2"),
        (["%%writefile -a 'b.py'\ndef f(): return 0", "def f(): return 3"], "3"),
        (['if __name__ == "__main__":\n    A = """\n4"""\n    def f(): return A.strip()\n    input()'], "4"),
        (["from __future__ import annotations\nimport coursekit\ndef f(a: Unknown=5): return a"], "5"),
        (["try:\n    import math\n    from coursekit.grade import check\nexcept ImportError:\n    math = 0",
          "def f(): return math.gcd(6, 12)"], "6"),
        (["from coursekit.grade import check\nif True:\n    def f(): return 7\n    check(f, seed=0)"], "7"),
        (["import coursekit.grade as g, math", "with g.check(1) or open('no'):\n    f = lambda: 8"],
         "'StandIn' object does not support the context manager protocol"),
        (["from coursekit.grade import *", "from math import *", "def f(): return gcd(9, 18)"], "9"),
        (["def f():\n    display('x'); get_ipython().run_line_magic('a', 'b')\n    return 10"], "10"),
        (["# coding: utf-8\n# In[3]:\n\nget_ipython().run_line_magic('time', '')\ndef f(): return 11"],
         "11"),
        (["import torch_of_colab; A = 12\nget_ipython().system('pip')", "def f(): return A"], "12"),
        (["try:\n    def f(): return 13\nexcept Exception: pass\nelse:\n    print()"], "13"),
        (["import sys\nif sys.version_info > (3,):\n  def f(): return 14\nelse:\n  def f(): return 0"], "14"),
        (["class C:\n    @staticmethod\n    def g(): return 15", "f = C.g"], "15"),
        (["import functools", "@functools.lru_cache\ndef f(): return 16"], "16"),
        (["A = 17; f = lambda: A; print(A)"], "17"),
        (["def f(): return input()"], "EOFError"),
        (["\n\nA = 1 / 0", "def f(): return A"], 'File "code cell 1", line 3'),
        (["from b import g\n\n\ndef f(): return g"], "No module named 'b'"),
    ],
    ids=range(1, 21),
)  # fmt: skip
def test_what_a_notebook_defines_runs_without_it(tmp_path: Path, cells: list[str], expected: str) -> None:
    assert (
        expected
        in result(read(tmp_path, notebook(*cells))).splitlines()[-1 if "File" not in expected else -2]
    )


def test_a_fault_in_an_imported_file_is_found_at_its_line(tmp_path: Path) -> None:
    told = result(
        folder(tmp_path, {"a.py": "from b import g\nf = g", "b.py": "A = 1\n\ndef g():\n    A / 0"})
    )
    assert 'File "b.py", line 4, in g' in told and "ZeroDivisionError" in told


def test_files_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    submission = folder(tmp_path, {"x/a.py": "def f(: pass", "y/a.py": F})
    assert submission.skipped[0].startswith("x/a.py was skipped: the file is not valid Python (line 1: ")
    assert needed_for("f", submission.statements) == (Block("y/a.py", 1, F),)


def test_one_bad_file_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "empty.ipynb").touch()
    (tmp_path / "good.py").write_text(F)
    submission = read_submission([tmp_path / "empty.ipynb", tmp_path / "good.py"])
    assert submission.skipped == ("empty.ipynb was skipped: the file is empty",)
    assert sources(submission) == [F]
    with pytest.raises(SubmissionError, match=r"^empty\.ipynb was skipped: .*; gone\.py was skipped: .*"):
        read_submission([tmp_path / "empty.ipynb", tmp_path / "gone.py"])
    with pytest.raises(SubmissionError, match="there are more than 100 notebooks and scripts"):
        read_submission([tmp_path / "good.py"] * 101)


def test_a_function_that_is_not_there_needs_nothing(tmp_path: Path) -> None:
    assert sources(read(tmp_path, notebook("from math import *", "def g(): pass", "f()"))) == []


# What an exercise forbids


def test_a_forbidden_call_in_an_imported_file_is_found_there(tmp_path: Path) -> None:
    submission = folder(
        tmp_path, {"a.py": "from b import g\nf = g", "b.py": "import torch\n\n\ng = torch.lstm_cell"}
    )
    use = forbidden_use(needed_for("f", submission.statements), FORBIDDEN)
    assert use == "torch.lstm_cell (b.py, line 4)"
    submission = folder(
        tmp_path, {"a.py": "from b import C\nf = C(1, 1)", "b.py": "from torch.nn import LSTMCell as C"}
    )
    use = forbidden_use(needed_for("f", submission.statements), FORBIDDEN)
    assert use == "torch.nn.LSTMCell (a.py, line 2)"


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import torch\ndef f(x):\n    return torch.nn.LSTMCell(1, 1)(x)", "torch.nn.LSTMCell (line 3)"),
        ("from torch import nn\ndef f(x): return nn.LSTM(1, 1)(x)", "torch.nn.LSTM (line 2)"),
        ("import torch.nn as n\ndef f(x): return n.LSTMCell(1, 1)", "torch.nn.LSTMCell (line 2)"),
        ("from torch.nn import LSTMCell as C\ndef f(x): return C(1, 1)", "torch.nn.LSTMCell (line 2)"),
        ("import torch\ng = torch.lstm_cell\ndef f(x): return g(x)", "torch.lstm_cell (line 2)"),
        ("import torch as t\ndef f(x):\n    return t._VF.lstm_cell(x)", "torch._VF.lstm_cell (line 3)"),
        ("import torch\ndef f(x): return torch.ops.aten.lstm_cell(x)", "torch.ops.aten.lstm_cell (line 2)"),
        ("def f(x):\n    import coursekit.nn as k\n    return k", "coursekit.nn (line 3)"),
        ("def f(x):\n    from coursekit.nn import cells\n    return cells", "coursekit.nn.cells (line 3)"),
        ("from coursekit.nn.recurrent import *\ndef f(x): return lstm_step(x)",
         "coursekit.nn.recurrent.lstm_step (line 2)"),
        ("from torch.nn.modules.rnn import LSTM as C\nf = C(1, 1)", "torch.nn.modules.rnn.LSTM (line 2)"),
        ("from coursekit.grade.exercises.recurrent import lstm_cell\nf = lstm_cell",
         "coursekit.grade.exercises.recurrent.lstm_cell (line 2)"),
        ("import coursekit as c\ndef f(x): return c.nn.lstm_step(x)", "coursekit.nn.lstm_step (line 2)"),
        ("from torch.nn import *\ndef f(x): return LSTMCell(1, 1)", "torch.nn.LSTMCell (line 2)"),
        ("import torch\nclass C(torch.nn.LSTMCell): pass\nf = C(1, 1)", "torch.nn.LSTMCell (line 2)"),
        ("import torch\nt = torch\ndef f(x):\n  u = t\n  return u.lstm_cell(x)", "torch.lstm_cell (line 5)"),
        ("import torch\na, (b, c) = 1, (torch, 2)\nf = b.lstm_cell", "torch.lstm_cell (line 3)"),
        ("import torch\ndef f(x, t=torch): return t.lstm_cell(x)", "torch.lstm_cell (line 2)"),
        ("import torch\ndef f(x): return (torch if x else None).lstm_cell(x)", "torch.lstm_cell (line 2)"),
        ("import torch\ndef f(x): return (t := torch).lstm_cell(x)", "torch.lstm_cell (line 2)"),
        ("import torch\nf = getattr(torch, 'lstm_cell')", "torch.lstm_cell (line 2)"),
        ("import torch\nA = 'lstm'\nf = getattr(torch, A + '_' + 'cell')", "torch.lstm_cell (line 3)"),
        ("import torch\nA = 'lstm'\nf = getattr(torch, f'{A}_cell')", "torch.lstm_cell (line 3)"),
        ("import torch\nf = getattr(torch, '_'.join(('lstm', 'cell')))", "torch.lstm_cell (line 2)"),
        ("import torch\ng = getattr\nf = g(torch, 'lstm_cell')", "torch.lstm_cell (line 3)"),
        ("import torch\nf = [getattr(torch, n) for n in ['lstm_cell']][0]", "torch.lstm_cell (line 2)"),
        ("import torch\nf = torch.__getattribute__('lstm_cell')", "torch.lstm_cell (line 2)"),
        ("import torch\nf = torch.__dict__['lstm_cell']", "torch.lstm_cell (line 2)"),
        ("import torch\nf = vars(torch).get('lstm_cell')", "torch.lstm_cell (line 2)"),
        ("import torch\ndef f(x): return globals()['torch'].lstm_cell(x)", "torch.lstm_cell (line 2)"),
        ("import sys\nf = sys.modules['torch'].lstm_cell", "torch.lstm_cell (line 2)"),
        ("import importlib\nf = importlib.import_module('torch.nn').LSTMCell", "torch.nn.LSTMCell (line 2)"),
        ("from importlib import import_module as i\nf = i('coursekit.nn')", "coursekit.nn (line 2)"),
        ("f = __import__('torch').lstm_cell", "torch.lstm_cell (line 1)"),
        ("f = __import__('torch.nn').nn.LSTMCell", "torch.nn.LSTMCell (line 1)"),
        ("import torch, operator as o\nf = o.attrgetter('nn.LSTMCell')(torch)", "torch.nn.LSTMCell (line 2)"),
        ("import torch\ndef f(x):\n    return eval('torch.lstm_cell')(x)", "torch.lstm_cell (line 3)"),
        ("import torch\ndef f(x):\n    exec(f'y = torch.nn.LSTMCell({x}, 1)')", "torch.nn.LSTMCell (line 3)"),
        ("import torch\nf = torch.nn.modules.LSTMCell", "torch.nn.modules.LSTMCell (line 2)"),
        ("import torch\nf = torch.nn.functional._VF.foo", "torch.nn.functional._VF.foo (line 2)"),
        ("import torch\nf = torch._C._VariableFunctions.lstm_cell",
         "torch._C._VariableFunctions.lstm_cell (line 2)"),
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
        "def f(x): getattr(x.sum(), 'backward')()",
        "import torch\ndef f(x): torch.Tensor.backward(x)",
        "import torch\nclass C(torch.Tensor): pass\ndef f(x): C(x).backward()",
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
        "from torch.nn import Linear, LSTMCell\nimport coursekit\nf = Linear(1, 1)",
        "try:\n    import torch\n    from torch.nn import LSTMCell\nexcept ImportError: pass\nf = torch.tanh",
        "def f(x):\n  'Not torch.lstm_cell.'\n  print('torch.nn.LSTMCell')  # torch.lstm_cell\n  return x",
        "import torch\ndef f(x: torch.nn.LSTMCell) -> torch.nn.LSTM:\n    y: torch.nn.LSTM\n    return x",
        "class C:\n  def backward(self): return 1\n  def go(self): return self.backward()\nf = C().backward",
        "import torch.nn.functional as F\ndef f(x): return F.linear(x, x)",
        "import torch\ndef f(torch): return torch.lstm_cell",
        "import torch\ndef f(x, name): return getattr(torch, name)(x)",
        "from coursekit.grade import check\nif True:\n    def f(x): return x\n    check(f)",
        "import coursekit.grade as g\nif True:\n    def f(x): return x\n    g.check(f)",
        "from coursekit.grade import *\nfrom torch import *\ndef f(x): return tanh(x)",
    ],
)  # fmt: skip
def test_what_is_allowed_is_not_flagged(tmp_path: Path, source: str) -> None:
    blocks = needed_for("f", read(tmp_path, source, "hw.py").statements)
    assert blocks and forbidden_use(blocks, FORBIDDEN_BACKWARD) is None


# In a notebook


def helper(x):
    return torch.lstm_cell(x)


def by_a_helper(x):
    return helper(x)


def by_itself(x, depth):
    return by_itself(x, depth - 1) if depth else torch.tanh(x)


def test_a_notebook_looks_into_the_helpers_of_a_function() -> None:
    line = helper.__code__.co_firstlineno + 1
    assert forbidden_in(by_a_helper, CELL) == f"torch.lstm_cell (line {line})"
    assert forbidden_in(by_itself, CELL) is None
    assert forbidden_in(len, CELL) is None
