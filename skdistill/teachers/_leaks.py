"""Signs that a fitted teacher was trained on the very rows it is to be asked about."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdistill._rows import n_rows_of
from skdistill.targets import TeacherOutput, share_labels
from skdistill.teachers._memories import (
    SeenRows,
    better_than_out_of_bag,
    keeps_these,
    leaves_hold_these,
)

#: What an estimator that something can be seen in has one of, once it is fitted.
_MARKS = (
    "tree_",
    "estimators_",
    "_predictors",
    "_fit_X",
    "support_vectors_",
    "calibrated_classifiers_",
    "best_estimator_",
    "estimator_",
    "student_",
    "steps",
)


def signs_of_leakage(
    teacher,
    X,
    codes: NDArray[np.intp],
    classes: NDArray,
    said: TeacherOutput | None = None,
) -> str | None:
    """Say by what it shows that a fitted teacher was trained on rows of X, if it does.

    Cross-validation is optimistic about such a teacher: what it says about the rows of
    a training part carries what it learned from the held-out ones.

    No answer does not mean that the teacher is clean. Three things are looked for, in
    the teacher and in what it is made of (pipelines, searches, votes, stacks,
    calibration, frozen estimators, students):

    1. *Leaves.* The leaves of a tree (alone, or one of the first of a forest, of
       bagging, or of gradient boosting) hold just as many of these rows as they were
       grown on, with the same labels. Had the teacher been trained on other rows, the
       counts would follow a multinomial distribution, whose largest possible
       probability of these counts is computed; above one in a million nothing is said.
       So this is proof, if rows are drawn independently. Small trees do not have enough
       leaves to tell. Bootstraps are drawn again, by their seeds, and need the rows in
       the order of training (more rows may follow); without a bootstrap any order will
       do. Nothing shows where training gave some rows no weight; nor in boosting that
       weighed rows at all (its labels are known by the size of the first step), or that
       held some out to stop early; nor, before scikit-learn 1.8, in a tree that was
       grown on missing values.
    2. *Rows kept.* A teacher of nearest neighbours keeps its rows, a support vector
       machine some of them, and they are equal to these, to the last bit and in the
       same order, with the same labels. Proof, with the same bound on chance.
    3. *Out of bag.* Accuracy on these rows is above the teacher's own `oob_score_`, by
       more than 2 points and more than 5 standard errors, when only as many members
       vote as do out of bag. This is all that can show where the rows are a part of
       those of training, or (for bootstraps) in another order. It is no proof: rows
       that are easier than those of training look the same. Where classes come in other
       shares than in training, nothing is said.

    The cost, for each part, is at most two trees' leaves for all rows, and the
    predictions of about a third of a bootstrapped ensemble for 2048 of them; earlier
    steps of a pipeline transform all rows once. The teacher and X stay as they are.

    Parameters
    ----------
    teacher : object
        As the user gave it. Nothing can be seen in networks and functions, nor in what
        is not fitted.
    X : array-like of shape (n_rows, n_features)
        Rows that the teacher would be asked about.
    codes : ndarray of shape (n_rows,), intp
        Positions of their labels in `classes`.
    classes : ndarray of shape (n_classes,)
        The labels.
    said : TeacherOutput, default=None
        What the teacher said about these rows, if it was asked already. It saves asking
        some members where the teacher is no better than out of bag.

    Returns
    -------
    str or None
        A sentence with the evidence. Never raises.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from skdistill.teachers._leaks import signs_of_leakage
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = ExtraTreesClassifier(5, random_state=0).fit(X[::2], y[::2])
    >>> signs_of_leakage(forest, X[1::2], y[1::2], forest.classes_) is None
    True
    >>> print(signs_of_leakage(forest, X[::2], y[::2], forest.classes_))
    Each of the ... leaves of a tree in ExtraTreesClassifier holds as many of these rows
    as it was grown on, with the same labels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a guess at what is inside may be a wrong one
        return _or_none(_signs_at_the_top, teacher, X, codes, classes, said)


def _or_none(look: Callable, *args):
    """What a look finds; None if the object is not quite what it seemed to be."""
    try:
        return look(*args)
    except Exception:  # whatever foreign attributes and methods may raise
        return None


def _signs_at_the_top(teacher, X, codes, classes, said) -> str | None:
    codes, classes = np.asarray(codes), np.asarray(classes)
    if codes.shape != (n_rows_of(X),) or not len(codes) or codes.min() < 0:
        return None
    if isinstance(X, np.ndarray):
        X = X.view()
        X.flags.writeable = False  # a scaler with copy=False would write into it
    elif scipy.sparse.issparse(X):
        X = X.tocsr()  # of other formats no rows can be taken
    if isinstance(teacher, (list, tuple)):
        rows = SeenRows(X, codes, classes)
        return _first(_or_none(_signs, member, rows) for member in teacher)
    right = None
    if said is not None:
        guess = np.asarray(said.classes)[said.values.argmax(axis=1)]
        right = float(np.mean(guess == classes[codes]))
    return _signs(teacher, SeenRows(X, codes, classes, right))


def _first(found: Iterator[str | None]) -> str | None:
    return next((each for each in found if each is not None), None)


def _signs(model, rows: SeenRows) -> str | None:
    """What can be seen in a model, or in what it is made of."""
    if inspect.ismethod(model):
        model = model.__self__
    if isinstance(model, Pipeline):
        return _signs_behind_steps(model, rows)
    own = getattr(model, "classes_", None)
    if own is not None and not share_labels(np.asarray(own), rows.names):
        # It was trained on the positions of the labels.
        rows = rows._replace(names=np.arange(len(rows.names)))
    inside = _inside(model)
    if inside is not None:
        # A student has learned what its teacher said, not the labels.
        is_student = hasattr(model, "student_")
        return _signs(inside, rows._replace(codes=None) if is_student else rows)
    looks = (leaves_hold_these, keeps_these, better_than_out_of_bag)
    found = _first(_or_none(look, model, rows) for look in looks)
    if found is not None:
        return found
    members = _members_in(model)
    return _first(
        _or_none(lambda m: _signs(m, rows.told_to(m, model)), each) for each in members
    )


def _signs_behind_steps(pipeline: Pipeline, rows: SeenRows) -> str | None:
    last = pipeline[-1]
    if not any(hasattr(last, mark) for mark in _MARKS):
        return None  # nothing to be seen there is worth the transformers' time
    X = rows.X
    if len(pipeline) > 1:
        # Arrays are read-only here; of anything else the steps get their own.
        if not isinstance(X, np.ndarray):
            X = X.copy() if hasattr(X, "copy") else copy.copy(X)
        X = pipeline[:-1].transform(X)
    return _signs(last, rows._replace(X=X))


def _inside(model):
    """The one fitted estimator that a wrapper is about, else None."""
    if isinstance(model, FrozenEstimator):
        return model.estimator
    for name in ("best_estimator_", "student_"):
        if hasattr(model, name):
            return getattr(model, name)
    if hasattr(model, "estimators_") or hasattr(model, "calibrated_classifiers_"):
        return None  # `estimator_` of an ensemble is only what its members are made of
    return getattr(model, "estimator_", None)


def _members_in(model) -> list:
    """Members that were trained, or given, each by itself."""
    if isinstance(model, (VotingClassifier, StackingClassifier)):
        return list(model.estimators_)
    return [each.estimator for each in getattr(model, "calibrated_classifiers_", [])]
