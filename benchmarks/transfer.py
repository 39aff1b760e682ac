"""What is a pretrained encoder worth? The same U-Net with and without, on few and on many labelled masks.

The encoder first learns to name the one shape of a picture, from thousands of labels of whole pictures; then
the U-Net learns to outline up to three of them. Writes coursekit/records/transfer.json. About three minutes a
seed on one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from coursekit.data.augment import random_flip, rotation, warp
from coursekit.data.loader import Batches
from coursekit.data.shapes import SHAPE_CLASSES, Scenes, shapes
from coursekit.metrics import accuracy, mean_iou
from coursekit.nn.losses import cross_entropy, dice_loss
from coursekit.nn.segmentation_nets import EncoderClassifier, UNet
from coursekit.train import evaluate, fit, set_seed

RECORD = Path(__file__).resolve().parents[1] / "coursekit" / "records" / "transfer.json"
K = len(SHAPE_CLASSES)
# start -> is the encoder pretrained, is it frozen, are the pictures turned and mirrored
STARTS = {
    "from scratch": (False, False, False),
    "pretrained, frozen": (True, True, False),
    "pretrained, fine-tuned": (True, False, False),
    "from scratch, augmented": (False, False, True),
    "pretrained, fine-tuned, augmented": (True, False, True),
}
BATCH, LR, ENCODER_LR = 10, 3e-3, 1e-3


def make_unet(width: int, kind: type[UNet] = UNet) -> UNet:
    return kind(3, K, width, 3, batch_norm=True)


def single_shapes(n: int, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of one shape (N, 3, H, W), and which of the three it is (N,)."""
    scenes = shapes(n, size, seed=seed, most=1)
    return scenes.images, scenes.masks.flatten(1).amax(1) - 1


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of the pixels, and Dice of each class, without which small shapes are given up."""
    one_hot = F.one_hot(masks, K).movedim(-1, 1)  # (N, K, H, W)
    return cross_entropy(logits, masks) + dice_loss(logits.softmax(1), one_hot, per_class=True)


def pretrain(seed: int, options: argparse.Namespace) -> tuple[UNet, float]:
    """A U-Net whose encoder has learned to name shapes, and how often it names new ones rightly."""
    set_seed(seed)
    unet = make_unet(options.width)
    classifier = EncoderClassifier(unet.encoder, K - 1)
    train = single_shapes(options.pretraining, options.size, 5000 + seed)
    test = single_shapes(500, options.size, 6000 + seed)
    batches = Batches(train, 32, torch.Generator().manual_seed(seed))
    fit(classifier, batches, cross_entropy, epochs=options.epochs, lr=LR, device="cpu", progress=False)
    named = evaluate(classifier, Batches(test, 500), cross_entropy, metric=accuracy, device="cpu").metric
    assert named is not None
    return unet, named


class FrozenEncoder(UNet):
    """A `UNet` whose encoder stays in evaluation mode; in training its batch norms would go on learning."""

    def train(self, mode: bool = True) -> FrozenEncoder:
        super().train(mode)
        self.encoder.eval()
        return self


class Steps:
    """As many minibatches as asked, however few the images are: the sets of all sizes get equal work."""

    def __init__(self, scenes: Scenes, steps: int, seed: int, augmented: bool) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.batches = Batches(tuple(scenes), BATCH, self.generator)
        self.steps, self.augmented = steps, augmented

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        left = self.steps
        while left:
            for batch in self.batches:
                yield self.changed(batch) if self.augmented else batch
                left -= 1
                if not left:
                    return

    def changed(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Mirrored and turned anyhow: drawn shapes know no up and down."""
        images, masks = random_flip(batch, self.generator)
        angles = 360 * torch.rand(len(images), generator=self.generator)
        return warp(images, rotation(angles)), warp(masks, rotation(angles))


def learn(start: str, pretrained: UNet, labelled: Scenes, seed: int, options: argparse.Namespace) -> UNet:
    is_pretrained, is_frozen, is_augmented = STARTS[start]
    set_seed(100 + seed)  # all decoders begin alike
    unet = make_unet(options.width, FrozenEncoder if is_frozen else UNet)
    rest = [*unet.ups.parameters(), *unet.levels.parameters(), *unet.head.parameters()]
    groups: list[dict[str, Any]] = [{"params": rest, "lr": LR}]
    if is_pretrained:
        unet.encoder.load_state_dict(pretrained.encoder.state_dict())
    if is_frozen:
        unet.encoder.requires_grad_(False)
    else:
        rate = ENCODER_LR if is_pretrained else LR
        groups.append({"params": list(unet.encoder.parameters()), "lr": rate})
    optimizer = torch.optim.Adam(groups)
    steps = Steps(labelled, options.steps, seed, is_augmented)
    fit(unet, steps, mask_loss, epochs=1, optimizer=optimizer, device="cpu", progress=False)
    return unet.eval()


def measure(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """What one seed gives: how often shapes are named rightly, and the mIoU by start and number of masks."""
    pretrained, named = pretrain(seed, options)
    test = shapes(300, options.size, seed=7000)
    miou: dict[str, list[float]] = {}
    for start in STARTS:
        for number in options.labelled:
            labelled = shapes(number, options.size, seed=8000 + seed)
            unet = learn(start, pretrained, labelled, seed, options)
            with torch.no_grad():
                score = mean_iou(unet(test.images).argmax(1), test.masks, K).mean
            miou.setdefault(start, []).append(round(score, 4))
    return {"seed": seed, "named": round(named, 4), "miou": miou}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="added to those of the record"
    )
    parser.add_argument("--labelled", type=int, nargs="+", default=[20, 100], help="pictures with masks")
    parser.add_argument("--pretraining", type=int, default=3000, help="pictures with one label each")
    parser.add_argument("--epochs", type=int, default=12, help="of the pretraining")
    parser.add_argument("--steps", type=int, default=400, help="minibatches of the training on masks")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--size", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {
        "what": "mean intersection over union of a U-Net on 300 new pictures of up to three drawn shapes, "
        "after training on few pictures with masks; the encoder new, or pretrained to name single shapes and "
        f"then frozen or trained at a rate of {ENCODER_LR} (all else at {LR}); as many steps for each",
        **{key: value for key, value in vars(options).items() if key != "seeds"},
        "device": f"CPU, 1 thread, {platform.machine()}",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    old = json.loads(RECORD.read_text("utf8")) if RECORD.exists() else {}
    runs = old.pop("runs", [])
    if old != record:  # measured in another way: start over
        runs = []
    for seed in options.seeds:
        started = time.process_time()
        run = measure(seed, options)
        run["seconds"] = round(time.process_time() - started)
        runs = sorted([*(other for other in runs if other["seed"] != seed), run], key=lambda r: r["seed"])
        RECORD.write_text(json.dumps({**record, "runs": runs}, indent=1) + "\n", "utf8")
        shown = ", ".join(f"{start} {scores}" for start, scores in run["miou"].items())
        print(f"seed {seed}: named {run['named']:.3f}; mIoU {shown}; {run['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
