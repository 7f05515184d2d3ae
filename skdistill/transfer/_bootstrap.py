"""Fitted rows with noise: draws from a kernel density of mixed columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skdistill.transfer._base import RowGenerator
from skdistill.transfer._parameters import is_number, wrong_share


class SmoothedBootstrap(RowGenerator):
    r"""Fitted rows with a little noise (the smoothed bootstrap).

    A new row is a fitted row to whose numbers normal noise is added, of standard
    deviation :math:`h \sigma_j` in column j; a category is exchanged, with probability
    `swap_probability`, for that of any row. These are draws from a product kernel
    density: Gaussian for numbers, and for categories the kernel of Aitchison and
    Aitken, with frequencies in place of equal chances.

    Parameters
    ----------
    bandwidth : "scott", "silverman" or float, default="scott"
        :math:`h`. "scott" is :math:`n^{-1/(d+4)}` and "silverman"
        :math:`(n (d+2)/4)^{-1/(d+4)}`, for n rows and d columns of numbers. A smaller
        one stays closer to the fitted rows.
    swap_probability : float, default=0.1
        With which a category or discrete number is exchanged, in (0, 1].
    max_discrete : int, default=16
        A column of numbers with at most that many distinct ones is discrete: they are
        exchanged, never moved, as integer codes and indicators must be. Fractions that
        hardly ever come twice (in a table of few rows) are moved all the same.
    random_state : int, RandomState instance or None, default=None
        Of `sample`.

    Attributes
    ----------
    bandwidth_ : float
        The :math:`h` that was used.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X has names.
    changes_ : Changes
        After `sample`: how many rows and cells differ from those they come from.

    See Also
    --------
    Munge : Noise that adapts to how dense the rows are.

    Notes
    -----
    Whole numbers (of any dtype) stay whole, and within the range seen; missing cells
    of numbers stay missing.

    References
    ----------
    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics
    7, 1979. J. Aitchison and C. G. G. Aitken, "Multivariate binary discrimination by
    the kernel method", Biometrika 63, 1976.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdistill.transfer import SmoothedBootstrap
    >>> X, _ = load_iris(return_X_y=True)
    >>> generator = SmoothedBootstrap(bandwidth=0.1, random_state=0).fit(X)
    >>> generator.sample(1000).shape
    (1000, 4)
    """

    def __init__(
        self,
        bandwidth="scott",
        swap_probability=0.1,
        max_discrete=16,
        random_state=None,
    ):
        self.bandwidth = bandwidth
        self.swap_probability = swap_probability
        self.max_discrete = max_discrete
        self.random_state = random_state

    def _wrong(self) -> Iterator[str]:
        width = self.bandwidth
        if not (isinstance(width, str) and width in ("scott", "silverman")) and not (
            is_number(width) and 0 < width < np.inf
        ):
            yield (
                f"bandwidth={width!r} must be 'scott', 'silverman' or a finite number "
                "above 0, in standard deviations of each column"
            )
        yield from wrong_share("swap_probability", self.swap_probability)
        yield from super()._wrong()

    def _prepare(self, table, y, rng) -> None:
        moved = [column.is_continuous for column in table.columns]
        weight = np.ones(table.n_rows) if self._weight is None else self._weight
        # As many rows of equal weight would tell as much (Kish).
        n_rows = weight.sum() ** 2 / (weight**2).sum()
        self.bandwidth_ = self._bandwidth(n_rows, sum(moved))
        self._noise = [
            self.bandwidth_ * _deviation(column.values, weight) if moves else 0.0
            for column, moves in zip(table.columns, moved, strict=True)
        ]

    def _bandwidth(self, n_rows: float, n_moved: int) -> float:
        if self.bandwidth == "scott":
            return float(n_rows ** (-1 / (n_moved + 4)))
        if self.bandwidth == "silverman":
            return float((n_rows * (n_moved + 2) / 4) ** (-1 / (n_moved + 4)))
        return float(self.bandwidth)

    def _vary(self, parents: NDArray[np.intp], rng: np.random.Generator):
        n_new = len(parents)
        for column, noise in zip(self._table.columns, self._noise, strict=True):
            if column.is_continuous:
                yield parents, np.full(n_new, noise)
                continue
            swapped = rng.random(n_new) < self.swap_probability
            others = self._anyone(n_new, rng)
            yield np.where(swapped, others, parents), None


def _deviation(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Standard deviation of the finite values, without overflow."""
    counts = np.isfinite(values) & (weight > 0)
    if not counts.any():
        return 0.0
    values, weight = values[counts], weight[counts]
    largest = np.abs(values).max() or 1.0
    scaled = values / largest
    mean = np.average(scaled, weights=weight)
    variance = np.average((scaled - mean) ** 2, weights=weight)
    return float(np.sqrt(variance) * largest)
