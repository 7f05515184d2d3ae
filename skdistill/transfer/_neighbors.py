"""For each row of a mixed table the other row that is nearest to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from skdistill.transfer._columns import Column
from skdistill.transfer._table import Table

#: With more columns than that, categories are kept as sparse indicators.
_MAX_DENSE = 256

#: Up to that many columns a tree finds neighbours sooner than going over all rows.
_MAX_TREE = 6


def nearest_others(
    table: Table, max_from: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Find the nearest row that is not the same.

    Numbers are standardised (of two distinct ones, they are 1 apart), different
    categories are 1 apart, and so are a missing cell and one that is not.

    Parameters
    ----------
    table : Table
    max_from : int
        Of more distinct rows than that, a random part is searched.
    rng : Generator

    Returns
    -------
    ndarray of shape (n_rows,), intp
        A row itself where all rows are the same. Of several equal rows, always the
        first is named.
    """
    first, which = _distinct_rows(table.values())
    n_distinct = len(first)
    if n_distinct == 1:
        return np.arange(table.n_rows)
    points = encode(table.columns, first)
    searched = np.arange(n_distinct)
    if n_distinct > max_from:
        searched = np.sort(rng.choice(n_distinct, max_from, replace=False))
    return first[_nearest(points, searched)][which]


def _nearest(points, searched: NDArray) -> NDArray[np.intp]:
    n_points, n_columns = points.shape
    way = "brute" if scipy.sparse.issparse(points) or n_columns > _MAX_TREE else "auto"
    index = NearestNeighbors(n_neighbors=1, algorithm=way).fit(points[searched])
    nearest = np.empty(n_points, dtype=np.intp)
    # Asked about nothing in particular, it leaves out each point itself.
    nearest[searched] = searched[index.kneighbors(return_distance=False)[:, 0]]
    others = np.setdiff1d(np.arange(n_points), searched, assume_unique=True)
    if len(others):
        found = index.kneighbors(points[others], return_distance=False)[:, 0]
        nearest[others] = searched[found]
    return nearest


def _distinct_rows(values: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """The first of each set of equal rows, and for each row the set it is in."""
    values = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, one zero
    rows = np.ascontiguousarray(values).view(np.dtype((np.void, values.strides[0])))
    _, first, which = np.unique(rows.ravel(), return_index=True, return_inverse=True)
    return first, which.ravel()


def encode(columns: tuple[Column, ...], rows: NDArray):
    """Points whose Euclidean distances are those of the rows.

    Returns
    -------
    ndarray or CSR array of shape (len(rows), n_indicators), float64
    """
    parts = [part for column in columns for part in _parts(column, rows)]
    if sum(part.shape[1] for part in parts) > _MAX_DENSE:
        return scipy.sparse.hstack(parts, format="csr")
    return np.hstack(
        [part.toarray() if scipy.sparse.issparse(part) else part for part in parts]
    )


def _parts(column: Column, rows: NDArray) -> Iterator:
    values = column.values[rows]
    if not column.is_numeric:
        codes = np.nan_to_num(values, nan=-1.0)
        # Two rows of different categories differ in two indicators.
        yield _indicators(codes) * np.sqrt(0.5)
        return
    present = np.isfinite(values)
    yield np.where(present, _standardized(values, present), 0.0)[:, np.newaxis]
    if not present.all():
        yield present[:, np.newaxis].astype(np.float64)


def _standardized(values: NDArray, present: NDArray) -> NDArray[np.float64]:
    seen = values[present]
    if not len(seen):
        return values
    low, high = seen.min(), seen.max()
    largest = max(abs(low), abs(high)) or 1.0  # else squares could overflow
    values, seen = values / largest, seen / largest
    center, scale = seen.mean(), seen.std()
    if ((seen == seen.min()) | (seen == seen.max())).all():
        center, scale = seen.min(), seen.max() - seen.min()
    return (values - center) / (scale or 1.0)


def _indicators(codes: NDArray) -> scipy.sparse.csr_array:
    which = np.unique(codes, return_inverse=True)[1].ravel()
    n_rows = len(codes)
    ones = (np.ones(n_rows), (np.arange(n_rows), which))
    return scipy.sparse.csr_array(ones, shape=(n_rows, which.max() + 1))
