"""FCN, U-Net and DeepLab on the same drawn shapes: mIoU, boundary error, parameters and time over seeds.

Writes coursekit/records/segmentation.json. About twenty minutes on one core, a minute on a GPU
(`--device cuda`).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.data.loader import Batches
from coursekit.data.shapes import SHAPE_CLASSES, shapes
from coursekit.device import describe_device, pick_device
from coursekit.metrics import boundary_error, mean_iou, pixel_accuracy
from coursekit.nn.convolutional_classic import VGG
from coursekit.nn.convolutional_resnet import ResNet
from coursekit.nn.losses import cross_entropy, dice_loss
from coursekit.nn.segmentation_nets import FCN, DeepLab, UNet
from coursekit.train import fit, set_seed

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "segmentation.json"
K = len(SHAPE_CLASSES)
NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "FCN-32s": lambda size: FCN(vgg(size), K, finest=32),
    "FCN-8s": lambda size: FCN(vgg(size), K, finest=8),
    "U-Net": lambda size: UNet(3, K, 8, 3, batch_norm=True),
    "U-Net without skips": lambda size: UNet(3, K, 8, 3, skips=False, batch_norm=True),
    "DeepLab": lambda size: DeepLab(ResNet(18, K, width=8, small_images=True, dilate=1), K, 16, (2, 4, 6)),
}


def vgg(size: int) -> VGG:
    return VGG(11, K, width=12, hidden=96, image_size=size, batch_norm=True, dropout=0.1)


def loss(logits: Tensor, masks: Tensor) -> Tensor:
    one_hot = F.one_hot(masks, K).movedim(-1, 1)  # (N, K, H, W)
    return cross_entropy(logits, masks) + dice_loss(logits.softmax(1), one_hot, per_class=True)


def learn(make: Callable[[int], nn.Module], seed: int, options: argparse.Namespace) -> dict[str, Any]:
    set_seed(seed)
    model = make(options.size)
    train = shapes(options.train, options.size, seed=seed)
    test = shapes(options.test, options.size, seed=1000 + seed)
    batches = Batches(tuple(train), 16, torch.Generator().manual_seed(seed))
    started = time.monotonic()
    fit(model, batches, loss, epochs=options.epochs, lr=3e-3, device=options.device, progress=False)
    seconds = time.monotonic() - started
    place = pick_device(options.device)
    model.to(place).eval()
    with torch.no_grad():
        parts = [model(part.to(place)).argmax(1).cpu() for part in test.images.split(50)]
    prediction = torch.cat(parts)  # (N, H, W)
    iou = mean_iou(prediction, test.masks, K)
    return {
        "miou": iou.mean,
        "iou": iou.per_class.tolist(),
        "boundary_error": boundary_error(prediction, test.masks),
        "pixel_accuracy": pixel_accuracy(prediction, test.masks),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--train", type=int, default=300, help="pictures to train on")
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--size", type=int, default=64, help="pixels, a multiple of 32")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name, make in NETWORKS.items():
        runs = [learn(make, seed, options) for seed in range(options.seeds)]
        scores = [run["miou"] for run in runs]
        row = {
            "network": name,
            "parameters": sum(parameter.numel() for parameter in make(options.size).parameters()),
            "runs": runs,
            "mean": statistics.mean(scores),
            "spread": statistics.stdev(scores) if len(scores) > 1 else None,
        }
        rows.append(row)
        print(
            f"{name:20s}{row['parameters']:>10,}  mIoU {row['mean']:.3f}  {runs[0]['seconds']} s", flush=True
        )
    record = {
        "what": "segmentation of drawn shapes, four classes: intersection over union on new pictures, mean "
        "and per class; boundary error, the share of wrong pixels at most 2 away from a true boundary",
        **{key: getattr(options, key) for key in ("seeds", "epochs", "train", "test", "size")},
        "results": rows,
        "device": describe_device(pick_device(options.device)),
        "machine": platform.machine(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, "written")


if __name__ == "__main__":
    main()
