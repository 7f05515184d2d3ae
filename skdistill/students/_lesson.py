"""The result of learning: a fitted student, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdistill.targets import normalize_rows, raise_to


@dataclass(frozen=True)
class Lesson:
    """A fitted student, the route it was taught by, and how to read its answers.

    Parameters
    ----------
    student : estimator
        Fitted.
    route : str
        Name of the route.
    classes : ndarray of shape (n_classes,)
        The labels of y: the columns of every answer.
    exponent : float, default=1.0
        Power that puts the student's probabilities back to temperature 1.
    columns : ndarray of shape (n_student_classes,), default=None
        Where the student's columns go in `classes`, if it saw fewer of them.
    """

    student: Any
    route: str
    classes: NDArray
    exponent: float = 1.0
    columns: NDArray[np.intp] | None = None

    #: Whether probabilities come out although the student has no `predict_proba`.
    makes_proba = False

    def of(self, student) -> Lesson:
        """The same lesson, read off `student` (a pipeline around the one taught)."""
        return replace(self, student=student)

    def predict_proba(self, X) -> NDArray[np.float64]:
        """Class probabilities at temperature 1, one column for each of `classes`."""
        proba = self.student.predict_proba(X)
        if self.columns is not None:
            wide = np.zeros((len(proba), len(self.classes)))
            wide[:, self.columns] = proba
            proba = wide
        return raise_to(proba, self.exponent)

    def predict(self, X) -> NDArray:
        """Labels."""
        return self.student.predict(X)

    @classmethod
    def read(cls, student, route: str, classes: NDArray, **reading) -> Lesson:
        """Describe a fitted classifier, whichever of the classes it has seen."""
        theirs = getattr(student, "classes_", classes)
        columns = None
        if len(theirs) != len(classes):
            columns = np.searchsorted(classes, theirs)
        return cls(student, route, classes, columns=columns, **reading)


class InterruptedLesson(KeyboardInterrupt):
    """Ctrl-C while a student learned; it has come far enough to be used.

    Parameters
    ----------
    message : str
        How far.
    lesson : Lesson
        The student as it is now.
    """

    def __init__(self, message: str, lesson: Lesson):
        super().__init__(message, lesson)
        self.lesson = lesson

    def __str__(self) -> str:
        return self.args[0]


@dataclass(frozen=True)
class RegressionLesson(Lesson):
    """A regressor of probabilities, read as a classifier.

    One output stands for the second of two classes; several for a class each. Negative
    outputs count as 0 and the rest is scaled to sum to 1.
    """

    makes_proba = True

    def predict_proba(self, X) -> NDArray[np.float64]:
        """Class probabilities at temperature 1."""
        output = np.array(self.student.predict(X), dtype=np.float64)
        if output.ndim == 1 or output.shape[1] == 1:
            second = np.clip(output.reshape(-1), 0.0, 1.0)
            proba = np.column_stack([1.0 - second, second])
        else:
            proba = normalize_rows(np.maximum(output, 0.0, out=output))
        return raise_to(proba, self.exponent)

    def predict(self, X) -> NDArray:
        """Labels of the largest probability."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]


@dataclass(frozen=True)
class NetworkLesson(Lesson):
    """A network: takes float64 and frames; positions it predicts stand for labels."""

    makes_proba = True

    def predict_proba(self, X) -> NDArray[np.float64]:
        """Class probabilities at temperature 1."""
        from skdistill.neural import stand_in

        # Not the student itself: skorch switches modes of modules to predict.
        return Lesson.predict_proba(self.of(stand_in(self.student)), X)

    def predict(self, X) -> NDArray:
        """Labels of the largest probability."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]
