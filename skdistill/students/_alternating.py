"""Tree alternating optimisation: choose each split again, given the rest of the tree.

A greedy tree chose its upper splits before it knew what would hang below them. With
the tree standing, each row that reaches a split has a loss on its left and one on its
right; the best split of the node is the one that sends rows where they lose less, and
it is found exactly among all columns and thresholds. Nodes of one depth share no rows,
so all of a depth are chosen at once, from the bottom up, time and again
(Carreira-Perpinan and Tavallali, "Alternating optimization of decision trees, with
application to learning sparse oblique trees", 2018). Splits that come to part nothing
are taken out, and the leaves set free are spent where they gain most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdistill.students._binned import Sample, left_sums
from skdistill.students._branches import Branches
from skdistill.students._growth import grow, spots_of
from skdistill.students._split_search import Limits, all_gains, entropy, possible

_MOST_PASSES = 15
#: Least decrease of the loss (nats per unit of weight) that is worth another pass.
_WORTH = 1e-5
#: Share of the total mass that each leaf's answer is drawn to the whole's by: a leaf
#: must not say exactly 0, for a row sent there would have an infinite loss.
_PULL = 1e-5
#: Splits given up at once in exchange for others.
_EXCHANGED = 3
_MOST_EXCHANGES = 20


def total_loss(branches: Branches, sample: Sample) -> float:
    """Cross-entropy to the mixed targets, in nats per unit of weight.

    That of each leaf's answer on its own rows and, by a weight of next to nothing, on
    the whole: answers are the minimisers of exactly this.
    """
    leaves = branches.leaves()
    mass = branches.sum_up(branches.apply(sample.codes), sample.mass)[leaves]
    pulled = mass + _pull(sample)
    return -float((pulled * np.log(_shares(pulled))).sum()) / sample.mass.sum()


def _pull(sample: Sample) -> NDArray[np.float64]:
    # Never 0, even for a class that nobody speaks of.
    whole = sample.mass.sum(axis=0)
    return _PULL * (whole + 1e-6 * whole.sum())


def _shares(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    return mass / mass.sum(axis=-1, keepdims=True)


def refine(branches: Branches, sample: Sample, limits: Limits) -> Branches:
    """Alternate until nothing is gained, then exchange weak splits for better ones.

    Parameters
    ----------
    branches : Branches
        A tree within the limits; not changed.
    sample : Sample
        The rows it is to fit.
    limits : Limits
        Of the student.

    Returns
    -------
    Branches
        Within the limits, of a `total_loss` that is no higher.
    """
    best = alternate(branches, sample, limits)
    loss = total_loss(best, sample)
    for _ in range(_MOST_EXCHANGES):
        trial = best.copy()
        _give_up_weakest(trial, sample, _EXCHANGED)
        _spend_leaves(trial, sample, limits)
        trial = alternate(trial, sample, limits, most_passes=3)
        now = total_loss(trial, sample)
        if now >= loss - _WORTH:
            break
        best, loss = trial, now
    return best


def alternate(
    branches: Branches,
    sample: Sample,
    limits: Limits,
    *,
    most_passes: int = _MOST_PASSES,
) -> Branches:
    """Choose all splits again, bottom up, for some passes: `refine` less exchange."""
    best, loss = branches, total_loss(branches, sample)
    for _ in range(most_passes):
        trial = best.copy()
        for level in reversed(trial.levels()):
            _choose_again(trial, level, sample, limits)
        repair(trial, sample, limits)
        _spend_leaves(trial, sample, limits)
        now = total_loss(trial, sample)
        if now >= loss:
            break
        gained, best, loss = loss - now, trial, now
        if gained < _WORTH:
            break
    return best


def _choose_again(
    branches: Branches, level: list[int], sample: Sample, limits: Limits
) -> None:
    """Choose the splits of one depth, given all that hangs below them."""
    leaf_of = branches.apply(sample.codes)
    mass = branches.sum_up(leaf_of, sample.mass) + _pull(sample)
    answers = np.log(_shares(mass))
    order = np.argsort(leaf_of, kind="stable")
    ends = np.searchsorted(leaf_of[order], np.arange(len(mass) + 1))
    for node in level:
        below = branches.leaves(node)
        rows = np.concatenate([order[ends[k] : ends[k + 1]] for k in below])
        part = sample.take(rows)
        if branches.is_stump(node):
            _choose_with_leaves(branches, node, part, limits)
        else:
            _choose_given_leaves(branches, node, part, answers, limits)


def _choose_with_leaves(
    branches: Branches, node: int, part: Sample, limits: Limits
) -> None:
    """Above two leaves split and answers are chosen together: plain split search."""
    gains = all_gains(part, limits, entropy)
    if gains is None:
        return
    column, threshold = np.unravel_index(int(gains.argmax()), gains.shape)
    now = gains[branches.column[node], branches.threshold[node]]
    if gains[column, threshold] > now + _WORTH * part.mass.sum():
        branches.column[node], branches.threshold[node] = int(column), int(threshold)


def _choose_given_leaves(
    branches: Branches, node: int, part: Sample, answers, limits: Limits
) -> None:
    left, right = branches.children(node)
    by_side = [answers[branches.apply(part.codes, child)] for child in (left, right)]
    # What each row loses by going left instead of right.
    extra = np.einsum("ik,ik->i", part.mass, by_side[1] - by_side[0])
    values = np.column_stack([extra, part.real, part.mass.sum(axis=1)])
    sums = left_sums(part.bins, part.codes, values)
    total, sums = sums[0, -1], sums[:, :-1]
    fits = possible(sums[..., 1:], total[1:], limits)
    losses = np.where(fits & part.bins.usable, sums[..., 0], np.inf)
    column, threshold = np.unravel_index(int(losses.argmin()), losses.shape)
    now = losses[branches.column[node], branches.threshold[node]]
    best, one_side = losses[column, threshold], min(0.0, total[0])
    worth = 1e-9 * part.mass.sum()
    if one_side < min(best, now) - worth:
        branches.lift(node, left if total[0] < 0 else right)
    elif best < now - worth:
        branches.column[node], branches.threshold[node] = int(column), int(threshold)


def repair(branches: Branches, sample: Sample, limits: Limits) -> None:
    """Take out splits whose sides no longer have what the student asks for."""
    while True:
        values = np.column_stack([sample.mass.sum(axis=1), sample.real])
        sums = branches.sum_up(branches.apply(sample.codes), values)
        for node in branches.nodes():
            if branches.is_leaf(node):
                continue
            left, right = branches.children(node)
            enough = limits.allow(sums[[left, right], 1], sums[[left, right], 0])
            if sums[node, 1] < limits.min_rows:
                branches.cut(node)
                break
            if not enough.all():
                branches.lift(node, right if enough[1] else left)
                break
        else:
            return


def _spend_leaves(branches: Branches, sample: Sample, limits: Limits) -> None:
    spots = spots_of(branches, sample)
    if len(spots) < limits.max_leaves:
        grow(branches, spots, sample, limits, entropy, len(spots))


def _give_up_weakest(branches: Branches, sample: Sample, n_splits: int) -> None:
    mass = branches.sum_up(branches.apply(sample.codes), sample.mass)
    loss = entropy(mass)
    for _ in range(n_splits):
        stumps = [node for node in branches.nodes() if branches.is_stump(node)]
        if not stumps:
            return
        gains = [
            loss[node] - loss[branches.left[node]] - loss[branches.right[node]]
            for node in stumps
        ]
        branches.cut(stumps[int(np.argmin(gains))])
