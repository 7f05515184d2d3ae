"""Pipelines as students: the steps before the last are fitted as ever."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRequest

from skdistill.students._lesson import InterruptedLesson, Lesson
from skdistill.targets import SoftTargets


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
