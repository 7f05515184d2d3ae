"""From what a teacher said and the true labels to a lesson."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skdistill.targets._outputs import TeacherOutput, align_columns
from skdistill.targets._soft_targets import UNLABELED, SoftTargets
from skdistill.targets._softening import harden, soften


def teacher_distributions(
    output: TeacherOutput,
    classes: NDArray,
    *,
    temperature: float = 1.0,
    hard: bool = False,
) -> NDArray[np.float64]:
    """What a teacher says as distributions over the labels of y.

    Parameters
    ----------
    output : TeacherOutput
        Over its own columns.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.
    temperature : float, default=1.0
        Softens the teacher. Hard targets have none: it then counts as 1.
    hard : bool, default=False
        Whether the teacher says no more than its most probable class.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
    """
    softened = soften(output.values, output.kind, 1.0 if hard else temperature)
    # Only now aligned: a class the teacher does not know has 0 at any temperature.
    output = TeacherOutput(softened, "probabilities", output.classes)
    aligned = align_columns(output, classes).values
    return harden(aligned) if hard else aligned


def build_targets(
    output: TeacherOutput,
    classes: NDArray,
    codes: NDArray[np.intp],
    *,
    temperature: float = 1.0,
    alpha: float = 1.0,
    hard: bool = False,
    weight: NDArray[np.float64] | None = None,
    more_weight: NDArray[np.float64] | None = None,
    correction: float | None = None,
) -> SoftTargets:
    """Join a teacher's answer with the true labels.

    Parameters
    ----------
    output : TeacherOutput
        About every row; rows beyond ``len(codes)`` have no label. Where it is silent,
        the label stands alone.
    classes : ndarray of shape (n_classes,)
        The labels of y, sorted.
    codes : ndarray of shape (n_labeled,), intp
        Positions of the true labels in `classes`.
    temperature : float, default=1.0
        Softens the teacher. Hard targets have none: it then counts as 1.
    alpha : float, default=1.0
        Weight of the teacher against the label. An unlabelled row is only worth that
        much of an average row, for nobody speaks for the rest.
    hard : bool, default=False
        Whether the teacher says no more than its most probable class.
    weight : ndarray of shape (n_labeled,), default=None
        Weights of the labelled rows.
    more_weight : ndarray of shape (n_more,), default=None
        What an unlabelled row is worth against an average labelled one. None: the same.
    correction : float, default=None
        The constant of :func:`correct_toward_labels`.

    Returns
    -------
    SoftTargets
    """
    temperature = 1.0 if hard else temperature
    teacher = teacher_distributions(output, classes, temperature=temperature, hard=hard)
    n_labeled = len(codes)
    of_labeled = output.take(slice(n_labeled))
    trust = None
    if correction is not None:
        proba = teacher_distributions(of_labeled, classes)
        trust = 1.0 - correct_toward_labels(proba, codes, correction)
    if of_labeled.silent is not None and of_labeled.silent.any():
        trust = np.where(of_labeled.silent, 0.0, 1.0 if trust is None else trust)
    own: float | NDArray = alpha if trust is None else alpha * trust
    n_more = len(teacher) - n_labeled
    if not n_more:
        targets = SoftTargets(classes, teacher, codes, own, weight, temperature)
        return replace(targets, trust=trust)
    weight = np.ones(n_labeled) if weight is None else weight
    average = weight[weight > 0].mean() if weight.any() else 0.0
    worth = np.ones(n_more) if more_weight is None else more_weight
    return SoftTargets(
        classes,
        teacher,
        labels=np.append(codes, np.full(n_more, UNLABELED)),
        alpha=np.append(np.broadcast_to(own, n_labeled), np.ones(n_more)),
        weight=np.append(weight, alpha * average * worth),
        temperature=temperature,
        trust=None if trust is None else np.append(trust, np.ones(n_more)),
    )


def correct_toward_labels(
    proba: NDArray[np.float64], codes: NDArray[np.intp], c: float
) -> NDArray[np.float64]:
    """How far each row's target is to move from the teacher's word to the label.

    The corrected target of a row is ``p + g (y - p)`` with ``g = c / (c + e**2)`` and
    ``e**2`` half the squared distance of p and the one-hot label: for two classes the
    correction of [1]_. A teacher that has not learned enough is set right by the
    labels on average; where it is far off, the label is taken for noise and moves it
    less. (A constant g is ``1 - alpha``.)

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        What the teacher says, at temperature 1.
    codes : ndarray of shape (n_rows,), intp
        Columns of the labels.
    c : float
        Above 0. The larger, the more the label counts.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        g, in (0, 1].

    References
    ----------
    .. [1] T. Dao, G. M. Kamath, V. Syrgkanis and L. Mackey, "Knowledge distillation as
       semiparametric inference", 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skdistill.targets import correct_toward_labels
    >>> correct_toward_labels(np.array([[0.9, 0.1]]), np.array([1]), c=0.09).round(3)
    array([0.1])
    """
    distance = np.einsum("ij,ij->i", proba, proba)
    distance += 1.0 - 2.0 * proba[np.arange(len(codes)), codes]
    return c / (c + np.maximum(distance, 0.0) / 2.0)
