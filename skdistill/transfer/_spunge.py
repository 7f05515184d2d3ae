"""Cells of any other row: the control that the other generators must beat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skdistill.transfer._base import RowGenerator
from skdistill.transfer._parameters import wrong_share


class Spunge(RowGenerator):
    """Rows some of whose cells come from any row at random.

    Each cell is exchanged with probability `swap_probability` for that of a row drawn
    for this cell alone. Nothing is asked about which rows are alike, so columns that
    belong together come apart; it is the cheapest generator, and the control for the
    others.

    Parameters
    ----------
    swap_probability : float, default=0.5
        With which a cell is exchanged, in (0, 1]. At 1 the columns are independent.
    random_state : int, RandomState instance or None, default=None
        Of `sample`.

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
    CoLeaf : Exchanges cells with rows that are alike.

    References
    ----------
    N. Erickson et al., "AutoGluon-Tabular", 2020, whose library distils with rows made
    like this ("spunge").

    Examples
    --------
    >>> from skdistill.transfer import Spunge
    >>> X = [["a", 1], ["b", 2], ["c", 3]]
    >>> Spunge(random_state=0).fit(X).sample(6).shape
    (6, 2)
    """

    #: Seen values only: there is no need to know which columns are continuous.
    max_discrete = 0

    def __init__(self, swap_probability=0.5, random_state=None):
        self.swap_probability = swap_probability
        self.random_state = random_state

    def _wrong(self) -> Iterator[str]:
        yield from wrong_share("swap_probability", self.swap_probability)

    def _vary(self, parents: NDArray[np.intp], rng: np.random.Generator):
        for _ in self._table.columns:
            swapped = rng.random(len(parents)) < self.swap_probability
            others = self._anyone(len(parents), rng)
            yield np.where(swapped, others, parents), None
