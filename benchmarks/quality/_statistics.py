"""Recovered gaps with intervals, and tests over sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

N_BOOTSTRAP = 10_000


def recovered(alone, distilled, teacher, seed: int = 0) -> tuple[float, float, float]:
    """Recovered gap, and its 95 % bootstrap interval over sets.

    Parameters
    ----------
    alone, distilled, teacher : ndarray of shape (n_sets,)
        Losses. Sets in which the teacher is not better than the student alone are left
        out.
    seed : int, default=0

    Returns
    -------
    rho, low, high : float
        Sum of what was won over the sum of the gaps; nan where there is no gap.
    """
    alone, distilled, teacher = map(np.asarray, (alone, distilled, teacher))
    better = teacher < alone
    won, gap = (alone - distilled)[better], (alone - teacher)[better]
    if not len(gap):
        return np.nan, np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(len(gap), size=(N_BOOTSTRAP, len(gap)))
    ratios = won[drawn].sum(axis=1) / gap[drawn].sum(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(won.sum() / gap.sum()), float(low), float(high)


def wilcoxon(differences) -> float:
    """Two-sided p-value of the signed-rank test over sets; 1 if nothing differs."""
    differences = np.asarray(differences, float)
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def holm(p_values) -> np.ndarray:
    """Adjusted p-values: the m - k of the k-th smallest, never below the one before."""
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return adjusted


def by_set(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over the splits, with the teacher and the student alone beside them.

    Parameters
    ----------
    rows : DataFrame
        Of ``quality.csv``.

    Returns
    -------
    DataFrame
        One row for each set, teacher, student and variant. `alone` and `teacher_loss`
        (of the calibrated one) are log-losses, `difference` and `interval` those of the
        paired rows. Splits share rows: the interval is the mean of theirs and does not
        shrink with their number.
    """
    keys = ["set", "teacher", "student", "variant"]
    means = rows.groupby(keys, sort=False).mean(numeric_only=True).reset_index()
    for column, variant, key in (
        ("teacher_loss", "calibrated", ["set", "teacher"]),
        ("alone", "alone", ["set", "teacher", "student"]),
    ):
        found = means.loc[means["variant"] == variant, [*key, "log_loss"]]
        means = means.merge(
            found.rename(columns={"log_loss": column}), on=key, how="left"
        )
    return means[means["student"] != "(teacher)"]
