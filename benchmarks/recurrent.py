"""Time of our recurrent layers, forward and backward, relative to those of `torch.nn` of the same sizes.

Writes coursekit/records/recurrent.json. Minutes. The two layers take turns, so that a busy moment of the
machine meets both; quoted is the median over the rounds of the ratio within a round.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# With glibc's defaults every large buffer is handed back and page-faulted anew, which measures the kernel.
# The C library reads these settings when a process starts: hence the restart below.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR})

import torch  # noqa: E402
from torch import nn  # noqa: E402

from coursekit.nn.recurrent import GRU, LSTM, RNN  # noqa: E402

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "recurrent.json"
SHAPES = [(32, 35, 128), (64, 35, 256), (32, 100, 256), (32, 400, 128)]  # N, T, H; D = H
ROUNDS, CALLS = 9, 3


def step(layer: nn.Module, x: torch.Tensor, cotangent: torch.Tensor) -> Callable[[], object]:
    """Forward, then the gradients of input and parameters."""
    wanted = [x, *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x)[0], wanted, cotangent)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS


def main() -> None:
    rows = []
    print(f"{'layer':6s}{'N, T, H':>16s}{'torch.nn':>12s}{'ours':>12s}{'ratio':>8s}{'range':>14s}")
    for ours, theirs in ((RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU)):
        for N, T, H in SHAPES:
            torch.manual_seed(0)
            x = torch.randn(N, T, H, requires_grad=True)
            cotangent = torch.randn(N, T, H)
            library = step(theirs(H, H, batch_first=True), x, cotangent)
            course = step(ours(H, H), x, cotangent)
            seconds(library), seconds(course)  # warm up
            pairs = [(seconds(library), seconds(course)) for _ in range(ROUNDS)]
            ratios = [b / a for a, b in pairs]
            row = {
                "layer": ours.__name__,
                "shape": {"N": N, "T": T, "D": H, "H": H},
                "torch_ms": round(1e3 * statistics.median(a for a, _ in pairs), 2),
                "ours_ms": round(1e3 * statistics.median(b for _, b in pairs), 2),
                "ratio": round(statistics.median(ratios), 3),
                "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
            }
            rows.append(row)
            low, high = row["ratio_range"]
            print(
                f"{row['layer']:6s}{f'{N}, {T}, {H}':>16s}{row['torch_ms']:>9.1f} ms{row['ours_ms']:>9.1f} ms"
                f"{row['ratio']:>8.2f}{f'{low:.2f}-{high:.2f}':>14s}",
                flush=True,
            )
    record = {
        "what": "time of forward and backward in float32, all gradients, relative to the layer of torch.nn; "
        "below 1 is faster; median over rounds in which the two took turns",
        "rounds": ROUNDS,
        "calls_per_round": CALLS,
        "results": rows,
        "device": f"CPU, {torch.get_num_threads()} threads, {platform.machine()}",
        "allocator": ALLOCATOR,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, "written")


if __name__ == "__main__":
    main()
