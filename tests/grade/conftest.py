"""One worker process for all tests that need one, and answers to the homework to build submissions from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jupytext
import pytest
import torch

from coursekit.grade.process import Worker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The tensors here are tiny; more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


@pytest.fixture(scope="session")
def reference_code() -> str:
    """The code of solutions/recurrent.md without its calls of `check`, as a student's script."""
    cells = jupytext.read(ROOT / "solutions" / "recurrent.md").cells
    sources = (cell.source for cell in cells if cell.cell_type == "code")
    return "\n\n".join(source for source in sources if not source.startswith("check(")) + "\n"
