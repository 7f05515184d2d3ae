"""Rows of any kind as the inputs of a file: one table, or a column each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_FLOATS = {"float32": np.float32, "float64": np.float64}


class Column(NamedTuple):
    """One input of a file.

    Parameters
    ----------
    name : str
        As the table names it.
    text : bool
        Whether it holds text; else numbers.
    shape : tuple of int
        Of a row.
    """

    name: str
    text: bool
    shape: tuple[int, ...]


def is_frame(X) -> bool:
    """Whether X is a frame of pandas or polars, without importing either."""
    return hasattr(X, "columns") and hasattr(X, "dtypes") and hasattr(X, "shape")


def names_of(X) -> list[str] | None:
    """Find the names of a frame's columns, if all of them are strings."""
    names = list(X.columns) if is_frame(X) else []
    return names if names and all(isinstance(n, str) for n in names) else None


def columns_of(X) -> list:
    """List the columns of a frame, or of an array of two dimensions."""
    if not is_frame(X):
        return list(np.asarray(X, dtype=object).T)
    if hasattr(X, "iloc"):
        return [X.iloc[:, k] for k in range(X.shape[1])]
    return [X[name] for name in X.columns]


def cells_of(column) -> NDArray[np.object_]:
    """Make an array of Python objects of a column, NaN for what pandas has for it."""
    cells = np.array(column, dtype=object)
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        cells[[cell is pandas.NA or cell is pandas.NaT for cell in cells]] = np.nan
    return cells


def is_text(column, name) -> bool:
    """Whether a column holds text rather than numbers.

    Raises
    ------
    TypeError
        If it holds both, or neither.
    """
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return False
    cells = [cell for cell in cells_of(column) if not is_missing(cell)]
    if all(isinstance(cell, str) for cell in cells):
        return bool(cells) or not _is_numeric(dtype)
    numbers = (int, float, np.number, np.bool_)
    if all(isinstance(cell, numbers) for cell in cells):
        return False
    kinds = sorted({type(cell).__name__ for cell in cells})
    raise TypeError(
        f"The column {name!r} of X holds {', '.join(kinds)}; the inputs of an ONNX "
        "file are numbers or text, each column of one kind. Make it so before."
    )


def _is_numeric(dtype) -> bool:
    ask = getattr(dtype, "is_numeric", None)  # polars
    return bool(ask()) if callable(ask) else bool(getattr(dtype, "_is_numeric", False))


def is_missing(cell) -> bool:
    """Whether a cell is None or NaN."""
    return cell is None or bool(cell != cell)


def describe(X, *, by_column: bool) -> list[Column]:
    """Find out what inputs a file needs that reads such rows.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features) or (n_rows, ...)
        Rows: an array, a frame or a sparse matrix.
    by_column : bool
        Whether a frame of numbers is to come column by column, too.

    Returns
    -------
    list of Column
        A single one, "X", for a whole table of one kind.
    """
    if sparse.issparse(X):
        return [Column("X", False, (X.shape[1],))]
    if not is_frame(X):
        X = np.asarray(X)
        if X.dtype.kind in "biuf":
            return [Column("X", False, tuple(X.shape[1:]))]
    if not is_frame(X) and X.ndim < 2:
        return [Column("X", is_text(X, "X"), ())]
    names = names_of(X) or [f"X{k}" for k in range(X.shape[1])]
    if "" in names:
        raise ValueError(
            f"Column {names.index('')} of X has the name '', and the inputs of an ONNX "
            "file need names; give it one, and fit the model again."
        )
    columns = zip(names, columns_of(X), strict=True)
    found = [Column(name, is_text(column, name), (1,)) for name, column in columns]
    kinds = {column.text for column in found}
    if len(kinds) == 1 and not (is_frame(X) and (by_column or True in kinds)):
        return [Column("X", kinds.pop(), (X.shape[1],))]
    return found


def initial_types(columns: Sequence[Column], dtype: str) -> list[tuple[str, Any]]:
    """Tell skl2onnx of the inputs."""
    from skl2onnx.common import data_types

    numbers = data_types.FloatTensorType
    if dtype == "float64":
        numbers = data_types.DoubleTensorType
    return [
        (
            column.name,
            (data_types.StringTensorType if column.text else numbers)(
                [None, *column.shape]
            ),
        )
        for column in columns
    ]


def kind_of_numbers(X) -> str:
    """Find the kind that keeps all digits of rows: "float32" or "float64"."""
    if is_frame(X):
        dtypes = [
            column.dtype
            for name, column in zip(X.columns, columns_of(X), strict=True)
            if not is_text(column, name)
        ]
    else:
        dtypes = [X.dtype if sparse.issparse(X) else np.asarray(X).dtype]
    same = all(str(dtype).lower() == "float32" for dtype in dtypes)
    return "float32" if same else "float64"


def with_columns(X, columns: dict[int, NDArray]):
    """A copy of a frame, some of its columns replaced by numbers."""
    if hasattr(X, "iloc"):
        changed = X.copy()
        for k, numbers in columns.items():
            changed.isetitem(k, numbers)
        return changed
    polars = sys.modules["polars"]
    named = (polars.Series(X.columns[k], each) for k, each in columns.items())
    return X.with_columns(*named)


def rounded(X):
    """Rows whose numbers have no more digits than float32 keeps, of their own kind.

    Columns of integers or of missing cells are of float64 if they lose digits.
    """
    if is_frame(X):
        numbers = {
            k: (as_numbers(column, "float32"), as_numbers(column, "float64"))
            for k, column in enumerate(columns_of(X))
            if not is_text(column, k)
        }
        changed = {
            k: short.astype(np.float64)
            for k, (short, full) in numbers.items()
            if not np.array_equal(short, full, equal_nan=True)
        }
        return with_columns(X, changed)
    if not sparse.issparse(X):
        X = np.asarray(X)
    if X.dtype.kind not in "iuf":
        return X
    whole = X.dtype.kind != "f"
    short = X.astype(np.float32).astype(np.float64 if whole else X.dtype)
    return X if whole and not _differ(short, X) else short


def _differ(one, other) -> bool:
    differ = one != other
    return bool(differ.nnz if sparse.issparse(differ) else differ.any())


def as_rows(X, dtype: str) -> NDArray:
    """Make a table of numbers of rows, of the kind that a file takes."""
    X = X.toarray() if sparse.issparse(X) else X
    X = X.to_numpy() if is_frame(X) else np.asarray(X)
    if X.dtype == object:
        X = np.where(_is_none(X), np.nan, X)
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(X, dtype=_FLOATS[dtype])


def _is_none(cells: NDArray) -> NDArray[np.bool_]:
    flat = [cell is None for cell in cells.ravel()]
    return np.array(flat, dtype=bool).reshape(cells.shape)


def as_text(column) -> NDArray[np.object_]:
    """Write a column of text as a file takes it, missing cells as "nan" or "None"."""
    return np.array([str(cell) for cell in cells_of(column)], dtype=object)


def as_numbers(column, dtype: str) -> NDArray:
    """Make a column of numbers, NaN where one is missing."""
    cells = np.asarray(column)
    if cells.dtype.kind not in "biuf":
        cells = cells_of(column)
        cells[_is_none(cells)] = np.nan
    with np.errstate(over="ignore"):
        return cells.astype(_FLOATS[dtype])
