"""Rows in bins: sums over every possible split of a node from one pass over its rows.

Thresholds lie midway between values that occur, as scikit-learn's do; a column of many
values keeps those at its quantiles. What a split search needs is then a histogram of
whatever it sums: targets, losses, counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

#: Thresholds per column.
MOST_THRESHOLDS = 255
#: Further ones on either side of a threshold that is in use.
_FINER = 8
#: Bounds the cells of a histogram that are summed at once.
_MOST_CELLS = 2**22


class Bins:
    """Thresholds of each column, and the bin of each cell.

    Parameters
    ----------
    thresholds : list of n_features ndarray, float64
        Ascending.
    """

    def __init__(self, thresholds: list[NDArray[np.float64]]):
        self.thresholds = thresholds
        self.n_bins = 1 + max(len(each) for each in thresholds)
        self.usable = np.zeros((len(thresholds), self.n_bins - 1), dtype=bool)
        for k, each in enumerate(thresholds):
            self.usable[k, : len(each)] = True

    @classmethod
    def of(cls, X: NDArray[np.float32]) -> Bins:
        """At the quantiles of the rows."""
        return cls([_among(_midways(x), x, MOST_THRESHOLDS) for x in X.T])

    def finer(self, X: NDArray[np.float32], used: list[set[int]]) -> Bins:
        """The same thresholds, and more of them next to those in use.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features), float32
            Rows.
        used : list of n_features set of int
            Positions of the thresholds in use.
        """
        thresholds = []
        for x, known, at in zip(X.T, self.thresholds, used, strict=True):
            more = [known]
            ends = np.concatenate([[-np.inf], known, [np.inf]])
            for k in at:
                for low, high in (ends[k : k + 2], ends[k + 1 : k + 3]):
                    between = x[(x > low) & (x <= high)]
                    more.append(_among(_midways(between), between, _FINER))
            thresholds.append(np.unique(np.concatenate(more)))
        return Bins(thresholds)

    def codes(self, X: NDArray[np.float32]) -> NDArray[np.int32]:
        """The bin of each cell: bin b is left of threshold b and all later ones."""
        codes = np.empty(X.shape, dtype=np.int32)
        for k, each in enumerate(self.thresholds):
            codes[:, k] = np.searchsorted(each, X[:, k].astype(np.float64))
        return codes


def _midways(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """What lies midway between neighbouring values."""
    values = np.unique(x).astype(np.float64)
    return (values[:-1] + values[1:]) / 2


def _among(midway: NDArray[np.float64], x: NDArray[np.float32], most: int) -> NDArray:
    """Some of the thresholds, such that about as many rows lie between any two."""
    if len(midway) <= most:
        return midway
    wanted = np.linspace(0, len(x), most + 2)[1:-1].astype(np.intp)
    at = np.searchsorted(midway, np.sort(x)[wanted])
    return midway[np.unique(np.minimum(at, len(midway) - 1))]


class Pool:
    """Everything a tree grows from: the rows of a lesson, and room for more.

    Parameters
    ----------
    bins : Bins
        Where splits may be.
    n_classes : int
        Columns of the targets.
    n_real : int
        How many of the first rows were given, not drawn.
    size : int
        Rows that there is room for.

    Attributes
    ----------
    n : int
        Rows so far.
    weight : ndarray of shape (size,)
        Of each row, before class weights.
    factor : ndarray of shape (size,)
        What class weights multiply it by.
    mass : ndarray of shape (size, n_classes)
        Mixed target times both; rows of a node sum up to what its value is made of.
    """

    def __init__(self, bins: Bins, n_classes: int, n_real: int, size: int):
        n_features = len(bins.thresholds)
        self.bins, self.n_real, self.n = bins, n_real, 0
        self.X = np.empty((size, n_features), dtype=np.float32)
        self.codes = np.empty((size, n_features), dtype=np.int32)
        self.mass = np.empty((size, n_classes))
        self.weight, self.factor = np.empty(size), np.empty(size)

    @property
    def room(self) -> int:
        """How many more rows may come."""
        return len(self.weight) - self.n

    def add(self, X, codes, mixed, weight, factor) -> NDArray[np.intp]:
        """Take in rows, and return their positions."""
        new = np.arange(self.n, self.n + len(X))
        self.X[new], self.codes[new] = X, codes
        self.weight[new], self.factor[new] = weight, factor
        self.mass[new] = mixed * (weight * factor)[:, None]
        self.n += len(X)
        return new

    def scale(self, rows: NDArray[np.intp], by: float) -> None:
        """Make rows weigh `by` times as much."""
        self.weight[rows] *= by
        self.mass[rows] *= by

    def put_in(self, bins: Bins) -> None:
        """Put all rows in other bins."""
        self.bins = bins
        self.codes[: self.n] = bins.codes(self.X[: self.n])

    def take(self, rows: NDArray[np.intp]) -> Sample:
        """Some rows, as split searches read them."""
        real = (rows < self.n_real).astype(np.float64)
        return Sample(self.bins, self.codes[rows], self.mass[rows], real)

    def all(self) -> Sample:
        """All rows so far."""
        real = np.zeros(self.n)
        real[: self.n_real] = 1.0
        return Sample(self.bins, self.codes[: self.n], self.mass[: self.n], real)


class Sample(NamedTuple):
    """Rows that a tree is fitted to.

    Parameters
    ----------
    bins : Bins
        Of the columns.
    codes : ndarray of shape (n_rows, n_features), int32
        The bin of each cell.
    mass : ndarray of shape (n_rows, n_classes)
        Mixed target times weight.
    real : ndarray of shape (n_rows,)
        1 for rows that were given, 0 for those drawn.
    """

    bins: Bins
    codes: NDArray[np.int32]
    mass: NDArray[np.float64]
    real: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp]) -> Sample:
        """Some of the rows."""
        return Sample(self.bins, self.codes[rows], self.mass[rows], self.real[rows])


def left_sums(
    bins: Bins, codes: NDArray[np.int32], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum up the rows left of every threshold.

    Parameters
    ----------
    bins : Bins
        Of the columns.
    codes : ndarray of shape (n_rows, n_features)
        Bins of the rows.
    values : ndarray of shape (n_rows, n_values)
        What to sum up.

    Returns
    -------
    ndarray of shape (n_features, n_bins, n_values)
        Entry b: sum over the rows in bins 0 to b; the last is the total.
    """
    n_rows, n_features = codes.shape
    size = n_features * bins.n_bins
    offset = np.arange(n_features, dtype=np.int32) * bins.n_bins
    sums = np.zeros((size, values.shape[1]))
    step = max(1, _MOST_CELLS // n_features)
    for start in range(0, n_rows, step):
        cells = (codes[start : start + step] + offset).ravel()
        ends = np.arange(0, len(cells) + 1, n_features)
        which = csc_array((np.ones(len(cells)), cells, ends), (size, len(ends) - 1))
        sums += which @ values[start : start + step]
    return np.cumsum(sums.reshape(n_features, bins.n_bins, -1), axis=1)
