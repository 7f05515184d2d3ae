"""The search: GridSearchCV's scores, one teacher pass a fold, a guarded choice."""

import math
import os
import pickle
import re
import warnings
from copy import deepcopy

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, get_scorer, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from skdistill import DistillationClassifier, DistillationClassifierCV, strip_teacher
from skdistill.neural import NeuralClassifier
from skdistill.neural.matching import RelationalKD
from tests.strategies import (
    Drawn,
    Impatient,
    Noted,
    examples,
    frames,
    make_problem,
    read_diary,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:The student is larger:UserWarning"),
    pytest.mark.filterwarnings("ignore:The teacher does not help:UserWarning"),
]

# Two samples of one distribution: the given teachers have not seen the rows.
_whole = make_problem(0, n=180, k=3, d=4)
X, Y = _whole.X[:90], _whole.y[:90]
X_OTHER, Y_OTHER = _whole.X[90:], _whole.y[90:]
X_NEW, WEIGHT = _whole.X_new, _whole.weight[:90]
GROUPS = np.arange(90) % 6
WORDS = np.array(["no", "perhaps", "yes"])

small_tree = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
logistic = LogisticRegression(tol=1e-8, max_iter=999)
boosting = HistGradientBoostingClassifier(
    max_iter=3, min_samples_leaf=5, random_state=0
)
forest = RandomForestClassifier(5, max_depth=4, random_state=0)
bayes = GaussianNB()
FEW = {"temperatures": (1.0, 3.0), "alphas": (0.4, 1.0)}


def given_forest(labels=Y_OTHER):
    return clone(forest).fit(X_OTHER, labels)


def network(**params):
    params = {
        "hidden_layer_sizes": (6,),
        "max_epochs": 3,
        "learning_rate": 0.02,
        "random_state": 0,
    } | params
    return NeuralClassifier(**params)


def torch_module(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


def given_module():
    net = torch_module()
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(40):
        optimizer.zero_grad()
        scores = net(torch.as_tensor(X_OTHER, dtype=torch.float32))
        nn.functional.cross_entropy(scores, torch.as_tensor(Y_OTHER)).backward()
        optimizer.step()
    return net


# The same scores as GridSearchCV ----------------------------------------------------


def grid_of(temperatures, alphas, param_grid=None):
    """What DistillationClassifierCV tries, as a grid for GridSearchCV."""
    found = []
    for axes in param_grid if isinstance(param_grid, list) else [param_grid or {}]:
        students = {k: v for k, v in axes.items() if k.startswith("student")}
        found.append(students | {"temperature": [1.0], "alpha": [0.0]})
        hard = [k for k in ("targets",) if "hard" in axes.get(k, ())]
        soft = {"temperature": list(temperatures), "alpha": list(alphas)}
        if not hard:
            found.append(axes | soft)
            continue
        found += [
            axes | {"targets": ["soft"]} | soft,
            axes | {"targets": ["hard"]} | soft | {"temperature": [1.0]},
        ]
    return found


def searched_by_hand(teacher, student, fit, *, param_grid=None, scoring, cv, **options):
    temperatures = options.pop("temperatures")
    if options.get("targets") == "hard":
        temperatures = [1.0]
    alphas = options.pop("alphas")
    # Since 1.8 a GridSearchCV hands weights on to scorers; so it does here in all.
    if fit.get("sample_weight") is not None:
        scorer = get_scorer(scoring)
        weight_of = dict(zip(map(bytes, X), WEIGHT, strict=True))

        def scoring(model, X, y):
            weight = [weight_of[bytes(row)] for row in X]
            return scorer(model, X, y, sample_weight=weight)

    grid = GridSearchCV(
        DistillationClassifier(teacher, student, **options),
        grid_of(temperatures, alphas, param_grid),
        cv=cv,
        scoring=scoring,
        refit=False,
        error_score="raise",
    )
    fit = dict(fit)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not support sample_weight")
        return grid.fit(*fit.pop("data"), **fit)


def _name(settings):
    return sorted((name, str(value)) for name, value in settings.items())


def assert_same_scores(search, grid, tolerance=0.0):
    """Candidate for candidate, in whichever order, and split for split."""
    theirs = {str(_name(s)): i for i, s in enumerate(grid.cv_results_["params"])}
    ours = {str(_name(s)): i for i, s in enumerate(search.cv_results_["params"])}
    assert set(ours) == set(theirs)
    order = [theirs[name] for name in ours]
    assert search.n_splits_ == grid.n_splits_
    for i in range(grid.n_splits_):
        name = f"split{i}_test_score"
        assert_allclose(
            search.cv_results_[name],
            grid.cv_results_[name][order],
            rtol=0,
            atol=tolerance,
            err_msg=name,
        )


def given_pair():
    return [given_forest(), GaussianNB().fit(X_OTHER[:40], Y_OTHER[:40])]


def given_and_unfitted():
    return [given_forest(), clone(bayes)]


def given_function():
    """Makes a plain function that teaches."""
    teacher = given_forest()
    return lambda X: teacher.predict_proba(X)


#: Teacher, student and options, with what `fit` gets besides X and y.
LAW = {
    "unfitted → tree": (forest, small_tree, {}, {}),
    "unfitted → logistic": (bayes, logistic, {}, {}),
    "unfitted → boosting": (bayes, boosting, {}, {}),
    "unfitted → forest": (
        bayes,
        ExtraTreesClassifier(3, max_depth=3, random_state=0),
        {},
        {},
    ),
    "unfitted → regressor": (
        bayes,
        DecisionTreeRegressor(max_depth=3, random_state=0),
        {},
        {},
    ),
    "unfitted → pipeline": (bayes, make_pipeline(StandardScaler(), logistic), {}, {}),
    "unfitted → copies": (bayes, GaussianNB(), {}, {}),
    "given → tree": (given_forest, small_tree, {}, {}),
    "given → logistic": (given_forest, logistic, {}, {}),
    "given module → tree": (given_module, small_tree, {}, {}),
    "list → tree": ([forest, bayes], small_tree, {"teacher_weights": [1, 2]}, {}),
    "precomputed → tree": (
        "precomputed",
        small_tree,
        {},
        {"teacher_proba": GaussianNB().fit(X_OTHER, Y_OTHER).predict_proba(X)},
    ),
    "weights": (bayes, small_tree, {}, {"sample_weight": WEIGHT}),
    "learned weights": (
        given_pair,
        logistic,
        {"teacher_weights": "learned"},
        {"X_unlabeled": X_NEW},
    ),
    "given and unfitted": (given_and_unfitted, small_tree, {}, {}),
    "own weights of classes": (
        bayes,
        DecisionTreeClassifier(max_depth=3, class_weight="balanced", random_state=0),
        {},
        {"sample_weight": WEIGHT},
    ),
    "callable": (given_function, logistic, {"teacher_output": "probabilities"}, {}),
    "more rows": (bayes, logistic, {}, {"X_unlabeled": X_NEW}),
    "more rows of a given one": (given_forest, small_tree, {}, {"X_unlabeled": X_NEW}),
    "hard": (bayes, logistic, {"targets": "hard"}, {}),
    "seeds": (Drawn(), DecisionTreeClassifier(max_features=1), {"random_state": 5}, {}),
}


def made(teacher):
    return teacher() if callable(teacher) else teacher


@pytest.mark.filterwarnings("ignore:The given teacher agrees")
@pytest.mark.parametrize("case", LAW)
def test_scores_are_those_of_a_grid_search(case):
    teacher, student, options, params = LAW[case]
    scoring = "accuracy" if case in ("weights", "hard") else "neg_log_loss"
    options = FEW | options | {"cv": 3, "scoring": scoring}
    if case == "seeds":  # bad teachers agree with the labels by chance alone
        options |= {"alphas": (0.2, 0.4)}
    search = DistillationClassifierCV(made(teacher), student, **options)
    search.fit(X, Y, **params)
    by_hand = searched_by_hand(
        made(teacher), student, {"data": (X, Y)} | params, **options
    )
    assert_same_scores(search, by_hand)


NETWORKS = {
    "unfitted → network": (forest, network(), {}, {}),
    "given → network": (given_forest, network(), {}, {}),
    "precomputed → network": (LAW["precomputed → tree"][0], network()),
    "early stopping": (
        bayes,
        network(early_stopping=True, max_epochs=8, n_iter_no_change=2),
        {},
        {},
    ),
    "dropout": (bayes, network(dropout=0.3, n_members=2), {}, {}),
    "weights": (bayes, network(), {}, {"sample_weight": WEIGHT}),
    "more rows": (bayes, network(), {}, {"X_unlabeled": X_NEW}),
    "seeded from outside": (
        bayes,
        network(random_state=None),
        {"random_state": 7},
        {},
    ),
    "at the end of a pipeline": (
        bayes,
        make_pipeline(StandardScaler(), network()),
        {},
        {},
    ),
    "matching": (
        given_module,
        network(module=torch_module(), matching=RelationalKD("1", "1")),
        {},
        {"X_unlabeled": X_NEW},
    ),
    "hard labels": (bayes, network(loss="hard"), {}, {}),
    "network of a given module": (
        bayes,
        network(module=torch_module(), scale=True),
        {},
        {},
    ),
}
NETWORKS["precomputed → network"] += LAW["precomputed → tree"][2:]


#: What others, or the refit, show too.
SLOW_NETWORKS = {
    "precomputed → network",
    "weights",
    "seeded from outside",
    "hard labels",
    "network of a given module",
}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow if case in SLOW_NETWORKS else ())
        for case in NETWORKS
    ],
)
def test_networks_trained_together_score_as_alone(case):
    teacher, student, options, params = NETWORKS[case]
    if isinstance(teacher, BaseEstimator):
        teacher = clone(teacher)
    teacher = made(teacher) if not isinstance(teacher, nn.Module) else teacher
    options = FEW | options | {"cv": 3, "scoring": "neg_log_loss"}
    search = DistillationClassifierCV(teacher, student, **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given teacher agrees")
        search.fit(X, Y, **params)
        fit = {"data": (X, Y)} | params
        by_hand = searched_by_hand(teacher, student, fit, **options)
    assert_same_scores(search, by_hand, tolerance=1e-6)


GRIDS = {
    "student": {"student__max_leaf_nodes": [3, 8]},
    "students": {"student": [small_tree, logistic]},
    "a tree and a network": {"student": [small_tree, network()]},
    "teacher": {"teacher__var_smoothing": [1e-9, 0.5]},
    "teacher, another first": {"teacher__var_smoothing": [0.5, 1e-9]},
    "teachers": {"teacher": [forest, bayes]},
    "teachers and theirs": {"teacher": [bayes], "teacher__var_smoothing": [0.5, 1e-9]},
    "students and theirs": {"student": [small_tree], "student__max_depth": [1, 3, 9]},
    "targets": {"targets": ["soft", "hard"]},
    "two": {"student__max_depth": [1, 3], "targets": ["soft", "hard"]},
    "list": [{"student__max_depth": [1]}, {"student__min_samples_leaf": [2, 9]}],
}


@pytest.mark.parametrize("grid", GRIDS)
def test_further_axes(grid):
    options = FEW | {"cv": 3, "scoring": "neg_log_loss", "param_grid": GRIDS[grid]}
    before = joblib.hash(GRIDS[grid])
    search = DistillationClassifierCV(bayes, small_tree, **options).fit(X, Y)
    by_hand = searched_by_hand(bayes, small_tree, {"data": (X, Y)}, **options)
    assert_same_scores(search, by_hand, 1e-6 if "network" in grid else 0)
    assert search.best_params_ in search.cv_results_["params"]
    assert joblib.hash(GRIDS[grid]) == before


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.1], [0.1, 0.5], [1e-9, 0.5]])
def test_the_teacher_of_the_refit_is_that_of_the_best_setting(values):
    options = FEW | {"cv": 3, "rule": lambda differences: True}
    grid = {"teacher__var_smoothing": values}
    search = DistillationClassifierCV(bayes, small_tree, param_grid=grid, **options)
    best = search.fit(X, Y).best_params_["teacher__var_smoothing"]
    expected = GaussianNB(var_smoothing=best).fit(X, Y)
    assert_array_equal(search.teacher_.var_, expected.var_)
    plain = DistillationClassifier(bayes, small_tree).set_params(**search.best_params_)
    assert_array_equal(
        search.predict_proba(X_NEW), plain.fit(X, Y).predict_proba(X_NEW)
    )


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("last", [logistic, network()], ids=["logistic", "network"])
def test_students_that_write_into_their_rows(last, n_jobs):
    student = make_pipeline(StandardScaler(copy=False), last)
    options = FEW | {"cv": 3, "scoring": "neg_log_loss"}
    # The rows are on another scale, so that scaling twice is not scaling once.
    rows = 5 * X + 7
    search = DistillationClassifierCV(bayes, student, n_jobs=n_jobs, **options)
    with joblib.parallel_config("threading"):
        search.fit(rows.copy(), Y)  # whose refit writes into what it is given
    by_hand = searched_by_hand(bayes, student, {"data": (rows, Y)}, **options)
    assert_same_scores(search, by_hand, 0 if last is logistic else 1e-6)


@pytest.mark.slow
def test_a_bare_module_scores_as_alone():
    """It trains for as long as by default; in float64, so that rounding stays small."""
    options = {"temperatures": (2.0,), "alphas": (0.5,), "cv": 2, "random_state": 0}
    options["scoring"] = "neg_log_loss"
    student = torch_module().double()
    search = DistillationClassifierCV(given_module(), student, **options).fit(X, Y)
    by_hand = searched_by_hand(given_module(), student, {"data": (X, Y)}, **options)
    assert_same_scores(search, by_hand, tolerance=1e-6)


@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")  # old NumPy
def test_axes_of_networks():
    options = FEW | {"cv": 2, "scoring": "neg_log_loss"}
    options["param_grid"] = {
        "student__learning_rate": [0.01, 0.05],
        "student__hidden_layer_sizes": [(4,), (6, 5)],
    }
    options["alphas"] = (0.6,)
    search = DistillationClassifierCV(bayes, network(), **options).fit(X, Y)
    by_hand = searched_by_hand(bayes, network(), {"data": (X, Y)}, **options)
    assert_same_scores(search, by_hand, tolerance=1e-6)


SPLITTERS = {
    "stratified": StratifiedKFold(3, shuffle=True, random_state=0),
    "plain": KFold(3, shuffle=True, random_state=0),
    "time": TimeSeriesSplit(3),
    "random": ShuffleSplit(3, test_size=0.3, random_state=0),
    "lists": list(KFold(3).split(X)),
}


@pytest.mark.parametrize(
    ("name", "student"),
    [(name, small_tree) for name in SPLITTERS]
    + [("time", network()), ("random", network())],
)
def test_splitters(name, student):
    options = FEW | {"cv": SPLITTERS[name], "scoring": "neg_log_loss"}
    search = DistillationClassifierCV(bayes, student, **options).fit(X, Y)
    by_hand = searched_by_hand(bayes, student, {"data": (X, Y)}, **options)
    assert_same_scores(search, by_hand, 0 if student is small_tree else 1e-6)


@pytest.mark.parametrize("splitter", [GroupKFold(3), LeaveOneGroupOut()])
def test_groups(splitter):
    options = FEW | {"cv": splitter, "scoring": "neg_log_loss"}
    search = DistillationClassifierCV(bayes, small_tree, **options)
    search.fit(X, Y, groups=GROUPS)
    fit = {"data": (X, Y), "groups": GROUPS}
    grid = GridSearchCV(
        DistillationClassifier(bayes, small_tree),
        grid_of(*FEW.values()),
        cv=splitter,
        scoring="neg_log_loss",
        refit=False,
    ).fit(*fit.pop("data"), **fit)
    assert_same_scores(search, grid)


def test_folds_are_drawn_once():
    """A splitter without a seed, or one that can be read once only."""
    grid = {"student": [small_tree, clone(small_tree)]}
    for cv in (
        KFold(3, shuffle=True),
        iter(list(KFold(3, shuffle=True).split(X))),
        ShuffleSplit(3, random_state=np.random.RandomState(0)),
    ):
        search = DistillationClassifierCV(bayes, small_tree, cv=cv, param_grid=grid)
        results = search.fit(X, Y).cv_results_
        alone = np.flatnonzero(results["param_alpha"] == 0)
        assert len(alone) == 2
        for i in range(3):
            scores = results[f"split{i}_test_score"]
            assert scores[alone[0]] == scores[alone[1]]


KINDS = {
    "pandas": lambda X: frames(pd, X),
    "polars": lambda X: frames(pl, X),
    "sparse": sparse.csr_matrix,
    "list": lambda X: X.tolist(),
    "float32": lambda X: X.astype(np.float32),
}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pandas", True),
        ("polars", True),
        ("sparse", False),
        ("list", False),
        ("float32", True),
    ],
)
def test_kinds_of_tables(kind, words):
    if words and kind in ("pandas", "polars"):
        y = (pd if kind == "pandas" else pl).Series(WORDS[Y])
    else:
        y = WORDS[Y] if words else Y.tolist()
    options = FEW | {"cv": 3, "scoring": "neg_log_loss"}
    teacher = DecisionTreeClassifier(max_depth=4, random_state=0)
    table = KINDS[kind](X)
    search = DistillationClassifierCV(teacher, small_tree, **options).fit(table, y)
    plain = DistillationClassifierCV(teacher, small_tree, **options).fit(X, Y)
    for i in range(3):
        name = f"split{i}_test_score"
        assert_allclose(search.cv_results_[name], plain.cv_results_[name], atol=1e-12)
    assert search.n_features_in_ == 4
    assert hasattr(search, "feature_names_in_") == (kind in ("pandas", "polars"))
    found = search.predict(KINDS[kind](X_NEW))
    expected = plain.predict(X_NEW)
    assert_array_equal(found, WORDS[expected] if words else expected)


# What is scored by default -----------------------------------------------------------


def log_loss_by_hand(model, X, y, classes, weight=None):
    proba = np.zeros((len(X), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    said = proba[np.arange(len(X)), np.searchsorted(classes, y)]
    said = np.maximum(said, np.finfo(float).eps)
    return -np.average(-np.log(said), weights=weight)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("student", [small_tree, logistic, network()])
def test_default_score_is_the_weighted_log_loss(student, weight):
    folds = list(StratifiedKFold(3).split(X, Y))
    search = DistillationClassifierCV(bayes, student, cv=3, **FEW)
    search.fit(X, Y, sample_weight=weight)
    for k, settings in enumerate(search.cv_results_["params"]):
        for i, (train, test) in enumerate(folds):
            part = None if weight is None else weight[train]
            single = DistillationClassifier(bayes, student, **settings)
            single.fit(X[train], Y[train], sample_weight=part)
            held = None if weight is None else weight[test]
            expected = log_loss_by_hand(single, X[test], Y[test], [0, 1, 2], held)
            found = search.cv_results_[f"split{i}_test_score"][k]
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("cv", [KFold(3), [(np.arange(45), np.arange(45, 90))]])
def test_a_class_that_the_training_rows_lack(cv):
    order = np.argsort(Y, kind="stable")
    rows, labels = X[order], WORDS[Y[order]]
    search = DistillationClassifierCV(bayes, small_tree, cv=cv, rule=0.0, **FEW)
    search.fit(rows, labels)
    assert_array_equal(search.classes_, WORDS)
    folds = list(cv.split(rows)) if isinstance(cv, KFold) else cv
    for k, settings in enumerate(search.cv_results_["params"]):
        for i, (train, test) in enumerate(folds):
            single = DistillationClassifier(bayes, small_tree, **settings)
            single.fit(rows[train], labels[train])
            expected = log_loss_by_hand(single, rows[test], labels[test], WORDS)
            found = search.cv_results_[f"split{i}_test_score"][k]
            assert found == pytest.approx(expected, rel=1e-9)


class Labels(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.model_ = clone(small_tree).fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X)


@pytest.mark.filterwarnings("ignore:The student Labels learns hard labels")
def test_accuracy_where_no_probabilities_are_said():
    search = DistillationClassifierCV(bayes, Labels(), cv=3, **FEW).fit(X, Y)
    expected = searched_by_hand(
        bayes, Labels(), {"data": (X, Y)}, cv=3, scoring="accuracy", **FEW
    )
    assert_same_scores(search, expected)
    assert not hasattr(search, "predict_proba")
    assert search.score(X, Y) == accuracy_score(Y, search.predict(X))


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy", "f1_macro"])
def test_scorers_by_name(scoring):
    search = DistillationClassifierCV(bayes, small_tree, scoring=scoring, cv=3, **FEW)
    search.fit(X, Y)
    scorer = search.scorer_
    assert search.score(X, Y) == pytest.approx(scorer(search, X, Y))
    if scoring == "neg_log_loss":
        assert search.score(X, Y) == pytest.approx(
            -log_loss(Y, search.predict_proba(X))
        )


def test_score_is_accuracy_unless_said():
    search = DistillationClassifierCV(bayes, small_tree, cv=3, **FEW).fit(X, Y)
    expected = accuracy_score(Y, search.predict(X), sample_weight=WEIGHT)
    assert search.score(X, Y, sample_weight=WEIGHT) == pytest.approx(expected)


def test_a_scorer_of_ones_own():
    seen = []

    def score(estimator, X, y):
        seen.append((type(estimator), getattr(estimator, "teacher_", None), len(y)))
        return float(np.mean(estimator.predict(X) == y))

    search = DistillationClassifierCV(bayes, small_tree, scoring=score, cv=3, **FEW)
    search.fit(X, Y)
    by_hand = searched_by_hand(
        bayes, small_tree, {"data": (X, Y)}, scoring="accuracy", cv=3, **FEW
    )
    assert_same_scores(search, by_hand)
    assert {kind for kind, *_ in seen} == {DistillationClassifier}
    assert len(seen) == 3 * 5


# The student alone -------------------------------------------------------------------


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
@pytest.mark.parametrize(
    "student", [small_tree, logistic, boosting, forest, network()], ids=str
)
def test_alpha_0_is_the_student_alone(student, scoring):
    options = {"cv": 3, "scoring": scoring}
    search = DistillationClassifierCV(bayes, student, **FEW, **options).fit(X, Y)
    settings = search.cv_results_["params"][0]
    assert settings == {"temperature": 1.0, "alpha": 0.0}
    found = [search.cv_results_[f"split{i}_test_score"][0] for i in range(3)]
    expected = cross_val_score(student, X, Y, **options)
    atol = 1e-6 if isinstance(student, NeuralClassifier) else 0
    assert_allclose(found, expected, rtol=0, atol=atol)


def test_the_student_alone_is_tried_once():
    def tried(**options):
        options = FEW | {"cv": 2} | options
        found = DistillationClassifierCV(bayes, small_tree, **options).fit(X, Y)
        return [
            (each["temperature"], each["alpha"]) for each in found.cv_results_["params"]
        ]

    expected = [(1.0, 0.0), (1.0, 0.4), (1.0, 1.0), (3.0, 0.4), (3.0, 1.0)]
    assert tried() == expected
    assert tried(alphas=(0.0, 0.4, 1.0)) == expected
    assert tried(alphas=np.array([0.4, 0.0, 1.0]), temperatures=[1, 3]) == expected
    each = tried(param_grid={"student__max_depth": [1, 2]})
    assert each == expected * 2
    each = tried(param_grid={"teacher__var_smoothing": [1e-9, 0.5]})
    assert sorted(each) == sorted(expected + expected[1:])


# cv_results_ ---------------------------------------------------------------------


@pytest.mark.parametrize("grid", [None, "list", "students"])
def test_format_of_the_results(grid):
    param_grid = GRIDS.get(grid)
    options = FEW | {"cv": 3, "scoring": "accuracy", "param_grid": param_grid}
    search = DistillationClassifierCV(bayes, small_tree, **options).fit(X, Y)
    by_hand = searched_by_hand(bayes, small_tree, {"data": (X, Y)}, **options)
    ours, theirs = search.cv_results_, by_hand.cv_results_
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        if name == "params":
            assert isinstance(ours[name], list)
            continue
        assert type(ours[name]) is type(expected), name
        assert ours[name].shape == expected.shape, name
        assert ours[name].dtype == expected.dtype, name
    table = pd.DataFrame(ours)
    assert len(table) == len(ours["params"])
    for i, settings in enumerate(ours["params"]):
        for name in (name for name in ours if name.startswith("param_")):
            value = ours[name][i]
            if name[6:] in settings:
                assert value is settings[name[6:]] or value == settings[name[6:]]
            else:
                assert value is np.ma.masked
    splits = np.array([ours[f"split{i}_test_score"] for i in range(3)])
    assert_allclose(ours["mean_test_score"], splits.mean(axis=0))
    assert_allclose(ours["std_test_score"], splits.std(axis=0))
    means = ours["mean_test_score"]
    ranks = [1 + (means > mean).sum() for mean in means]
    assert_array_equal(ours["rank_test_score"], ranks)
    for name in ("mean_fit_time", "mean_score_time"):
        assert (ours[name] >= 0).all()
        assert ours[name].max() > 0
    assert search.refit_time_ > 0
    again = pickle.loads(pickle.dumps(search)).cv_results_
    assert_array_equal(again["mean_test_score"], means)


# The rule --------------------------------------------------------------------------


def prescribed(table):
    """A scorer that says what the table says: (temperature, alpha) → score by fold.

    The fold is written in the first column of X.
    """

    def score(estimator, X, y):
        params = estimator.get_params()
        scores = table[params["temperature"], params["alpha"]]
        return scores[int(X[0, 0])]

    return score


def searched_with(table, rule=1.0, fit=True):
    n_splits = len(next(iter(table.values())))
    n = 12 * n_splits
    fold = np.repeat(np.arange(n_splits), 12)
    rng = np.random.default_rng(0)
    rows = np.column_stack([fold, rng.normal(size=(n, 2))])
    labels = np.arange(n) % 2
    cv = [(np.arange(n)[fold != i], np.arange(n)[fold == i]) for i in range(n_splits)]
    if n_splits == 1:
        cv = [(np.arange(6), np.arange(6, 12))]
    temperatures = sorted({t for t, alpha in table if alpha > 0})
    alphas = sorted({alpha for _, alpha in table if alpha > 0})
    search = DistillationClassifierCV(
        GaussianNB(),
        DecisionTreeClassifier(max_depth=1, random_state=0),
        temperatures=temperatures,
        alphas=alphas,
        cv=cv,
        scoring=prescribed(table),
        rule=rule,
    )
    return search.fit(rows, labels) if fit else (search, rows, labels)


#: Scores alone, scores of (1, 0.5), of (4, 0.5); rule; which is taken; harm.
RULES = {
    "better in each split": ([1, 2, 3], [2, 3, 4.1], [0, 0, 0], 1.0, 1, False),
    "by the same in each": ([1, 2, 3], [2, 3, 4], [0, 0, 0], 1.0, 1, False),
    "by the same, any rule": ([1, 2, 3], [2, 3, 4], [0, 0, 0], 50.0, 1, False),
    "the second is best": ([1, 2, 3], [2, 3, 4.1], [3, 4, 5.2], 1.0, 2, False),
    "noise": ([1, 1, 1], [4, 1, -1.5], [0, 0, 0], 1.0, 0, False),
    "noise, ungated": ([1, 1, 1], [4, 1, -1.5], [0, 0, 0], 0.0, 1, False),
    "just one error": ([0, 0], [0, 2], [-1, -1], 1.0, 0, False),
    "just above one error": ([0, 0], [0, 2], [-1, -1], 0.99, 1, False),
    "two errors": ([0, 0], [1, 4], [-1, -1], 2.0, 0, False),
    "ties": ([1, 2, 3], [1, 2, 3], [1, 2, 3], 1.0, 0, False),
    "ties, ungated": ([1, 2, 3], [1, 2, 3], [1, 2, 3], 0.0, 0, False),
    "tie of the mean": ([1, 2], [2, 1], [0, 0], 0.0, 0, False),
    "harm": ([1, 2, 3], [0, 1, 2.5], [-3, -3, -3], 1.0, 0, True),
    "harm, ungated": ([1, 2, 3], [0, 1, 2.5], [-3, -3, -3], 0.0, 0, True),
    "NaN with a teacher": ([1, 2], [math.nan, 9], [2, 3.5], 1.0, 2, False),
    "NaN with all teachers": ([1, 2], [math.nan, 9], [9, math.nan], 0.0, 0, None),
    "NaN alone": ([math.nan, 2], [0, 0], [1, 1], 1.0, 2, None),
    "minus infinity": ([0, 0], [-math.inf, 9], [1, 1.5], 1.0, 2, False),
    "one split": ([1], [2], [0], 0.0, 1, False),
    "one split, harm": ([1], [0.5], [0], 0.0, 0, True),
}


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
@pytest.mark.filterwarnings("ignore:invalid value encountered")  # GridSearchCV's too
@pytest.mark.parametrize("name", RULES)
def test_the_rule(name):
    alone, first, second, rule, taken, harm = RULES[name]
    table = {(1.0, 0.0): alone, (1.0, 0.5): first, (4.0, 0.5): second}
    search = searched_with(table, rule)
    scores = np.array([alone, first, second], dtype=float)
    means = np.where(np.isnan(scores).any(axis=1), -np.inf, scores.mean(axis=1))
    best = 1 + means[1:].argmax()
    assert search.cv_results_["params"] == [
        {"temperature": t, "alpha": a} for t, a in table
    ]
    assert search.best_index_ == taken
    assert search.baseline_index_ == 0
    assert search.distilled_index_ == best
    assert_array_equal(search.differences_, scores[best] - scores[0])
    assert search.improves_ is (taken > 0)
    assert type(search.harm_) is bool
    if harm is not None:
        assert search.harm_ is harm
    assert (search.temperature_, search.alpha_) == list(table)[taken]
    assert search.best_params_ == search.cv_results_["params"][taken]
    assert search.best_score_ == means[taken]
    assert search.best_estimator_.alpha == search.alpha_
    assert search.best_estimator_.temperature == search.temperature_


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_the_rule_over_more_axes():
    """The best alone and the best taught may be of different students."""
    said = {(1, 0.0): 5.0, (2, 0.0): 4.0, (1, 0.5): 1.0, (2, 0.5): 4.5}

    def score(estimator, X, y):
        depth = estimator.get_params()["student__max_depth"]
        alpha = estimator.get_params()["alpha"]
        return said[depth, alpha]

    options = {"temperatures": (2.0,), "alphas": (0.5,), "cv": 3, "scoring": score}
    search = DistillationClassifierCV(
        bayes, small_tree, param_grid={"student__max_depth": [1, 2]}, **options
    ).fit(X, Y)
    assert (search.baseline_index_, search.distilled_index_) == (0, 3)
    assert search.best_index_ == 0
    assert search.harm_ is True
    assert_array_equal(search.differences_, [-0.5] * 3)
    assert search.best_params_ == {
        "student__max_depth": 1,
        "temperature": 1.0,
        "alpha": 0.0,
    }


scores_of_splits = st.integers(2, 5).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=3, max_size=3
    )
)


@examples(20)
@given(scores_of_splits, st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_the_rule_is_that_of_standard_errors(scores, rule):
    alone, first, second = scores
    table = {(1.0, 0.0): alone, (1.0, 0.5): first, (4.0, 0.5): second}
    search = searched_with(table, rule)
    best = first if sum(first) >= sum(second) else second
    differences = np.subtract(best, alone)
    n = len(alone)
    # In whole numbers: mean > k sd / sqrt(n) with mean = S/n, n(n-1) sd² = nQ - S²
    total, squares = int(differences.sum()), int((differences**2).sum())
    if rule == 0:
        expected = total > 0
    else:
        above = total**2 * (n - 1) - rule**2 * (n * squares - total**2)
        if above == 0 and total > 0 and squares * n != total**2:
            return  # at the limit rounding decides
        expected = total > 0 and above > 0
    assert_array_equal(search.differences_, differences)
    assert search.improves_ is bool(expected)
    assert search.harm_ is (total < 0)


@pytest.mark.parametrize("answer", [True, False, np.bool_(True), np.bool_(False)])
def test_a_rule_of_ones_own(answer):
    seen = []

    def rule(differences):
        seen.append(differences)
        return answer

    table = {(1.0, 0.0): [1, 2, 3], (2.0, 0.5): [1, 1, 1]}
    search = searched_with(table, rule)
    assert len(seen) == 1
    assert_array_equal(seen[0], [0, -1, -2])
    assert search.improves_ is bool(answer)
    assert search.harm_ is True
    assert search.alpha_ == (0.5 if answer else 0.0)


@pytest.mark.parametrize(
    ("answer", "improves"),
    [([True, True], True), ([True, False], False), ([False, False], False)],
)
def test_a_rule_that_answers_for_each_split(answer, improves):
    table = {(1.0, 0.0): [1, 2], (2.0, 0.5): [1, 1]}
    search = searched_with(table, lambda differences: np.array(answer))
    assert search.improves_ is improves


def test_what_is_said_when_a_teacher_does_not_help():
    table = {(1.0, 0.0): [0.75, 0.75], (2.0, 0.5): [0.5, 0.125]}
    with pytest.warns(UserWarning, match="does not help") as told:
        searched_with(table)
    (only,) = told
    text = str(only.message)
    assert "\n" not in text
    assert "0.75" in text
    assert "0.3125" in text
    assert only.filename == __file__
    table[2.0, 0.5] = [1, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        searched_with(table)


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_no_score_at_all():
    nan = [math.nan, math.nan]
    search, rows, labels = searched_with({(1.0, 0.0): nan, (2.0, 0.5): nan}, fit=False)
    assert search.fit(rows, labels).improves_ is False
    assert search.alpha_ == 0


# What is fitted in the end -----------------------------------------------------------


@pytest.mark.parametrize("table_says", ["taught", "alone"])
@pytest.mark.parametrize("student", [small_tree, logistic, network()], ids=str)
def test_the_winner_is_fitted_on_all_rows(student, table_says):
    taught = table_says == "taught"
    search = DistillationClassifierCV(
        bayes, student, rule=lambda differences: taught, cv=3, **FEW
    ).fit(X, Y, sample_weight=WEIGHT)
    assert search.improves_ is taught
    options = {"temperature": search.temperature_, "alpha": search.alpha_}
    expected = DistillationClassifier(bayes, student, **options)
    expected.fit(X, Y, sample_weight=WEIGHT)
    assert isinstance(search.best_estimator_, DistillationClassifier)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        found = getattr(search, method)(X_NEW)
        assert_array_equal(found, getattr(expected, method)(X_NEW))
        assert_array_equal(found, getattr(search.best_estimator_, method)(X_NEW))
    for name in ("route_", "teacher_source_", "n_features_in_"):
        assert getattr(search, name) == getattr(expected, name)
    assert search.student_ is search.best_estimator_.student_
    assert type(search.student_) is type(student)
    assert_array_equal(search.classes_, [0, 1, 2])
    assert is_classifier(search)
    if not taught and student is not logistic:
        plain = clone(student).fit(X, Y, sample_weight=WEIGHT)
        assert_array_equal(search.predict_proba(X_NEW), plain.predict_proba(X_NEW))


def test_before_it_is_fitted():
    search = DistillationClassifierCV(bayes, small_tree)
    with pytest.raises(NotFittedError):
        search.predict(X)
    for name in ("cv_results_", "student_", "best_estimator_"):
        assert not hasattr(search, name)


def test_decision_function_where_the_student_has_one():
    search = DistillationClassifierCV(bayes, logistic, cv=3, **FEW).fit(X, Y)
    assert_array_equal(
        search.decision_function(X_NEW),
        search.best_estimator_.decision_function(X_NEW),
    )
    assert not hasattr(
        DistillationClassifierCV(bayes, small_tree, cv=3, **FEW).fit(X, Y),
        "decision_function",
    )


# The price -------------------------------------------------------------------------


@pytest.mark.parametrize("student", [small_tree, network()], ids=["tree", "network"])
@pytest.mark.parametrize("memory", [False, True])
def test_an_unfitted_teacher_is_fitted_once_a_fold(student, memory, tmp_path):
    diary = str(tmp_path / "diary")
    search = DistillationClassifierCV(
        Noted(diary), student, cv=4, memory=tmp_path / "kept" if memory else None
    )
    search.fit(X, Y)
    assert len(search.cv_results_["params"]) == 13
    assert read_diary(diary) == {"fit": 5, "ask": 5}
    if memory:
        clone(search).fit(X, Y)
        GridSearchCV(
            DistillationClassifier(Noted(diary), student, memory=tmp_path / "kept"),
            {"alpha": [0.1, 0.2]},
            cv=4,
        ).fit(X, Y)
        assert read_diary(diary) == {"fit": 5, "ask": 5}


@pytest.mark.parametrize("student", [small_tree, network()], ids=["tree", "network"])
def test_a_given_teacher_is_asked_once(student, tmp_path):
    diary = str(tmp_path / "diary")
    teacher = Noted(diary).fit(X_OTHER, Y_OTHER)
    search = DistillationClassifierCV(teacher, student, cv=4, **FEW).fit(X, Y)
    assert read_diary(diary) == {"fit": 1, "ask": 1}
    assert search.teacher_ is teacher
    search.fit(X, Y, X_unlabeled=X_NEW)
    assert read_diary(diary)["ask"] <= 3  # the rows, and the unlabelled ones


def test_settings_of_the_teacher_cost_a_pass_each(tmp_path):
    diary = str(tmp_path / "diary")
    grid = {"teacher__var_smoothing": [1e-9, 0.1], "student__max_depth": [1, 2]}
    DistillationClassifierCV(
        Noted(diary), small_tree, cv=3, param_grid=grid, **FEW
    ).fit(X, Y)
    assert read_diary(diary) == {"fit": 7, "ask": 7}


def test_calls_in_workers(tmp_path):
    diary = str(tmp_path / "diary")
    search = DistillationClassifierCV(Noted(diary), small_tree, cv=4, n_jobs=2)
    with joblib.parallel_config("threading"):
        search.fit(X, Y)
    assert read_diary(diary) == {"fit": 5, "ask": 5}


def test_an_interrupt_keeps_what_is_in_the_memory(tmp_path):
    diary = str(tmp_path / "diary")
    search = DistillationClassifierCV(
        Impatient(diary), small_tree, cv=5, memory=tmp_path / "kept", **FEW
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert not [name for name in vars(search) if name.endswith("_")]
    assert read_diary(diary)["fit"] == 2
    search.fit(X, Y)
    assert read_diary(diary) == {"fit": 6, "ask": 6}


class Presses(LogisticRegression):
    """A student in whose fit somebody presses Ctrl-C."""

    def fit(self, X, y, sample_weight=None):
        if self.C == 2:
            raise KeyboardInterrupt
        return super().fit(X, y, sample_weight)


class Pressed(nn.Module):
    """A network in whose training somebody presses Ctrl-C, `left` steps from now."""

    left = 0

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, X):
        Pressed.left -= 1
        if Pressed.left == 0:
            raise KeyboardInterrupt
        return self.layer(X)


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_an_interrupted_student(n_jobs, tmp_path):
    diary = str(tmp_path / "diary")
    search = DistillationClassifierCV(
        Noted(diary),
        Presses(),
        cv=3,
        param_grid={"student__C": [1, 2]},
        memory=tmp_path / "kept",
        n_jobs=n_jobs,
        **FEW,
    )
    with (
        joblib.parallel_config("threading"),
        pytest.raises(KeyboardInterrupt),
    ):
        search.fit(X, Y)
    assert not [name for name in vars(search) if name.endswith("_")]
    before = read_diary(diary)["fit"]
    search.set_params(param_grid={"student__C": [1, 3]}).fit(X, Y)
    assert read_diary(diary) == {"fit": 4, "ask": 4}
    assert before >= 1


@pytest.mark.parametrize("left", [3, 25])
def test_interrupted_networks(left):
    """Networks keep what they learned when they are interrupted; a search does not."""
    student = network(module=Pressed, max_epochs=40)
    search = DistillationClassifierCV(bayes, student, cv=3, random_state=0, **FEW)
    Pressed.left = left
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert not [name for name in vars(search) if name.endswith("_")]
    Pressed.left = 0
    assert search.fit(X, Y).score(X, Y) > 0.5


def test_a_second_fit_forgets_the_first():
    search = DistillationClassifierCV([forest, bayes], small_tree, cv=2, **FEW)
    search.fit(frames(pd, X), WORDS[Y])
    assert len(search.teacher_weights_) == 2
    search.set_params(teacher=bayes, cv=3).fit(X[:, :3], Y)
    assert not hasattr(search, "teacher_weights_")
    assert not hasattr(search, "feature_names_in_")
    assert search.n_splits_ == 3
    assert search.n_features_in_ == 3
    assert "split2_test_score" in search.cv_results_
    assert_array_equal(search.classes_, [0, 1, 2])


def test_two_classes_and_a_ranking_score():
    two = Y < 2
    options = FEW | {"cv": 3, "scoring": "roc_auc"}
    for labels in (Y[two], np.array(["no", "yes"])[Y[two]], Y[two] == 1):
        search = DistillationClassifierCV(bayes, small_tree, **options)
        search.fit(X[two], labels)
        fit = {"data": (X[two], labels)}
        assert_same_scores(search, searched_by_hand(bayes, small_tree, fit, **options))


def test_rows_of_more_dimensions():
    images = X.reshape(90, 2, 2)
    student = network(module=nn.Sequential(nn.Flatten(), nn.Linear(4, 3)))
    flat = make_pipeline(FunctionTransformer(_flat), GaussianNB())
    options = FEW | {"cv": 3, "scoring": "neg_log_loss"}
    search = DistillationClassifierCV(flat, student, **options).fit(images, Y)
    by_hand = searched_by_hand(flat, student, {"data": (images, Y)}, **options)
    assert_same_scores(search, by_hand, tolerance=1e-6)
    assert search.predict(images[:7]).shape == (7,)


def _flat(X):
    return X.reshape(len(X), -1)


# The same again --------------------------------------------------------------------


def _results(search):
    return {
        name: values
        for name, values in search.cv_results_.items()
        if name.startswith(("split", "mean_test", "rank"))
    }


def assert_same_search(one, other, rows=X_NEW):
    for name, values in _results(one).items():
        assert_array_equal(values, other.cv_results_[name], err_msg=name)
    assert_array_equal(one.predict_proba(rows), other.predict_proba(rows))
    assert one.best_params_ == other.best_params_


RANDOM = {
    "tree": (
        [Drawn(), RandomForestClassifier(4, max_depth=3)],
        DecisionTreeClassifier(max_features=1, max_leaf_nodes=6),
    ),
    "network": (RandomForestClassifier(4, max_depth=3), network(random_state=None)),
}


@pytest.mark.parametrize("case", ["tree", "network"])
@pytest.mark.parametrize(
    "way",
    [
        "again",
        "clone",
        "pickle",
        "threads",
        pytest.param("loky", marks=pytest.mark.slow),
    ],
)
def test_one_seed_one_result(case, way):
    teacher, student = RANDOM[case]
    search = DistillationClassifierCV(
        teacher, student, cv=3, random_state=3, **FEW
    ).fit(X, Y)
    other = {
        "again": lambda: search,
        "clone": lambda: clone(search),
        "pickle": lambda: pickle.loads(pickle.dumps(search)),
        "threads": lambda: clone(search).set_params(n_jobs=2),
        "loky": lambda: clone(search).set_params(n_jobs=2),
    }[way]()
    before = {name: values.copy() for name, values in _results(search).items()}
    with joblib.parallel_config("loky" if way == "loky" else "threading"):
        again = deepcopy(other).fit(X, Y)
    assert_same_search(search, again)
    for name, values in _results(search).items():
        assert_array_equal(values, before[name])
    if way != "again":
        return
    reseeded = clone(search).set_params(random_state=4).fit(X, Y)
    assert not np.array_equal(
        reseeded.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )


BACKENDS = ["threading", pytest.param("loky", marks=pytest.mark.slow)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_workers_know_how_transformers_give_their_rows(backend):
    table = frames(pd, X)
    columns = make_column_transformer(("passthrough", ["x0", "x2"]))
    student = make_pipeline(StandardScaler(), columns, small_tree)
    search = DistillationClassifierCV(bayes, student, cv=3, **FEW)
    with config_context(transform_output="pandas"):
        alone = clone(search).fit(table, Y)
        with joblib.parallel_config(backend):
            search.set_params(n_jobs=2).fit(table, Y)
        assert_same_search(search, alone, frames(pd, X_NEW))


@pytest.mark.parametrize("backend", BACKENDS)
def test_workers_know_that_metadata_is_routed(backend):
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        first, second = (
            make_pipeline(clone(scaler), clone(last).set_fit_request(**wants))
            for last, wants in (
                (logistic, {"sample_weight": False}),
                (small_tree, {"sample_weight": True}),
            )
        )
        search = DistillationClassifierCV(first, second, cv=3, **FEW)
        weight = WEIGHT**3
        alone = clone(search).fit(X, Y, sample_weight=weight)
        with joblib.parallel_config(backend):
            search.set_params(n_jobs=2).fit(X, Y, sample_weight=weight)
    assert_same_search(search, alone)


def test_nothing_given_is_changed():
    table, labels, weight = X.copy(), Y.copy(), WEIGHT.copy()
    teacher, student = given_forest(), DecisionTreeClassifier(max_leaf_nodes=5)
    net = given_module().train()
    state = deepcopy(net.state_dict())
    unfitted = DecisionTreeClassifier(max_depth=3)
    grid = {"student__max_depth": [2, 3]}
    given = (table, labels, weight, teacher, student, unfitted, grid)
    before = [joblib.hash(each) for each in given]
    for each in (teacher, net, unfitted):
        DistillationClassifierCV(
            each, student, cv=3, random_state=0, param_grid=grid, **FEW
        ).fit(table, labels, sample_weight=weight)
    assert [joblib.hash(each) for each in given] == before
    assert net.training
    assert all(
        torch.equal(state[name], each) for name, each in net.state_dict().items()
    )
    assert not hasattr(unfitted, "tree_")
    assert not hasattr(student, "tree_")


def test_read_only_rows():
    rows = [X.copy(), Y.copy(), WEIGHT.copy()]
    for each in rows:
        each.flags.writeable = False
    for student in (small_tree, logistic, boosting, network()):
        search = DistillationClassifierCV(bayes, student, cv=2, **FEW)
        scores = [
            clone(search)
            .fit(*data[:2], sample_weight=data[2])
            .cv_results_["mean_test_score"]
            for data in (rows, (X, Y, WEIGHT))
        ]
        assert_array_equal(*scores)


# Errors ----------------------------------------------------------------------------

WRONG = {
    "no temperatures": ({"temperatures": []}, r"temperatures=\[\]"),
    "temperature 0": ({"temperatures": [1.0, 0]}, r"temperatures=\[1\.0, 0\].*above 0"),
    "temperature NaN": ({"temperatures": [math.nan]}, "temperatures="),
    "a number": ({"temperatures": 2.0}, r"temperatures=2\.0"),
    "a word": ({"temperatures": ["hot"]}, "temperatures="),
    "no alphas": ({"alphas": []}, r"alphas=\[\]"),
    "alpha 2": ({"alphas": [2]}, r"alphas=\[2\].*(\[0, 1\]|between|at most)"),
    "alpha -1": ({"alphas": [0.5, -1]}, r"alphas=\[0\.5, -1\]"),
    "alphas of a number": ({"alphas": 0.5}, r"alphas=0\.5"),
    "axis temperature": (
        {"param_grid": {"temperature": [1]}},
        "temperature.*temperatures",
    ),
    "axis alpha": ({"param_grid": {"alpha": [1]}}, "alpha.*alphas"),
    "axis memory": ({"param_grid": {"memory": [None]}}, "memory"),
    "axis n_jobs": ({"param_grid": {"n_jobs": [1]}}, "n_jobs"),
    "axis random_state": ({"param_grid": {"random_state": [1]}}, "random_state"),
    "axis verbose": ({"param_grid": {"verbose": [1]}}, "verbose"),
    "axis nonsense": ({"param_grid": {"nonsense": [1]}}, "nonsense"),
    "axis of the student": ({"param_grid": {"student__nonsense": [1]}}, "nonsense"),
    "second axis": (
        {"param_grid": [{"targets": ["soft"]}, {"nonsense": [1]}]},
        "nonsense",
    ),
    "an empty axis": ({"param_grid": {"targets": []}}, "targets"),
    "an axis of a word": ({"param_grid": {"targets": "soft"}}, "targets|param_grid"),
    "grid of numbers": ({"param_grid": 3}, "param_grid=3"),
    "grid of words": ({"param_grid": ["alpha"]}, "param_grid="),
    "no grid": ({"param_grid": []}, r"param_grid=\[\].*None"),
    "axis of no name": ({"param_grid": {3: [1]}}, r"param_grid=\{3: \[1\]\}.*names"),
    "verbose None": ({"verbose": None}, "verbose=None.*whole number"),
    "verbose": ({"verbose": "yes"}, "verbose='yes'.*whole number"),
    "memory of no name": ({"memory": ""}, "memory=''.*folder"),
    "memory is a file": ({"memory": __file__}, "memory=.*test_search.*folder"),
    "rule": ({"rule": "x"}, r"rule='x'.*(number|callable)"),
    "rule None": ({"rule": None}, "rule=None"),
    "rule -1": ({"rule": -1.0}, r"rule=-1\.0"),
    "rule NaN": ({"rule": math.nan}, "rule=nan"),
    "one fold": ({"cv": 1}, "n_splits=1|cv=1"),
    "too many folds": ({"cv": 1000}, "1000"),
    "cv": ({"cv": "five"}, "cv"),
    "one split and a rule": (
        {"cv": [(np.arange(60), np.arange(60, 90))]},
        r"cv=.*standard error.*rule=1\.0",
    ),
    "scoring": ({"scoring": "nope"}, "nope"),
    "scoring list": ({"scoring": ["accuracy"]}, "scoring"),
    "memory": ({"memory": 3}, "memory=3.*None"),
    "final alpha": ({"student": network(final_alpha=0.5)}, "final_alpha.*alpha=0"),
    "final alpha in the grid": (
        {"student": network(), "param_grid": {"student__final_alpha": [0.5]}},
        "final_alpha",
    ),
    "targets": ({"targets": "warm"}, "targets='warm'.*'soft'"),
    "student": ({"student": 3}, "student=3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_come_before_any_work(name, tmp_path):
    options, message = WRONG[name]
    diary = str(tmp_path / "diary")
    options = FEW | {"student": small_tree, "cv": 3} | options
    search = DistillationClassifierCV(Noted(diary), **options)
    with pytest.raises((ValueError, TypeError), match=re.compile(message, re.DOTALL)):
        search.fit(X, Y)
    assert not read_diary(diary)
    assert not [name for name in vars(search) if name.endswith("_")]


def test_all_mistakes_are_said_at_once():
    search = DistillationClassifierCV(
        bayes, small_tree, temperatures=[], alphas=[3], rule="x", param_grid={"n": [1]}
    )
    with pytest.raises(ValueError, match="temperatures=") as raised:
        search.fit(X, Y)
    for name in ("temperatures=", "alphas=", "rule="):
        assert name in str(raised.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sample_weight": WEIGHT[:-1]}, "sample_weight"),
        ({"teacher_proba": np.ones((90, 3)) / 3}, "teacher_proba"),
        ({"groups": GROUPS[:-1]}, "groups|inconsistent"),
        ({"X_unlabeled": X_NEW[:, 1:]}, "X_unlabeled|features"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_wrong_data_is_said_before_any_work(params, message, tmp_path):
    diary = str(tmp_path / "diary")
    search = DistillationClassifierCV(Noted(diary), small_tree, cv=GroupKFold(3), **FEW)
    with pytest.raises((ValueError, TypeError), match=message):
        search.fit(X, Y, **({"groups": GROUPS} | params))
    assert not read_diary(diary)


class Fussy(DecisionTreeClassifier):
    """A student that does not fit with one of its settings."""

    def fit(self, X, y, sample_weight=None, check_input=True):
        if self.max_depth == 1:
            raise RuntimeError("too shallow for me")
        return super().fit(X, y, sample_weight, check_input)


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_settings_that_fail_do_not_stop_the_others():
    options = FEW | {"cv": 3, "param_grid": {"student__max_depth": [1, 2]}}
    search = DistillationClassifierCV(bayes, Fussy(), **options)
    with pytest.warns(FitFailedWarning, match="15 of 30 fits failed.*too shallow"):
        search.fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    failed = [each["student__max_depth"] == 1 for each in search.cv_results_["params"]]
    assert_array_equal(np.isnan(scores), failed)
    assert search.best_params_["student__max_depth"] == 2
    options["param_grid"] = {"student__max_depth": [1]}
    search = DistillationClassifierCV(bayes, Fussy(), **options)
    with pytest.raises(ValueError, match="too shallow"):
        search.fit(X, Y)
    assert not hasattr(search, "best_estimator_")


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_networks_that_fail_do_not_stop_the_others():
    """One takes rows of another width; they were to be trained together."""
    good = network(module=nn.Linear(4, 3))
    wrong = network(module=nn.Linear(7, 3))
    options = FEW | {"cv": 3, "param_grid": {"student": [wrong, good]}}
    search = DistillationClassifierCV(bayes, good, **options)
    with pytest.warns(FitFailedWarning, match="15 of 30 fits failed"):
        search.fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    failed = [each["student"] is wrong for each in search.cv_results_["params"]]
    assert_array_equal(np.isnan(scores), failed)
    options["param_grid"] = None
    alone = DistillationClassifierCV(bayes, good, **options).fit(X, Y)
    expected = alone.cv_results_["mean_test_score"]
    assert_allclose(scores[np.logical_not(failed)], expected, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_scorer_that_raises_on_one_fold():
    first = StratifiedKFold(3).split(X, Y)
    rows_of_first = X[next(first)[1]]

    def score(model, X, y):
        if np.array_equal(X, rows_of_first) and model.alpha == 1.0:
            raise ZeroDivisionError("not on these rows")
        return accuracy_score(y, model.predict(X))

    search = DistillationClassifierCV(bayes, small_tree, cv=3, scoring=score, **FEW)
    with pytest.warns(FitFailedWarning, match="2 of 15 .*in scoring.*not on these"):
        search.fit(X, Y)
    for i in range(3):
        failed = (search.cv_results_["param_alpha"] == 1.0) & (i == 0)
        scores = search.cv_results_[f"split{i}_test_score"]
        assert_array_equal(np.isnan(scores), failed.astype(bool))
    assert search.best_params_["alpha"] < 1


@pytest.mark.parametrize("said", [None, {"accuracy": 1.0}, "0.5"])
def test_a_scorer_must_say_a_number(said):
    search = DistillationClassifierCV(
        bayes, small_tree, cv=3, scoring=lambda *_: said, **FEW
    )
    message = f"scoring must return a number, got {said!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        search.fit(X, Y)
    assert not hasattr(search, "cv_results_")


def test_students_of_which_one_says_no_probabilities():
    students = [small_tree, LinearSVC(random_state=0)]
    for order in (students, students[::-1]):
        grid = {"student": order}
        search = DistillationClassifierCV(bayes, order[0], cv=3, param_grid=grid, **FEW)
        search.fit(X, Y)
        by_hand = searched_by_hand(
            bayes,
            order[0],
            {"data": (X, Y)},
            cv=3,
            scoring="accuracy",
            param_grid=grid,
            **FEW,
        )
        assert_same_scores(search, by_hand)


def test_a_teacher_that_has_seen_the_rows():
    noisy = make_problem(0, n=600, k=3, d=4, spread=4)
    mine, other = slice(0, 300), slice(300, 600)
    options = FEW | {"cv": 3, "rule": 0.0}

    def search(teacher):
        search = DistillationClassifierCV(teacher, small_tree, **options)
        return search.fit(noisy.X[mine], noisy.y[mine])

    def fitted(rows):
        deep = RandomForestClassifier(5, random_state=0)
        return deep.fit(noisy.X[rows], noisy.y[rows])

    with pytest.warns(UserWarning, match="too good") as told:
        search(fitted(mine))
    assert len([each for each in told if "too good" in str(each.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The teacher does not help")
        search(fitted(other))
        search(forest)


# scikit-learn's checks, homes, deployment -------------------------------------------

_short = {"temperatures": (2.0,), "alphas": (0.5,), "cv": 2}
full_tree = DecisionTreeClassifier(random_state=0)
CHECKED = {
    "tree → tree": DistillationClassifierCV(full_tree, small_tree, **_short),
    "bayes → logistic, more axes": DistillationClassifierCV(
        bayes,
        logistic,
        param_grid={"student__C": [1.0, 2.0]},
        rule=0.0,
        scoring="accuracy",
        **_short,
    ),
}


@parametrize_with_checks(list(CHECKED.values()))
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_in_a_pipeline_and_in_cross_validation():
    search = DistillationClassifierCV(bayes, small_tree, cv=3, **FEW)
    pipeline = make_pipeline(StandardScaler(), search)
    scores = cross_val_score(pipeline, X, Y, cv=3, error_score="raise")
    assert scores.min() > 0.6
    found = cross_validate(search, X, Y, cv=3, return_estimator=True)
    assert all(hasattr(each, "improves_") for each in found["estimator"])
    outer = GridSearchCV(search, {"rule": [0.0, 2.0]}, cv=2, error_score="raise")
    assert outer.fit(X, Y).score(X, Y) > 0.6
    fitted = pipeline.fit(X, Y)
    assert hasattr(fitted[-1], "cv_results_")
    html = fitted._repr_html_()
    assert "DistillationClassifierCV" in html
    assert "DecisionTreeClassifier" in html


class UnmistakablyMarked(GaussianNB):
    """A teacher that any pickle of it betrays by name."""


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("home", ["alone", "pipeline"])
def test_strip_teacher(given, home):
    teacher = UnmistakablyMarked()
    teacher = teacher.fit(X_OTHER, Y_OTHER) if given else teacher
    search = DistillationClassifierCV(teacher, small_tree, cv=3, rule=0.0, **FEW)
    outer = search if home == "alone" else make_pipeline("passthrough", search)
    outer.fit(X, Y)
    before = pickle.dumps(outer)
    bare = strip_teacher(outer)
    assert pickle.dumps(outer) == before
    assert b"UnmistakablyMarked" in before
    assert b"UnmistakablyMarked" not in pickle.dumps(bare)
    again = pickle.loads(pickle.dumps(bare))
    assert_array_equal(again.predict_proba(X_NEW), outer.predict_proba(X_NEW))
    assert_array_equal(bare.predict(X_NEW), outer.predict(X_NEW))
    assert_array_equal(bare.classes_, outer.classes_)


def test_silence_and_progress(capfd):
    search = DistillationClassifierCV(bayes, small_tree, cv=3, **FEW).fit(X, Y)
    assert capfd.readouterr() == ("", "")
    search.set_params(verbose=1).fit(X, Y)
    out, err = capfd.readouterr()
    assert re.search(r"\b5 settings.*\b3 folds", out + err)


# Metadata --------------------------------------------------------------------------


class Witness(LogisticRegression):
    """A student that asks for one number a row, and remembers what it got."""

    seen = []

    def fit(self, X, y, sample_weight=None, tag=None):
        Witness.seen.append((len(X), tag is not None))
        if tag is not None:
            assert_array_equal(np.unique(np.asarray(X)[:, 0]), np.unique(tag))
        return super().fit(X, y, sample_weight=sample_weight)


def test_routing_of_groups_weights_and_metadata():
    Witness.seen.clear()
    tag = X[:, 0].copy()
    with config_context(enable_metadata_routing=True):
        teacher = GaussianNB().set_fit_request(sample_weight=True)
        student = Witness().set_fit_request(sample_weight=True, tag=True)
        search = DistillationClassifierCV(
            teacher,
            student,
            cv=GroupKFold(3).set_split_request(groups=True),
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=True),
            rule=0.0,
            **FEW,
        )
        search.fit(X, Y, sample_weight=WEIGHT, groups=GROUPS, tag=tag)
        seen = list(Witness.seen)
        for i, (train, test) in enumerate(GroupKFold(3).split(X, Y, GROUPS)):
            model = DistillationClassifier(teacher, student, alpha=0.4)
            weight = {"sample_weight": WEIGHT[train], "tag": tag[train]}
            model.fit(X[train], Y[train], **weight)
            expected = accuracy_score(
                Y[test], model.predict(X[test]), sample_weight=WEIGHT[test]
            )
            found = search.cv_results_[f"split{i}_test_score"][1]
            assert found == pytest.approx(expected)
    assert seen
    assert all(tagged for _, tagged in seen)
    # Weighted copies: three of each row, but where the student learns alone.
    assert {n for n, _ in seen} == {60, 180, 270}


def test_routing_inside_another_search():
    with config_context(enable_metadata_routing=True):
        search = DistillationClassifierCV(
            bayes, small_tree, cv=GroupKFold(2).set_split_request(groups=True), **FEW
        )
        found = cross_validate(
            search,
            X,
            Y,
            cv=GroupKFold(3).set_split_request(groups=True),
            params={"groups": GROUPS},
            error_score="raise",
        )
    assert np.isfinite(found["test_score"]).all()


@pytest.mark.parametrize("routing", [False, True])
def test_splits_that_can_be_read_once_are_left_for_the_fit(routing):
    listed = DistillationClassifierCV(
        bayes, small_tree, cv=list(KFold(3).split(X)), **FEW
    ).fit(X, Y)
    with config_context(enable_metadata_routing=routing):
        search = DistillationClassifierCV(
            bayes, small_tree, cv=KFold(3).split(X), **FEW
        )
        search.get_metadata_routing()
        search.fit(X, Y)
    assert_same_search(search, listed)


def test_groups_that_nobody_asks_for():
    with config_context(enable_metadata_routing=True):
        search = DistillationClassifierCV(bayes, small_tree, cv=3, **FEW)
        with pytest.raises(TypeError, match="groups"):
            search.fit(X, Y, groups=GROUPS)


def test_precomputed_probabilities_are_sliced_by_fold():
    proba = GaussianNB().fit(X_OTHER, Y_OTHER).predict_proba(X)
    search = DistillationClassifierCV("precomputed", small_tree, cv=3, **FEW)
    search.fit(X, Y, teacher_proba=proba)
    given = DistillationClassifierCV(
        GaussianNB().fit(X_OTHER, Y_OTHER), small_tree, cv=3, **FEW
    ).fit(X, Y)
    assert_same_search(search, given)
    assert search.teacher_source_ == "precomputed"


@pytest.mark.slow
def test_memory_mapped_rows_in_processes():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40_000, 4))  # above loky's 1 MB: arrives read-only
    labels = (rows[:, 0] > 0).astype(int)
    for student in (small_tree, Ridge(), LinearSVC()):
        search = DistillationClassifierCV(bayes, student, cv=2, n_jobs=2, **FEW)
        with joblib.parallel_config("loky"):
            search.fit(rows, labels)
        assert search.score(rows, labels) > 0.9


class Luggage(GaussianNB):
    """Notes the process that unpacks it."""

    def __init__(self, diary=None):
        super().__init__()
        self.diary = diary

    def __setstate__(self, state):
        super().__setstate__(state)
        with open(self.diary, "a") as file:
            file.write(f"{os.getpid()}\n")


def test_workers_are_not_sent_the_teacher(tmp_path):
    """A given one is asked here; what workers need is what it said."""
    path = tmp_path / "diary.txt"
    path.touch()
    teacher = Luggage(str(path)).fit(X_OTHER, Y_OTHER)
    search = DistillationClassifierCV(teacher, small_tree, cv=3, n_jobs=2, **FEW)
    search.fit(X, Y)
    assert set(path.read_text().split()) <= {str(os.getpid())}
