"""The best student that fits a budget."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skdistill import (
    BudgetedDistillationCV,
    DistillationClassifier,
    DistillationClassifierCV,
    distillation_report,
    strip_teacher,
)
from skdistill._budget import _front
from skdistill.metrics import model_size

X, CODES = make_classification(
    240, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0
)
Y = np.array(["ash", "birch", "cedar"])[CODES]
TREE = DecisionTreeClassifier(min_samples_leaf=3, random_state=0)


class Diarist(DecisionTreeClassifier):
    """A teacher that writes down how many rows it is fitted on."""

    def __init__(self, diary=None, random_state=None):
        super().__init__(max_depth=4, random_state=random_state)
        self.diary = diary

    def fit(self, X, y, sample_weight=None):
        with open(self.diary, "a") as file:
            file.write(f"{len(y)}\n")
        return super().fit(X, y, sample_weight)


@pytest.fixture
def diary(tmp_path):
    path = tmp_path / "diary.txt"
    path.touch()
    return str(path)


def fits_in(diary):
    with open(diary) as file:
        return sorted(int(line) for line in file)


def search(**params):
    settings = {
        "temperatures": [1.0],
        "alphas": [0.7],
        "cv": 3,
        "random_state": 0,
        **params,
    }
    teacher = settings.pop("teacher", RandomForestClassifier(20, random_state=0))
    return DistillationClassifierCV(teacher, settings.pop("student", TREE), **settings)


def test_takes_the_best_that_fits():
    grid = {"max_leaf_nodes": [2, 4, 8, 32]}
    free = BudgetedDistillationCV(search(), grid).fit(X, Y)
    assert free.results_["fits"].all()
    assert free.best_index_ == np.argmax(free.results_["score"])
    bound = BudgetedDistillationCV(search(), grid, max_leaves=4).fit(X, Y)
    assert bound.results_["fits"].tolist() == [True, True, False, False]
    assert bound.results_["n_leaves"].tolist() == [2, 4, 8, 32]
    assert bound.best_index_ == np.argmax(free.results_["score"][:2])
    assert_allclose(bound.results_["score"], free.results_["score"])
    assert bound.best_estimator_.student_.get_n_leaves() <= 4
    assert bound.best_score_ == bound.results_["score"][bound.best_index_]


def test_scores_are_those_of_the_searches():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4, 8]}).fit(X, Y)
    for k, leaves in enumerate((4, 8)):
        student = clone(TREE).set_params(max_leaf_nodes=leaves)
        alone = search(student=student).fit(X, Y)
        assert_allclose(choice.results_["score"][k], alone.best_score_)
        assert choice.results_["alpha"][k] == alone.alpha_


def test_bytes_and_students_by_name():
    students = {
        "tree": DecisionTreeClassifier(max_leaf_nodes=4),
        "linear": make_pipeline(StandardScaler(), LogisticRegression()),
        "boosting": HistGradientBoostingClassifier(max_iter=5),
    }
    choice = BudgetedDistillationCV(search(), students, max_bytes=5000).fit(X, Y)
    results = choice.results_
    assert results["name"].tolist() == ["tree", "linear", "boosting"]
    assert results["fits"].tolist() == [True, True, False]
    assert np.isnan(results["n_leaves"][1])
    assert results["n_leaves"][2] > 10
    assert results["n_parameters"][1] == 3 * (6 + 1)
    # What has no leaves has none too many.
    leaves = BudgetedDistillationCV(search(), students, max_leaves=3)
    leaves.fit(X, Y)
    assert leaves.results_["fits"].tolist() == [False, True, False]


def test_a_list_is_named_by_kind():
    students = [
        DecisionTreeClassifier(max_leaf_nodes=2),
        LogisticRegression(max_iter=500),
        DecisionTreeClassifier(max_leaf_nodes=8),
    ]
    choice = BudgetedDistillationCV(search(), students).fit(X, Y)
    assert choice.results_["name"].tolist() == [
        "DecisionTreeClassifier 1",
        "LogisticRegression",
        "DecisionTreeClassifier 2",
    ]


def test_time_is_measured_and_bounds():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4, 8]}).fit(X, Y)
    slowest = choice.results_["us_per_row"].max()
    assert slowest > 0
    with pytest.raises(ValueError, match=r"max_microseconds=0.001, the least is"):
        BudgetedDistillationCV(
            search(), {"max_leaf_nodes": [4]}, max_microseconds=0.001
        ).fit(X, Y)


def test_teacher_is_fitted_once_a_fold_whatever_the_number_of_students(diary):
    teacher = Diarist(diary, random_state=0)
    BudgetedDistillationCV(
        search(teacher=teacher), {"max_leaf_nodes": [2, 4, 8, 16]}
    ).fit(X, Y)
    assert fits_in(diary) == [160, 160, 160, 240]


def test_nothing_fits():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4, 8]}, max_bytes=10)
    with pytest.raises(ValueError, match=r"None of the 2 students fits .*max_bytes=10"):
        choice.fit(X, Y)
    assert not hasattr(choice, "best_estimator_")


def test_one_student_that_does_not_fit():
    choice = BudgetedDistillationCV(search(), [TREE], max_bytes=10)
    with pytest.raises(ValueError, match="The student does not fit the budget"):
        choice.fit(X, Y)


@pytest.mark.parametrize(
    "axes", [dict, lambda grid: [grid, {"loss_correction": [1.0]}]]
)
def test_a_grid_that_a_student_does_not_know_is_refused_first(diary, axes):
    grid = axes({"student__max_depth": [2, 3]})
    choice = BudgetedDistillationCV(
        search(teacher=Diarist(diary)).set_params(param_grid=grid),
        {"tree": TREE, "linear": LogisticRegression()},
    )
    message = r"'linear' \(LogisticRegression\) has no student__max_depth"
    with pytest.raises(ValueError, match=message):
        choice.fit(X, Y)
    assert fits_in(diary) == []
    choice.set_params(students={"tree": TREE, "other": TREE}).fit(X, Y)
    assert choice.best_estimator_.student_.max_depth in (2, 3)


def test_a_grid_may_name_what_is_set_and_not_got():
    """As the parameters of a skorch net's module, or of a step that is passed over."""
    student = Pipeline([("scale", "passthrough"), ("tree", TREE)])
    grid = {"student__scale": [StandardScaler()], "student__scale__with_mean": [False]}
    one = search().set_params(param_grid=grid)
    choice = BudgetedDistillationCV(one, {"scaled": student}).fit(X, Y)
    assert choice.best_estimator_.student_["scale"].with_mean is False


@pytest.mark.parametrize("wrong", ["tree", DecisionTreeClassifier, None], ids=str)
def test_what_is_no_student_is_refused_first(diary, wrong):
    one = search(teacher=Diarist(diary))
    for students in ({"tree": TREE, "x": wrong}, [TREE, wrong]):
        with pytest.raises(TypeError, match=r"students\[('x'|1)\]=.* is no estimator"):
            BudgetedDistillationCV(one, students).fit(X, Y)
    assert fits_in(diary) == []


def test_one_size_wherever_it_is_asked_for():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4, 8]}).fit(X, Y)
    sizes = {
        model_size(model).n_bytes
        for model in (
            choice,
            choice.search_,
            choice.best_estimator_,
            choice.best_estimator_.student_,
        )
    }
    assert sizes == {choice.results_["n_bytes"][choice.best_index_]}


def test_the_report_on_a_choice_has_what_its_search_found():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4, 8]}).fit(X, Y)
    options = {"latency": False, "n_resamples": 50}
    report = distillation_report(choice, X, Y, **options)
    assert report.search == distillation_report(choice.search_, X, Y, **options).search
    assert report.search.n_splits == choice.search_.n_splits_


def test_predicts_as_its_best_model():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4, 8]})
    with pytest.raises(NotFittedError):
        choice.predict(X)
    choice.fit(X, Y)
    assert_array_equal(choice.predict(X), choice.best_estimator_.predict(X))
    for method in ("predict_proba", "predict_log_proba"):
        ours, its = (getattr(m, method)(X) for m in (choice, choice.best_estimator_))
        assert_array_equal(ours, its)
    assert choice.classes_.tolist() == ["ash", "birch", "cedar"]
    copy = pickle.loads(pickle.dumps(choice))
    assert_array_equal(copy.predict(X), choice.predict(X))
    assert not hasattr(choice, "decision_function")


def test_labels_only():
    choice = BudgetedDistillationCV(
        search(targets="hard", scoring="accuracy"), [LinearSVC(random_state=0)]
    ).fit(X, Y)
    assert not hasattr(choice, "predict_proba")
    assert choice.decision_function(X).shape == (240, 3)


def test_temporary_memory_leaves_no_trace():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4]}).fit(X, Y)
    assert choice.best_estimator_.memory is None
    assert choice.search_.memory is None
    assert choice.search.memory is None


def test_memory_of_the_search_is_used(tmp_path, diary):
    teacher = Diarist(diary, random_state=0)
    one = search(teacher=teacher, memory=str(tmp_path / "memory"))
    for _ in range(2):
        BudgetedDistillationCV(one, {"max_leaf_nodes": [2, 4]}).fit(X, Y)
    assert len(fits_in(diary)) == 4


def test_without_a_seed_the_teacher_is_shared_all_the_same(diary):
    one = search(teacher=Diarist(diary), random_state=None)
    BudgetedDistillationCV(one, {"max_leaf_nodes": [2, 4]}).fit(X, Y)
    assert len(fits_in(diary)) == 4


def test_fit_takes_what_searches_take():
    proba = RandomForestClassifier(20, random_state=0).fit(X, Y).predict_proba(X)
    one = search(teacher="precomputed")
    weight = np.linspace(0.5, 2, len(Y))
    choice = BudgetedDistillationCV(one, {"max_leaf_nodes": [4]})
    choice.fit(X, Y, teacher_proba=proba, sample_weight=weight)
    student = clone(TREE).set_params(max_leaf_nodes=4)
    alone = search(teacher="precomputed", student=student)
    alone.fit(X, Y, teacher_proba=proba, sample_weight=weight)
    assert_allclose(choice.predict_proba(X), alone.predict_proba(X))


def test_in_cross_validation_with_routing():
    proba = RandomForestClassifier(20, random_state=0).fit(X, Y).predict_proba(X)
    choice = BudgetedDistillationCV(
        search(teacher="precomputed"), {"max_leaf_nodes": [4]}
    )
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(choice, X, Y, params={"teacher_proba": proba}, cv=3)
    assert (scores > 0.4).all()


def test_report_and_stripping():
    choice = BudgetedDistillationCV(search(), {"max_leaf_nodes": [4, 16]}).fit(X, Y)
    report = distillation_report(choice, X, Y, latency=False)
    assert report.models == ["teacher", "student"]
    small = strip_teacher(choice)
    assert_array_equal(small.predict(X), choice.predict(X))
    assert b"RandomForest" not in pickle.dumps(small)


@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        ({"search": TREE}, TypeError, "must be a DistillationClassifierCV"),
        (
            {"search": DistillationClassifier(TREE, TREE)},
            TypeError,
            "must be a DistillationClassifierCV",
        ),
        ({"students": []}, TypeError, "students="),
        ({"students": TREE}, TypeError, "students="),
        ({"students": {"a": TREE, "max_depth": [1, 2]}}, TypeError, "mixes"),
        ({"max_bytes": 0}, ValueError, "max_bytes=0 must be a number above 0"),
        ({"max_leaves": "8"}, ValueError, "max_leaves='8'"),
        ({"max_microseconds": True}, ValueError, "max_microseconds=True"),
        ({"students": {"no_such": [1, 2]}}, ValueError, "no_such"),
        ({"students": ["tree"]}, TypeError, "tree"),
    ],
    ids=str,
)
def test_wrong_parameters_before_any_work(params, error, text, diary):
    given = {
        "search": search(teacher=Diarist(diary, random_state=0)),
        "students": {"max_leaf_nodes": [2]},
        **params,
    }
    with pytest.raises(error, match=text):
        BudgetedDistillationCV(**given).fit(X, Y)
    assert not fits_in(diary)


def test_front():
    score = np.array([-1.0, -2.0, -1.0, -3.0])
    n_bytes = np.array([10.0, 5.0, 20.0, 5.0])
    assert _front(score, n_bytes).tolist() == [True, True, False, False]
    speed = np.array([9.0, 9.0, 1.0, 9.0])
    assert _front(score, n_bytes, speed).tolist() == [True, True, True, False]
