"""Format the code in text notebooks as the package's is, but narrower, to fit a page: `make format`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CELL = re.compile(r"^(```\{code-cell\} ipython3\n(?::tags: [^\n]*\n\n)?)(.*?)^```$", re.S | re.M)
WIDTH = "84"  # characters that fit beside both sidebars


def formatted(code: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--line-length", WIDTH, "-"]
    return subprocess.run(command, input=code, capture_output=True, text=True, check=True).stdout


def main() -> int:
    check, changed = "--check" in sys.argv, []
    for page in sorted((ROOT / "book").rglob("*.md")):
        old = page.read_text("utf8")
        new = CELL.sub(lambda match: match[1] + formatted(match[2]) + "```", old)
        if new != old:
            changed.append(page.relative_to(ROOT).as_posix())
            if not check:
                page.write_text(new, "utf8")
    if check and changed:
        print(f"format: run `make format` for {', '.join(changed)}", file=sys.stderr)
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
