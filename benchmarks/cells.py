"""What are skips, weighted gaps and turned pictures worth to a U-Net that learns cells from few labels?

Writes coursekit/records/cells.json. About three minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from coursekit.data.augment import eight_ways
from coursekit.data.loader import Batches
from coursekit.data.shapes import cells
from coursekit.device import describe_device, pick_device
from coursekit.metrics import boundary_error, found_objects, mean_iou
from coursekit.nn.losses import cross_entropy
from coursekit.nn.segmentation_nets import UNet
from coursekit.nn.segmentation_refine import border_weights, connected_components, drop_small
from coursekit.train import fit, set_seed

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "cells.json"


class Recipe(NamedTuple):
    """What differs between two networks: all else, the number of steps included, is the same."""

    skips: bool = True
    weighted: bool = False  # the gaps between cells count more
    turned: bool = False  # every picture in eight positions


RECIPES = {
    "without skips": Recipe(skips=False),
    "U-Net": Recipe(),
    "U-Net, gaps weighted": Recipe(weighted=True),
    "U-Net, pictures turned": Recipe(turned=True),
    "U-Net, both": Recipe(weighted=True, turned=True),
}


def weighted_loss(
    model: torch.nn.Module, batch: tuple[Tensor, Tensor, Tensor], _: Any
) -> tuple[Tensor, None]:
    images, weights, masks = batch
    losses = cross_entropy(model(images), masks, reduction="none")  # (N, H, W)
    return (weights * losses).mean(), None


def learn(recipe: Recipe, seed: int, options: argparse.Namespace) -> dict[str, float]:
    set_seed(seed)
    model = UNet(1, 2, options.width, options.depth, skips=recipe.skips, batch_norm=True)
    labelled = cells(options.train, options.size, seed=seed)
    weights = torch.ones(labelled.masks.shape)
    if recipe.weighted:
        weights = torch.stack([border_weights(picture, 10.0, 3.0) for picture in labelled.instances])
    data: tuple[Tensor, ...] = (labelled.images, weights, labelled.masks)
    epochs = options.epochs
    if recipe.turned:
        data, epochs = tuple(map(eight_ways, data)), epochs // 8
    batches = Batches(data, 4, torch.Generator().manual_seed(seed))
    started = time.monotonic()
    fit(
        model, batches, step=weighted_loss, epochs=epochs, lr=1e-2, device=options.device, channels_last=True,
        progress=False,
    )  # fmt: skip
    seconds = time.monotonic() - started
    test = cells(options.test, options.size, seed=1000 + seed)
    with torch.no_grad():
        masks = model.eval()(test.images).argmax(1)  # (N, H, W)
    objects = [connected_components(drop_small(mask, 10), 8) for mask in masks]
    counts = [
        int(found.max()) == int(true.max()) for found, true in zip(objects, test.instances, strict=True)
    ]
    pairs = zip(objects, test.instances, strict=True)
    return {
        "miou": mean_iou(masks, test.masks, 2).mean,
        "boundary_error": boundary_error(masks, test.masks, width=1),
        "found": statistics.mean(found_objects(found, true) for found, true in pairs),
        "counted": statistics.mean(counts),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=32, help="a multiple of 8")
    parser.add_argument("--train", type=int, default=16, help="labelled pictures")
    parser.add_argument("--test", type=int, default=40)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {}
    for name, recipe in RECIPES.items():
        runs = [learn(recipe, seed, options) for seed in range(options.seeds)]
        rows[name] = {key: [run[key] for run in runs] for key in runs[0]}
        print(
            f"{name:24s}" + "  ".join(f"{k} {statistics.mean(v):.3f}" for k, v in rows[name].items()),
            flush=True,
        )
    record = {
        "what": "a U-Net that learns drawn cells from few labelled pictures; on new ones: mean IoU, share of "
        "wrong pixels next to a boundary, share of cells found (IoU above one half) after connected "
        "components, share of pictures in which their number is right; one value for each seed",
        **{
            key: getattr(options, key)
            for key in ("seeds", "epochs", "train", "test", "size", "width", "depth")
        },
        "results": rows,
        "device": describe_device(pick_device(options.device)),
        "machine": platform.machine(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    print(RECORD.name, "written")


if __name__ == "__main__":
    main()
