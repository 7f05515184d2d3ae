"""Say what is wrong with a search, before any work is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real

import numpy as np

from skdistill._checks import shortened
from skdistill._search._candidates import axes

#: Parameters of a distiller that are no axes, and what to use.
_NO_AXES = {
    "temperature": "temperatures",
    "alpha": "alphas",
    "memory": "memory",
    "n_jobs": "n_jobs",
    "random_state": "random_state",
    "verbose": "verbose",
}


def check_search(search) -> None:
    """Check what is not a distiller's own; all that is wrong goes in one message.

    Raises
    ------
    ValueError
        Naming each parameter, its value and what is allowed.
    """
    wrong = []
    if not _lists_numbers(search.temperatures, lambda value: 0 < value < np.inf):
        wrong.append(
            f"temperatures={search.temperatures!r} must list numbers, each above 0"
        )
    good = _lists_numbers(search.alphas, lambda value: 0 <= value <= 1)
    if not good or not any(search.alphas):
        wrong.append(
            f"alphas={search.alphas!r} must list numbers, each in [0, 1] and one above "
            "0 (the student alone is tried anyway)"
        )
    rule = search.rule
    if not (callable(rule) or (_is_number(rule) and 0 <= rule < np.inf)):
        wrong.append(
            f"rule={rule!r} must be a number of standard errors, at least 0, or a "
            "callable that is given the differences and returns a bool"
        )
    for teacher_cv in filter(_lists_positions, values_of(search, "teacher_cv")):
        wrong.append(
            f"teacher_cv={shortened(teacher_cv)} lists positions of rows, and each "
            "fold of a search has rows of its own; give a number of folds or a splitter"
        )
    wrong += _wrong_axes(search.param_grid)
    if not isinstance(search.verbose, (Integral, np.bool_)):
        wrong.append(f"verbose={search.verbose!r} must be a whole number")
    if wrong:
        raise ValueError("; ".join(wrong) + ".")


def check_folds(search, n_folds: int) -> None:
    """Check that there are enough folds to judge by.

    Raises
    ------
    ValueError
        Naming `cv` and `rule`.
    """
    if n_folds == 0:
        raise ValueError(f"cv={search.cv!r} gives no split; give a cv with some.")
    if n_folds == 1 and not callable(search.rule) and search.rule > 0:
        raise ValueError(
            f"cv={search.cv!r} gives 1 split, of which no standard error can be told, "
            f"as rule={search.rule!r} needs; give a cv with more splits, or set "
            "rule=0.0 (take the best mean)."
        )


def _wrong_axes(param_grid) -> list[str]:
    grids = axes(param_grid)
    names = {name for grid in grids if isinstance(grid, Mapping) for name in grid}
    if (
        not grids
        or not all(isinstance(grid, Mapping) for grid in grids)
        or not all(isinstance(name, str) for name in names)
    ):
        return [
            f"param_grid={param_grid!r} must be None, or a dict (or a list of some) of "
            "names of parameters to lists of values"
        ]
    return [
        f"param_grid has {name!r}, which is no axis of its own; set {_NO_AXES[name]}"
        for name in sorted(names & set(_NO_AXES))
    ]


def values_of(search, name: str) -> list:
    """All values that a parameter of the distiller may take in a search."""
    own = [] if getattr(search, name, None) is None else [getattr(search, name)]
    grids = [grid for grid in axes(search.param_grid) if isinstance(grid, Mapping)]
    return own + [value for grid in grids for value in _listed(grid.get(name))]


def _listed(values) -> list:
    return list(values) if isinstance(values, (list, tuple, np.ndarray)) else []


def _lists_positions(teacher_cv) -> bool:
    is_list = hasattr(teacher_cv, "__iter__") and not hasattr(teacher_cv, "split")
    return is_list and not isinstance(teacher_cv, str)


def _lists_numbers(values, good) -> bool:
    if not isinstance(values, (Sequence, np.ndarray)) or isinstance(values, str):
        return False
    return len(values) > 0 and all(_is_number(v) and good(v) for v in values)


def _is_number(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
