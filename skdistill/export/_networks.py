"""Networks as nodes: the layers that are known here, all else by torch's exporter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from skdistill.export._encoders import write_encoder
from skdistill.export._graph import Graph, Tensor, matrix, tensor_of
from skdistill.export._modules import write_module


def is_neural(model) -> bool:
    """Whether a model is a `NeuralClassifier`, without importing torch."""
    wing = sys.modules.get("skdistill.neural")
    return wing is not None and isinstance(model, wing.NeuralClassifier)


def write_network(graph: Graph, model, inputs: Sequence) -> Tensor:
    """Add the mean logits of a fitted `NeuralClassifier`.

    Parameters
    ----------
    graph : Graph
        Where.
    model : NeuralClassifier
        Fitted.
    inputs : sequence of Variable
        Of skl2onnx: a table, or a column each.

    Returns
    -------
    Tensor of shape (n_rows, n_classes)
    """
    rows = write_encoder(graph, model._encoder, inputs)
    shape = tuple(model._row_shape)
    logits = [write_logits(graph, each, rows, shape) for each in model.modules_]
    return graph.mean(logits)


def write_logits(graph: Graph, module, rows: Tensor, row_shape: tuple) -> Tensor:
    """Add what a module gives, a single logit z as the two columns (0, z)."""
    output, single = write_module(graph, module, rows, row_shape)
    return _second_of_two(graph, output) if single else output


def _second_of_two(graph: Graph, output: Tensor) -> Tensor:
    column = graph.add("Reshape", output, graph.constant([-1, 1]))
    kind = np.float64 if output.kind == "double" else np.float32
    zeros = graph.add("Mul", column, graph.constant(np.array(0.0, dtype=kind)))
    return graph.concat([zeros, column])


def write_skorch(graph: Graph, net, inputs: Sequence) -> Tensor:
    """Add the probabilities of a fitted skorch net; parameters as `write_network`."""
    if len(inputs) == 1 and len(inputs[0].type.shape) != 2:
        rows, shape = tensor_of(inputs[0]), tuple(inputs[0].type.shape[1:])
    else:
        rows = matrix(graph, inputs, "float")
        widths = [each.type.shape[1] for each in inputs]
        shape = (sum(widths),) if all(isinstance(w, int) for w in widths) else ()
    output, single = write_module(graph, net.module_, rows, shape)
    output = graph.cast(output, "double") if graph.in_double else output
    return nonlinearity(net)(graph, output, single)


def nonlinearity(net) -> Callable:
    """Find what makes probabilities of a net's output, as skorch does it.

    Returns
    -------
    callable
        ``write(graph, output, single) -> Tensor``.

    Raises
    ------
    ValueError
        If it is a function of the user's.
    """
    chosen = net.predict_nonlinearity
    if chosen is None:
        return _as_it_is
    if chosen != "auto":
        raise ValueError(
            f"predict_nonlinearity={chosen!r} of the net is a function, which no ONNX "
            "file can hold; put it into the module, and set it to None."
        )
    criterion = net.criterion_
    criterion = getattr(criterion, "_orig_mod", criterion)
    names = {kind.__name__ for kind in type(criterion).__mro__}
    if "CrossEntropyLoss" in names:
        return lambda graph, output, single: graph.add("Softmax", output, axis=-1)
    if "BCEWithLogitsLoss" in names:
        return _sigmoid_of_second
    if "BCELoss" in names:
        return _of_second
    return _as_it_is


def _as_it_is(graph: Graph, output: Tensor, single: bool) -> Tensor:
    return output


def _sigmoid_of_second(graph: Graph, output: Tensor, single: bool) -> Tensor:
    return graph.add("Softmax", _second_of_two(graph, output), axis=1)


def _of_second(graph: Graph, output: Tensor, single: bool) -> Tensor:
    second = graph.add("Reshape", output, graph.constant([-1, 1]))
    one: NDArray = np.array(1.0, np.float64 if output.kind == "double" else np.float32)
    first = graph.add("Sub", graph.constant(one), second)
    return graph.concat([first, second])
