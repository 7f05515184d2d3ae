"""Single trees that take their time: rows drawn in every node, splits chosen again.

Such a tree grows best-first. Each node is topped up with rows of its own box that the
teacher labels (`_node_rows`) before it is split, and every split has given rows on
both sides. Then, with all rows in hand, splits are chosen by what can be grown below
them (`_lookahead`) and once more given all the others (`_alternating`). Both lower the
distillation loss itself: at temperature 1 the cross-entropy to the mixed target.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state

from skdistill.students._alternating import alternate, refine, repair, total_loss
from skdistill.students._binned import Bins, Pool, Sample
from skdistill.students._branches import Branches
from skdistill.students._growth import grow, whole
from skdistill.students._lookahead import look_ahead
from skdistill.students._node_rows import NodeRows, as_numbers, room_for
from skdistill.students._split_search import Limits, entropy, gini
from skdistill.targets import UNLABELED, FreshRows, SoftTargets

#: Larger trees are grown and left as they are, or not looked ahead in.
_MOST_LEAVES_REFINED, _MOST_LEAVES_LOOKED_AHEAD = 1000, 200
#: Rows that candidates of the look-ahead are compared on.
_MOST_ROWS_LOOKED_AHEAD = 25_000

#: What a node's box and a second choice of splits leave no sense to.
_MUST_BE = {
    "splitter": "best",
    "max_features": None,
    "monotonic_cst": None,
    "ccp_alpha": 0.0,
}


def check(student, X=None) -> None:
    """Raise unless a tree can draw rows in its nodes.

    Parameters
    ----------
    student : DecisionTreeClassifier
        With valid parameters.
    X : array-like of shape (n_rows, n_features), default=None
        Its rows, once they are known.

    Raises
    ------
    TypeError
        If it is another kind of student.
    ValueError
        If it has a parameter, or X something, that such a tree cannot honour.
    """
    if type(student) is not DecisionTreeClassifier:
        raise TypeError(
            "Only DecisionTreeClassifier draws rows in its nodes, and the student is "
            f"{type(student).__name__}; set transfer_redraw=False."
        )
    for name, needed in _MUST_BE.items():
        value = getattr(student, name)
        all_columns = name == "max_features" and isinstance(value, float) and value == 1
        same = value is needed or (np.isscalar(value) and value == needed)
        if not (same or all_columns):
            raise ValueError(
                f"{name}={value!r} of the student cannot be kept by a tree that draws "
                f"rows in its nodes and chooses its splits again; give {name}="
                f"{needed!r}, or set transfer_redraw=False."
            )
    if X is not None:
        _check_rows(X)


def _check_rows(X) -> None:
    if issparse(X):
        raise ValueError(
            "X is sparse: rows are not drawn in the nodes of a tree on sparse rows. "
            "Give X as an array (X.toarray()), or set transfer_redraw=False."
        )
    try:
        good = bool(np.isfinite(as_numbers(X)).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            "X has cells that are no numbers, missing or infinite (or too large for "
            "float32): rows are not drawn in the nodes of a tree on these. Encode and "
            "impute them in front of the distiller, or set transfer_redraw=False."
        )


class Patient:
    """Grows one tree and says what it is made of.

    Parameters
    ----------
    student : DecisionTreeClassifier
        Its parameters are read.
    X : array or frame of shape (n_rows, n_features)
        The rows of the lesson.
    targets : SoftTargets
        The lesson after class weights.
    fresh : FreshRows
        Where further rows come from.
    mixed : ndarray of shape (n_rows, n_classes)
        Its mixed targets.
    weight : ndarray of shape (n_rows,) or None
        Weights before class weights.
    by_class : ndarray of shape (n_classes,) or None
        Class weights.

    Attributes
    ----------
    branches : Branches
        The tree.
    pool : Pool
        All rows it was grown from: those of the lesson, then those drawn in nodes.
    """

    def __init__(
        self,
        student,
        X,
        targets: SoftTargets,
        fresh: FreshRows,
        mixed: NDArray[np.float64],
        weight: NDArray[np.float64] | None,
        by_class: NDArray[np.float64] | None,
    ):
        self.targets, self.by_class = targets, by_class
        self.impurity = gini if student.criterion == "gini" else entropy
        n_real = len(mixed) - fresh.n_rows
        mass = len(mixed) if targets.weight is None else targets.weight.sum()
        self.limits = Limits.of(student, n_real, mass)
        room = room_for(self.limits, n_real, fresh.n_rows)
        self.pool = _pool_of(X, targets, n_real, room, mixed, weight)
        rng = check_random_state(student.random_state)
        self._rows = NodeRows(
            fresh,
            X,
            self.pool,
            targets.labels != UNLABELED,
            self._lesson_of,
            self.limits,
            self.impurity,
            rng,
        )
        self.branches = self._improve(self._grow(), rng)

    def _grow(self) -> Branches:
        branches = Branches()
        spots = [whole(self.pool, self.pool.n)]
        grow(
            branches,
            spots,
            self.pool,
            self.limits,
            self.impurity,
            1,
            settle=self._rows,
        )
        return branches

    def _improve(self, branches: Branches, rng) -> Branches:
        """Choose splits again; not where each had to gain a given amount as it came."""
        n_leaves = len(branches.leaves())
        if self.limits.min_gain > 0 or not 1 < n_leaves <= _MOST_LEAVES_REFINED:
            return branches
        sample = self.pool.all()
        if n_leaves <= _MOST_LEAVES_LOOKED_AHEAD:
            some, limits = _some_of(sample, self.pool.n_real, self.limits, rng)
            ahead = look_ahead(branches, some, limits)
            repair(ahead, sample, self.limits)
            if total_loss(ahead, sample) < total_loss(branches, sample):
                branches = ahead
        branches = refine(branches, sample, self.limits)
        self._sharpen(branches)
        return alternate(branches, self.pool.all(), self.limits)

    def _sharpen(self, branches: Branches) -> None:
        """Let splits choose among finer thresholds next to those they have."""
        before, splits = (
            self.pool.bins,
            [k for level in branches.levels() for k in level],
        )
        used: list[set[int]] = [set() for _ in before.thresholds]
        for node in splits:
            used[branches.column[node]].add(branches.threshold[node])
        self.pool.put_in(before.finer(self.pool.X[: self.pool.n], used))
        for node in splits:
            column = branches.column[node]
            value = before.thresholds[column][branches.threshold[node]]
            after = self.pool.bins.thresholds[column]
            branches.threshold[node] = int(np.searchsorted(after, value))

    def _lesson_of(self, said: NDArray[np.float64]) -> SoftTargets:
        nobody = np.full(len(said), UNLABELED)
        lesson = SoftTargets(self.targets.classes, np.asarray(said, float), nobody, 1.0)
        return lesson.weighted_by_class(self.by_class)

    def lesson(self) -> SoftTargets:
        """The targets of all rows of the pool, with the weights that they have now."""
        targets, pool = self.targets, self.pool
        n_more = pool.n - len(targets.labels)
        alpha = np.broadcast_to(targets.alpha, len(targets.labels))
        return replace(
            targets,
            teacher=np.concatenate([targets.teacher, *self._rows.said]),
            labels=np.append(targets.labels, np.full(n_more, UNLABELED)),
            alpha=np.append(alpha, np.ones(n_more)),
            weight=pool.weight[: pool.n] * pool.factor[: pool.n],
            representations=(),
            fresh=None,
        )

    def state(self, node_dtype: np.dtype) -> dict[str, Any]:
        """The tree as scikit-learn's `Tree` takes it; impurities are left at 0."""
        branches, pool = self.branches, self.pool
        order = branches.nodes()
        place = {node: k for k, node in enumerate(order)}
        sample = pool.all()
        values = np.column_stack([sample.mass, np.ones(pool.n)])
        sums = branches.sum_up(branches.apply(sample.codes), values)[order]
        nodes = np.zeros(len(order), dtype=node_dtype)
        for k, node in enumerate(order):
            if branches.is_leaf(node):
                nodes["left_child"][k] = nodes["right_child"][k] = -1
                nodes["feature"][k], nodes["threshold"][k] = -2, -2.0
                continue
            column = branches.column[node]
            nodes["left_child"][k] = place[branches.left[node]]
            nodes["right_child"][k] = place[branches.right[node]]
            nodes["feature"][k] = column
            at = branches.threshold[node]
            nodes["threshold"][k] = pool.bins.thresholds[column][at]
        nodes["n_node_samples"] = np.rint(sums[:, -1])
        nodes["weighted_n_node_samples"] = sums[:, :-1].sum(axis=1)
        return {
            "max_depth": max(branches.depths().values()),
            "node_count": len(order),
            "nodes": nodes,
            "values": sums[:, None, :-1].copy(),
        }


def _pool_of(X, targets: SoftTargets, n_real: int, room: int, mixed, weight) -> Pool:
    numbers = as_numbers(X)
    n_rows = len(numbers)
    bins = Bins.of(numbers)
    pool = Pool(bins, mixed.shape[1], n_real, n_rows + room)
    weight = np.ones(n_rows) if weight is None else weight
    after = weight if targets.weight is None else targets.weight
    factor = np.where(weight > 0, after / np.where(weight > 0, weight, 1.0), 1.0)
    pool.add(numbers, bins.codes(numbers), mixed, weight, factor)
    return pool


def _some_of(sample: Sample, n_real: int, limits: Limits, rng) -> tuple[Sample, Limits]:
    """Fewer rows of the same mass, and what they are to have of given rows then."""
    given, drawn = np.arange(n_real), np.arange(n_real, len(sample.real))
    if len(given) + len(drawn) <= _MOST_ROWS_LOOKED_AHEAD:
        return sample, limits
    n_given = min(n_real, _MOST_ROWS_LOOKED_AHEAD // 2)
    n_drawn = min(len(drawn), _MOST_ROWS_LOOKED_AHEAD - n_given)
    rows, scale = [], []
    for among, n in ((given, n_given), (drawn, n_drawn)):
        rows.append(np.sort(rng.choice(among, n, replace=False)))
        scale.append(np.full(n, len(among) / max(n, 1)))
    some = sample.take(np.concatenate(rows))
    some = some._replace(mass=some.mass * np.concatenate(scale)[:, None])
    share = n_given / n_real
    least = math.ceil(limits.min_leaf_rows * share)
    min_rows = max(2, math.ceil(limits.min_rows * share))
    return some, replace(limits, min_leaf_rows=least, min_rows=min_rows)
