"""What all generators share: a table is read, and each new row has a parent in it."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdistill._sklearn_compat import check_weights, feature_names_of
from skdistill.transfer._parameters import is_count, raise_all, wrong_count
from skdistill.transfer._table import Table, read_table


class Changes(NamedTuple):
    """How far the rows drawn last are from their parents.

    Parameters
    ----------
    n_rows : int
        Rows drawn.
    n_rows_changed : int
        Those that differ from their parent in at least one cell.
    n_cells : int
        Cells drawn.
    n_cells_changed : int
        Those that differ from the parent's. A cell that was exchanged for an equal
        one did not change.
    cells_changed_by_column : ndarray of shape (n_features,), intp
        The same by column.
    """

    n_rows: int
    n_rows_changed: int
    n_cells: int
    n_cells_changed: int
    cells_changed_by_column: NDArray[np.intp]


def count_changes(changed: NDArray[np.bool_]) -> Changes:
    """Count the cells that changed, an array of shape (n_features, n_rows)."""
    by_column = np.count_nonzero(changed, axis=1)
    n_rows_changed = int(np.count_nonzero(changed.any(axis=0)))
    n_changed = int(by_column.sum())
    n_rows = changed.shape[1]
    return Changes(n_rows, n_rows_changed, changed.size, n_changed, by_column)


class RowGenerator(BaseEstimator, metaclass=ABCMeta):
    """Base of generators that vary the rows they were fitted on.

    A subclass says which cells a new row takes from which rows, in `_vary`. It may
    check parameters of its own in `_wrong`, and learn about the table in `_prepare`.
    """

    def fit(self, X, y=None, sample_weight=None):
        """Read the rows to vary.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_features)
            Columns of any type, missing cells included. Kept as a copy.
        y : array-like of shape (n_rows,), default=None
            Labels, for those generators that use them.
        sample_weight : array-like of shape (n_rows,), default=None
            How often each row is to be a parent, or to give cells to any other,
            against the others. Neighbours are looked for without weights.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If X is sparse.
        ValueError
            If a parameter is wrong, or X is not a table.
        """
        raise_all(self._wrong())
        rng = _generator(self.random_state)
        self._table = read_table(X, self.max_discrete)
        self.n_features_in_ = len(self._table.columns)
        names = feature_names_of(X)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        weight = check_weights(sample_weight, X)
        alike = weight is None or (weight == weight[0]).all()
        self._weight = None if alike else weight
        self._share = None if alike else np.cumsum(weight) / weight.sum()
        self._prepare(self._table, y, rng)
        return self

    def sample(self, n_samples=1, random_state=None):
        """Draw new rows.

        Every fitted row is the parent of as many new rows as its weight says, or of
        one more; their order is random.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            None is the generator's own `random_state`. If that is an int, each call
            draws the same rows.

        Returns
        -------
        array or frame of shape (n_samples, n_features)
            The container, columns, dtypes and categories of the fitted X.
        """
        check_is_fitted(self)
        check_n_samples(n_samples)
        rng = self._rng(random_state)
        return self._draw(self._parents(int(n_samples), rng), rng)

    def sample_around(self, positions, random_state=None):
        """Draw one new row around each of some fitted rows.

        Parameters
        ----------
        positions : array-like of shape (n_new,), int
            Positions of fitted rows, each as often as wanted.
        random_state : int, RandomState instance or None, default=None
            As in `sample`.

        Returns
        -------
        array or frame of shape (n_new, n_features)
            In the order of `positions`.
        """
        check_is_fitted(self)
        positions = check_positions(positions, self._table.n_rows)
        return self._draw(positions, self._rng(random_state))

    @property
    def n_rows_(self) -> int:
        """How many rows it was fitted on."""
        return self._table.n_rows

    def propose(
        self, random_state: np.random.RandomState, positions, n_samples: int
    ) -> tuple[Any, NDArray[np.bool_]]:
        """Rows around positions, or as many as wanted around any, not yet counted.

        Returns
        -------
        rows : array or frame of shape (n_new, n_features)
        changed : ndarray of shape (n_features, n_new), bool
            The cells that differ from the parent's.
        """
        rng = self._rng(random_state)
        if positions is None:
            positions = self._parents(n_samples, rng)
        return self._draw_changes(positions, rng)

    def _rng(self, random_state) -> np.random.Generator:
        return _generator(self.random_state if random_state is None else random_state)

    def _parents(self, n_samples: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Positions of the parents of new rows."""
        n_rows = self._table.n_rows
        if self._share is not None:
            # Evenly spaced marks on the weights in a row, as a wheel with many arms.
            marks = (rng.random() + np.arange(n_samples)) / n_samples
            parents = np.searchsorted(self._share, marks, side="right")
            return rng.permutation(np.minimum(parents, n_rows - 1))
        times, more = divmod(n_samples, n_rows)
        parents = np.tile(np.arange(n_rows), times)
        return rng.permutation(np.r_[parents, rng.permutation(n_rows)[:more]])

    def _anyone(self, n_rows: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Positions of rows, each as likely as it weighs."""
        if self._share is None:
            return rng.integers(self._table.n_rows, size=n_rows)
        drawn = np.searchsorted(self._share, rng.random(n_rows), side="right")
        return np.minimum(drawn, self._table.n_rows - 1)

    def _draw(self, parents: NDArray[np.intp], rng: np.random.Generator):
        rows, changed = self._draw_changes(parents, rng)
        self.changes_ = count_changes(changed)
        return rows

    def _draw_changes(self, parents: NDArray[np.intp], rng: np.random.Generator):
        """New rows, and an array (n_features, n_new) of what changed in them."""
        columns = self._table.columns
        changed = np.empty((len(columns), len(parents)), dtype=bool)
        cells = []
        varied = self._vary(parents, rng)
        for j, (column, how) in enumerate(zip(columns, varied, strict=True)):
            made, values = column.vary(*how, rng)
            cells.append(made)
            changed[j] = _differ(values, column.values[parents])
        return self._table.build(cells), changed

    def _wrong(self) -> Iterator[str]:
        """Say what is wrong with parameters."""
        yield from wrong_count(
            "max_discrete",
            self.max_discrete,
            0,
            "numbers of a column with at most that many distinct ones are only "
            "exchanged",
        )

    def _prepare(self, table: Table, y, rng: np.random.Generator) -> None:
        """Learn about the table what `_vary` needs."""

    @abstractmethod
    def _vary(
        self, parents: NDArray[np.intp], rng: np.random.Generator
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64] | None]]:
        """For each column the donors of the new cells, and spreads about them."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def check_n_samples(n_samples) -> None:
    if not is_count(n_samples):
        raise ValueError(
            f"n_samples={n_samples!r} must be a whole number of at least 1, the number "
            "of rows to draw."
        )


def check_positions(positions: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    """Positions of fitted rows as an array."""
    array = np.asarray(positions)
    if array.ndim == 1 and not len(array):
        return np.empty(0, dtype=np.intp)
    whole = array.ndim == 1 and array.dtype.kind in "iu"
    if not whole or array.min() < 0 or array.max() >= n_rows:
        raise ValueError(
            f"positions={positions!r} must be a flat list of whole numbers from 0 to "
            f"{n_rows - 1}, positions of the {n_rows} fitted rows."
        )
    return array.astype(np.intp)


def _generator(random_state) -> np.random.Generator:
    """scikit-learn's notion of a random state, drawn from at NumPy's best speed."""
    seeds = check_random_state(random_state).randint(2**31 - 1, size=4)
    return np.random.default_rng(seeds)


def _differ(values: NDArray[np.float64], others: NDArray) -> NDArray[np.bool_]:
    """Whether cells differ; two missing ones do not."""
    return (values != others) & ~(np.isnan(values) & np.isnan(others))
