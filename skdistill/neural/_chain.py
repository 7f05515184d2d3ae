"""Read a torch module as a chain of layers, where it is one."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from skdistill.neural._alike import architecture
from skdistill.neural._layers import (
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

_FUNCTIONS: dict[object, Callable[[], Activation]] = {
    torch.relu: _relu,
    functional.relu: _relu,
    "relu": _relu,
    torch.tanh: _tanh,
    functional.tanh: _tanh,
    "tanh": _tanh,
    torch.sigmoid: _sigmoid,
    functional.sigmoid: _sigmoid,
    "sigmoid": _sigmoid,
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
        None unless the module is one known layer after another, each used once, on
        rows of numbers, with all floating tensors of one dtype.
    """
    if _has_hooks(module):
        return None
    alone = _read_module(module, "", first=True)
    if alone is not None:
        return alone
    graph = _trace(module, training=True)
    in_use = _trace(module, training=False)
    if graph is None or in_use is None or _steps(graph) != _steps(in_use):
        return None
    return _read_graph(graph, module)


def _trace(module: nn.Module, *, training: bool) -> fx.Graph | None:
    """Follow what a module calls, unless that depends on data or leaves a trace."""
    try:
        copied = deepcopy(module).train(training)
        before = architecture(copied), _numbers(copied)
        graph = _Tracer().trace(copied)
        after = architecture(copied), _numbers(copied)
    except Exception:  # control flow and whatever else a foreign forward may do
        return None
    same = before[0] == after[0] and all(
        torch.equal(*pair) for pair in zip(before[1], after[1], strict=True)
    )
    return graph if same else None


def _numbers(module: nn.Module) -> list[Tensor]:
    return [buffer.clone() for buffer in module.buffers()]


def _steps(graph: fx.Graph) -> list[tuple]:
    return [(node.op, str(node.target), str(node.args)) for node in graph.nodes]


def _read_graph(graph: fx.Graph, module: nn.Module) -> list[Layer] | None:
    layers: list[Layer] = []
    before, used = None, set()
    for node in graph.nodes:
        if node.op == "output":
            return layers if node.args[0] is before and layers else None
        if node.op == "placeholder":
            if before is not None:
                return None
        else:
            if node.target in used or list(node.all_input_nodes) != [before]:
                return None
            if node.op == "call_module":
                used.add(node.target)
            read = _read(node, module, first=not layers)
            if read is None:
                return None
            layers.extend(read)
        before = node
    return None


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Do not look into what is known as a whole."""
        return is_fixed(m) or super().is_leaf_module(m, module_qualified_name)


def is_fixed(module: nn.Module) -> bool:
    """Whether a module says that nothing in it is trained and no gradient flows."""
    return bool(getattr(module, "is_fixed_encoding", False))


def _has_hooks(module: nn.Module) -> bool:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return any(getattr(part, kind) for part in module.modules() for kind in kinds)


def _read(node: fx.Node, module: nn.Module, *, first: bool) -> list[Layer] | None:
    """Read one node of the graph as layers; none at all for the identity."""
    if node.op == "call_module":
        name = str(node.target)
        return _read_module(module.get_submodule(name), f"{name}.", first=first)
    plain = len(node.args) == 1 and not node.kwargs.get("inplace")
    if node.op in ("call_function", "call_method") and node.target in _FUNCTIONS:
        return [_FUNCTIONS[node.target]()] if plain else None
    if node.target in (torch.flatten, "flatten") and node.args[1:] == (1,):
        return [Flatten()] if not node.kwargs else None
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
