"""Weighted copies: each row once per class, weighted by that class's probability.

The weighted cross-entropy (or any other loss that sums over rows) of the copies is the
expected loss under the soft target, exactly; so any classifier whose `fit` takes
`sample_weight` learns soft labels this way, at the price of n_classes times the rows.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import check_cv

from skdistill._sklearn_compat import balanced_by_weight, take_rows, takes_weights
from skdistill.students import _tree
from skdistill.students._class_weight import by_class
from skdistill.students._fitting import fit
from skdistill.students._lesson import Lesson
from skdistill.targets import SoftTargets, put_back_exponent

ROUTE = "weighted copies"

#: Parameters that count rows, and so would count copies.
ROW_COUNTS = (
    "min_samples_leaf",
    "min_samples_split",
    "min_child_samples",
    "min_data_in_leaf",
)

#: Keeps a copy of probability 0 in the count of rows without weighing anything.
_NEXT_TO_NOTHING = 1e-100


def takes(student) -> bool:
    """Whether the student is a classifier that weighs rows and keeps them together."""
    return (
        is_classifier(student) and takes_weights(student) and why_not(student) is None
    )


def why_not(student) -> str | None:
    """The setting by which the student would part copies of one row, if it has one.

    A student that holds out rows by itself would find copies of its training rows
    among them, and never stop.
    """
    early_stopping = getattr(student, "early_stopping", False)
    if early_stopping is True or early_stopping == "auto":
        return f"early_stopping={early_stopping!r}"
    if getattr(student, "oob_score", False):
        return "oob_score=True"
    holds_out = hasattr(student, "validation_fraction") and not hasattr(
        student, "early_stopping"
    )
    if holds_out and student.n_iter_no_change is not None:
        return f"n_iter_no_change={student.n_iter_no_change!r}"
    return None


def teach(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    """Fit the student on weighted copies of the rows.

    Its row-counting parameters are multiplied by the number of classes, its `cv`, if it
    has one, splits rows and not copies, and balanced class weights are those of the
    mixed targets; all are put back after the fit.

    Parameters
    ----------
    student : classifier
        Not fitted; it is the one that gets fitted.
    X : array-like of shape (n_rows, n_features)
        Anything whose rows can be repeated.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit`; arrays with one entry for each row are repeated with the rows.

    Returns
    -------
    Lesson
    """
    given = student.get_params()
    X = X.tocsr() if issparse(X) else X
    mixed = targets.mixed()
    n_rows, n_classes = mixed.shape
    settings = _row_counts(given, n_classes)
    keep_all = bool(settings) or type(student) in _tree.TWINS
    row, code, weight = make_copies(mixed, targets.weight, keep_all=keep_all)
    weights = _class_weights(student, targets)
    if weights is not None and isinstance(given["class_weight"], str):
        labels = targets.classes.tolist()
        settings["class_weight"] = dict(zip(labels, weights, strict=True))
    if _splits_rows(student):
        settings["cv"] = _splits_of_copies(given["cv"], X, targets, row)
    repeated = {name: _repeat(value, row, n_rows) for name, value in fit_params.items()}
    student.set_params(**settings)
    fit(student, take_rows(X, row), targets.classes[code], weight, repeated)
    student.set_params(**{name: given[name] for name in settings})
    lesson = targets.weighted_by_class(weights)
    exponent = put_back_exponent(lesson)
    if exponent != 1.0 and type(student) in _tree.TWINS:
        _tree.refit_leaves(student, X, lesson, lesson.weight)
        exponent = 1.0
    return Lesson.read(student, ROUTE, targets.classes, exponent=exponent)


def make_copies(
    mixed: NDArray, weight: NDArray | None, *, keep_all: bool = False
) -> tuple[NDArray, NDArray, NDArray]:
    """List the copies of each row, row by row.

    Parameters
    ----------
    mixed : ndarray of shape (n_rows, n_classes)
        Target distributions.
    weight : ndarray of shape (n_rows,) or None
        Row weights.
    keep_all : bool, default=False
        Whether each row keeps a copy of every class, even one of probability 0.

    Returns
    -------
    row, code, weight : ndarray of shape (n_copies,)
        Which row is copied, the position of its class, and the copy's weight.
    """
    n_rows = len(mixed)
    mass = mixed if weight is None else mixed * weight[:, None]
    if keep_all:
        present = np.ones(n_rows, bool) if weight is None else weight > 0
        mass = np.where(present[:, None], np.maximum(mass, _NEXT_TO_NOTHING), 0.0)
    row, code = np.nonzero(mass)
    return row, code, mass[row, code]


def _class_weights(student, targets: SoftTargets) -> NDArray | None:
    count = targets.weight if balanced_by_weight(student) else None
    return by_class(getattr(student, "class_weight", None), targets, count)


def _splits_rows(student) -> bool:
    """Whether the student cross-validates inside its own fit.

    `RidgeClassifierCV` without a `cv` leaves one row out in closed form.
    """
    cv = getattr(student, "cv", "none")
    in_closed_form = isinstance(student, RidgeClassifierCV) and cv is None
    return not isinstance(cv, str) and not in_closed_form


def _row_counts(params: dict, n_classes: int) -> dict:
    """The row-counting parameters, the nested ones too, in copies."""
    return {
        name: value * n_classes
        for name, value in params.items()
        if name.rsplit("__", 1)[-1] in ROW_COUNTS
        and isinstance(value, Integral)
        and not isinstance(value, bool)
    }


def _splits_of_copies(cv, X, targets: SoftTargets, row: NDArray) -> list:
    """The splits that `cv` makes of the rows, as splits of their copies."""
    labels = targets.hard_labels()
    splitter = check_cv(cv, labels, classifier=True)
    return [
        tuple(np.flatnonzero(np.isin(row, part)) for part in split)
        for split in splitter.split(X, labels)
    ]


def _repeat(value, row: NDArray, n_rows: int):
    has_rows = hasattr(value, "__len__") and not isinstance(value, (str, dict))
    return take_rows(value, row) if has_rows and len(value) == n_rows else value
