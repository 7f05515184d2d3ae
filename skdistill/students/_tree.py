"""Trees: a variance tree on the probabilities is a Gini tree on soft labels.

The Gini impurity of a node with mean distribution m is ``sum m (1 - m)``; the summed
variance of its rows' distributions p is ``sum mean(p**2) - m**2``. They differ by
``mean(sum p (1 - p))``, whose weighted total is the same before and after any split.
So a regression tree on the (n_rows, n_classes) matrix of probabilities makes exactly
the splits that a classification tree would make on n_classes weighted copies of each
row, from n_rows rows, and `min_samples_leaf` keeps counting rows.

Likewise for entropy: the Poisson deviance of a node, summed over classes, is
``sum mean(p log p) - m log m``, and differs from the entropy ``-sum m log m`` by a mean
over rows that no split changes. It takes no class of mean 0, hence `FLOOR`.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr
from sklearn.base import clone
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skdistill._sklearn_compat import make_tree, take_rows
from skdistill.students import _patient_tree
from skdistill.students._class_weight import by_class
from skdistill.students._leaf_values import minimize_loss, node_masses
from skdistill.students._lesson import Lesson
from skdistill.targets import FreshRows, SoftTargets

ROUTE = "tree"
TWINS = {
    DecisionTreeClassifier: DecisionTreeRegressor,
    ExtraTreeClassifier: ExtraTreeRegressor,
}

#: Targets are rounded to multiples of this, so that sums over up to 2**33 of them are
#: exact and equally good splits do not depend on the order of the rows.
GRID = 2.0**-20

#: Added to targets of entropy trees for the fit. On the grid it is exact too, and sums
#: of it stay above the 2e-15 that scikit-learn takes for 0.
FLOOR = 2.0**-30

#: Rows of smaller weight would not: the weights are then scaled for the fit.
_LEAST_WEIGHT = 2.0**-16


def takes(student) -> bool:
    """Whether the student is a scikit-learn tree whose splits a twin can find."""
    return type(student) in TWINS and has_twin(student)


def has_twin(student) -> bool:
    """Whether a regression tree makes the splits of a tree (or forest) of this kind.

    One of several outputs knows no monotonic constraints, and entropy takes two.
    """
    return student.criterion == "gini" or student.monotonic_cst is None


def teach(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    """Grow the student's regression twin on the targets and rebuild it as a classifier.

    Parameters
    ----------
    student : DecisionTreeClassifier or ExtraTreeClassifier
        Not fitted, not changed.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        Missing values as far as the student takes them.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit` of the twin.

    Returns
    -------
    Lesson
        With a genuine fitted tree of the student's class.
    """
    if targets.fresh is not None:
        return _teach_patiently(student, X, targets, targets.fresh, fit_params)
    targets = targets.weighted_by_class(by_class(student.class_weight, targets))
    twin = regression_twin(student, TWINS[type(student)], len(targets.classes))
    y, unit = regression_targets(targets, student.criterion), unit_of(targets, student)
    weight = targets.weight
    if weight is not None and unit != 1.0:
        weight = weight / unit
    twin.fit(X, y, sample_weight=weight, **fit_params)
    tree = as_classifier(clone(student), twin, targets.classes, unit=unit)
    if targets.temperature != 1.0:
        refit_leaves(tree, X, targets, targets.weight)
    return Lesson(tree, ROUTE, targets.classes)


def _teach_patiently(
    student, X, targets: SoftTargets, fresh: FreshRows, fit_params: dict
) -> Lesson:
    """Grow a tree that draws rows in its nodes; see `_patient_tree`."""
    _patient_tree.check(student, X)
    X, targets, fresh = _that_weigh(X, targets, fresh)
    weights = by_class(student.class_weight, targets)
    lesson = targets.weighted_by_class(weights)
    mixed = regression_targets(lesson)
    if mixed.ndim == 1:
        mixed = np.column_stack([1.0 - mixed, mixed])
    grown = _patient_tree.Patient(
        student, X, lesson, fresh, mixed, targets.weight, weights
    )
    twin = _stand_in(student, X, targets, fit_params)
    state = grown.state(twin.tree_.__getstate__()["nodes"].dtype)
    tree = as_classifier(clone(student), twin, targets.classes, state)
    if targets.temperature != 1.0:
        everything = grown.lesson()
        # The tree has names, the rows of the pool have none.
        masses = tree.tree_.decision_path(grown.pool.X[: grown.pool.n])
        masses = node_masses(masses, everything, everything.weight)
        values = minimize_loss(*masses, targets.temperature)
        _set_tree(tree, tree.n_features_in_, state, values)
    return Lesson(tree, ROUTE, targets.classes)


def _that_weigh(
    X, targets: SoftTargets, fresh: FreshRows
) -> tuple[Any, SoftTargets, FreshRows]:
    """Leave out given rows of weight 0, as scikit-learn's trees do."""
    if targets.weight is None:
        return X, targets, fresh
    n_given = len(targets.labels) - fresh.n_rows
    drawn = np.arange(len(targets.labels)) >= n_given
    kept = np.flatnonzero(drawn | (targets.weight > 0))
    if len(kept) == len(drawn):
        return X, targets, fresh
    around = fresh.around
    if around is not None:
        around = functools.partial(_draw_around, around, kept)
    return take_rows(X, kept), targets.take(kept), replace(fresh, around=around)


def _draw_around(around, kept: NDArray, positions, seed):
    return around(kept[positions], seed)


def _stand_in(student, X, targets: SoftTargets, fit_params: dict):
    """A twin fitted on two rows, for all that a fitted tree knows besides its nodes."""
    few = take_rows(X, np.arange(min(2, len(targets.labels))))
    gini = clone(student).set_params(criterion="gini")
    twin = regression_twin(gini, TWINS[type(student)], len(targets.classes))
    return twin.fit(few, np.zeros(len(targets.labels))[: len(few)], **fit_params)


def regression_twin(student, twin_class, n_classes: int):
    """The regressor with the student's parameters; impurities are in its units.

    scikit-learn averages the variance over outputs where Gini sums over classes (and
    for two classes one output carries half of the sum), hence the division. Entropy is
    in bits there, and Poisson deviance in nats.
    """
    params = student.get_params(deep=False)
    by_gini = params.pop("criterion") == "gini"
    del params["class_weight"]
    for name in ("min_impurity_decrease", "ccp_alpha"):
        params[name] = params[name] * (1.0 if by_gini else np.log(2)) / n_classes
    return twin_class(criterion="squared_error" if by_gini else "poisson", **params)


def unit_of(targets: SoftTargets, student) -> float:
    """What weights are divided by for the fit: a power of 2, and nothing is lost."""
    if student.criterion == "gini" or targets.weight is None:
        return 1.0
    positive = targets.weight[targets.weight > 0]
    if not len(positive) or positive.min() >= _LEAST_WEIGHT:
        return 1.0
    return float(2.0 ** np.floor(np.log2(np.median(positive))))


def regression_targets(
    targets: SoftTargets, criterion: str = "gini"
) -> NDArray[np.float64]:
    """The mixed targets on the grid: a row still sums to 1; two classes need a column.

    For entropy two classes have two columns, and all are above 0 by `FLOOR`.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), or (n_rows,) for two classes
    """
    mixed = targets.mixed()
    if mixed.shape[1] == 2 and criterion == "gini":
        mixed = mixed[:, 1].copy()
    mixed /= GRID
    np.round(mixed, out=mixed)
    mixed *= GRID
    if mixed.ndim == 2:
        rows = np.arange(len(mixed))
        mixed[rows, mixed.argmax(axis=1)] += 1.0 - mixed.sum(axis=1)
    if criterion != "gini":
        mixed += FLOOR
    return mixed


def as_classifier(
    classifier, twin, classes: NDArray, state: dict | None = None, unit: float = 1.0
):
    """Fill an unfitted tree classifier with the tree that its twin has grown.

    With a `state`, that is the tree, and the twin gives the rest. Its values may be
    sums: they are scaled. The weights of a twin's rows were divided by `unit`.
    """
    given, state = state, twin.tree_.__getstate__() if state is None else state
    # One output of K classes, or K outputs of one number.
    values = state["values"].reshape(len(state["values"]), -1)
    if values.shape[1] == 1:
        values = np.hstack([1.0 - values, values])
    if given is None and twin.criterion == "poisson":
        values = values - FLOOR
        state["nodes"]["weighted_n_node_samples"] *= unit
    _set_tree(classifier, twin.n_features_in_, state, values)
    classifier.n_features_in_ = twin.n_features_in_
    if hasattr(twin, "feature_names_in_"):
        classifier.feature_names_in_ = twin.feature_names_in_
    classifier.max_features_ = twin.max_features_
    classifier.n_outputs_ = 1
    classifier.classes_ = classes
    classifier.n_classes_ = np.intp(len(classes))
    return classifier


def refit_leaves(tree, X, targets: SoftTargets, weight: NDArray | None) -> None:
    """Set every node's value to the minimiser of the loss at the two temperatures."""
    masses = node_masses(tree.decision_path(X), targets, weight)
    values = minimize_loss(*masses, targets.temperature)
    _set_tree(tree, tree.n_features_in_, tree.tree_.__getstate__(), values)


def _set_tree(classifier, n_features: int, state: dict, values: NDArray) -> None:
    """Give a classifier the structure in `state` with other node values."""
    values = np.clip(values, 0.0, None)
    values /= values.sum(axis=1, keepdims=True)
    # Field by field into zeros: a plain copy leaves the padding as it lay in memory.
    nodes = np.zeros(len(state["nodes"]), dtype=state["nodes"].dtype)
    for name in nodes.dtype.names:
        nodes[name] = state["nodes"][name]
    nodes["impurity"] = _impurity(values, classifier.criterion)
    state = {**state, "nodes": nodes, "values": values[:, None, :].copy()}
    classifier.tree_ = make_tree(n_features, state, values.shape[1])


def _impurity(values: NDArray, criterion: str) -> NDArray:
    """Of distributions, as scikit-learn counts it: entropy in bits."""
    if criterion == "gini":
        return 1.0 - np.einsum("ij,ij->i", values, values)
    return entr(values).sum(axis=1) / np.log(2)
