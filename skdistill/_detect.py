"""Recognise networks without importing torch or skorch.

An object can only be a module if its library is loaded already.
"""

from __future__ import annotations

import sys


def is_module(obj) -> bool:
    """Whether `obj` is a `torch.nn.Module` instance."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, torch.nn.Module)


def is_tensor(obj) -> bool:
    """Whether `obj` is a `torch.Tensor`."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, torch.Tensor)


def is_skorch_net(obj) -> bool:
    """Whether `obj` is a skorch net (any subclass of `skorch.NeuralNet`)."""
    skorch = sys.modules.get("skorch")
    return skorch is not None and isinstance(obj, skorch.NeuralNet)


def is_network(obj) -> bool:
    """Whether `obj` is a network of any kind, whose own answers are logits.

    That is a module, a skorch net, an estimator that is made of modules, or a pipeline
    that ends in one of these.
    """
    while hasattr(obj, "steps") and hasattr(obj, "named_steps"):
        obj = obj.steps[-1][1]
    if is_module(obj) or is_skorch_net(obj):
        return True
    modules = getattr(obj, "modules_", [])
    return bool(modules) and all(is_module(module) for module in modules)


def may_hold_network() -> bool:
    """Whether any estimator of this process could hold a network."""
    return "skorch" in sys.modules or "torch" in sys.modules
