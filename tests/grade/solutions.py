"""The solutions of a unit as a student's script."""

from __future__ import annotations

from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parents[2]


def code_of(unit: str, folder: str = "solutions") -> str:
    """The code of a unit's page without its calls of `check`."""
    cells = jupytext.read(ROOT / folder / f"{unit}.md").cells
    sources = (cell.source for cell in cells if cell.cell_type == "code")
    return "\n\n".join(source for source in sources if not source.startswith("check(")) + "\n"
