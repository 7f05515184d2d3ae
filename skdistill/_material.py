"""What a distiller's `fit` was given, checked, and how folds are taken of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdistill import _checks
from skdistill._rows import TrainingRows, n_rows_of
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
    groups : array-like of shape (n_rows,) or None
        For the splitter that cross-fits the teacher.
    """

    rows: TrainingRows
    X_unlabeled: Any
    teacher_proba: Any
    teacher_params: list[dict]
    student_params: dict
    groups: Any = None

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
            groups=None if self.groups is None else take_rows(self.groups, positions),
        )


class DrawnRows(NamedTuple):
    """Rows that a generator has made, to be labelled by the teacher alone.

    Parameters
    ----------
    generator : object
        Fitted.
    X : array-like of shape (n_drawn, n_features)
        The rows.
    worth : float
        What one is worth against an average labelled row.
    draw : callable
        ``draw(n_rows, seed)`` makes others.
    around : callable or None
        ``around(positions, seed)`` makes one near each of some rows of the material.
    """

    generator: Any
    X: Any
    worth: float
    draw: Callable
    around: Callable | None


class AnswerOnce:
    """Ask about a table once, though several want to know at the same time.

    Parameters
    ----------
    ask : callable
        ``ask(X) -> TeacherOutput``.
    """

    def __init__(self, ask: Callable[[Any], TeacherOutput]):
        self.ask = ask
        self._last: tuple[Any, TeacherOutput] | None = None

    def __call__(self, X) -> TeacherOutput:
        """What is said about these rows; kept until others are asked about."""
        last = self._last
        if last is None or last[0] is not X:
            self._last = last = (X, self.ask(X))
        return last[1]

    def __getstate__(self):
        return {"ask": self.ask, "_last": None}


class Consultation(NamedTuple):
    """What a teacher said about the rows of a `Material`.

    Parameters
    ----------
    teacher : Teacher or None
        Who; None where that no longer matters.
    X : array-like of shape (n_all_rows, n_features)
        The rows: those with labels, below them those without, then drawn ones.
    output : TeacherOutput
        About all of them.
    representations : tuple of ndarray
        What the teacher makes of all of them.
    drawn : DrawnRows or None
        Rows that were drawn.
    ask : callable or None
        ``ask(X) -> TeacherOutput``, where the student may want to draw others.
    """

    teacher: Any
    X: Any
    output: TeacherOutput
    representations: tuple = ()
    drawn: DrawnRows | None = None
    ask: Callable[[Any], TeacherOutput] | None = None

    @property
    def n_drawn(self) -> int:
        """How many rows were drawn."""
        return 0 if self.drawn is None else n_rows_of(self.drawn.X)

    def more_weight(self, n_labeled: int) -> NDArray[np.float64] | None:
        """What each row without a label is worth against an average labelled one."""
        if self.drawn is None:
            return None
        worth = np.ones(len(self.output.values) - n_labeled)
        worth[len(worth) - self.n_drawn :] = self.drawn.worth
        return worth

    def about_labeled(self, rows: TrainingRows) -> Consultation:
        """Leave out the rows without labels: without a teacher they say nothing."""
        n_rows = len(rows.y)
        if n_rows == len(self.output.values):
            return self
        return Consultation(
            self.teacher,
            rows.X,
            self.output.take(slice(n_rows)),
            tuple(made[:n_rows] for made in self.representations),
        )
