"""Training: one loop, and what it needs to be repeatable."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from coursekit.checkpoint import Run, Step, resumable
from coursekit.device import World, describe_device, map_tensors, pick_device, placed, tensors_in
from coursekit.history import History
from coursekit.progress import progress_bar

__all__ = [
    "EarlyStop",
    "Evaluation",
    "History",
    "early_stopping",
    "evaluate",
    "fit",
    "pick_device",
    "set_seed",
]

Loss = Callable[[Any, Tensor], Tensor]  # (output, target) -> scalar, the mean over the batch
Metric = Callable[[Any, Tensor], float]  # (output, target) -> the mean over the batch
Count = Callable[[Any], float]  # batch -> how many terms its loss is the mean of


def set_seed(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators. Raises `ValueError` outside 0 ... 2**32 - 1."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed: expected an integer from 0 to 2**32 - 1, received {seed!r}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class EarlyStop(NamedTuple):
    best_epoch: int | None  # counted from 1
    stop_epoch: int | None


def early_stopping(losses: list[float], patience: int | None, min_delta: float = 0.0) -> EarlyStop:
    """The epoch whose weights to keep, and the epoch after which to stop, if that has come.

    A validation loss is better when it is lower than the *best* so far by more than `min_delta` (NaN never
    is). `patience` epochs without a better one end the training; with `patience=None` nothing does.
    Source: Prechelt (1998), Early stopping, but when?
    """
    best, best_epoch = math.inf, None
    for epoch, loss in enumerate(losses, start=1):
        if loss < best - min_delta:
            best, best_epoch = loss, epoch
        elif patience is not None and epoch - (best_epoch or 0) >= patience:
            return EarlyStop(best_epoch, epoch)
    return EarlyStop(best_epoch, None)


class Evaluation(NamedTuple):
    loss: float
    metric: float | None


def evaluate(
    model: nn.Module,
    data: Iterable[Any],
    loss: Loss | None = None,
    *,
    step: Step | None = None,
    count: Count | None = None,
    metric: Metric | None = None,
    device: str = "auto",
    bf16: bool = False,
) -> Evaluation:
    r"""The mean loss over `data`, and the mean of `metric`, in evaluation mode and without gradients.

    $$L = \sum_b n_b L_b \,/\, \sum_b n_b$$
    where batch b has the mean loss L_b over n_b = `count(batch)` terms, so that a small last batch weighs
    less (MIS-69). Arguments and errors are those of `fit`.
    """
    take, count = _checked_step(loss, step, metric), count or _elements
    _check_data("data", data)
    place = pick_device(device)
    world = World.join(place)
    was_training = model.training
    carry: Any = None
    loss_sum = metric_sum = terms = 0.0
    with placed(model, place), torch.no_grad(), torch.autocast(place.type, torch.bfloat16, enabled=bf16):
        model.eval()
        for batch in data:
            batch, weight, n = world.share(map_tensors(lambda tensor: tensor.to(place), batch), count)
            mean, score, carry = take(model, batch, carry)
            loss_sum += n * weight * mean.item()
            metric_sum += n * weight * score
            terms += n
        model.train(was_training)
    if terms == 0:
        raise ValueError("data: expected at least one batch, received none")
    loss_sum, metric_sum = world.total(loss_sum, metric_sum)
    return Evaluation(loss_sum / terms, None if metric is None else metric_sum / terms)


def fit(
    model: nn.Module,
    train: Iterable[Any],
    loss: Loss | None = None,
    *,
    epochs: int,
    step: Step | None = None,
    count: Count | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    lr: float = 1e-3,
    clip_norm: float | None = None,
    validation: Iterable[Any] | None = None,
    metric: Metric | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    seed: int | None = None,
    device: str = "auto",
    bf16: bool = False,
    channels_last: bool = False,
    compile: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 60.0,
    resume: bool | Literal["auto"] = "auto",
    progress: bool | None = None,
) -> History:
    """Train `model` in place; return the losses, and what a record of the run has to state.

    What is minimised
        loss: `loss(model(*inputs), target)` of batches `(*inputs, target)`, the mean over a batch.
        step: for anything else, `step(model, batch, carry) -> (loss, carry)`. The carry, e.g. the state of a
            language model, goes to the epoch's next step; it begins as None and is detached here (MIS-31).
        count: how many terms a batch's loss is the mean of; by default the elements of its last tensor.
    How
        optimizer: by default Adam with `lr`. A gradient longer than `clip_norm` is shortened to it.
    When it ends
        After `epochs`; with `patience`, after so many epochs without a lower loss on `validation`, and then
        the model gets the weights of its best epoch back (see `early_stopping`). Without, it keeps the last.
    Where
        device: see `pick_device`; the model returns to where it was. On wish with `bf16` autocast,
        `channels_last` memory, `torch.compile`. Under `torchrun` the processes share every batch.
    Interruptions
        checkpoint: a file, written after every epoch and, by a single process, every `checkpoint_every`
            seconds. The same call goes on from there, to the same losses. With `resume=True` there must be a
            file, and other hyperparameters are accepted; `resume=False` starts over.
    Seen
        metric: the mean of `metric(output, target)` on `validation`, after every epoch.
        progress: whether to draw a bar; by default where somebody watches.

    Raises `ValueError` or `TypeError` for what does not fit, `FloatingPointError` for a loss or gradient that
    is not finite, before it reaches the weights, and `OSError` for a checkpoint that cannot be written.
    """
    _check_call(train, validation, epochs, loss, metric, patience, clip_norm, resume)
    take, count = _checked_step(loss, step), count or _elements
    if seed is not None:
        set_seed(seed)
    place = pick_device(device)
    world = World.join(place)
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    loader = getattr(train, "generator", None)  # our Batches and torch's DataLoader have one
    path = None if checkpoint is None else Path(checkpoint)
    settings = dict(clip_norm=clip_norm, min_delta=min_delta, seed=seed, bf16=bf16, processes=world.size)
    shown = progress if world.rank == 0 else False
    with placed(model, place, optimizer), resumable(path), progress_bar(shown) as show:
        history = History(seed=seed, device=describe_device(place))
        run = Run(model, optimizer, loader, world, settings, history, path, checkpoint_every)
        run.start(resume, epochs)
        history = run.history
        if channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
        forward = cast(nn.Module, torch.compile(world.wrap(model))) if compile else world.wrap(model)
        losses = history.validation_loss
        while run.epoch <= epochs and early_stopping(losses, patience, min_delta).stop_epoch is None:
            steps = _total_steps(train, history, epochs)
            forward.train()
            for batch in run.batches(train, step):
                batch, weight, terms = world.share(batch, count)
                with torch.autocast(place.type, torch.bfloat16, enabled=bf16):
                    mean, _, carry = take(forward, batch, run.carry)
                optimizer.zero_grad()
                (mean * weight * world.size).backward()  # times size: the processes' gradients are averaged
                norm = get_total_norm([w.grad for w in weights if w.grad is not None])
                [batch_loss] = world.total(weight * mean.item())
                if not (math.isfinite(batch_loss) and norm.isfinite()):
                    raise FloatingPointError(_diagnosis(run, batch, batch_loss, norm.item(), clip_norm))
                if clip_norm is not None:
                    clip_grads_with_norm_(weights, clip_norm, norm)
                optimizer.step()
                run.end_step(batch_loss, terms, carry)
                show(len(history.step_loss), steps, run.line(epochs))
            history.train_loss.append(run.mean_loss())
            if validation is not None:
                result = evaluate(
                    forward, validation, loss, step=step, count=count, metric=metric, device=device, bf16=bf16
                )
                losses.append(result.loss)
                if result.metric is not None:
                    history.metric.append(result.metric)
                history.best_epoch = early_stopping(losses, None, min_delta).best_epoch
                if history.best_epoch == run.epoch:  # without the copy it would follow the training (MIS-26)
                    run.best = copy.deepcopy(model.state_dict())
            run.end_epoch()
        if patience is not None and run.best is not None:
            model.load_state_dict(run.best)
        show(len(history.step_loss), len(history.step_loss), run.line(epochs))
    return history


def _checked_step(
    loss: Loss | None, step: Step | None, metric: Metric | None = None
) -> Callable[[nn.Module, Any, Any], tuple[Tensor, float, Any]]:
    """(model, batch, carry) -> (loss, metric, carry) from `loss` or `step`, with the result checked."""
    if (loss is None) == (step is None):
        raise TypeError(f"expected either loss= or step=, received {'neither' if loss is None else 'both'}")

    def take(model: nn.Module, batch: Any, carry: Any) -> tuple[Tensor, float, Any]:
        score = 0.0
        if step is not None:
            result = step(model, batch, carry)
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(
                    f"step: expected it to return (loss, carry), received {type(result).__name__}"
                )
            mean, carry = result
        elif loss is not None:
            if not isinstance(batch, (tuple, list)) or len(batch) < 2:
                raise TypeError(
                    f"batch: expected (*inputs, target), or step=; received {type(batch).__name__}"
                )
            *inputs, target = batch
            output = model(*inputs)
            mean = loss(output, target)
            score = float(metric(output, target)) if metric is not None else 0.0
        if not isinstance(mean, Tensor) or mean.ndim > 0:
            received = f"shape {tuple(mean.shape)}" if isinstance(mean, Tensor) else type(mean).__name__
            raise ValueError(f"loss: expected a scalar tensor, received {received}")
        if torch.is_grad_enabled() and not mean.requires_grad:
            raise ValueError("loss: expected one that depends on the model's weights, received a constant")
        return mean, score, carry

    return take


def _elements(batch: Any) -> float:
    last = batch[-1] if isinstance(batch, (tuple, list)) and batch else batch
    if not isinstance(last, Tensor):
        raise TypeError(
            f"batch: expected one that ends in a tensor, or count=; received {type(last).__name__}"
        )
    return last.numel()


def _check_data(name: str, data: object) -> None:
    if isinstance(data, Iterator):
        raise TypeError(
            f"{name}: expected batches that can be read in every epoch, received a one-way iterator"
        )


def _check_call(
    train: object,
    validation: object,
    epochs: int,
    loss: Loss | None,
    metric: Metric | None,
    patience: int | None,
    clip_norm: float | None,
    resume: object,
) -> None:
    _check_data("train", train)
    _check_data("validation", validation)
    if epochs < 1:
        raise ValueError(f"epochs: expected at least 1, received {epochs}")
    if patience is not None and patience < 1:
        raise ValueError(f"patience: expected at least 1 epoch or None, received {patience}")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm: expected a positive number or None, received {clip_norm}")
    if resume not in (True, False, "auto"):
        raise ValueError(f"resume: expected True, False or 'auto', received {resume!r}")
    for name, value in (("patience", patience), ("metric", metric)):
        if value is not None and validation is None:
            raise ValueError(f"{name}: expected together with validation=, received without")
    if metric is not None and loss is None:
        raise ValueError("metric: expected together with loss=, received with step=, which shows no output")


def _total_steps(train: object, history: History, epochs: int) -> int | None:
    """The steps of the whole run: known at once if the data have a length, else after the first epoch."""
    if isinstance(train, Sized):
        return epochs * len(train)
    done = len(history.train_loss)
    return epochs * len(history.step_loss) // done if done else None


def _diagnosis(run: Run, batch: Any, loss: float, norm: float, clip_norm: float | None) -> str:
    what = f"the gradient's norm is {norm}" if math.isfinite(loss) else f"the loss is {loss}"
    if not all(tensor.isfinite().all() for tensor in tensors_in(batch)):
        advice = "the batch itself holds a value that is not finite"
    else:
        advice = f"try a lower lr (now {run.optimizer.param_groups[0]['lr']:g})"
        advice += " or clip_norm=1.0" if clip_norm is None else ""
    return (
        f"{what} at epoch {run.epoch}, step {run.position.step + 1}; the weights are still finite: {advice}"
    )
