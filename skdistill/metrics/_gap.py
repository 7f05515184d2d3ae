"""How much of what a teacher has over the student alone the student got."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from skdistill.metrics._said import (
    check_same_columns,
    check_same_rows,
    codes_of,
    name_columns,
    read_labels,
    read_proba,
    read_weights,
)


def recovered_gap_score(
    y_true: ArrayLike,
    student: ArrayLike,
    alone: ArrayLike,
    teacher: ArrayLike,
    *,
    loss: Callable[..., float] | None = None,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> float:
    r"""Share of the gap between teacher and student alone that distillation closed.

    .. math::

        \rho = \frac{L_{alone} - L_{student}}{L_{alone} - L_{teacher}}

    with L the loss on these rows: 0 for a student no better than the same student
    without a teacher, 1 for one as good as its teacher. It may be below 0 and above 1.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        True labels of rows that neither has seen.
    student, alone, teacher : array-like of shape (n_rows, n_classes)
        Probabilities of the distilled student, of the same student trained on the
        labels alone *and tuned as carefully*, and of the teacher; or whatever else
        `loss` takes.
    loss : callable, default=None
        ``loss(y_true, prediction)``, a number of which less is better. It also gets
        `sample_weight` and `labels` by name if these are given. None: the log-loss.
    sample_weight : array-like of shape (n_rows,), default=None
        Row weights. None: all alike.
    labels : array-like of shape (n_classes,), default=None
        The label that each column stands for. None: the sorted labels of `y_true`.

    Returns
    -------
    float
        NaN, with a warning, if the teacher is not better than the student alone:
        then there is no gap.

    Raises
    ------
    ValueError
        If something holds no probabilities, does not fit, or has an infinite loss.

    See Also
    --------
    recovered_gap_of_losses : Over several sets of data.

    Notes
    -----
    Where the gap is small, the ratio is mostly noise. Look at the three losses too,
    and over several sets use :func:`recovered_gap_of_losses`, not a mean of ratios.

    Examples
    --------
    >>> from skdistill.metrics import recovered_gap_score
    >>> y = [0, 1]
    >>> alone, teacher = [[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]]
    >>> student = [[0.8, 0.2], [0.2, 0.8]]
    >>> round(recovered_gap_score(y, student, alone, teacher), 2)
    0.8
    """
    given = {"student": student, "alone": alone, "teacher": teacher}
    if loss is None:
        losses = _log_losses(y_true, given, sample_weight, labels)
    else:
        options = {"sample_weight": sample_weight, "labels": labels}
        options = {name: value for name, value in options.items() if value is not None}
        losses = {name: loss(y_true, said, **options) for name, said in given.items()}
    numbers = {name: _read_losses(value, name) for name, value in losses.items()}
    if any(number.size != 1 for number in numbers.values()):
        raise ValueError(
            f"loss={loss!r} must give one number for all rows. For the losses of "
            "several sets there is recovered_gap_of_losses."
        )
    return _ratio(**numbers)


def recovered_gap_of_losses(
    student: ArrayLike, alone: ArrayLike, teacher: ArrayLike
) -> float:
    r"""Recovered gap over several sets of data, as a ratio of sums.

    .. math::

        \rho = \frac{\sum_s (L_{alone} - L_{student})}
                    {\sum_s (L_{alone} - L_{teacher})}

    over the sets s in which the teacher is better than the student alone. A ratio of
    sums lets sets count by the size of their gap; in a mean of ratios those without
    one would drown the others.

    Parameters
    ----------
    student, alone, teacher : array-like of shape (n_sets,)
        Losses, of which less is better: of the distilled student, the same student
        without a teacher, and the teacher.

    Returns
    -------
    float
        NaN, with a warning, if the teacher is better in none.

    Raises
    ------
    ValueError
        If there are not as many of each, or some are not finite.

    See Also
    --------
    recovered_gap_score : Of predictions on one set.

    Notes
    -----
    Sets in which the teacher is not better are left out. Say how many they are, and
    whether the student was harmed there.

    Examples
    --------
    In the third set there is nothing to recover.

    >>> from skdistill.metrics import recovered_gap_of_losses
    >>> alone, teacher = [0.40, 0.30, 0.20], [0.20, 0.20, 0.25]
    >>> round(recovered_gap_of_losses([0.30, 0.28, 0.21], alone, teacher), 2)
    0.4
    """
    given = {"student": student, "alone": alone, "teacher": teacher}
    losses = {name: _read_losses(value, name) for name, value in given.items()}
    if len({value.shape for value in losses.values()}) > 1:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in losses.items())
        raise ValueError(
            f"The losses have the shapes {shapes}; give one of each for every set."
        )
    return _ratio(**losses)


def _read_losses(values, name: str) -> NDArray[np.float64]:
    losses = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if losses.ndim != 1:
        raise ValueError(
            f"{name} has losses of shape {losses.shape}; give one for each set, shape "
            "(n_sets,)."
        )
    if not np.isfinite(losses).all():
        raise ValueError(
            f"{name} has a loss of {losses[~np.isfinite(losses)][0]}; a gap is only "
            "told by finite losses. Leave such sets out, or take another loss."
        )
    return losses


def _ratio(student: NDArray, alone: NDArray, teacher: NDArray) -> float:
    better = teacher < alone
    if not better.any():
        warnings.warn(
            "The teacher is not better than the student alone, so there is no gap to "
            "recover; the recovered gap is NaN.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return float("nan")
    won = (alone - student)[better].sum()
    return float(won / (alone - teacher)[better].sum())


def _log_losses(y_true, given: dict, sample_weight, labels) -> dict[str, float]:
    y = read_labels(y_true, "y_true")
    tables = {name: read_proba(said, name) for name, said in given.items()}
    proba = {name: table for name, (table, _) in tables.items()}
    n_rows = check_same_rows(y_true=y, **proba)
    n_columns = check_same_columns(**proba)
    codes = codes_of(y, name_columns(labels, n_columns, y), "y_true")
    weight = read_weights(sample_weight, n_rows)
    losses = {}
    for name, (table, floor) in tables.items():
        rows = log_losses(table, codes, floor)
        losses[name] = float(np.average(rows, weights=weight))
    return losses


def log_losses(proba: NDArray, codes: NDArray, floor: float) -> NDArray[np.float64]:
    """Minus the logarithm of the probability of the true class; shape (n_rows,).

    Probabilities are kept that far from 0 and 1, as in scikit-learn's log_loss.
    """
    said = proba[np.arange(len(codes)), codes]
    return -np.log(said.clip(floor, 1.0 - floor))
