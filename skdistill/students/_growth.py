"""Grow a tree best-first: always the leaf whose split gains most."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdistill.students._binned import Pool, Sample
from skdistill.students._branches import Branches
from skdistill.students._split_search import Impurity, Limits, Split, search


class Spot(NamedTuple):
    """A leaf that may be split.

    Parameters
    ----------
    node : int
        Its number.
    rows : ndarray of int
        Positions of the rows in it.
    depth : int
        Splits above it.
    low, high : ndarray of shape (n_features,)
        The box that it stands for: its first and last bin of each column.
    """

    node: int
    rows: NDArray[np.intp]
    depth: int
    low: NDArray[np.int32]
    high: NDArray[np.int32]


#: From a spot and its best split to its rows, maybe more of them, and the best now.
Settle = Callable[[Spot, Split], "tuple[NDArray[np.intp], Split | None]"]


def whole(source: Sample | Pool, n_rows: int) -> Spot:
    """The root, with the first `n_rows` rows in it."""
    n_features, n_bins = len(source.bins.thresholds), source.bins.n_bins
    low = np.zeros(n_features, dtype=np.int32)
    return Spot(0, np.arange(n_rows), 0, low, np.full_like(low, n_bins - 1))


def grow(
    branches: Branches,
    spots: list[Spot],
    source: Sample | Pool,
    limits: Limits,
    impurity: Impurity,
    n_leaves: int,
    *,
    settle: Settle | None = None,
) -> None:
    """Split leaves until the tree has as many as it may, or no split gains anything.

    Parameters
    ----------
    branches : Branches
        Changed in place.
    spots : list of Spot
        The leaves that may be split.
    source : Sample or Pool
        Where the rows are.
    limits : Limits
        Of the student.
    impurity : callable
        What splits are to lower.
    n_leaves : int
        How many leaves the tree has now.
    settle : callable, default=None
        Asked once about every leaf before it is split.
    """
    heap: list = []

    def offer(spot: Spot, split: Split | None, *, settled: bool) -> None:
        if split is not None:
            entry = (-split.gain, spot.node, settled, split, spot)
            heapq.heappush(heap, entry)

    def look_at(spot: Spot) -> None:
        if spot.depth < limits.max_depth:
            found = search(source.take(spot.rows), limits, impurity)
            offer(spot, found, settled=settle is None)

    for spot in spots:
        look_at(spot)
    while heap and n_leaves < limits.max_leaves:
        _, _, settled, split, spot = heapq.heappop(heap)
        if settle is not None and not settled:
            rows, split = settle(spot, split)
            offer(spot._replace(rows=rows), split, settled=True)
            continue
        n_leaves += 1
        for child in divide(branches, spot, split, source.codes):
            look_at(child)


def divide(
    branches: Branches, spot: Spot, split: Split, codes: NDArray[np.int32]
) -> tuple[Spot, Spot]:
    """Split a leaf, and return the two that come of it."""
    left, right = branches.split(spot.node, split.column, split.threshold)
    goes_left = codes[spot.rows, split.column] <= split.threshold
    high, low = spot.high.copy(), spot.low.copy()
    high[split.column], low[split.column] = split.threshold, split.threshold + 1
    depth = spot.depth + 1
    return (
        Spot(left, spot.rows[goes_left], depth, spot.low, high),
        Spot(right, spot.rows[~goes_left], depth, low, spot.high),
    )


def spots_of(branches: Branches, sample: Sample) -> list[Spot]:
    """The leaves of a tree, with the rows that fall into them."""
    found, waiting = [], [whole(sample, len(sample.real))]
    while waiting:
        spot = waiting.pop()
        if branches.is_leaf(spot.node):
            found.append(spot)
            continue
        left, right = branches.children(spot.node)
        column = branches.column[spot.node]
        goes_left = sample.codes[spot.rows, column] <= branches.threshold[spot.node]
        for child, rows in ((right, ~goes_left), (left, goes_left)):
            waiting.append(
                spot._replace(node=child, rows=spot.rows[rows], depth=spot.depth + 1)
            )
    return found
