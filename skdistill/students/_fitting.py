"""Fit a student with the weights of its lesson."""

from __future__ import annotations

from contextlib import nullcontext

from numpy.typing import NDArray
from sklearn import config_context

from skdistill._sklearn_compat import takes_weights


def fit(student, X, y, weight: NDArray | None, fit_params: dict) -> None:
    """Call `fit`, with weights if there are any and the student takes some.

    The weights are the lesson's, not metadata of the user's: where nothing else is
    passed, metadata routing, which would want them requested, is out of play.
    """
    if weight is not None and takes_weights(student):
        fit_params = {**fit_params, "sample_weight": weight}
    only_ours = set(fit_params) <= {"sample_weight"}
    unrouted = config_context(enable_metadata_routing=False)
    with unrouted if only_ours else nullcontext():
        student.fit(X, y, **fit_params)
