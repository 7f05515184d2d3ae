"""Torch's optimizers, for K models at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from skdistill.neural.training._stack import Stack

Make = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

#: Each updates a number by its own gradient alone: K models side by side are as K
#: alone.
_ELEMENTWISE = (
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.Adamax,
    torch.optim.NAdam,
    torch.optim.RAdam,
    torch.optim.SGD,
    torch.optim.ASGD,
    torch.optim.RMSprop,
    torch.optim.Rprop,
    torch.optim.Adagrad,
    torch.optim.Adadelta,
)

#: These look at whole tensors, or ask for the loss themselves.
NOT_ELEMENTWISE = tuple(
    getattr(torch.optim, name)
    for name in ("LBFGS", "Adafactor", "Muon", "SparseAdam")
    if hasattr(torch.optim, name)
)

NAMES: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}

_FUSED = ("adam", "adamw")


def make_optimizer(
    optimizer: str | Callable,
    parameters: list[nn.Parameter],
    *,
    learning_rate: float,
    weight_decay: float,
) -> torch.optim.Optimizer:
    """Make a torch optimizer.

    Parameters
    ----------
    optimizer : str or callable
        One of :data:`NAMES`, or ``optimizer(parameters, lr=..., weight_decay=...)``
        (the latter only if it is not 0): a class of `torch.optim`, or a
        `functools.partial` of one.
    parameters : list of torch.nn.Parameter
    learning_rate, weight_decay : float

    Returns
    -------
    torch.optim.Optimizer
    """
    settings: dict = {"lr": learning_rate}
    if weight_decay or isinstance(optimizer, str):
        settings["weight_decay"] = weight_decay
    if isinstance(optimizer, str):
        if optimizer in _FUSED:
            settings["fused"] = True
        if optimizer == "sgd":
            settings |= {"momentum": 0.9, "nesterov": True}
        return NAMES[optimizer](parameters, **settings)
    return optimizer(parameters, **settings)


def is_elementwise(optimizer: str | Callable) -> bool:
    """Whether an optimizer treats each number on its own: models can share it."""
    if isinstance(optimizer, str):
        return True
    return getattr(optimizer, "func", optimizer) in _ELEMENTWISE


def keep_models(optimizer: torch.optim.Optimizer, stack: Stack, models: Tensor) -> None:
    """Go on with some of the models: cut weights and the optimizer's state alike."""
    weights = stack.weights
    (before,) = optimizer.param_groups[0]["params"]
    state = optimizer.state.pop(before, {})
    for name, value in state.items():
        if isinstance(value, Tensor) and value.shape == before.shape:
            state[name] = weights.reordered(value, models)
    stack.keep(models)
    optimizer.param_groups[0]["params"] = [weights.flat]
    optimizer.state[weights.flat] = state


def state_of(optimizer: torch.optim.Optimizer, stack: Stack, model: int) -> dict:
    """Copy what the optimizer knows about one model: by name, whole or by parameter."""
    weights = stack.weights
    state: dict = {"optimizer": type(optimizer)}
    for name, value in optimizer.state.get(weights.flat, {}).items():
        if isinstance(value, Tensor) and value.shape == weights.flat.shape:
            parts = weights.views(value).items()
            state[name] = {part: tensor[model].clone() for part, tensor in parts}
        else:
            state[name] = value.clone() if isinstance(value, Tensor) else value
    return state


def on_cpu(state):
    """Bring tensors in nested lists and dicts to the CPU."""
    if isinstance(state, Tensor):
        return state.cpu()
    if isinstance(state, list):
        return [on_cpu(entry) for entry in state]
    if isinstance(state, dict):
        return {name: on_cpu(entry) for name, entry in state.items()}
    return state


def load_states(
    optimizer: torch.optim.Optimizer, stack: Stack, states: list[dict]
) -> None:
    """Give an optimizer what `state_of` copied, of each of the models."""
    weights = stack.weights
    if any(state["optimizer"] is not type(optimizer) for state in states):
        return  # of another kind: it begins anew
    for name, value in states[0].items():
        if name == "optimizer":
            continue
        if isinstance(value, dict):
            parts = [torch.stack([s[name][part] for s in states]) for part in value]
            value = torch.cat([part.reshape(-1) for part in parts]).to(weights.flat)
        elif isinstance(value, Tensor):
            value = value.clone()
        optimizer.state[weights.flat][name] = value


#: Share of the steps in which "one_cycle" warms up.
_WARM_UP = 0.1


def rate_factor(schedule: str, progress: float) -> float:
    """By what to multiply the learning rate at some progress in [0, 1).

    "constant" is 1; "cosine" falls from 1 to 0; "one_cycle" rises to 1 in the first
    tenth of the steps and then falls likewise.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "one_cycle":
        if progress < _WARM_UP:
            return 0.05 + 0.95 * progress / _WARM_UP
        progress = (progress - _WARM_UP) / (1 - _WARM_UP)
    return 0.5 + 0.5 * math.cos(math.pi * progress)
