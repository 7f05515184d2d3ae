"""A teacher whose answers are set right by what it says about rows it never saw."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skdistill._rows import TrainingRows
from skdistill.targets import (
    PROBABILITY_FLOOR,
    TeacherOutput,
    fit_temperature,
    soften,
)
from skdistill.teachers._base import Teacher
from skdistill.teachers._recognise import weight_params

TEMPERATURE = "temperature"


class Calibration(Protocol):
    """Something that corrects a teacher's answers."""

    def apply(self, output: TeacherOutput) -> TeacherOutput:
        """Correct answers about any rows."""


class TemperatureCalibration:
    """One temperature for all that a teacher says.

    Parameters
    ----------
    temperature : float
        By which its logits are divided.
    """

    def __init__(self, temperature: float):
        self.temperature = temperature

    def apply(self, output: TeacherOutput) -> TeacherOutput:
        """Divide logits, or the logarithms of probabilities."""
        if output.kind == "logits":
            values = output.values / self.temperature
        else:
            values = soften(output.values, output.kind, self.temperature)
        return TeacherOutput(values, output.kind, output.classes, output.silent)

    def __repr__(self) -> str:
        return f"TemperatureCalibration({self.temperature:.4g})"


class ClassifierCalibration:
    """A classifier of labels by the logarithms of a teacher's probabilities.

    Parameters
    ----------
    classifier : estimator
        Fitted.
    classes : ndarray of shape (n_classes,)
        The labels whose probabilities it was fitted on.
    """

    def __init__(self, classifier, classes: NDArray):
        self.classifier = classifier
        self.classes = classes

    def apply(self, output: TeacherOutput) -> TeacherOutput:
        """Ask the classifier about each answer."""
        proba = self.classifier.predict_proba(log_proba(output, self.classes))
        corrected = TeacherOutput(
            proba, "probabilities", np.asarray(self.classifier.classes_), output.silent
        )
        return corrected.over(self.classes)

    def __repr__(self) -> str:
        return f"ClassifierCalibration({self.classifier!r})"


def log_proba(output: TeacherOutput, classes: NDArray) -> NDArray[np.float64]:
    """Logarithms of a teacher's probabilities of some labels, floored."""
    return np.log(np.maximum(output.over(classes).values, PROBABILITY_FLOOR))


def check_calibration(calibration, rows: TrainingRows, spoken: NDArray) -> None:
    """Check that there is something to fit a calibration to.

    Parameters
    ----------
    calibration : "temperature" or classifier
        What is to be fitted.
    rows : TrainingRows
        All rows.
    spoken : ndarray of shape (n_spoken,), intp
        Positions of those about which somebody speaks who was not fitted on them.

    Raises
    ------
    ValueError
        If none of them has any weight, or (for a classifier) none of some class has.
    """
    mass = None if rows.weight is None else rows.weight[spoken]
    count = np.bincount(rows.codes[spoken], mass, minlength=len(rows.classes))
    by_name = isinstance(calibration, str)
    shown = repr(calibration) if by_name else type(calibration).__name__
    if not count.any():
        raise ValueError(
            f"teacher_calibration={shown}: all rows about which a teacher speaks that "
            "was not fitted on them have sample_weight 0; give folds whose test parts "
            "hold others (teacher_cv), or leave the calibration out."
        )
    if not by_name and not count.all():
        missing = rows.classes[count == 0].tolist()
        raise ValueError(
            f"teacher_calibration={shown} learns all classes, and no teacher speaks "
            f"about rows of {missing} that was not fitted on them; give folds whose "
            "test parts hold all classes (teacher_cv), or "
            "teacher_calibration='temperature'."
        )


def fit_calibration(
    calibration, output: TeacherOutput, rows: TrainingRows
) -> TemperatureCalibration | ClassifierCalibration:
    """Fit a calibration to what a teacher says about labelled rows.

    Parameters
    ----------
    calibration : "temperature" or classifier
        A classifier is cloned, and weighs rows if it takes weights.
    output : TeacherOutput
        About `rows`, which it was not fitted on.
    rows : TrainingRows
        With the true labels.

    Returns
    -------
    TemperatureCalibration or ClassifierCalibration

    Raises
    ------
    ValueError
        As :func:`check_calibration`.
    """
    spoken = np.arange(len(rows.y))
    if output.silent is not None:
        spoken = spoken[~output.silent]
    if isinstance(calibration, str):
        spoken = spoken[np.isin(rows.classes, output.classes)[rows.codes[spoken]]]
    check_calibration(calibration, rows, spoken)
    if isinstance(calibration, str):
        found = fit_temperature(output, rows.classes, rows.codes, rows.weight)
        return TemperatureCalibration(found)
    weights = {}
    if rows.weight is not None:
        weights = weight_params(calibration, rows.weight[spoken])
    said = log_proba(output, rows.classes)
    classifier = clone(calibration).fit(said[spoken], rows.y[spoken], **weights)
    return ClassifierCalibration(classifier, rows.classes)


class CalibratedTeacher(Teacher):
    """A teacher with its calibration.

    Parameters
    ----------
    teacher : Teacher
        Asked as ever.
    calibration : Calibration
        Applied to all it says.
    """

    def __init__(self, teacher: Teacher, calibration: Calibration):
        super().__init__(teacher.source)
        self.teacher = teacher
        self.calibration = calibration
        self.kind = teacher.kind
        self.name = teacher.name
        self.model = teacher.model

    @property
    def holds_given(self) -> bool:
        """That of the teacher."""
        return self.teacher.holds_given

    def identity(self):
        """That of the teacher: what is kept is what it says before calibration."""
        return self.teacher.identity()

    def own_classes(self):
        """Labels of the columns, if the teacher knows."""
        return self.teacher.own_classes()

    def check_rows(self, X) -> None:
        """Raise if the teacher cannot read such rows."""
        self.teacher.check_rows(X)

    def evaluate(self, X, classes, fallback, *, progress=None, store=None):
        """What the teacher says, calibrated."""
        said = self.teacher.evaluate(
            X, classes, fallback, progress=progress, store=store
        )
        return self.calibration.apply(said)
