"""Checkpoints: all that an interrupted run needs to go on as if nothing had happened, in one file."""

from __future__ import annotations

import math
import os
import random
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.device import World, map_tensors, tensors_in
from coursekit.history import History

Step = Callable[[nn.Module, Any, Any], tuple[Tensor, Any]]  # (model, batch, carry) -> (scalar loss, carry)
CONTENT = {"settings", "history", "position", "model", "optimizer", "best", "carry", "random"}
START_OVER = "; resume=False starts over"


def random_state(device: torch.device, loader: torch.Generator | None = None) -> dict[str, Any]:
    """The generators that a run draws from: Python's, NumPy's, PyTorch's, the device's, the loader's own."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (name, [int(key) for key in keys], position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "mps": torch.mps.get_rng_state() if device.type == "mps" else None,
        "loader": None if loader is None else loader.get_state(),
    }


def restore_random_state(
    state: dict[str, Any], device: torch.device, loader: torch.Generator | None = None
) -> None:
    """Put the generators back. One that only one side has (another device, a loader's own) is left alone."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
    if device.type == "mps" and state["mps"] is not None:
        torch.mps.set_rng_state(state["mps"])
    if loader is not None and state["loader"] is not None:
        loader.set_state(state["loader"])


@dataclass
class Position:
    """How far a run has come: the epoch, and sums over the `step` batches of it that are done."""

    random: dict[str, Any]  # the generators when the epoch began: they decide the order of its batches
    epoch: int = 1
    step: int = 0
    loss_sum: float = 0.0
    count: float = 0.0
    seconds: float = 0.0


@dataclass
class Run:
    """A training run between two steps: what a checkpoint keeps, and in which file."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loader: torch.Generator | None  # the data loader's own
    world: World
    settings: dict[str, Any]  # beside the optimizer's: what has to be equal for the losses to be
    history: History
    path: Path | None = None
    every: float = math.inf  # seconds between two saves within an epoch
    position: Position = field(init=False)
    best: dict[str, Any] | None = None  # the weights of the lowest validation loss so far
    carry: Any = None  # from the last step to the next one
    resumed: dict[str, Any] | None = None  # the checkpoint, until the data stand where it left them
    timed_at: float = field(default_factory=time.perf_counter)
    saved_at: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.position = Position(self._random_state())

    @property
    def epoch(self) -> int:
        return self.position.epoch

    @property
    def begun(self) -> int:
        """How many epochs have begun."""
        return self.epoch if self.position.step else self.epoch - 1

    def mean_loss(self) -> float:
        """The mean of the epoch's losses so far."""
        if self.position.count == 0:
            raise ValueError("train: expected at least one batch with a target, received none")
        return self.position.loss_sum / self.position.count

    def line(self, epochs: int) -> str:
        """Where the run stands, for people."""
        loss = self.mean_loss() if self.position.step else self.history.train_loss[-1]
        line = f"epoch {self.begun}/{epochs}  loss {loss:.4f}"
        checked = self.history.validation_loss
        return f"{line}  validation {checked[-1]:.4f}" if checked else line

    def start(self, resume: bool | Literal["auto"], epochs: int) -> None:
        """Go on from the checkpoint, if there is one to go on from; otherwise write the first."""
        content = None
        if self.path is not None and self.world.rank == 0:
            content = find(self.path, resume, self.model, self.all_settings())
        content = self.world.from_first(content)
        if content is None:
            return self.save()
        self.restore(content)
        if epochs < self.begun:
            raise ValueError(f"epochs: expected at least the {self.begun} of {self.path}, received {epochs}")

    def restore(self, content: dict[str, Any]) -> None:
        """Take the run up where the checkpoint left it; the hyperparameters stay those of this call."""
        groups = self.optimizer.state_dict()["param_groups"]
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict({"state": content["optimizer"], "param_groups": groups})
        saved = History.from_json(content["history"])
        self.history = replace(saved, device=self.history.device, versions=self.history.versions)
        self.position, self.best = Position(**content["position"]), content["best"]
        self._restore_random_state(content["random"])
        self.resumed = content

    def batches(self, train: Iterable[Any], step: Step | None) -> Iterator[Any]:
        """What is left of the epoch's batches, on the device; `carry` is set for the first of them."""
        self._restore_random_state(self.position.random)
        batches = (map_tensors(lambda tensor: tensor.to(self.world.device), batch) for batch in train)
        if self.resumed is None:
            return batches
        batch = None
        for done in range(self.position.step):
            if (batch := next(batches, None)) is None:
                raise ValueError(f"train: expected the {self.position.step} batches used, received {done}")
        if step is not None and self.resumed["carry"]:
            self.model.eval()
            with torch.no_grad():
                _, carry = step(self.model, batch, None)  # for its structure: the file holds plain tensors
            self.model.train()
            saved = iter(self.resumed["carry"])
            self.carry = map_tensors(lambda _: next(saved).to(self.world.device), carry)
        if self.position.step:
            self._restore_random_state(self.resumed["random"])
        self.resumed = None
        return batches

    def end_step(self, loss: float, count: float, carry: Any) -> None:
        """Book a step. A single process saves the run if the last time is long ago."""
        self.history.step_loss.append(loss)
        self.position.step += 1
        self.position.loss_sum += count * loss
        self.position.count += count
        self.carry = map_tensors(Tensor.detach, carry)
        self._count_time()
        if self.world.size == 1 and self.timed_at - self.saved_at >= self.every:
            self.save()

    def end_epoch(self) -> None:
        """Book the epoch, and save the run."""
        self._count_time()
        self.history.seconds.append(self.position.seconds)
        self.position = Position(self._random_state(), epoch=self.epoch + 1)
        self.carry = None
        self.save()

    def save(self) -> None:
        """Write the checkpoint, if there is a file for it; see `write`."""
        if self.path is None or self.world.rank > 0:
            return
        content = {
            "settings": self.all_settings(),
            "history": self.history.to_json(),
            "position": vars(self.position),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "best": self.best,
            "carry": tensors_in(self.carry),
            "random": random_state(self.world.device, self.loader),
        }
        write(content, self.path)
        self.saved_at = time.perf_counter()

    def all_settings(self) -> dict[str, str]:
        """`settings` and those of the optimizer, as text."""
        groups = self.optimizer.param_groups
        tensors = sum(len(group["params"]) for group in groups)
        found = {"optimizer": type(self.optimizer).__name__, "tensors": tensors, **self.settings}
        for number, group in enumerate(groups):
            suffix = "" if len(groups) == 1 else f" of group {number}"
            found |= {name + suffix: value for name, value in group.items() if name != "params"}
        return {name: str(value) for name, value in found.items()}

    def _random_state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.world.from_first(random_state(self.world.device, self.loader))
        return state

    def _restore_random_state(self, state: dict[str, Any]) -> None:
        restore_random_state(state, self.world.device, self.loader)

    def _count_time(self) -> None:
        now = time.perf_counter()
        self.position.seconds += now - self.timed_at
        self.timed_at = now


@contextmanager
def resumable(path: Path | None) -> Iterator[None]:
    """Let Ctrl-C say how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        if path is not None:
            error.add_note(f"The run is saved in {path}; the same call goes on from there.")
        raise


def write(content: dict[str, Any], path: Path) -> None:
    """Write the file whole or not at all: beside the old one first, then in its place.

    Raises `OSError` when that fails, e.g. on a full disk; the file of before is then as it was.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        cause = (
            error.__context__ if isinstance(error, RuntimeError) else error
        )  # torch covers it with its own
        if not isinstance(cause, OSError):
            raise
        before = "; the one saved before is unharmed" if path.is_file() else ""
        raise OSError(f"cannot write the checkpoint {path}: {cause.strerror or cause}{before}") from None
    finally:
        with suppress(OSError):
            part.unlink()


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint. Raises `ValueError` when the file is damaged or something else."""
    content: Any = None
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is None:  # torch.load does not look at the check sums
                content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # zipfile, zlib, pickle and torch have errors of their own for a damaged file
        pass
    if not isinstance(content, dict) or content.keys() != CONTENT:
        raise ValueError(f"{path}: expected a checkpoint, received a damaged or different file{START_OVER}")
    return content


def find(
    path: Path, resume: bool | Literal["auto"], model: nn.Module, settings: dict[str, str]
) -> dict[str, Any] | None:
    """The checkpoint to go on from, if there is one.

    Raises `ValueError` when it is of another model or optimizer or, unless `resume` is True, of a run with
    other settings; `FileNotFoundError` when `resume` is True and there is none.
    """
    if resume is False or (resume == "auto" and not path.exists()):
        return None
    if not path.exists():
        raise FileNotFoundError(f"resume=True: expected a checkpoint at {path}, found none")
    content = read(path)
    shapes, received = _shapes(content["model"]), _shapes(model.state_dict())
    for name in shapes | received:
        if shapes.get(name) != received.get(name):
            difference = f"expected {name} of shape {shapes.get(name)}, received {received.get(name)}"
            raise ValueError(f"{path} is of another model: {difference}{START_OVER}")
    for name, value in settings.items():
        saved = content["settings"].get(name)
        if saved != value and (name in ("optimizer", "tensors") or resume == "auto"):
            way = "" if name in ("optimizer", "tensors") else "; resume=True goes on with it"
            raise ValueError(
                f"{path} is of another run: expected {name} {saved}, received {value}{way}{START_OVER}"
            )
    return content


def _shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)}
