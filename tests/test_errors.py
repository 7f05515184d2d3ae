"""Wrong input raises before any training and says what to do; unwise input warns."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier
from tests.strategies import frames, linear_proba, linear_weights, make_problem

TRAINED = []  # the class of every recording estimator whose `fit` was called


class RecordingStudent(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        TRAINED.append(RecordingStudent)
        return super().fit(X, y, sample_weight)


class RecordingTeacher(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        TRAINED.append(RecordingTeacher)
        return super().fit(X, y, sample_weight)


class LabelsOnly(ClassifierMixin, BaseEstimator):
    """A classifier with neither probabilities nor scores."""

    def fit(self, X, y):
        TRAINED.append(LabelsOnly)
        self.classes_ = np.unique(y)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


PROBLEM = make_problem(0, labels="string")
X, Y, CLASSES = PROBLEM.X, PROBLEM.y, PROBLEM.classes  # 48 rows, 4 columns, 3 classes
PROBA = linear_proba(X, linear_weights(PROBLEM))
TEACHER = RandomForestClassifier(30, max_depth=4, random_state=0).fit(X, Y)
SMALL = "ignore:The student is larger:UserWarning"  # beside a teacher of a few bytes


@pytest.fixture(autouse=True)
def no_training_yet():
    TRAINED.clear()


def assert_refused(match, *, error=ValueError, X=X, y=Y, fit=None, **options):
    """`fit` must raise, say every word of `match`, and train nothing before."""
    options = {"teacher": RecordingTeacher(), "student": RecordingStudent()} | options
    model = DistillationClassifier(**options)
    with pytest.raises(error) as caught, warnings.catch_warnings():  # noqa: PT012
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X, y, **(fit or {}))
    for words in [match] if isinstance(match, str) else match:
        assert re.search(words, str(caught.value)), str(caught.value)
    assert TRAINED == []
    assert not hasattr(model, "student_")


def test_recorders_record():
    DistillationClassifier(RecordingTeacher(), RecordingStudent()).fit(X, Y)
    assert [RecordingTeacher, RecordingStudent] == TRAINED


# Parameters


@pytest.mark.parametrize("value", [0, 0.0, -1.5, np.nan, np.inf, -np.inf])
def test_temperature(value):
    assert_refused(["temperature", re.escape(str(value))], temperature=value)


@pytest.mark.parametrize("value", ["hot", None, [1.0]])
def test_temperature_is_a_number(value):
    error = (TypeError, ValueError)
    assert_refused(
        ["temperature", re.escape(repr(value))], error=error, temperature=value
    )


@pytest.mark.parametrize("value", [-0.01, 1.01, 7, np.nan, np.inf])
def test_alpha(value):
    assert_refused(["alpha", re.escape(str(value)), "1"], alpha=value)


@pytest.mark.parametrize("value", ["medium", None, True])
def test_targets(value):
    error = (TypeError, ValueError)
    assert_refused(["targets", str(value), "soft", "hard"], error=error, targets=value)


def test_teacher_output():
    words = ["teacher_output", "scores", "auto", "probabilities", "logits"]
    assert_refused(words, teacher_output="scores")


def test_all_mistakes_at_once():
    words = ["temperature", "-1", "alpha", "1.5", "targets", "medium"]
    assert_refused(words, temperature=-1, alpha=1.5, targets="medium")


# Teachers


@pytest.mark.parametrize("teacher", [LabelsOnly(), LabelsOnly().fit(X, Y)])
def test_teacher_without_scores(teacher):
    words = ["teacher", "LabelsOnly", "predict_proba", "decision_function"]
    assert_refused(words, teacher=teacher, error=(TypeError, ValueError))


@pytest.mark.parametrize("teacher", [LinearRegression(), KMeans(2), StandardScaler()])
def test_teacher_that_does_not_classify(teacher):
    assert_refused(
        ["teacher", type(teacher).__name__],
        teacher=teacher,
        error=(TypeError, ValueError),
    )


def test_class_instead_of_teacher():
    assert_refused(
        ["teacher", "GaussianNB", "instance"],
        teacher=GaussianNB,
        error=(TypeError, ValueError),
    )


@pytest.mark.parametrize("teacher", [None, 3, "precomputd", {"a": 1}])
def test_teacher_of_no_known_kind(teacher):
    words = ["teacher", re.escape(repr(teacher)), "precomputed"]
    assert_refused(words, teacher=teacher, error=(TypeError, ValueError))


def test_empty_list_of_teachers():
    assert_refused(["teacher", "empty|at least one"], teacher=[])


def test_class_within_a_list_of_teachers():
    teacher = [GaussianNB().fit(X, Y), GaussianNB]
    assert_refused(
        ["teacher", "GaussianNB", "instance"],
        teacher=teacher,
        error=(TypeError, ValueError),
    )


def test_teacher_of_another_width():
    words = ["teacher", r"\b3\b", r"\b4\b", "feature"]
    assert_refused(words, teacher=GaussianNB().fit(X[:, :3], Y))


def test_one_of_a_list_of_another_width():
    teacher = [TEACHER, GaussianNB().fit(X[:, :3], Y)]
    assert_refused(["teacher", r"\b3\b", r"\b4\b"], teacher=teacher)


def test_teacher_of_other_feature_names():
    teacher = GaussianNB().fit(frames(pd, X, ["x0", "x1", "x2", "age"]), Y)
    assert_refused(["teacher", "age", "x3"], X=frames(pd, X), teacher=teacher)


def test_teacher_of_names_in_another_order():
    teacher = GaussianNB().fit(frames(pd, X, ["x3", "x1", "x2", "x0"]), Y)
    words = ["teacher", "'x3', 'x1', 'x2', 'x0'", "'x0', 'x1', 'x2', 'x3'"]
    assert_refused(words, X=frames(pd, X), teacher=teacher)


def test_teacher_that_shares_no_class():
    teacher = GaussianNB().fit(X, np.searchsorted(CLASSES, Y))
    assert_refused(["teacher", "class", "maybe", r"\b2\b"], teacher=teacher)


def test_teacher_classes_that_only_partly_overlap():
    renamed = np.where(Y == "yes", "perhaps", Y)
    assert_refused(["teacher", "perhaps", "yes"], teacher=GaussianNB().fit(X, renamed))


def test_frozen_teacher_that_only_partly_overlaps():
    renamed = np.where(Y == "yes", "perhaps", Y)
    teacher = FrozenEstimator(GaussianNB().fit(X, renamed))
    assert_refused(["teacher", "perhaps", "yes"], teacher=teacher)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_callable_teacher_of_bad_values(bad):
    scores = np.log(PROBA)
    scores[3, 1] = bad
    assert_refused(
        ["teacher", "(?i)nan|inf|finite"],
        teacher=lambda X: scores,
        teacher_classes=CLASSES,
    )


@pytest.mark.parametrize("shape", [(47, 3), (48, 2), (48,), (48, 3, 1)])
def test_callable_teacher_of_wrong_shape(shape):
    words = ["teacher", re.escape(str(shape)) + r"|\b47\b|\b2\b"]
    scores = np.random.default_rng(0).normal(size=shape)
    assert_refused(words, teacher=lambda X: scores, teacher_classes=CLASSES)


def test_automatic_callable_of_probabilities():
    assert_refused(
        ["teacher_output", "probabilities"],
        teacher=lambda X: PROBA,
        teacher_classes=CLASSES,
    )


def test_callable_that_calls_logits_probabilities():
    assert_refused(
        ["teacher", "negative|sum"],
        teacher=lambda X: np.log(PROBA),
        teacher_classes=CLASSES,
        teacher_output="probabilities",
    )


# Precomputed probabilities


def test_precomputed_without_probabilities():
    assert_refused(["precomputed", "teacher_proba"], teacher="precomputed")


BAD_PROBA = {
    "nan": (np.where(PROBA[5, 0] == PROBA, np.nan, PROBA), "(?i)nan"),
    "inf": (np.where(PROBA[5, 0] == PROBA, np.inf, PROBA), "(?i)inf"),
    "negative": (np.where(PROBA[5, 0] == PROBA, -0.25, PROBA), "negative"),
    "zero row": (PROBA * (np.arange(48) != 5)[:, None], "sum|zero|normali"),
    "too few rows": (PROBA[:-1], r"\b47\b"),
    "too few columns": (PROBA[:, :2] / PROBA[:, :2].sum(1)[:, None], r"\b2\b"),
    "too many columns": (np.column_stack([PROBA, PROBA]) / 2, r"\b6\b"),
    "one dimension": (PROBA[:, 0], r"1-?d|dimension|shape|one column|\(48,\)"),
    "strings": (PROBA.astype(str).astype(object) + "p", "teacher_proba"),
}


@pytest.mark.parametrize("case", BAD_PROBA)
def test_bad_teacher_proba(case):
    proba, words = BAD_PROBA[case]
    assert_refused(
        ["teacher_proba", words], teacher="precomputed", fit={"teacher_proba": proba}
    )


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["no", "yes"], r"\b2\b"),
        (["no", "yes", "no"], "distinct|unique"),
        (["a", "b", "c"], "maybe"),
        (["no", "yes", "perhaps"], "perhaps"),
    ],
)
def test_bad_teacher_classes(names, words):
    assert_refused(
        ["teacher_classes|classes", words],
        teacher="precomputed",
        teacher_classes=names,
        fit={"teacher_proba": PROBA},
    )


# Students


@pytest.mark.parametrize("student", ["tree", 3, None, lambda X: X])
def test_student_is_no_estimator(student):
    words = ["student", re.escape(repr(student))]
    assert_refused(words, student=student, error=(TypeError, ValueError))


def test_class_instead_of_student():
    words = ["student", "DecisionTreeClassifier", "instance"]
    assert_refused(words, student=DecisionTreeClassifier, error=(TypeError, ValueError))


@pytest.mark.parametrize("student", [StandardScaler(), KMeans(2)])
def test_student_that_cannot_be_taught(student):
    words = ["student", type(student).__name__]
    assert_refused(words, student=student, error=(TypeError, ValueError))


# Data


def test_continuous_labels():
    assert_refused("(?i)continuous", y=X[:, 0])


def test_multilabel():
    assert_refused("(?i)multilabel|1d array|multi", y=(X > 0).astype(int))


def test_one_class():
    assert_refused(["(?i)class", "yes|one|1"], y=np.full(48, "yes"))


def test_missing_labels():
    assert_refused("y", y=None)


def test_empty_X():
    assert_refused(
        r"0 sample|0 row|empty|minimum", X=np.empty((0, 4)), y=np.empty(0, int)
    )


def test_no_columns():
    assert_refused(r"0 feature", X=np.empty((48, 0)))


def test_rows_of_X_and_y_differ():
    assert_refused([r"\b48\b", r"\b40\b"], y=Y[:40])


def test_rows_of_weights_differ():
    assert_refused("sample_weight", fit={"sample_weight": np.ones(40)})


def test_nan_weights():
    assert_refused("(?i)nan", fit={"sample_weight": np.full(48, np.nan)})


def test_unlabelled_rows_of_another_width():
    words = ["X_unlabeled", r"\b3\b", r"\b4\b"]
    assert_refused(words, teacher=TEACHER, fit={"X_unlabeled": X[:7, :3]})


def test_unlabelled_rows_of_other_names():
    teacher = GaussianNB().fit(frames(pd, X), Y)
    unlabelled = frames(pd, X[:7], ["x0", "x1", "x2", "age"])
    assert_refused(
        ["X_unlabeled", "age"],
        X=frames(pd, X),
        teacher=teacher,
        fit={"X_unlabeled": unlabelled},
    )


def test_unlabelled_rows_need_a_teacher_that_answers():
    fit = {"teacher_proba": PROBA, "X_unlabeled": X[:7]}
    assert_refused(["X_unlabeled", "precomputed"], teacher="precomputed", fit=fit)


def test_probabilities_for_a_teacher_that_has_its_own():
    assert_refused(["teacher_proba", "precomputed"], fit={"teacher_proba": PROBA})


def test_metadata_without_routing():
    error = (TypeError, ValueError)
    assert_refused(["groups", "routing"], error=error, fit={"groups": Y})


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_not_fitted(method):
    model = DistillationClassifier(TEACHER, GaussianNB())
    with pytest.raises(NotFittedError, match="DistillationClassifier"):
        getattr(model, method)(X)


def test_width_at_prediction():
    model = DistillationClassifier(TEACHER, GaussianNB()).fit(X, Y)
    with pytest.raises(ValueError, match=r"3 features.* 4 features"):
        model.predict(X[:, :3])


# Parameters of a fitted teacher


def fitted_forest():
    return RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, Y)


def test_setting_a_fitted_teacher():
    forest = fitted_forest()
    model = DistillationClassifier(forest, DecisionTreeClassifier())
    with pytest.raises(ValueError, match=r"teacher__max_depth.*fitted") as caught:
        model.set_params(alpha=0.1, teacher__max_depth=7)
    assert "unfitted" in str(caught.value) or "FrozenEstimator" in str(caught.value)
    assert forest.max_depth == 3
    assert model.alpha == 0.7
    assert model.teacher is forest


def test_searching_a_fitted_teacher():
    forest = fitted_forest()
    model = DistillationClassifier(forest, RecordingStudent())
    search = GridSearchCV(model, {"teacher__max_depth": [1, 2]}, error_score="raise")
    with pytest.raises(ValueError, match=r"teacher__max_depth.*fitted"):
        search.fit(X, Y)
    assert TRAINED == []
    assert forest.max_depth == 3


def test_parameters_of_a_fitted_teacher_are_not_listed():
    student = DecisionTreeClassifier(max_depth=2)
    model = DistillationClassifier(fitted_forest(), student)
    names = model.get_params(deep=True)
    assert not [name for name in names if name.startswith("teacher__")]
    assert names["teacher"] is model.teacher
    assert names["student__max_depth"] == 2
    fresh = DistillationClassifier(RandomForestClassifier(7), student)
    assert fresh.get_params(deep=True)["teacher__n_estimators"] == 7
    assert fresh.set_params(teacher__n_estimators=3).teacher.n_estimators == 3


def test_bagging_leaves_a_fitted_teacher_alone():
    codes = np.searchsorted(CLASSES, Y)
    forest = RandomForestClassifier(5, random_state=None).fit(X, codes)
    model = DistillationClassifier(forest, DecisionTreeClassifier(max_depth=2))
    BaggingClassifier(model, n_estimators=2, random_state=0).fit(X, codes)
    assert forest.random_state is None


def test_misspelt_parameter_names_its_neighbours():
    model = DistillationClassifier(TEACHER, GaussianNB())
    with pytest.raises(ValueError, match=r"temprature.*temperature"):
        model.set_params(temprature=2)


# A failed fit leaves what was


class Fickle(GaussianNB):
    """Learns until told to raise `wrath`."""

    wrath = None

    def fit(self, X, y, sample_weight=None):
        if Fickle.wrath is not None:
            raise Fickle.wrath
        return super().fit(X, y, sample_weight)


@pytest.mark.filterwarnings(SMALL)
@pytest.mark.parametrize("who", ["student", "teacher"])
@pytest.mark.parametrize("wrath", [RuntimeError("no"), KeyboardInterrupt()])
def test_interrupted_refit_leaves_the_earlier_model(who, wrath, monkeypatch):
    options = {"teacher": GaussianNB(), "student": GaussianNB()} | {who: Fickle()}
    model = DistillationClassifier(**options).fit(X, Y)
    before = model.predict_proba(X)
    monkeypatch.setattr(Fickle, "wrath", wrath)
    with pytest.raises(type(wrath)):
        model.fit(X[:, :2], np.searchsorted(CLASSES, Y))
    assert model.n_features_in_ == 4
    assert_array_equal(model.classes_, CLASSES)
    assert_array_equal(model.predict_proba(X), before)


REFITS = {
    "temperature": ({"temperature": -1}, X, Y, {}),
    "width": ({}, X[:, :2], Y, {}),
    "names": ({}, frames(pd, X[:, :2]), Y, {}),
    "other classes": ({}, X, np.arange(48) % 5, {}),
    "one class": ({}, X, np.zeros(48), {}),
    "unlabelled": ({}, X, Y, {"X_unlabeled": X[:3, :2]}),
}


@pytest.mark.parametrize("case", REFITS)
def test_refused_refit_leaves_the_earlier_model(case):
    options, X_bad, y_bad, fit = REFITS[case]
    model = DistillationClassifier(TEACHER, DecisionTreeClassifier(max_depth=2))
    model.fit(X, Y)
    before, state = model.predict_proba(X), set(vars(model))
    with pytest.raises(ValueError):  # noqa: PT011 - test_refused has the words
        model.set_params(**options).fit(X_bad, y_bad, **fit)
    assert set(vars(model)) == state
    assert model.n_features_in_ == 4
    assert_array_equal(model.classes_, CLASSES)
    assert_array_equal(model.predict_proba(X), before)


# Warnings


def assert_advised(match, *, y=Y, fit=None, **options):
    options = {"teacher": TEACHER, "student": GaussianNB()} | options
    with pytest.warns(UserWarning) as caught:  # noqa: PT030 - the words come after
        model = DistillationClassifier(**options).fit(X, y, **(fit or {}))
    (only,) = [str(w.message) for w in caught]
    for words in [match] if isinstance(match, str) else match:
        assert re.search(words, only), only
    return model


def test_hard_labels_warn():
    student = KNeighborsClassifier(3)
    assert_advised(["KNeighborsClassifier", "hard", "sample_weight"], student=student)


def test_asking_for_hard_targets_needs_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = DistillationClassifier(TEACHER, GaussianNB(), targets="hard")
        assert model.fit(X, Y).route_ == "weighted copies"


def test_temperature_of_hard_targets_warns():
    hot = assert_advised(["temperature", "hard", "3"], targets="hard", temperature=3.0)
    cold = DistillationClassifier(TEACHER, GaussianNB(), targets="hard").fit(X, Y)
    assert_array_equal(hot.predict_proba(X), cold.predict_proba(X))


def test_student_larger_than_its_teacher_warns():
    teacher = DecisionTreeClassifier(max_depth=1).fit(X, Y)
    student = RandomForestClassifier(50, random_state=0)
    assert_advised(["student", "larger", "teacher"], teacher=teacher, student=student)


def test_unlabelled_rows_as_many_as_X_warn():
    assert_advised(["X_unlabeled", "48"], fit={"X_unlabeled": X[::-1]})


def test_fitted_teacher_that_contradicts_the_labels_warns():
    turned = CLASSES[(np.searchsorted(CLASSES, Y) + 1) % 3]
    assert_advised(["teacher", "majority|agree"], teacher=GaussianNB().fit(X, turned))


@pytest.mark.parametrize(
    "student",
    [DecisionTreeClassifier(max_depth=2), LogisticRegression(), GaussianNB()],
    ids=lambda student: type(student).__name__,
)
def test_sound_use_is_silent(student, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = DistillationClassifier(fitted_forest(), student, temperature=2.0)
        clone(model).fit(X, Y, X_unlabeled=X[:9]).predict_proba(X)
    assert capfd.readouterr() == ("", "")
