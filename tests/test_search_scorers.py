"""A search scored by its teacher: what the teacher of each fold says is handed on."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier, DistillationClassifierCV
from skdistill.metrics import (
    fidelity_score,
    fidelity_scorer,
    make_teacher_scorer,
    neg_teacher_kl_scorer,
)
from skdistill.neural import NeuralClassifier
from tests.strategies import make_problem

pytestmark = [
    pytest.mark.filterwarnings("ignore:The student is larger:UserWarning"),
    pytest.mark.filterwarnings("ignore:The teacher does not help:UserWarning"),
]

_whole = make_problem(1, n=200, k=3, d=4)
X, Y = _whole.X[:100], _whole.y[:100]
X_OTHER, Y_OTHER = _whole.X[100:], _whole.y[100:]
WORDS = np.array(["no", "perhaps", "yes"])

tree = DecisionTreeClassifier(max_leaf_nodes=6, random_state=0)
forest = RandomForestClassifier(5, max_depth=4, random_state=0)
bayes = GaussianNB()
kappa_scorer = make_teacher_scorer(cohen_kappa_score, response_method="predict")
TEMPERATURES, ALPHAS = [1.0, 3.0], [0.4, 1.0]
GRID = [
    {"temperature": [1.0], "alpha": [0.0]},
    {"temperature": TEMPERATURES, "alpha": ALPHAS},
]
ATTEMPTS = {"temperatures": TEMPERATURES, "alphas": ALPHAS, "cv": 3}


class Asked(GaussianNB):
    """Writes down about how many rows it is asked."""

    def __init__(self, diary=None):
        super().__init__()
        self.diary = diary

    def predict_proba(self, X):
        with open(self.diary, "a") as file:
            file.write(f"{len(X)}\n")
        return super().predict_proba(X)


def scores_of(search):
    """Settings and their scores, fold by fold, in one order."""
    results = search.cv_results_
    rows = [
        ((each["temperature"], each["alpha"]), *scores)
        for each, *scores in zip(
            results["params"],
            *(results[f"split{i}_test_score"] for i in range(search.n_splits_)),
            strict=True,
        )
    ]
    return [row[0] for row in sorted(rows)], np.array([r[1:] for r in sorted(rows)])


def assert_same_scores(search, by_hand):
    settings, scores = scores_of(search)
    expected_settings, expected = scores_of(by_hand)
    assert settings == expected_settings
    assert_allclose(scores, expected, rtol=0, atol=1e-12)


TEACHERS = {
    "unfitted": (forest, {}),
    "given": (clone(forest).fit(X_OTHER, Y_OTHER), {}),
    "list": ([forest, bayes], {}),
    "out of bag": (
        RandomForestClassifier(30, oob_score=True, random_state=0),
        {"teacher_cv": "oob", "teacher_calibration": "temperature"},
    ),
    "cross-fitted": (bayes, {"teacher_cv": 3}),
    "calibrated by a classifier": (
        bayes,
        {"teacher_cv": 3, "teacher_calibration": LogisticRegression()},
    ),
}


@pytest.mark.parametrize("name", TEACHERS)
@pytest.mark.parametrize(
    "scorer", [fidelity_scorer, neg_teacher_kl_scorer, kappa_scorer], ids=repr
)
def test_scores_are_those_of_a_grid_search(name, scorer):
    teacher, options = TEACHERS[name]
    search = DistillationClassifierCV(
        teacher, tree, scoring=scorer, **ATTEMPTS, **options
    ).fit(X, Y)
    by_hand = GridSearchCV(
        DistillationClassifier(teacher, tree, **options),
        GRID,
        scoring=scorer,
        cv=3,
        refit=False,
        error_score="raise",
    ).fit(X, Y)
    settings, scores = scores_of(search)
    expected_settings, expected = scores_of(by_hand)
    assert settings == expected_settings
    assert_allclose(scores[1:], expected[1:], rtol=0, atol=1e-12)
    # A distiller with alpha=0 calibrates nothing; here all have the same teacher.
    for (train, test), score in zip(
        StratifiedKFold(3).split(X, Y), scores[0], strict=True
    ):
        model = DistillationClassifier(teacher, tree, alpha=0.5, **options)
        said = model.fit(X[train], Y[train]).teacher_predict_proba(X[test])
        alone = clone(tree).fit(X[train], Y[train])
        assert score == pytest.approx(
            scorer(alone, X[test], teacher_proba=said), abs=1e-12
        )
    # Otherwise the score could be of anything.
    assert len(np.unique(scores)) > 3


@pytest.mark.parametrize("labels", ["numbers", "words"])
def test_a_table_is_sliced_by_the_folds(labels):
    y = Y if labels == "numbers" else WORDS[Y]
    table = cross_val_predict(bayes, X, y, method="predict_proba")
    search = DistillationClassifierCV(
        "precomputed", tree, scoring=neg_teacher_kl_scorer, **ATTEMPTS
    ).fit(X, y, teacher_proba=table)
    scorer = make_teacher_scorer(
        neg_teacher_kl_scorer._score_func, greater_is_better=False
    )
    with config_context(enable_metadata_routing=True):
        by_hand = GridSearchCV(
            DistillationClassifier("precomputed", tree),
            GRID,
            scoring=scorer.set_score_request(teacher_proba=True),
            cv=3,
            refit=False,
            error_score="raise",
        ).fit(X, y, teacher_proba=table)
    assert_same_scores(search, by_hand)


def test_a_table_is_read_as_fit_reads_it():
    """Its columns are named."""
    table = cross_val_predict(bayes, X, Y, method="predict_proba")
    expected = DistillationClassifierCV(
        "precomputed", tree, scoring=fidelity_scorer, **ATTEMPTS
    ).fit(X, Y, teacher_proba=table)
    order = [2, 0, 1]
    turned = DistillationClassifierCV(
        "precomputed",
        tree,
        teacher_classes=order,
        scoring=fidelity_scorer,
        **ATTEMPTS,
    ).fit(X, Y, teacher_proba=table[:, order])
    assert_same_scores(turned, expected)


def test_the_words_of_a_table_for_labels_are_not_those_of_the_teacher():
    """With labels from a table, the teacher itself speaks about rows held out."""
    table = cross_val_predict(bayes, X, Y, method="predict_proba")
    given = clone(forest).fit(X_OTHER, Y_OTHER)
    search = DistillationClassifierCV(
        given, tree, teacher_cv="precomputed", scoring=fidelity_scorer, **ATTEMPTS
    ).fit(X, Y, teacher_proba=table)
    alone = search.cv_results_["params"].index({"temperature": 1.0, "alpha": 0.0})
    folds = StratifiedKFold(3).split(X, Y)
    for i, (train, test) in enumerate(folds):
        student = clone(tree).fit(X[train], Y[train]).predict(X[test])
        expected = fidelity_score(given.predict(X[test]), student)
        assert search.cv_results_[f"split{i}_test_score"][alone] == expected


@pytest.mark.parametrize("fitted", [True, False])
def test_the_teacher_is_asked_once_about_each_row(fitted):
    asked = []

    class Counting(GaussianNB):
        def predict_proba(self, X):
            asked.append(len(X))
            return super().predict_proba(X)

    teacher = Counting().fit(X_OTHER, Y_OTHER) if fitted else Counting()
    DistillationClassifierCV(teacher, tree, scoring=fidelity_scorer, **ATTEMPTS).fit(
        X, Y
    )
    # A given one in one go; else each fold's about all, and that of the refit.
    assert sum(asked) == (len(X) if fitted else 4 * len(X))


def test_networks_that_are_trained_together():
    net = NeuralClassifier(hidden_layer_sizes=(6,), max_epochs=3, random_state=0)
    search = DistillationClassifierCV(
        bayes, net, scoring=neg_teacher_kl_scorer, **ATTEMPTS
    ).fit(X, Y)
    by_hand = GridSearchCV(
        DistillationClassifier(bayes, net),
        GRID,
        scoring=neg_teacher_kl_scorer,
        cv=3,
        refit=False,
    ).fit(X, Y)
    for ours, theirs in zip(scores_of(search)[1], scores_of(by_hand)[1], strict=True):
        assert_allclose(ours, theirs, atol=1e-4)


def test_settings_with_teachers_of_their_own():
    grid = {"teacher__var_smoothing": [1e-9, 1.0]}
    search = DistillationClassifierCV(
        bayes, tree, param_grid=grid, scoring=fidelity_scorer, **ATTEMPTS
    ).fit(X, Y)
    by_hand = GridSearchCV(
        DistillationClassifier(bayes, tree),
        {"temperature": TEMPERATURES, "alpha": ALPHAS} | grid,
        scoring=fidelity_scorer,
        cv=3,
        refit=False,
    ).fit(X, Y)
    results = by_hand.cv_results_
    for params, score in zip(
        results["params"], results["mean_test_score"], strict=True
    ):
        k = search.cv_results_["params"].index(params)
        assert search.cv_results_["mean_test_score"][k] == pytest.approx(score)


def test_processes_and_pickles():
    def fit(n_jobs):
        search = DistillationClassifierCV(
            forest, tree, scoring=fidelity_scorer, n_jobs=n_jobs, **ATTEMPTS
        )
        return scores_of(search.fit(X, Y))[1]

    assert_array_equal(fit(2), fit(None))


def test_a_scorer_of_ones_own_gets_no_teacher():
    """It would have to be asked for nothing."""
    seen = []

    def score(estimator, X, y):
        seen.append(hasattr(estimator, "teacher_predict_proba"))
        return 0.5

    DistillationClassifierCV(bayes, tree, scoring=score, **ATTEMPTS).fit(X, Y)
    assert len(seen) == 3 * 5
    assert not any(seen)


def test_only_the_rows_held_out_can_be_asked_about():
    class Curious(type(fidelity_scorer)):
        def __call__(self, estimator, X, y=None, **params):
            return super().__call__(estimator, X[:3], y)

    curious = Curious(fidelity_score, 1, {}, "predict")
    search = DistillationClassifierCV(bayes, tree, scoring=curious, **ATTEMPTS)
    with pytest.raises(ValueError, match="asked about 34 rows, those held out"):
        search.fit(X, Y)


def test_the_search_itself_holds_its_teacher():
    search = DistillationClassifierCV(
        forest, tree, scoring=fidelity_scorer, **ATTEMPTS
    ).fit(X, Y)
    expected = fidelity_score(search.teacher_.predict(X), search.predict(X))
    assert search.score(X, Y) == expected


def test_rows_about_which_a_table_is_silent_count_for_nothing():
    table = cross_val_predict(bayes, X, Y, method="predict_proba")
    table[::7] = np.nan
    given = clone(forest).fit(X_OTHER, Y_OTHER)
    scored = []

    class Noting(type(fidelity_scorer)):
        def __call__(self, estimator, X, y=None, **params):
            score = super().__call__(estimator, X, y, **params)
            said = params["teacher_proba"]
            heard = ~np.isnan(said).any(axis=1)
            student = estimator.predict(X)[heard]
            scored.append((score, np.mean(said[heard].argmax(axis=1) == student)))
            return score

    noting = Noting(fidelity_score, 1, {}, "predict")
    with config_context(enable_metadata_routing=True):
        scorer = noting.set_score_request(teacher_proba="said")
        DistillationClassifierCV(given, tree, scoring=scorer, **ATTEMPTS).fit(
            X, Y, said=table
        )
    assert len(scored) == 3 * 5
    assert all(score == expected for score, expected in scored)


def test_a_table_beside_other_teachers():
    """The student alone is judged by the same table as the students of the table."""
    votes = np.rint(7 * cross_val_predict(bayes, X, Y, method="predict_proba"))
    grids = {"teacher": ["precomputed"]}
    search = DistillationClassifierCV(
        forest, tree, param_grid=grids, scoring=fidelity_scorer, **ATTEMPTS
    ).fit(X, Y, teacher_proba=votes)
    plain = DistillationClassifierCV(
        "precomputed", tree, scoring=fidelity_scorer, **ATTEMPTS
    ).fit(X, Y, teacher_proba=votes)
    assert_same_scores(search, plain)


def test_what_is_said_about_rows_held_out_is_remembered(tmp_path):
    path = tmp_path / "diary.txt"

    def asked():
        return sum(map(int, path.read_text().split()))

    search = DistillationClassifierCV(
        Asked(str(path)),
        tree,
        scoring=fidelity_scorer,
        memory=str(tmp_path / "memory"),
        **ATTEMPTS,
    )
    search.fit(X, Y)
    first = asked()
    search.fit(X, Y)
    assert asked() == first == 4 * len(X)


@pytest.mark.parametrize(
    "measure", [fidelity_score, lambda teacher, student: 0.0], ids=["ours", "own"]
)
def test_a_measure_is_no_scorer(measure, tmp_path):
    path = tmp_path / "diary.txt"
    path.touch()
    search = DistillationClassifierCV(
        Asked(str(path)), tree, scoring=measure, **ATTEMPTS
    )
    with pytest.raises(TypeError, match="make_teacher_scorer"):
        search.fit(X, Y)
    assert path.read_text() == ""
