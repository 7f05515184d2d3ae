"""Where the teacher's word comes from: other folds, other bags, corrected or not."""

import pickle
import re
import warnings

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
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    cross_val_predict,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetClassifier
from torch import nn

from skdistill import DistillationClassifier, DistillationClassifierCV, strip_teacher
from skdistill.neural import NeuralClassifier
from tests.strategies import (
    LABELS,
    Drawn,
    Noted,
    examples,
    frames,
    make_problem,
    problems,
    read_diary,
    soften,
)

SILENT = r"ignore:[\s\S]*no teacher speaks about:UserWarning"
CONTRARY = "ignore:The given teacher agrees with y:UserWarning"
pytestmark = [
    pytest.mark.filterwarnings("ignore:The student is larger:UserWarning"),
    pytest.mark.filterwarnings("ignore:The teacher does not help:UserWarning"),
]

PROBLEM = make_problem(0, n=60, k=3, labels="string")
X, Y, CLASSES, ONEHOT = PROBLEM.X, PROBLEM.y, PROBLEM.classes, PROBLEM.onehot
X_NEW, WEIGHT = PROBLEM.X_new, PROBLEM.weight
GROUPS = np.random.default_rng(0).integers(7, size=60)
FLOOR = np.finfo(np.float32).eps  # where the documentation puts an exact 0

bayes = GaussianNB()
neighbour = KNeighborsClassifier(1)
deep_tree = DecisionTreeClassifier(random_state=0)
small_tree = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
forest = RandomForestClassifier(25, random_state=0)
logistic = LogisticRegression(tol=1e-8, max_iter=999)


class Keeper(RegressorMixin, BaseEstimator):
    """A student that keeps the lesson it was given."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weight_ = X, y, sample_weight
        return self

    def predict(self, X):
        return np.broadcast_to(
            self.y_.mean(axis=0), (np.shape(X)[0], *self.y_.shape[1:])
        )


def distil(teacher, student=None, *, X=X, y=Y, fit=None, **options):
    student = Keeper() if student is None else student
    return DistillationClassifier(teacher, student, **options).fit(X, y, **(fit or {}))


def taught(model):
    """The distributions that a `Keeper` was taught."""
    lesson = model.student_.y_
    return np.column_stack([1 - lesson, lesson]) if lesson.ndim == 1 else lesson


def said(teacher, *, alpha=1.0, **options):
    """What the teacher says about each row of X."""
    return taught(distil(teacher, alpha=alpha, **options))


def out_of_fold(teacher, folds, X=X, y=Y, weight=None):
    """The mean of what those say who were not fitted on a row, and for which rows."""
    classes = np.unique(y)
    total, count = np.zeros((len(y), len(classes))), np.zeros(len(y), dtype=int)
    for train, test in folds:
        fit = {} if weight is None else {"sample_weight": weight[train]}
        judge = clone(teacher).fit(X[train], y[train], **fit)
        columns = np.searchsorted(classes, judge.classes_)
        total[np.ix_(test, columns)] += judge.predict_proba(X[test])
        count[test] += 1
    heard = count > 0
    total[heard] /= count[heard, None]
    return total, heard


def flipped(y, row):
    """The same labels, but for one row."""
    y = y.copy()
    classes = np.unique(y)
    y[row] = classes[(np.searchsorted(classes, y[row]) + 1) % len(classes)]
    return y


# No label reaches its own target ----------------------------------------------------

MEMORISERS = {
    "nearest neighbour": (neighbour, KFold(4)),
    "deep tree": (deep_tree, KFold(4, shuffle=True, random_state=1)),
    "deep tree, repeated": (
        deep_tree,
        RepeatedKFold(n_splits=3, n_repeats=2, random_state=1),
    ),
    "pipeline": (make_pipeline(StandardScaler(), neighbour), KFold(3)),
    "list": ([neighbour, deep_tree], KFold(4)),
    "forest": (forest, "oob"),
    "extra trees": (ExtraTreesClassifier(25, bootstrap=True, random_state=0), "oob"),
    "bagging": (BaggingClassifier(deep_tree, 25, random_state=0), "oob"),
    "pipeline of a forest": (make_pipeline(StandardScaler(), forest), "oob"),
    "list of forests": ([forest, clone(forest).set_params(random_state=1)], "oob"),
}


@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("case", MEMORISERS)
@examples(3)
@given(problem=problems(n=(30, 50)), row=st.integers(0, 29))
def test_a_label_does_not_reach_its_own_target(case, problem, row):
    teacher, source = MEMORISERS[case]
    X, y = problem.X, problem.y
    before = said(teacher, X=X, y=y, teacher_cv=source)
    after = said(teacher, X=X, y=flipped(y, row), teacher_cv=source)
    assert_array_equal(after[row], before[row])


@pytest.mark.filterwarnings(SILENT)
def test_in_sample_a_memory_says_the_label():
    assert_array_equal(said(neighbour), ONEHOT)
    other = flipped(Y, 5)
    assert_array_equal(said(neighbour, y=other)[5], (other[5] == CLASSES).astype(float))
    for teacher, source in MEMORISERS.values():  # while out of fold it reaches others
        changed = said(teacher, y=other, teacher_cv=source)
        assert (changed != said(teacher, teacher_cv=source)).any()


# What is said out of bag and out of fold --------------------------------------------


def bagged():
    return BaggingClassifier(small_tree, 30, random_state=2)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("teacher", [forest, bagged()], ids=["forest", "bagging"])
def test_out_of_bag_is_that_of_an_equal_forest(teacher, kind):
    problem = make_problem(3, n=50, k=2 if kind == "bool" else 4, labels=kind)
    X, y = problem.X, problem.y
    twin = clone(teacher).set_params(oob_score=True).fit(X, y)
    assert np.isfinite(twin.oob_decision_function_).all()
    model = distil(teacher, X=X, y=y, alpha=1.0, teacher_cv="oob")
    assert_allclose(taught(model), twin.oob_decision_function_, rtol=0, atol=1e-15)
    assert_array_equal(
        model.teacher_.predict_proba(problem.X_new), twin.predict_proba(problem.X_new)
    )
    assert model.teacher_source_ == "fitted"
    assert teacher.oob_score is False
    assert not hasattr(teacher, "estimators_")


def test_out_of_bag_score_of_ones_own_is_kept():
    teacher = clone(forest).set_params(oob_score=accuracy_score)
    model = distil(teacher, teacher_cv="oob")
    assert model.teacher_.oob_score is accuracy_score


FEW_TREES = "ignore:Some inputs do not have OOB scores"  # scikit-learn's own words


@pytest.mark.filterwarnings(FEW_TREES)
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")
@pytest.mark.parametrize(
    "few",
    [
        RandomForestClassifier(3, random_state=0),
        BaggingClassifier(deep_tree, 3, random_state=0),
    ],
    ids=["forest", "bagging"],
)
def test_rows_in_every_bag_learn_from_their_label(few):
    with pytest.warns(UserWarning, match="no teacher speaks") as caught:
        model = distil(few, alpha=1.0, teacher_cv="oob")
    votes = clone(few).set_params(oob_score=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        votes = votes.fit(X, Y).oob_decision_function_
    silent = ~np.isfinite(votes).all(axis=1) | (votes.sum(axis=1) == 0)
    assert 0 < silent.sum() < 60
    (only,) = [str(w.message) for w in caught if "no teacher" in str(w.message)]
    assert re.search(rf"\b{silent.sum()} of 60 rows", only), only
    assert_array_equal(taught(model)[silent], ONEHOT[silent])
    assert_allclose(taught(model)[~silent], votes[~silent], atol=1e-15)


def test_silence_is_told_to_the_caller_of_fit():
    model = DistillationClassifier(bayes, small_tree, teacher_cv=_positions[:1])
    with pytest.warns(UserWarning, match="no teacher speaks") as caught:
        model.fit(X, Y)
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.filterwarnings("ignore:no teacher speaks")
def test_silence_in_the_last_fit_is_told_to_the_caller_of_the_search():
    search = DistillationClassifierCV(
        bayes,
        small_tree,
        temperatures=(1,),
        alphas=(1.0,),
        teacher_cv=TimeSeriesSplit(2),
        cv=KFold(2, shuffle=True, random_state=0),
        rule=lambda differences: True,
    )
    with pytest.warns(UserWarning, match="no teacher speaks") as caught:
        search.fit(X, Y)
    last = [w for w in caught if "of 60 rows" in str(w.message)]
    assert [w.filename for w in last] == [__file__]


STUDENTS = {
    "tree": small_tree,
    "logistic": logistic,
    "copies": bayes,
    "forest": RandomForestClassifier(4, max_depth=3, random_state=0),
}


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_out_of_fold_equals_precomputed(student, temperature):
    student = STUDENTS[student]
    folds = KFold(4, shuffle=True, random_state=0)
    proba = cross_val_predict(forest, X, Y, cv=folds, method="predict_proba")
    fit, options = {"teacher_proba": proba}, {"temperature": temperature, "alpha": 0.6}
    expected = distil("precomputed", student, fit=fit, **options).predict_proba(X_NEW)
    routes = {
        "cross-fitted": distil(forest, student, teacher_cv=folds, **options),
        "given": distil(
            clone(forest).fit(X, Y),
            student,
            teacher_cv="precomputed",
            fit=fit,
            **options,
        ),
        "fitted": distil(forest, student, teacher_cv="precomputed", fit=fit, **options),
    }
    for name, model in routes.items():
        assert_array_equal(model.predict_proba(X_NEW), expected, err_msg=name)
    assert [m.teacher_source_ for m in routes.values()] == ["fitted", "given", "fitted"]


@pytest.mark.parametrize("teacher", ["unfitted", "given", "precomputed"])
def test_columns_of_precomputed_probabilities_have_names(teacher):
    """As in a fold that lacks a class, or in a table that has them in another order."""
    proba = out_of_fold(bayes, KFold(3).split(X))[0]
    two = np.flatnonzero(CLASSES[2] != Y)
    made = {"unfitted": bayes, "given": clone(bayes).fit(X[two], Y[two])}
    names = CLASSES[[2, 0, 1]]
    model = distil(
        made.get(teacher, teacher),
        X=X[two],
        y=Y[two],
        alpha=1.0,
        teacher_cv="precomputed",
        teacher_classes=names,
        fit={"teacher_proba": proba[two][:, [2, 0, 1]]},
    )
    expected = proba[two][:, :2]
    expected = expected / expected.sum(axis=1, keepdims=True)
    assert_allclose(taught(model), expected, atol=1e-12)


def test_precomputed_votes_out_of_bag_equal_those_taken_here():
    votes = clone(forest).set_params(oob_score=True).fit(X, Y).oob_decision_function_
    here = distil(forest, small_tree, teacher_cv="oob")
    there = distil("precomputed", small_tree, fit={"teacher_proba": votes})
    assert_array_equal(here.predict_proba(X_NEW), there.predict_proba(X_NEW))


@examples(8)
@given(
    problem=problems(n=(24, 40)),
    k=st.integers(2, 4),
    teacher=st.sampled_from([bayes, neighbour, deep_tree]),
)
def test_a_number_is_stratified_folds(problem, k, teacher):
    X, y = problem.X, problem.y
    proba = cross_val_predict(
        teacher, X, y, cv=StratifiedKFold(k), method="predict_proba"
    )
    assert_allclose(said(teacher, X=X, y=y, teacher_cv=k), proba, rtol=0, atol=1e-12)
    numpy_int = said(teacher, X=X, y=y, teacher_cv=np.int64(k))
    assert_allclose(numpy_int, proba, rtol=0, atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("teacher", [LinearSVC(random_state=0), RidgeClassifier()])
def test_scores_out_of_fold_stay_logits(teacher, k, temperature):
    problem = make_problem(4, n=60, k=k)
    folds = KFold(4)
    scores = cross_val_predict(
        teacher, problem.X, problem.y, cv=folds, method="decision_function"
    )
    if k == 2:
        scores = np.column_stack([np.zeros_like(scores), scores])
    found = said(
        teacher, X=problem.X, y=problem.y, teacher_cv=folds, temperature=temperature
    )
    assert_allclose(found, softmax(scores / temperature, axis=1), atol=1e-12)


# Any splitter -----------------------------------------------------------------------

_positions = [
    (np.arange(0, 40), np.arange(40, 60)),
    (np.arange(20, 60), np.arange(0, 20)),
    (np.r_[0:20, 40:60], np.arange(20, 40)),
]
SPLITTERS = {
    "KFold": KFold(3),
    "StratifiedKFold": StratifiedKFold(3, shuffle=True, random_state=0),
    "LeaveOneOut": LeaveOneOut(),
    "RepeatedStratifiedKFold": RepeatedStratifiedKFold(
        n_splits=3, n_repeats=3, random_state=0
    ),
    "ShuffleSplit": ShuffleSplit(2, test_size=0.25, random_state=0),
    "TimeSeriesSplit": TimeSeriesSplit(4),
    "PredefinedSplit": PredefinedSplit(np.arange(60) % 4 - 1),
    "positions": _positions,
    "lists of positions": [(list(a), list(b)) for a, b in _positions],
    "one fold": _positions[:1],
}


@pytest.mark.parametrize("teacher", [bayes, deep_tree], ids=["bayes", "tree"])
@pytest.mark.parametrize("name", SPLITTERS)
def test_any_splitter(name, teacher):
    splitter = SPLITTERS[name]
    folds = splitter if isinstance(splitter, list) else list(splitter.split(X, Y))
    expected, heard = out_of_fold(teacher, folds)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = said(teacher, teacher_cv=splitter)
    assert_allclose(found[heard], expected[heard], rtol=0, atol=1e-12)
    assert_array_equal(found[~heard], ONEHOT[~heard])  # though alpha is 1
    spoken = [str(w.message) for w in caught]
    if heard.all():
        assert spoken == []
    else:
        (only,) = spoken
        assert re.search(rf"\b{np.sum(~heard)} of 60 rows", only), only
        assert "teacher_cv" in only


@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("alpha", [0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_silent_rows_learn_from_their_label(alpha, temperature):
    splitter = TimeSeriesSplit(4)
    proba, heard = out_of_fold(logistic, splitter.split(X))
    found = said(logistic, teacher_cv=splitter, alpha=alpha, temperature=temperature)
    assert not heard[:12].any()
    assert heard[12:].all()
    assert_array_equal(found[:12], ONEHOT[:12])
    expected = alpha * soften(proba[12:], temperature) + (1 - alpha) * ONEHOT[12:]
    assert_allclose(found[12:], expected, atol=1e-9)


def test_one_shot_folds():
    expected, _ = out_of_fold(bayes, _positions)
    model = DistillationClassifier(
        bayes, Keeper(), alpha=1.0, teacher_cv=iter(_positions)
    )
    assert_allclose(taught(model.fit(X, Y)), expected, atol=1e-12)


def test_masks_are_positions():
    masks = [tuple(np.isin(np.arange(60), part) for part in f) for f in _positions]
    assert_array_equal(
        said(bayes, teacher_cv=masks), said(bayes, teacher_cv=_positions)
    )


def test_groups_stay_together():
    splitter = GroupKFold(3)
    expected, heard = out_of_fold(neighbour, splitter.split(X, Y, GROUPS))
    assert heard.all()
    found = said(neighbour, teacher_cv=splitter, fit={"groups": GROUPS})
    assert_array_equal(found, expected)
    assert (found != said(neighbour, teacher_cv=3)).any()
    named = np.array(list("abcdefg"))[GROUPS]
    again = said(neighbour, teacher_cv=splitter, fit={"groups": pd.Series(named)})
    assert_array_equal(again, expected)


class Clustered(BaseCrossValidator):
    """A splitter of one's own that reads groups and does not say so."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 3

    def _iter_test_indices(self, X=None, y=None, groups=None):
        for k in range(3):
            yield np.flatnonzero(np.asarray(groups) % 3 == k)


def test_splitters_of_ones_own_get_groups():
    expected, _ = out_of_fold(neighbour, Clustered().split(X, Y, GROUPS))
    found = said(neighbour, teacher_cv=Clustered(), fit={"groups": GROUPS})
    assert_array_equal(found, expected)


def test_sparse_rows_out_of_fold():
    expected = said(logistic, teacher_cv=3)
    found = said(logistic, X=sparse.csr_matrix(X), teacher_cv=3)
    assert_allclose(found, expected, atol=1e-6)


def test_frames_out_of_fold():
    expected = said(bayes, teacher_cv=KFold(3))
    data = frames(pd, X)
    data.index = np.arange(60)[::-1] + 7
    model = distil(
        bayes, X=data, y=pd.Series(Y, index=data.index), alpha=1.0, teacher_cv=KFold(3)
    )
    assert_allclose(taught(model), expected, atol=1e-12)
    assert_array_equal(model.teacher_.feature_names_in_, data.columns)


# Inside searches and pipelines ------------------------------------------------------

SOURCES = [None, KFold(2, shuffle=True, random_state=0), "oob"]


def few_trees():
    return RandomForestClassifier(8, max_depth=4, random_state=0)


@pytest.mark.filterwarnings(FEW_TREES)
@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"teacher_calibration": "temperature"},
        {"loss_correction": 0.1},
        {"teacher_calibration": LogisticRegression(), "random_state": 3},
    ],
    ids=lambda options: "+".join(options) or "plain",
)
def test_search_scores_are_those_of_a_grid_search(options):
    sources = SOURCES[1:] if "teacher_calibration" in options else SOURCES
    shared = {"cv": 3, "scoring": "neg_log_loss"}
    with_teacher = {"teacher_cv": sources, "alpha": [0.6], "temperature": [1, 2.0]}
    inner = DistillationClassifier(
        few_trees(), small_tree, **({"teacher_cv": 2} | options)
    )
    grid = GridSearchCV(inner, with_teacher, error_score="raise", refit=False, **shared)
    grid.fit(X, Y)
    search = DistillationClassifierCV(
        few_trees(),
        small_tree,
        temperatures=(1, 2.0),
        alphas=(0.6,),
        param_grid={"teacher_cv": sources},
        **({"teacher_cv": 2} | options | shared),
    ).fit(X, Y)
    assert_same_scores(search, grid, alone=True)


def assert_same_scores(search, grid, *, alone):
    """Candidate for candidate and split for split; a search adds the student alone."""

    def named(setting):
        return str(sorted((k, str(v)) for k, v in setting.items()))

    theirs = {named(s): i for i, s in enumerate(grid.cv_results_["params"])}
    ours = {named(s): i for i, s in enumerate(search.cv_results_["params"])}
    missing = set(ours) - set(theirs)
    assert set(theirs) <= set(ours)
    assert len(missing) == int(alone)
    for i in range(grid.n_splits_):
        name = f"split{i}_test_score"
        for setting, k in theirs.items():
            found = search.cv_results_[name][ours[setting]]
            assert_allclose(
                found, grid.cv_results_[name][k], atol=1e-12, err_msg=setting
            )


def test_student_alone_is_itself_in_a_search_of_label_sources():
    search = DistillationClassifierCV(
        few_trees(),
        small_tree,
        temperatures=(1,),
        alphas=(1.0,),
        teacher_cv=2,
        cv=3,
        scoring="neg_log_loss",
    ).fit(X, Y)
    plain = cross_validate(small_tree, X, Y, cv=3, scoring="neg_log_loss")
    found = [
        search.cv_results_[f"split{i}_test_score"][search.baseline_index_]
        for i in range(3)
    ]
    assert_allclose(found, plain["test_score"], atol=1e-12)


def test_groups_in_the_search():
    folds = GroupKFold(3)
    search = DistillationClassifierCV(
        bayes,
        small_tree,
        temperatures=(1,),
        alphas=(1.0,),
        teacher_cv=GroupKFold(2),
        cv=folds,
        scoring="neg_log_loss",
    ).fit(X, Y, groups=GROUPS)
    for i, (train, test) in enumerate(folds.split(X, Y, GROUPS)):
        model = distil(
            bayes,
            small_tree,
            X=X[train],
            y=Y[train],
            alpha=1.0,
            teacher_cv=GroupKFold(2),
            fit={"groups": GROUPS[train]},
        )
        proba = model.predict_proba(X[test])
        truth = np.clip((proba * ONEHOT[test]).sum(axis=1), np.finfo(float).eps, None)
        found = search.cv_results_[f"split{i}_test_score"][search.distilled_index_]
        assert_allclose(found, np.log(truth).mean(), atol=1e-9)


def searched(teacher=bayes, *, fit=None, **options):
    """The scores of a search, by fold, and those of the student alone first."""
    shared = {"temperatures": (1,), "alphas": (1.0,), "scoring": "neg_log_loss"}
    search = DistillationClassifierCV(teacher, small_tree, **(shared | options))
    results = search.fit(X, Y, **(fit or {})).cv_results_
    return np.array([results[f"split{i}_test_score"] for i in range(search.n_splits_)])


GROUPED = {
    "outside": {"cv": GroupKFold(3), "teacher_cv": 3},
    "inside": {"cv": 3, "teacher_cv": GroupKFold(3)},
    "in the grid": {"cv": 3, "param_grid": {"teacher_cv": [None, GroupKFold(3)]}},
}
IGNORANT = {
    "number": 3,
    "plain": KFold(3),
    "stratified": StratifiedKFold(3),
    "repeated": RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0),
    "parts": StratifiedShuffleSplit(3, random_state=0),
    "in time": TimeSeriesSplit(2),
    "given": PredefinedSplit(np.arange(60) % 3),
}


@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("name", IGNORANT)
def test_groups_do_not_go_to_splitters_that_ignore_them(name):
    """As scikit-learn's own would warn of, from within."""
    splitter = IGNORANT[name]
    options = {"cv": splitter, "fit": {"groups": GROUPS}}
    found = searched(teacher_cv=GroupKFold(2), **options)
    n_splits = 3 if name == "number" else splitter.get_n_splits(X)
    assert found.shape == (n_splits, 2)
    if name != "given":  # which is for all rows, not for those of a fold
        options = {"teacher_cv": splitter, "fit": {"groups": GROUPS}}
        assert searched(cv=Clustered(), **options).shape == (3, 2)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("case", GROUPED)
def test_groups_go_to_splitters_that_read_them(case, routing):
    """And to no other, which would warn of them."""
    options = GROUPED[case]
    outer = GroupKFold(3) if case == "outside" else StratifiedKFold(3)
    inner = None if case == "outside" else GROUPS
    with config_context(enable_metadata_routing=routing):
        found = searched(fit={"groups": GROUPS}, **options)
    parts = outer.split(X, Y, GROUPS if case == "outside" else None)
    for scores, (train, test) in zip(found, parts, strict=True):
        model = distil(
            bayes,
            small_tree,
            X=X[train],
            y=Y[train],
            alpha=1.0,
            teacher_cv=3 if case == "outside" else GroupKFold(3),
            fit={} if inner is None else {"groups": inner[train]},
        )
        proba = model.predict_proba(X[test])
        truth = np.clip((proba * ONEHOT[test]).sum(axis=1), np.finfo(float).eps, None)
        assert_allclose(scores[-1], np.log(truth).mean(), atol=1e-9)


@pytest.mark.filterwarnings(FEW_TREES)
@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("source", [None, 3, "oob"], ids=str)
def test_groups_that_nobody_reads_in_a_search(source):
    """Some word is said of them, an error or a warning."""
    said_of_them = (TypeError, ValueError, UserWarning)
    with pytest.raises(said_of_them, match="groups"):
        searched(few_trees(), teacher_cv=source, cv=2, fit={"groups": GROUPS})


GIVEN = GaussianNB().fit(X_NEW, GaussianNB().fit(X, Y).predict(X_NEW))


@pytest.mark.parametrize("teacher", [bayes, GIVEN], ids=["fitted", "given"])
def test_table_as_one_label_source_of_many(teacher):
    """Each setting as in a search of its own, and only one of them reads the table."""
    proba = cross_val_predict(bayes, X, Y, cv=4, method="predict_proba")
    sources = [None, "precomputed"] + ([] if teacher is GIVEN else [2])
    fits = [{"teacher_proba": proba} if s == "precomputed" else {} for s in sources]
    grid = {"teacher_cv": sources}
    found = searched(teacher, param_grid=grid, cv=3, fit={"teacher_proba": proba})
    each = [
        searched(teacher, teacher_cv=source, cv=3, fit=fit)
        for source, fit in zip(sources, fits, strict=True)
    ]
    expected = np.column_stack([each[0][:, 0], *(scores[:, 1] for scores in each)])
    assert_allclose(found, expected, atol=1e-12)
    assert len(np.unique(found[0])) == len(sources) + 1


def test_table_as_one_teacher_of_many():
    proba = cross_val_predict(bayes, X, Y, cv=4, method="predict_proba")
    fit = {"teacher_proba": proba}
    found = searched(param_grid={"teacher": ["precomputed", bayes]}, cv=3, fit=fit)
    expected = [searched("precomputed", cv=3, fit=fit), searched(cv=3)]
    assert_allclose(found[:, 1:], np.column_stack([e[:, 1] for e in expected]))


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("routing", [False, True])
def test_groups_by_routing(routing, piped):
    model = DistillationClassifier(
        neighbour, Keeper(), alpha=1.0, teacher_cv=GroupKFold(3)
    )
    outer = make_pipeline(StandardScaler(with_std=False, with_mean=False), model)
    outer = outer if piped else model
    folds = KFold(2, shuffle=True, random_state=0)
    name = "distillationclassifier__groups" if piped and not routing else "groups"
    with config_context(enable_metadata_routing=routing):
        found = cross_validate(
            outer,
            X,
            Y,
            cv=folds,
            params={name: GROUPS},
            return_estimator=True,
            error_score="raise",
        )["estimator"]
    for fitted, (train, _) in zip(found, folds.split(X), strict=True):
        inner = GroupKFold(3).split(X[train], Y[train], GROUPS[train])
        expected, _ = out_of_fold(neighbour, inner, X[train], Y[train])
        assert_array_equal(taught(fitted[-1] if piped else fitted), expected)


def test_groups_by_routing_in_a_grid_search():
    with config_context(enable_metadata_routing=True):
        model = DistillationClassifier(neighbour, small_tree, teacher_cv=GroupKFold(2))
        search = GridSearchCV(model, {"alpha": [0.5, 1.0]}, cv=GroupKFold(3))
        search.fit(X, Y, groups=GROUPS)
    expected = distil(
        neighbour,
        small_tree,
        teacher_cv=GroupKFold(2),
        fit={"groups": GROUPS},
        **search.best_params_,
    )
    assert_array_equal(search.predict_proba(X_NEW), expected.predict_proba(X_NEW))


# Rare classes, odd labels -----------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("teacher", [bayes, logistic, LinearSVC(random_state=0)])
@pytest.mark.parametrize("kind", ["int", "string", "negative"])
def test_class_that_a_fold_lacks_keeps_its_column(kind, teacher, temperature):
    problem = make_problem(5, n=45, k=3, labels=kind)
    rare = problem.y == problem.classes[1]
    keep = ~rare | (np.cumsum(rare) <= 2)
    X, y = problem.X[keep], problem.y[keep]
    rare = np.flatnonzero(y == problem.classes[1])
    rest = np.setdiff1d(np.arange(len(y)), rare)
    folds = [(rest, rare), (np.r_[rare, rest[::2]], rest[1::2])]
    folds += [(np.r_[rare, rest[1::2]], rest[::2])]
    found = said(teacher, X=X, y=y, teacher_cv=folds, temperature=temperature)
    assert_allclose(found.sum(axis=1), 1)
    assert_allclose(found[rare, 1], 0, atol=5e-4)
    assert (found[rest, 1] > 0).all()
    if temperature == 1 and hasattr(teacher, "predict_proba"):
        assert_allclose(found, out_of_fold(teacher, folds, X, y)[0], atol=1e-12)
        assert_array_equal(found[rare, 1], 0)


def test_rows_of_a_class_of_one():
    y = np.where(np.arange(60) == 17, "unique", Y)
    found = said(bayes, y=y, teacher_cv=KFold(3))
    assert found[17, np.unique(y).tolist().index("unique")] == 0
    assert_allclose(found, out_of_fold(bayes, KFold(3).split(X), y=y)[0], atol=1e-12)


@examples(6)
@given(problem=problems(n=(24, 40)))
def test_labels_of_every_kind(problem):
    folds = KFold(3, shuffle=True, random_state=0)
    model = distil(
        bayes, small_tree, X=problem.X, y=problem.y, alpha=1.0, teacher_cv=folds
    )
    codes = distil(
        bayes, small_tree, X=problem.X, y=problem.codes, alpha=1.0, teacher_cv=folds
    )
    assert_array_equal(model.classes_, problem.classes)
    assert_array_equal(
        model.predict_proba(problem.X_new), codes.predict_proba(problem.X_new)
    )
    assert model.predict(problem.X_new).dtype == problem.y.dtype


# Several teachers -------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, [1, 3], [0, 2]])
def test_list_of_teachers(weights):
    folds = KFold(3)
    each = [out_of_fold(one, folds.split(X))[0] for one in (bayes, deep_tree)]
    share = [0.5, 0.5] if weights is None else np.divide(weights, sum(weights))
    found = said([bayes, deep_tree], teacher_cv=folds, teacher_weights=weights)
    assert_allclose(found, share[0] * each[0] + share[1] * each[1], atol=1e-12)


def test_list_of_forests_out_of_bag():
    team = [forest, bagged()]
    votes = [clone(t).set_params(oob_score=True).fit(X, Y) for t in team]
    expected = np.mean([each.oob_decision_function_ for each in votes], axis=0)
    assert_allclose(said(team, teacher_cv="oob"), expected, atol=1e-12)


def test_learned_weights_are_fair_to_those_that_do_not_memorise():
    problem = make_problem(2, n=120, k=3)
    rng = np.random.default_rng(0)
    y = np.where(rng.random(120) < 0.25, rng.integers(3, size=120), problem.y)
    team, options = [neighbour, logistic], {"teacher_weights": "learned"}
    naive = distil(team, X=problem.X, y=y, **options).teacher_weights_
    fair = distil(team, X=problem.X, y=y, teacher_cv=5, **options).teacher_weights_
    assert naive[0] > 0.9
    assert fair[0] < 0.2
    for source in (KFold(4), LeaveOneOut()):
        folds = list(source.split(problem.X))
        each = [out_of_fold(one, folds, problem.X, y)[0] for one in team]
        truth = [proba[np.arange(120), y] for proba in each]
        best = minimize_scalar(
            lambda w, a=truth[0], b=truth[1]: -np.log(w * a + (1 - w) * b).sum(),
            bounds=(0, 1),
            method="bounded",
        ).x
        found = distil(team, X=problem.X, y=y, teacher_cv=source, **options)
        assert_allclose(found.teacher_weights_[0], best, atol=0.01)


@pytest.mark.filterwarnings(SILENT)
def test_learned_weights_hear_no_silent_rows():
    """Labels of rows that nobody speaks about have no say in the weights."""
    folds = [(np.arange(30), np.arange(30, 60)), (np.arange(30), np.arange(35, 45))]
    options = {"teacher_weights": "learned", "teacher_cv": folds[:1]}
    team = [bayes, deep_tree]
    found = distil(team, **options).teacher_weights_
    judges = [clone(one).fit(X[:30], Y[:30]) for one in team]
    judges = [FrozenEstimator(judge) for judge in judges]
    expected = distil(judges, X=X[30:], y=Y[30:], teacher_weights="learned")
    assert_allclose(found, expected.teacher_weights_, atol=1e-6)


def test_weights_cannot_be_learned_from_one_table():
    """A table says nothing of the members; drawn rows and others have no labels."""
    for fit in ({}, {"X_unlabeled": X_NEW}):
        assert_refused(
            ["teacher_weights", "learned", "precomputed"],
            teacher=[Recorder(), Recorder()],
            teacher_cv="precomputed",
            teacher_weights="learned",
            fit={"teacher_proba": ONEHOT * 0.7 + 0.1} | fit,
        )


def test_table_that_contradicts_the_labels_is_told():
    """Its columns may be in another order, which is no fault of the teacher here."""
    proba = out_of_fold(bayes, KFold(3).split(X))[0]
    options = {"teacher_cv": "precomputed"}
    with pytest.warns(UserWarning, match=r"agrees with y on[\s\S]*teacher_proba"):
        distil(bayes, fit={"teacher_proba": proba[:, [1, 2, 0]]}, **options)
    distil(bayes, fit={"teacher_proba": proba}, **options)


@pytest.mark.parametrize("nothing", [np.nan, 0.0])
@pytest.mark.parametrize("library", ["numpy", "pandas", "polars"])
def test_table_in_which_nobody_speaks_about_some_rows(library, nothing):
    """As cross-fitting and votes out of bag leave rows; they learn from their label."""
    proba, heard = out_of_fold(bayes, TimeSeriesSplit(4).split(X))
    proba[~heard] = nothing
    # Frames go by the names of their columns, whatever the order.
    names = dict(zip(CLASSES[::-1].tolist(), proba.T[::-1], strict=True))
    make = {"numpy": lambda _: proba, "pandas": pd.DataFrame, "polars": pl.DataFrame}
    fit = {"teacher_proba": make[library](names)}
    options = {"teacher_cv": "precomputed", "alpha": 0.6, "fit": fit}
    words = r"no teacher speaks about 12 of 60 rows[\s\S]* of teacher_proba"
    with pytest.warns(UserWarning, match=words):
        found = said(bayes, **options)
    with pytest.warns(UserWarning, match="no teacher speaks about 12 of 60 rows"):
        expected = said(bayes, teacher_cv=TimeSeriesSplit(4), alpha=0.6)
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("row", [[np.nan, 0.5, 0.5], [0.7, -0.1, 0.4]])
def test_table_with_a_row_that_is_neither_empty_nor_whole(row):
    proba = np.vstack([np.full(3, np.nan), row, (ONEHOT * 0.7 + 0.1)[2:]])
    words = ["teacher_proba", "row 1"]
    assert_refused(words, teacher_cv="precomputed", fit={"teacher_proba": proba})


# Networks ---------------------------------------------------------------------------


def network(**params):
    params = {"hidden_layer_sizes": (5,), "max_epochs": 4, "random_state": 0} | params
    return NeuralClassifier(**params)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_network_out_of_fold(temperature):
    folds = KFold(3)
    expected, _ = out_of_fold(network(), folds.split(X))
    found = said(network(), teacher_cv=folds, temperature=temperature)
    assert_allclose(found, soften(expected, temperature), atol=1e-5)


def skorch_net():
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    return NeuralNetClassifier(
        module,
        max_epochs=3,
        lr=0.1,
        verbose=0,
        train_split=None,
        criterion=nn.CrossEntropyLoss,
    )


def test_skorch_net_out_of_fold():
    rows = X.astype(np.float32)
    options = {"X": rows, "teacher_cv": KFold(3), "random_state": 4}
    torch.manual_seed(0)
    net = skorch_net()
    before = said(net, **options)
    assert_allclose(before.sum(axis=1), 1)
    after = said(net, y=flipped(Y, 8), **options)
    assert_array_equal(after[8], before[8])
    assert (after != before).any()


def test_networks_vote_by_logits_out_of_fold():
    folds = KFold(3)
    team = [network(), network(random_state=1)]
    logs = [np.log(out_of_fold(one, folds.split(X))[0]) for one in team]
    expected = softmax(np.mean(logs, axis=0), axis=1)
    assert_allclose(said(team, teacher_cv=folds), expected, atol=1e-5)


@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("final_alpha", [0.3, 1.0])
def test_silent_rows_stay_silent_to_a_network_that_moves_its_alpha(final_alpha):
    """A silent row is as one of which the teacher says the label."""
    proba, heard = out_of_fold(bayes, TimeSeriesSplit(4).split(X))
    proba[~heard] = ONEHOT[~heard]
    student = network(max_epochs=20, final_alpha=final_alpha)
    found = distil(bayes, student, teacher_cv=TimeSeriesSplit(4))
    expected = distil("precomputed", student, fit={"teacher_proba": proba})
    assert_allclose(
        found.predict_proba(X_NEW), expected.predict_proba(X_NEW), atol=1e-4
    )


@pytest.mark.parametrize("final_alpha", [0.3, 1.0])
def test_correction_stays_with_a_network_that_moves_its_alpha(final_alpha):
    proba, _ = out_of_fold(bayes, KFold(3).split(X))
    student = network(max_epochs=20, final_alpha=final_alpha)
    found = distil(bayes, student, teacher_cv=KFold(3), loss_correction=0.2)
    fit = {"teacher_proba": corrected(proba, ONEHOT, 0.2)}
    expected = distil("precomputed", student, fit=fit)
    assert_allclose(
        found.predict_proba(X_NEW), expected.predict_proba(X_NEW), atol=1e-4
    )


# Weights and metadata ---------------------------------------------------------------


@examples(4)
@given(problem=problems(n=(30, 50)))
def test_weights_reach_the_teachers_of_folds(problem):
    X, y, weight = problem.X, problem.y, problem.weight
    folds = KFold(3)
    expected, _ = out_of_fold(bayes, folds.split(X), X, y, weight)
    model = distil(
        bayes, X=X, y=y, alpha=1.0, teacher_cv=folds, fit={"sample_weight": weight}
    )
    assert_allclose(taught(model), expected, atol=1e-12)
    assert_array_equal(model.student_.weight_, weight)
    if len(problem.classes) > 1:
        plain = out_of_fold(bayes, folds.split(X), X, y)[0]
        assert np.abs(plain - expected).max() > 1e-6


class Spiced(GaussianNB):
    """A teacher that wants to know something else about each row."""

    def fit(self, X, y, sample_weight=None, spice=None):
        assert len(spice) == len(X)
        assert_array_equal(np.asarray(spice), np.asarray(X)[:, 0])
        self.spiced_ = True
        return super().fit(X, y, sample_weight)


def test_metadata_is_sliced_by_fold():
    with config_context(enable_metadata_routing=True):
        teacher = Spiced().set_fit_request(spice=True, sample_weight=True)
        found = said(teacher, teacher_cv=KFold(3), fit={"spice": X[:, 0]})
        assert_allclose(found, out_of_fold(bayes, KFold(3).split(X))[0], atol=1e-12)
        team = [teacher, bayes.set_fit_request(sample_weight=True)]
        found = said(
            team, teacher_cv=2, fit={"spice": X[:, 0], "sample_weight": WEIGHT}
        )
        weighted = out_of_fold(bayes, StratifiedKFold(2).split(X, Y), weight=WEIGHT)[0]
        assert_allclose(found, weighted, atol=1e-12)


WEIGHTLESS = {
    "tree": (DecisionTreeClassifier(max_depth=3, random_state=0), {}),
    "temperature": (
        DecisionTreeClassifier(max_depth=3, random_state=0),
        {"teacher_calibration": "temperature"},
    ),
    "classifier": (
        DecisionTreeClassifier(max_depth=3, random_state=0),
        {"teacher_calibration": DecisionTreeClassifier(max_depth=2, random_state=0)},
    ),
    "learned weights": (
        [DecisionTreeClassifier(max_depth=d, random_state=0) for d in (1, 4)],
        {"teacher_weights": "learned"},
    ),
    "correction": (
        DecisionTreeClassifier(max_depth=3, random_state=0),
        {"loss_correction": 0.2},
    ),
}


@pytest.mark.parametrize("case", WEIGHTLESS)
def test_row_without_weight_is_as_absent(case):
    teacher, options = WEIGHTLESS[case]
    weight = np.where(np.arange(60) % 5 == 2, 0.0, WEIGHT)
    present = np.flatnonzero(weight)
    order = np.full(60, -1)
    order[present] = np.arange(len(present))
    folds = list(KFold(3, shuffle=True, random_state=0).split(X))
    fewer = [tuple(order[part][order[part] >= 0] for part in fold) for fold in folds]
    student = DecisionTreeClassifier(max_depth=3, random_state=0)
    with_all = distil(
        teacher, student, teacher_cv=folds, fit={"sample_weight": weight}, **options
    )
    without = distil(
        teacher,
        student,
        X=X[present],
        y=Y[present],
        teacher_cv=fewer,
        fit={"sample_weight": weight[present]},
        **options,
    )
    assert_allclose(
        with_all.predict_proba(X_NEW), without.predict_proba(X_NEW), atol=1e-5
    )


def test_number_of_folds_does_not_count_rows_without_weight():
    """Else a row of weight 0 decides which rows a teacher is fitted on."""
    weight = np.where(np.arange(60) % 5 == 2, 0.0, WEIGHT)
    present = np.flatnonzero(weight)
    with_all = distil(deep_tree, alpha=1.0, teacher_cv=3, fit={"sample_weight": weight})
    without = distil(
        deep_tree,
        X=X[present],
        y=Y[present],
        alpha=1.0,
        teacher_cv=3,
        fit={"sample_weight": weight[present]},
    )
    assert_allclose(taught(with_all)[present], taught(without), atol=1e-12)


# Seeds ------------------------------------------------------------------------------


@pytest.mark.parametrize("teacher", [Drawn(), [Drawn(), Drawn()]], ids=["one", "two"])
def test_same_seed_same_result(teacher):
    model = DistillationClassifier(
        teacher, DecisionTreeClassifier(max_features=1), teacher_cv=3, random_state=5
    )
    expected = clone(model).fit(X, Y).predict_proba(X_NEW)
    again = pickle.loads(pickle.dumps(model)).fit(X, Y)
    assert_array_equal(again.predict_proba(X_NEW), expected)
    with joblib.parallel_config("threading"):
        threads = clone(model).set_params(n_jobs=2).fit(X, Y)
    assert_array_equal(threads.predict_proba(X_NEW), expected)
    fitted = pickle.loads(pickle.dumps(threads))
    assert_array_equal(fitted.predict_proba(X_NEW), expected)
    other = clone(model).set_params(random_state=6).fit(X, Y)
    assert (other.predict_proba(X_NEW) != expected).any()


SHUFFLED = {
    "folds": {"teacher_cv": StratifiedKFold(3, shuffle=True)},
    "repeated": {"teacher_cv": RepeatedKFold(n_splits=3, n_repeats=2)},
    "parts": {"teacher_cv": ShuffleSplit(8)},
    "calibration": {
        "teacher_cv": KFold(3),
        "teacher_calibration": RandomForestClassifier(5),
    },
    "calibration in a pipeline": {
        "teacher_cv": KFold(3),
        "teacher_calibration": make_pipeline(
            StandardScaler(), RandomForestClassifier(5)
        ),
    },
}


@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("case", SHUFFLED)
def test_a_seed_reaches_splitter_and_calibration(case):
    options = SHUFFLED[case]
    before = repr(options)
    first, again, other = (
        said(bayes, random_state=seed, **options) for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert (first != other).any()
    assert repr(options) == before  # which are the caller's


def test_own_seeds_of_splitter_and_calibration_stand():
    options = {
        "teacher_cv": KFold(3, shuffle=True, random_state=4),
        "teacher_calibration": RandomForestClassifier(5, random_state=4),
    }
    first, other = (said(bayes, random_state=seed, **options) for seed in (0, 1))
    assert_array_equal(first, other)


def test_seeds_of_splitter_and_calibration_in_a_search():
    axes = {"teacher_cv": [StratifiedKFold(2, shuffle=True), ShuffleSplit(9)]}
    options = {
        "teacher_calibration": DecisionTreeClassifier(max_features=1, max_depth=2),
        "random_state": 3,
    }
    model = DistillationClassifier(bayes, small_tree, **({"teacher_cv": 2} | options))
    folds = KFold(2, shuffle=True, random_state=0)
    shared = {"cv": folds, "scoring": "neg_log_loss"}
    grid = {"alpha": [1.0], "temperature": [1], **axes}
    search = DistillationClassifierCV(
        bayes,
        small_tree,
        temperatures=(1,),
        alphas=(1.0,),
        param_grid=axes,
        **({"teacher_cv": 2} | options | shared),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of silent rows
        grid = GridSearchCV(model, grid, error_score="raise", refit=False, **shared)
        assert_same_scores(search.fit(X, Y), grid.fit(X, Y), alone=True)


@pytest.mark.slow
def test_same_result_in_processes():
    model = DistillationClassifier(
        few_trees(),
        small_tree,
        teacher_cv=3,
        teacher_calibration="temperature",
        random_state=5,
    )
    expected = clone(model).fit(X, Y).predict_proba(X_NEW)
    with joblib.parallel_config("loky"):
        found = model.set_params(n_jobs=2).fit(X, Y)
    assert_array_equal(found.predict_proba(X_NEW), expected)


def test_network_is_seeded_alike_in_threads():
    model = DistillationClassifier(
        network(random_state=None), Keeper(), teacher_cv=3, random_state=5
    )
    expected = taught(clone(model).fit(X, Y))
    with joblib.parallel_config("threading"):
        found = taught(model.set_params(n_jobs=2).fit(X, Y))
    assert_array_equal(found, expected)


def test_data_and_settings_are_not_changed():
    rows, y, proba = X.copy(), Y.copy(), ONEHOT * 0.7 + 0.1
    kept = proba.copy()
    splitter = KFold(3)
    calibrator = LogisticRegression()
    model = DistillationClassifier(
        bayes, small_tree, teacher_cv=splitter, teacher_calibration=calibrator
    ).fit(rows, y)
    assert model.teacher_cv is splitter
    assert model.teacher_calibration is calibrator
    assert not hasattr(calibrator, "coef_")
    distil(
        bayes,
        teacher_cv="precomputed",
        teacher_calibration="temperature",
        fit={"teacher_proba": proba},
    )
    assert_array_equal(rows, X)
    assert_array_equal(y, Y)
    assert_array_equal(proba, kept)


# Memory -----------------------------------------------------------------------------


def test_folds_are_fitted_once(tmp_path):
    diary = tmp_path / "diary"
    options = {"memory": tmp_path / "memory", "teacher_cv": 3}
    first = distil(Noted(diary), small_tree, **options)
    assert read_diary(diary)["fit"] == 4
    second = distil(Noted(diary), small_tree, **options)
    assert read_diary(diary)["fit"] == 4
    assert_array_equal(second.predict_proba(X_NEW), first.predict_proba(X_NEW))
    asked = read_diary(diary)["ask"]
    distil(Noted(diary), small_tree, temperature=3.0, alpha=0.2, **options)
    assert read_diary(diary) == {"fit": 4, "ask": asked}
    distil(Noted(diary), small_tree, **(options | {"teacher_cv": 2}))
    assert read_diary(diary)["fit"] == 6  # the one of all rows is there


# Mixed, or else halves of the training rows of two folds may be the same rows.
mixed_halves = KFold(2, shuffle=True, random_state=0)


def test_grid_search_with_memory_fits_each_fold_once(tmp_path):
    diary = tmp_path / "diary"
    model = DistillationClassifier(
        Noted(diary), small_tree, teacher_cv=mixed_halves, memory=tmp_path / "memory"
    )
    grid = {"alpha": [0.5, 1.0], "temperature": [1.0, 2.0]}
    GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, Y)
    assert read_diary(diary)["fit"] == (3 + 1) * (2 + 1)
    GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, Y)
    assert read_diary(diary)["fit"] == (3 + 1) * (2 + 1)


@pytest.mark.parametrize("remember", [False, True])
def test_search_fits_each_fold_once(tmp_path, remember):
    diary = tmp_path / "diary"
    memory = tmp_path / "memory" if remember else None
    search = DistillationClassifierCV(
        Noted(diary),
        small_tree,
        temperatures=(1, 2),
        alphas=(0.5, 1.0),
        teacher_cv=mixed_halves,
        cv=3,
        rule=0.0,
        memory=memory,
    ).fit(X, Y)
    refit = 3 if search.alpha_ > 0 else 1
    assert read_diary(diary)["fit"] == 3 * 3 + refit
    if remember:
        before = read_diary(diary)["fit"]
        search.fit(X, Y)
        assert read_diary(diary)["fit"] == before


def test_teachers_set_alike_stay_apart_with_memory(tmp_path):
    """Two unseeded teachers are two draws in every fold, remembered or not."""
    model = distil(
        [Drawn(), Drawn()], alpha=1.0, teacher_cv=2, memory=tmp_path / "memory"
    )
    a, b = model.teacher_
    assert (a.weights_ != b.weights_).any()
    singles = [
        said(Drawn(), teacher_cv=2, memory=tmp_path / "memory") for _ in range(2)
    ]
    assert_array_equal(singles[0], singles[1])
    # The mean of two equal draws is either of them.
    assert np.abs(taught(model) - singles[0]).max() > 1e-6


def test_memory_tells_label_sources_apart(tmp_path):
    for source in (None, 3, KFold(3), "oob"):
        options = {"teacher_cv": source}
        expected = said(few_trees().set_params(n_estimators=20), **options)
        found = said(
            few_trees().set_params(n_estimators=20), memory=tmp_path, **options
        )
        assert_array_equal(found, expected)


# Calibration ------------------------------------------------------------------------


def simulated(k, sharpness, n=20_000, labels="int"):
    """Rows whose labels are drawn from softmax(X); a teacher that says otherwise."""
    rng = np.random.default_rng(k)
    rows = rng.normal(scale=1.5, size=(n, k))
    proba = softmax(rows, axis=1)
    codes = (proba.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)
    names = np.unique(LABELS[labels][:k])
    return rows, names[codes], names, lambda X: sharpness * np.asarray(X)


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
@pytest.mark.parametrize(("k", "labels"), [(2, "bool"), (3, "string"), (4, "negative")])
def test_temperature_is_recovered(k, labels, sharpness):
    rows, y, names, teacher = simulated(k, sharpness, labels=labels)
    model = distil(
        teacher,
        X=rows,
        y=y,
        alpha=1.0,
        teacher_classes=names,
        teacher_calibration="temperature",
    )
    assert_allclose(model.teacher_calibration_.temperature, sharpness, rtol=0.05)
    assert_allclose(taught(model), softmax(rows, axis=1), atol=0.02)


@pytest.mark.parametrize("sharpness", [0.3, 4.0])
def test_temperature_of_probabilities_is_recovered(sharpness):
    rows, y, _, teacher = simulated(3, sharpness)
    model = distil(
        "precomputed",
        X=rows,
        y=y,
        teacher_calibration="temperature",
        fit={"teacher_proba": softmax(teacher(rows), axis=1)},
    )
    assert_allclose(model.teacher_calibration_.temperature, sharpness, rtol=0.05)


def log_loss_of(proba, y, weight=None):
    truth = proba[np.arange(len(y)), np.searchsorted(np.unique(y), y)]
    return -np.average(np.log(np.maximum(truth, FLOOR)), weights=weight)


CALIBRATED = {
    "logistic": LogisticRegression(C=1e4, max_iter=999),
    "bayes": bayes,
    "shallow tree": DecisionTreeClassifier(min_samples_leaf=4, random_state=0),
    "deep tree": deep_tree,
    "nearest neighbour": neighbour,
    "scores": LinearSVC(random_state=0),
}


@pytest.mark.filterwarnings("ignore:lbfgs failed")
@pytest.mark.parametrize("teacher", CALIBRATED)
@examples(6)
@given(problem=problems(n=(30, 60)), weighted=st.booleans())
def test_temperature_never_worsens_the_loss(teacher, problem, weighted):
    X, y = problem.X, problem.y
    weight = problem.weight if weighted else None
    fit = {"sample_weight": weight}
    options = {"X": X, "y": y, "alpha": 1.0, "teacher_cv": KFold(3), "fit": fit}
    before = distil(CALIBRATED[teacher], **options)
    after = distil(CALIBRATED[teacher], teacher_calibration="temperature", **options)
    raw = np.maximum(taught(before), FLOOR)
    found = after.teacher_calibration_.temperature
    assert 0.04 < found < 21
    loss = log_loss_of(taught(after), y, weight)
    assert loss <= log_loss_of(soften(raw, 1.0), y, weight) + 1e-6
    for t in np.geomspace(0.06, 19, 40):
        assert loss <= log_loss_of(soften(raw, t), y, weight) + 1e-6, t


def test_calibration_applies_to_all_that_is_said():
    fit = {"X_unlabeled": X_NEW}
    options = {"alpha": 1.0, "teacher_cv": KFold(3), "fit": fit}
    teacher = LogisticRegression(C=1e3, max_iter=999)
    raw = distil(teacher, **options)
    model = distil(teacher, teacher_calibration="temperature", **options)
    found = model.teacher_calibration_.temperature
    assert abs(found - 1) > 0.05
    floored = np.maximum(taught(raw), FLOOR)
    assert_allclose(taught(model), soften(floored, found), atol=1e-9)
    whole = clone(teacher).fit(X, Y).predict_proba(X_NEW)
    assert_allclose(floored[60:], np.maximum(whole, FLOOR), atol=1e-12)
    hot = distil(teacher, teacher_calibration="temperature", temperature=2.0, **options)
    assert_allclose(taught(hot), soften(floored, 2 * found), atol=1e-9)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("weighted", [False, True])
def test_classifier_as_calibration(kind, weighted):
    problem = make_problem(6, n=60, k=2 if kind == "bool" else 3, labels=kind)
    X, y, folds = problem.X, problem.y, KFold(4)
    weight = problem.weight if weighted else None
    proba, _ = out_of_fold(bayes, folds.split(X), X, y, weight)
    scale = clone(logistic).fit(
        np.log(np.maximum(proba, FLOOR)), y, sample_weight=weight
    )
    model = distil(
        bayes,
        X=X,
        y=y,
        alpha=1.0,
        teacher_cv=folds,
        teacher_calibration=logistic,
        fit={"X_unlabeled": problem.X_new, "sample_weight": weight},
    )
    fit = {} if weight is None else {"sample_weight": weight}
    whole = clone(bayes).fit(X, y, **fit).predict_proba(problem.X_new)
    logs = np.log(np.maximum(np.vstack([proba, whole]), FLOOR))
    assert_allclose(taught(model), scale.predict_proba(logs), atol=1e-5)
    assert_allclose(model.teacher_calibration_.classifier.coef_, scale.coef_, atol=1e-4)


@pytest.mark.parametrize(
    "calibration",
    [make_pipeline(StandardScaler(), LogisticRegression()), KNeighborsClassifier(5)],
    ids=["pipeline", "neighbours"],
)
def test_calibration_that_takes_no_weights(calibration):
    """Weights go as far as somebody takes them, as for teachers and students."""
    weighted = distil(
        bayes,
        teacher_cv=KFold(3),
        alpha=1.0,
        teacher_calibration=calibration,
        fit={"sample_weight": WEIGHT},
    )
    assert_allclose(taught(weighted).sum(axis=1), 1)


@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("calibration", ["temperature", logistic], ids=["t", "matrix"])
def test_calibration_hears_no_silent_rows(calibration):
    folds = [(np.arange(30), np.arange(30, 60))]
    options = {"alpha": 1.0, "teacher_calibration": calibration}
    found = taught(distil(bayes, teacher_cv=folds, **options))
    proba = clone(bayes).fit(X[:30], Y[:30]).predict_proba(X[30:])
    expected = distil(
        "precomputed", X=X[30:], y=Y[30:], fit={"teacher_proba": proba}, **options
    )
    assert_array_equal(found[:30], ONEHOT[:30])
    assert_allclose(found[30:], taught(expected), atol=1e-5)


@pytest.mark.filterwarnings(SILENT)
def test_calibration_with_nothing_to_hear():
    """All rows that are spoken about have no weight: nothing can be fitted to them."""
    folds = [(np.arange(40, 60), np.arange(40))]
    assert_refused(
        ["teacher_calibration|sample_weight|teacher_cv"],
        teacher=bayes,
        teacher_cv=folds,
        teacher_calibration="temperature",
        fit={"sample_weight": (np.arange(60) >= 40).astype(float)},
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "teacher", [bayes, LinearSVC(random_state=0)], ids=["proba", "scores"]
)
def test_temperature_of_a_teacher_that_lacks_a_class(teacher, weighted):
    """Neither rows nor the column of that class, where it says 0, have a say in it."""
    labels = clone(bayes).fit(X, Y).predict(X_NEW)
    known = labels != CLASSES[1]
    given_teacher = clone(teacher).fit(X_NEW[known], labels[known])
    y = np.where((CLASSES[0] == Y) & (np.arange(60) % 3 == 0), CLASSES[2], Y)
    weight = WEIGHT if weighted else np.ones(60)
    found, expected = (
        distil(
            given_teacher,
            X=X[rows],
            y=y[rows],
            teacher_calibration="temperature",
            fit={"sample_weight": weight[rows]},
        ).teacher_calibration_.temperature
        for rows in (np.arange(60), np.flatnonzero(y != CLASSES[1]))
    )
    assert_allclose(found, expected, rtol=1e-4)
    assert 0.06 < found < 19


def test_temperature_with_weight_on_classes_that_the_teacher_lacks_only():
    problem = make_problem(1, n=60, k=4)
    X, y = problem.X, problem.y
    known = problem.X_new[: len(problem.X_new) // 2 * 2]
    given_teacher = GaussianNB().fit(known, np.arange(len(known)) % 2)
    with pytest.raises(ValueError, match=r"teacher_calibration[\s\S]*weight"):
        distil(
            given_teacher,
            X=X,
            y=y,
            teacher_calibration="temperature",
            fit={"sample_weight": (y > 1).astype(float)},
        )


@pytest.mark.filterwarnings(SILENT)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("calibration", [logistic, deep_tree], ids=["matrix", "tree"])
def test_classifier_that_calibrates_hears_all_classes(calibration, weighted):
    """One that never heard of a class would deny it in all rows there are."""
    last = np.flatnonzero(CLASSES[2] == Y)
    rest = np.setdiff1d(np.arange(60), last)
    heard = np.r_[rest[1::2], last[:3]] if weighted else rest[1::2]
    folds = [(np.r_[rest[::2], last[3:]], heard)]
    weight = np.ones(60)
    weight[last[:3]] = 0.0
    options = {"teacher_cv": folds, "fit": {"sample_weight": weight}}
    name = f"teacher_calibration={type(calibration).__name__}"
    words = [name, rf"\['{CLASSES[2]}'\]", "teacher_cv"]
    assert_refused(words, teacher_calibration=calibration, random_state=0, **options)
    distil(bayes, teacher_calibration="temperature", **options)


def test_calibration_of_a_network():
    found = distil(
        network(learning_rate=0.1, max_epochs=40),
        alpha=1.0,
        teacher_cv=KFold(3),
        teacher_calibration="temperature",
    )
    raw = said(network(learning_rate=0.1, max_epochs=40), teacher_cv=KFold(3))
    t = found.teacher_calibration_.temperature
    assert_allclose(taught(found), soften(raw, t), atol=1e-4)


def test_calibration_of_votes_out_of_bag():
    found = distil(
        forest, alpha=1.0, teacher_cv="oob", teacher_calibration="temperature"
    )
    raw = np.maximum(said(forest, teacher_cv="oob"), FLOOR)
    t = found.teacher_calibration_.temperature
    assert_allclose(taught(found), soften(raw, t), atol=1e-5)


def test_calibration_vanishes_when_it_is_not_asked_for():
    model = distil(bayes, teacher_cv=3, teacher_calibration="temperature")
    assert model.teacher_calibration_.temperature > 0
    assert not hasattr(
        model.set_params(teacher_calibration=None).fit(X, Y), "teacher_calibration_"
    )
    search = DistillationClassifierCV(
        bayes,
        small_tree,
        temperatures=(1,),
        alphas=(1.0,),
        teacher_cv=2,
        teacher_calibration="temperature",
        cv=2,
        rule=lambda differences: True,
    ).fit(X, Y)
    assert search.teacher_calibration_.temperature > 0
    assert not hasattr(strip_teacher(search), "teacher_calibration_")


def test_calibration_of_a_student_alone_is_none():
    for options in ({"teacher_cv": 3}, {"teacher_cv": "oob"}):
        model = distil(
            forest, small_tree, alpha=0.0, teacher_calibration="temperature", **options
        )
        plain = clone(small_tree).fit(X, Y)
        assert model.route_ == "labels"
        assert_array_equal(model.predict_proba(X_NEW), plain.predict_proba(X_NEW))


# Correction by the labels -----------------------------------------------------------

corrections = st.floats(1e-4, 1e3)


def corrected(proba, onehot, c):
    """p + g (y − p), row by row, g = c / (c + e²), e² = |y − p|² / 2."""
    rows = []
    for p, y in zip(proba, onehot, strict=True):
        e2 = sum((a - b) ** 2 for a, b in zip(p, y, strict=True)) / 2
        rows.append(p + c / (c + e2) * (y - p))
    return np.array(rows)


@pytest.mark.filterwarnings(CONTRARY)
@examples(12)
@given(problem=problems(), c=corrections, alpha=st.sampled_from([0.3, 1.0]))
def test_correction_is_the_formula(problem, c, alpha):
    weights = np.random.default_rng(0).normal(size=(4, len(problem.classes)))
    proba = softmax(problem.X @ weights, axis=1)
    options = {"X": problem.X, "y": problem.y, "fit": {"teacher_proba": proba}}
    found = said("precomputed", alpha=alpha, loss_correction=c, **options)
    expected = corrected(proba, problem.onehot, c)
    expected = alpha * expected + (1 - alpha) * problem.onehot
    assert_allclose(found, expected, atol=1e-12)
    assert (found >= 0).all()
    assert_allclose(found.sum(axis=1), 1)
    if len(problem.classes) == 2 and alpha == 1:  # as the paper has it
        p, y = proba[:, 1], problem.onehot[:, 1]
        assert_allclose(found[:, 1], p + c / (c + (y - p) ** 2) * (y - p), atol=1e-12)


@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_correction_between_teacher_and_labels(alpha):
    proba = out_of_fold(bayes, KFold(3).split(X))[0]
    options = {"alpha": alpha, "teacher_cv": KFold(3)}
    none = alpha * proba + (1 - alpha) * ONEHOT
    assert_allclose(said(bayes, loss_correction=1e-12, **options), none, atol=1e-6)
    assert_allclose(said(bayes, loss_correction=1e12, **options), ONEHOT, atol=1e-9)
    near, far = (
        np.abs(said(bayes, loss_correction=c, **options) - ONEHOT).sum()
        for c in (1, 0.01)
    )
    assert near < far


@pytest.mark.filterwarnings(CONTRARY)
@pytest.mark.parametrize("bad", [np.eye(3), np.full((3, 3), 1 / 3), np.eye(3)[::-1]])
def test_correction_of_extreme_words(bad):
    proba = bad[np.arange(60) % 3]
    for c in (1e-300, 1e-8, 1.0, 1e300):
        found = said("precomputed", loss_correction=c, fit={"teacher_proba": proba})
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("student", STUDENTS)
def test_correction_equals_corrected_probabilities(student):
    student = STUDENTS[student]
    proba = out_of_fold(logistic, StratifiedKFold(3).split(X, Y))[0]
    here = distil(logistic, student, alpha=1.0, teacher_cv=3, loss_correction=0.2)
    fit = {"teacher_proba": corrected(proba, ONEHOT, 0.2)}
    there = distil("precomputed", student, alpha=1.0, fit=fit)
    assert_allclose(here.predict_proba(X_NEW), there.predict_proba(X_NEW), atol=1e-5)


def test_correction_leaves_unlabelled_rows_alone():
    options = {"alpha": 1.0, "fit": {"X_unlabeled": X_NEW}}
    raw = said(clone(bayes).fit(X, Y), **options)
    found = said(clone(bayes).fit(X, Y), loss_correction=0.5, **options)
    assert_array_equal(found[60:], raw[60:])
    assert_allclose(found[:60], corrected(raw[:60], ONEHOT, 0.5), atol=1e-12)


def test_correction_goes_by_the_calibrated_word():
    options = {
        "alpha": 1.0,
        "teacher_cv": KFold(3),
        "teacher_calibration": "temperature",
    }
    raw = said(logistic, **options)
    found = said(logistic, loss_correction=0.1, **options)
    assert_allclose(found, corrected(raw, ONEHOT, 0.1), atol=1e-12)


@pytest.mark.filterwarnings(SILENT)
def test_correction_of_silent_rows():
    found = said(bayes, teacher_cv=TimeSeriesSplit(4), loss_correction=0.1)
    assert_array_equal(found[:12], ONEHOT[:12])


# Errors before any work -------------------------------------------------------------

WORKED = []


class Recorder(ClassifierMixin, BaseEstimator):
    """Notes that it was fitted; knows nothing."""

    def fit(self, X, y):
        WORKED.append(type(self).__name__)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class RecordingForest(RandomForestClassifier):
    def fit(self, X, y, sample_weight=None):
        WORKED.append("RecordingForest")
        return super().fit(X, y, sample_weight)


def assert_refused(words, *, error=ValueError, y=Y, fit=None, teacher=None, **options):
    WORKED.clear()
    teacher = Recorder() if teacher is None else teacher
    model = DistillationClassifier(teacher, small_tree, **options)
    with pytest.raises(error) as caught:
        model.fit(X, y, **(fit or {}))
    for word in words:
        assert re.search(word, str(caught.value)), str(caught.value)
    assert WORKED == []
    assert not hasattr(model, "student_")


@pytest.mark.parametrize(
    "value", ["out-of-bag", "OOB", 1, 0, -3, 2.5, True, False, KFold, object()]
)
def test_teacher_cv_of_no_known_kind(value):
    words = ["teacher_cv", re.escape(repr(value)), "oob", "precomputed", "splitter"]
    assert_refused(words, error=(TypeError, ValueError), teacher_cv=value)


@pytest.mark.parametrize("value", [[], iter([]), {"a": 1}, [1, 2], [(0, 1, 2)]])
def test_iterables_that_are_no_folds(value):
    assert_refused(["teacher_cv"], error=(TypeError, ValueError), teacher_cv=value)


def test_folds_that_are_used_up():
    model = DistillationClassifier(bayes, small_tree, teacher_cv=iter(_positions))
    model.fit(X, Y)
    with pytest.raises(ValueError, match="teacher_cv"):
        model.fit(X, Y)


def test_folds_of_other_rows():
    for test in (np.arange(30, 61), np.arange(-61, -30)):
        folds = [(np.arange(30), test)]
        assert_refused(["teacher_cv", r"\b60\b"], teacher_cv=folds)


def test_fold_without_rows_to_learn_from():
    folds = [(np.array([], dtype=int), np.arange(60))]
    assert_refused(["teacher_cv|fold|train"], teacher_cv=folds)


@pytest.mark.parametrize("empty", [[], np.array([], dtype=int), np.zeros(60, bool)])
def test_fold_without_rows_to_be_asked_about(empty):
    folds = [*_positions, (np.arange(40), empty)]
    assert_refused(["teacher_cv", "fold 3", "no rows"], teacher_cv=folds)


def test_folds_whose_parts_overlap():
    """What is said of rows that it was fitted on is what teacher_cv is to avoid."""
    for test in (np.arange(60), np.arange(39, 50)):
        folds = [_positions[1], (np.arange(40), test)]
        assert_refused(["teacher_cv", "fold 1", "shares rows"], teacher_cv=folds)


@pytest.mark.parametrize("n", [50, 61])
def test_masks_of_other_rows(n):
    for good in (np.arange(n) < 30, np.arange(30)):
        folds = [(good, np.arange(n) >= 30)]
        assert_refused(["teacher_cv", rf"\b{n}\b", r"\b60\b"], teacher_cv=folds)


def test_more_folds_than_rows_of_a_class():
    assert_refused(["teacher_cv=40", r"\b60 rows"], teacher_cv=40)


def test_fold_that_knows_one_class_only():
    """Sorted labels: the first part of a time series has one class."""
    assert_refused(["teacher_cv", "class"], y=np.sort(Y), teacher_cv=TimeSeriesSplit(6))


@pytest.mark.parametrize("source", ["oob", 3, KFold(3), _positions], ids=str)
def test_given_teachers_are_not_refitted(source):
    given = clone(forest).fit(X, Y)
    for teacher in (given, FrozenEstimator(given), [RecordingForest(), given]):
        assert_refused(
            ["teacher_cv", "fitted", "precomputed", "teacher_proba"],
            teacher=teacher,
            teacher_cv=source,
        )
    words = ["teacher_cv", "precomputed"]
    assert_refused(words, teacher=lambda X: X, teacher_cv=source)
    assert_refused(
        words,
        teacher="precomputed",
        teacher_cv=source,
        fit={"teacher_proba": ONEHOT},
    )


@pytest.mark.parametrize(
    "teacher",
    [
        Recorder(),
        GaussianNB(),
        GradientBoostingClassifier(),
        make_pipeline(StandardScaler(), Recorder()),
        [RecordingForest(), Recorder()],
        RecordingForest(bootstrap=False),
        ExtraTreesClassifier(),
        BaggingClassifier(Recorder(), bootstrap=False),
    ],
    ids=lambda teacher: str(teacher)[:24],
)
def test_teacher_without_bags(teacher):
    last = teacher[-1] if isinstance(teacher, (list, Pipeline)) else teacher
    words = ["teacher_cv", "oob", "bootstrap", "teacher_cv=5"]
    assert_refused([*words, type(last).__name__], teacher=teacher, teacher_cv="oob")


def test_precomputed_needs_probabilities():
    assert_refused(
        ["teacher_cv", "precomputed", "teacher_proba"], teacher_cv="precomputed"
    )


@pytest.mark.parametrize("source", [None, 3, "oob"])
def test_probabilities_that_nobody_reads(source):
    assert_refused(
        ["teacher_proba", "precomputed"],
        teacher=RecordingForest(),
        teacher_cv=source,
        fit={"teacher_proba": ONEHOT},
    )


BAD_PROBA = {
    "rows": (ONEHOT[:-1], r"\b59\b"),
    "columns": (ONEHOT[:, :2] + 0.1, r"\b2\b"),
    "nan": (np.where(ONEHOT > 0, np.nan, ONEHOT), "(?i)nan"),
    "negative": (ONEHOT - 0.1, "negative"),
}


@pytest.mark.parametrize("case", BAD_PROBA)
def test_wrong_probabilities_are_refused_before_any_fit(case):
    proba, word = BAD_PROBA[case]
    assert_refused(
        ["teacher_proba", word],
        teacher_cv="precomputed",
        fit={"teacher_proba": proba},
    )


def test_group_splitter_without_groups():
    splitter = GroupKFold(3)
    words = [re.escape(f"teacher_cv={splitter!r}"), "groups"]
    assert_refused(words, teacher_cv=splitter, random_state=0)


@pytest.mark.parametrize("source", [None, 3, "oob", _positions, KFold(3)], ids=str)
def test_groups_that_nobody_reads(source):
    assert_refused(
        ["groups", "splitter|routing"],
        error=(TypeError, ValueError),
        teacher=RecordingForest(),
        teacher_cv=source,
        fit={"groups": GROUPS},
    )


def test_groups_of_other_length():
    assert_refused([r"\b59\b"], teacher_cv=GroupKFold(3), fit={"groups": GROUPS[:-1]})


@pytest.mark.parametrize(
    "value", ["isotonic", "sigmoid", 2.0, True, LogisticRegression, StandardScaler()]
)
def test_calibration_of_no_known_kind(value):
    words = ["teacher_calibration", re.escape(repr(value)), "temperature", "classifier"]
    assert_refused(
        words, error=(TypeError, ValueError), teacher_cv=3, teacher_calibration=value
    )


@pytest.mark.parametrize(
    "teacher", [None, [Recorder(), Recorder()], [Recorder(), clone(bayes).fit(X, Y)]]
)
def test_calibration_needs_a_word_from_outside(teacher):
    words = ["teacher_calibration", "temperature", "teacher_cv"]
    assert_refused(words, teacher=teacher, teacher_calibration="temperature")


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "0.1", True])
def test_correction_out_of_range(value):
    words = ["loss_correction", re.escape(repr(value)), "above 0"]
    assert_refused(words, error=(TypeError, ValueError), loss_correction=value)


def test_all_mistakes_at_once():
    assert_refused(["loss_correction", "alpha"], loss_correction=-1, alpha=3)


def test_table_that_no_setting_of_a_search_reads():
    for sources in ([None, 2], [None, "precomputed"]):
        grid = {"teacher_cv": sources}
        search = DistillationClassifierCV(Recorder(), small_tree, param_grid=grid, cv=2)
        is_read = "precomputed" in sources
        WORKED.clear()
        with pytest.raises(ValueError, match=r"teacher_proba[\s\S]*precomputed|\b59\b"):
            search.fit(X, Y, teacher_proba=ONEHOT[:-1] if is_read else ONEHOT)
        with pytest.raises(ValueError, match=r"precomputed|teacher_proba"):
            search.fit(X, Y, teacher_proba=None if is_read else ONEHOT)
        assert WORKED == []


def test_positions_in_searches_are_refused():
    WORKED.clear()
    for options in (
        {"teacher_cv": _positions},
        {"param_grid": {"teacher_cv": [None, _positions]}},
        {"param_grid": [{}, {"teacher_cv": [iter(_positions)]}]},
    ):
        search = DistillationClassifierCV(Recorder(), small_tree, **options)
        with pytest.raises(ValueError, match=r"teacher_cv[\s\S]*splitter"):
            search.fit(X, Y)
    grid = GridSearchCV(
        DistillationClassifier(Recorder(), small_tree, teacher_cv=_positions),
        {"alpha": [1.0]},
        error_score="raise",
    )
    with pytest.raises(ValueError, match=r"teacher_cv[\s\S]*splitter"):
        grid.fit(X, Y)
    assert WORKED == []


def test_wrong_values_in_the_grid_of_a_search():
    for axis, value in {"teacher_cv": 1, "loss_correction": 0}.items():
        search = DistillationClassifierCV(
            bayes, small_tree, param_grid={axis: [None, value]}, cv=2
        )
        with pytest.raises(ValueError, match=axis):
            search.fit(X, Y)


# A good citizen ---------------------------------------------------------------------


def test_parameters_come_and_go():
    model = DistillationClassifier(bayes, small_tree)
    splitter, calibration = KFold(4), LogisticRegression(C=3.0)
    model.set_params(
        teacher_cv=splitter, teacher_calibration=calibration, loss_correction=0.3
    )
    model.set_params(teacher_calibration__C=7.0)
    params = model.get_params()
    assert params["teacher_cv"] is splitter
    assert params["teacher_calibration__C"] == 7.0
    assert params["loss_correction"] == 0.3
    copy = clone(model)
    assert copy.teacher_calibration is not calibration
    assert copy.teacher_calibration.C == 7.0
    assert repr(copy.teacher_cv) == repr(splitter)
    assert_array_equal(
        copy.fit(X, Y).predict_proba(X_NEW), model.fit(X, Y).predict_proba(X_NEW)
    )


@pytest.mark.parametrize("fitted", [False, True])
def test_representation(fitted):
    model = DistillationClassifier(
        bayes, small_tree, teacher_cv=KFold(4), teacher_calibration=logistic
    )
    model = model.fit(X, Y) if fitted else model
    assert "KFold(n_splits=4" in repr(model)
    html = model._repr_html_()
    assert "GaussianNB" in html
    assert "DecisionTreeClassifier" in html


CHECKED = {
    "folds": DistillationClassifier(bayes, small_tree, teacher_cv=2),
    "calibrated": DistillationClassifier(
        bayes, small_tree, teacher_cv=2, teacher_calibration="temperature"
    ),
    "corrected": DistillationClassifier(bayes, small_tree, loss_correction=0.1),
}
_DENSE = "check_sample_weight_equivalence_on_dense_data"
_FOLDS = "folds count rows: a row twice may be in two of them, one of weight 2 is not"
EXPECTED_FAILURES = {"folds": {_DENSE: _FOLDS}, "calibrated": {_DENSE: _FOLDS}}


def expected_failures(estimator):
    (name,) = [name for name, known in CHECKED.items() if known is estimator]
    return EXPECTED_FAILURES.get(name, {})


@parametrize_with_checks(
    list(CHECKED.values()), expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    check(estimator)
