"""The environments of the tools: their own packages first, and one sentence why where there is no network."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import coursekit

from .. import environments

WHERE = "import coursekit, torch, IPython; print(coursekit.__file__, torch.__version__, IPython.__file__)"


@pytest.mark.parametrize("make", [environments.nbgrader_python, environments.otter_python])
def test_the_tools_own_packages_come_first(make: Callable[[], Path], tmp_path: Path) -> None:
    python = make()
    variables = environments.environment(python, tmp_path)
    done = subprocess.run([python, "-c", WHERE], capture_output=True, text=True, env=variables, cwd=tmp_path)
    ours, torch, theirs = done.stdout.split()
    assert ours == coursekit.__file__ and torch
    assert Path(theirs).is_relative_to(python.parents[1])


def test_without_packages_the_reason_is_one_sentence_and_the_next_try_starts_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "PINS", tmp_path)
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "envs")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    (tmp_path / "tool.txt").write_text("coursekit-needs-no-such-package==1\n")
    for _ in range(2):
        with pytest.raises(
            RuntimeError, match=r"pip could not install the packages of tool.txt, .*: ERROR: "
        ):
            environments.python_with("tool")
