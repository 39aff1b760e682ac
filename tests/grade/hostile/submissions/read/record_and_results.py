"""Reads the record of the run that it is part of, and the results that others got.

expected: error
message: reached []
"""

RESULTS = ""  # filled in


def lstm_cell(*arguments):
    import os

    reached = []
    for folder, _, names in os.walk(RESULTS):
        reached += [f"{folder}/{name}" for name in names]
    for name in ("record.jsonl", "results.json", "run.json", "feedback/000-honest.py.txt"):
        try:
            reached.append(open(f"{RESULTS}/{name}").read()[:20])
        except OSError:
            pass
    raise RuntimeError(f"reached {reached}")
