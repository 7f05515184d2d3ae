"""The figures of a report: what is asked of each model, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from skdistill.metrics import teacher_kl_divergence
from skdistill.metrics._gap import log_losses
from skdistill.report._answers import ALONE, STUDENT, TEACHER, Answer
from skdistill.report._bootstrap import (
    Estimate,
    Parted,
    estimate,
    resampled_means,
)
from skdistill.report._columns import (
    LEAST,
    auc_parts,
    brier_losses,
    calibration_parts,
)

ACCURACY, LOG_LOSS, AUC, BRIER = "accuracy", "log_loss", "auc", "brier"
ECE, AGREEMENT, KL = "calibration_error", "agreement", "kl"

#: All figures of a model, in the order in which they are shown.
FIGURES = (ACCURACY, LOG_LOSS, AUC, BRIER, ECE, AGREEMENT, KL)

#: Of two models, what is compared row by row.
COMPARED = (ACCURACY, LOG_LOSS, AUC, BRIER)


class Truth(NamedTuple):
    """The rows that all are judged by.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_rows,), intp
        True classes.
    weight : ndarray of shape (n_rows,) or None
    """

    classes: NDArray
    codes: NDArray[np.intp]
    weight: NDArray[np.float64] | None


class Figures(NamedTuple):
    """What was measured.

    Parameters
    ----------
    of_models : dict
        (model, figure) -> Estimate.
    differences : dict
        (model, other model, figure) -> Estimate of the figure of the first minus that
        of the second, on the same resamples.
    recovered : dict
        Figure -> Estimate of the share of the gap that the student recovers.
    ruled_out : dict
        Model -> number of rows to whose true class it gives probability 0, or so little
        that it counts as 0.
    """

    of_models: dict[tuple[str, str], Estimate]
    differences: dict[tuple[str, str, str], Estimate]
    recovered: dict[str, Estimate]
    ruled_out: dict[str, int]


def measure(
    answers: Mapping[str, Answer],
    truth: Truth,
    *,
    n_resamples: int,
    confidence_level: float,
    random_state,
) -> Figures:
    """All figures of all models, from one set of resamples.

    Parameters
    ----------
    answers : mapping of str to Answer
        The teacher's among them.
    truth : Truth
    n_resamples : int
    confidence_level : float
    random_state : int, RandomState instance or None

    Returns
    -------
    Figures
    """
    columns = _columns_of(answers, truth)
    means: dict[Any, Any] = dict(
        resampled_means(columns, truth.weight, n_resamples, random_state)
    )
    for name, values in means.items():
        if name[1] == ECE:
            means[name] = np.abs(values).sum(axis=1)
        elif name[1] == AUC:
            # To first order a resample may lie outside.
            means[name] = values.clip(0, 1)

    def told(values: NDArray) -> Estimate:
        return estimate(values, confidence_level)

    pairs = [(STUDENT, TEACHER)]
    if ALONE in answers:
        pairs = [(STUDENT, ALONE), (STUDENT, TEACHER)]
    differences = {
        (one, other, figure): told(_settled(means[one, figure] - means[other, figure]))
        for one, other in pairs
        for figure in COMPARED
        if (one, figure) in means and (other, figure) in means
    }
    return Figures(
        {name: told(values) for name, values in means.items()},
        differences,
        {} if ALONE not in answers else _recovered(means, told),
        _ruled_out(answers, truth),
    )


def _settled(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without what is left of equal sums that were added up in another order."""
    return np.where(np.abs(change) < 1e-12, 0.0, change)


def _ruled_out(answers: Mapping[str, Answer], truth: Truth) -> dict[str, int]:
    rows, counts = np.arange(len(truth.codes)), {}
    for model in (TEACHER, ALONE, STUDENT):
        proba = answers[model].proba if model in answers else None
        if proba is not None:
            counts[model] = int((proba[rows, truth.codes] <= LEAST).sum())
    return counts


def _columns_of(
    answers: Mapping[str, Answer], truth: Truth
) -> dict[Any, NDArray | Parted]:
    """What each row adds: (model, figure) -> column, or columns."""
    codes, weight = truth.codes, truth.weight
    teacher = answers[TEACHER]
    columns: dict[Any, NDArray | Parted] = {}
    for model, answer in answers.items():
        columns[model, ACCURACY] = (answer.codes == codes).astype(np.float64)
        if model != TEACHER:
            agrees = answer.codes == teacher.codes
            columns[model, AGREEMENT] = agrees.astype(np.float64)
        if answer.proba is None:
            continue
        columns[model, LOG_LOSS] = log_losses(answer.proba, codes, LEAST)
        columns[model, BRIER] = brier_losses(answer.proba, codes)
        columns[model, AUC] = auc_parts(answer.proba, codes, weight)
        columns[model, ECE] = calibration_parts(answer.proba, codes, weight)
        if model != TEACHER and teacher.proba is not None:
            divergences: Any = teacher_kl_divergence(
                teacher.proba, answer.proba, reduction="none"
            )
            columns[model, KL] = divergences
    return columns


def _recovered(means: Mapping, told) -> dict[str, Estimate]:
    """Share of the gap between the student alone and the teacher, by figure.

    Where the teacher is not better than the student alone there is no gap.
    """
    found = {}
    for figure, sign in ((LOG_LOSS, 1), (ACCURACY, -1), (BRIER, 1)):
        if not all((model, figure) in means for model in (TEACHER, STUDENT, ALONE)):
            continue
        alone = sign * means[ALONE, figure]
        gap = alone - sign * means[TEACHER, figure]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (alone - sign * means[STUDENT, figure]) / gap
        # An interval that takes in resamples without a gap would mean nothing.
        solid = gap[0] > 0 and np.mean(gap > 0) > 0.99
        share = np.where(gap > 0, share, np.nan)
        found[figure] = told(share) if solid else Estimate(float(share[0]))
    return found


class McNemar(NamedTuple):
    """Rows that one of two models has right and the other wrong.

    Parameters
    ----------
    only_first, only_second : int
        How many rows only the first, and only the second, has right.
    p_value : float
        Probability of a split as uneven as that, or more so, if both are as often
        right (exact, two-sided) [1]_.

    References
    ----------
    .. [1] Q. McNemar, "Note on the sampling error of the difference between correlated
       proportions or percentages", Psychometrika, 1947.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: Answer, second: Answer, codes: NDArray) -> McNemar:
    """Compare two models by the rows on which just one of them is right."""
    one, other = first.codes == codes, second.codes == codes
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    n_rows = only_first + only_second
    p_value = binomtest(only_first, n_rows).pvalue if n_rows else 1.0
    return McNemar(only_first, only_second, float(p_value))
