"""No teacher (alpha = 0): the student is fitted on the labels as it is."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier

from skdistill._detect import is_module, is_skorch_net
from skdistill.students._fitting import fit
from skdistill.students._lesson import Lesson
from skdistill.targets import SoftTargets

ROUTE = "labels"


def takes(student, targets: SoftTargets) -> bool:
    """Whether the lesson is labels only, and the student a classifier of labels."""
    return (
        not np.any(targets.alpha)
        and not (is_module(student) or is_skorch_net(student))
        and is_classifier(student)
        and not comes_to_listen(student)
    )


def comes_to_listen(student) -> bool:
    """Whether a student turns to its teacher later on, though alpha begins at 0."""
    return bool(getattr(student, "final_alpha", None))


def teach(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    """Fit the student on the true labels.

    Parameters
    ----------
    student : classifier
        Not fitted; it is the one that gets fitted.
    X : array-like of shape (n_rows, n_features)
        Rows.
    targets : SoftTargets
        The lesson; every row has a label.
    fit_params : dict
        Passed to `fit`.

    Returns
    -------
    Lesson
    """
    fit(student, X, targets.classes[targets.labels], targets.weight, fit_params)
    return Lesson.read(student, ROUTE, targets.classes)
