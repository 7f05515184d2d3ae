"""Put networks in other words: what they compute, in what can be compared."""

from __future__ import annotations

import torch
from skorch import NeuralNet
from torch import nn

#: What a module keeps beside its own attributes; its mode is the caller's affair.
_APART = ("_parameters", "_buffers", "_modules", "training")

#: What a net has of its training, which its answers do not depend on.
_OF_TRAINING = ("history_", "callbacks_", "optimizer_", "virtual_params_")


def in_words(obj) -> tuple:
    """Say what a tensor, module or skorch net is, in arrays and plain objects.

    Copies of a network are told in the same words: there are no addresses in them,
    nothing about gradients, and no mode.

    Parameters
    ----------
    obj : Tensor, torch.nn.Module or skorch.NeuralNet

    Returns
    -------
    tuple
        Modules inside are left as they are, to be put in words in turn.
    """
    if isinstance(obj, torch.Tensor):
        return _tensor(obj)
    if isinstance(obj, nn.Module):
        return _module(obj)
    return _net(obj)


def _tensor(tensor: torch.Tensor) -> tuple:
    # As bytes: NumPy does not know all of torch's dtypes.
    plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return "tensor", str(tensor.dtype), tuple(tensor.shape), plain.numpy()


def _module(module: nn.Module) -> tuple:
    attributes = [
        # Hooks are filed under numbers that count all hooks of the process.
        (name, list(value.values()) if name.endswith("_hooks") else value)
        for name, value in sorted(vars(module).items())
        if name not in _APART
    ]
    inside = [
        [(name, part) for name, part in parts.items() if part is not None]
        for parts in (module._parameters, module._buffers, module._modules)
    ]
    return "module", type(module), attributes, inside


def _net(net: NeuralNet) -> tuple:
    own = {k: v for k, v in vars(net).items() if k not in _OF_TRAINING}
    return "net", type(net), sorted(own.items(), key=lambda item: item[0])
