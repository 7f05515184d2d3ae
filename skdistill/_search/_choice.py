"""Choose a setting, and take the teacher only where its help stands out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: A number of standard errors, or a function of the paired differences.
Rule = float | Callable[[NDArray[np.float64]], bool]


class Choice(NamedTuple):
    """The setting chosen, and what it was chosen by.

    Parameters
    ----------
    best : int
        Position of the chosen setting.
    alone : int
        Position of the best one without a teacher.
    distilled : int
        Position of the best one with a teacher.
    differences : ndarray of shape (n_splits,)
        Scores of `distilled` minus those of `alone`.
    """

    best: int
    alone: int
    distilled: int
    differences: NDArray[np.float64]

    @property
    def improves(self) -> bool:
        """Whether the teacher helps, by the rule."""
        return self.best == self.distilled

    @property
    def harm(self) -> bool:
        """Whether even the best setting with a teacher is worse than without."""
        return bool(self.differences.mean() < 0)


def choose(
    scores: NDArray[np.float64], without_teacher: NDArray[np.bool_], rule: Rule
) -> Choice:
    """Choose the best setting without a teacher, unless one with a teacher beats it.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_splits)
        Greater is better. A setting with NaN comes last.
    without_teacher : ndarray of shape (n_candidates,), bool
        Which settings have no teacher; there are some of both.
    rule : float or callable
        A number k: the best setting with a teacher must be better, on average over
        the splits, by more than k standard errors of the mean difference. A callable
        gets the differences and says whether they will do.

    Returns
    -------
    Choice

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill._search._choice import choose
    >>> scores = np.array([[0.5, 0.6], [0.6, 0.8], [0.7, 0.3]])
    >>> choice = choose(scores, np.array([True, False, False]), 1.0)
    >>> choice.best, choice.differences.round(1)
    (1, array([0.1, 0.2]))
    """
    means = np.where(np.isnan(scores).any(axis=1), -np.inf, scores.mean(axis=1))
    alone = int(np.where(without_teacher, means, -np.inf).argmax())
    if not without_teacher[alone]:  # none has a score: argmax took the first of all
        alone = int(np.flatnonzero(without_teacher)[0])
    distilled = int(np.where(without_teacher, -np.inf, means).argmax())
    if without_teacher[distilled]:
        distilled = int(np.flatnonzero(~without_teacher)[0])
    with np.errstate(invalid="ignore"):
        differences = scores[distilled] - scores[alone]
    if np.isneginf(means[[alone, distilled]]).any():
        helps = means[distilled] > means[alone]
    else:
        verdict = rule(differences) if callable(rule) else _beats(differences, rule)
        helps = bool(np.all(verdict))
    return Choice(distilled if helps else alone, alone, distilled, differences)


def _beats(differences: NDArray[np.float64], k: float) -> bool:
    mean = differences.mean()
    if k == 0:
        return mean > 0
    return mean > k * differences.std(ddof=1) / math.sqrt(len(differences))
