"""Stored measurements that the book quotes, one JSON file each, written by the scripts in `benchmarks/`.

They travel with the package, so a page shows them without a checkout too (Colab, a download).
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def load(name: str) -> dict[str, Any]:
    """The record `name`, e.g. `load("delay")`.

    Raises `FileNotFoundError`, with the names there are, when there is no such record.
    """
    folder = resources.files(__name__)
    file = folder / f"{name}.json"
    if not file.is_file():
        known = sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json"))
        raise FileNotFoundError(f"no record {name!r}: expected one of {', '.join(known) or 'none yet'}")
    record: dict[str, Any] = json.loads(file.read_text("utf8"))
    return record
