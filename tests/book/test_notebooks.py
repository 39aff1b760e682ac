"""Every notebook takes parameters and runs with others, as papermill passes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from execute import notebook_environment, notebook_paths  # noqa: E402
from homework import to_notebook  # noqa: E402

# pages of reference print records, they compute nothing that a parameter could change
NOTEBOOKS = [path for path in notebook_paths(ROOT / "_toc.yml") if path.parent.name != "reference"]


def parameters(path: Path) -> str:
    cells = [cell for cell in to_notebook(path).cells if "parameters" in cell.metadata.get("tags", [])]
    return cells[0].source if cells else ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_first_cell_has_the_parameters_every_page_promises(path: Path) -> None:
    names = {line.split("=")[0].strip() for line in parameters(path).splitlines() if "=" in line}
    promised = {"seed"} if path.parent.name == "exercises" else {"device", "scale", "seed"}
    assert promised <= names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_with_other_parameters(path: Path, tmp_path: Path) -> None:
    """With the command a reader would type; a quarter of the scale, because only the way is tested here."""
    source, done = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    source.write_text(nbformat.writes(to_notebook(path)), "utf8")
    changed = (
        {"seed": "1"} if path.parent.name == "exercises" else {"seed": "1", "device": "cpu", "scale": "0.25"}
    )
    command = [sys.executable, "-m", "papermill", str(source), str(done), "--cwd", str(path.parent)]
    command += ["--no-progress-bar", "--execution-timeout", "300"]
    command += [word for name, value in changed.items() for word in ("-p", name, value)]
    run = subprocess.run(command, env=os.environ | notebook_environment(), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert "injected-parameters" in done.read_text("utf8")
