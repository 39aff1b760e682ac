"""The process that runs students' code: what it knows, what it survives, and what it leaves behind."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.grade.calls import Call, Outcome, Value
from coursekit.grade.encoding import decode_outcomes
from coursekit.grade.process import FIXED, PASSED_ON, Ending, Worker
from coursekit.grade.protocol import Block, Questions, Task

X = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
OPEN = """import os
def is_open(k):
    try: os.fstat(k)
    except OSError: return False
    return True
ANSWER = max(k for k in range(64) if is_open(k))
"""
QUICK = 30.0  # far above what any check here takes; a loaded machine must not fail a test


def run(worker: Worker, source: str, seconds: float = QUICK, *calls: Call) -> Ending:
    return worker.run(Task((Block("hw.py", 1, source),), "f", Questions.of(calls or (Call((X,)),)), seconds))


def outcome(worker: Worker, source: str) -> Outcome:
    ending = run(worker, source)
    assert ending.reason == "done", ending
    return decode_outcomes(ending.outcomes)[0]


def message(worker: Worker, source: str) -> str:
    """What a function tells through an exception, which is one of the ways out of a worker."""
    error = outcome(worker, source).error
    assert error is not None
    return error.message


def still_works(worker: Worker) -> None:
    (value,) = outcome(worker, "def f(x):\n    return 2 * x").outputs
    np.testing.assert_array_equal(value.data, 2 * X)


# What it knows


def test_no_module_of_the_package_is_loaded_where_student_code_runs(worker: Worker) -> None:
    source = """
import sys
def f(x):
    raise ValueError([name for name in sys.modules if name.partition(".")[0] == "coursekit"])"""
    assert message(worker, source) == "[]"


@pytest.mark.parametrize(
    "module", ["coursekit", "coursekit.nn.recurrent", "coursekit.grade.exercises.recurrent"]
)
def test_the_references_cannot_be_imported(worker: Worker, module: str) -> None:
    found = outcome(worker, f"import importlib\ndef f(x):\n    return importlib.import_module({module!r})")
    assert found.error[:3] == (
        "ImportError",
        "coursekit cannot be imported where homework is graded",
        "hw.py, line 3",
    )


def test_nothing_is_open_but_the_way_back_and_nobody_types(worker: Worker) -> None:
    assert message(worker, "import sys\ndef f(x):\n    raise ValueError(repr(sys.stdin.read()))") == "''"
    source = OPEN + "def f(x):\n    raise ValueError([k for k in range(64) if is_open(k)])"
    *standard, answer = ast.literal_eval(message(worker, source))
    assert standard == [0, 1, 2] and answer > 2


def test_it_runs_in_an_empty_folder_of_its_own(worker: Worker) -> None:
    folder = Path(message(worker, "import os\ndef f(x):\n    raise ValueError(os.getcwd())"))
    assert folder.parent.name.startswith("coursekit-") and list(folder.iterdir()) == []
    assert list(folder.parent.iterdir()) == [folder]


def test_children_start_equal(worker: Worker) -> None:
    """What one check changes, the next does not see."""
    source = """
import torch
torch.seen = getattr(torch, "seen", 0) + 1
def f(x):
    raise ValueError(torch.seen, torch.rand(1).item())"""
    first, second = message(worker, source), message(worker, source)
    assert first == second and first.startswith("(1, ")


def test_the_parent_has_one_thread(worker: Worker) -> None:
    if sys.platform != "linux":
        pytest.skip("counts threads in /proc")
    still_works(worker)
    running = worker._running
    assert running is not None
    first = running._process.pid
    family = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
    assert [len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in family] == [1] * len(family)


# What comes back


def test_errors_say_where_in_which_file(worker: Worker) -> None:
    blocks = (
        Block("code cell 2", 4, "def g(x):\n    return x @ x"),
        Block("code cell 5", 1, "def f(x):\n    return g(x)"),
    )
    ending = worker.run(Task(blocks, "f", Questions.of((Call((X,)),)), QUICK))
    error = decode_outcomes(ending.outcomes)[0].error
    assert error is not None and (error.type, error.where) == ("RuntimeError", "code cell 2, line 5")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("from hidden import f", "ModuleNotFoundError"),
        ("if False:\n    def f(x): return x", "NameError"),
        ("def f(x): return f(x)", "RecursionError"),
        ("def f(x):\n    input('now?')", "EOFError"),
        ("import sys\ndef f(x): sys.exit('bye')", "SystemExit"),
        ("import torch\ndef f(x): return torch.empty(2**30, dtype=torch.double)", "RuntimeError"),
        ("def f(x):\n    open('big', 'wb').write(bytes(2**21))", "OSError"),
        ("f = 3", "TypeError"),
        ("def f(x, y): return x", "TypeError"),
    ],
)
def test_what_goes_wrong_in_the_function_is_reported(worker: Worker, source: str, kind: str) -> None:
    error = outcome(worker, source).error
    assert error is not None and error.type == kind
    still_works(worker)


def test_values_of_every_kind_are_described(worker: Worker) -> None:
    source = """
import torch
def f(x):
    huge = torch.zeros(1, 1).expand(10**5, 10**5)
    return [x, x.float(), x.half(), x.to_sparse(), x.to("meta"), None, "a", huge]"""
    found = outcome(worker, source)
    assert isinstance(found.result, list) and found.result[5:7] == [None, "a"]
    tensors = [value for value in found.result if isinstance(value, Value)]
    assert [value.dtype for value in tensors] == ["float64", "float32", "float16"] + ["float64"] * 2 + [
        "float32"
    ]
    assert [value.data is not None for value in tensors] == [True, True] + [False] * 4
    assert outcome(worker, "def f(x): return [x] * 10**6").result == Value("list of 1000000")


def test_a_function_may_ask_for_its_own_source(worker: Worker) -> None:
    source = "import inspect\n\ndef f(x):\n    raise ValueError(inspect.getsource(f))"
    assert message(worker, source) == "def f(x):\n    raise ValueError(inspect.getsource(f))\n"


# What it survives


def test_a_loop_without_end_is_ended(worker: Worker) -> None:
    begun = time.monotonic()
    assert run(worker, "def f(x):\n    while True: pass", 0.5).reason == "timeout"
    assert run(worker, "import time\ntime.sleep(1000)\ndef f(x): pass", 0.5).reason == "timeout"
    assert run(worker, "import signal\ndef f(x):\n    signal.pause()", 0.5).reason == "timeout"
    assert time.monotonic() - begun < 20
    still_works(worker)


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("import os\ndef f(x): os._exit(3)", ("exit status 3",)),
        ("import ctypes\ndef f(x): ctypes.string_at(0)", ("SIGSEGV",)),
        ("import os\ndef f(x): os.abort()", ("SIGABRT", "SIGSEGV")),  # the first process of a namespace
        ("def f(x): raise KeyboardInterrupt", ("exit status 1",)),
    ],
)
def test_a_process_that_ends_early_is_noticed(worker: Worker, source: str, how: tuple[str, ...]) -> None:
    ending = run(worker, source)
    assert (ending.reason, ending.outcomes) == ("died", b"") and ending.how in how
    still_works(worker)


def test_a_worker_knows_no_secrets_comes_back_to_life_and_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    source = "import os\ndef f(x):\n    raise ValueError('|'.join([os.getcwd(), *os.environ]))"
    with Worker() as fresh:
        folder, *names = message(fresh, source).split("|")
        assert Path(folder).exists()
        added = {"TMPDIR", "KMP_INIT_AT_FORK", "LC_CTYPE"}  # by torch, and by Python where no locale is set
        assert set(names) <= {*PASSED_ON, *FIXED, *added}
        running = fresh._running
        assert running is not None
        running._process.kill()
        ending = run(fresh, "def f(x): return x")
        assert (ending.reason, ending.how) == ("died", "it took the worker process with it")
        still_works(fresh)
    assert not Path(folder).parent.exists()


def test_ten_megabytes_of_output_are_cut_and_do_not_block(worker: Worker) -> None:
    ending = run(
        worker,
        "import sys\ndef f(x):\n    print('x' * 10**7)\n    sys.stderr.write('y' * 10**6)\n    return x",
    )
    assert ending.reason == "done"
    assert ending.output == "x" * 64 * 1024


def test_prints_are_kept_also_of_a_check_that_never_ends(worker: Worker) -> None:
    ending = run(worker, "def f(x):\n    print('so far')\n    while True: pass", 0.5)
    assert (ending.reason, ending.output) == ("timeout", "so far\n")


@pytest.mark.parametrize(
    "forged",
    [
        "os.write(ANSWER, (2**62).to_bytes(8, 'little') + bytes(100)); os._exit(0)",
        "os.write(ANSWER, (5).to_bytes(8, 'little') + b'abc'); os._exit(0)",
        "os.close(ANSWER); import time; time.sleep(100)",
    ],
)
def test_a_forged_answer_is_an_end_and_no_answer(worker: Worker, forged: str) -> None:
    assert run(worker, f"{OPEN}def f(x):\n    {forged}").reason == "died"
    still_works(worker)


def test_a_forged_message_is_passed_on_unread(worker: Worker) -> None:
    source = OPEN + "def f(x):\n    os.write(ANSWER, (3).to_bytes(8, 'little') + b'abc')\n    os._exit(0)"
    ending = run(worker, source)
    assert (ending.reason, ending.outcomes) == ("done", b"abc")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_forks_leaves_nobody_behind(tmp_path: Path) -> None:
    """At the lowest level, where it can fork."""
    mark = tmp_path / "pid"
    source = (
        "import os, time\n"
        "def f(x):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        time.sleep(1000)\n"
        f"    open({str(mark)!r}, 'w').write(str(child))\n"
        "    return x"
    )
    with Worker(best="limits-only") as worker:
        assert run(worker, source).reason == "done"
        died = run(worker, source.replace("return x", "os._exit(0)"), 20)
        assert (died.reason, died.how) == ("died", "exit status 0")  # though its child holds the pipes
        still_works(worker)
    pid = int(mark.read_text())
    for _ in range(200):
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                break  # dead, and only not yet collected by whoever inherited it
        except FileNotFoundError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("a process of a check is still running")


# Several functions of one submission

COUNTS = "import torch\ntorch.seen = getattr(torch, 'seen', 0) + 1\ndef f(x):\n    print('n', torch.seen)\n"


def tasks(*bodies: str, seconds: float = QUICK) -> list[Task]:
    questions = Questions.of((Call((X,)),))
    return [Task((Block("hw.py", 1, f"{COUNTS}    {body}"),), "f", questions, seconds) for body in bodies]


def test_the_functions_of_a_submission_share_a_child_and_not_their_prints(worker: Worker) -> None:
    endings = list(worker.run_all(tasks("return x", "return 2 * x", "raise ValueError")))
    assert [(ending.reason, ending.output) for ending in endings] == [
        ("done", "n 1\n"),
        ("done", "n 2\n"),
        ("done", "n 3\n"),
    ]
    values = [decode_outcomes(ending.outcomes)[0] for ending in endings]
    assert [value.error.type if value.error else "" for value in values] == ["", "", "ValueError"]
    assert list(worker.run_all(tasks("return x")))[0].output == "n 1\n"


@pytest.mark.parametrize(
    ("bad", "reason"), [("import os; os._exit(1)", "died"), ("while True: pass", "timeout")]
)
def test_after_one_that_ends_badly_the_rest_gets_a_new_child(worker: Worker, bad: str, reason: str) -> None:
    endings = list(worker.run_all(tasks("return x", bad, "return x", "return x", seconds=5)))
    assert [ending.reason for ending in endings] == ["done", reason, "done", "done"]
    assert [ending.output for ending in endings][2:] == ["n 1\n", "n 2\n"]
    assert endings[1].how == ("5 s" if reason == "timeout" else "exit status 1")


def test_a_submission_has_an_end(worker: Worker) -> None:
    begun = time.monotonic()
    endings = list(worker.run_all(tasks("while True: pass", "return x", "return x"), begun + 0.5))
    assert [ending.reason for ending in endings] == ["timeout", "late", "late"]
    assert time.monotonic() - begun < 20
    still_works(worker)


def test_a_caller_may_leave_early(worker: Worker) -> None:
    endings = worker.run_all(tasks("return x", "while True: pass"))
    assert next(endings).reason == "done"
    endings.close()
    still_works(worker)


def test_much_may_be_printed_and_answered_by_each(worker: Worker) -> None:
    loud = "print('y' * 10**6); return [x.expand(9 * 10**5, 2)[:, 0].clone() for _ in range(4)]"
    endings = list(worker.run_all(tasks(loud, loud, "return x")))
    assert [ending.reason for ending in endings] == ["done"] * 3
    assert [len(ending.output) for ending in endings] == [64 * 1024, 64 * 1024, 4]
    assert all(len(ending.outcomes) > 4 * 9 * 10**5 * 8 for ending in endings[:2])


def test_a_worker_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('torch is broken here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(OSError, match="the worker process did not start: ImportError: torch is broken here"):
        Worker().__enter__()
