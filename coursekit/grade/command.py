"""What `coursekit grade` and `coursekit check` do. `coursekit.cli` turns their return value into the exit status."""

from __future__ import annotations

from pathlib import Path


def grade_command(
    target: str,
    paths: list[Path],
    *,
    json_file: Path | None = None,
    out: Path | None = None,
    jobs: int = 1,
    seed: str | None = None,
    allow_reduced_isolation: bool = False,
) -> int:
    """Grade submissions; return the exit status: 0 when every submission has a row, 2 when the call itself was wrong."""
    raise NotImplementedError


def check_command(path: Path) -> int:
    """Run the public checks on one file; return the exit status: 0 when every exercise in it passed, else 1 (2: wrong call)."""
    raise NotImplementedError
