"""The bar is drawn for a person in a terminal or in front of a notebook, and for nobody else."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from coursekit.progress import progress_bar, somebody_watches

WORK = """
import sys
from coursekit.progress import progress_bar
with progress_bar({shown}) as show:
    for step in range(1, 5):
        show(step, 4, f"epoch 1/1  loss {{1 / step:.4f}}")
"""


def run(shown: bool | None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WORK.format(shown=shown)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_nothing_is_written_where_nobody_watches() -> None:
    result = run(None)
    assert (result.stdout, result.stderr) == ("", "")


def test_a_log_file_gets_one_line_on_wish() -> None:
    result = run(True)
    assert result.stdout == ""
    assert result.stderr.startswith("epoch 1/1  loss 0.2500") and len(result.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_the_bar() -> None:
    import pty

    master, slave = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", WORK.format(shown=None)]
    with subprocess.Popen(command, stderr=slave, stdout=subprocess.PIPE, env=env) as process:
        os.close(slave)
        written = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # Linux' way to say that the other end is closed
                break
            if not piece:
                break
            written += piece
        assert process.wait() == 0
    os.close(master)
    assert b"loss 0.2500" in written and "━".encode() in written


@pytest.mark.parametrize(
    ("kernel", "watched"),
    [({"_allow_stdin": True}, True), ({"_allow_stdin": False}, False), ({}, False)],
    ids=["live", "executed", "unknown kernel"],
)
def test_a_notebook_is_watched_if_its_front_end_could_answer(
    monkeypatch: pytest.MonkeyPatch, kernel: dict[str, bool], watched: bool
) -> None:
    shell = SimpleNamespace(kernel=SimpleNamespace(**kernel))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert somebody_watches() is watched


def test_the_kernel_still_has_the_flag_that_is_asked_for() -> None:
    from ipykernel.kernelbase import Kernel

    assert Kernel._allow_stdin is not None


def test_an_executed_notebook_stores_no_bar() -> None:
    import nbformat
    from nbclient import NotebookClient

    code = "import sys\nfrom coursekit.progress import progress_bar, somebody_watches\n"
    code += "with progress_bar() as show:\n    show(1, 2, 'epoch')\nprint(somebody_watches())"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    [output] = notebook.cells[0].outputs
    assert output.text == "False\n"


def test_silence_can_be_wished_for(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(False) as show:
        show(1, None, "epoch 1")
    assert capsys.readouterr() == ("", "")
