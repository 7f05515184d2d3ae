"""Read a torch module as a chain of layers, where it is one."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skdistill.neural._seeding import seeded
from skdistill.neural.training._alike import architecture
from skdistill.neural.training._layers import (
    Activation,
    Dropout,
    Fixed,
    Flatten,
    Layer,
    Linear,
    Normalization,
    aten,
)

Gradient = Callable[[Tensor, Tensor, Tensor], Tensor]


def _relu_gradient(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return aten.threshold_backward(grad, y, 0)


def _tanh_gradient(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return aten.tanh_backward(grad, y)


def _sigmoid_gradient(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return aten.sigmoid_backward(grad, y)


def _silu_gradient(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return aten.silu_backward(grad, x)


def _relu() -> Activation:
    return Activation(torch.relu, _relu_gradient, torch.relu_)


def _tanh() -> Activation:
    return Activation(torch.tanh, _tanh_gradient, torch.tanh_)


def _sigmoid() -> Activation:
    return Activation(torch.sigmoid, _sigmoid_gradient, torch.sigmoid_)


def _gelu(module: nn.GELU) -> Activation:
    how = module.approximate

    def gradient(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return aten.gelu_backward(grad, x, approximate=how)

    return Activation(lambda x: functional.gelu(x, approximate=how), gradient)


def _leaky_relu(module: nn.LeakyReLU) -> Activation:
    slope = module.negative_slope

    def gradient(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return aten.leaky_relu_backward(grad, x, slope, False)

    return Activation(lambda x: functional.leaky_relu(x, slope), gradient)


def _elu(module: nn.ELU) -> Activation:
    alpha = module.alpha

    def gradient(grad: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return aten.elu_backward(grad, alpha, 1.0, 1.0, False, x)

    return Activation(lambda x: functional.elu(x, alpha), gradient)


#: By exact type: a subclass may do anything.
_ACTIVATIONS: dict[type, Callable[..., Activation]] = {
    nn.ReLU: lambda module: _relu(),
    nn.Tanh: lambda module: _tanh(),
    nn.Sigmoid: lambda module: _sigmoid(),
    nn.SiLU: lambda module: Activation(functional.silu, _silu_gradient),
    nn.GELU: _gelu,
    nn.LeakyReLU: _leaky_relu,
    nn.ELU: _elu,
}

_FUNCTIONS: dict[Callable, Callable[[], Activation]] = {
    torch.relu: _relu,
    functional.relu: _relu,
    torch.tanh: _tanh,
    functional.tanh: _tanh,
    torch.sigmoid: _sigmoid,
    functional.sigmoid: _sigmoid,
}


def read_chain(module: nn.Module) -> list[Layer] | None:
    """Find the chain of layers that a module is.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one batch. It may define its own `forward`.

    Returns
    -------
    list of Layer or None
        None unless the module is one known layer after another, each used once, in
        training and in use alike.
    """
    if _has_hooks(module):
        return None
    alone = _read_module(module, "", first=True)
    if alone is not None:
        return alone
    steps = _follow(module, training=True)
    if steps is None or steps != _follow(module, training=False):
        return None
    return _read_steps(steps, module)


def _has_hooks(module: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return any(getattr(part, kind) for part in module.modules() for kind in kinds)


def is_fixed(module: nn.Module) -> bool:
    """Whether a module says that nothing in it is trained and no gradient flows."""
    return bool(getattr(module, "is_fixed_encoding", False))


class _Visitor:
    """Goes through a module in the place of a batch and notes what is done with it.

    Unlike `torch.fx`, which replaces the call of all modules of the process while it
    traces, this leaves other threads alone.
    """

    def __init__(self, steps: list) -> None:
        self._steps = steps
        self._at = len(steps)

    def does(self, step) -> _Visitor:
        """Note a step; the visitor is not to be asked again, but the one given back."""
        if self._at != len(self._steps):
            raise _NoChainError
        self._steps.append(step)
        return _Visitor(self._steps)

    def is_last(self) -> bool:
        """Whether nothing was done after this."""
        return self._at == len(self._steps)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        known = function in _FUNCTIONS or function is torch.flatten
        if not (known and args and isinstance(args[0], cls)):
            raise _NoChainError
        return args[0].does((function, args[1:], tuple((kwargs or {}).items())))

    def relu(self):
        """As a tensor's."""
        return self.does((torch.relu, (), ()))

    def tanh(self):
        """As a tensor's."""
        return self.does((torch.tanh, (), ()))

    def sigmoid(self):
        """As a tensor's."""
        return self.does((torch.sigmoid, (), ()))

    def flatten(self, *args):
        """As a tensor's."""
        return self.does((torch.flatten, args, ()))

    def __bool__(self):
        raise _NoChainError


class _NoChainError(Exception):
    """Something was done with a batch that no known layer does."""


class _Sign(nn.Module):
    """Stands in the place of a known layer and notes that it was called."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, visitor: _Visitor) -> _Visitor:
        return visitor.does(self.name)


def _follow(module: nn.Module, *, training: bool) -> list | None:
    """Note the steps of a module's forward, unless it does anything else besides."""
    steps: list = []
    try:
        copied = deepcopy(module)
        for name, part in list(copied.named_modules(remove_duplicate=False)):
            if name and _read_module(part, "", first=True) is not None:
                copied.set_submodule(name, _Sign(name))
        copied.train(training)
        before = architecture(copied), _numbers(copied)
        of_python = random.getstate()
        with seeded(0):
            undrawn = _generators()
            last = copied(_Visitor(steps))
            drew = undrawn != _generators()
        random.setstate(of_python)
        after = architecture(copied), _numbers(copied)
    except Exception:  # whatever a foreign forward does with what is no tensor
        return None
    untouched = before[0] == after[0] and all(
        torch.equal(*pair) for pair in zip(before[1], after[1], strict=True)
    )
    whole = isinstance(last, _Visitor) and last.is_last()
    return steps if untouched and whole and not drew else None


def _generators() -> tuple:
    """The states of the generators that a forward pass could draw from."""
    _, keys, place, *_ = np.random.get_state()  # noqa: NPY002
    of_torch = torch.get_rng_state().numpy().tobytes()
    return of_torch, np.asarray(keys).tobytes(), place, random.getstate()


def _numbers(module: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in module.buffers()]


def _read_steps(steps: list, module: nn.Module) -> list[Layer] | None:
    layers: list[Layer] = []
    called = [step for step in steps if isinstance(step, str)]
    if len(set(called)) != len(called):
        return None
    for step in steps:
        if isinstance(step, str):
            part = module.get_submodule(step)
            read = _read_module(part, f"{step}.", first=not layers)
        else:
            read = _read_function(*step)
        if read is None:
            return None
        layers.extend(read)
    return layers or None


def _read_function(function, args: tuple, kwargs: tuple) -> list[Layer] | None:
    options = dict(kwargs)
    if function in _FUNCTIONS and not args and not options.pop("inplace", False):
        return [_FUNCTIONS[function]()] if not options else None
    if function is torch.flatten and args == (1,) and not options:
        return [Flatten()]
    return None


def _read_module(part: nn.Module, prefix: str, *, first: bool) -> list[Layer] | None:
    kind = type(part)
    if is_fixed(part):
        return [Fixed(part, prefix)] if first else None
    if kind is nn.Linear:
        bias = None if part.bias is None else f"{prefix}bias"
        return [Linear(f"{prefix}weight", bias)]
    if kind in _ACTIVATIONS:
        return [_ACTIVATIONS[kind](part)]
    if kind is nn.Dropout:
        return [Dropout(part.p)]
    if kind is nn.Identity:
        return []
    if kind is nn.Flatten:
        return [Flatten()] if (part.start_dim, part.end_dim) == (1, -1) else None
    if kind is nn.BatchNorm1d:
        return [_batch_norm(part, prefix)]
    if kind is nn.LayerNorm and len(part.normalized_shape) == 1:
        weight = None if part.weight is None else f"{prefix}weight"
        bias = None if part.bias is None else f"{prefix}bias"
        return [Normalization(-1, part.eps, weight, bias)]
    return None


def _batch_norm(part: nn.BatchNorm1d, prefix: str) -> Normalization:
    affine = part.weight is not None
    tracks = part.running_mean is not None
    return Normalization(
        dim=1,
        eps=part.eps,
        weight=f"{prefix}weight" if affine else None,
        bias=f"{prefix}bias" if affine else None,
        running_mean=f"{prefix}running_mean" if tracks else None,
        running_var=f"{prefix}running_var" if tracks else None,
        tracked=f"{prefix}num_batches_tracked" if tracks else None,
        momentum=part.momentum,
    )
