"""scikit-learn's linear classifiers as nodes, in float64.

Their labels are those of the largest score: of probabilities several may be 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.svm import LinearSVC

from skdistill.export._graph import Graph, Tensor, matrix

LOGISTIC = (LogisticRegression, LogisticRegressionCV)
WITHOUT_PROBABILITIES = (LinearSVC, Perceptron, RidgeClassifier, RidgeClassifierCV)


def is_linear(model) -> bool:
    """Whether a model is a linear classifier that is known here."""
    kind = type(model)
    if kind is SGDClassifier:
        return model.loss == "log_loss" or not hasattr(model, "predict_proba")
    known = (*LOGISTIC, *WITHOUT_PROBABILITIES, LinearDiscriminantAnalysis)
    # Several outputs at a time are no classes.
    return kind in known and not isinstance(model.classes_, list)


def write_scores(graph: Graph, model, inputs: Sequence) -> Tensor:
    """Add the scores of each class; of two classes 0 and that of the second.

    Parameters
    ----------
    graph : Graph
        Where.
    model : classifier
        Fitted, with `coef_` and `intercept_`.
    inputs : sequence of Variable
        Of skl2onnx: a table, or a column each.

    Returns
    -------
    Tensor of shape (n_rows, n_classes), double
    """
    coef = np.atleast_2d(model.coef_).astype(np.float64)
    intercept = np.broadcast_to(model.intercept_, len(coef)).astype(np.float64)
    if len(coef) == 1:
        coef = np.vstack([np.zeros_like(coef), coef])
        intercept = np.append(0.0, intercept)
    table = matrix(graph, inputs)
    return graph.add(
        "Gemm", table, graph.constant(coef), graph.constant(intercept), transB=1
    )


def write_probabilities(graph: Graph, model, scores: Tensor) -> Tensor:
    """Add what `predict_proba` makes of scores."""
    n_classes = len(model.classes_)
    if n_classes == 2:
        if _says_two_logits(model):
            scores = graph.add("Mul", scores, graph.constant(2.0))
        return graph.add("Softmax", scores, axis=1)
    if not _is_one_against_rest(model):
        return graph.add("Softmax", scores, axis=1)
    # Each against all others.
    return graph.shares(write_sigmoid(graph, scores), 1.0 / n_classes)


def write_sigmoid(graph: Graph, scores: Tensor) -> Tensor:
    """``1 / (1 + exp(-s))`` with all digits, which the operator has not below -30."""
    small = graph.add("Exp", graph.add("Neg", graph.add("Abs", scores)))
    above = graph.add("Exp", graph.add("Min", scores, graph.constant(0.0)))
    whole = graph.add("Div", above, graph.add("Add", small, graph.constant(1.0)))
    # Where scipy's exp(-s) is infinite.
    lowest = graph.constant(-float(np.log(np.finfo(np.float64).max)))
    lost = graph.add("Less", scores, lowest, kinds=["bool"])
    return graph.add("Where", lost, graph.constant(0.0), whole, kinds=["double"])


def _is_one_against_rest(model) -> bool:
    if type(model) not in LOGISTIC:
        return type(model) is SGDClassifier
    # An option before scikit-learn 1.8.
    kind = getattr(model, "multi_class", "auto")
    return kind == "ovr" or (kind != "multinomial" and model.solver == "liblinear")


def _says_two_logits(model) -> bool:
    """Whether two classes have the logits (-s, s), as "multinomial" once had it."""
    return getattr(model, "multi_class", "auto") == "multinomial"
