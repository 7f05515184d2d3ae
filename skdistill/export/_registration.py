"""What skl2onnx is told about the classifiers of this package."""

from __future__ import annotations

from collections.abc import Iterator

from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator

from skdistill._onnx_protocol import ONNX
from skdistill.export._classifiers import write_classifier
from skdistill.export._graph import Graph, kind_of
from skdistill.export._inside import Exported, inner, labels_of
from skdistill.export._labels import onnx_labels

_ALIAS = "Skdistill"
#: What skl2onnx sets for classifiers inside of others. Probabilities are always dense.
_OPTIONS = {
    "zipmap": [True, False],
    "nocl": [False],
    "output_class_labels": [False],
    "raw_scores": [True, False],
}


def register() -> None:
    """Tell skl2onnx how to write the classifiers of this package.

    They can then be anywhere in a model that it converts. Calling it again does no
    harm, and brings in subclasses made since.
    """
    from skl2onnx import update_registered_converter
    from skl2onnx._supported_operators import sklearn_operator_name_map

    for kind in _classifiers():
        if kind in sklearn_operator_name_map:
            continue
        update_registered_converter(
            kind,
            f"{_ALIAS}{kind.__name__}{id(kind)}",
            set_types,
            convert,
            parser=parse,
            options=_OPTIONS,
        )


def _classifiers() -> Iterator[type]:
    yield from (Exported, FrozenEstimator)
    yield from _subclasses(ONNX)


def _subclasses(kind: type) -> Iterator[type]:
    each: type
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def parse(scope, model, inputs, custom_parsers=None) -> list:
    """Declare a classifier and its outputs, for skl2onnx.

    Returns
    -------
    list of Variable
        "label" and "probabilities".
    """
    from skl2onnx._parse import _parse_sklearn
    from skl2onnx._supported_operators import sklearn_operator_name_map

    if type(model) is FrozenEstimator and not is_classifier(inner(model)):
        return _parse_sklearn(scope, inner(model), inputs, custom_parsers)
    operator = scope.declare_local_operator(
        sklearn_operator_name_map[type(model)], model
    )
    operator.inputs = inputs
    for variable in declare_outputs(scope, model):
        operator.outputs.append(variable)
    return operator.outputs


def declare_outputs(scope, model) -> list:
    """Make the variables of a classifier's label and probabilities."""
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType

    check_classifier(model)
    return [
        scope.declare_local_variable("label", Int64TensorType()),
        scope.declare_local_variable("probabilities", FloatTensorType()),
    ]


def check_classifier(model) -> None:
    """Raise unless a model is a classifier."""
    if not is_classifier(inner(model)):
        raise TypeError(
            f"{model!r} holds no classifier, and only those are written here; give "
            "what it holds in its place."
        )


def set_types(operator) -> None:
    """Say of what types and shapes the outputs are, for skl2onnx."""
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )

    check_classifier(operator.raw_operator)
    labels = onnx_labels(labels_of(operator.raw_operator))
    text = labels.dtype.kind == "U"
    operator.outputs[0].set_type(
        (StringTensorType if text else Int64TensorType)([None])
    )
    double = "double" in map(kind_of, operator.inputs)
    kind = DoubleTensorType if double else FloatTensorType
    operator.outputs[1].set_type(kind([None, len(labels)]))


def convert(scope, operator, container) -> None:
    """Write a classifier, for skl2onnx."""
    graph = Graph(scope, container)
    model = operator.raw_operator
    decision = container.get_options(model, {"raw_scores": False})["raw_scores"]
    answer = write_classifier(graph, model, operator.inputs, decision=decision)
    label, proba = operator.outputs
    graph.finish(answer.label, label, kind_of(label))
    graph.finish(answer.scores, proba, kind_of(proba))
