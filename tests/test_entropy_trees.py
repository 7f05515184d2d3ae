"""Entropy trees on soft targets: by Poisson deviance, equal to weighted copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from skdistill.students import _copies, _tree, learn, route_of
from skdistill.targets import SoftTargets, soften
from tests.strategies import examples

LIMITS = [
    {"max_leaf_nodes": 12},
    {"max_depth": 4, "min_samples_leaf": 7},
    {"max_depth": 5, "min_impurity_decrease": 0.01},
    {"max_leaf_nodes": 20, "ccp_alpha": 0.004},
    {"max_depth": 4, "class_weight": "balanced"},
    {"max_depth": 3, "min_weight_fraction_leaf": 0.095},
]


def lesson(seed, n=150, d=4, k=3, weight=None, alpha=0.8):
    """Continuous features and probabilities.

    Two splits that part the same rows still are equally good, and either may be made.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    teacher = soften(X @ rng.normal(size=(d, k)) * 2 + rng.normal(size=k), "logits")
    labels = rng.integers(0, k, n)
    if weight is not None:
        weight = rng.uniform(0.5, 2.0, n) * weight
    return X, SoftTargets(np.arange(k), teacher, labels, alpha, weight, 1.0)


def entropy_of_training(tree, X, targets):
    """Weighted cross-entropy to the mixed targets, in nats."""
    said = np.maximum(tree.predict_proba(X), 1e-12)
    rows = -(targets.mixed() * np.log(said)).sum(axis=1)
    return np.average(rows, weights=targets.weight)


def both(student, X, targets):
    twin = _tree.teach(clone(student), X, targets, {}).student
    return twin, _copies.teach(clone(student), X, targets, {}).student


@pytest.mark.parametrize("criterion", ["entropy", "log_loss"])
@pytest.mark.parametrize("params", LIMITS, ids=str)
@given(seed=st.integers(0, 10**6), k=st.integers(2, 5))
@examples(10)
def test_equals_weighted_copies(params, criterion, seed, k):
    X, targets = lesson(seed, k=k)
    student = DecisionTreeClassifier(criterion=criterion, random_state=0, **params)
    twin, copies = both(student, X, targets)
    assert twin.get_n_leaves() == copies.get_n_leaves()
    assert_allclose(twin.predict_proba(X), copies.predict_proba(X), atol=1e-5)
    impurities = np.sort(twin.tree_.impurity), np.sort(copies.tree_.impurity)
    assert_allclose(*impurities, atol=1e-4)


@pytest.mark.parametrize("unit", [1e-12, 1e-7, 1.0, 1e6])
def test_scale_of_the_weights_does_not_matter(unit):
    student = DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=16, random_state=0
    )
    X, targets = lesson(0, weight=unit)
    twin, copies = both(student, X, targets)
    assert_allclose(twin.predict_proba(X), copies.predict_proba(X), atol=1e-5)
    masses = [np.sort(tree.tree_.weighted_n_node_samples) for tree in (twin, copies)]
    assert_allclose(masses[0] / unit, masses[1] / unit, rtol=1e-5)


@pytest.mark.parametrize("unit", [1e-12, 1.0])
def test_forest_goes_by_entropy(unit):
    X, targets = lesson(1, n=300, weight=unit)
    student = RandomForestClassifier(
        8, criterion="entropy", max_leaf_nodes=16, max_features=None, random_state=0
    )
    by_entropy = learn(student, X, targets).student
    by_gini = learn(clone(student).set_params(criterion="gini"), X, targets).student
    assert {tree.criterion for tree in by_entropy.estimators_} == {"entropy"}
    losses = [entropy_of_training(f, X, targets) for f in (by_entropy, by_gini)]
    assert losses[0] < losses[1]


@pytest.mark.parametrize("unit", [1e-12, 1.0])
def test_trees_of_a_forest_equal_weighted_copies(unit):
    X, targets = lesson(1, n=300, weight=unit)
    student = ExtraTreesClassifier(
        4, criterion="entropy", max_leaf_nodes=16, max_features=None, random_state=0
    )
    # As the forest has them; random thresholds depend on it.
    X = X.astype(np.float32)
    for tree in learn(student, X, targets).student.estimators_:
        copies = _copies.teach(clone(tree), X, targets, {}).student
        assert_allclose(tree.predict_proba(X), copies.predict_proba(X), atol=1e-5)


def test_random_splits():
    X, targets = lesson(2)
    student = ExtraTreeClassifier(
        criterion="entropy", max_leaf_nodes=10, random_state=0
    )
    assert route_of(student) == "tree"
    twin, copies = both(student, X, targets)
    # Random thresholds are drawn alike, from as many features.
    assert_allclose(twin.predict_proba(X), copies.predict_proba(X), atol=1e-5)


def test_monotonic_constraints_take_copies():
    X, targets = lesson(3, k=2, d=3)
    student = DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=8, monotonic_cst=[1, 0, 0], random_state=0
    )
    taught = learn(student, X, targets)
    assert taught.route == route_of(student) == "weighted copies"
    rows = np.repeat(X[:20], 50, axis=0)
    rows[:, 0] = np.tile(np.linspace(-3, 3, 50), 20)
    rising = taught.student.predict_proba(rows)[:, 1].reshape(20, 50)
    assert (np.diff(rising, axis=1) >= 0).all()


def test_monotonic_forest_by_entropy():
    X, targets = lesson(4, k=2, d=3)
    student = RandomForestClassifier(
        4, criterion="entropy", max_depth=3, monotonic_cst=[1, 0, 0], random_state=0
    )
    forest = learn(student, X, targets).student
    rows = np.repeat(X[:20], 50, axis=0)
    rows[:, 0] = np.tile(np.linspace(-3, 3, 50), 20)
    rising = forest.predict_proba(rows)[:, 1].reshape(20, 50)
    assert (np.diff(rising, axis=1) >= -1e-12).all()
