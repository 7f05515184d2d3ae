"""Steps of pipelines, and models that skl2onnx writes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from skdistill.export._graph import (
    Graph,
    Tensor,
    kind_of,
    matrix,
    table_type,
    tensor_of,
    width_of,
)
from skdistill.export._inside import inner, parts_of, reads_columns
from skdistill.export._labels import onnx_labels

#: What skl2onnx writes in float64 as well as in float32, by name. In float32 the
#: probabilities of some of them are off by more than 1e-5.
IN_DOUBLE = frozenset(
    {
        "BernoulliNB",
        "ComplementNB",
        "ElasticNet",
        "ElasticNetCV",
        "GaussianNB",
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "Lasso",
        "LassoCV",
        "LinearRegression",
        "MLPClassifier",
        "MLPRegressor",
        "MinMaxScaler",
        "MultinomialNB",
        "PCA",
        "Ridge",
        "RidgeCV",
        "RobustScaler",
        "SGDRegressor",
    }
)
#: What skl2onnx writes in float32 only, by name.
IN_FLOAT = frozenset({"KNNImputer", "PolynomialFeatures", "PowerTransformer"})


def through_steps(graph: Graph, steps: Sequence, inputs: Sequence) -> list:
    """Write the transformers of a pipeline, one after the other.

    Parameters
    ----------
    graph : Graph
        Where.
    steps : sequence of (name, transformer)
        Fitted.
    inputs : sequence of Variable
        Of skl2onnx: a table, or a column each.

    Returns
    -------
    list of Variable
        What the last one gives.
    """
    for _, step in steps:
        step = inner(step)
        if step is None or step == "passthrough":
            continue
        if isinstance(step, Pipeline):
            inputs = through_steps(graph, step.steps, inputs)
        elif type(step) in (StandardScaler, MaxAbsScaler):
            table = scale(graph, step, matrix(graph, inputs))
            inputs = [graph.variable(table, "double", step.n_features_in_)]
        else:
            inputs = _delegate_step(graph, step, inputs)
    return list(inputs)


def scale(graph: Graph, scaler, table: Tensor) -> Tensor:
    """Scale a table in float64, by the very steps in which scikit-learn does it."""
    if type(scaler) is MaxAbsScaler:
        return graph.add("Div", table, graph.constant(scaler.scale_))
    if scaler.with_mean:
        table = graph.add("Sub", table, graph.constant(scaler.mean_))
    if scaler.with_std:
        table = graph.add("Div", table, graph.constant(scaler.scale_))
    return table


def _delegate_step(graph: Graph, step, inputs: Sequence) -> list:
    from skl2onnx._parse import _parse_sklearn

    name, kinds = type(step).__name__, {kind_of(each) for each in inputs}
    if name in IN_DOUBLE and "string" not in kinds:
        inputs = [_as_table(graph, inputs, "double", _n_columns(step))]
    elif "double" in kinds and (not graph.in_double or _computes_in_float(step)):
        inputs = [_in_float(graph, each) for each in inputs]
    outputs = list(_parse_sklearn(graph.scope, step, list(inputs)))
    if len(outputs) == 1 and hasattr(step, "get_feature_names_out"):
        # skl2onnx counts later; torch's exporter wants to know now.
        outputs[0].type.shape = [None, len(step.get_feature_names_out())]
    return outputs


def _computes_in_float(step) -> bool:
    return any(type(part).__name__ in IN_FLOAT for part in parts_of(step))


def _in_float(graph: Graph, variable):
    if kind_of(variable) != "double":
        return variable
    return graph.variable(tensor_of(variable), "float", width_of(variable))


def _as_table(graph: Graph, inputs: Sequence, kind: str, width: int | None):
    """One variable of all inputs, of one kind; the only one itself if it is so."""
    if len(inputs) == 1 and kind_of(inputs[0]) == kind:
        return inputs[0]
    return graph.variable(matrix(graph, inputs, kind), kind, width)


def _declare(graph: Graph, model, inputs: Sequence):
    """Have skl2onnx write a model, for which the kind of its table is chosen."""
    from skl2onnx._supported_operators import sklearn_operator_name_map

    kind = "double" if type(model).__name__ in IN_DOUBLE else "float"
    operator = graph.scope.declare_local_operator(
        sklearn_operator_name_map[type(model)], model
    )
    if reads_columns(model) or "string" in map(kind_of, inputs):
        operator.inputs = list(inputs)
    else:
        operator.inputs = [_as_table(graph, inputs, kind, _n_columns(model))]
    return operator, kind


def _n_columns(model) -> int | None:
    return getattr(model, "n_features_in_", None)


def delegate_classifier(
    graph: Graph, model, inputs: Sequence, *, decision: bool
) -> tuple[Tensor, Tensor]:
    """Have skl2onnx write a classifier.

    Parameters
    ----------
    graph : Graph
        Where.
    model : classifier
        Fitted, of a kind that skl2onnx knows.
    inputs : sequence of Variable
        Of skl2onnx.
    decision : bool
        Whether scores of `decision_function` are wanted instead of probabilities.

    Returns
    -------
    label, scores : Tensor
    """
    from skl2onnx.common.data_types import Int64TensorType

    plain = _with_plain_labels(model)
    operator, kind = _declare(graph, plain, inputs)
    if decision and graph.container.has_options(plain, "raw_scores"):
        for each in (graph.scope, graph.container):
            each.add_options(id(plain), {"raw_scores": True})
    label = graph.scope.declare_local_variable("label", Int64TensorType())
    scores = graph.scope.declare_local_variable("scores", table_type(kind))
    operator.outputs.append(label)
    operator.outputs.append(scores)
    found = Tensor(label.full_name)
    if plain is not model:
        found = graph.labels_of(found, onnx_labels(model.classes_))
    return found, Tensor(scores.full_name)


def _with_plain_labels(model):
    """A model whose labels are numbers, where skl2onnx cannot write those it has."""
    if np.asarray(model.classes_).dtype.kind not in "buO":
        return model
    plain = copy(model)
    try:
        plain.classes_ = np.arange(len(model.classes_))
    except AttributeError:  # a property of what is inside
        return model
    return plain


def delegate_regressor(graph: Graph, model, inputs: Sequence) -> Tensor:
    """Have skl2onnx write a regressor; parameters as of `delegate_classifier`."""
    operator, kind = _declare(graph, model, inputs)
    output = graph.scope.declare_local_variable("output", table_type(kind))
    operator.outputs.append(output)
    return Tensor(output.full_name)
