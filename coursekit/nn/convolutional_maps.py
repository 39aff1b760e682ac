"""Looking into a convolutional network: its maps, where a class was seen, how much it computes.

Letters: N batch, C channels, H and W height and width, K classes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def feature_maps(model: nn.Module, x: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
    """What the modules of these names (see `named_modules`) give while `model` reads x, without gradient.

    In evaluation mode, to which the model is put for the moment. Of a module that runs several times the last
    result is kept. Raises `ValueError` for a name that the model does not have.
    """
    names = list(names)
    modules = dict(model.named_modules())
    for name in names:
        if name not in modules:
            raise ValueError(f"expected the name of a module, such as {_examples(modules)}; got {name!r}")
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            found[name] = output.detach()

        return hook

    handles = [modules[name].register_forward_hook(keep(name)) for name in names]
    try:
        with _evaluating(model), torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: found[name] for name in names if name in found}


def class_activation_map(features: Tensor, weight: Tensor, classes: Tensor) -> Tensor:
    r"""Where in the image a network that ends in global averaging saw the class.

    $$M_{nhw} = \sum_c W_{k_n c}\, f_{nchw}$$
    The mean of the map, plus the bias, is the logit of that class: each place has its share in it.
    Shapes: features (N, C, H, W), weight (K, C) of the last dense layer, classes (N,) -> (N, H, W).
    Source: Zhou et al. (2016), Learning deep features for discriminative localization.
    """
    if features.ndim != 4 or weight.ndim != 2 or features.shape[1] != weight.shape[1]:
        raise ValueError(
            "class_activation_map: expected features (N, C, H, W) and weight (K, C); "
            f"got {tuple(features.shape)} and {tuple(weight.shape)}"
        )
    return torch.einsum("nchw,nc->nhw", features, weight[classes])


def multiply_adds(model: nn.Module, x: Tensor) -> int:
    """How often the convolutions and dense layers of `model` multiply, and add, to read x in evaluation mode.

    Works on the `meta` device, without computing anything. Norms, activations and pools are not counted, as
    is the custom.
    """
    total = 0

    def count(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.ConvTranspose2d):
            [read] = _inputs
            total += read.numel() * module.weight[0].numel()
        elif isinstance(module, nn.Conv2d | nn.Linear):
            total += output.numel() * module.weight[0].numel()

    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    try:
        with _evaluating(model), torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return total


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _examples(modules: Iterable[str]) -> str:
    return ", ".join([repr(name) for name in modules if name][:3])
