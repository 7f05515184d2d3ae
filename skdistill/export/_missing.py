"""Which columns may hold missing numbers: found out by asking the model."""

from __future__ import annotations

import sys

import numpy as np
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.utils import get_tags

from skdistill._sklearn_compat import take_rows
from skdistill.export._inside import parts_of
from skdistill.export._tables import columns_of, is_frame, is_text


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
    columns = columns_of(row)
    numeric = [k for k, column in enumerate(columns) if not is_text(column, k)]
    if not numeric or _takes(model, row, numeric):
        return [True]
    if not any(map(_may_take, parts_of(model))):
        if len(numeric) == len(columns):
            return [False]
        return [k not in numeric for k in range(len(columns))]
    return [k not in numeric or _takes(model, row, [k]) for k in range(len(columns))]


def _may_take(part) -> bool:
    if isinstance(part, ColumnTransformer) or not hasattr(part, "get_params"):
        return True
    return bool(get_tags(part).input_tags.allow_nan)


def _takes(model, row, holes: list[int]) -> bool:
    try:
        model.predict(_with_holes(row, holes))
    except Exception:  # whatever it refuses them with
        return False
    return True


def _with_holes(row, holes: list[int]):
    """A copy of a row, NaN in some of its columns."""
    if not is_frame(row):
        punched = row.astype(object if row.dtype == object else np.float64)
        punched[:, holes] = np.nan
        return punched
    names = [row.columns[k] for k in holes]
    if hasattr(row, "iloc"):
        punched = row.copy()
        for name in names:
            punched[name] = np.nan
        return punched
    polars = sys.modules["polars"]
    return row.with_columns(*(polars.lit(np.nan).alias(name) for name in names))
