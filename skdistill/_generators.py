"""Generators of rows in a distiller: fitted to what weighs, asked by position."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skdistill._rows import TrainingRows
from skdistill._seeds import seeded_copy
from skdistill.transfer import sample_around


def fit_generator(generator, rows: TrainingRows, seed: int | None):
    """Fit a copy of a generator, with labels and weights as far as it takes them.

    Parameters
    ----------
    generator : object
        With ``fit(X)``; not changed.
    rows : TrainingRows
        What it is to look like.
    seed : int or None
        For each `random_state` that is None.

    Returns
    -------
    object
        Fitted.

    Raises
    ------
    TypeError, ValueError
        If it cannot be fitted to such rows, naming it.
    """
    copy = seeded_copy(clone(generator, safe=False), seed)
    known = {"y": rows.y, "sample_weight": rows.weight}
    taken = {
        name: value
        for name, value in known.items()
        if value is not None and has_fit_parameter(copy, name)
    }
    try:
        copy.fit(rows.X, **taken)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"transfer={generator!r} cannot be fitted on X: {error}") from error
    return copy


def draw_around(generator, rows: TrainingRows) -> Callable | None:
    """``draw(positions, seed)``: a row near each of some rows; None if it cannot.

    Parameters
    ----------
    generator : object
        Fitted on those of `rows` that weigh anything.
    rows : TrainingRows
        What positions are of. For a row without weight stands the one before it.
    """
    if not hasattr(generator, "sample_around"):
        return None
    if rows.weight is None:
        return functools.partial(sample_around, generator)
    place = np.maximum(np.cumsum(rows.weight > 0) - 1, 0)
    return functools.partial(_sample_around, generator, place)


def _sample_around(generator, place: NDArray, positions, seed):
    return sample_around(generator, place[positions], seed)
