"""Columns of any type: cells to take, and a number that stands for each of them.

A new cell is either one that was seen, taken as it is from another row, whatever its
type, or a number that was moved. Only columns of measured numbers are moved.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Beyond it float64 does not tell whole numbers apart: those are names, not measures.
_EXACT = 2.0**53


@dataclass(frozen=True)
class Column:
    """One column of an array; the cells of a frame are taken by subclasses.

    Parameters
    ----------
    cells : ndarray of shape (n_rows,), or what a frame holds
        As they came.
    values : ndarray of shape (n_rows,), float64
        Numbers, or codes of categories in their order: equal exactly where cells are;
        NaN is missing.
    dtype : dtype or None
        What a moved number is written as; None where the cells are not numbers.
    is_continuous : bool
        Whether numbers may be moved.
    is_whole : bool
        Whether moved numbers are rounded.
    low, high : float
        Where moved numbers stay: the range seen if they are whole, else what the
        dtype can hold.
    """

    cells: Any
    values: NDArray[np.float64]
    dtype: np.dtype | None = None
    is_continuous: bool = False
    is_whole: bool = False
    low: float = -np.inf
    high: float = np.inf

    @property
    def is_numeric(self) -> bool:
        return self.dtype is not None

    def gap(self, rows: NDArray, others: NDArray) -> NDArray[np.float64]:
        """How far apart numbers are; not finite where one is missing or infinite."""
        with np.errstate(invalid="ignore", over="ignore"):
            return np.abs(self.values[rows] - self.values[others])

    def vary(
        self, donors: NDArray, spread: NDArray | None, rng: np.random.Generator
    ) -> tuple[Any, NDArray[np.float64]]:
        """Take the cells of other rows and move numbers about them.

        Parameters
        ----------
        donors : ndarray of shape (n_new,), intp
            The row that each cell is taken from.
        spread : ndarray of shape (n_new,), float64, or None
            Standard deviations about the donor's number. None, 0 and what is not
            finite leave it where it is.
        rng : Generator

        Returns
        -------
        cells : as `cells`, of length n_new
        values : ndarray of shape (n_new,), float64
        """
        values = self.values[donors]
        if spread is None or not self.is_continuous:
            return self.take(donors), values
        with np.errstate(invalid="ignore", over="ignore"):
            noise = rng.standard_normal(len(donors)) * spread
            movable = np.isfinite(noise) & np.isfinite(values) & (noise != 0)
            moved = self._fitting(values + noise)
        values = np.where(movable, moved, values)
        return self.write(donors, movable, values), values

    def _fitting(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers that the dtype can hold, and that were possible here."""
        if self.is_whole:
            numbers = np.rint(numbers)
        numbers = np.clip(numbers, self.low, self.high)
        return numbers.astype(self.dtype).astype(np.float64)

    def take(self, donors: NDArray) -> Any:
        return self.cells[donors]

    def write(self, donors: NDArray, moved: NDArray, values: NDArray) -> Any:
        """Cells of donors, with numbers put in where `moved`."""
        if self.cells.dtype != object:
            return values.astype(self.dtype, copy=False)
        cells = self.cells[donors]
        cells[moved] = values[moved].astype(self.dtype).astype(object)
        return cells

    def cast(self, numbers: NDArray[np.float64]) -> Any:
        """Numbers of another make as cells of this column, if it holds numbers."""
        if self.dtype is None:
            is_bool = str(self.cells.dtype).lower().startswith("bool")
            return numbers >= 0.5 if is_bool else numbers
        if self.dtype.kind in "iu":
            numbers = np.clip(np.rint(numbers), self.low, self.high)
        everywhere = np.ones(len(numbers), dtype=bool)
        return self.write(np.zeros(len(numbers), dtype=np.intp), everywhere, numbers)


class PandasColumn(Column):
    """A column whose cells are an extension array of pandas."""

    def take(self, donors: NDArray) -> Any:
        return self.cells.take(donors)

    def write(self, donors: NDArray, moved: NDArray, values: NDArray) -> Any:
        cells = self.cells.take(donors)
        cells[moved] = values[moved].astype(self.dtype)
        return cells


class PolarsColumn(Column):
    """A column whose cells are a series of polars."""

    def take(self, donors: NDArray) -> Any:
        return self.cells.gather(donors)

    def write(self, donors: NDArray, moved: NDArray, values: NDArray) -> Any:
        polars = sys.modules["polars"]
        numbers = np.where(moved, values, 0).astype(self.dtype)
        numbers = polars.Series(self.cells.name, numbers).cast(self.cells.dtype)
        return numbers.zip_with(polars.Series(moved), self.cells.gather(donors))


def read_array(cells: NDArray, max_discrete: int) -> Column:
    """A column of an array. Its cells are not copied."""
    if cells.dtype.kind in "iuf":
        numbers = cells.astype(np.float64, copy=False)
        if _is_exact(numbers, cells.dtype):
            return _number_column(Column, cells, numbers, cells.dtype, max_discrete)
    if cells.dtype.kind == "O":
        return _object_column(cells, max_discrete)
    values = np.unique(cells, return_inverse=True)[1].astype(np.float64)
    if cells.dtype.kind in "mM":
        values[np.isnat(cells)] = np.nan
    return Column(cells, values)


def read_pandas(series, max_discrete: int) -> Column:
    """A column of a pandas frame; its cells are copied."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biufO":
        return read_array(np.array(series), max_discrete)
    cells = series.array.copy()
    dtype = getattr(dtype, "numpy_dtype", None)  # of nullable and Arrow numbers
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        if _is_exact(numbers, dtype):
            return _number_column(PandasColumn, cells, numbers, dtype, max_discrete)
    pandas = sys.modules["pandas"]
    plain = (
        np.asarray(series) if isinstance(series.dtype, pandas.SparseDtype) else series
    )
    if isinstance(series.dtype, pandas.CategoricalDtype):
        codes = series.cat.codes.to_numpy()
    else:
        codes, labels = pandas.factorize(plain)
        codes = np.append(_ranks(labels), -1)[codes]
    return PandasColumn(cells, np.where(codes < 0, np.nan, codes))


def read_polars(series, max_discrete: int) -> Column:
    """A column of a polars frame."""
    polars, kind = sys.modules["polars"], series.dtype
    if kind.is_integer() or kind.is_float():
        numbers = series.cast(polars.Float64).to_numpy().astype(np.float64)
        name = "int64" if kind.is_integer() else "float64"
        dtype = np.dtype("float32" if kind == polars.Float32 else name)
        if _is_exact(numbers, dtype):
            return _number_column(PolarsColumn, series, numbers, dtype, max_discrete)
    if kind == polars.Enum:
        codes = series.to_physical().cast(polars.Float64).to_numpy()
        return PolarsColumn(series, codes)
    cells = np.empty(len(series), dtype=object)
    cells[:] = series.to_list()
    return PolarsColumn(series, _object_codes(cells, _missing_in(cells)))


def _is_exact(numbers: NDArray[np.float64], dtype: np.dtype) -> bool:
    if dtype.kind == "f":
        return True
    return bool(np.nanmax(np.abs(numbers), initial=0.0) < _EXACT)


def _number_column(kind, cells, numbers, dtype, max_discrete: int) -> Column:
    present = numbers[np.isfinite(numbers)]
    whole = bool(len(present) and (present == np.rint(present)).all())
    if not _is_continuous(present, whole, max_discrete):
        return kind(cells, numbers, dtype, **_range(present, dtype, whole=True))
    bounds = _range(present, dtype, whole)
    return kind(cells, numbers, dtype, is_continuous=True, is_whole=whole, **bounds)


def _range(present, dtype, whole: bool) -> dict[str, float]:
    if whole and len(present):
        return {"low": float(present.min()), "high": float(present.max())}
    largest = float(np.finfo(dtype if dtype.kind == "f" else np.float64).max)
    return {"low": -largest, "high": largest}


def _is_continuous(present: NDArray, whole: bool, max_discrete: int) -> bool:
    head = present[: 64 * (max_discrete + 1)]  # tells most columns without sorting all
    if len(np.unique(head)) > max_discrete:
        return True
    distinct = len(np.unique(present))
    if distinct > max_discrete:
        return True
    # In a table of few rows anything has few values; fractions that do not come again
    # were measured all the same.
    return not whole and 2 * distinct > len(present) > 1 and max_discrete > 0


def _object_column(cells: NDArray, max_discrete: int) -> Column:
    missing = _missing_in(cells)
    kinds = set(map(type, cells[~missing]))
    numbers = (int, float, np.integer, np.floating)
    if kinds and all(issubclass(k, numbers) and k is not bool for k in kinds):
        values = np.full(len(cells), np.nan)
        values[~missing] = cells[~missing].astype(np.float64)
        whole = all(issubclass(k, (int, np.integer)) for k in kinds)
        dtype = np.dtype(np.int64 if whole else np.float64)
        if _is_exact(values, dtype):
            return _number_column(Column, cells, values, dtype, max_discrete)
    return Column(cells, _object_codes(cells, missing))


def _missing_in(cells: NDArray) -> NDArray[np.bool_]:
    return np.fromiter(map(_is_missing, cells), dtype=bool, count=len(cells))


def _is_missing(cell) -> bool:
    if cell is None:
        return True
    try:
        return bool(cell != cell)
    except (TypeError, ValueError):  # NA says neither; an array says it for each entry
        return type(cell).__name__ == "NAType"


def _object_codes(cells: NDArray, missing: NDArray) -> NDArray[np.float64]:
    seen: dict[Any, int] = {}
    try:
        first = [seen.setdefault(cell, len(seen)) for cell in cells[~missing]]
    except TypeError as error:
        raise TypeError(
            f"X has cells that cannot be told apart ({error}); rows can be made of "
            "numbers, strings, dates and other hashable values. Leave out that column."
        ) from None
    codes = np.full(len(cells), np.nan)
    codes[~missing] = _ranks(list(seen))[first]
    return codes


def _ranks(labels) -> NDArray[np.intp]:
    """The place of each label in their order; as they came, if they have none.

    So that the rows drawn do not depend on which label is met first.
    """
    order = list(range(len(labels)))
    try:
        order = sorted(order, key=lambda k: labels[k])
        ordered = all(labels[a] < labels[b] for a, b in itertools.pairwise(order))
    except TypeError:  # numbers and words, say
        ordered = False
    if not ordered:  # or sets
        return np.arange(len(labels))
    ranks = np.empty(len(labels), dtype=np.intp)
    ranks[order] = np.arange(len(labels))
    return ranks
