"""One worker process for all tests that need one, and a class's answers to build submissions from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from coursekit.grade.process import Worker

from .solutions import code_of


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
    """The solutions of the unit that the tests' submissions are about."""
    return code_of("recurrent")
