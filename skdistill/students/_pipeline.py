"""Pipelines as students: the steps before the last are fitted as ever."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRequest

from skdistill._fingerprint import fingerprint
from skdistill._rows import n_rows_of
from skdistill._sklearn_compat import take_rows
from skdistill.students._lesson import InterruptedLesson, Lesson
from skdistill.targets import FreshRows, SoftTargets


def takes(student) -> bool:
    """Whether the student is a scikit-learn `Pipeline` with an estimator at its end."""
    return isinstance(student, Pipeline) and student.steps[-1][1] not in (
        None,
        "passthrough",
    )


def teach(
    student: Pipeline, X, targets: SoftTargets, fit_params: dict, learn
) -> Lesson:
    """Fit the pipeline with its last step taught by that step's own route.

    The transformers see the rows with the most probable labels of the mixed targets.

    Parameters
    ----------
    student : Pipeline
        Not fitted; it is the one that gets fitted.
    X : array-like of shape (n_rows, n_features)
        Rows.
    targets : SoftTargets
        The lesson.
    fit_params : dict
        Passed to `fit` of the pipeline.
    learn : callable
        ``learn(last_step, X_transformed, targets, fit_params) -> Lesson``.

    Returns
    -------
    Lesson
    """
    name, last = student.steps[-1]
    if targets.fresh is not None:
        transform = functools.partial(_transform, student)
        targets = replace(targets, fresh=_through(transform, targets.fresh))
    seat = _Seat(last, targets, learn)
    student.steps = [*student.steps[:-1], (name, seat)]
    try:
        student.fit(X, targets.hard_labels(), **fit_params)
    except InterruptedLesson as interrupt:
        student.steps = [*student.steps[:-1], (name, interrupt.lesson.student)]
        lesson = interrupt.lesson.of(student)
        raise InterruptedLesson(str(interrupt), lesson) from None
    student.steps = [*student.steps[:-1], (name, seat.lesson_.student)]
    return seat.lesson_.of(student)


def _transform(student: Pipeline, X):
    """What the steps before the last, fitted by now, make of rows."""
    return student[:-1].transform(X) if len(student.steps) > 1 else X


def _through(transform: Callable, fresh: FreshRows) -> FreshRows:
    """Fresh rows as the last step sees them; the teacher reads them as they were."""
    drawn: list[tuple[Any, Any]] = []

    def draw(n_rows, seed):
        rows = fresh.draw(n_rows, seed)
        # Of a copy, for a step may write into it, and the teacher reads them as well.
        made = transform(take_rows(rows, np.arange(n_rows_of(rows))))
        drawn[:] = [(made, rows)]
        return drawn[0][0]

    def label(X):
        if not drawn or drawn[0][0] is not X:
            raise ValueError(
                "The teacher reads rows as they were before the steps of the student's "
                "pipeline: it can only be asked about the rows drawn last."
            )
        return fresh.label(drawn[0][1])

    return FreshRows(fresh.n_rows, draw, None, label)


def teach_together(
    students: Sequence,
    X,
    targets: Sequence[SoftTargets],
    random_state: Sequence,
    learn: Callable,
) -> list[Lesson | Exception]:
    """Fit several students, pipelines among them, whose last steps learn together.

    Parameters
    ----------
    students : sequence of estimator
        Those that get fitted.
    X : array-like of shape (n_rows, n_features)
        Rows.
    targets : sequence of SoftTargets
        A lesson for each.
    random_state : sequence of int or None
        A seed for each.
    learn : callable
        ``learn(last_steps, X_transformed, targets, seeds) -> list of Lesson``, called
        for each group of students that make the same of X.

    Returns
    -------
    list of Lesson or Exception
    """
    groups: dict[str, tuple[Any, list[int]]] = {}
    waiting: list = []
    lessons_of: list[SoftTargets] = []

    def wait(last, rows, lesson, fit_params):
        groups.setdefault(fingerprint(rows), (rows, []))[1].append(len(waiting))
        waiting.append(last)
        lessons_of.append(lesson)  # whose fresh rows go through the steps, too
        return Lesson(last, "waiting", lesson.classes)

    for student, lesson in zip(students, targets, strict=True):
        if takes(student):
            # A copy, for a step may write into it.
            rows = take_rows(X, np.arange(len(lesson.labels)))
            teach(student, rows, lesson, {}, wait)
        else:
            wait(student, X, lesson, {})
    taught: list[Any] = [None] * len(students)
    for rows, members in groups.values():
        chosen = ([each[k] for k in members] for each in (lessons_of, random_state))
        lessons = learn([waiting[k] for k in members], rows, *chosen)
        for k, lesson in zip(members, lessons, strict=True):
            taught[k] = _seated(students[k], lesson)
    return taught


def _seated(student, lesson: Lesson | Exception) -> Lesson | Exception:
    """Put what was taught in its place at the end of a pipeline."""
    if isinstance(lesson, Exception) or not takes(student):
        return lesson
    student.steps = [*student.steps[:-1], (student.steps[-1][0], lesson.student)]
    return lesson.of(student)


class _Seat(BaseEstimator):
    """Sits in the place of a pipeline's last step and has that step taught."""

    def __init__(self, estimator, targets, learn):
        self.estimator = estimator
        self.targets = targets
        self.learn = learn

    def __sklearn_tags__(self):
        return get_tags(self.estimator)

    def get_metadata_routing(self) -> MetadataRequest:
        """What the last step itself requests."""
        return self.estimator.get_metadata_routing()

    def fit(self, X, y, **fit_params):
        """Teach the estimator; `y` is known from the targets already."""
        n_rows = len(self.targets.labels)
        if len(y) != n_rows:
            raise ValueError(
                f"The steps of the student pipeline turned {n_rows} rows into "
                f"{len(y)}; a student may transform rows but not add or drop any."
            )
        self.lesson_ = self.learn(self.estimator, X, self.targets, fit_params)
        return self


def last_step(student):
    """The estimator that learns: the student, or the last step of nested pipelines."""
    while takes(student):
        student = student.steps[-1][1]
    return student
