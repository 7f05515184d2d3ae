"""scikit-learn's own checks, and life inside scikit-learn's meta-estimators."""

import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import joblib
import matplotlib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import DecisionBoundaryDisplay, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdistill import DistillationClassifier, strip_teacher
from tests.strategies import frames, make_problem

matplotlib.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore:The student is larger:UserWarning")

# scikit-learn's checks -----------------------------------------------------------

tree = DecisionTreeClassifier(random_state=0)
small_tree = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0)
forest = RandomForestClassifier(5, max_depth=4, random_state=0)
logistic = LogisticRegression(tol=1e-10, max_iter=2000)
scaled = make_pipeline(StandardScaler(with_mean=False), logistic)
booster = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2, random_state=0)

CHECKED = {
    "tree → small tree": DistillationClassifier(tree, small_tree),
    "forest → tree": DistillationClassifier(forest, small_tree),
    "list → tree": DistillationClassifier([GaussianNB(), tree], small_tree),
    "linear SVC → tree": DistillationClassifier(
        LinearSVC(tol=1e-6, random_state=0), small_tree, temperature=2.0
    ),
    "ridge scores → logistic": DistillationClassifier(RidgeClassifier(), logistic),
    "pipeline → tree": DistillationClassifier(scaled, small_tree),
    "logistic → hot logistic": DistillationClassifier(
        logistic, logistic, temperature=3.0, alpha=1.0
    ),
    "bayes → bayes": DistillationClassifier(GaussianNB(), GaussianNB()),
    "bayes → hard tree": DistillationClassifier(
        GaussianNB(), small_tree, targets="hard"
    ),
    "bayes → hard logistic": DistillationClassifier(
        GaussianNB(), logistic, targets="hard", alpha=1.0
    ),
    "bayes → extra tree": DistillationClassifier(
        GaussianNB(), ExtraTreeClassifier(random_state=0)
    ),
    "bayes → forest": DistillationClassifier(GaussianNB(), forest),
    "bayes → extra trees": DistillationClassifier(
        GaussianNB(), ExtraTreesClassifier(5, max_depth=4, random_state=0)
    ),
    "bayes → neighbours": DistillationClassifier(GaussianNB(), KNeighborsClassifier(3)),
    "bayes → boosting": DistillationClassifier(GaussianNB(), booster),
    "bayes → tree regressor": DistillationClassifier(
        GaussianNB(), DecisionTreeRegressor(max_leaf_nodes=8, random_state=0)
    ),
    "bayes → ridge": DistillationClassifier(GaussianNB(), Ridge()),
    "bayes → pipeline": DistillationClassifier(GaussianNB(), scaled),
    "bayes → entropy tree": DistillationClassifier(
        GaussianNB(),
        DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=8, random_state=0),
    ),
    "tree → labels": DistillationClassifier(tree, small_tree, alpha=0.0),
}

# Each reason is one that scikit-learn's own list gives, or a weight nobody takes.
_DENSE = "check_sample_weight_equivalence_on_dense_data"
_SPARSE = "check_sample_weight_equivalence_on_sparse_data"
_FOREST = "to a random bootstrap weights are no repeated rows (scikit-learn's list)"
_SOLVER = "LinearSVC meets weights only to its tolerance (scikit-learn's list)"
_SCALER = "a Pipeline hands weights to its last step; its scaler counts rows"
EXPECTED_FAILURES = {
    "forest → tree": {_DENSE: _FOREST, _SPARSE: _FOREST},
    "bayes → forest": {_DENSE: _FOREST},
    "linear SVC → tree": {_DENSE: _SOLVER, _SPARSE: _SOLVER},
    "pipeline → tree": {_DENSE: _SCALER, _SPARSE: _SCALER},
    "bayes → pipeline": {_DENSE: _SCALER},
    "bayes → neighbours": {_DENSE: "k-NN takes no sample_weight"},
    "bayes → boosting": {_DENSE: "bins of rows, not weights (scikit-learn's list)"},
}


def expected_failures(estimator):
    (name,) = [name for name, known in CHECKED.items() if known is estimator]
    return EXPECTED_FAILURES.get(name, {})


@parametrize_with_checks(
    list(CHECKED.values()), expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# Fixtures

PROBLEM = make_problem(0, n=90, k=3, labels="string")
X, Y, X_NEW = PROBLEM.X, PROBLEM.y, PROBLEM.X_new
CODES = PROBLEM.codes
PROBA = GaussianNB().fit(X, Y).predict_proba(X)


class UnmistakablyMarked(GaussianNB):
    """A teacher that any pickle of it betrays by name.

    A long one: nodes of trees have seven bytes of padding, in which a deep copy leaves
    whatever lay in memory, such as the start of a name.
    """


@pytest.fixture
def teacher():
    """A fitted teacher that must be the same object in the same state afterwards."""
    fitted = RandomForestClassifier(6, max_depth=4, random_state=0).fit(X, Y)
    before = joblib.hash(fitted)
    yield fitted
    assert joblib.hash(fitted) == before


@pytest.fixture
def model(teacher):
    return DistillationClassifier(teacher, small_tree)


def fresh(**options):
    """A model with an unfitted teacher: safe inside splitters and label coders."""
    return DistillationClassifier(forest, small_tree, **options)


# Searching


def test_grid_over_everything():
    grid = {
        "temperature": [1.0, 3.0],
        "alpha": [0.0, 1.0],
        "targets": ["soft"],
        "teacher__max_depth": [1, 6],
        "student__max_leaf_nodes": [2, 8],
    }
    search = GridSearchCV(fresh(), grid, cv=3, error_score="raise").fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_estimator_.student_.get_n_leaves() <= 8
    for name in ("alpha", "teacher__max_depth", "student__max_leaf_nodes"):
        column = search.cv_results_[f"param_{name}"]
        halves = [np.sort(scores[column == value]) for value in np.unique(column)]
        assert not np.array_equal(*halves), name


def test_grid_over_targets():
    grid = [{"targets": ["soft"], "temperature": [1, 4]}, {"targets": ["hard"]}]
    search = GridSearchCV(
        fresh(alpha=1.0), grid, cv=3, scoring="neg_log_loss", error_score="raise"
    )
    scores = search.fit(X, Y).cv_results_["mean_test_score"]
    assert len(np.unique(scores)) == 3
    assert accuracy_score(Y, search.predict(X)) > 0.6


def test_grid_of_frozen_teachers(teacher):
    other = GaussianNB().fit(X, Y)
    grid = {"teacher": [FrozenEstimator(teacher), FrozenEstimator(other)]}
    search = GridSearchCV(fresh(alpha=1.0), grid, cv=3, error_score="raise").fit(X, Y)
    found = search.best_estimator_.teacher_
    assert found.estimator in (teacher, other)
    assert search.best_estimator_.teacher_source_ == "given"
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 2


def test_grid_keeps_a_fitted_teacher(model, teacher):
    search = GridSearchCV(model, {"alpha": [0.3, 1.0]}, cv=3, n_jobs=1).fit(X, Y)
    assert search.best_estimator_.teacher_ is teacher


# Copies


def test_clone_keeps_the_fitted_teacher(model, teacher):
    copy = clone(clone(model.fit(X, Y)))
    assert copy is not model
    assert copy.teacher is teacher
    assert copy.student is not model.student
    assert not hasattr(copy, "student_")
    assert copy.fit(X, Y).teacher_ is teacher
    assert clone(make_pipeline(StandardScaler(), model))[-1].teacher is teacher


def test_clone_keeps_a_list_of_fitted_teachers(teacher):
    other = GaussianNB().fit(X, Y)
    copy = clone(DistillationClassifier([teacher, other], small_tree))
    assert copy.teacher[0] is teacher
    assert copy.teacher[1] is other
    assert copy.fit(X, Y).teacher_source_ == "given"


def test_clone_copies_an_unfitted_teacher():
    model = fresh()
    copy = clone(model)
    assert copy.teacher is not model.teacher
    fitted = model.fit(X, Y)
    assert fitted.teacher_ is not fitted.teacher
    assert not hasattr(fitted.teacher, "estimators_")
    assert not hasattr(fitted.student, "tree_")


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_pickling(pickler, fitted, model):
    model = model.fit(X, Y) if fitted else model
    again = pickle.loads(pickler.dumps(model))
    again = again if fitted else again.fit(X, Y)
    assert again.teacher_source_ == "given"
    assert_array_equal(again.predict_proba(X_NEW), model.fit(X, Y).predict_proba(X_NEW))


def test_joblib_file(model, tmp_path):
    joblib.dump(model.fit(X, Y), tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_array_equal(again.predict_proba(X_NEW), model.predict_proba(X_NEW))
    assert_array_equal(again.fit(X, Y).predict(X_NEW), model.predict(X_NEW))


def test_processes(model):
    serial = cross_val_score(model, X, Y, cv=3, error_score="raise")
    with joblib.parallel_config("loky", n_jobs=2):
        parallel = cross_val_score(model, X, Y, cv=3, n_jobs=2, error_score="raise")
        search = GridSearchCV(
            fresh(), {"teacher__max_depth": [1, 4]}, cv=2, n_jobs=2, error_score="raise"
        ).fit(X, Y)
    assert_array_equal(parallel, serial)
    assert search.best_estimator_.teacher_source_ == "fitted"


def test_memory_mapped_rows_in_processes():
    rng = np.random.default_rng(0)
    big = rng.normal(size=(40_000, 4))  # above loky's 1 MB: arrives read-only
    y = (big[:, 0] > 0).astype(int)
    fast = DistillationClassifier(GaussianNB(), small_tree)
    scores = cross_val_score(fast, big, y, cv=2, n_jobs=2, error_score="raise")
    assert scores.min() > 0.95


def test_threads(model):
    expected = clone(model).fit(X, Y).predict_proba(X_NEW)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(clone(model).fit, X, Y) for _ in range(12)]
        jobs = [pool.submit(job.result().predict_proba, X_NEW) for job in jobs]
        for job in jobs:
            assert_array_equal(job.result(), expected)


# Nesting

NESTS = {
    "pipeline": lambda inner: make_pipeline(StandardScaler(), inner),
    "calibrated": lambda inner: CalibratedClassifierCV(inner, cv=3),
    "calibrated frozen": lambda inner: CalibratedClassifierCV(
        FrozenEstimator(clone(inner).fit(X, Y))
    ),
    "voting": lambda inner: VotingClassifier(
        [("a", inner), ("b", GaussianNB())], voting="soft"
    ),
    "stacking": lambda inner: StackingClassifier(
        [("a", inner), ("b", GaussianNB())], cv=3
    ),
    "stacking last": lambda inner: StackingClassifier(
        [("b", GaussianNB())], final_estimator=inner, cv=3
    ),
    "one against the rest": OneVsRestClassifier,
    "bagging": lambda inner: BaggingClassifier(inner, n_estimators=3, random_state=0),
    "distilled again": lambda inner: DistillationClassifier(inner, logistic),
    "as a student": lambda inner: DistillationClassifier(
        GaussianNB(), inner, alpha=0.0
    ),
}


@pytest.mark.parametrize("nest", NESTS)
def test_nesting(nest):
    outer = NESTS[nest](fresh()).fit(X, Y)
    assert_array_equal(outer.classes_, PROBLEM.classes)
    assert_allclose(outer.predict_proba(X_NEW).sum(axis=1), 1)
    assert accuracy_score(Y, outer.predict(X)) > 0.6


@pytest.mark.parametrize("nest", ["pipeline", "calibrated"])
def test_nesting_a_fitted_teacher(nest, model, teacher):
    if nest == "pipeline":  # the teacher saw scaled rows, as it will here
        scaler = StandardScaler().fit(X)
        model.set_params(teacher=GaussianNB().fit(scaler.transform(X), Y))
    outer = NESTS[nest](model).fit(X, Y)
    assert accuracy_score(Y, outer.predict(X)) > 0.6


def test_cross_val_predict(model):
    proba = cross_val_predict(fresh(), X, Y, cv=3, method="predict_proba")
    assert_allclose(proba.sum(axis=1), 1)
    labels = cross_val_predict(fresh(), X, Y, cv=3)
    assert_array_equal(labels, PROBLEM.classes[proba.argmax(axis=1)])
    assert accuracy_score(Y, cross_val_predict(model, X, Y, cv=3)) > 0.6


def test_permutation_importance():
    loud = X.copy()
    loud[:, 0] = 9 * CODES
    found = permutation_importance(fresh().fit(loud, Y), loud, Y, random_state=0)
    assert found.importances_mean.argmax() == 0
    assert found.importances_mean[0] > 0.2


def test_decision_boundary():
    display = DecisionBoundaryDisplay.from_estimator(
        fresh().fit(X[:, :2], Y), X[:, :2], grid_resolution=15
    )
    assert display.response.shape[:2] == (15, 15)
    assert np.ptp(display.response) > 0


def test_mixed_columns_set_output_and_names():
    data = frames(pd, X)
    data["colour"] = np.where(CODES == 0, "red", "blue")
    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["colour"]), remainder="passthrough"
    )
    pipeline = make_pipeline(columns, fresh()).set_output(transform="pandas")
    pipeline.fit(data, Y)
    names = pipeline[-1].feature_names_in_
    assert_array_equal(names, pipeline[:-1].get_feature_names_out())
    assert_array_equal(pipeline[-1].student_.feature_names_in_, names)
    assert accuracy_score(Y, pipeline.predict(data)) > 0.7


# Metadata


def _by_hand(folds, **options):
    """Fit each fold by hand, with the probabilities of just its rows."""
    for train, test in folds.split(X):
        single = DistillationClassifier("precomputed", small_tree, **options)
        single.fit(X[train], Y[train], teacher_proba=PROBA[train])
        yield single.predict_proba(X[test])


@pytest.mark.parametrize("routing", [False, True])
def test_teacher_proba_is_sliced_by_fold(routing):
    folds = KFold(3, shuffle=True, random_state=0)
    model = DistillationClassifier("precomputed", small_tree, alpha=1.0)
    with config_context(enable_metadata_routing=routing):
        found = cross_validate(
            model,
            X,
            Y,
            cv=folds,
            params={"teacher_proba": PROBA},
            return_estimator=True,
            error_score="raise",
        )
        params = {"teacher_proba": PROBA}
        search = GridSearchCV(model, {"alpha": [0.5, 1.0]}, cv=folds).fit(
            X, Y, **params
        )
    triples = zip(
        found["estimator"], folds.split(X), _by_hand(folds, alpha=1.0), strict=True
    )
    for fitted, (_, test), expected in triples:
        assert fitted.teacher_source_ == "precomputed"
        assert_array_equal(fitted.predict_proba(X[test]), expected)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_weights_through_a_pipeline():
    weight = PROBLEM.weight
    scaler = StandardScaler()
    expected = fresh().fit(scaler.fit_transform(X), Y, sample_weight=weight)
    expected = expected.predict_proba(scaler.transform(X_NEW))
    plain = make_pipeline(StandardScaler(), fresh())
    plain.fit(X, Y, distillationclassifier__sample_weight=weight)
    assert_array_equal(plain.predict_proba(X_NEW), expected)
    with config_context(enable_metadata_routing=True):
        inner = DistillationClassifier(
            clone(forest).set_fit_request(sample_weight=True),
            clone(small_tree).set_fit_request(sample_weight=True),
        )
        inner.set_fit_request(sample_weight=True)
        routed = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), inner
        ).fit(X, Y, sample_weight=weight)
        assert_array_equal(routed.predict_proba(X_NEW), expected)
        found = cross_validate(
            routed,
            X,
            Y,
            params={"sample_weight": weight},
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=True),
            error_score="raise",
        )
    assert np.isfinite(found["test_score"]).all()


def test_probabilities_through_a_pipeline_by_routing():
    with config_context(enable_metadata_routing=True):
        inner = DistillationClassifier("precomputed", small_tree)
        pipeline = make_pipeline(StandardScaler(), inner)
        pipeline.fit(X, Y, teacher_proba=PROBA)
    assert pipeline[-1].teacher_source_ == "precomputed"


def test_unlabelled_rows_are_never_sliced():
    extra = np.vstack([X_NEW, X_NEW + 0.01])[:45]
    seen = []

    class Witness(GaussianNB):
        def predict_proba(self, X):
            seen.append(len(X))
            return super().predict_proba(X)

    model = DistillationClassifier(Witness().fit(X, Y), small_tree)
    for routing in (False, True):
        seen.clear()
        with config_context(enable_metadata_routing=routing):
            params = {"X_unlabeled": extra}
            cross_validate(model, X, Y, cv=3, params=params, error_score="raise")
        assert sum(seen) == 3 * (60 + 45)


# What is shown


@pytest.mark.parametrize("fitted", [False, True])
def test_repr(fitted, teacher):
    model = DistillationClassifier(GaussianNB(), small_tree)
    model = model.fit(X, Y) if fitted else model
    html = model._repr_html_()
    for word in ("DistillationClassifier", "GaussianNB", "DecisionTreeClassifier"):
        assert re.search(word, html), word
    assert html.index("GaussianNB") < html.rindex("DecisionTreeClassifier")
    shown = repr(DistillationClassifier(teacher, small_tree))
    assert "RandomForestClassifier" in shown
    assert len(shown) < 1000
    assert "RandomForest" in DistillationClassifier(teacher, small_tree)._repr_html_()


@pytest.mark.parametrize("student", [small_tree, forest, logistic, booster, Ridge()])
def test_silence(student, teacher, capfd):
    model = DistillationClassifier([teacher, GaussianNB()], student)
    DistillationClassifier(forest, model).get_params()
    fresh().set_params(student=student).fit(X, Y, X_unlabeled=X_NEW).predict(X)
    assert capfd.readouterr() == ("", "")


def test_verbose_says_something(capfd):
    fresh(verbose=1).fit(X, Y)
    assert capfd.readouterr() != ("", "")


# Deployment


def _searched(inner):
    return GridSearchCV(inner, {"alpha": [0.5, 1.0]}, cv=2)


HOMES = NESTS | {"alone": lambda inner: inner, "search": _searched}
HOMES |= {
    "search in pipeline": lambda inner: make_pipeline(
        StandardScaler(), _searched(inner)
    ),
    "pipeline in search": lambda inner: GridSearchCV(
        make_pipeline(StandardScaler(), inner),
        {"distillationclassifier__alpha": [0.5, 1.0]},
        cv=2,
    ),
}


@pytest.mark.parametrize(
    "home",
    [
        "alone",
        "pipeline",
        "voting",
        "search",
        "search in pipeline",
        "pipeline in search",
        "calibrated",
        "bagging",
    ],
)
@pytest.mark.parametrize("fitted", [False, True])
def test_strip_teacher(home, fitted):
    marked = UnmistakablyMarked().fit(X, CODES) if fitted else UnmistakablyMarked()
    inner = DistillationClassifier(marked, small_tree, temperature=2.0)
    outer = HOMES[home](inner).fit(X, CODES)
    before = pickle.dumps(outer)
    bare = strip_teacher(outer)
    assert pickle.dumps(outer) == before
    assert b"UnmistakablyMarked" in before
    assert b"UnmistakablyMarked" not in pickle.dumps(bare)
    again = pickle.loads(pickle.dumps(bare))
    assert_array_equal(again.predict_proba(X_NEW), outer.predict_proba(X_NEW))
    assert_array_equal(bare.predict(X_NEW), outer.predict(X_NEW))
    assert_array_equal(bare.classes_, outer.classes_)


def test_what_is_deployed_is_the_same_file_each_time():
    tree = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0)
    forest = RandomForestClassifier(3, max_leaf_nodes=8, random_state=0)
    for learner in (tree, forest):
        model = DistillationClassifier(GaussianNB(), learner).fit(X, Y)
        files = {pickle.dumps(strip_teacher(model)) for _ in range(5)}
        assert len(files) == 1
