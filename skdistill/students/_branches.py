"""The shape of a tree while it is being changed: splits, leaves, and who lies where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

LEAF = -1


class Branches:
    """A binary tree whose nodes are numbers; node 0 is the root.

    Attributes
    ----------
    column, threshold : list of int
        Of each node's split; column is -1 in a leaf.
    left, right : list of int
        Children.
    """

    def __init__(self) -> None:
        self.column, self.threshold = [LEAF], [LEAF]
        self.left, self.right = [LEAF], [LEAF]

    def copy(self) -> Branches:
        """The same shape, to be changed on its own."""
        other = Branches()
        other.column, other.threshold = self.column[:], self.threshold[:]
        other.left, other.right = self.left[:], self.right[:]
        return other

    def is_leaf(self, node: int) -> bool:
        """Whether nothing hangs below the node."""
        return self.column[node] == LEAF

    def is_stump(self, node: int) -> bool:
        """Whether two leaves hang below the node."""
        if self.is_leaf(node):
            return False
        return self.is_leaf(self.left[node]) and self.is_leaf(self.right[node])

    def split(self, node: int, column: int, threshold: int) -> tuple[int, int]:
        """Turn a leaf into a split, and return its two leaves."""
        first = len(self.column)
        for each in (self.column, self.threshold, self.left, self.right):
            each += [LEAF, LEAF]
        self.column[node], self.threshold[node] = column, threshold
        self.left[node], self.right[node] = first, first + 1
        return first, first + 1

    def cut(self, node: int) -> None:
        """Turn a split into a leaf."""
        self.column[node] = LEAF

    def lift(self, node: int, child: int) -> None:
        """Put what hangs at `child` in the place of `node`."""
        for each in (self.column, self.threshold, self.left, self.right):
            each[node] = each[child]

    def graft(self, node: int, other: Branches) -> None:
        """Put another tree in the place of `node`."""
        waiting = [(0, node)]
        while waiting:
            theirs, ours = waiting.pop()
            if other.is_leaf(theirs):
                self.cut(ours)
                continue
            children = self.split(ours, other.column[theirs], other.threshold[theirs])
            waiting.append((other.left[theirs], children[0]))
            waiting.append((other.right[theirs], children[1]))

    def nodes(self, root: int = 0) -> list[int]:
        """The nodes from `root` down, each before its left and then its right side."""
        found, waiting = [], [root]
        while waiting:
            node = waiting.pop()
            found.append(node)
            if not self.is_leaf(node):
                waiting += [self.right[node], self.left[node]]
        return found

    def leaves(self, root: int = 0) -> list[int]:
        """Those of the nodes that are leaves."""
        return [node for node in self.nodes(root) if self.is_leaf(node)]

    def levels(self) -> list[list[int]]:
        """The splits of each depth, from the root's on."""
        levels, now = [], [0]
        while now := [node for node in now if not self.is_leaf(node)]:
            levels.append(now)
            now = [child for node in now for child in self.children(node)]
        return levels

    def children(self, node: int) -> tuple[int, int]:
        """Left and right."""
        return self.left[node], self.right[node]

    def depths(self) -> dict[int, int]:
        """How many splits lie above each node."""
        depths = {0: 0}
        for node in self.nodes():
            if not self.is_leaf(node):
                for child in self.children(node):
                    depths[child] = depths[node] + 1
        return depths

    def apply(self, codes: NDArray[np.int32], root: int = 0) -> NDArray[np.intp]:
        """The leaf that each row falls into, beginning at `root`."""
        found = np.empty(len(codes), dtype=np.intp)
        waiting = [(root, np.arange(len(codes)))]
        while waiting:
            node, rows = waiting.pop()
            if self.is_leaf(node):
                found[rows] = node
                continue
            goes_left = codes[rows, self.column[node]] <= self.threshold[node]
            waiting.append((self.left[node], rows[goes_left]))
            waiting.append((self.right[node], rows[~goes_left]))
        return found

    def sum_up(
        self, leaves: NDArray[np.intp], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Sum the values of the rows in each node, given the leaf of each row.

        Returns
        -------
        ndarray of shape (n_nodes, n_values)
            Numbers that no longer stand for a node have 0.
        """
        n_rows, size = len(leaves), len(self.column)
        ends = np.arange(n_rows + 1)
        which = csc_array((np.ones(n_rows), leaves, ends), (size, n_rows))
        sums = np.asarray(which @ values)
        for node in reversed(self.nodes()):
            if not self.is_leaf(node):
                sums[node] = sums[self.left[node]] + sums[self.right[node]]
        return sums
