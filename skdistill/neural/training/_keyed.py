"""Dropout whose mask follows from a key: the same alone and among other models."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

_WORD = 2**32 - 1


class KeyedDropout(nn.Module):
    """Dropout by a hash of a key and each unit's position.

    A buffer holds the key, so that under `torch.func.vmap` every model has its own.

    Parameters
    ----------
    rate : float
        Share of units that are dropped.
    whole_channels : bool
        Whether a channel of a row is dropped as one (`Dropout1d` to `Dropout3d`).
    """

    key: Tensor

    def __init__(self, rate: float, *, whole_channels: bool) -> None:
        super().__init__()
        self.rate = rate
        self.whole_channels = whole_channels
        self.register_buffer("key", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Drop units in training."""
        if not self.training or self.rate == 0.0:
            return x
        if self.rate == 1.0:
            return x * 0.0
        shape = x.shape
        if self.whole_channels:
            shape = shape[:2] + (1,) * (x.ndim - 2)
        position = torch.arange(shape.numel(), device=x.device).view(shape)
        kept = _hashed(position + self.key) >= int(self.rate * _WORD)
        return x * kept.to(x.dtype) / (1.0 - self.rate)


def _hashed(numbers: Tensor) -> Tensor:
    """Mix the bits of integers (a multiply-xorshift hash), 0 to 2 ** 32 - 1."""
    h = (numbers * 0x9E3779B1) & _WORD
    h = ((h ^ (h >> 16)) * 0x7FEB352D) & _WORD
    h = ((h ^ (h >> 15)) * 0x846CA68B) & _WORD
    return h ^ (h >> 16)


_KINDS = {nn.Dropout: False, nn.Dropout1d: True, nn.Dropout2d: True, nn.Dropout3d: True}


def with_keyed_dropout(module: nn.Module) -> tuple[nn.Module, list[str]]:
    """Copy a module with keyed dropout in the place of torch's.

    Returns
    -------
    module : torch.nn.Module
    keys : list of str
        The names of the buffers that hold keys.
    """
    if type(module) in _KINDS:
        module = nn.Sequential(module)
    module = deepcopy(module)
    keys = []
    for name, part in list(module.named_modules(remove_duplicate=False)):
        if type(part) in _KINDS:
            keyed = KeyedDropout(part.p, whole_channels=_KINDS[type(part)])
            module.set_submodule(name, keyed)
            keys.append(f"{name}.key")
    return module, keys


def layer_keys(first: Tensor, n_layers: int) -> list[Tensor]:
    """Derive a key for each layer from that of a step, shape () or (K,), int64."""
    return [_hashed((first + k) & _WORD) for k in range(n_layers)]
