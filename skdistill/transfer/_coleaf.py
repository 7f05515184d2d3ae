"""Cells of rows that share a leaf: a forest says which rows are alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomTreesEmbedding,
)
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d

from skdistill.transfer._base import RowGenerator
from skdistill.transfer._parameters import wrong_count, wrong_share
from skdistill.transfer._table import Table


class CoLeaf(RowGenerator):
    """Rows that exchange cells with a row in the same leaf of a random tree.

    For each new row one tree of a forest is drawn, and one of the other rows in the
    parent's leaf of that tree: its donor. Each cell is exchanged for the donor's with
    probability `swap_probability`. No distances are needed, so columns of mixed types,
    of unlike scales, and many of them, do no harm. Every cell is one that was seen in
    its column.

    Parameters
    ----------
    swap_probability : float, default=0.5
        With which a cell is exchanged, in (0, 1].
    n_estimators : int, default=50
        Trees of the forest.
    min_samples_leaf : int, default=5
        Rows in a leaf, at least 2. The more, the farther donors are from parents.
    random_state : int, RandomState instance or None, default=None
        Of `fit` (the forest) and of `sample`.

    Attributes
    ----------
    forest_ : ExtraTreesClassifier, ExtraTreesRegressor or RandomTreesEmbedding
        Fitted on numbers and codes of the columns: to tell y from them if `fit` was
        given one (rows that share a leaf then mostly share a label), else on splits
        drawn at random.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X has names.
    changes_ : Changes
        After `sample`: how many rows and cells differ from those they come from.

    See Also
    --------
    Munge : Nearest rows, and numbers between those that were seen.

    Notes
    -----
    Each row of a leaf is as likely to give cells as to take them: in expectation all
    frequencies of a column (of categories, of missing cells) are those of X. Memory is
    8 bytes for each row and tree.

    References
    ----------
    P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning
    63, 2006 (the forest). C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model
    compression", KDD 2006 (the exchange, there with the nearest neighbour).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.transfer import CoLeaf
    >>> X, y = load_iris(return_X_y=True)
    >>> CoLeaf(random_state=0).fit(X, y).sample(1000).shape
    (1000, 4)
    """

    #: Seen values only: there is no need to know which columns are continuous.
    max_discrete = 0

    def __init__(
        self,
        swap_probability=0.5,
        n_estimators=50,
        min_samples_leaf=5,
        random_state=None,
    ):
        self.swap_probability = swap_probability
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    def _wrong(self) -> Iterator[str]:
        yield from wrong_share("swap_probability", self.swap_probability)
        yield from wrong_count("n_estimators", self.n_estimators, 1, "trees")
        yield from wrong_count(
            "min_samples_leaf", self.min_samples_leaf, 2, "rows that exchange cells"
        )

    def _prepare(self, table: Table, y, rng: np.random.Generator) -> None:
        points = _tree_points(table)
        if y is not None:
            y = column_or_1d(y, warn=True)
            check_consistent_length(points, y)
        self.forest_ = _forest(y)(
            n_estimators=int(self.n_estimators),
            min_samples_leaf=int(self.min_samples_leaf),
            max_depth=None,
            random_state=int(rng.integers(2**31 - 1)),
        ).fit(points, y, sample_weight=self._weight)
        self._leaves = _Leaves(self.forest_, points, self._weight)

    def _vary(self, parents: NDArray[np.intp], rng: np.random.Generator):
        donors = self._leaves.draw_others(parents, rng)
        for _ in self._table.columns:
            swapped = rng.random(len(parents)) < self.swap_probability
            yield np.where(swapped, donors, parents), None


def _forest(y):
    if y is None:
        return RandomTreesEmbedding
    kind = type_of_target(y, input_name="y")
    return ExtraTreesRegressor if kind == "continuous" else ExtraTreesClassifier


def _tree_points(table: Table) -> NDArray[np.float32]:
    """Numbers and codes as ranks, which float32 holds; missing cells come first.

    Trees that draw a threshold between the extremes of a column then split far
    outliers off no sooner than other rows.
    """
    points = np.empty((table.n_rows, len(table.columns)), dtype=np.float32)
    for j, column in enumerate(table.columns):
        ranks = np.unique(column.values, return_inverse=True)[1].ravel()
        points[:, j] = np.where(np.isnan(column.values), -1, ranks)
    return points


class _Leaves:
    """Which rows share a leaf, for each tree of a forest.

    Rows are listed leaf by leaf; for each row its leaf's number, and for each leaf
    where its rows start in the list.
    """

    def __init__(self, forest, points: NDArray[np.float32], weight=None):
        n_rows, n_trees = len(points), len(forest.estimators_)
        self.listed = np.empty((n_trees, n_rows), dtype=np.int32)
        self.leaf = np.empty((n_trees, n_rows), dtype=np.int32)
        starts, n_leaves = [], 0
        for k, tree in enumerate(forest.estimators_):
            node = tree.tree_.apply(points)
            _, number, size = np.unique(node, return_inverse=True, return_counts=True)
            self.listed[k] = np.argsort(node, kind="stable")
            self.leaf[k] = number.ravel() + n_leaves
            starts.append(k * n_rows + np.cumsum(size) - size)
            n_leaves += len(size)
        self.start = np.r_[np.concatenate(starts), n_trees * n_rows]
        self.mass = None
        if weight is not None:
            self.mass = np.r_[0.0, np.cumsum(weight[self.listed.ravel()])]

    def draw_others(
        self, rows: NDArray[np.intp], rng: np.random.Generator
    ) -> NDArray[np.intp]:
        """For each row another one of its leaf in any tree; itself if it is alone.

        By weight, a row stands for several: it may be drawn for itself.
        """
        tree = rng.integers(len(self.leaf), size=len(rows))
        leaf = self.leaf[tree, rows]
        if self.mass is not None:
            return self._draw_by_weight(self.mass, leaf, rows, rng)
        start, last = self.start[leaf], self.start[leaf + 1] - 1
        # One of all but the last; the last stands in for the row itself. So each other
        # row is drawn alike, wherever in the list the row itself is.
        step = np.floor(rng.random(len(rows)) * (last - start)).astype(np.intp)
        listed = self.listed.ravel()
        drawn = listed[start + step]
        return np.where(drawn == rows, listed[last], drawn).astype(np.intp)

    def _draw_by_weight(
        self, mass: NDArray, leaf: NDArray, rows: NDArray, rng: np.random.Generator
    ) -> NDArray[np.intp]:
        low, high = mass[self.start[leaf]], mass[self.start[leaf + 1]]
        marks = low + rng.random(len(leaf)) * (high - low)
        places = np.searchsorted(mass, marks, side="right") - 1
        # Rounding may carry a mark over the end of its leaf, where another begins.
        places = np.clip(places, self.start[leaf], self.start[leaf + 1] - 1)
        return np.where(high > low, self.listed.ravel()[places], rows).astype(np.intp)
