"""What a distiller's `fit` was given, checked, and how folds are taken of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from skdistill import _checks
from skdistill._rows import TrainingRows
from skdistill._sklearn_compat import take_metadata, take_rows
from skdistill.targets import TeacherOutput


class Material(NamedTuple):
    """What `fit` was given.

    Parameters
    ----------
    rows : TrainingRows
        Rows with labels.
    X_unlabeled : array-like of shape (n_unlabeled, n_features) or None
        Rows without.
    teacher_proba : array-like of shape (n_rows, n_columns) or None
        Table of a precomputed teacher.
    teacher_params : list of dict
        For the `fit` of each unfitted teacher.
    student_params : dict
        For the student's `fit`.
    """

    rows: TrainingRows
    X_unlabeled: Any
    teacher_proba: Any
    teacher_params: list[dict]
    student_params: dict

    def take(self, positions: NDArray) -> Material:
        """Some of the rows, with what is known about each.

        Parameters
        ----------
        positions : ndarray of shape (n_taken,), intp

        Returns
        -------
        Material
            With all unlabelled rows, which belong to no fold.

        Raises
        ------
        ValueError
            If all these rows have one label.
        """
        rows, proba = self.rows, self.teacher_proba
        weight = None if rows.weight is None else rows.weight[positions]
        taken = take_rows(rows.X, positions)
        return self._replace(
            rows=_checks.check_rows(taken, rows.y[positions], weight),
            teacher_proba=None if proba is None else take_rows(proba, positions),
            teacher_params=[
                take_metadata(rows.X, params, positions)
                for params in self.teacher_params
            ],
            student_params=take_metadata(rows.X, self.student_params, positions),
        )


class Consultation(NamedTuple):
    """What a teacher said about the rows of a `Material`.

    Parameters
    ----------
    teacher : Teacher or None
        Who; None where that no longer matters.
    X : array-like of shape (n_all_rows, n_features)
        The rows, those without labels below those with.
    output : TeacherOutput
        About all of them.
    representations : tuple of ndarray
        What the teacher makes of all of them.
    """

    teacher: Any
    X: Any
    output: TeacherOutput
    representations: tuple = ()

    def about_labeled(self, rows: TrainingRows) -> Consultation:
        """Leave out the rows without labels: without a teacher they say nothing."""
        n_rows = len(rows.y)
        if n_rows == len(self.output.values):
            return self
        return Consultation(
            self.teacher,
            rows.X,
            replace(self.output, values=self.output.values[:n_rows]),
            tuple(made[:n_rows] for made in self.representations),
        )
