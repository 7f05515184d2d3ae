"""Bins of a student's probability, and what both sides say in each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Bins(NamedTuple):
    """Means and counts of bins; see :class:`FidelityDisplay`."""

    prob_teacher: NDArray[np.float64]
    prob_student: NDArray[np.float64]
    counts: NDArray[np.intp]
    edges: NDArray[np.float64]


def bin_means(
    teacher: NDArray, student: NDArray, weight: NDArray, *, n_bins, strategy
) -> Bins:
    """Sort rows into bins by what the student says, and take the mean of both sides.

    Parameters
    ----------
    teacher, student : ndarray of shape (n_rows, n_columns)
        Probabilities. Columns are pooled.
    weight : ndarray of shape (n_rows,)
        Weights of rows.
    n_bins : int
        How many bins; quantiles that coincide make fewer.
    strategy : {"uniform", "quantile"}
        How they are cut.

    Returns
    -------
    Bins
        A value on an edge is in the lower bin.
    """
    if not isinstance(n_bins, (int, np.integer)) or n_bins < 1:
        raise ValueError(f"n_bins={n_bins!r} must be an int of at least 1.")
    if strategy == "uniform":
        edges = np.linspace(0.0, 1.0, n_bins + 1)
    elif strategy == "quantile":
        edges = np.unique(np.quantile(student, np.linspace(0, 1, n_bins + 1)))
        edges = edges if len(edges) > 1 else np.array([0.0, 1.0])
    else:
        raise ValueError(
            f"strategy={strategy!r} must be 'uniform' (bins of the same width) or "
            "'quantile' (of about as many rows)."
        )
    n_columns = student.shape[1]
    teacher, student = teacher.ravel(), student.ravel()
    weight = np.repeat(weight, n_columns)
    place = np.searchsorted(edges[1:-1], student)
    n_bins = len(edges) - 1
    mass = np.bincount(place, weight, n_bins)
    means = []
    for side in (teacher, student):
        total = np.bincount(place, weight * side, n_bins)
        means.append(np.divide(total, mass, np.full(n_bins, np.nan), where=mass > 0))
    counted = np.bincount(place[weight > 0], minlength=n_bins)
    return Bins(means[0], means[1], counted, edges)
