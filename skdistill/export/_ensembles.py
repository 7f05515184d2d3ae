"""Trees, forests and boosters as one node, that finds the very leaves they find.

scikit-learn's trees compare a feature in float32 with a threshold in float64, and know
where missing values go. The node works in float64, so thresholds are written as they
are: a row that lies between two of the numbers that float32 has cannot change sides.
Leaves are added up in float64, tree after tree, so that the label is that of the same
largest sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skdistill.export._graph import Graph, Tensor, matrix

TREES = (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
FORESTS = (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

_ML = "ai.onnx.ml"
#: The first version of the node that has thresholds in float64.
_VERSION = 3


class Nodes(NamedTuple):
    """One tree.

    Parameters
    ----------
    feature, left, right : ndarray of shape (n_nodes,), int
        Of each split.
    threshold : ndarray of shape (n_nodes,), float64
        Rows with a value up to this go left.
    missing_left : ndarray of shape (n_nodes,), bool
        Where missing values go.
    is_leaf : ndarray of shape (n_nodes,), bool
        Which nodes are no splits.
    values : ndarray of shape (n_nodes, n_targets), float64
        What a leaf adds to each of the targets.
    targets : ndarray of shape (n_targets,), int
        To which scores.
    """

    feature: NDArray
    left: NDArray
    right: NDArray
    threshold: NDArray
    missing_left: NDArray
    is_leaf: NDArray
    values: NDArray
    targets: NDArray


def sklearn_tree(tree, features: NDArray | None = None) -> Nodes:
    """Read a fitted tree of scikit-learn.

    Parameters
    ----------
    tree : sklearn.tree._tree.Tree
        With one output of several classes, or several outputs of one number.
    features : ndarray of shape (n_features,), default=None
        Which columns of the table the tree's own columns are.
    """
    is_leaf = tree.children_left < 0
    feature = np.where(is_leaf, 0, tree.feature)
    values = tree.value.reshape(tree.node_count, -1)
    return Nodes(
        feature if features is None else np.asarray(features)[feature],
        tree.children_left,
        tree.children_right,
        tree.threshold,
        tree.missing_go_to_left.astype(bool),
        is_leaf,
        values,
        np.arange(values.shape[1]),
    )


def trees_of(model) -> list[Nodes]:
    """Read a tree, or all trees of a forest."""
    members = model.estimators_ if type(model) in FORESTS else [model]
    return [sklearn_tree(each.tree_) for each in members]


def in_float32(graph: Graph, inputs: Sequence) -> Tensor:
    """The rows as scikit-learn's trees see them, in the kind that the node compares."""
    return graph.cast(matrix(graph, inputs, "float"), "double")


def boosted_trees(graph: Graph, model, inputs: Sequence) -> tuple[Tensor, list[Nodes]]:
    """Read the trees of one of scikit-learn's histogram boosters.

    Parameters
    ----------
    graph : Graph
        Where they are to go.
    model : HistGradientBoostingClassifier or HistGradientBoostingRegressor
        Fitted, without categories.
    inputs : sequence of Variable
        Of skl2onnx.

    Returns
    -------
    table : Tensor of shape (n_rows, n_features), double
        The rows that they are asked about.
    trees : list of Nodes
        Their leaves add up to what the model says before its link.
    """
    trees = [
        _boosted_tree(each.nodes, target)
        for stage in model._predictors
        for target, each in enumerate(stage)
    ]
    trees = starting_at(trees, np.ravel(model._baseline_prediction))
    return matrix(graph, inputs), trees


def _boosted_tree(nodes: NDArray, target: int) -> Nodes:
    return Nodes(
        nodes["feature_idx"],
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["num_threshold"],
        nodes["missing_go_to_left"].astype(bool),
        nodes["is_leaf"].astype(bool),
        nodes["value"][:, None],
        np.array([target]),
    )


def starting_at(trees: Sequence[Nodes], base: NDArray) -> list[Nodes]:
    """Have the first tree of each target add what the sum starts from.

    Parameters
    ----------
    trees : sequence of Nodes
        Each of one target.
    base : ndarray of shape (n_targets,)
        Where sums start.
    """
    waiting = dict(enumerate(base.tolist()))
    started = []
    for tree in trees:
        start = waiting.pop(int(tree.targets[0]), 0.0)
        started.append(tree._replace(values=start + tree.values))
    return started


def beside_zero(trees: Sequence[Nodes]) -> list[Nodes]:
    """Make the only score the second of two, the first of which is always 0."""
    moved = [tree._replace(targets=tree.targets + 1) for tree in trees]
    first = moved[0]
    values = np.column_stack([np.zeros(len(first.values)), first.values])
    moved[0] = first._replace(values=values, targets=np.array([0, 1]))
    return moved


def write_ensemble(
    graph: Graph, table: Tensor, trees: Iterable[Nodes], labels: NDArray
) -> tuple[Tensor, Tensor]:
    """Add the node of an ensemble.

    Parameters
    ----------
    graph : Graph
        Where.
    table : Tensor of shape (n_rows, n_features), double
        Rows.
    trees : iterable of Nodes
        Their leaves are added up.
    labels : ndarray of shape (n_classes,)
        int64 or text: one for each score.

    Returns
    -------
    label : Tensor of shape (n_rows,)
        Of the largest sum, the first one if there are several.
    scores : Tensor of shape (n_rows, n_classes), float
        The sums.
    """
    text = labels.dtype.kind == "U"
    # Of up to two classes the node has an idea of its own which one to predict. It
    # takes those that no leaf speaks for into account only in counting them.
    unheard = ["", " "] if text else [-1, -2]
    listed = labels.tolist() + unheard[: max(0, 3 - len(labels))]
    names = {"classlabels_strings" if text else "classlabels_int64s": listed}
    label, scores = graph.add_all(
        "TreeEnsembleClassifier",
        table,
        kinds=["string" if text else "int64", "float"],
        domain=_ML,
        version=_VERSION,
        post_transform="NONE",
        **names,
        **_attributes(list(trees)),
    )
    if len(labels) < 3:
        scores = graph.columns(scores, np.arange(len(labels)))
    return label, scores


def write_mean(
    graph: Graph, inputs: Sequence, trees: Sequence[Nodes], labels: NDArray
) -> tuple[Tensor, Tensor]:
    """Add the mean of scikit-learn's trees; parameters as of `write_ensemble`."""
    label, sums = write_ensemble(graph, in_float32(graph, inputs), trees, labels)
    if len(trees) == 1:
        return label, sums
    count = graph.constant(np.array(len(trees), np.float32))
    return label, graph.add("Div", sums, count)


def _attributes(trees: list[Nodes]) -> dict:
    """All nodes of all trees, one list for each property, as the operator wants it."""
    from onnx import numpy_helper

    def listed(take) -> list:
        return np.concatenate([take(k, tree) for k, tree in enumerate(trees)]).tolist()

    def splits(field: str):
        return lambda k, tree: np.where(tree.is_leaf, 0, getattr(tree, field))

    thresholds = np.concatenate([splits("threshold")(0, tree) for tree in trees])
    modes = listed(lambda k, t: np.where(t.is_leaf, "LEAF", "BRANCH_LEQ"))
    leaves = _leaves(trees)
    return {
        "nodes_treeids": listed(lambda k, t: np.full(len(t.is_leaf), k)),
        "nodes_nodeids": listed(lambda k, t: np.arange(len(t.is_leaf))),
        "nodes_featureids": listed(splits("feature")),
        "nodes_modes": modes,
        "nodes_values_as_tensor": numpy_helper.from_array(thresholds, "thresholds"),
        "nodes_truenodeids": listed(splits("left")),
        "nodes_falsenodeids": listed(splits("right")),
        "nodes_missing_value_tracks_true": listed(
            lambda k, t: np.where(t.is_leaf, 0, t.missing_left).astype(int)
        ),
        "class_treeids": leaves["tree"].tolist(),
        "class_nodeids": leaves["node"].tolist(),
        "class_ids": leaves["target"].tolist(),
        "class_weights_as_tensor": numpy_helper.from_array(leaves["value"], "leaves"),
    }


def _leaves(trees: list[Nodes]) -> dict[str, NDArray]:
    """What each leaf adds to each target.

    Zeros are left out where the largest sum is above 0 anyway; elsewhere they count,
    for a target of which no leaf speaks is not in question for the label.
    """
    values = [tree.values[tree.is_leaf] for tree in trees]
    positive = all((each >= 0).all() and each.any(axis=1).all() for each in values)
    parts = []
    for k, (nodes, each) in enumerate(zip(trees, values, strict=True)):
        leaf, column = np.nonzero(each if positive else np.ones_like(each))
        place = np.flatnonzero(nodes.is_leaf)[leaf]
        said = nodes.targets[column], each[leaf, column]
        parts.append((np.full(len(leaf), k), place, *said))
    tree, node, target, value = map(np.concatenate, zip(*parts, strict=True))
    return {"tree": tree, "node": node, "target": target, "value": value}
