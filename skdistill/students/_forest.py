"""Forests of trees: each tree is taught as a tree, on the rows its forest drew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from skdistill._sklearn_compat import (
    balanced_by_weight,
    draw_in_bag_weights,
    take_rows,
)
from skdistill.students import _copies, _tree
from skdistill.students._class_weight import by_class
from skdistill.students._lesson import Lesson
from skdistill.students._out_of_bag import set_out_of_bag
from skdistill.targets import SoftTargets

ROUTE = "forest"
TWINS = {
    RandomForestClassifier: RandomForestRegressor,
    ExtraTreesClassifier: ExtraTreesRegressor,
}


def takes(student) -> bool:
    """Whether the student is one of scikit-learn's forests (of any criterion)."""
    return type(student) in TWINS


def teach(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    """Grow a forest on soft targets; bootstraps draw rows, never copies of rows.

    Parameters are those of :func:`skdistill.students._tree.teach`. Out-of-bag
    attributes are computed anew, `oob_score_` against the true labels.
    """
    by_tree = student.bootstrap and student.class_weight == "balanced_subsample"
    if not by_tree:
        given = student.class_weight
        count = targets.weight if balanced_by_weight(student) else None
        given = "balanced" if given == "balanced_subsample" else given
        targets = targets.weighted_by_class(by_class(given, targets, count))
    by_tree |= not _tree.has_twin(student) or _tree.unit_of(targets, student) != 1.0
    forest = _grow_with_twin(student, X, targets, fit_params, regrow=by_tree)
    if by_tree:
        _regrow_trees(forest, _nameless(X), targets)
    elif targets.temperature != 1.0:
        _refit_leaves(forest, _nameless(X), targets)
    if student.oob_score:
        set_out_of_bag(forest, _nameless(X), targets)
    return Lesson(forest, ROUTE, targets.classes)


def _nameless(X):
    """X as the trees inside a forest see it: without feature names."""
    return X.tocsr() if issparse(X) else np.asarray(X, dtype=np.float32)


def _grow_with_twin(student, X, targets: SoftTargets, fit_params: dict, *, regrow):
    n_classes = len(targets.classes)
    model = clone(student).set_params(oob_score=False, warm_start=False)
    if regrow:
        # Only the bookkeeping (seeds, drawn rows) is of use: the trees are regrown.
        model.set_params(criterion="gini", max_depth=1, max_leaf_nodes=None)
    twin = _tree.regression_twin(model, TWINS[type(student)], n_classes)
    y = _tree.regression_targets(targets, model.criterion)
    twin.fit(X, y, targets.weight, **fit_params)
    forest = clone(student)
    names = ("_n_samples", "_n_samples_bootstrap", "_sample_weight", "n_features_in_")
    for name in (*names, "feature_names_in_"):
        if hasattr(twin, name):
            setattr(forest, name, getattr(twin, name))
    forest.n_outputs_ = 1
    forest.classes_ = targets.classes
    forest.n_classes_ = n_classes
    forest.estimator_ = clone(forest.estimator)
    codes = np.arange(n_classes, dtype=np.float64)
    forest.estimators_ = [
        _tree.as_classifier(_blank_tree(forest, grown), grown, codes)
        for grown in twin.estimators_
    ]
    return forest


def _blank_tree(forest, grown):
    """A tree with the parameters that the forest hands down, and the seed of `grown`.

    A forest applies its class weights itself, so its trees have none.
    """
    params = {name: getattr(forest, name) for name in forest.estimator_params}
    tree = clone(forest.estimator).set_params(**params)
    return tree.set_params(random_state=grown.random_state)


def _in_bag_weights(forest, targets: SoftTargets) -> Iterable[tuple]:
    """For each tree, how often each row was drawn, and the row's weight."""
    if not forest.bootstrap:
        return [(None, targets.weight)] * len(forest.estimators_)
    return draw_in_bag_weights(forest, len(targets.labels), targets.weight)


def _refit_leaves(forest, X, targets: SoftTargets) -> None:
    weights = _in_bag_weights(forest, targets)
    Parallel(n_jobs=forest.n_jobs, prefer="threads")(
        delayed(_tree.refit_leaves)(tree, X, targets, weight)
        for tree, (_, weight) in zip(forest.estimators_, weights, strict=True)
    )


def _regrow_trees(forest, X, targets: SoftTargets) -> None:
    """Grow each tree by its own criterion on the rows that the forest drew for it."""
    weights = _in_bag_weights(forest, targets)
    balance = forest.bootstrap and forest.class_weight == "balanced_subsample"
    forest.estimators_ = Parallel(n_jobs=forest.n_jobs, prefer="threads")(
        delayed(_regrow)(tree, X, targets, weight, counts if balance else None)
        for tree, (counts, weight) in zip(forest.estimators_, weights, strict=True)
    )


def _regrow(tree, X, targets: SoftTargets, weight, counts: NDArray | None):
    rows = np.arange(len(targets.teacher))
    if weight is not None:
        rows = np.flatnonzero(weight)
        weight, X = weight[rows], take_rows(X, rows)
    lesson = replace(targets.take(rows), classes=tree.classes_, weight=weight)
    if counts is not None:
        weights = by_class("balanced", lesson, counts[rows])
        lesson = lesson.weighted_by_class(weights)
    route = _tree if _tree.takes(tree) else _copies
    return route.teach(clone(tree), X, lesson, {}).student
