"""How well do the classification networks learn 1,087 handwritten digits? Accuracy over seeds.

Writes coursekit/records/digits-cnn.json. About ten minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from coursekit.data.images import digits
from coursekit.data.loader import Batches
from coursekit.metrics import accuracy
from coursekit.nn.convolutional_classic import ALEXNET_SMALL, VGG, AlexNet, LeNet
from coursekit.nn.convolutional_googlenet import GoogLeNet, googlenet_loss
from coursekit.nn.convolutional_resnet import CifarResNet, ResNet
from coursekit.nn.segmentation import upsample_nearest
from coursekit.train import evaluate, fit, set_seed

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "digits-cnn.json"


class Enlarged(nn.Module):
    """Read 8 by 8 pixels as 32 by 32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(upsample_nearest(x, 4))
        return logits


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "LeNet": lambda: LeNet(10, 1, image_size=8, kernel_size=3, padding=1),
    "AlexNet, 32 by 32": lambda: Enlarged(AlexNet(10, 1, ALEXNET_SMALL)),
    "VGG-11": lambda: VGG(11, 10, 1, width=8, hidden=64, image_size=8, batch_norm=True),
    "GoogLeNet": lambda: GoogLeNet(10, 1, small_images=True, width=0.125, batch_norm=True),
    "ResNet-18": lambda: ResNet(18, 10, 1, width=8, small_images=True),
    "CIFAR ResNet-8": lambda: CifarResNet(8, 10, 1),
}


def learn(make: Callable[[], nn.Module], seed: int, epochs: int) -> float:
    """Accuracy on the test part after training; the split is the same for all seeds."""
    set_seed(seed)
    model = make()
    train, _, test = digits()
    batches = Batches(tuple(train), 64, torch.Generator().manual_seed(seed))
    fit(model, batches, googlenet_loss, epochs=epochs, lr=3e-3, device="cpu", progress=False)
    final = evaluate(model, Batches(tuple(test), 355), googlenet_loss, metric=accuracy, device="cpu")
    assert final.metric is not None
    return final.metric


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name, make in NETWORKS.items():
        started = time.process_time()
        scores = [learn(make, seed, options.epochs) for seed in range(options.seeds)]
        row = {
            "network": name,
            "parameters": sum(parameter.numel() for parameter in make().parameters()),
            "accuracy": scores,
            "mean": statistics.mean(scores),
            "spread": statistics.stdev(scores) if len(scores) > 1 else None,
            "seconds_per_run": round((time.process_time() - started) / options.seeds, 1),
        }
        rows.append(row)
        print(f"{name:20s}{row['parameters']:>9,}  {row['mean']:.3f}  {row['seconds_per_run']} s", flush=True)
    record = {
        "what": "share of correct answers on 355 test digits after training on 1,087; one split, several "
        "seeds; the parameters of GoogLeNet include its auxiliary heads",
        "epochs": options.epochs,
        "seeds": options.seeds,
        "results": rows,
        "device": f"CPU, 1 thread, {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, "written")


if __name__ == "__main__":
    main()
