"""What each model takes: bytes, parameters, nodes, and time for a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skdistill._rows import n_rows_of
from skdistill.metrics import Latency, ModelSize, model_size, prediction_latency
from skdistill.report._answers import (
    ALONE,
    STUDENT,
    TEACHER,
    distiller_in,
    some_rows,
)

#: Rows that time is taken on.
_TIMED_ROWS = 200
_REPEATS = 15


class Costs(NamedTuple):
    """What each model takes.

    Parameters
    ----------
    sizes : dict of str to ModelSize
        Of the models that can be had; a teacher that was precomputed is not among
        them. The student and the student alone are weighed with the steps before
        them, the teacher without.
    latencies : dict of str to Latency
        Of the same; empty, if it was not asked for. A teacher whose word was given is
        not among them.
    member : ModelSize or None
        Of the first of several teachers.
    n_members : int
        How many teachers there are.
    """

    sizes: dict[str, ModelSize]
    latencies: dict[str, Latency]
    member: ModelSize | None
    n_members: int


def weigh(model, X, baseline, *, latency: bool, ask_teacher: bool) -> Costs:
    """Sizes of all models, and how long each takes for a row.

    Parameters
    ----------
    model : estimator
        As for :func:`distiller_in`.
    X : array-like of shape (n_rows, n_features)
        Rows to take the time on.
    baseline : estimator, or anything else
        The student alone, if it is a model.
    latency : bool
        Whether to take the time.
    ask_teacher : bool
        Whether the time of the teacher may be taken too.

    Returns
    -------
    Costs
    """
    distiller, _ = distiller_in(model)
    sizes = {STUDENT: model_size(model)}
    if hasattr(baseline, "predict"):
        sizes[ALONE] = model_size(baseline)
    member, n_members = None, 1
    if hasattr(distiller, "teacher_predict_proba"):
        teacher = distiller.teacher_
        if isinstance(teacher, (list, tuple)):
            member, n_members = _size_of(teacher[0]), len(teacher)
        size = _size_of(teacher)
        if size is not None:
            sizes[TEACHER] = size
    latencies = _latencies(model, X, baseline, ask_teacher) if latency else {}
    return Costs(sizes, latencies, member, n_members)


def _latencies(model, X, baseline, ask_teacher: bool) -> dict[str, Latency]:
    few = some_rows(X, np.arange(min(_TIMED_ROWS, n_rows_of(X))))
    found = {STUDENT: _take_time(model, few, "predict")}
    if hasattr(baseline, "predict"):
        found[ALONE] = _take_time(baseline, few, "predict")
    distiller, _ = distiller_in(model)
    if ask_teacher and hasattr(distiller, "teacher_predict_proba"):
        found[TEACHER] = _take_time(*distiller_in(model, few), "teacher_predict_proba")
    return found


def _size_of(teacher) -> ModelSize | None:
    """None for a function, whose size nobody knows."""
    try:
        return model_size(teacher)
    except TypeError:
        return None


def _take_time(model, rows, method: str) -> Latency:
    if method == "predict" and hasattr(model, "predict_proba"):
        method = "predict_proba"
    return prediction_latency(model, rows, method=method, n_repeats=_REPEATS)
