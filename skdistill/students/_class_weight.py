"""Class weights of a student, worked out for soft targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from skdistill.targets import PROBABILITY_FLOOR, SoftTargets


def check_class_weight(class_weight, classes: NDArray) -> None:
    """Raise if class weights are of labels that y does not have.

    Parameters
    ----------
    class_weight : dict, str or None
        Of a student; names are checked by the student itself.
    classes : ndarray of shape (n_classes,)
        The labels of y.
    """
    if isinstance(class_weight, dict):
        compute_class_weight(class_weight, classes=classes, y=classes)


def by_class(
    class_weight, targets: SoftTargets, count: NDArray | None = None
) -> NDArray[np.float64] | None:
    """Weight of each class.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        As in scikit-learn. "balanced" goes by the mass that the mixed targets put on
        each class.
    targets : SoftTargets
        The lesson.
    count : ndarray of shape (n_rows,), default=None
        How often "balanced" counts each row. None: once.

    Returns
    -------
    ndarray of shape (n_classes,) or None
        None if all classes weigh 1.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight={class_weight!r} of the student is unknown for soft "
                "targets; give 'balanced', a dict of label to weight, or None."
            )
        mass = targets.class_mass(count)
        return mass.sum() / (len(mass) * np.maximum(mass, PROBABILITY_FLOOR))
    if not isinstance(class_weight, dict):
        raise ValueError(
            f"class_weight={class_weight!r} of the student must be a dict of label to "
            "weight, 'balanced' or None."
        )
    classes = targets.classes
    return compute_class_weight(class_weight, classes=classes, y=classes)
