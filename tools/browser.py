"""Make sure there is a Chrome or Chromium for the browser tests; otherwise let Playwright install one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from conftest import find_browser  # noqa: E402


def main() -> int:
    with sync_playwright() as playwright:
        if find_browser(playwright) is not None:
            return 0
    print("no Chrome or Chromium found; Playwright installs one")
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])
    if done.returncode:
        print(
            "browser: install Chrome or Chromium, or set CHROME to one; the browser tests need it",
            file=sys.stderr,
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
