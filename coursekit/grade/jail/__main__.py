"""`python -m coursekit.grade.jail`: print how far submissions can be locked in on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from coursekit.grade import jail

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:  # made here, because `prepare` may go on in a child
        print(jail.prepare(Path(folder)).level, flush=True)
