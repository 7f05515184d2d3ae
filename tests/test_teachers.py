"""Teachers of every kind: how they are asked, and what is made of the answer."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import skdistill.teachers._base as base
from skdistill import DistillationClassifier
from skdistill._rows import TrainingRows, stack_rows
from skdistill._size import n_bytes
from skdistill.teachers import check_teacher, hire, is_given, keep_or_clone

X, Y = make_classification(
    200, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0
)
CODES, CLASSES = Y.astype(np.intp), np.arange(3)
TREE = DecisionTreeClassifier(max_leaf_nodes=16, random_state=0)


def ask(teacher, X=X, named=None, sample_weight=None, **options):
    rows = TrainingRows(X, Y, CODES, CLASSES, sample_weight)
    hired = hire(teacher, rows, **options)
    return hired, hired.evaluate(X, named, CLASSES)


TRAINING = X, Y


class Counting(ClassifierMixin, BaseEstimator):
    """A fitted teacher that counts what it is asked."""

    def __init__(self):
        self.calls_ = []
        self.classes_ = CLASSES
        self.ballast_ = np.zeros(10_000)

    def fit(self, X, y):
        raise AssertionError("a given teacher must never be fitted")

    def predict_proba(self, X):
        self.calls_.append(len(X))
        return GaussianNB().fit(*TRAINING).predict_proba(X)


def test_every_row_is_asked_once():
    teacher = Counting()
    more = np.zeros((7, 6))
    DistillationClassifier(teacher, TREE).fit(X, Y, X_unlabeled=more)
    assert teacher.calls_ == [200, 7]


def test_many_rows_are_asked_in_batches(monkeypatch):
    monkeypatch.setattr(base, "BATCH_ROWS", 64)
    forest = RandomForestClassifier(5, random_state=0).fit(X, Y)
    for rows in (X, scipy.sparse.csr_array(X)):
        _, output = ask(forest, rows)
        assert_allclose(output.values, forest.predict_proba(X))
    teacher = Counting()
    ask(teacher)
    assert teacher.calls_ == [64, 64, 64, 8]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_decision_functions_are_logits(n_classes):
    keep = n_classes > Y
    model = RidgeClassifier().fit(X[keep], Y[keep])
    _, output = ask(model, X)
    assert output.kind == "logits"
    scores = model.decision_function(X)
    if n_classes == 2:
        assert_allclose(output.values[:, 1] - output.values[:, 0], scores)
    else:
        assert_allclose(output.values, scores)


def test_pairwise_decision_functions_are_refused():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 200)
    model = SVC(decision_function_shape="ovo").fit(X, y)
    teacher = hire(model, TrainingRows(X, y, y, np.arange(4), None))
    with pytest.raises(ValueError, match="decision_function_shape='ovr'"):
        teacher.evaluate(X, None, np.arange(4))


def test_an_ensemble_of_estimators_is_the_mean_of_probabilities():
    a = GaussianNB().fit(X, Y)
    b = RidgeClassifier().fit(X, Y)
    teacher, output = ask([a, b])
    scores = np.exp(b.decision_function(X))
    expected = (a.predict_proba(X) + scores / scores.sum(axis=1, keepdims=True)) / 2
    assert_allclose(output.values, expected)
    assert teacher.model == [a, b]


def test_members_with_other_columns_are_brought_together_by_label():
    few = Y > 0
    a = GaussianNB().fit(X, Y)
    b = GaussianNB().fit(X[few], Y[few])
    _, output = ask([a, b])
    expected = a.predict_proba(X)
    expected[:, 1:] += b.predict_proba(X)
    assert_allclose(output.values, expected / 2)


def test_fitted_and_unfitted_members_may_be_mixed():
    given = GaussianNB().fit(X, Y)
    teacher = [given, DecisionTreeClassifier(max_depth=2)]
    hired, _ = ask(teacher, n_jobs=2)
    assert hired.source == "fitted"
    assert hired.model[0] is given
    assert not is_given(teacher[1])
    assert not is_given(teacher)
    kept = keep_or_clone(teacher)
    assert kept[0] is given
    assert kept[1] is not teacher[1]


def test_functions_say_by_name_or_by_declaration_what_they_give():
    model = GaussianNB().fit(X, Y)
    assert ask(model.predict_proba)[1].kind == "probabilities"
    assert ask(model.predict_log_proba)[1].kind == "logits"
    assert_allclose(ask(model.predict_log_proba)[1].values, model.predict_log_proba(X))

    def probabilities(X):
        return model.predict_proba(X)

    with pytest.raises(ValueError, match="teacher_output='probabilities'"):
        ask(probabilities)
    _, output = ask(probabilities, output="probabilities")
    assert_allclose(output.values, model.predict_proba(X))
    assert ask(probabilities, output="logits")[1].kind == "logits"


def test_a_single_column_is_about_the_second_class():
    two = np.array([0, 1])
    model = LogisticRegression().fit(X, Y > 0)

    def second(X):
        return model.predict_proba(X)[:, 1]

    rows = TrainingRows(X, Y > 0, CODES, two, None)
    teacher = hire(second, rows, output="probabilities")
    output = teacher.evaluate(X, None, two)
    assert_allclose(output.values, model.predict_proba(X))


def test_votes_and_percentages_are_scaled():
    votes = np.random.default_rng(0).integers(1, 9, (200, 3))
    _, output = ask("precomputed", teacher_proba=votes)
    assert_allclose(output.values, votes / votes.sum(axis=1, keepdims=True))


def test_teacher_classes_name_columns_in_any_order():
    proba = GaussianNB().fit(X, Y).predict_proba(X)
    model = DistillationClassifier("precomputed", TREE, alpha=1.0)
    straight = model.fit(X, Y, teacher_proba=proba).predict_proba(X)
    model.set_params(teacher_classes=[2, 0, 1])
    named = model.fit(X, Y, teacher_proba=proba[:, [2, 0, 1]]).predict_proba(X)
    assert_array_equal(straight, named)


def test_label_only_teachers_will_do_for_hard_targets():
    voting = VotingClassifier([("nb", GaussianNB()), ("t", TREE)]).fit(X, Y)
    with pytest.raises(TypeError, match="neither predict_proba nor decision_function"):
        DistillationClassifier(voting, TREE).fit(X, Y)
    model = DistillationClassifier(voting, TREE, alpha=1.0, targets="hard").fit(X, Y)
    alone = DecisionTreeClassifier(max_leaf_nodes=16, random_state=0)
    alone.fit(X, voting.predict(X))
    assert_array_equal(model.predict(X), alone.predict(X))


def test_given_means_nothing_left_to_fit():
    fitted = GaussianNB().fit(X, Y)
    for teacher in (
        fitted,
        FrozenEstimator(fitted),
        [fitted, fitted.predict_proba],
        "precomputed",
        make_pipeline(StandardScaler(), GaussianNB()).fit(X, Y),
    ):
        assert is_given(teacher)
        check_teacher(teacher)
    assert not is_given(make_pipeline(StandardScaler(), GaussianNB()))


def test_foreign_estimators_may_say_themselves_that_they_are_fitted():
    class Foreign(BaseEstimator):
        def fit(self, X, y):
            return self

        def is_fitted(self):
            return True

    assert is_given(Foreign())


def test_weights_reach_a_fitted_teacher_and_the_end_of_a_pipeline():
    weight = np.random.default_rng(0).uniform(0.1, 5, 200)
    for teacher, fit in (
        (GaussianNB(), lambda m: m.fit(X, Y, sample_weight=weight)),
        (
            make_pipeline(StandardScaler(), GaussianNB()),
            lambda m: m.fit(X, Y, gaussiannb__sample_weight=weight),
        ),
    ):
        hired, output = ask(teacher, sample_weight=weight)
        assert hired.source == "fitted"
        assert_allclose(output.values, fit(teacher).predict_proba(X))


def test_sizes_are_counted_up_to_a_limit():
    array = np.zeros(100_000)
    assert 800_000 < n_bytes(array) < 801_000
    assert n_bytes(array, limit=1000) == float("inf")
    assert n_bytes(lambda: None) is None


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_stacking_frames_keeps_columns_and_types(frames):
    library = pytest.importorskip(frames)
    a = library.DataFrame({"x": [1, 2], "y": ["u", "v"]})
    b = library.DataFrame({"x": [3], "y": ["u"]})
    stacked = stack_rows(a, b)
    assert type(stacked) is type(a)
    assert list(stacked["x"]) == [1, 2, 3]
    assert list(stacked.dtypes) == list(a.dtypes)


def test_stacking_categories_keeps_them():
    pd = pytest.importorskip("pandas")
    a = pd.DataFrame({"x": pd.Categorical(["u", "v"])})
    b = pd.DataFrame({"x": pd.Categorical(["w"])})
    stacked = stack_rows(a, b)
    assert isinstance(stacked["x"].dtype, pd.CategoricalDtype)
    assert list(stacked["x"]) == ["u", "v", "w"]


# Columns go by label, whoever names them


def test_teacher_classes_may_not_contradict_a_teacher_that_knows():
    for teacher in (GaussianNB().fit(X, Y), GaussianNB()):
        model = DistillationClassifier(teacher, TREE, teacher_classes=[2, 1, 0])
        with pytest.raises(ValueError, match=r"=\[2, 1, 0\] contradicts"):
            model.fit(X, Y)


def test_teacher_classes_name_the_columns_of_those_members_that_do_not_know():
    known = GaussianNB().fit(X, Y)

    def turned(X):
        return known.predict_log_proba(X)[:, [2, 1, 0]]

    _, output = ask([known, turned], named=np.array([2, 1, 0]))
    assert output.classes.tolist() == [0, 1, 2]
    assert_allclose(output.values, known.predict_proba(X))


def test_an_ensemble_knows_what_any_member_knows_in_any_order():
    low = GaussianNB().fit(X[Y < 2], Y[Y < 2])
    high = GaussianNB().fit(X[Y > 0], Y[Y > 0])
    every = GaussianNB().fit(X, Y)
    _, one = ask([low, every])
    _, two = ask([every, low])
    assert_allclose(one.values, two.values)
    _, output = ask([low, high])
    assert output.classes.tolist() == [0, 1, 2]
    expected = np.zeros((200, 3))
    expected[:, :2] += low.predict_proba(X) / 2
    expected[:, 1:] += high.predict_proba(X) / 2
    assert_allclose(output.values, expected)


def test_a_class_the_teacher_does_not_know_has_no_mass_at_any_temperature():
    few = GaussianNB().fit(X[Y < 2], Y[Y < 2])
    model = DistillationClassifier(few, TREE, temperature=20.0, alpha=1.0).fit(X, Y)
    assert (model.predict_proba(X)[:, 2] == 0).all()


def test_pairs_of_three_classes_are_refused_too():
    model = SVC(decision_function_shape="ovo").fit(X, Y)
    for teacher in (model, make_pipeline(StandardScaler(), model).fit(X, Y)):
        with pytest.raises(ValueError, match="decision_function_shape='ovr'"):
            ask(teacher)


def test_frames_of_probabilities_go_by_their_column_labels():
    pd = pytest.importorskip("pandas")
    proba = GaussianNB().fit(X, Y).predict_proba(X)
    frame = pd.DataFrame(proba[:, [2, 0, 1]], columns=[2, 0, 1])
    _, output = ask("precomputed", teacher_proba=frame)
    assert output.classes.tolist() == [2, 0, 1]
    named = pd.DataFrame(proba, columns=["p0", "p1", "p2"])
    assert ask("precomputed", teacher_proba=named)[1].classes.tolist() == [0, 1, 2]


def test_a_single_column_of_probabilities_is_no_logit():
    two = LogisticRegression().fit(X, Y > 0)

    def second(X):
        return two.predict_proba(X)[:, 1]

    with pytest.raises(ValueError, match="teacher_output='probabilities'"):
        DistillationClassifier(second, TREE).fit(X, Y > 0)


def test_a_table_may_hold_logits():
    logits = RidgeClassifier().fit(X, Y).decision_function(X)
    _, output = ask("precomputed", teacher_proba=logits, output="logits")
    assert output.kind == "logits"
    assert_allclose(output.values, logits)


def test_weights_reach_voting_teachers():
    weight = np.random.default_rng(0).uniform(0.1, 5, 200)
    voting = VotingClassifier([("nb", GaussianNB())], voting="soft")
    _, output = ask(voting, sample_weight=weight)
    expected = GaussianNB().fit(X, Y, sample_weight=weight).predict_proba(X)
    assert_allclose(output.values, expected)


def test_a_bad_member_is_warned_about_in_mixed_company():
    wrong = GaussianNB().fit(X, (Y + 1) % 3)
    with pytest.warns(UserWarning, match="agrees with y"):
        DistillationClassifier([wrong, wrong, wrong, GaussianNB()], TREE).fit(X, Y)


def test_a_constant_teacher_is_warned_about():
    forest = RandomForestClassifier(20, random_state=0).fit(X * 1e3, Y)
    said = forest.predict(X * 1e-6)
    assert len(np.unique(said)) == 1
    y = np.where(np.arange(200) < 120, said[0], Y)
    with pytest.warns(UserWarning, match="agrees with y"):
        DistillationClassifier(forest, TREE).fit(X * 1e-6, y)


def test_row_metadata_of_the_student_cannot_cover_unlabelled_rows():
    class Noted(GaussianNB):
        def fit(self, X, y, sample_weight=None, notes=None):
            self.notes_ = notes
            return super().fit(X, y, sample_weight)

    notes = np.arange(200)
    with config_context(enable_metadata_routing=True):
        student = Noted().set_fit_request(notes=True, sample_weight=False)
        teacher = GaussianNB().set_fit_request(sample_weight=False)
        model = DistillationClassifier(teacher, student)
        model.fit(X, Y, notes=notes)
        copies = np.bincount(model.student_.notes_, minlength=200)
        assert copies.min() >= 1
        with pytest.raises(ValueError, match=r"notes.*X_unlabeled"):
            model.fit(X, Y, notes=notes, X_unlabeled=X[:7])


def test_misspelt_metadata_is_recognised():
    with pytest.raises(ValueError, match="did you mean 'teacher_proba'"):
        DistillationClassifier("precomputed", TREE).fit(X, Y, teacher_probs=Y)


@pytest.mark.parametrize("teacher", [None, np.eye(3)], ids=["stripped", "array"])
def test_what_is_no_teacher_is_told_what_to_be(teacher):
    words = "strip_teacher" if teacher is None else "teacher='precomputed'"
    with pytest.raises(TypeError, match=words):
        DistillationClassifier(teacher, TREE).fit(X, Y)


def test_missing_labels_are_counted():
    y = np.array(["a", "b", None] * 50, dtype=object)
    with pytest.raises(ValueError, match=r"missing labels.*50 rows.*X_unlabeled"):
        DistillationClassifier(GaussianNB(), TREE).fit(X[:150], y)


def test_text_passes_through_to_pipelines():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["good fine", "bad awful", "fine day", "awful night"] * 10
    labels = ["up", "down", "up", "down"] * 10
    teacher = make_pipeline(TfidfVectorizer(), LogisticRegression())
    student = make_pipeline(TfidfVectorizer(), DecisionTreeClassifier(max_depth=2))
    model = DistillationClassifier(teacher, student).fit(texts, labels)
    assert model.score(texts, labels) == 1.0
