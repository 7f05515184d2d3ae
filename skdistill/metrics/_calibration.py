"""Whether a model is right as often as it says."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdistill.metrics._said import (
    check_same_rows,
    codes_of,
    name_columns,
    read_labels,
    read_proba,
    read_weights,
)

_STRATEGIES = ("quantile", "uniform")


def expected_calibration_error(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: str = "quantile",
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    r"""Expected calibration error of the most probable class.

    Rows are sorted into bins by the largest probability of each. Then

    .. math::

        ECE = \sum_b \frac{w_b}{w} \, | accuracy_b - confidence_b |

    with :math:`w_b` the weight of the rows of a bin, and accuracy and confidence the
    means over them [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True labels.
    y_proba : array-like of shape (n_rows, n_classes)
        Probabilities.
    n_bins : int, default=15
        How many bins there are at most.
    strategy : {"quantile", "uniform"}, default="quantile"
        "quantile" gives bins of equal weight ("adaptive" [2]_), as far as rows with
        the same confidence allow: these stay together. "uniform" cuts 0 to 1 into
        equal parts [1]_, most of which hold hardly any row.
    sample_weight : array-like of shape (n_rows,), default=None
        Row weights. None: all alike.
    labels : array-like of shape (n_classes,), default=None
        The label that each column stands for. None: the sorted labels of `y_true`.

    Returns
    -------
    float
        From 0 to 1; less is better.

    Raises
    ------
    ValueError
        If `y_proba` holds no probabilities, or what is given does not fit together.

    Notes
    -----
    It depends on the bins: compare numbers with the same `n_bins`, `strategy` and rows.
    On few rows it is above 0 even for a model that is right exactly as often as it
    says, since noise in a bin counts as error. And it says little about quality: who
    always says how frequent the classes are has an error of about 0.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural
       networks", ICML 2017.
    .. [2] J. Nixon, M. Dusenberry, L. Zhang, G. Jerfel and D. Tran, "Measuring
       calibration in deep learning", CVPR workshops 2019.

    Examples
    --------
    Four rows at 0.9, of which three are right:

    >>> from skdistill.metrics import expected_calibration_error
    >>> y_proba = [[0.9, 0.1]] * 4
    >>> round(expected_calibration_error(["a", "a", "a", "b"], y_proba), 2)
    0.15
    """
    if isinstance(n_bins, bool) or not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins={n_bins!r} must be a whole number of at least 1.")
    if strategy not in _STRATEGIES:
        raise ValueError(f"strategy={strategy!r} must be one of {_STRATEGIES}.")
    y = read_labels(y_true, "y_true")
    proba, _ = read_proba(y_proba, "y_proba")
    n_rows = check_same_rows(y_true=y, y_proba=proba)
    codes = codes_of(y, name_columns(labels, proba.shape[1], y), "y_true")
    weight = read_weights(sample_weight, n_rows)
    confidence = proba.max(axis=1)
    excess = weight * (confidence - (proba.argmax(axis=1) == codes))
    find = equal_mass_bins if strategy == "quantile" else _equal_width
    bins = find(confidence, weight, int(n_bins))
    return float(np.abs(np.bincount(bins, excess)).sum() / weight.sum())


def equal_mass_bins(
    confidence: NDArray, weight: NDArray, n_bins: int
) -> NDArray[np.intp]:
    """Number of the bin of each row; all bins have the same weight, if they can.

    A value goes where the middle of its weight lies, with all rows that have it. So
    the order of rows does not matter, and a weight of 2 counts as two rows.
    """
    values, which = np.unique(confidence, return_inverse=True)
    mass = np.bincount(which, weight, minlength=len(values))
    middle = np.cumsum(mass) - mass / 2
    # Rounded, so that what lies between two bins does not go by the last digit.
    position = np.round(n_bins * middle / mass.sum(), 9).astype(np.intp)
    return np.minimum(position, n_bins - 1)[which]


def _equal_width(confidence: NDArray, weight: NDArray, n_bins: int) -> NDArray[np.intp]:
    """Number of the bin of each row: bin k is (k / n_bins, (k + 1) / n_bins]."""
    edges = np.arange(1, n_bins) / n_bins
    return np.searchsorted(edges, confidence, side="left")
