"""Probabilities and logits, and what a temperature makes of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

ScoreKind = Literal["probabilities", "logits"]


#: Stands for a probability of exactly 0 where a logarithm is taken (any ``T != 1``).
#: Forests say 0 and 1; the resolution of float32, in which many teachers answer, is
#: the smallest difference from 1 that such a teacher could have expressed.
PROBABILITY_FLOOR = float(np.finfo(np.float32).eps)


def normalize_rows(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale non-negative rows to sum to 1, in place; a row of zeros becomes uniform.

    Parameters
    ----------
    mass : ndarray of shape (n_rows, n_classes), float64
        Changed in place.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        The same array.
    """
    total = mass.sum(axis=1, keepdims=True)
    empty = total[:, 0] <= 0
    if empty.any():
        mass[empty] = 1.0
        total[empty] = mass.shape[1]
    mass /= total
    return mass


def soften(
    values: ArrayLike, kind: ScoreKind, temperature: float = 1.0
) -> NDArray[np.float64]:
    """Turn a teacher's values into distributions at a temperature: softmax(logits / T).

    Probabilities are returned as they are at ``temperature=1``. At any other
    temperature their logarithm serves as logits, with :data:`PROBABILITY_FLOOR` in
    the place of smaller probabilities.

    Parameters
    ----------
    values : array-like of shape (n_rows, n_classes)
        Rows of probabilities, or of logits. A logit may be ``-inf``.
    kind : {"probabilities", "logits"}
        What `values` are.
    temperature : float, default=1.0
        Above 1 flattens the distribution, below 1 sharpens it.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        Non-negative rows that sum to 1.

    Examples
    --------
    >>> from skdistill.targets import soften
    >>> soften([[0.0, 2.0]], "logits", temperature=2.0).round(3)
    array([[0.269, 0.731]])
    >>> soften([[0.0, 1.0]], "probabilities").tolist()
    [[0.0, 1.0]]
    """
    values = np.asarray(values, dtype=np.float64)
    if kind == "probabilities":
        if temperature == 1.0:
            return normalize_rows(values.copy())
        logits = np.log(np.maximum(values, PROBABILITY_FLOOR))
    else:
        # A row of -inf rules out every class alike: as good as all-equal.
        ruled_out = np.isneginf(values).all(axis=1, keepdims=True)
        logits = np.where(ruled_out, 0.0, values)
    # Subtracting the maximum before dividing keeps 1e300 / 1e-9 from overflowing.
    logits -= logits.max(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        logits /= temperature
    np.exp(logits, out=logits)
    return normalize_rows(logits)


def harden(distribution: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put all of each row's mass on its largest entry (the first of equal ones).

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import harden
    >>> harden(np.array([[0.2, 0.5, 0.3]])).tolist()
    [[0.0, 1.0, 0.0]]
    """
    hard = np.zeros_like(distribution)
    hard[np.arange(len(hard)), distribution.argmax(axis=1)] = 1.0
    return hard


def raise_to(distribution: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Sharpen (exponent above 1) or flatten distributions: ``q ** b``, renormalised.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import raise_to
    >>> raise_to(np.array([[0.25, 0.75]]), 2.0).round(3).tolist()
    [[0.1, 0.9]]
    """
    if exponent == 1.0:
        return distribution
    with np.errstate(divide="ignore"):
        logits = exponent * np.log(distribution)
    return np.exp(log_softmax(logits, axis=1))
