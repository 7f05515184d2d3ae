"""What fitted estimators remember of the rows that they were trained on.

Each of `leaves_hold_these`, `keeps_these` and `better_than_out_of_bag` compares one
kind of memory with rows at hand and says in a sentence what it finds, or None. They
raise whatever comes up where an estimator is not of their kind.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

from skdistill._rows import n_rows_of
from skdistill._sklearn_compat import take_rows

#: What other rows would do with at most this probability is taken for proof.
_CHANCE = 1e-6

#: Trees of an ensemble that are looked at: one is proof, another may have more leaves.
_TREES = 2

#: Rows that are compared to see how different rows are.
_SPREAD = 64

#: Rows whose labels are compared with what an out-of-bag score promises.
_ASKED = 2048

#: How far accuracy must be above the out-of-bag score: points, and standard errors.
_POINTS, _ERRORS = 0.02, 5.0


class SeenRows(NamedTuple):
    """The rows, in the words of one part of a teacher.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        What the part is given.
    codes : ndarray of shape (n_rows,), intp, or None
        Positions of the labels in `names`. None: the part was not trained on labels.
    names : ndarray of shape (n_classes,)
        What the part was told the classes are.
    right : float or None
        Share of rows that the part is known to be right about.
    """

    X: Any
    codes: NDArray[np.intp] | None
    names: NDArray
    right: float | None = None

    def positions_in(self, classes) -> NDArray[np.intp]:
        """Position of each label in `classes`; ValueError if one is not there."""
        assert self.codes is not None
        place = {label: k for k, label in enumerate(np.asarray(classes).tolist())}
        found = np.array([place.get(name, -1) for name in self.names.tolist()])
        codes = found[self.codes]
        if codes.min() < 0:
            raise ValueError("Not these rows: a label is unknown.")
        return codes

    def told_to(self, member, whole) -> SeenRows:
        """The same rows in the words of a member; many wholes encode the labels."""
        if self.codes is None or np.array_equal(member.classes_, whole.classes_):
            return self._replace(right=None)
        codes = self.positions_in(whole.classes_)
        return SeenRows(self.X, codes, np.arange(len(whole.classes_)))


class _Tree(NamedTuple):
    """What a tree remembers of its rows, and where the rows at hand come out.

    Parameters
    ----------
    grown_on : ndarray of shape (n_nodes,)
        Number of rows that made each leaf; 0 for nodes that are no leaves.
    node : ndarray of shape (n_rows,), intp
        The leaf of each row.
    drawn : ndarray of shape (n_rows,), bool
        Whether the tree was grown on this row, if these were its rows.
    same_labels : bool
        Whether the labels, too, are what the tree remembers.
    """

    grown_on: NDArray
    node: NDArray[np.intp]
    drawn: NDArray[np.bool_]
    same_labels: bool


# Leaves


def leaves_hold_these(model, rows: SeenRows) -> str | None:
    """Whether the leaves of trees hold what they were grown on."""
    if isinstance(model, (GradientBoostingClassifier, HistGradientBoostingClassifier)):
        trees = list(_first_steps(model, rows))
    else:
        trees = list(_some_trees(model, rows))
    for tree in trees:
        held = np.bincount(tree.node[tree.drawn], minlength=len(tree.grown_on))
        if not (np.array_equal(held, tree.grown_on) and tree.same_labels):
            return None
    chance, n_leaves = min(
        (_log_chance_of_counts(tree.grown_on), np.count_nonzero(tree.grown_on))
        for tree in trees
    )
    if chance > np.log(_CHANCE):
        return None
    where = "" if hasattr(model, "tree_") else "a tree in "
    return (
        f"Each of the {n_leaves} leaves of {where}{type(model).__name__} holds as many "
        "of these rows as it was grown on"
        + (", with the same labels." if rows.codes is not None else ".")
    )


def _log_chance_of_counts(count: NDArray) -> float:
    """Log of the largest probability that a multinomial may give to these counts."""
    n = count.sum()
    ways = gammaln(n + 1) - gammaln(count + 1).sum()
    return float(ways + xlogy(count, count / n).sum())


def _some_trees(model, rows: SeenRows) -> Iterator[_Tree]:
    """A classification tree, or the first of a forest or of bagging."""
    n_rows = n_rows_of(rows.X)
    if hasattr(model, "tree_"):
        yield _as_grown(model, model.apply(rows.X), np.ones(n_rows), rows)
        return
    few = _with_members(model, _TREES)
    if hasattr(few, "apply"):
        nodes = list(few.apply(rows.X).T)
    else:
        X = rows.X if scipy.sparse.issparse(rows.X) else np.asarray(rows.X)
        members = zip(few.estimators_, few.estimators_features_, strict=True)
        nodes = [member.apply(X[:, columns]) for member, columns in members]
    for k, drawn in enumerate(few.estimators_samples_):
        member = few.estimators_[k]
        times = np.bincount(drawn, minlength=n_rows).astype(np.float64)
        yield _as_grown(member, nodes[k], times, rows.told_to(member, model))


def _with_members(model, n: int):
    """A copy of an ensemble with its first members, which share everything."""
    few = copy.copy(model)
    for name in ("estimators_", "estimators_features_", "_seeds"):
        if hasattr(model, name):
            setattr(few, name, getattr(model, name)[:n])
    few.n_estimators = len(few.estimators_)
    few.n_jobs, few.verbose = None, 0
    return few


def _as_grown(tree, node: NDArray, times: NDArray, rows: SeenRows) -> _Tree:
    memory = tree.tree_
    leaf = memory.children_left < 0
    same = rows.codes is None or _same_shares(
        memory, leaf, node, rows.positions_in(tree.classes_), times
    )
    return _Tree(np.where(leaf, memory.n_node_samples, 0), node, times > 0, same)


def _same_shares(memory, leaf, node, codes, times) -> bool:
    """Whether each leaf remembers the classes that its rows have now.

    To the row, unless rows had weights: then there must be the same classes.
    """
    shares = memory.value[leaf, 0]
    n_classes = shares.shape[1]
    mass = np.bincount(
        node * n_classes + codes, times, minlength=len(leaf) * n_classes
    ).reshape(-1, n_classes)[leaf]
    weight = memory.weighted_n_node_samples[leaf]
    if np.array_equal(weight, mass.sum(axis=1)):
        return np.array_equal(mass, np.rint(shares * weight[:, None]))
    return np.array_equal(mass > 0, shares > 0)


def _first_steps(model, rows: SeenRows) -> Iterator[_Tree]:
    """The trees of the first iteration of boosting, which are grown on all rows."""
    recall = _steps_in_bins if hasattr(model, "_predictors") else _steps
    n_classes = len(model.classes_)
    n_rows = n_rows_of(rows.X)
    for k, (count, node, value, ridge) in enumerate(recall(model, rows.X)):
        same = True
        if rows.codes is not None:
            hit = rows.positions_in(model.classes_) == (1 if n_classes == 2 else k)
            same = _same_step(count, node, value, ridge, hit)
        yield _Tree(count, node, np.ones(n_rows, dtype=bool), same)


def _steps(model: GradientBoostingClassifier, X) -> Iterator[tuple]:
    nodes = _with_members(model, 1).apply(X)[:, 0].astype(np.intp)
    for k, tree in enumerate(model.estimators_[0, :_TREES]):
        memory = tree.tree_
        count = np.where(memory.children_left < 0, memory.n_node_samples, 0)
        yield count, nodes[:, k], memory.value[:, 0, 0], np.zeros(len(count))


def _steps_in_bins(model: HistGradientBoostingClassifier, X) -> Iterator[tuple]:
    """Rows are in one leaf if they have one score after the first iteration.

    Scores are the leaves' values plus a constant, so both have the same order. Leaves
    of one value count as one leaf.
    """
    scores = next(model.staged_decision_function(X)).reshape(n_rows_of(X), -1)
    for k, tree in enumerate(model._predictors[0][:_TREES]):
        leaves = tree.nodes[tree.nodes["is_leaf"].astype(bool)]
        level = _levels(leaves["value"])
        n_leaves = np.bincount(level)
        count = np.bincount(level, leaves["count"]).astype(np.int64)
        value = np.bincount(level, leaves["value"]) / n_leaves
        ridge = n_leaves * model.l2_regularization
        yield count, _levels(scores[:, k]), value, ridge


def _levels(numbers: NDArray) -> NDArray[np.intp]:
    """Number the different numbers in their order, but for rounding."""
    different, which = np.unique(numbers, return_inverse=True)
    steps = np.diff(different) > 1e-9 * np.ptp(different)
    return np.append(0, np.cumsum(steps))[which]


def _same_step(count, node, value, ridge, hit) -> bool:
    """Whether the first step of boosting is Newton's for these labels, up to a factor.

    From the share Q of a class in all rows, that is
    ``n (q - Q) / (n Q (1 - Q) + ridge)`` in a leaf of n rows, with share q of it.
    """
    leaf = count > 0
    n, value, ridge, overall = count[leaf], value[leaf], ridge[leaf], hit.mean()
    hits = np.bincount(node, hit, minlength=len(count))[leaf]
    with np.errstate(invalid="ignore", divide="ignore"):
        step = (hits - n * overall) / (n * overall * (1 - overall) + ridge)
        factor = value @ step / (step @ step)
    rest = np.abs(value - factor * step).max()
    return bool(factor > 0 and rest < 1e-5 * np.ptp(value))  # gradients are float32


# Rows kept


def keeps_these(model, rows: SeenRows) -> str | None:
    """Whether nearest neighbours, or support vectors, are rows at hand."""
    if hasattr(model, "_fit_X"):
        kept, theirs = model._fit_X, model._y
        places = np.arange(kept.shape[0])
    else:
        kept, places = model.support_vectors_, model.support_
        theirs = np.repeat(np.arange(len(model.n_support_)), model.n_support_)
    if rows.codes is not None:
        codes = rows.positions_in(model.classes_)[places]
        if not np.array_equal(codes, np.ravel(theirs)):
            return None
    if not _equal_tables(kept, take_rows(rows.X, places)):
        return None
    if _log_chance_of_sequence(kept) > np.log(_CHANCE):
        return None
    return f"{type(model).__name__} keeps rows that it was trained on: they are these."


def _equal_tables(kept, given) -> bool:
    if scipy.sparse.issparse(kept) or scipy.sparse.issparse(given):
        kept, given = scipy.sparse.csr_matrix(kept), scipy.sparse.csr_matrix(given)
        return kept.shape == given.shape and (kept != given).nnz == 0
    kept = np.asarray(kept)
    return np.array_equal(kept, np.asarray(given, dtype=kept.dtype), equal_nan=True)


def _log_chance_of_sequence(kept) -> float:
    """Log of the largest probability that independent draws are some of these rows."""
    some = kept[_spread(kept.shape[0], _SPREAD)]
    some = some.toarray() if scipy.sparse.issparse(some) else np.asarray(some)
    count = np.unique(some, axis=0, return_counts=True)[1]
    return float(xlogy(count, count / count.sum()).sum())


def _spread(n_rows: int, at_most: int) -> NDArray[np.intp]:
    """Up to so many rows, evenly spread: what comes first may be all alike."""
    return np.linspace(0, n_rows - 1, min(n_rows, at_most)).astype(np.intp)


# Out of bag


def better_than_out_of_bag(model, rows: SeenRows) -> str | None:
    """Whether accuracy is above the out-of-bag score by more than chance can do."""
    if rows.codes is None or callable(model.oob_score) or not model.oob_score:
        return None  # none was asked for, or it is something else than accuracy
    n_rows, n_trained = len(rows.codes), len(model.oob_decision_function_)
    codes = rows.positions_in(model.classes_)
    if not _same_classes(model.oob_decision_function_, codes):
        return None
    voters, unheard = _voters(model, n_trained)
    out_of_bag = model.oob_score_ + unheard
    if rows.right is not None and rows.right < out_of_bag + _POINTS:
        return None
    asked = _spread(n_rows, _ASKED)
    guess = _with_members(model, voters).predict(take_rows(rows.X, asked))
    right = float(np.mean(guess == rows.names[rows.codes[asked]]))
    n_all = n_trained + len(asked)
    pooled = (n_trained * out_of_bag + len(asked) * right) / n_all
    error = np.sqrt(pooled * (1 - pooled) * (1 / n_trained + 1 / len(asked)))
    if right - out_of_bag <= max(_POINTS, _ERRORS * error):
        return None
    return (
        f"{type(model).__name__} is right about {right:.1%} of these rows when as many "
        "members vote as do out of bag, but its out-of-bag score is "
        f"{model.oob_score_:.1%}."
    )


def _voters(ensemble, n_trained: int) -> tuple[int, float]:
    """How many members have an out-of-bag vote on a row, and on how many rows none."""
    drawn = _with_members(ensemble, 1).estimators_samples_[0]
    left_out = 1 - len(np.unique(drawn)) / n_trained
    n_members = len(ensemble.estimators_)
    mean = n_members * left_out
    # The number differs from row to row; the error falls as its reciprocal does.
    alike = mean / (1 + (1 - left_out) / mean)
    return max(1, int(alike)), (1 - left_out) ** n_members


def _same_classes(votes: NDArray, codes: NDArray[np.intp]) -> bool:
    """Whether classes come in the shares that they had in training, but for chance."""
    theirs = np.nan_to_num(votes).mean(axis=0)
    theirs /= theirs.sum()
    ours = np.bincount(codes, minlength=len(theirs)) / len(codes)
    spread = ours * (1 - ours) * (1 / len(codes) + 1 / len(votes))
    return bool((np.abs(ours - theirs) < 0.05 + 3 * np.sqrt(spread)).all())
