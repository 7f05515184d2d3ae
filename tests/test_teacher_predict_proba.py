"""A fitted distiller hands on questions to its teacher."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skdistill import (
    DistillationClassifier,
    DistillationClassifierCV,
    strip_teacher,
)
from skdistill.targets import soften

X, CODES = make_classification(
    200, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0
)
Y = np.array(["ash", "birch", "cedar"])[CODES]
FOREST = RandomForestClassifier(10, random_state=0)
FITTED = RandomForestClassifier(10, random_state=0).fit(X, Y)
TREE = DecisionTreeClassifier(max_leaf_nodes=8, random_state=0)


def test_says_what_the_teacher_says():
    model = DistillationClassifier(FOREST, TREE).fit(X, Y)
    assert_allclose(model.teacher_predict_proba(X), model.teacher_.predict_proba(X))


def test_temperature_is_the_students_affair():
    model = DistillationClassifier(FOREST, TREE, temperature=4.0).fit(X, Y)
    assert_allclose(model.teacher_predict_proba(X), model.teacher_.predict_proba(X))


def test_calibrated_as_the_student_heard_it():
    forest = RandomForestClassifier(60, random_state=0)
    model = DistillationClassifier(
        forest, TREE, teacher_cv="oob", teacher_calibration="temperature"
    ).fit(X, Y)
    raw = model.teacher_.predict_proba(X)
    temperature = model.teacher_calibration_.temperature
    assert temperature != pytest.approx(1.0, abs=0.05)
    expected = soften(raw, "probabilities", temperature)
    assert_allclose(model.teacher_predict_proba(X), expected)


def test_ensembles_with_their_weights():
    model = DistillationClassifier(
        [FOREST, LogisticRegression()], TREE, teacher_weights=[1, 3], random_state=0
    ).fit(X, Y)
    forest, linear = (each.predict_proba(X) for each in model.teacher_)
    assert_allclose(model.teacher_predict_proba(X), (forest + 3 * linear) / 4)


def test_columns_go_by_label():
    known = np.unique(Y)[[2, 0, 1]]

    def ask(rows):
        return FITTED.predict_proba(rows)[:, [2, 0, 1]]

    model = DistillationClassifier(
        ask, TREE, teacher_classes=known, teacher_output="probabilities"
    ).fit(X, Y)
    assert_allclose(model.teacher_predict_proba(X), FITTED.predict_proba(X))


def test_search_asks_the_teacher_of_its_best_model():
    search = DistillationClassifierCV(
        FOREST, TREE, temperatures=[1.0], alphas=[0.5], cv=2
    ).fit(X, Y)
    assert_allclose(search.teacher_predict_proba(X), search.teacher_.predict_proba(X))


def test_absent_where_nobody_can_be_asked():
    model = DistillationClassifier(FOREST, TREE).fit(X, Y)
    proba = model.teacher_predict_proba(X)
    assert not hasattr(strip_teacher(model), "teacher_predict_proba")
    table = DistillationClassifier("precomputed", TREE)
    assert not hasattr(table, "teacher_predict_proba")
    table.fit(X, Y, teacher_proba=proba)
    assert not hasattr(table, "teacher_predict_proba")


def test_not_fitted():
    with pytest.raises(NotFittedError, match="call fit first"):
        DistillationClassifier(FOREST, TREE).teacher_predict_proba(X)


def test_wrong_width():
    model = DistillationClassifier(FITTED, TREE).fit(X, Y)
    with pytest.raises(ValueError, match="features"):
        model.teacher_predict_proba(X[:, :3])


@pytest.mark.parametrize("teacher_cv", [None, 3])
def test_ensembles_with_weights_that_were_learned(teacher_cv):
    model = DistillationClassifier(
        [DecisionTreeClassifier(max_depth=2), LogisticRegression()],
        TREE,
        teacher_weights="learned",
        teacher_cv=teacher_cv,
        random_state=0,
    ).fit(X, Y)
    weights = model.teacher_weights_.copy()
    expected = sum(
        weight * each.predict_proba(X[:9])
        for weight, each in zip(weights, model.teacher_, strict=True)
    )
    assert_allclose(model.teacher_predict_proba(X[:9]), expected)
    assert_allclose(model.teacher_weights_, weights)
