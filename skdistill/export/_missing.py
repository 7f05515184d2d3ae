"""Which columns may hold missing numbers: found out by asking the model."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.utils import get_tags

from skdistill._sklearn_compat import take_rows
from skdistill.export._inside import parts_of
from skdistill.export._tables import (
    as_numbers,
    columns_of,
    is_frame,
    is_text,
    with_columns,
)


def takes_missing(model, X) -> list[bool]:
    """Find the columns in which the model takes NaN.

    Tags of scikit-learn tell of whole tables, and a `ColumnTransformer` may impute
    one column and not another. So the model is asked about rows with holes in them.

    Parameters
    ----------
    model : classifier
        Fitted.
    X : array-like of shape (n_rows, n_features)
        Rows, the first of which is used.

    Returns
    -------
    list of bool
        One for each column; a single one if they are all alike. Text counts as taken.
    """
    row = take_rows(X, np.array([0]))
    if sparse.issparse(row):
        return [False]
    if not is_frame(row):
        row = np.asarray(row)
        if row.ndim != 2:
            return [row.dtype.kind in "OUS"]
    numeric = columns_of_numbers(row)
    if not numeric or _takes(model, row, numeric):
        return [True]
    if not any(map(_may_take, parts_of(model))):
        return takes_none(row)
    n_columns = row.shape[1]
    return [k not in numeric or _takes(model, row, [k]) for k in range(n_columns)]


def takes_none(X) -> list[bool]:
    """What `takes_missing` says where no column of numbers may have holes."""
    numeric = columns_of_numbers(X)
    if len(numeric) == X.shape[1]:
        return [False]
    return [k not in numeric for k in range(X.shape[1])]


def columns_of_numbers(X) -> list[int]:
    """Find the columns of a table that hold no text."""
    return [k for k, column in enumerate(columns_of(X)) if not is_text(column, k)]


def _may_take(part) -> bool:
    if isinstance(part, ColumnTransformer) or not hasattr(part, "get_params"):
        return True
    return bool(get_tags(part).input_tags.allow_nan)


def _takes(model, row, columns: list[int]) -> bool:
    holes = np.zeros((1, row.shape[1]), dtype=bool)
    holes[:, columns] = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.predict(with_holes(row, holes))
    except Exception:  # whatever it refuses them with
        return False
    return True


def with_holes(X, holes: NDArray[np.bool_]):
    """A copy of rows, NaN in some of its cells, which hold numbers.

    Parameters
    ----------
    X : ndarray or frame of shape (n_rows, n_features)
        Rows.
    holes : ndarray of shape (n_rows, n_features), bool
        Where.
    """
    if not is_frame(X):
        punched = X.astype(object if X.dtype == object else np.float64)
        punched[holes] = np.nan
        return punched
    columns = {
        k: np.where(holes[:, k], np.nan, as_numbers(column, "float64"))
        for k, column in enumerate(columns_of(X))
        if holes[:, k].any()
    }
    return with_columns(X, columns)
