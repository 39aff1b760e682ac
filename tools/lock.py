"""Pin every package, direct and transitive, for Linux and macOS and Python 3.11 or newer: `make lock`.

Reads the ranges in pyproject.toml and writes two files:
  requirements.txt       what `make` installs
  requirements-cuda.txt  the GPU libraries that torch's Linux build asks for; used as constraints, so
                         that a machine whose torch needs none of them downloads none of them
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXACT = ["torch==2.13.0", "numpy==2.4.6", "matplotlib==3.11.2", "anywidget==0.11.0", "ipywidgets==8.1.9"]
GPU_ONLY = re.compile(r"^(nvidia-|cuda-|triton)")


def resolve() -> list[str]:
    """Every pin with its environment marker, as `uv pip compile --universal` finds it."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml",
        "--universal", "--all-extras", "--python-version", "3.11",
        "--no-annotate", "--no-header", "--quiet", "--constraints", "-",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, input="\n".join(EXACT), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"lock: no set of versions satisfies pyproject.toml\n{done.stderr}")
    return [line for line in done.stdout.splitlines() if line and not line.startswith("#")]


def main() -> None:
    pins = resolve()
    gpu = [pin for pin in pins if GPU_ONLY.match(pin)]
    head = "# Written by `make lock` from pyproject.toml; edit that file, then run it again.\n"
    (ROOT / "requirements-cuda.txt").write_text(head + "\n".join(gpu) + "\n", "utf8")
    rest = [pin for pin in pins if pin not in gpu]
    (ROOT / "requirements.txt").write_text(
        head + "-c requirements-cuda.txt\n" + "\n".join(rest) + "\n", "utf8"
    )
    print(f"pinned {len(rest)} packages, and {len(gpu)} more for a GPU")


if __name__ == "__main__":
    main()
