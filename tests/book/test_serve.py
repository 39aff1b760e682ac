"""`make serve` on a port that is taken, or on none, says so in one sentence."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

SERVE = Path(__file__).resolve().parents[2] / "tools" / "serve.py"


def serve(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SERVE), "--port", str(port)], capture_output=True, text=True, timeout=20
    )


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(port := taken.getsockname()[1])
    assert done.returncode == 1
    assert done.stderr == f"serve: port {port} is in use; choose another: make serve PORT={port + 1}\n"


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_does_not_exist(port: int) -> None:
    done = serve(port)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "expected a free port" in done.stderr
