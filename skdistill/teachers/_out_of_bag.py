"""Out-of-bag votes: what a forest says about rows by the trees that never saw them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skdistill.targets import TeacherOutput, normalize_rows


def keeping_out_of_bag(teacher):
    """A copy of an unfitted teacher that keeps out-of-bag votes when it is fitted.

    Parameters
    ----------
    teacher : estimator
        A forest or a bagging classifier, or a pipeline that ends in one.

    Returns
    -------
    estimator
        Not fitted.

    Raises
    ------
    ValueError
        If it has no out-of-bag votes.
    """
    copy = clone(teacher)
    last = _last(copy)
    params = last.get_params(deep=False) if hasattr(last, "get_params") else {}
    if "oob_score" not in params or not params.get("bootstrap", False):
        which = (
            "draws no bootstrap samples (bootstrap=False)"
            if "oob_score" in params
            else "has no out-of-bag votes"
        )
        raise ValueError(
            f"teacher_cv='oob', but the teacher {type(last).__name__} {which}; give a "
            "forest or bagging classifier with bootstrap=True, or cross-fit it, "
            "teacher_cv=5."
        )
    if not last.oob_score:
        last.set_params(oob_score=True)
    return copy


def out_of_bag_output(model) -> TeacherOutput:
    """Read the votes of a fitted forest; it is silent on rows that were in every bag.

    Parameters
    ----------
    model : estimator
        Fitted, by way of `keeping_out_of_bag`.

    Returns
    -------
    TeacherOutput
        One row for each row it was fitted on.
    """
    last = _last(model)
    votes = np.array(last.oob_decision_function_, dtype=np.float64)
    silent = ~np.isfinite(votes).all(axis=1) | (votes.sum(axis=1) <= 0)
    votes[silent] = 1.0
    proba = normalize_rows(votes)
    return TeacherOutput(proba, "probabilities", np.asarray(model.classes_), silent)


def _last(model) -> Any:
    while isinstance(model, Pipeline):
        model = model[-1]
    return model
