"""Hard relabelling, the last resort: the student sees only the most probable label."""

from __future__ import annotations

import warnings

from sklearn.base import is_classifier

from skdistill.students import _copies
from skdistill.students._fitting import fit
from skdistill.students._lesson import Lesson
from skdistill.targets import SoftTargets

ROUTE = "hard labels"


def takes(student) -> bool:
    """Whether the student is a classifier at all."""
    return is_classifier(student)


def teach(student, X, targets: SoftTargets, fit_params: dict) -> Lesson:
    """Fit the student on the most probable label of each row's mixed target.

    Warns that what the teacher knows beyond its first choice is lost, unless the
    targets are certain anyway.

    Parameters
    ----------
    student : classifier
        Not fitted; it is the one that gets fitted.
    X : array-like of shape (n_rows, n_features)
        Rows.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit`.

    Returns
    -------
    Lesson
    """
    mixed = targets.mixed()
    if (mixed.max(axis=1) < 1.0).any():
        warnings.warn(_reason(student), UserWarning, stacklevel=2)
    labels = targets.classes[mixed.argmax(axis=1)]
    fit(student, X, labels, targets.weight, fit_params)
    return Lesson.read(student, ROUTE, targets.classes)


def _reason(student) -> str:
    name = type(student).__name__
    setting = _copies.why_not(student)
    if setting is None:
        cure = (
            f"{name}.fit takes no sample_weight; a student whose fit does, a tree or a "
            "regressor learns soft targets"
        )
    else:
        cure = (
            f"with {setting} {name} holds out rows by itself; switch that off to learn "
            "soft targets"
        )
    return (
        f"The student {name} learns hard labels: only the most probable label of each "
        f"row's target. ({cure[0].upper()}{cure[1:]}.)"
    )
