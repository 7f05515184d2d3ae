"""Rows of anything that holds rows: arrays, frames, sparse matrices, lists."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from skdistill._sklearn_compat import feature_names_of, take_rows


class TrainingRows(NamedTuple):
    """Rows and what is known about them.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        As given; a list has become an array.
    y : ndarray of shape (n_rows,)
        Labels.
    codes : ndarray of shape (n_rows,), intp
        Positions of the labels in `classes`.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    weight : ndarray of shape (n_rows,) or None
        Row weights.
    """

    X: Any
    y: NDArray
    codes: NDArray[np.intp]
    classes: NDArray
    weight: NDArray[np.float64] | None


def weighty(rows: TrainingRows) -> TrainingRows:
    """Leave out rows of weight 0, which are as good as absent."""
    if rows.weight is None or (rows.weight > 0).all():
        return rows
    kept = np.flatnonzero(rows.weight > 0)
    return TrainingRows(
        take_rows(rows.X, kept),
        rows.y[kept],
        rows.codes[kept],
        rows.classes,
        rows.weight[kept],
    )


def n_rows_of(X) -> int:
    """Number of rows; clear about what has none.

    Examples
    --------
    >>> from skdistill._rows import n_rows_of
    >>> n_rows_of([[1, 2], [3, 4]])
    2
    """
    if hasattr(X, "shape") and len(X.shape):
        return int(X.shape[0])
    try:
        return len(X)
    except TypeError:
        raise TypeError(
            f"X={X!r} has no rows; give an array, a frame or a sparse matrix of shape "
            "(n_rows, n_features)."
        ) from None


def slice_rows(X, start: int, stop: int):
    """Rows from `start` to `stop`, a view where the container can give one."""
    if isinstance(X, np.ndarray) or scipy.sparse.issparse(X):
        return X[start:stop]
    return take_rows(X, np.arange(start, stop))


def stack_rows(X, more):
    """Put the rows of `more` below those of `X`, in the container of `X`.

    Raises
    ------
    ValueError
        If the columns differ in number, or in name where both have names.
    """
    check_same_columns(X, more)
    if scipy.sparse.issparse(X) or scipy.sparse.issparse(more):
        return scipy.sparse.vstack([X, more], format="csr")
    for library in ("pandas", "polars"):
        frames = sys.modules.get(library)
        if frames is not None and isinstance(X, frames.DataFrame):
            return _stack_frames(frames, X, more)
    return np.concatenate([np.asarray(X), np.asarray(more)])


def _stack_frames(frames, X, more):
    if not isinstance(more, frames.DataFrame):
        more = frames.DataFrame(np.asarray(more), columns=list(X.columns))
    if not hasattr(X, "iloc"):
        return frames.concat([X, more], how="vertical_relaxed")
    shared = {
        name: _shared_categories(frames, X[name], more[name])
        for name, dtype in X.dtypes.items()
        if isinstance(dtype, frames.CategoricalDtype)
    }
    both = [X.astype(shared), more.astype(shared)]
    return frames.concat(both, ignore_index=True)


def _shared_categories(pandas, column, other):
    """Join the categories, else the stacked column would not be categorical."""
    theirs = other.astype(pandas.CategoricalDtype()).cat.categories
    ours = column.cat.categories
    return pandas.CategoricalDtype(
        ours.append(theirs.difference(ours, sort=False)), ordered=column.cat.ordered
    )


def check_same_columns(X, more, name: str = "X_unlabeled") -> None:
    """Raise unless rows have the columns of X, in number and by name."""
    shape, other = np.shape(X)[1:], np.shape(more)[1:]
    if scipy.sparse.issparse(X):
        shape = X.shape[1:]
    if scipy.sparse.issparse(more):
        other = more.shape[1:]
    if shape != other:
        raise ValueError(
            f"{name} has columns of shape {other}, X has {shape}; give rows with the "
            "columns of X."
        )
    names, others = feature_names_of(X), feature_names_of(more)
    if names is not None and others is None and not scipy.sparse.issparse(more):
        raise ValueError(
            f"X has the columns {list(names)}, {name} has no column names; give it as "
            "a frame with the columns of X."
        )
    if names is not None and others is not None and list(names) != list(others):
        raise ValueError(
            f"{name} has the columns {list(others)}, X has {list(names)}; give the "
            f"same columns in the same order, {name}[X.columns]."
        )
