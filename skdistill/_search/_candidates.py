"""The settings that a search compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.model_selection import ParameterGrid

#: The setting of the student alone; without a teacher a temperature has no effect.
ALONE = {"temperature": 1.0, "alpha": 0.0}


def make_candidates(
    temperatures: Sequence[float],
    alphas: Sequence[float],
    param_grid: Mapping[str, Sequence] | Sequence[Mapping] | None,
    targets: str = "soft",
) -> list[dict[str, Any]]:
    """List all settings: each student alone, and with its teacher at each T and alpha.

    Parameters
    ----------
    temperatures : sequence of float
        Each above 0. Targets that are hard have none: for these it is 1.
    alphas : sequence of float
        Each in [0, 1]; a 0 adds nothing.
    param_grid : dict, list of dict or None
        Further axes.
    targets : {"soft", "hard"}, default="soft"
        Where `param_grid` has no such axis.

    Returns
    -------
    list of dict
        Parameters of a distiller. The student alone comes once for each setting of the
        student.

    Examples
    --------
    >>> from skdistill._search._candidates import make_candidates
    >>> for setting in make_candidates([1.0, 2.0], [0.5], None):
    ...     print(setting)
    {'temperature': 1.0, 'alpha': 0.0}
    {'temperature': 1.0, 'alpha': 0.5}
    {'temperature': 2.0, 'alpha': 0.5}
    """
    found, seen = [], set()
    for grid in axes(param_grid):
        for setting in ParameterGrid(grid):
            alone = {name: v for name, v in setting.items() if of_student(name)}
            # By identity: a grid gives the same objects again, which may have no hash.
            which = tuple((name, id(value)) for name, value in alone.items())
            if which not in seen:
                seen.add(which)
                found.append({**ALONE, **alone})
            hard = setting.get("targets", targets) == "hard"
            found += [
                {"temperature": temperature, "alpha": alpha, **setting}
                for temperature in ([1.0] if hard else temperatures)
                for alpha in alphas
                if alpha > 0
            ]
    return found


def axes(param_grid) -> list[Mapping[str, Sequence]]:
    """The grids of a `param_grid`."""
    if param_grid is None:
        return [{}]
    return list(param_grid) if isinstance(param_grid, (list, tuple)) else [param_grid]


def of_student(name: str) -> bool:
    """Whether a parameter of a distiller is about its student."""
    return name == "student" or name.startswith("student__")


def of_teacher(name: str) -> bool:
    """Whether a parameter of a distiller changes what its teacher says, or of what."""
    return name.startswith(("teacher", "transfer"))
