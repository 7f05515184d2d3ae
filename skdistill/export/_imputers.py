"""`SimpleImputer`, for text and for float64, which skl2onnx leaves out."""

from __future__ import annotations

import numpy as np
from sklearn.impute import SimpleImputer

from skdistill.export._graph import Graph, Tensor, kind_of, matrix, tensor_of


def own_converters() -> dict:
    """What skl2onnx is to use in the place of its own, for one file."""
    return {SimpleImputer: convert_imputer}


def convert_imputer(scope, operator, container) -> None:
    """Write a `SimpleImputer`. Text that is missing is "nan" or "None"."""
    from skl2onnx.common._registration import get_converter

    graph, imputer = Graph(scope, container), operator.raw_operator
    kinds = {kind_of(each) for each in operator.inputs}
    whole = not imputer.add_indicator and imputer.indicator_ is None
    missing = imputer.missing_values
    if whole and kinds == {"string"} and not isinstance(missing, str):
        filled = _fill_text(graph, imputer, operator.inputs)
    elif whole and kinds == {"double"} and _is_nan(missing) and _fills_all(imputer):
        table = matrix(graph, operator.inputs)
        hole = graph.add("IsNaN", table, kinds=["bool"])
        fill = graph.constant(imputer.statistics_.astype(np.float64))
        filled = graph.add("Where", hole, fill, table, kinds=["double"])
    else:
        get_converter("SklearnSimpleImputer")(scope, operator, container)
        return
    graph.finish(filled, operator.outputs[0], filled.kind)


def _is_nan(value) -> bool:
    return isinstance(value, float) and value != value


def _fills_all(imputer) -> bool:
    """Whether no column is left out for want of anything to fill in."""
    return not any(value != value for value in imputer.statistics_)


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
