"""Every notebook with parameters also runs with others: another seed, as papermill passes them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from execute import notebook_environment, notebook_paths  # noqa: E402
from homework import to_notebook  # noqa: E402

NOTEBOOKS = notebook_paths(ROOT / "_toc.yml")


def parameters(path: Path) -> str:
    cells = [cell for cell in to_notebook(path).cells if "parameters" in cell.metadata.get("tags", [])]
    return cells[0].source if cells else ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_first_cell_has_the_parameters_every_page_promises(path: Path) -> None:
    names = {line.split("=")[0].strip() for line in parameters(path).splitlines() if "=" in line}
    promised = {"seed"} if path.parent.name == "exercises" else {"device", "scale", "seed"}
    assert promised <= names


@pytest.mark.filterwarnings("default")  # papermill and the Jupyter clients warn about their own future
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_with_another_seed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in notebook_environment().items():
        monkeypatch.setenv(name, value)
    source, done = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    source.write_text(nbformat.writes(to_notebook(path)), "utf8")
    changed = {"seed": 1} if path.parent.name == "exercises" else {"seed": 1, "device": "cpu", "scale": 1}
    papermill.execute_notebook(
        str(source), str(done), parameters=changed, cwd=str(path.parent), progress_bar=False, execution_timeout=300
    )
    text = done.read_text("utf8")
    assert '"injected-parameters"' in text and os.path.getsize(done) > os.path.getsize(source)
