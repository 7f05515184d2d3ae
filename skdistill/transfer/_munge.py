"""MUNGE: values of the nearest row, and numbers around them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skdistill.transfer._base import RowGenerator
from skdistill.transfer._neighbors import nearest_others
from skdistill.transfer._parameters import wrong_count, wrong_scale, wrong_share


class Munge(RowGenerator):
    r"""Rows on the way to their nearest neighbour (MUNGE).

    A new row starts as a copy of a fitted row :math:`e` whose nearest other row is
    :math:`e'`. Each cell is exchanged with probability `swap_probability`: a category
    for that of :math:`e'`, a number for a draw from

    .. math:: N\left(e'_j, \; |e_j - e'_j| / s \right)

    where :math:`s` is `local_variance`. So rows stay where the data are, and move far
    only where the data are sparse. Distances need columns of like scale: numbers are
    standardised, categories that differ are 1 apart.

    The paper exchanges cells in both rows at once; here each new row has its own
    neighbour and the fitted rows stay as they are. Rows that are equal are no
    neighbours, for nothing could be exchanged between them.

    Parameters
    ----------
    swap_probability : float, default=0.5
        With which a cell is exchanged, in (0, 1].
    local_variance : float, default=1.0
        The larger, the closer numbers stay to those of the neighbour (the paper's
        :math:`s`).
    max_neighbors_from : int, default=50000
        Of more distinct rows than that, neighbours are looked for in a random part of
        this size: the search takes time in proportion to n_rows times this.
    max_discrete : int, default=16
        A column of numbers with at most that many distinct ones is discrete: they are
        exchanged, never moved, as integer codes and indicators must be. Fractions that
        hardly ever come twice (in a table of few rows) are moved all the same.
    random_state : int, RandomState instance or None, default=None
        Of `fit` (which rows are searched) and of `sample`.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X has names.
    changes_ : Changes
        After `sample`: how many rows and cells differ from those they come from.

    See Also
    --------
    CoLeaf : Asks a forest which rows are alike; for mixed types and many columns.
    Constrained : Keeps rows to what is possible.

    Notes
    -----
    Whole numbers (of any dtype) stay whole, and within the range seen. A cell that is
    missing in either row is exchanged like a category. Since some rows are neighbours
    of many others, frequencies (of categories, of missing cells) move a little.

    References
    ----------
    C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model compression", KDD 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.transfer import Munge
    >>> X, _ = load_iris(return_X_y=True)
    >>> munge = Munge(random_state=0).fit(X)
    >>> munge.sample(1000).shape
    (1000, 4)
    >>> munge.changes_.n_rows_changed > 800
    True
    """

    def __init__(
        self,
        swap_probability=0.5,
        local_variance=1.0,
        max_neighbors_from=50_000,
        max_discrete=16,
        random_state=None,
    ):
        self.swap_probability = swap_probability
        self.local_variance = local_variance
        self.max_neighbors_from = max_neighbors_from
        self.max_discrete = max_discrete
        self.random_state = random_state

    def _wrong(self) -> Iterator[str]:
        yield from wrong_share("swap_probability", self.swap_probability)
        yield from wrong_scale(
            "local_variance",
            self.local_variance,
            "the larger, the closer numbers stay to those of the neighbour",
        )
        yield from wrong_count(
            "max_neighbors_from",
            self.max_neighbors_from,
            2,
            "how many rows neighbours are looked for in",
        )
        yield from super()._wrong()

    def _prepare(self, table, y, rng) -> None:
        self._nearest = nearest_others(table, int(self.max_neighbors_from), rng)

    def _vary(
        self, parents: NDArray[np.intp], rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64] | None]]:
        nearest = self._nearest[parents]
        for column in self._table.columns:
            swapped = rng.random(len(parents)) < self.swap_probability
            donors = np.where(swapped, nearest, parents)
            spread = None
            if column.is_continuous:
                spread = column.gap(parents, donors) / self.local_variance
            yield donors, spread
