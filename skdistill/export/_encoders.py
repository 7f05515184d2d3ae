"""What a network makes of a table before its first layer, as nodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skdistill.export._graph import Graph, Tensor, matrix, tensor_of
from skdistill.export._steps import scale


def write_encoder(graph: Graph, encoder, inputs: Sequence) -> Tensor:
    """Add the scaling and the one-hot columns of a network's input.

    Parameters
    ----------
    graph : Graph
        Where.
    encoder : skdistill.neural._inputs.InputEncoder
        Fitted.
    inputs : sequence of Variable
        Of skl2onnx: a table (of any shape where the network takes it), or a column
        each.

    Returns
    -------
    Tensor of shape (n_rows, n_inputs)
    """
    if len(inputs) == 1 and len(inputs[0].type.shape) > 2:
        return tensor_of(inputs[0])
    if not encoder.categorical_.any():
        return _write_numbers(graph, encoder, inputs)
    columns = _Columns(graph, inputs)
    numeric, categorical = (
        np.flatnonzero(encoder.categorical_ == which) for which in (False, True)
    )
    parts = []
    if len(numeric):
        table = columns.table(numeric)
        parts.append(graph.cast(_scaled(graph, encoder, table), "float"))
    for k, values in zip(categorical, encoder._one_hot.categories_, strict=True):
        parts.append(_one_hot(graph, columns.column(int(k)), values))
    return graph.concat(parts)


def _write_numbers(graph: Graph, encoder, inputs: Sequence) -> Tensor:
    if encoder._scaler is None:
        return matrix(graph, inputs, "double" if graph.in_double else "float")
    return graph.cast(_scaled(graph, encoder, matrix(graph, inputs)), "float")


def _scaled(graph: Graph, encoder, table: Tensor) -> Tensor:
    return table if encoder._scaler is None else scale(graph, encoder._scaler, table)


class _Columns:
    """The columns of a table, whether they come as one input or as many."""

    def __init__(self, graph: Graph, inputs: Sequence) -> None:
        self.graph, self.inputs = graph, [tensor_of(each) for each in inputs]

    def table(self, positions: NDArray) -> Tensor:
        """Some columns, of numbers, as one table in float64."""
        if len(self.inputs) == 1:
            numbers = self.graph.cast(self.inputs[0], "double")
            return self.graph.columns(numbers, positions)
        chosen = [self.graph.cast(self.inputs[k], "double") for k in positions]
        return self.graph.concat(chosen)

    def column(self, position: int) -> Tensor:
        """One column of whatever it holds, as a table."""
        if len(self.inputs) == 1:
            return self.graph.columns(self.inputs[0], np.array([position]))
        return self.inputs[position]


def _one_hot(graph: Graph, column: Tensor, values: NDArray) -> Tensor:
    """A column for each value; a value that none of them is gives zeros."""
    if column.kind == "string":
        return _one_hot_of_text(graph, column, values.tolist())
    numbers = graph.cast(column, "double")
    known = np.array([value for value in values if value == value], dtype=np.float64)
    parts = []
    if len(known):
        parts.append(graph.add("Equal", numbers, graph.constant(known), kinds=["bool"]))
    if len(known) < len(values):  # the missing one comes last
        parts.append(graph.add("IsNaN", numbers, kinds=["bool"]))
    return graph.concat([graph.cast(part, "float") for part in parts])


def _one_hot_of_text(graph: Graph, column: Tensor, values: list) -> Tensor:
    keys = {str(value): k for k, value in enumerate(values)}
    if any(value != value for value in values):
        keys.setdefault("None", keys["nan"])  # one kind of missing is like another
    codes = graph.add(
        "LabelEncoder",
        graph.flat(column),
        kinds=["int64"],
        domain="ai.onnx.ml",
        version=2,
        keys_strings=list(keys),
        values_int64s=list(keys.values()),
        default_int64=len(values),
    )
    rows = np.vstack([np.eye(len(values)), np.zeros(len(values))]).astype(np.float32)
    return graph.add("Gather", graph.constant(rows), codes, axis=0)
