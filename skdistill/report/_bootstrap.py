"""Means of many columns over many resamples of the rows, all columns at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

#: More rows than that are resampled in as many groups, put together at random. A mean
#: varies over resampled groups as it does over resampled rows, and the work is bounded.
MOST_GROUPS = 10_000

#: Numbers of a block of resamples: 32 megabytes.
_BLOCK_CELLS = 2**22


class Parted(NamedTuple):
    """A column that is summed within parts: a value for each row, and where it goes.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
    part : ndarray of shape (n_rows,), intp
        From 0 to n_parts - 1.
    n_parts : int
    """

    values: NDArray[np.float64]
    part: NDArray[np.intp]
    n_parts: int


class Estimate(NamedTuple):
    """A figure with its interval.

    Parameters
    ----------
    value : float
        On the rows given.
    low, high : float
        Ends of the interval; nan where there is none.
    """

    value: float
    low: float = np.nan
    high: float = np.nan


def resampled_means(
    columns: Mapping[Any, NDArray | Parted],
    weight: NDArray[np.float64] | None,
    n_resamples: int,
    random_state,
) -> dict[Any, NDArray[np.float64]]:
    """Weighted means of columns over the rows, and over resamples of these.

    All columns share the resamples, so that differences between them are paired.

    Parameters
    ----------
    columns : mapping of object to ndarray of shape (n_rows,) or Parted
        One value for each row.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    n_resamples : int
        How many times as many rows are drawn with replacement.
    random_state : int, RandomState instance or None
        Seed.

    Returns
    -------
    dict of object to ndarray of shape (1 + n_resamples, ) or (1 + n_resamples, n_parts)
        First the mean over all rows once, then those of the resamples. The means of
        parts are sums within the part, over the weight of all rows.
    """
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    n_rows = len(next(v[0] if isinstance(v, Parted) else v for v in columns.values()))
    weight = np.ones(n_rows) if weight is None else weight
    n_groups, group = n_rows, np.arange(n_rows)
    if n_rows > MOST_GROUPS:
        n_groups, group = MOST_GROUPS, rng.permutation(n_rows) % MOST_GROUPS
    sums = [_sum(column, weight, group, n_groups) for column in columns.values()]
    table = np.column_stack([*sums, np.bincount(group, weight, minlength=n_groups)])
    totals = np.vstack([table.sum(axis=0), _resample(table, n_resamples, rng)])
    # A resample may have drawn nothing but weights that vanish.
    with np.errstate(invalid="ignore"):
        means = totals[:, :-1] / totals[:, -1:]
    ends = np.cumsum([each.shape[1] for each in sums])[:-1]
    split = dict(zip(columns, np.split(means, ends, axis=1), strict=True))
    return {
        name: mean if isinstance(columns[name], Parted) else mean[:, 0]
        for name, mean in split.items()
    }


def _sum(column, weight: NDArray, group: NDArray, n_groups: int) -> NDArray:
    """Of a column in each group; shape (n_groups, n_parts)."""
    if not isinstance(column, Parted):
        column = Parted(column, np.zeros(len(group), dtype=np.intp), 1)
    where = group * column.n_parts + column.part
    n_cells = n_groups * column.n_parts
    sums = np.bincount(where, weight * column.values, minlength=n_cells)
    return sums.reshape(n_groups, column.n_parts)


def _resample(
    table: NDArray, n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Sums of the columns over each resample: how often it has a row, times the row."""
    n_rows = len(table)
    sums = np.empty((n_resamples, table.shape[1]))
    step = max(1, _BLOCK_CELLS // n_rows)
    for start in range(0, n_resamples, step):
        stop = min(start + step, n_resamples)
        counts = np.empty((stop - start, n_rows))
        for count in counts:
            drawn = rng.integers(n_rows, size=n_rows, dtype=np.int32)
            count[:] = np.bincount(drawn, minlength=n_rows)
        sums[start:stop] = counts @ table
    return sums


def estimate(values: NDArray[np.float64], confidence_level: float) -> Estimate:
    """The first value, with the percentiles of the others.

    Parameters
    ----------
    values : ndarray of shape (1 + n_resamples,)
        As of :func:`resampled_means`. Resamples that leave a figure undefined are nan
        and do not count.
    confidence_level : float
        In (0, 1).

    Returns
    -------
    Estimate
    """
    rest = values[1:][np.isfinite(values[1:])]
    if not len(rest) or not np.isfinite(values[0]):
        return Estimate(float(values[0]))
    tail = 50 * (1 - confidence_level)
    low, high = np.percentile(rest, [tail, 100 - tail])
    return Estimate(float(values[0]), float(low), float(high))
