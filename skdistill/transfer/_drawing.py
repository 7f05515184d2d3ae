"""Draw from any generator: ours, or a density of scikit-learn."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import numpy as np
import scipy.sparse

from skdistill.transfer._base import check_n_samples
from skdistill.transfer._table import read_table


def check_generator(generator: Any, name: str = "transfer") -> None:
    """Check that something can be fitted on X and sampled from.

    Raises
    ------
    TypeError
        If it has no `fit` or no `sample`, or is a class.
    """
    if isinstance(generator, type):
        raise TypeError(
            f"{name}={generator.__name__} is a class; give an instance, "
            f"{generator.__name__}()."
        )
    missing = [
        method
        for method in ("fit", "sample")
        if not callable(getattr(generator, method, None))
    ]
    if missing:
        raise TypeError(
            f"{name}={generator!r} has no {' and no '.join(missing)}; give a "
            "generator with fit(X) and sample(n): one of skdistill.transfer, or "
            "KernelDensity or GaussianMixture."
        )


def draw(generator, n_samples: int, random_state=None, like=None):
    """Draw rows from a fitted generator, whatever its signature.

    Parameters
    ----------
    generator : object
        Fitted, with ``sample(n_samples)``. If that gives a tuple, the rows are its
        first entry (as of `GaussianMixture`).
    n_samples : int
        How many rows.
    random_state : int, RandomState instance or None, default=None
        Goes to `sample`, or stands for the generator's own `random_state` (in a copy:
        the generator is not changed). None leaves it to the generator.
    like : array or frame of shape (n_rows, n_features), default=None
        The rows that the generator was fitted on. A plain array gets their container,
        names and dtypes where their columns hold numbers: integers are rounded and
        stay in the range seen, booleans are True from 0.5 on.

    Returns
    -------
    array or frame of shape (n_samples, n_features)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.mixture import GaussianMixture
    >>> from skdistill.transfer import draw
    >>> X, _ = load_iris(return_X_y=True, as_frame=True)
    >>> mixture = GaussianMixture(3, random_state=0).fit(X)
    >>> draw(mixture, 5, random_state=1, like=X).columns.equals(X.columns)
    True
    """
    check_n_samples(n_samples)
    rows = _sample(generator, n_samples, random_state)
    if isinstance(rows, tuple):
        rows = rows[0]
    if like is None or not isinstance(rows, np.ndarray) or scipy.sparse.issparse(like):
        return rows
    if isinstance(like, np.ndarray) and rows.dtype == like.dtype:
        return rows  # sooner than by reading all columns
    return read_table(like, max_discrete=0).dress(rows)


def _sample(generator, n_samples: int, random_state):
    if random_state is None:
        return generator.sample(n_samples)
    if "random_state" in inspect.signature(generator.sample).parameters:
        return generator.sample(n_samples, random_state=random_state)
    if hasattr(generator, "random_state"):
        generator = copy.copy(generator)
        generator.random_state = random_state
    return generator.sample(n_samples)


def sample_around(generator, positions, random_state=None):
    """Draw one row around each of some fitted rows, from a generator that can.

    Raises
    ------
    TypeError
        If it draws from a density, and not around rows.
    """
    if not hasattr(generator, "sample_around"):
        raise TypeError(
            f"{type(generator).__name__} cannot draw rows around given ones; use a "
            "generator of skdistill.transfer, such as Munge()."
        )
    return generator.sample_around(positions, random_state=random_state)
