"""How closely a student follows its teacher, right or wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from skdistill.metrics._said import (
    check_same_columns,
    check_same_rows,
    codes_of,
    name_columns,
    read_labels,
    read_names,
    read_proba,
    read_scores,
    read_weights,
)

_AVERAGES = ("micro", "macro", None)
_REDUCTIONS = ("mean", "none")


def fidelity_score(
    teacher: ArrayLike,
    student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    average: str | None = "micro",
    labels: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Share of rows on which student and teacher say the same class.

    It says nothing about who is right: a student may agree with its teacher on more
    rows and be worse, or better, on the labels [1]_. See :ref:`evidence`.

    Parameters
    ----------
    teacher, student : array-like of shape (n_rows,) or (n_rows, n_classes)
        What each says about the same rows: labels, or a column for each class, of
        which the largest counts (the first of equal ones).
    sample_weight : array-like of shape (n_rows,), default=None
        Row weights. None: all alike.
    average : {"micro", "macro"} or None, default="micro"
        What is averaged over.

        - "micro": the rows.
        - "macro": the classes that the teacher says, each with the same weight.
        - None: nothing; one share for each class.

    labels : array-like of shape (n_classes,), default=None
        The label that each column stands for, where one side has columns and the
        other labels; the order of the result where `average` is None. None: the
        labels, sorted.

    Returns
    -------
    float or ndarray of shape (n_classes,)
        From 0 to 1. With ``average=None``: of the rows that the teacher gives a
        class, the share that the student gives it too; NaN for classes it never says.

    Raises
    ------
    ValueError
        If the two are not about the same rows and classes.

    See Also
    --------
    teacher_kl_divergence : How far the probabilities are apart.
    fidelity_scorer : For ``scoring=`` in a search.

    References
    ----------
    .. [1] S. Stanton, P. Izmailov, P. Kirichenko, A. Alemi and A. Wilson, "Does
       knowledge distillation really work?", NeurIPS 2021.

    Examples
    --------
    >>> from skdistill.metrics import fidelity_score
    >>> teacher = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]]
    >>> fidelity_score(teacher, ["no", "yes", "yes", "yes"])
    0.75
    >>> fidelity_score(teacher, ["no", "yes", "yes", "yes"], average=None)
    array([0.5, 1. ])
    """
    if average not in _AVERAGES:
        raise ValueError(f"average={average!r} must be one of {_AVERAGES}.")
    said, heard, n_classes = _codes(teacher, student, labels)
    n_rows = check_same_rows(teacher=said, student=heard)
    weight = read_weights(sample_weight, n_rows)
    agrees = weight * (said == heard)
    if average == "micro":
        return float(agrees.sum() / weight.sum())
    mass = np.bincount(said, weight, minlength=n_classes)
    with np.errstate(invalid="ignore"):
        shares = np.bincount(said, agrees, minlength=n_classes) / mass
    return shares if average is None else float(shares[mass > 0].mean())


def _codes(teacher, student, labels) -> tuple[NDArray, NDArray, int]:
    """What each says as positions of classes, and how many classes there are."""
    given = {"teacher": teacher, "student": student}
    has_columns = {name: np.ndim(side) == 2 for name, side in given.items()}
    sides = {
        name: (read_scores if has_columns[name] else read_labels)(side, name)
        for name, side in given.items()
    }
    check_same_rows(**sides)
    tables = {name: side for name, side in sides.items() if has_columns[name]}
    said = [side for name, side in sides.items() if not has_columns[name]]
    if not tables:
        classes = _all_labels(*said) if labels is None else read_names(labels)
    else:
        n_columns = check_same_columns(**tables)
        # Where both have columns, no label needs to be found among them.
        nameless = labels is None and not said
        classes = np.arange(n_columns)
        if not nameless:
            classes = name_columns(labels, n_columns, *said)
    codes = [
        side.argmax(axis=1) if name in tables else codes_of(side, classes, name)
        for name, side in sides.items()
    ]
    return codes[0], codes[1], len(classes)


def _all_labels(teacher: NDArray, student: NDArray) -> NDArray:
    """The sorted labels of both; where one is text and the other not, of one."""
    theirs, ours = np.unique(teacher), np.unique(student)
    if (theirs.dtype.kind in "US") != (ours.dtype.kind in "US"):
        return theirs
    return np.union1d(theirs, ours)


def teacher_kl_divergence(
    teacher: ArrayLike,
    student: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> float | NDArray[np.float64]:
    r"""Kullback-Leibler divergence of the student from the teacher, in nats.

    .. math::

        KL(p \,\|\, q) = \sum_k p_k \log \frac{p_k}{q_k}

    with p what the teacher and q what the student says about a row, at temperature 1.
    It is 0 where both say the same. What distillation trains a student for is this
    number on the training rows; here it is taken on whatever rows are given.

    Parameters
    ----------
    teacher, student : array-like of shape (n_rows, n_classes)
        Probabilities over the same classes, in the same order.
    sample_weight : array-like of shape (n_rows,), default=None
        Row weights. None: all alike.
    reduction : {"mean", "none"}, default="mean"
        Whether to average over the rows.

    Returns
    -------
    float or ndarray of shape (n_rows,)
        From 0 on; of each row with ``reduction="none"``.

    Raises
    ------
    ValueError
        If one of the two holds no probabilities, or they do not fit together.

    See Also
    --------
    fidelity_score : Agreement on the class.
    neg_teacher_kl_scorer : For ``scoring=`` in a search.

    Notes
    -----
    In place of a probability below it, the student has the resolution of the type
    that it came in (2.2e-16 in float64, 1.2e-7 in float32), as in
    :func:`sklearn.metrics.log_loss`. One 0 where the teacher is sure costs 36 nats in
    float64: the mean over rows may be that of a few. ``reduction="none"`` shows it.

    Examples
    --------
    >>> from skdistill.metrics import teacher_kl_divergence
    >>> teacher = [[0.5, 0.5], [0.9, 0.1]]
    >>> student = [[0.5, 0.5], [0.6, 0.4]]
    >>> teacher_kl_divergence(teacher, student, reduction="none").round(4)
    array([0.    , 0.2263])
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction={reduction!r} must be one of {_REDUCTIONS}.")
    if reduction == "none" and sample_weight is not None:
        raise ValueError(
            "sample_weight has no effect with reduction='none'; leave it out, or weigh "
            "the rows of the result."
        )
    p, _ = read_proba(teacher, "teacher")
    q, floor = read_proba(student, "student")
    n_rows = check_same_rows(teacher=p, student=q)
    check_same_columns(teacher=p, student=q)
    # Below 0 there is nothing but rounding, and the floor.
    rows = np.maximum(rel_entr(p, np.maximum(q, floor)).sum(axis=1), 0.0)
    if reduction == "none":
        return rows
    return float(np.average(rows, weights=read_weights(sample_weight, n_rows)))
