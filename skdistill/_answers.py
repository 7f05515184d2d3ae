"""A fitted distiller answers as its student does, at temperature 1."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if

from skdistill import _checks
from skdistill._base import SaysLogProba
from skdistill._display import children_tags
from skdistill._onnx_protocol import ONNX
from skdistill.students import Lesson, has_probabilities
from skdistill.targets import teacher_distributions
from skdistill.teachers import members_of


def _says_proba(self) -> bool:
    lesson = getattr(self, "_lesson", None)
    if lesson is not None:
        return lesson.makes_proba or hasattr(lesson.student, "predict_proba")
    return has_probabilities(self.student)


def _has_teacher(self) -> bool:
    if hasattr(self, "_lesson"):
        return getattr(self, "_teacher", None) is not None
    return not isinstance(self.teacher, str)


def _says_decision(self) -> bool:
    lesson = getattr(self, "_lesson", None)
    if lesson is not None:
        return lesson.columns is None and hasattr(lesson.student, "decision_function")
    return hasattr(self.student, "decision_function")


class AnswersAsStudent(SaysLogProba, ONNX, ClassifierMixin):
    """The mixin for classifiers that have a student, and a lesson once it is fitted."""

    student: Any
    teacher: Any
    teacher_classes: Any
    classes_: NDArray
    _teacher: Any  # a Teacher, or None where nobody can be asked

    def _taught(self, X) -> Lesson:
        try:
            lesson = self._lesson
        except AttributeError:
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet; call fit first."
            ) from None
        if self._refuses_nan:
            _checks.check_no_missing(X)
        return lesson

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels of y.
        """
        return self._taught(X).predict(X)

    @available_if(_says_proba)
    def predict_proba(self, X):
        """Predict the probability of each class, at temperature 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            One column for each of `classes_`.
        """
        return self._taught(X).predict_proba(X)

    @available_if(_says_decision)
    def decision_function(self, X):
        """Call `decision_function` of the student.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the student takes them.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            The student's scores, put back to temperature 1 as its probabilities are.
        """
        lesson = self._taught(X)
        return lesson.exponent * lesson.student.decision_function(X)

    @available_if(_has_teacher)
    def teacher_predict_proba(self, X):
        """Ask the teacher how probable each class is, at temperature 1.

        Calibrated, if `teacher_calibration` says so. A precomputed teacher cannot be
        asked; nor can one that was stripped.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows, as the teacher takes them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            One column for each of `classes_`; 0 in those that the teacher lacks.
        """
        self._taught(X)
        named = _checks.check_teacher_classes(self.teacher_classes)
        self._teacher.check_rows(X)
        said = self._teacher.evaluate(X, named, self.classes_)
        return teacher_distributions(said, self.classes_)

    def __sklearn_tags__(self):
        return children_tags(
            super().__sklearn_tags__(), [*members_of(self.teacher), self.student]
        )
