"""A table of rows, read into columns, and put together again from other cells."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from skdistill.transfer._columns import Column, read_array, read_pandas, read_polars


@dataclass(frozen=True)
class Table:
    """The columns of an array, and how to make an array of others.

    Parameters
    ----------
    n_rows : int
    columns : tuple of Column
    frame : ndarray, pandas or polars frame
        No rows of X: what it is, its dtypes and the names of its columns.
    """

    n_rows: int
    columns: tuple[Column, ...]
    frame: Any

    def values(self) -> NDArray[np.float64]:
        """Numbers and codes of all cells, of shape (n_rows, n_columns)."""
        return np.column_stack([column.values for column in self.columns])

    def build(self, cells: Sequence[Any]):
        """X with these cells, a sequence with one entry for each column."""
        rows = np.empty((len(cells[0]), len(cells)), dtype=self.frame.dtype)
        for j, column in enumerate(cells):
            rows[:, j] = column
        return rows

    def template(self) -> Table:
        """What it takes to put rows together, without the rows."""
        first = np.zeros(1, dtype=np.intp)
        columns = tuple(
            replace(column, cells=column.take(first), values=column.values[first])
            for column in self.columns
        )
        return replace(self, n_rows=1, columns=columns)

    def dress(self, rows):
        """Rows of numbers as rows of X, where its columns hold numbers.

        What is no plain array, or has the dtype of X, stays as it is.
        """
        if not isinstance(rows, np.ndarray):
            return rows
        if isinstance(self.frame, np.ndarray) and rows.dtype == self.frame.dtype:
            return rows
        if rows.shape[1] != len(self.columns):
            raise ValueError(
                f"The generator drew rows of {rows.shape[1]} columns, X has "
                f"{len(self.columns)}; fit it on X."
            )
        return self.build(
            [
                column.cast(np.asarray(drawn, dtype=np.float64))
                for column, drawn in zip(self.columns, rows.T, strict=True)
            ]
        )


class PandasTable(Table):
    """The columns of a pandas frame."""

    def build(self, cells: Sequence[Any]):
        pandas, dtypes = sys.modules["pandas"], list(self.frame.dtypes)
        series = {
            j: _series(pandas, made, column, dtype)
            for j, (made, column, dtype) in enumerate(
                zip(cells, self.columns, dtypes, strict=True)
            )
        }
        rows = pandas.DataFrame(series, copy=False)
        rows.columns = self.frame.columns
        return rows


def _series(pandas, cells, column: Column, dtype):
    """Keep the dtype, which pandas would infer for cells that are objects."""
    as_it_was = column.is_numeric or cells.dtype.kind not in "f"
    return pandas.Series(cells, dtype=dtype if as_it_was else None, copy=False)


class PolarsTable(Table):
    """The columns of a polars frame."""

    def build(self, cells: Sequence[Any]):
        names = self.frame.columns
        return sys.modules["polars"].DataFrame(dict(zip(names, cells, strict=True)))


def read_table(X, max_discrete: int) -> Table:
    """Read X into columns.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_features)
    max_discrete : int
        A column of numbers with at most that many distinct ones is discrete.

    Returns
    -------
    Table
        Shares no memory with X that X could change.

    Raises
    ------
    TypeError
        If X is sparse.
    ValueError
        If X is empty, or not of two dimensions.
    """
    X = _as_table(X)
    columns = range(X.shape[1])
    if is_frame(X, "pandas"):
        read = [read_pandas(X.iloc[:, j], max_discrete) for j in columns]
        return PandasTable(len(X), tuple(read), X.iloc[:0].copy())
    if is_frame(X, "polars"):
        read = [read_polars(X.to_series(j), max_discrete) for j in columns]
        return PolarsTable(X.height, tuple(read), X.clear())
    X = np.array(X, order="F")  # a copy, each column in one piece
    read = [read_array(X[:, j], max_discrete) for j in columns]
    return Table(len(X), tuple(read), X[:0].copy())


def is_frame(X, library: str) -> bool:
    """Whether X is a frame of a library, which then is loaded already."""
    frames = sys.modules.get(library)
    return frames is not None and isinstance(X, frames.DataFrame)


def _as_table(X):
    if scipy.sparse.issparse(X):
        raise TypeError(
            "X is sparse; rows are made of the cells of a dense table. Use "
            "X.toarray(), or a few columns that say most (TruncatedSVD)."
        )
    if not (is_frame(X, "pandas") or is_frame(X, "polars")):
        array = np.asarray(X)
        if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
            array = np.asarray(X, dtype=object)  # of a list, numbers stay numbers
        X = array
        if X.dtype.kind == "c":
            raise ValueError("Complex data not supported: X has complex values.")
    shape = X.shape
    if len(shape) == 1 or len(shape) == 0:
        raise ValueError(
            f"Expected 2D array, got {len(shape)}D array instead: X has shape {shape}. "
            "Reshape your data: X.reshape(-1, 1) if it has a single feature, "
            "X.reshape(1, -1) if it is a single row."
        )
    if len(shape) > 2:
        raise ValueError(
            f"Found array with dim {len(shape)}: X has shape {shape}, and rows are "
            "made of columns. Fit on X.reshape(len(X), -1), and give the rows drawn "
            "the shape of X again."
        )
    for number, things in zip(shape, ("sample(s)", "feature(s)"), strict=True):
        if number == 0:
            raise ValueError(
                f"Found array with 0 {things} (shape={shape}) while a minimum of 1 is "
                "required."
            )
    return X
