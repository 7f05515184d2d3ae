"""Choose each split by the tree that can be grown below it, not by its own gain.

From the root down, the best splits of several columns are tried at each node: a tree
of as many leaves as the present one is grown greedily below each of them, and the one
that ends up best stays (a rollout: Bertsekas, Tsitsiklis and Wu, "Rollout algorithms
for combinatorial optimization", 1997).
"""

from __future__ import annotations

from dataclasses import replace

from skdistill.students._binned import Sample
from skdistill.students._branches import Branches
from skdistill.students._growth import Spot, divide, grow, whole
from skdistill.students._split_search import (
    Limits,
    Split,
    entropy,
    search_by_column,
)

#: Columns tried at each node.
_MOST_TRIED = 6
#: Below so few leaves the greedy choice is as good.
_FEWEST_LEAVES = 3
#: Share of the total mass by which the loss has to fall.
_WORTH = 1e-5


def look_ahead(branches: Branches, sample: Sample, limits: Limits) -> Branches:
    """Return a tree of no more leaves and no higher loss on the sample.

    Parameters
    ----------
    branches : Branches
        A tree within the limits; not changed.
    sample : Sample
        Rows to choose by.
    limits : Limits
        Of the student.

    Returns
    -------
    Branches
    """
    branches = branches.copy()
    waiting = [whole(sample, len(sample.real))]
    while waiting:
        spot = waiting.pop()
        if len(branches.leaves(spot.node)) >= _FEWEST_LEAVES:
            _choose(branches, spot, sample, limits)
        node = spot.node
        if branches.is_leaf(node):
            continue
        goes_left = (
            sample.codes[spot.rows, branches.column[node]] <= branches.threshold[node]
        )
        sides = zip(branches.children(node), (goes_left, ~goes_left), strict=True)
        waiting += [
            spot._replace(node=child, rows=spot.rows[side], depth=spot.depth + 1)
            for child, side in sides
        ]
    return branches


def _choose(branches: Branches, spot: Spot, sample: Sample, limits: Limits) -> None:
    part = sample.take(spot.rows)
    n_leaves = len(branches.leaves(spot.node))
    own = replace(limits, max_depth=limits.max_depth - spot.depth, max_leaves=n_leaves)
    best, found = _loss(branches, part, spot.node) - _WORTH * sample.mass.sum(), None
    for split in search_by_column(part, limits, entropy, _MOST_TRIED):
        trial = _grow_below(split, part, own)
        loss = _loss(trial, part, 0)
        if loss < best:
            best, found = loss, trial
    if found is not None:
        branches.graft(spot.node, found)


def _grow_below(split: Split, part: Sample, limits: Limits) -> Branches:
    trial = Branches()
    spots = divide(trial, whole(part, len(part.real)), split, part.codes)
    grow(trial, list(spots), part, limits, entropy, 2)
    return trial


def _loss(branches: Branches, part: Sample, root: int) -> float:
    mass = branches.sum_up(branches.apply(part.codes, root), part.mass)
    return float(entropy(mass[branches.leaves(root)]).sum())
