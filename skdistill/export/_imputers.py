"""`SimpleImputer`, for text, float64 and marks, which skl2onnx leaves out."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer

from skdistill.export._graph import Graph, Tensor, kind_of, matrix, tensor_of


def own_converters() -> dict:
    """What skl2onnx is to use in the place of its own, for one file."""
    return {SimpleImputer: convert_imputer}


def own_shapes() -> dict:
    """What tells skl2onnx how many columns there are then."""
    return {SimpleImputer: set_width}


def convert_imputer(scope, operator, container) -> None:
    """Write a `SimpleImputer`. Text that is missing is "nan" or "None"."""
    from skl2onnx.common._registration import get_converter

    graph, imputer = Graph(scope, container), operator.raw_operator
    kinds = {kind_of(each) for each in operator.inputs}
    missing = imputer.missing_values
    if kinds <= {"float", "double"} and isinstance(missing, Real):
        filled = _fill_numbers(graph, imputer, operator)
    elif imputer.indicator_ is not None:
        raise ValueError(
            f"{imputer!r} marks what it fills in, which is written for numbers "
            "only; set add_indicator=False."
        )
    elif kinds == {"string"} and not isinstance(missing, str):
        filled = _fill_text(graph, imputer, operator.inputs)
    else:
        get_converter("SklearnSimpleImputer")(scope, operator, container)
        return
    graph.finish(filled, operator.outputs[0], filled.kind)


def set_width(operator) -> None:
    """Say how many columns a `SimpleImputer` gives."""
    from skl2onnx.common._registration import get_shape_calculator

    get_shape_calculator("SklearnSimpleImputer")(operator)
    imputer = operator.raw_operator
    marked = 0 if imputer.indicator_ is None else len(imputer.indicator_.features_)
    operator.outputs[0].type.shape = [None, len(_kept(imputer)) + marked]


def _kept(imputer) -> NDArray[np.int64]:
    """Which columns it gives; it leaves out those without anything to fill in."""
    return np.flatnonzero([value == value for value in imputer.statistics_])


def _fill_numbers(graph: Graph, imputer, operator) -> Tensor:
    kind = kind_of(operator.outputs[0])
    table = matrix(graph, operator.inputs, kind)
    kept = _kept(imputer)
    number = np.float64 if kind == "double" else np.float32
    hole = _holes(graph, table, number(imputer.missing_values))
    fill = graph.constant(imputer.statistics_[kept].astype(number))
    given, lost = table, hole
    if len(kept) < len(imputer.statistics_):
        given, lost = graph.columns(table, kept), graph.columns(hole, kept)
    filled = graph.add("Where", lost, fill, given, kinds=[kind])
    if imputer.indicator_ is None:
        return filled
    marks = graph.columns(hole, imputer.indicator_.features_)
    return graph.concat([filled, graph.cast(marks, kind)])


def _holes(graph: Graph, table: Tensor, missing: np.floating) -> Tensor:
    if np.isnan(missing):
        return graph.add("IsNaN", table, kinds=["bool"])
    return graph.add("Equal", table, graph.constant(missing), kinds=["bool"])


def _fill_text(graph: Graph, imputer, inputs) -> Tensor:
    table = graph.concat([tensor_of(each) for each in inputs])
    hole = graph.add(
        "LabelEncoder",
        table,
        kinds=["int64"],
        domain="ai.onnx.ml",
        version=2,
        keys_strings=["None" if imputer.missing_values is None else "nan"],
        values_int64s=[1],
        default_int64=0,
    )
    fill = graph.constant([str(value) for value in imputer.statistics_])
    return graph.add("Where", graph.cast(hole, "bool"), fill, table, kinds=["string"])
