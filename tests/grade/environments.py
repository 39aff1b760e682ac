"""Virtual environments of their own for the tools that our homework is handed to: nbgrader and Otter.

Their packages are pinned in `environments/<tool>.txt` and installed once into `_build/envs`. What the tools
do not bring, such as `coursekit` and torch, comes from the environment of the tests, which is searched last
and so spoils none of the pins.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

PINS = Path(__file__).with_name("environments")
FOLDER = Path(__file__).resolve().parents[2] / "_build" / "envs"
SITE = sysconfig.get_path("purelib")
INSTALL_SECONDS = 900


def nbgrader_python() -> Path:
    """The Python of an environment with nbgrader; beside it lies the command `nbgrader`."""
    return python_with("nbgrader")


def otter_python() -> Path:
    """The Python of an environment with Otter; beside it lies the command `otter`."""
    return python_with("otter")


def environment(python: Path, home: Path) -> dict[str, str]:
    """Variables to run a tool with: its commands first, one thread, none of the user's Jupyter settings."""
    kept = {name: os.environ[name] for name in os.environ if not name.startswith(("JUPYTER", "IPYTHON"))}
    return kept | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }


def python_with(tool: str) -> Path:
    """Make the environment of a tool, unless it is there. Test processes wait for the one that makes it."""
    pins = PINS / f"{tool}.txt"
    origin = f"{pins.read_text('utf8')}{sys.version}{SITE}"
    home = FOLDER / f"{tool}-{hashlib.sha256(origin.encode()).hexdigest()[:12]}"
    python, ready = home / "bin" / "python", home / "ready"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{tool}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            for old in FOLDER.glob(f"{tool}-*"):  # with other pins, or begun and not finished
                shutil.rmtree(old)
            make(home, python, pins)
            ready.touch()
    return python


def make(home: Path, python: Path, pins: Path) -> None:
    venv.create(home, with_pip=False)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    done = subprocess.run(
        [*pip, "--requirement", str(pins)], capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["it said nothing"]
        raise RuntimeError(
            f"pip could not install the packages of {pins.name}, which needs a package index once: {said[-1]}"
        )
    own = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    # addsitedir follows the .pth files there too, by which an editable coursekit is found
    (own / "after_all_others.pth").write_text(f"import site; site.addsitedir({SITE!r})\n", "utf8")
