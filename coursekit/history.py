"""The record of a training run."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict, dataclass, field, fields

import torch

from coursekit import __version__


def installed_versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "coursekit": __version__}


@dataclass
class History:
    """What a run was: its losses, and all that a record of it has to state.

    `validation_loss`, `metric` and `best_epoch` (counted from 1, the lowest validation loss) stay empty
    without validation data. `train_loss` is the mean over an epoch's steps, while the weights were moving.
    """

    train_loss: list[float] = field(default_factory=list)  # one per epoch
    validation_loss: list[float] = field(default_factory=list)  # one per epoch
    metric: list[float] = field(default_factory=list)  # one per epoch, on the validation data
    step_loss: list[float] = field(default_factory=list)  # one per step
    best_epoch: int | None = None
    seconds: list[float] = field(default_factory=list)  # one per epoch, validation included
    seed: int | None = None
    device: str = "cpu"
    versions: dict[str, str] = field(default_factory=installed_versions)

    def to_json(self) -> str:
        """One line of JSON; a number that is not finite becomes null."""
        content = asdict(self)
        for name in ("validation_loss", "metric"):
            content[name] = [value if math.isfinite(value) else None for value in content[name]]
        return json.dumps(content, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that `to_json` wrote; null becomes NaN. Raises `ValueError` for anything else."""
        content = json.loads(text)
        if not isinstance(content, dict) or content.keys() != {field.name for field in fields(cls)}:
            raise ValueError(f"expected the JSON of a History, received {text[:40]!r}")
        for name in ("validation_loss", "metric"):
            content[name] = [math.nan if value is None else value for value in content[name]]
        return cls(**content)

    def __repr__(self) -> str:  # without times, so that a notebook's stored output does not vary
        last = {"train_loss": self.train_loss, "validation_loss": self.validation_loss, "metric": self.metric}
        shown = [f"{name}={values[-1]:.4f}" for name, values in last.items() if values]
        best = [] if self.best_epoch is None else [f"best_epoch={self.best_epoch}"]
        return f"History({', '.join([f'epochs={len(self.train_loss)}', *shown, *best])})"
