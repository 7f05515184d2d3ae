"""For each row of a mixed table the other row that is nearest to it."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from skdistill.transfer._columns import Column
from skdistill.transfer._table import Table

#: Of more categories than that, in all columns, indicators are kept sparse.
_MAX_INDICATORS = 256

#: Up to that many columns a tree finds neighbours sooner than going over all rows.
_MAX_TREE = 7


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
    """Points whose Euclidean distances are those of some rows.

    Returns
    -------
    ndarray or CSR array of shape (len(rows), n_coordinates), float64
    """
    dense = [_coordinates(column, rows) for column in columns if column.is_numeric]
    coded = [_indicators(column, rows) for column in columns if not column.is_numeric]
    if sum(part.shape[1] for part in coded) <= _MAX_INDICATORS:
        return np.hstack(dense + [part.toarray() for part in coded])
    parts = [scipy.sparse.csr_array(part) for part in dense] + coded
    return scipy.sparse.hstack(parts, format="csr")


def _coordinates(column: Column, rows: NDArray) -> NDArray[np.float64]:
    """A number, standardised over all rows, and whether there is one."""
    present = np.isfinite(column.values)
    scaled = np.zeros(len(present))
    if present.any():
        scaled[present] = _standardized(column.values[present])
    if present.all():
        return scaled[rows, np.newaxis]
    return np.column_stack([scaled, present])[rows]


def _standardized(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values = values / (np.abs(values).max() or 1.0)  # else squares could overflow
    low, high = values.min(), values.max()
    if ((values == low) | (values == high)).all():
        return (values - low) / ((high - low) or 1.0)
    return (values - values.mean()) / values.std()


def _indicators(column: Column, rows: NDArray) -> scipy.sparse.csr_array:
    """One for each category; rows of different ones differ in two, and are 1 apart."""
    codes = np.nan_to_num(column.values[rows], nan=-1.0)  # missing: another category
    found, which = np.unique(codes, return_inverse=True)
    cells = (np.full(len(rows), np.sqrt(0.5)), (np.arange(len(rows)), which.ravel()))
    return scipy.sparse.csr_array(cells, shape=(len(rows), len(found)))
