"""Temperatures that are found: of a teacher, and of a student's answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from skdistill.targets._outputs import TeacherOutput, align_columns
from skdistill.targets._soft_targets import UNLABELED, SoftTargets
from skdistill.targets._softening import PROBABILITY_FLOOR


def fit_temperature(
    output: TeacherOutput,
    classes: NDArray,
    codes: NDArray[np.intp],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """The temperature at which a teacher's answers have the least log-loss.

    Parameters
    ----------
    output : TeacherOutput
        About rows that it was not fitted on.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.
    codes : ndarray of shape (n_rows,), intp
        Positions of the true labels in `classes`.
    weight : ndarray of shape (n_rows,), default=None
        Weights of the rows.

    Returns
    -------
    float
        Between 0.05 and 20. Above 1 where the teacher is too sure of itself.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern
       neural networks", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import TeacherOutput, fit_temperature
    >>> sure = TeacherOutput(np.tile([4.0, 0.0], (4, 1)), "logits", np.array([0, 1]))
    >>> round(fit_temperature(sure, np.array([0, 1]), np.array([0, 0, 0, 1])), 2)
    3.64
    """
    # What it has no column for, no temperature can help.
    has_column = np.isin(classes, output.classes)
    known = has_column[codes]
    known &= True if output.silent is None else ~output.silent
    spoken = np.flatnonzero(known)
    codes = (np.cumsum(has_column) - 1)[codes]
    classes = classes[has_column]
    logits = np.log(np.maximum(output.over(classes).values, PROBABILITY_FLOOR))[spoken]
    if output.kind == "logits" and len(output.classes) == len(classes):
        scores = align_columns(output, classes).values[spoken]
        logits = np.maximum(log_softmax(scores, axis=1), np.log(np.finfo(float).tiny))
    of_label = logits[np.arange(len(spoken)), codes[spoken]]
    share = np.ones(len(spoken)) if weight is None else weight[spoken]
    share = share / share.sum()

    def loss(sharpness: float) -> float:  # convex in 1 / T
        return share @ (logsumexp(sharpness * logits, axis=1) - sharpness * of_label)

    found = minimize_scalar(
        loss, bounds=(0.05, 20.0), method="bounded", options={"xatol": 1e-6}
    )
    return 1.0 / float(found.x)


def put_back_exponent(targets: SoftTargets) -> float:
    """The exponent that undoes the temperature in a student of the mixed target.

    A student that learns ``alpha * p_T + (1 - alpha) * onehot(y)`` is itself tempered
    by the share of its lesson that was. Its predictions q become ``q ** b``, scaled
    to sum to 1, where b is 1 for ``alpha=0``, T for ``alpha=1``, and in between the
    minimiser of the distillation loss when the student hits its targets exactly. The
    loss is convex in b.

    Parameters
    ----------
    targets : SoftTargets
        The lesson.

    Returns
    -------
    float
        Between 1 and the temperature.
    """
    temperature = targets.temperature
    alpha = np.asarray(targets.alpha, dtype=np.float64)
    if temperature == 1.0 or not alpha.any():
        return 1.0
    if (alpha == 1.0).all():
        return temperature
    log_mix = np.log(np.maximum(targets.mixed(), PROBABILITY_FLOOR))
    weight = np.ones(len(log_mix)) if targets.weight is None else targets.weight
    teacher_weight = weight * alpha * temperature**2
    rows = np.flatnonzero(targets.labels != UNLABELED)
    label_weight = (weight * (1 - alpha))[rows]
    on_teacher = teacher_weight @ np.einsum("ij,ij->i", targets.teacher, log_mix)
    on_label = label_weight @ log_mix[rows, targets.labels[rows]]

    def loss(exponent: float) -> float:
        soft = teacher_weight @ logsumexp(log_mix * (exponent / temperature), axis=1)
        hard = label_weight @ logsumexp(log_mix[rows] * exponent, axis=1)
        linear = exponent / temperature * on_teacher + exponent * on_label
        return soft + hard - linear

    low, high = sorted((1.0, temperature))
    found = minimize_scalar(loss, bounds=(low, high), method="bounded")
    return float(found.x)
