"""Rows that keep what the columns are tied by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skdistill._rows import n_rows_of, stack_rows
from skdistill._sklearn_compat import take_rows
from skdistill.transfer._base import (
    RowGenerator,
    check_n_samples,
    check_positions,
    count_changes,
)
from skdistill.transfer._drawing import check_generator, draw
from skdistill.transfer._parameters import raise_all, wrong_count
from skdistill.transfer._table import is_frame, read_table

#: No more than so many times the rows still wanted are asked for at once.
_MOST = 11

#: Rows are asked for in excess of what the acceptance so far would need.
_EXCESS = 1.1


class _Kept:
    """Accepted rows so far, and out of how many."""

    def __init__(self):
        self.rows = None
        self.changed: NDArray[np.bool_] | None = None
        self.n_rows = self.n_good = self.n_drawn = 0

    @property
    def rate(self) -> float:
        return self.n_good / self.n_drawn if self.n_drawn else 1.0

    def add(self, rows, changed, good: NDArray[np.intp], n_good: int) -> None:
        """Keep the rows at the positions `good`, of the `n_good` accepted ones."""
        self.n_drawn += n_rows_of(rows)
        self.n_good += n_good
        rows = take_rows(rows, good)
        first = self.rows is None
        self.rows = rows if first else stack_rows(self.rows, rows)
        if changed is not None:
            parts = [changed[:, good]] if first else [self.changed, changed[:, good]]
            self.changed = np.concatenate(parts, axis=1)
        self.n_rows += len(good)


class Constrained(BaseEstimator):
    """Draw again until rows are possible.

    Columns are often tied (a start before an end, parts that sum to a whole), and
    exchanging cells breaks such ties. Here only rows are kept that `accept` accepts.

    Parameters
    ----------
    generator : object
        With ``fit(X)`` and ``sample(n)``: one of this module, or `KernelDensity` or
        `GaussianMixture`. A clone is fitted.
    accept : callable
        ``accept(X)``: for rows as the generator draws them one True or False each, an
        array of shape (n_rows,).
    max_tries : int, default=100
        How many times rows are drawn, at most, to fill up those that were refused.

    Attributes
    ----------
    generator_ : object
        The fitted generator.
    acceptance_rate_ : float
        After `sample`: the share of drawn rows that were accepted.
    n_features_in_ : int
        Columns of X, if the generator tells.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if the generator tells.
    changes_ : Changes
        After `sample`, if the generator counts them: of the accepted rows.

    See Also
    --------
    Munge : A generator whose rows stay close to fitted ones, so that few are refused.

    Notes
    -----
    Rows that are refused more often have fewer children: `sample` does not promise
    that each fitted row is a parent equally often; `sample_around` tries again around
    the same row.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.transfer import Constrained, Munge
    >>> X = np.sort(np.random.default_rng(0).normal(size=(50, 2)), axis=1)
    >>> def ordered(X):
    ...     return X[:, 0] <= X[:, 1]
    >>> generator = Constrained(Munge(random_state=0), ordered).fit(X)
    >>> bool(ordered(generator.sample(200)).all())
    True
    """

    def __init__(self, generator, accept, max_tries=100):
        self.generator = generator
        self.accept = accept
        self.max_tries = max_tries

    def fit(self, X, y=None, sample_weight=None):
        """Fit a clone of the generator.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_features)
        y : array-like of shape (n_rows,), default=None
            Goes to the generator, if its `fit` has a parameter y.
        sample_weight : array-like of shape (n_rows,), default=None
            Goes to the generator, if its `fit` has such a parameter.

        Returns
        -------
        self
        """
        check_generator(self.generator, "generator")
        if not callable(self.accept):
            raise TypeError(
                f"accept={self.accept!r} must be a function of rows that gives one "
                "True or False for each."
            )
        raise_all(
            wrong_count("max_tries", self.max_tries, 1, "how many times rows are drawn")
        )
        generator = clone(self.generator, safe=False)
        known = {"y": y, "sample_weight": sample_weight}
        taken = {
            name: value
            for name, value in known.items()
            if value is not None and has_fit_parameter(generator, name)
        }
        generator.fit(X, **taken)
        self.generator_ = generator
        # What the plain arrays of other generators are given the look of.
        self._table = read_table(X, max_discrete=0).template()
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.generator_, name):
                setattr(self, name, getattr(self.generator_, name))
            elif hasattr(self, name):
                delattr(self, name)
        return self

    def sample(self, n_samples=1, random_state=None):
        """Draw rows that are accepted.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            None is the generator's own.

        Returns
        -------
        array or frame of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If after `max_tries` draws fewer rows were accepted.
        """
        check_is_fitted(self)
        check_n_samples(n_samples)
        rng, kept = self._rng(random_state), _Kept()
        for _ in range(self.max_tries):
            wanted = int(n_samples) - kept.n_rows
            asked = int(np.ceil(wanted * min(_EXCESS / max(kept.rate, 0.01), _MOST)))
            rows, changed = self._propose(rng, n_samples=asked)
            good = np.flatnonzero(self._accepted(rows))
            # Any of them: some densities draw one component after the other.
            some = rng.permutation(good)[:wanted]
            kept.add(rows, changed, np.sort(some), n_good=len(good))
            if kept.n_rows == n_samples:
                return self._finish(kept)
        raise self._too_few(kept, n_samples)

    @available_if(lambda self: hasattr(self._inner(), "sample_around"))
    def sample_around(self, positions, random_state=None):
        """Draw one accepted row around each of some fitted rows.

        Parameters
        ----------
        positions : array-like of shape (n_new,), int
            Positions of fitted rows, each as often as wanted.
        random_state : int, RandomState instance or None, default=None
            None is the generator's own.

        Returns
        -------
        array or frame of shape (n_new, n_features)
            In the order of `positions`.

        Raises
        ------
        ValueError
            If around some row none was accepted in `max_tries` draws.
        """
        check_is_fitted(self)
        if isinstance(self.generator_, RowGenerator):
            positions = check_positions(positions, self.generator_.n_rows_)
        positions = np.asarray(positions)
        rng, kept, places = self._rng(random_state), _Kept(), []
        waiting = np.arange(len(positions))
        for _ in range(self.max_tries):
            rows, changed = self._propose(rng, positions[waiting])
            accepted = self._accepted(rows)
            good = np.flatnonzero(accepted)
            kept.add(rows, changed, good, n_good=len(good))
            places.append(waiting[accepted])
            waiting = waiting[~accepted]
            if not len(waiting):
                return self._finish(kept, order=np.argsort(np.concatenate(places)))
        raise self._too_few(kept, len(positions))

    def _propose(self, rng: np.random.RandomState, positions=None, n_samples=0):
        """Rows to be judged, and what changed in them if the generator tells."""
        if isinstance(self.generator_, RowGenerator):
            return self.generator_.propose(rng, positions, n_samples)
        seed = int(rng.randint(2**31 - 1))
        if positions is not None:
            return self.generator_.sample_around(positions, random_state=seed), None
        return self._table.dress(draw(self.generator_, n_samples, seed)), None

    def _inner(self):
        return getattr(self, "generator_", self.generator)

    def _rng(self, random_state) -> np.random.RandomState:
        if random_state is None:
            random_state = getattr(self.generator_, "random_state", None)
        return check_random_state(random_state)

    def _accepted(self, rows) -> NDArray[np.bool_]:
        accepted = np.asarray(self.accept(rows))
        n_rows = n_rows_of(rows)
        if accepted.shape != (n_rows,) or accepted.dtype != bool:
            raise ValueError(
                f"accept gave {accepted.dtype} of shape {accepted.shape} for {n_rows} "
                f"rows; it must give True or False for each, shape ({n_rows},)."
            )
        return accepted

    def _finish(self, kept: _Kept, order: NDArray | None = None):
        self.acceptance_rate_ = kept.rate
        if kept.changed is not None:
            self.changes_ = count_changes(kept.changed)
        rows = kept.rows if order is None else take_rows(kept.rows, order)
        return rows.reset_index(drop=True) if is_frame(rows, "pandas") else rows

    def _too_few(self, kept: _Kept, wanted: int) -> ValueError:
        return ValueError(
            f"accept accepted {kept.n_good} of {kept.n_drawn} rows drawn in "
            f"max_tries={self.max_tries} draws ({kept.rate:.2%}), and {wanted} rows "
            "were wanted. Raise max_tries, stay closer to the fitted rows (a lower "
            "swap_probability), or see whether accept accepts the fitted rows."
        )
