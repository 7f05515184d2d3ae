"""Torch modules as nodes, layer by layer where all of them are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skdistill.export._graph import Graph, Tensor

_NUMPY = {"float": np.float32, "double": np.float64}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")


def write_module(
    graph: Graph, module, rows: Tensor, row_shape: tuple
) -> tuple[Tensor, bool]:
    """Add what a module makes of rows, in evaluation mode.

    Modules of known layers, one after the other, are written as they are. Any other
    module goes through torch's own exporter.

    Parameters
    ----------
    graph : Graph
        Where.
    module : torch.nn.Module
        Not changed.
    rows : Tensor of shape (n_rows, ...)
        Numbers.
    row_shape : tuple of int
        Shape of a row; () if that is unknown.

    Returns
    -------
    output : Tensor
        What it gives.
    single : bool
        Whether that is one number for each row.
    """
    module = getattr(module, "_orig_mod", module)
    layers = known_layers(module)
    if layers is None or (len(row_shape) > 1 and not _begins_flat(layers)):
        from skdistill.export._torch_exporter import write_foreign

        return write_foreign(graph, module, rows, row_shape)
    linear = [layer for layer in layers if _name(layer) == "Linear"]
    rows = graph.cast(rows, _kind_of(module))
    for layer in layers:
        rows = _LAYERS[_name(layer)](graph, layer, rows)
    return rows, bool(linear) and linear[-1].out_features == 1


def known_layers(module) -> list | None:
    """List the layers of a module that is one after the other; None if it is not."""
    if any(getattr(part, hooks) for part in module.modules() for hooks in _HOOKS):
        return None
    if _name(module) != "Sequential":
        return [module] if _is_known(module) else None
    found = []
    for part in module.children():
        layers = known_layers(part)
        if layers is None:
            return None
        found += layers
    return found


def _name(module) -> str:
    """The name of one of torch's own layers or of ours; "" for subclasses of them."""
    kind = type(module)
    home = kind.__module__
    if home.startswith("torch.nn.modules.") or home == "skdistill.neural.embeddings":
        return kind.__name__
    return ""


def _is_known(layer) -> bool:
    name = _name(layer)
    if name == "BatchNorm1d":
        return layer.running_mean is not None
    if name == "LayerNorm":
        return len(layer.normalized_shape) == 1
    if name == "Flatten":
        return (layer.start_dim, layer.end_dim) == (1, -1)
    if name in ("Softmax", "LogSoftmax"):
        return layer.dim in (1, -1)
    return name in _LAYERS


def _begins_flat(layers: list) -> bool:
    return bool(layers) and _name(layers[0]) == "Flatten"


def _kind_of(module) -> str:
    """Of the numbers that a module computes with."""
    for tensor in module.parameters():
        if tensor.is_floating_point():
            return "double" if "float64" in str(tensor.dtype) else "float"
    return "float"


def numbers(tensor) -> NDArray:
    """What a torch tensor holds."""
    return tensor.detach().cpu().numpy()


def _linear(graph: Graph, layer, x: Tensor) -> Tensor:
    weight = graph.constant(numbers(layer.weight))
    if layer.bias is None:
        return graph.add("Gemm", x, weight, transB=1)
    return graph.add("Gemm", x, weight, graph.constant(numbers(layer.bias)), transB=1)


def _same(graph: Graph, layer, x: Tensor) -> Tensor:
    return x


def _flatten(graph: Graph, layer, x: Tensor) -> Tensor:
    return graph.add("Flatten", x, axis=1)


def _plain(op: str, **attributes) -> Callable:
    return lambda graph, layer, x: graph.add(op, x, **attributes)


def _silu(graph: Graph, layer, x: Tensor) -> Tensor:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _gelu(graph: Graph, layer, x: Tensor) -> Tensor:
    """By its formula: its own operator is younger than what many files are for."""
    number = _NUMPY[x.kind]

    def by(factor: float, tensor: Tensor) -> Tensor:
        return graph.add("Mul", tensor, graph.constant(number(factor)))

    if layer.approximate == "tanh":
        cube = graph.add("Mul", x, graph.add("Mul", x, x))
        inside = graph.add("Add", x, by(0.044715, cube))
        bend = graph.add("Tanh", by(np.sqrt(2 / np.pi), inside))
    else:
        bend = graph.add("Erf", by(np.sqrt(0.5), x))
    grown = graph.add("Add", bend, graph.constant(number(1.0)))
    return by(0.5, graph.add("Mul", x, grown))


def _leaky_relu(graph: Graph, layer, x: Tensor) -> Tensor:
    return graph.add("LeakyRelu", x, alpha=float(layer.negative_slope))


def _elu(graph: Graph, layer, x: Tensor) -> Tensor:
    return graph.add("Elu", x, alpha=float(layer.alpha))


def _batch_norm(graph: Graph, layer, x: Tensor) -> Tensor:
    spread = np.sqrt(numbers(layer.running_var).astype(np.float64) + layer.eps)
    scale, shift = 1.0 / spread, -numbers(layer.running_mean) / spread
    return _affine(graph, layer, x, scale, shift)


def _affine(graph: Graph, layer, x: Tensor, scale, shift) -> Tensor:
    if layer.weight is not None:
        weight = numbers(layer.weight).astype(np.float64)
        scale, shift = scale * weight, shift * weight
    if layer.bias is not None:
        shift = shift + numbers(layer.bias)
    number = _NUMPY[x.kind]
    x = graph.add("Mul", x, graph.constant(np.asarray(scale).astype(number)))
    return graph.add("Add", x, graph.constant(np.asarray(shift).astype(number)))


def _layer_norm(graph: Graph, layer, x: Tensor) -> Tensor:
    number = _NUMPY[x.kind]
    width = layer.normalized_shape[0]
    mean = graph.constant(np.full((width, 1), 1.0 / width, dtype=number))
    centred = graph.add("Sub", x, graph.add("MatMul", x, mean))
    variance = graph.add("MatMul", graph.add("Mul", centred, centred), mean)
    floor = graph.add("Add", variance, graph.constant(number(layer.eps)))
    normal = graph.add("Div", centred, graph.add("Sqrt", floor))
    if layer.weight is None:
        return normal
    return _affine(graph, layer, normal, np.ones(width), np.zeros(width))


def _piecewise_linear(graph: Graph, layer, x: Tensor) -> Tensor:
    n_features, n_bins = layer.left.shape
    first = graph.columns(x, np.arange(n_features))
    column = graph.add("Unsqueeze", first, graph.constant([2]))
    left, width, low, high = (
        graph.constant(numbers(each))
        for each in (layer.left, layer.width, layer.low, layer.high)
    )
    progress = graph.add("Div", graph.add("Sub", column, left), width)
    bounded = graph.add("Min", graph.add("Max", progress, low), high)
    encoded = graph.add("Reshape", bounded, graph.constant([-1, n_features * n_bins]))
    rest = graph.add(
        "Slice",
        x,
        *(graph.constant([bound]) for bound in (n_features, np.iinfo(np.int64).max)),
        graph.constant([1]),
    )
    return graph.concat([encoded, rest])


_LAYERS: dict[str, Callable[[Graph, object, Tensor], Tensor]] = {
    "Linear": _linear,
    "Identity": _same,
    "Dropout": _same,
    "Flatten": _flatten,
    "ReLU": _plain("Relu"),
    "Tanh": _plain("Tanh"),
    "Sigmoid": _plain("Sigmoid"),
    "GELU": _gelu,
    "SiLU": _silu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _plain("Softmax", axis=1),
    "LogSoftmax": _plain("LogSoftmax", axis=1),
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "PiecewiseLinearEncoding": _piecewise_linear,
}
