"""Time of a training step of our networks, plain, with `channels_last`, and with bf16; and of `conv2d`.

Writes coursekit/records/convolutional.json. Minutes. The forms take turns, so that a busy moment of the
machine meets all; quoted is the median over the rounds of the ratio within a round. Processors without
bf16 units (AVX512 or AMX) emulate it, and are slower with it.
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
from torch.nn import functional as F  # noqa: E402

from coursekit.nn.convolutional import conv2d  # noqa: E402
from coursekit.nn.convolutional_googlenet import GoogLeNet  # noqa: E402
from coursekit.nn.convolutional_resnet import ResNet  # noqa: E402
from coursekit.nn.losses import cross_entropy  # noqa: E402

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "convolutional.json"
ROUNDS, N, SIZE = 7, 8, 128
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ResNet-18": lambda: ResNet(18, 100),
    "GoogLeNet": lambda: GoogLeNet(100, auxiliary=False),
}
FORMS = {  # channels_last, bf16
    "plain": (False, False),
    "channels_last": (True, False),
    "channels_last and bf16": (True, True),
}


def step(make: Callable[[], nn.Module], channels_last: bool, bf16: bool) -> Callable[[], object]:
    """Forward, loss, backward."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = make().to(memory_format=layout)  # type: ignore[call-overload]
    x, y = torch.randn(N, 3, SIZE, SIZE).to(memory_format=layout), torch.randint(100, (N,))
    weights = list(network.parameters())

    def run() -> object:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = cross_entropy(network(x), y)
        return torch.autograd.grad(loss, weights)

    return run


def convolve(function: Callable[..., torch.Tensor]) -> Callable[[], object]:
    torch.manual_seed(0)
    x, weight = torch.randn(N, 32, 32, 32, requires_grad=True), torch.randn(64, 32, 3, 3, requires_grad=True)
    cotangent = torch.randn(N, 64, 32, 32)
    return lambda: torch.autograd.grad(function(x, weight, padding=1), (x, weight), cotangent)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(what: str, calls: dict[str, Callable[[], object]]) -> list[dict[str, object]]:
    """Time all in turns; ratios are to the first."""
    for call in calls.values():
        call()  # warm up
    rounds = [{name: seconds(call) for name, call in calls.items()} for _ in range(ROUNDS)]
    first = next(iter(calls))
    rows: list[dict[str, object]] = []
    for name in calls:
        ratio = statistics.median(times[name] / times[first] for times in rounds)
        milliseconds = 1e3 * statistics.median(times[name] for times in rounds)
        rows.append({"what": what, "form": name, "ms": round(milliseconds, 2), "ratio": round(ratio, 3)})
        print(f"{what:12s}{name:26s}{milliseconds:9.1f} ms{ratio:8.2f}", flush=True)
    return rows


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for name, make in NETWORKS.items():
        rows += compare(name, {form: step(make, *options) for form, options in FORMS.items()})
    rows += compare("conv2d", {"library": convolve(F.conv2d), "from the definition": convolve(conv2d)})
    record = {
        "what": "time of forward and backward, all gradients, relative to the first form; below 1 is faster; "
        "median over rounds in which the forms took turns",
        "rounds": ROUNDS,
        "images": {"N": N, "size": SIZE},
        "results": rows,
        "device": f"CPU, {torch.get_num_threads()} threads, {platform.machine()}",
        "vector_units": torch.backends.cpu.get_cpu_capability(),
        "allocator": ALLOCATOR,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, "written")


if __name__ == "__main__":
    main()
