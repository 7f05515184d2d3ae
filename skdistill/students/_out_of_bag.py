"""Out-of-bag attributes of an ensemble that was taught soft targets."""

from __future__ import annotations

import warnings

import numpy as np

from skdistill._sklearn_compat import take_rows
from skdistill.targets import UNLABELED, SoftTargets


def set_out_of_bag(ensemble, X, targets: SoftTargets) -> None:
    """Set `oob_decision_function_`, and `oob_score_` against the true labels.

    Parameters
    ----------
    ensemble : forest or BaggingClassifier
        Fitted; its members know classes by position.
    X : {ndarray, csr_matrix} of shape (n_rows, n_features)
        The training rows as the members see them.
    targets : SoftTargets
        What the rows were taught with; unlabelled rows do not count for the score.
    """
    n_rows = len(targets.labels)
    votes = np.zeros((n_rows, len(targets.classes)))
    voters = np.zeros((n_rows, 1))
    features = getattr(ensemble, "estimators_features_", None)
    for k, drawn in enumerate(ensemble.estimators_samples_):
        member = ensemble.estimators_[k]
        left_out = np.setdiff1d(np.arange(n_rows), drawn)
        if len(left_out) and hasattr(member, "predict_proba"):
            rows = take_rows(X, left_out)
            rows = rows if features is None else rows[:, features[k]]
            known = np.asarray(member.classes_, dtype=np.intp)
            votes[np.ix_(left_out, known)] += member.predict_proba(rows)
            voters[left_out] += 1
    if not voters.all():
        warnings.warn(
            "Some rows have no out-of-bag prediction: every member was taught them. "
            "Raise n_estimators of the student.",
            UserWarning,
            stacklevel=2,
        )
    ensemble.oob_decision_function_ = votes / np.maximum(voters, 1)
    labeled = targets.labels != UNLABELED
    guess = ensemble.oob_decision_function_[labeled].argmax(axis=1)
    truth = targets.labels[labeled]
    if callable(ensemble.oob_score):
        ensemble.oob_score_ = ensemble.oob_score(truth, guess)
    else:
        ensemble.oob_score_ = float(np.mean(truth == guess))
