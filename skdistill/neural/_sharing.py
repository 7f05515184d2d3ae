"""Copies of modules that share their tensors: a place to switch modes in peace."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import chain

import numpy as np
from scipy import sparse
from torch import Tensor, nn


def sharing_copy(module: nn.Module) -> nn.Module:
    """Copy a module, but not the numbers in it, and put the copy in evaluation mode.

    A module has one set of modes for all threads that use it, so whoever changes them,
    even for a moment, changes what the others compute. The copy costs as much as the
    module has layers, however large these are.

    Parameters
    ----------
    module : torch.nn.Module
        Nothing of it changes. A compiled one is copied as it was before compiling.

    Returns
    -------
    torch.nn.Module
        With the very parameters and buffers of `module`.
    """
    if type(module).__name__ == "OptimizedModule":
        module = module._orig_mod
    shared = chain(module.parameters(), module.buffers(), _kept_by(module))
    memo = {id(value): value for value in shared}
    try:
        copied = deepcopy(module, memo)
    except Exception:
        # Locks, open files, tensors hidden in objects: nothing that a mode is kept in.
        copied = _shallow(module, {})
    # Not `eval`: modules exist that override it to change weights.
    for part in copied.modules():
        part.training = False
    return copied


def _kept_by(module: nn.Module) -> Iterator:
    """Arrays in plain attributes: large, or part of a graph that cannot be copied."""
    for part in module.modules():
        waiting = list(vars(part).values())
        while waiting:
            value = waiting.pop()
            if isinstance(value, (Tensor, np.ndarray)) or sparse.issparse(value):
                yield value
            elif type(value) is dict:
                waiting.extend(value.values())
            elif type(value) in (list, tuple):
                waiting.extend(value)


def _shallow(module: nn.Module, done: dict[int, nn.Module]) -> nn.Module:
    if id(module) in done:
        return done[id(module)]
    copied = object.__new__(type(module))
    done[id(module)] = copied
    vars(copied).update(vars(module))
    for name in ("_parameters", "_buffers"):
        vars(copied)[name] = vars(module)[name].copy()
    parts = {
        key: part if part is None else _shallow(part, done)
        for key, part in module._modules.items()
    }
    vars(copied)["_modules"] = parts
    return copied
