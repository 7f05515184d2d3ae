"""The best split of a node, among all columns and thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdistill.students._binned import Sample, left_sums

#: Gains this near to each other, relative to the mass of the node, count as equal.
_EQUAL = 1e-12

Impurity = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def gini(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gini impurity times mass, over the last axis (classes)."""
    total = mass.sum(axis=-1)
    safe = np.where(total > 0, total, 1.0)
    return total - np.einsum("...k,...k->...", mass, mass) / safe


def entropy(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cross-entropy of the best constant answer: entropy (in nats) times mass."""
    total = mass.sum(axis=-1)
    return _x_log_x(total) - _x_log_x(mass).sum(axis=-1)


def _x_log_x(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * np.log(np.where(x > 0, x, 1.0))


class Split(NamedTuple):
    """Rows in bins up to `threshold` of `column` go left."""

    gain: float
    column: int
    threshold: int


@dataclass(frozen=True)
class Limits:
    """What a student asks of each node; rows are those given, not those drawn.

    Parameters
    ----------
    max_depth : float
        Splits above a leaf.
    max_leaves : float
        Leaves of the tree.
    min_rows : int
        Rows of a node that is split.
    min_leaf_rows : int
        Rows of each side; never less than one.
    min_leaf_mass : float
        Weight of each side.
    min_gain : float
        Decrease of impurity times weight.
    """

    max_depth: float
    max_leaves: float
    min_rows: int
    min_leaf_rows: int
    min_leaf_mass: float
    min_gain: float

    @classmethod
    def of(cls, student, n_real: int, mass: float) -> Limits:
        """Read the parameters of a `DecisionTreeClassifier`."""
        rows = _count(student.min_samples_split, n_real, least=2)
        depth, leaves = student.max_depth, student.max_leaf_nodes
        leaf_rows = _count(student.min_samples_leaf, n_real, least=1)
        unit = 1.0 if student.criterion == "gini" else math.log(2)
        return cls(
            max_depth=math.inf if depth is None else depth,
            max_leaves=math.inf if leaves is None else leaves,
            min_rows=max(rows, 2 * leaf_rows),
            min_leaf_rows=leaf_rows,
            min_leaf_mass=student.min_weight_fraction_leaf * mass,
            min_gain=student.min_impurity_decrease * unit * mass,
        )

    def allow(self, rows, mass):
        """Whether a leaf may have so many given rows and so much mass."""
        heavy = (mass > 0) & (mass >= self.min_leaf_mass * (1 - 1e-9))
        return heavy & (rows >= self.min_leaf_rows)


def _count(value, n_rows: int, least: int) -> int:
    if isinstance(value, Integral):
        return max(int(value), least)
    return max(math.ceil(value * n_rows), least)


def search(sample: Sample, limits: Limits, impurity: Impurity) -> Split | None:
    """Find the split of these rows that lowers the impurity most; None if none does.

    Of equally good ones it is the first column's, and its lowest threshold.
    """
    gains = all_gains(sample, limits, impurity)
    return None if gains is None else first_best(gains)


def search_by_column(
    sample: Sample, limits: Limits, impurity: Impurity, most: int
) -> list[Split]:
    """Find the best split of each column, and return the best `most` of them."""
    gains = all_gains(sample, limits, impurity)
    if gains is None:
        return []
    at = gains.argmax(axis=1)
    best = gains[np.arange(len(at)), at]
    order = np.argsort(-best, kind="stable")[:most]
    return [
        Split(float(best[k]), int(k), int(at[k])) for k in order if np.isfinite(best[k])
    ]


def all_gains(
    sample: Sample, limits: Limits, impurity: Impurity
) -> NDArray[np.float64] | None:
    """How much mass times impurity each split takes away.

    Returns
    -------
    ndarray of shape (n_features, n_bins - 1) or None
        -inf where a split is not allowed, or parts the rows as a lower threshold does.
        None if the node may not be split at all.
    """
    if sample.real.sum() < limits.min_rows:
        return None
    values = np.column_stack([sample.mass, sample.real, sample.mass.sum(axis=1)])
    sums = left_sums(sample.bins, sample.codes, values)
    total, left = sums[0, -1], sums[:, :-1]
    tried = sample.bins.usable & possible(left[..., -2:], total[-2:], limits)
    # Few bins of a small node hold any rows.
    tried[:, 1:] &= left[:, 1:, -1] > left[:, :-1, -1]
    sides = left[tried][:, :-2]
    others = np.maximum(total[:-2] - sides, 0.0)
    found = impurity(total[:-2]) - impurity(sides) - impurity(others)
    enough = max(limits.min_gain, _EQUAL * total[-1])
    gains = np.full(tried.shape, -np.inf)
    gains[tried] = np.where(found >= enough, found, -np.inf)
    return gains


def possible(
    left: NDArray[np.float64], total: NDArray[np.float64], limits: Limits
) -> NDArray[np.bool_]:
    """Where both sides have enough, of given rows (first) and of mass (second)."""
    right = total - left
    # Counts are whole numbers but for the rounding of differences.
    return limits.allow(np.rint(left[..., 0]), left[..., 1]) & limits.allow(
        np.rint(right[..., 0]), right[..., 1]
    )


def first_best(gains: NDArray[np.float64]) -> Split | None:
    """The best split; the first column's and lowest of equals; None if all are -inf."""
    best = gains.max(initial=-np.inf)
    if not np.isfinite(best):
        return None
    at = int(np.argmax(gains >= best - _EQUAL * abs(best)))
    column, threshold = divmod(at, gains.shape[1])
    return Split(float(best), column, threshold)
