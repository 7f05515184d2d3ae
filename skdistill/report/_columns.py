"""What each row adds to a figure, so that every figure is made of means over rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdistill.metrics._calibration import equal_mass_bins
from skdistill.report._bootstrap import Parted

#: Bins of the calibration error, of equally many rows.
N_BINS = 15

#: Probabilities below count as that in the log-loss, as in scikit-learn's.
LEAST = float(np.finfo(np.float64).eps)


def brier_losses(proba: NDArray, codes: NDArray) -> NDArray:
    """Squared distance to the true class; for two classes, half of it (in [0, 1])."""
    squares = ((proba - np.eye(proba.shape[1])[codes]) ** 2).sum(axis=1)
    return squares / 2 if proba.shape[1] == 2 else squares


def calibration_parts(proba: NDArray, codes: NDArray, weight: NDArray | None) -> Parted:
    """Confidence minus success of each row, and the bin of confidence it belongs to.

    The calibration error is the sum of the absolute means of the bins.
    """
    confidence, said = proba.max(axis=1), proba.argmax(axis=1)
    mass = np.ones(len(codes)) if weight is None else weight
    bins = equal_mass_bins(confidence, mass, N_BINS)
    return Parted(confidence - (said == codes), bins, N_BINS)


def auc_parts(
    proba: NDArray, codes: NDArray, weight: NDArray | None
) -> NDArray[np.float64]:
    """Values whose mean is the area under the ROC curve, to first order on resamples.

    Of two classes it is that of the second; of more, the mean over all classes that
    some rows have and others lack, each against the rest. A row's value is the area
    plus its influence on it [1]_.

    Returns
    -------
    ndarray of shape (n_rows,)
        nan if all rows have one class.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas
       under two or more correlated receiver operating characteristic curves: a
       nonparametric approach", Biometrics, 1988.
    """
    weight = np.ones(len(codes)) if weight is None else weight
    classes = [1] if proba.shape[1] == 2 else range(proba.shape[1])
    found = [
        _auc_parts(proba[:, k], codes == k, weight)
        for k in classes
        if 0 < weight[codes == k].sum() < weight.sum()
    ]
    return np.mean(found, axis=0) if found else np.full(len(codes), np.nan)


def _auc_parts(score: NDArray, positive: NDArray, weight: NDArray) -> NDArray:
    """Of one class against the rest."""
    order = np.argsort(score, kind="stable")
    score, weight = score[order], weight[order]
    masses = [np.where(positive[order] == side, weight, 0) for side in (False, True)]
    negatives, positives = (np.append(0, np.cumsum(mass)) for mass in masses)
    first = np.searchsorted(score, score, side="left")
    last = np.searchsorted(score, score, side="right")
    # Shares of the other side that a row is rightly ordered to; of ties, half.
    below = (negatives[first] + negatives[last]) / 2 / negatives[-1]
    above = 1 - (positives[first] + positives[last]) / 2 / positives[-1]
    placed = np.where(positive[order], below, above)
    area = (masses[1] * below).sum() / positives[-1]
    own = np.where(positive[order], positives[-1], negatives[-1])
    parts = np.empty(len(score))
    parts[order] = area + (placed - area) * weight.sum() / own
    return parts
