"""Draw rows inside a node's box before its split is chosen.

Deep in a tree few of the rows drawn for the whole are left. A teacher answers about
any number of them, so a node draws further ones near the real rows in it, until a
second look would choose the same split (Craven and Shavlik, "Extracting tree-structured
representations of trained networks", 1996; Bastani, Kim and Bastani, "Interpreting
blackbox models via model extraction", 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdistill._sklearn_compat import take_rows
from skdistill.students._binned import Pool
from skdistill.students._growth import Spot
from skdistill.students._split_search import (
    Impurity,
    Limits,
    Split,
    all_gains,
    first_best,
)
from skdistill.targets import FreshRows, SoftTargets

#: A node with so many drawn rows in it draws no more.
_ENOUGH = 1000
#: The fewest and the most rows of one draw; the teacher is asked about one at a time.
_FEWEST, _MOST = 50, 4096
#: All nodes together draw no more than this, or than were drawn for the whole.
_MOST_IN_ALL = 50_000
#: A split that gains this share of the best one's gain counts as the same.
_SAME = 0.99
_SEEDS = 2**31 - 1

#: The teacher's distributions -> the lesson of those rows, after class weights.
Teach = Callable[[NDArray[np.float64]], SoftTargets]


class NodeRows:
    """Draws into a pool the rows that nodes ask for; a `Settle` of `grow`.

    The drawn rows of a node weigh together what those of the general sample in its box
    weighed before, so that a node that drew many does not count for more.

    Parameters
    ----------
    fresh : FreshRows
        The source.
    X : array-like of shape (n_rows, n_features)
        The rows of the lesson as they came.
    pool : Pool
        Gets the rows.
    parents : ndarray of shape (n_rows,), bool
        Which rows of the lesson others may be drawn around.
    teach : callable
        Turns what the teacher says into a lesson.
    limits, impurity : Limits, callable
        Of the student.
    rng : RandomState
        Where seeds come from.

    Attributes
    ----------
    most : int
        Rows that one node may draw, so that the first ones leave room for others.
    said : list of ndarray of shape (n_drawn, n_classes)
        The lessons' distributions of the rows drawn, in the order of the pool.
    """

    def __init__(
        self,
        fresh: FreshRows,
        X: Any,
        pool: Pool,
        parents: NDArray[np.bool_],
        teach: Teach,
        limits: Limits,
        impurity: Impurity,
        rng: np.random.RandomState,
    ):
        self.fresh, self.X, self.pool, self.parents = fresh, X, pool, parents
        self.teach, self.limits, self.impurity = teach, limits, impurity
        self.rng = rng
        # Twice an equal share, for not every node wants any.
        self.most = 2 * pool.room // max(1, most_splits(limits, pool.n_real))
        self.said: list[NDArray[np.float64]] = []

    def __call__(
        self, spot: Spot, split: Split | None
    ) -> tuple[NDArray[np.intp], Split | None]:
        """Draw rows into the spot until its split stays, and return both."""
        pool, rows = self.pool, spot.rows
        most = max(self.most, _FEWEST)
        while split is not None:
            drawn = rows[rows >= pool.n_real]
            left = min(most - (len(rows) - len(spot.rows)), _MOST, pool.room)
            n_more = min(max(len(drawn), _FEWEST), left)
            if len(drawn) >= _ENOUGH or n_more < 1 or not pool.weight[drawn].any():
                break
            new = self._draw(spot, drawn, n_more)
            if not len(new):
                break
            rows = np.concatenate([rows, new])
            split, stays = self._look_again(rows, split)
            if stays:
                break
        return rows, split

    def _look_again(self, rows, before: Split) -> tuple[Split | None, bool]:
        """The best split now, and whether it is as good as the one before."""
        gains = all_gains(self.pool.take(rows), self.limits, self.impurity)
        split = None if gains is None else first_best(gains)
        if gains is None or split is None:
            return None, True
        now = gains[before.column, before.threshold]
        return split, bool(now >= _SAME * split.gain)

    def _draw(self, spot: Spot, drawn: NDArray[np.intp], n: int) -> NDArray[np.intp]:
        """Add rows of the spot's box to the pool, labelled; none if none were found."""
        fresh, pool = self.fresh, self.pool
        seed = self.rng.randint(_SEEDS)
        if fresh.around is None:
            made = self._from_everywhere(spot, drawn, n, seed)
        else:
            made = self._around(fresh.around, spot, n, seed)
        if made is None:
            return np.empty(0, dtype=np.intp)
        X, numbers, codes = made
        lesson = self.teach(self._ask(X, len(numbers)))
        together = pool.weight[drawn].sum()
        pool.scale(drawn, len(drawn) / (len(drawn) + len(numbers)))
        weight = np.full(len(numbers), together / (len(drawn) + len(numbers)))
        factor = np.ones(len(numbers)) if lesson.weight is None else lesson.weight
        self.said.append(lesson.teacher)
        return pool.add(numbers, codes, lesson.teacher, weight, factor)

    def _ask(self, X, n: int) -> NDArray[np.float64]:
        said = np.asarray(self.fresh.label(X), dtype=np.float64)
        needed = (n, self.pool.mass.shape[1])
        if said.shape != needed:
            raise ValueError(
                f"targets.fresh.label gave an array of shape {said.shape} where "
                f"{needed} is needed; let label(X) give a distribution over "
                "targets.classes for each row of X."
            )
        return said

    def _around(self, around: Callable, spot: Spot, n: int, seed: int):
        """Draw around real rows; a cell that left the box is its parent's again."""
        real = spot.rows[spot.rows < self.pool.n_real]
        real = real[self.parents[real]]
        if not len(real):
            return None
        positions = np.resize(self.rng.permutation(real), n)
        X = around(positions, seed)
        codes = self.pool.bins.codes(as_numbers(X))
        outside = (codes < spot.low) | (codes > spot.high)
        X = put_back(X, take_rows(self.X, positions), outside)
        numbers = as_numbers(X)
        return X, numbers, self.pool.bins.codes(numbers)

    def _from_everywhere(self, spot: Spot, drawn, n: int, seed: int):
        """Draw from the whole as often as should do, and keep what is in the box."""
        everywhere = self.pool.weight[self.pool.n_real : self.pool.n].sum()
        share = self.pool.weight[drawn].sum() / everywhere
        X = self.fresh.draw(int(min(max(n / share, 1), _MOST)), seed)
        numbers = as_numbers(X)
        codes = self.pool.bins.codes(numbers)
        outside = (codes < spot.low) | (codes > spot.high)
        inside = np.flatnonzero(~outside.any(axis=1))[:n]
        if not len(inside):
            return None
        return take_rows(X, inside), numbers[inside], codes[inside]


def most_splits(limits: Limits, n_real: int) -> int:
    """How many splits a tree may have at most."""
    return int(min(limits.max_leaves - 1, n_real // (2 * limits.min_leaf_rows)))


def room_for(limits: Limits, n_real: int, n_fresh: int) -> int:
    """How many rows the nodes of a tree may draw in all."""
    return min(_ENOUGH * most_splits(limits, n_real), max(n_fresh, _MOST_IN_ALL))


def as_numbers(X) -> NDArray[np.float32]:
    """Rows as trees read them."""
    return np.asarray(X, dtype=np.float32)


def put_back(rows, parents, cells: NDArray[np.bool_]):
    """Give some cells of drawn rows the values of their parents', in their container.

    Parameters
    ----------
    rows, parents : array, pandas or polars frame of shape (n_rows, n_features)
        Of the same columns.
    cells : ndarray of shape (n_rows, n_features), bool
        Which.

    Returns
    -------
    array or frame
        As `rows`.
    """
    if isinstance(rows, np.ndarray):
        return np.where(cells, parents, rows)
    columns = np.flatnonzero(cells.any(axis=0))
    if not hasattr(rows, "iloc"):
        return rows.with_columns(
            parents[:, int(k)].zip_with(_mask(rows, cells[:, k]), rows[:, int(k)])
            for k in columns
        )
    rows = rows.copy()
    for k in columns:
        values = rows.iloc[:, k].array.copy()
        values[cells[:, k]] = parents.iloc[:, k].array[cells[:, k]]
        rows.isetitem(k, values)
    return rows


def _mask(frame, cells: NDArray[np.bool_]):
    """A polars series of booleans, without importing polars."""
    return type(frame[:, 0])("cells", cells)
