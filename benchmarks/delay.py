"""How far back does each cell remember? The delay task of the LSTM chapter, over gaps and seeds.

Writes coursekit/records/delay.json. About ten minutes on one core.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from coursekit.data import series
from coursekit.data.loader import Batches
from coursekit.metrics import accuracy
from coursekit.nn.recurrent import GRU, LSTM, RNN
from coursekit.train import fit, set_seed

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "delay.json"
GAPS = [5, 10, 20, 40, 80, 160]
SEEDS, EPOCHS, HIDDEN = 5, 10, 32

CELLS: dict[str, Callable[[int], nn.Module]] = {
    "RNN": lambda gap: RNN(3, HIDDEN),
    "GRU": lambda gap: GRU(3, HIDDEN),
    "LSTM, forget bias 1": lambda gap: LSTM(3, HIDDEN, forget_bias=1.0),
    "LSTM, forget bias ln(gap)": lambda gap: LSTM(3, HIDDEN, forget_bias=math.log(gap)),
}


class Recall(nn.Module):
    """Read a sequence (N, T, 3), answer from the last output: logits (N, 3)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(HIDDEN, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])  # (N, 3)


def recall(make: Callable[[int], nn.Module], gap: int, seed: int) -> float:
    """Share of correct answers on new sequences after training."""
    set_seed(seed)
    model = Recall(make(gap))
    training = Batches(
        tuple(series.delay(2048, gap, classes=3, seed=seed)), 64, torch.Generator().manual_seed(seed)
    )
    testing = Batches(tuple(series.delay(512, gap, classes=3, seed=1000 + seed)), 512)
    history = fit(
        model, training, nn.functional.cross_entropy, epochs=EPOCHS, lr=0.003, clip_norm=1.0,
        validation=testing, metric=accuracy, device="cpu",
    )  # fmt: skip
    return history.metric[-1]


def main() -> None:
    torch.set_num_threads(1)
    started = time.monotonic()
    results = {}
    for name, make in CELLS.items():
        # (seeds, gaps)
        results[name] = [[recall(make, gap, seed) for gap in GAPS] for seed in range(SEEDS)]
        mean = torch.tensor(results[name]).mean(0)
        shown = " ".join(f"{gap}: {value:.2f}" for gap, value in zip(GAPS, mean, strict=True))
        print(f"{name:28s}", shown, flush=True)
    record = {
        "what": "share of correct answers on 512 new sequences after training on 2,048, three classes",
        "gaps": GAPS,
        "seeds": SEEDS,
        "epochs": EPOCHS,
        "accuracy": results,
        "device": f"CPU, 1 thread, {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seconds": round(time.monotonic() - started),
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, f"written after {record['seconds']} s")


if __name__ == "__main__":
    main()
