"""What the teacher, the student and the student alone say, each asked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skdistill._answers import AnswersAsStudent
from skdistill._rows import n_rows_of
from skdistill.metrics._asked import find_distiller, read_table
from skdistill.metrics._said import listed, read_proba
from skdistill.targets import TeacherOutput, align_columns, teacher_distributions
from skdistill.teachers import CalibratedTeacher, EnsembleTeacher

TEACHER, STUDENT, ALONE = "teacher", "student", "student alone"


class Answer(NamedTuple):
    """What one model says about the rows.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), intp
        Predicted classes.
    proba : ndarray of shape (n_rows, n_classes) or None
        None if it says labels only.
    """

    codes: NDArray[np.intp]
    proba: NDArray[np.float64] | None

    @classmethod
    def of_proba(cls, proba: NDArray) -> Answer:
        return cls(proba.argmax(axis=1), proba)


class Asked(NamedTuple):
    """All answers about some rows.

    Parameters
    ----------
    answers : dict of str to Answer
        Of the teacher, the student and, if there is one, the student alone.
    members : list of Answer
        Of each teacher, if there are several.
    """

    answers: dict[str, Answer]
    members: list[Answer]


def distiller_in(model, X=None) -> tuple[AnswersAsStudent, Any]:
    """The fitted distiller in a model, and the rows as it sees them.

    Parameters
    ----------
    model : estimator
        A distiller, a search over one, a pipeline that ends in one.
    X : array-like of shape (n_rows, n_features), default=None
        Rows, as the model takes them.

    Raises
    ------
    TypeError
        If there is none.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    check_is_fitted(model)
    found = find_distiller(model, X)
    if found is None or not isinstance(found.distiller, AnswersAsStudent):
        raise TypeError(
            f"model={type(model).__name__} holds no distiller: give a fitted "
            "DistillationClassifier, a search over one, or a pipeline that ends in one."
        )
    return found


def ask_all(model, X, *, teacher_proba=None, baseline=None) -> Asked:
    """Ask everybody about the rows, each of them once.

    Parameters
    ----------
    model : estimator
        As for :func:`distiller_in`.
    X : array-like of shape (n_rows, n_features)
        As the model takes it.
    teacher_proba : array-like of shape (n_rows, n_classes), default=None
        The teacher's word, if it is not to be asked.
    baseline : estimator or array-like of shape (n_rows, n_classes), default=None
        The student alone, fitted, or its probabilities.

    Returns
    -------
    Asked
    """
    distiller, rows = distiller_in(model, None if teacher_proba is not None else X)
    classes, n_rows = distiller.classes_, n_rows_of(X)
    answers: dict[str, Answer] = {}
    members: list[Answer] = []
    if teacher_proba is not None:
        proba, silent = read_table(teacher_proba, model, classes, n_rows)
        if silent is not None:
            raise ValueError(
                f"teacher_proba says nothing about {silent.sum()} of {n_rows} rows "
                "(NaN or 0 throughout); leave these rows out of the report."
            )
        answers[TEACHER] = Answer.of_proba(proba)
    else:
        answers[TEACHER], members = _ask_teacher(distiller, rows)
    answers[STUDENT] = _ask(model, X, classes, "model")
    if hasattr(baseline, "predict"):
        answers[ALONE] = _ask(baseline, X, classes, "baseline")
    elif baseline is not None:
        answers[ALONE] = _given(baseline, classes, n_rows)
    return Asked(answers, members)


def _ask_teacher(distiller, X) -> tuple[Answer, list[Answer]]:
    teacher: Any = getattr(distiller, "_teacher", None)
    if teacher is None:
        raise ValueError(
            f"teacher_proba=None, but the teacher of this {type(distiller).__name__} "
            "cannot be asked: it was precomputed, or stripped. Pass "
            "teacher_proba=P, its probabilities of these rows."
        )
    if not isinstance(getattr(teacher, "teacher", teacher), EnsembleTeacher):
        return Answer.of_proba(distiller.teacher_predict_proba(X)), []
    calibration = None
    if isinstance(teacher, CalibratedTeacher):
        teacher, calibration = teacher.teacher, teacher.calibration
    teacher.check_rows(X)
    outputs = [
        teacher.members[k].evaluate(X, distiller.teacher_classes, distiller.classes_)
        for k in teacher.voters
    ]
    said = teacher.combine(outputs)
    said = said if calibration is None else calibration.apply(said)
    answers = [
        Answer.of_proba(teacher_distributions(each, distiller.classes_))
        for each in (said, *outputs)
    ]
    return answers[0], answers[1:]


def _ask(model, X, classes: NDArray, name: str) -> Answer:
    """A fitted classifier; columns go by label, and labels that y lacks are left."""
    check_is_fitted(model)
    labels = np.asarray(model.predict(X))
    codes = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    if not np.array_equal(classes[codes], labels):
        strange = np.setdiff1d(labels, classes).tolist()
        raise ValueError(
            f"{name} predicts {strange[:5]}, labels that the distiller does not know "
            f"({listed(classes)}); fit both on the same labels."
        )
    if not hasattr(model, "predict_proba"):
        return Answer(codes, None)
    said = TeacherOutput(
        np.asarray(model.predict_proba(X), dtype=np.float64),
        "probabilities",
        np.asarray(model.classes_),
    )
    return Answer(codes, align_columns(said, classes).values)


def _given(baseline, classes: NDArray, n_rows: int) -> Answer:
    proba, _ = read_proba(baseline, "baseline")
    if proba.shape != (n_rows, len(classes)):
        raise ValueError(
            f"baseline has shape {proba.shape}; it must be ({n_rows}, {len(classes)}): "
            "a row for each row of X, and a column for each of the classes "
            f"{listed(classes)} in this order."
        )
    return Answer.of_proba(proba)
