"""Are deeper networks harder to train? Plain and residual ones of four depths on handwritten digits.

Writes coursekit/records/degradation.json. About seven minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import torch

from coursekit.data.images import digits
from coursekit.data.loader import Batches
from coursekit.metrics import accuracy
from coursekit.nn.convolutional_resnet import CifarResNet, Shortcut
from coursekit.nn.losses import cross_entropy
from coursekit.train import fit, set_seed

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "degradation.json"
DEPTHS = [8, 20, 32, 56]
KINDS: dict[str, Shortcut] = {"plain": "none", "residual": "pad"}
WIDTH, BATCH, LR = 8, 64, 0.05


def train(depth: int, shortcut: Shortcut, seed: int, epochs: int) -> tuple[list[float], list[float]]:
    """After each epoch: error on the training images, and on the test images."""
    set_seed(seed)
    model = CifarResNet(depth, 10, 1, width=WIDTH, shortcut=shortcut)
    parts = digits()
    batches = Batches(tuple(parts.train), BATCH, torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=1e-4)
    errors: tuple[list[float], list[float]] = ([], [])
    for _ in range(epochs):
        fit(model, batches, cross_entropy, epochs=1, optimizer=optimizer, device="cpu", progress=False)
        model.eval()
        with torch.no_grad():
            for part, history in zip((parts.train, parts.test), errors, strict=True):
                history.append(round(1 - accuracy(model(part.images), part.labels), 4))
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    results = []
    for kind, shortcut in KINDS.items():
        for depth in DEPTHS:
            runs = [train(depth, shortcut, seed, options.epochs) for seed in range(options.seeds)]
            training, testing = ([run[part] for run in runs] for part in (0, 1))  # (seeds, epochs) each
            results.append({"kind": kind, "depth": depth, "train_error": training, "test_error": testing})
            shown = " ".join(f"{run[-1]:.3f}" for run in training)
            print(f"{kind:9s}{depth:3d}  training error of each seed: {shown}", flush=True)
    record = {
        "what": "error on the 1,087 training and 355 test digits after each epoch, plain and residual "
        "networks of as many parameters, with batch norm; measured in evaluation mode",
        "depths": DEPTHS,
        "width": WIDTH,
        "optimizer": f"SGD, learning rate {LR}, momentum 0.9, weight decay 1e-4, batches of {BATCH}",
        "epochs": options.epochs,
        "seeds": options.seeds,
        "results": results,
        "device": f"CPU, 1 thread, {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seconds": round(time.process_time() - started),
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, f"written after {record['seconds']} s of computing")


if __name__ == "__main__":
    main()
