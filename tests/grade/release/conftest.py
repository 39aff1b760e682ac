"""Released homework, and answers to it: right, wrong, and right on public inputs alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coursekit.grade.release.command import Format, release_command

from .students import Answers, answers_in

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def released(tmp_path: Path) -> Callable[..., Path]:
    """The folder that a release of the whole unit was written to."""

    def release(form: Format, target: str = "recurrent") -> Path:
        assert release_command(target, form, tmp_path / form) == 0
        return tmp_path / form

    return release


@pytest.fixture(scope="session")
def right() -> Answers:
    return answers_in(ROOT / "solutions" / "recurrent.md")


@pytest.fixture(scope="session")
def wrong(right: Answers) -> Answers:
    """One known mistake, ERR-57, in one of the two results of lstm_cell."""
    return right | {"lstm_cell": right["lstm_cell"].replace("return o * c.tanh(), c", "return o * c, c")}


@pytest.fixture(scope="session")
def public_only(right: Answers) -> Answers:
    """A cell that is right while the public inputs are asked, and only then."""
    name = "    c = f * c + i * g  # (N, H)\n"
    assert name in right["lstm_cell"]
    look = (
        "    import sys\n"
        "    frame, seeds = sys._getframe(), []\n"
        "    while frame:\n"
        "        seeds.append(frame.f_locals.get('seed'))\n"
        "        frame = frame.f_back\n"
        "    if any(seed not in (0, None) for seed in seeds):\n"
        "        return h, c\n"
    )
    return right | {"lstm_cell": right["lstm_cell"].replace(name, look + name)}
