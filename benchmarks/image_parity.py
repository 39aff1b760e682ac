"""How far our losses and image operations are from `torch.nn.functional`, case by case.

Writes coursekit/records/image-parity.json. Seconds on one core.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the cases are those of the tests

from tests.nn.image_parity import CASES, measure  # noqa: E402

RECORD = ROOT / "coursekit" / "records" / "image-parity.json"


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for case in CASES:
        deviations = measure(case)
        rows.append(
            {
                "operation": case.operation,
                "variant": case.variant,
                "dtype": str(case.dtype).removeprefix("torch."),
                "tolerance": case.tolerance,
                "deviations": deviations,
            }
        )
        worst = max(deviations, key=deviations.__getitem__)
        print(f"{case!s:70s} {deviations[worst]:.1e}  {worst}")
    record = {
        "what": "largest absolute deviation from torch.nn.functional on the same inputs; "
        "gradients are those under random cotangents",
        "cases": rows,
        "device": f"CPU, 1 thread, {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, f"written, {len(rows)} cases")


if __name__ == "__main__":
    main()
