"""Tell whether modules, or settings, are the same but for the numbers in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import joblib
from torch import nn

#: What a module keeps beside its own attributes.
_TENSORS = ("_parameters", "_buffers", "_modules", "training")


def architecture(module: nn.Module) -> str:
    """Describe all of a module but the numbers in parameters and buffers.

    Parameters
    ----------
    module : torch.nn.Module
        Two of the same description compute the same function of their numbers.

    Returns
    -------
    str
        A hash. It counts types, attributes, shapes and what is trained; a module with
        attributes that cannot be pickled is like no other.
    """
    parts = [
        (name, type(part), _attributes(part))
        for name, part in module.named_modules(remove_duplicate=False)
    ]
    tensors = [
        (name, tuple(tensor.shape), str(tensor.dtype), tensor.requires_grad)
        for named in (
            module.named_parameters(remove_duplicate=False),
            module.named_buffers(remove_duplicate=False),
        )
        for name, tensor in named
    ]
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return fingerprint([parts, tensors, sorted(names.values())], module)


def _attributes(part: nn.Module) -> dict[str, Any]:
    return {k: v for k, v in vars(part).items() if k not in _TENSORS}


def fingerprint(value, owner) -> str:
    """Hash a value by its content; by whose it is, if that cannot be done."""
    try:
        return joblib.hash(value)
    except Exception:  # whatever a foreign __reduce__ may raise
        return f"only {id(owner)}"


def settings(params: Mapping[str, Any], leave_out: tuple[str, ...], owner) -> str:
    """Hash parameters of an estimator, but for some."""
    counted = {name: v for name, v in params.items() if name not in leave_out}
    return fingerprint(sorted(counted.items(), key=lambda item: item[0]), owner)
