"""How the models of a search are scored on the rows held out."""

from __future__ import annotations

import inspect

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, check_scoring

#: What no probability counts less than, as in `sklearn.metrics.log_loss`.
_TINY = np.finfo(np.float64).eps


def negative_log_loss(model, X, y, sample_weight=None) -> float:
    """Score a classifier by its log-loss, whichever of the classes are in `y`.

    `sklearn.metrics.log_loss` wants all classes in `y`, or to be told their names; and
    refuses a label that the model has never seen, to which this gives probability 0.

    Parameters
    ----------
    model : classifier
        With `predict_proba`.
    X : array-like of shape (n_rows, n_features)
        Rows.
    y : ndarray of shape (n_rows,)
        True labels.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Greater is better.
    """
    proba = model.predict_proba(X)
    codes = np.searchsorted(model.classes_, y).clip(max=len(model.classes_) - 1)
    of_label = proba[np.arange(len(codes)), codes]
    of_label = np.where(model.classes_[codes] == y, of_label, 0.0)
    return _mean(np.log(np.clip(of_label, _TINY, 1.0 - _TINY)), sample_weight)


def _mean(values: NDArray[np.float64], weight) -> float:
    if weight is None or not np.any(weight):
        return float(values.mean())
    return float(np.average(values, weights=weight))


def accuracy(model, X, y, sample_weight=None) -> float:
    """Score a classifier that says no probabilities."""
    return accuracy_score(y, model.predict(X), sample_weight=sample_weight)


def make_scorer(estimators, scoring):
    """Find the function that scores models.

    Parameters
    ----------
    estimators : list of DistillationClassifier
        Those to be scored.
    scoring : str, callable or None
        As the user gave it.

    Returns
    -------
    callable
        ``scorer(model, X, y, **metadata) -> float``.

    Raises
    ------
    ValueError
        If there is no such score, or there are several.
    """
    if scoring is None:
        say_proba = all(hasattr(each, "predict_proba") for each in estimators)
        return negative_log_loss if say_proba else accuracy
    if not (isinstance(scoring, str) or callable(scoring)):
        raise ValueError(
            f"scoring={scoring!r} must be the name of one score (such as 'accuracy' or "
            "'neg_log_loss'), a callable scoring(estimator, X, y), or None (log-loss)."
        )
    _check_signature(scoring)
    return check_scoring(estimators[0], scoring=scoring)


def _check_signature(scoring) -> None:
    """Raise if it cannot be called as a scorer is: a measure, say."""
    if isinstance(scoring, str):
        return
    try:
        inspect.signature(scoring).bind("estimator", "X", "y")
    except ValueError:  # it has none to be seen
        return
    except TypeError as error:
        name = getattr(scoring, "__name__", repr(scoring))
        raise TypeError(
            f"scoring={name} cannot be called as scoring(estimator, X, y): {error}. Of "
            "a measure sklearn.metrics.make_scorer makes a scorer, and of one that "
            "compares with the teacher skdistill.metrics.make_teacher_scorer "
            "(fidelity_scorer, neg_teacher_kl_scorer)."
        ) from None


def takes_weights(scorer) -> bool:
    """Whether a scorer counts rows by `sample_weight`."""
    scores = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in inspect.signature(scores).parameters
