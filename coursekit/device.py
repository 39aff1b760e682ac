"""Where tensors live: which device computes, and how several processes share one run."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def map_tensors(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The same nest of tuples, lists and dictionaries, with `function` applied to every tensor in it."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: map_tensors(function, inner) for name, inner in value.items()}
    if isinstance(value, (tuple, list)):
        inner = [map_tensors(function, item) for item in value]
        return (
            type(value)(*inner) if hasattr(value, "_fields") else type(value)(inner)
        )  # a NamedTuple, a list
    return value


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors of the nest, in the order in which `map_tensors` meets them."""
    found: list[Tensor] = []

    def collect(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(collect, value)
    return found


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`: "auto", "cpu", "cuda", "cuda:1", "mps".

    "auto" is a CUDA card if there is one, else Apple's GPU, else the CPU. Under `torchrun` every process
    takes the card of its own number. Raises `ValueError` for an unknown name or a missing device.
    """
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    apple = torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cards else "mps" if apple else "cpu"
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise ValueError(f"device: expected auto, cpu, cuda, cuda:N or mps, received {name!r}")
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    device = torch.device(name)
    if (device.type == "cuda" and device.index >= cards) or (device.type == "mps" and not apple):
        here = ["cpu", *(f"cuda:{card}" for card in range(cards)), *(["mps"] if apple else [])]
        raise ValueError(f"device: expected one that this machine has ({', '.join(here)}), received {name!r}")
    return device


def describe_device(device: torch.device) -> str:
    """The device for a record: "cpu", "mps", or "cuda:0 (NVIDIA H200)"."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


@contextmanager
def placed(
    model: nn.Module, device: torch.device, optimizer: torch.optim.Optimizer | None = None
) -> Iterator[None]:
    """Hold `model`, and what its optimizer remembers, on `device`; afterwards take them back."""
    home = next((parameter.device for parameter in model.parameters()), device)

    def move(to: torch.device) -> None:
        model.to(to)
        if optimizer is not None:
            optimizer.load_state_dict(optimizer.state_dict())  # its state follows the weights

    if home == device:
        yield
        return
    move(device)
    try:
        yield
    finally:
        move(home)


@dataclass(frozen=True)
class World:
    """The processes that train one model together; without `torchrun`, one process of one.

    All read the same batches, each takes every `size`-th example of them, and `DistributedDataParallel`
    averages the gradients.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @staticmethod
    def join(device: torch.device) -> World:
        """The group that `torchrun` started, or this process alone."""
        if not dist.is_available() or not (dist.is_initialized() or dist.is_torchelastic_launched()):
            return World(device=device)
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            atexit.register(dist.destroy_process_group)
        return World(dist.get_rank(), dist.get_world_size(), device)

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model whose gradients are averaged over the processes."""
        return nn.parallel.DistributedDataParallel(model) if self.size > 1 else model

    def share(self, batch: Any, count: Callable[[Any], float]) -> tuple[Any, float, float]:
        """This process's examples of a batch, their weight in the batch's mean, and the `count` of the batch.

        A process left without an example takes the first one with weight 0, so that all make the same steps.
        """
        whole = float(count(batch))
        if self.size == 1:
            return batch, 1.0, whole
        mine = map_tensors(lambda tensor: tensor[self.rank :: self.size], batch)  # (about N / size, ...)
        if any(len(tensor) == 0 for tensor in tensors_in(mine)):
            return map_tensors(lambda tensor: tensor[:1], batch), 0.0, whole
        return mine, float(count(mine)) / whole, whole

    def total(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        if self.size == 1:
            return list(values)
        place = self.device if self.device.type == "cuda" else "cpu"  # where NCCL and Gloo look
        sums = torch.tensor(values, dtype=torch.float64, device=place)
        dist.all_reduce(sums)
        return sums.tolist()

    def from_first(self, value: Any) -> Any:
        """The value that the first process holds."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]
