"""Bagged students: the ensemble draws rows, and each member is taught its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import BaggingClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from skdistill._sklearn_compat import draw_in_bag_weights, take_rows
from skdistill.students._lesson import InterruptedLesson, Lesson, NetworkLesson
from skdistill.students._out_of_bag import set_out_of_bag
from skdistill.targets import SoftTargets, put_back_exponent

ROUTE = "bagging"


def takes(student) -> bool:
    """Whether the student is scikit-learn's `BaggingClassifier`."""
    return type(student) is BaggingClassifier


def teach(student, X, targets: SoftTargets, fit_params: dict, learn) -> Lesson:
    """Let the ensemble draw rows and features, and teach each member by its own route.

    Bootstrapping weighted copies would part the copies of a row; so copies, where a
    member needs any, are made of the rows that were drawn for it.

    Parameters
    ----------
    student : BaggingClassifier
        Not fitted; it is the one that gets fitted.
    X : {array-like, sparse matrix} of shape (n_rows, n_features)
        Rows.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit` of the ensemble, for its bookkeeping.
    learn : callable
        ``learn(member, X, targets, fit_params, offset=k) -> Lesson``; `offset` tells
        the seeds of members apart.

    Returns
    -------
    Lesson
    """
    base = student.estimator
    oob_score = student.oob_score
    vacancy = _Vacancy(DecisionTreeClassifier() if base is None else clone(base))
    student.set_params(estimator=vacancy, oob_score=False)
    if targets.weight is not None:
        fit_params = {**fit_params, "sample_weight": targets.weight}
    student.fit(X, targets.hard_labels(), **fit_params)
    student.set_params(estimator=base, oob_score=oob_score)
    student.classes_, student.n_classes_ = targets.classes, len(targets.classes)

    X = X.tocsr() if issparse(X) else np.asarray(X)
    weights = draw_in_bag_weights(student, len(targets.labels), targets.weight)
    lessons = Parallel(n_jobs=student.n_jobs)(
        delayed(_teach_member)(seat.estimator, X, features, targets, weight, learn, k)
        for k, (seat, features, (_, weight)) in enumerate(
            zip(student.estimators_, student.estimators_features_, weights, strict=True)
        )
    )
    student.estimators_ = [lesson.student for lesson in lessons]
    student.estimator_ = vacancy.estimator
    if student.oob_score:
        set_out_of_bag(student, X, targets)
    tempered = any(lesson.exponent != 1.0 for lesson in lessons)
    exponent = put_back_exponent(targets) if tempered else 1.0
    # Networks among the members want their input cast, and predict positions.
    networks = any(isinstance(lesson, NetworkLesson) for lesson in lessons)
    kind = NetworkLesson if networks else Lesson
    return kind(student, ROUTE, targets.classes, exponent=exponent)


def _teach_member(member, X, features, targets: SoftTargets, weight, learn, k: int):
    rows = np.flatnonzero(weight)
    codes = np.arange(len(targets.classes))
    lesson = replace(targets.take(rows), classes=codes, weight=weight[rows])
    try:
        return learn(member, take_rows(X, rows)[:, features], lesson, {}, offset=k)
    except InterruptedLesson as interrupt:
        # One member is not the ensemble.
        raise KeyboardInterrupt from interrupt


class _Vacancy(ClassifierMixin, BaseEstimator):
    """Holds a member's place and seed while the ensemble draws rows for it."""

    def __init__(self, estimator):
        self.estimator = estimator

    def __sklearn_tags__(self):
        return get_tags(self.estimator)

    def fit(self, X, y, sample_weight=None):
        """Note the classes; the member itself is taught afterwards."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Nobody asks: scikit-learn only looks whether a member could answer."""
        raise NotImplementedError
