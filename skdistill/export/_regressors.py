"""Fitted regressors as nodes: what they say in float64, a column for each output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import issparse
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.svm import SVR, NuSVR

from skdistill.export._ensembles import (
    FORESTS,
    TREES,
    beside_zero,
    boosted_trees,
    trees_of,
    write_ensemble,
    write_mean,
)
from skdistill.export._graph import Graph, Tensor, matrix
from skdistill.export._steps import delegate_regressor, through_steps

_KERNELS = ("linear", "poly", "rbf", "sigmoid")


def write_regressor(graph: Graph, model, inputs: Sequence, n_outputs: int) -> Tensor:
    """Add what a fitted regressor says.

    Parameters
    ----------
    graph : Graph
        Where.
    model : regressor
        Fitted. One of a kind unknown here is written by skl2onnx.
    inputs : sequence of Variable
        Of skl2onnx: a table, or a column each.
    n_outputs : int
        Columns of its answer.

    Returns
    -------
    Tensor of shape (n_rows, n_outputs), double
    """
    kind = type(model)
    if isinstance(model, Pipeline):
        inputs = through_steps(graph, model.steps[:-1], inputs)
        return write_regressor(graph, model.steps[-1][1], inputs, n_outputs)
    if kind is MultiOutputRegressor:
        each = [write_regressor(graph, one, inputs, 1) for one in model.estimators_]
        return graph.concat(each)
    if kind in TREES or kind in FORESTS:
        return _write_forest(graph, model, inputs, n_outputs)
    if kind is HistGradientBoostingRegressor and model.loss == "squared_error":
        return _write_booster(graph, model, inputs)
    if kind in (SVR, NuSVR) and model.kernel in _KERNELS:
        return _write_support_vectors(graph, model, inputs)
    output = graph.cast(delegate_regressor(graph, model, inputs), "double")
    return graph.add("Reshape", output, graph.constant([-1, n_outputs]))


def _write_forest(graph: Graph, model, inputs: Sequence, n_outputs: int) -> Tensor:
    trees = trees_of(model)
    if n_outputs > 1:
        _, means = write_mean(graph, inputs, trees, np.arange(n_outputs))
        return graph.cast(means, "double")
    _, means = write_mean(graph, inputs, beside_zero(trees), np.arange(2))
    return graph.columns(graph.cast(means, "double"), np.array([1]))


def _write_booster(graph: Graph, model, inputs: Sequence) -> Tensor:
    table, trees = boosted_trees(graph, model, inputs)
    _, sums = write_ensemble(graph, table, beside_zero(trees), np.arange(2))
    return graph.columns(graph.cast(sums, "double"), np.array([1]))


def _write_support_vectors(graph: Graph, model, inputs: Sequence) -> Tensor:
    """Support vectors in float64; the operator made for them has float32 only."""
    vectors = model.support_vectors_
    vectors = vectors.toarray() if issparse(vectors) else vectors
    dual = model.dual_coef_
    dual = dual.toarray() if issparse(dual) else dual
    table = matrix(graph, inputs)
    kernel = _kernel(graph, model, table, vectors)
    return graph.add(
        "Gemm",
        kernel,
        graph.constant(np.asarray(dual.T)),
        graph.constant(np.asarray(model.intercept_)),
    )


def _kernel(graph: Graph, model, table: Tensor, vectors) -> Tensor:
    """The kernel between rows and support vectors, (n_rows, n_vectors)."""
    product = graph.add("MatMul", table, graph.constant(vectors.T))
    if model.kernel == "linear":
        return product
    gamma, start = graph.constant(model._gamma), graph.constant(float(model.coef0))
    if model.kernel != "rbf":
        scaled = graph.add("Add", graph.add("Mul", product, gamma), start)
        if model.kernel == "sigmoid":
            return graph.add("Tanh", scaled)
        return graph.add("Pow", scaled, graph.constant(float(model.degree)))
    squares = graph.add("Mul", table, table)
    of_rows = graph.add("ReduceSum", squares, graph.constant([1]), keepdims=1)
    of_vectors = graph.constant(np.einsum("ij,ij->i", vectors, vectors))
    twice = graph.add("Mul", product, graph.constant(2.0))
    distance = graph.add("Sub", graph.add("Add", of_rows, of_vectors), twice)
    return graph.add("Exp", graph.add("Neg", graph.add("Mul", distance, gamma)))
