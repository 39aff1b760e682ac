"""The results for programs: one list with a row for each submission."""

from __future__ import annotations

import json
from collections.abc import Sequence

from coursekit.grade.record import Row

ROW_KEYS = ("submission", "unit", "score", "max_score", "isolation", "seconds")
QUESTION_KEYS = ("id", "score", "max_score", "status", "mistake", "message")


def as_json(rows: Sequence[Row]) -> str:
    """The file of `--json`: of each row and question the keys that other programs may rely on, in order."""
    results = []
    for row in rows:
        values = dict(row)
        kept = {key: values[key] for key in ROW_KEYS}
        kept["questions"] = [
            {key: dict(question)[key] for key in QUESTION_KEYS} for question in row["questions"]
        ]
        results.append(kept)
    return json.dumps(results, indent=1) + "\n"
