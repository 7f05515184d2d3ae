"""What each model takes: bytes, parameters, nodes, and time for a row."""

from __future__ import annotations

from typing import NamedTuple

from skdistill._rows import slice_rows
from skdistill.metrics import Latency, ModelSize, model_size, prediction_latency
from skdistill.report._answers import ALONE, STUDENT, TEACHER, distiller_in

#: Rows that time is taken on.
_TIMED_ROWS = 200
_REPEATS = 15


class Costs(NamedTuple):
    """What each model takes.

    Parameters
    ----------
    sizes : dict of str to ModelSize
        Of the models that can be had; a teacher that was precomputed is not among them.
    latencies : dict of str to Latency
        Of the same; empty, if it was not asked for.
    member : ModelSize or None
        Of the first of several teachers.
    n_members : int
        How many teachers there are.
    """

    sizes: dict[str, ModelSize]
    latencies: dict[str, Latency]
    member: ModelSize | None
    n_members: int


def weigh(model, X, baseline, *, latency: bool) -> Costs:
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

    Returns
    -------
    Costs
    """
    few = slice_rows(X, 0, _TIMED_ROWS)
    distiller, rows = distiller_in(model, few)
    sizes = {STUDENT: model_size(distiller)}
    timed = {STUDENT: (model, few, "predict")}
    if hasattr(baseline, "predict"):
        sizes[ALONE] = model_size(baseline)
        timed[ALONE] = (baseline, few, "predict")
    member, n_members = None, 1
    if hasattr(distiller, "teacher_predict_proba"):
        timed[TEACHER] = (distiller, rows, "teacher_predict_proba")
        teacher = distiller.teacher_
        if isinstance(teacher, (list, tuple)):
            member, n_members = _size_of(teacher[0]), len(teacher)
        size = _size_of(teacher)
        if size is not None:
            sizes[TEACHER] = size
    latencies = {
        name: _take_time(one, rows, method)
        for name, (one, rows, method) in timed.items()
        if latency
    }
    return Costs(sizes, latencies, member, n_members)


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
