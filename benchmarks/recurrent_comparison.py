"""RNN, LSTM or GRU? Parameters, seconds and accuracy on made-up film reviews, over seeds.

The sizes are those of the course's classifier of IMDb. A seed stands for other weights, another order and
another validation part; the test reviews are the same for all, and are read once, with the weights of the
best validation loss. Writes coursekit/records/recurrent-comparison.json. About half an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from pathlib import Path
from typing import Any, get_args

import torch

from coursekit.data.loader import Batches
from coursekit.data.reviews import sentiment
from coursekit.nn.losses import binary_cross_entropy_with_logits
from coursekit.nn.sequence import Cell, SequenceClassifier
from coursekit.train import evaluate, fit, set_seed

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "recurrent-comparison.json"
VOCABULARY, EMBEDDING, LENGTH, BATCH = 10_000, 32, 100, 32
CELLS: tuple[Cell, ...] = get_args(Cell)
SIZES = ("seeds", "epochs", "reviews", "hidden", "lr")


def reviews(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens (N, T) and verdicts (N, 1) as floats."""
    tokens, labels = sentiment(n, seed, LENGTH, VOCABULARY)
    return tokens, labels[:, None].float()


def share_right(logits: torch.Tensor, targets: torch.Tensor) -> float:
    return ((logits > 0) == (targets > 0.5)).double().mean().item()


def learn(cell: Cell, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One training: curves over the epochs, and the result on the test reviews."""
    tokens, labels = reviews(options.reviews, 0)
    order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(seed))
    held_out, kept = order[: len(order) // 5], order[len(order) // 5 :]
    batches = Batches((tokens[kept], labels[kept]), BATCH, torch.Generator().manual_seed(seed))
    validation = Batches((tokens[held_out], labels[held_out]), 500)
    set_seed(seed)
    model = SequenceClassifier(VOCABULARY, EMBEDDING, options.hidden, 1, cell)
    started = time.process_time()
    history = fit(
        model, batches, binary_cross_entropy_with_logits, epochs=options.epochs, lr=options.lr, clip_norm=1.0,
        patience=options.epochs, validation=validation, metric=share_right, device="cpu", progress=False,
    )  # fmt: skip
    seconds = time.process_time() - started
    test = Batches(reviews(options.reviews, 1), 500)
    result = evaluate(model, test, binary_cross_entropy_with_logits, metric=share_right, device="cpu")
    return {
        "train_loss": [round(loss, 4) for loss in history.train_loss],
        "validation_loss": [round(loss, 4) for loss in history.validation_loss],
        "validation_accuracy": [round(share, 4) for share in history.metric],
        "best_epoch": history.best_epoch,
        "test_accuracy": round(result.metric or 0.0, 4),
        "seconds_per_epoch": round(seconds / options.epochs, 2),
    }


def parameters(cell: Cell, hidden: int) -> dict[str, int]:
    with torch.device("meta"):
        model = SequenceClassifier(VOCABULARY, EMBEDDING, hidden, 1, cell)
    parts = {"all": model, "layer": model.layer}
    return {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}


def difference(runs: dict[str, list[dict[str, Any]]], one: Cell, other: Cell) -> dict[str, float | None]:
    """In points of test accuracy, seed by seed: mean, and its standard error."""
    points = [
        100 * (a["test_accuracy"] - b["test_accuracy"]) for a, b in zip(runs[one], runs[other], strict=True)
    ]
    spread = statistics.stdev(points) / math.sqrt(len(points)) if len(points) > 1 else None
    return {"mean": statistics.mean(points), "standard_error": spread}


def sampling_error(accuracy: float, n: int) -> float:
    """Of the difference of two accuracies, each measured on n reviews, in points: what chance alone gives."""
    return 100 * math.sqrt(2 * accuracy * (1 - accuracy) / n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--reviews", type=int, default=25_000, help="to learn from, a fifth of them held out")
    parser.add_argument("--hidden", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--record", type=Path, default=RECORD, help="the file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    runs: dict[str, list[dict[str, Any]]] = {}
    for cell in CELLS:
        runs[cell] = [learn(cell, seed, options) for seed in range(options.seeds)]
        accuracies = [run["test_accuracy"] for run in runs[cell]]
        seconds = statistics.median(run["seconds_per_epoch"] for run in runs[cell])
        print(f"{cell:5s} {seconds:6.2f} s per epoch, test accuracy", *accuracies, flush=True)
    mean = statistics.mean(run["test_accuracy"] for cell in CELLS for run in runs[cell])
    record = {
        "what": f"made-up film reviews, Embedding({VOCABULARY}, {EMBEDDING}), one recurrent layer, Dense(1), "
        f"Adam, batches of {BATCH}, last {LENGTH} tokens; one run for each seed, tested on as many new "
        "reviews with the weights of its best validation loss; seconds of computing per epoch, validation "
        "included; differences in points of test accuracy, seed by seed",
        **{size: getattr(options, size) for size in SIZES},
        "parameters": {cell: parameters(cell, options.hidden) for cell in CELLS},
        "runs": runs,
        "differences": {
            f"{one} - {other}": difference(runs, one, other)
            for one, other in (("gru", "lstm"), ("lstm", "rnn"), ("gru", "rnn"))
        },
        "sampling_error": sampling_error(mean, options.reviews),
        "device": f"CPU, 1 thread, {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seconds": round(time.process_time() - started),
    }
    options.record.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(options.record.name, f"written after {record['seconds']} s of computing")


if __name__ == "__main__":
    main()
