"""Regressors as students: they learn the probabilities, and are read as classifiers."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_regressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags

from skdistill._sklearn_compat import takes_weights
from skdistill.students._fitting import fit
from skdistill.students._lesson import RegressionLesson
from skdistill.targets import SoftTargets, put_back_exponent

ROUTE = "regression"


def takes(student) -> bool:
    """Whether the student is a regressor."""
    return is_regressor(student)


def teach(student, X, targets: SoftTargets, fit_params: dict) -> RegressionLesson:
    """Fit the student to the mixed probabilities, one output a class.

    Two classes need one output (the second class). A student of a single output is
    fitted once per class by `MultiOutputRegressor`. Least squares on probabilities is
    the Brier score, whose minimiser is the expected distribution.

    Parameters
    ----------
    student : regressor
        Not fitted; it is the one that gets fitted.
    X : array-like of shape (n_rows, n_features)
        Rows.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit`.

    Returns
    -------
    RegressionLesson
    """
    mixed = targets.mixed()
    binary = mixed.shape[1] == 2
    output = np.ascontiguousarray(mixed[:, 1]) if binary else mixed
    weight = targets.weight if takes_weights(student) else None
    if not binary and not get_tags(student).target_tags.multi_output:
        student = MultiOutputRegressor(student)
    fit(student, X, output, weight, fit_params)
    exponent = put_back_exponent(targets)
    return RegressionLesson(student, ROUTE, targets.classes, exponent=exponent)
