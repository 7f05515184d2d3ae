"""What the teacher, the student and the student alone say, each asked once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from skdistill._answers import AnswersAsStudent
from skdistill._rows import n_rows_of
from skdistill._sklearn_compat import take_rows
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
    members : list of Answer or None
        Of each teacher, if there are several; None for one of weight 0, which is not
        asked.
    """

    answers: dict[str, Answer]
    members: list[Answer | None]


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


def ask_all(model, X, *, teacher_proba=None, baseline=None, kept=None) -> Asked:
    """Ask everybody about the rows, each of them once, and the teacher last.

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
    kept : ndarray of shape (n_kept,), intp, default=None
        Positions of the rows that count; None: all.

    Returns
    -------
    Asked
        About the rows that count.
    """
    distiller, _ = distiller_in(model)
    classes, n_rows = distiller.classes_, n_rows_of(X)
    if teacher_proba is None:
        _check_teacher(distiller)
    else:
        teacher = _read_teacher(teacher_proba, model, classes, n_rows, kept)
    is_model = hasattr(baseline, "predict")
    if is_model:
        check_is_fitted(baseline)
    elif baseline is not None:
        alone = _given(baseline, classes, n_rows, kept)
    X = X if kept is None else some_rows(X, kept)
    student = _ask(model, X, classes, "model")
    if is_model:
        alone = _ask(baseline, X, classes, "baseline")
    members: list[Answer | None] = []
    if teacher_proba is None:
        teacher, members = _ask_teacher(*distiller_in(model, X))
    answers = {TEACHER: teacher, STUDENT: student}
    return Asked(answers if baseline is None else {**answers, ALONE: alone}, members)


def some_rows(X, rows: NDArray[np.intp]):
    """Rows of X at some positions, in whatever container it is."""
    if issparse(X):
        return X.tocsr()[rows]
    return take_rows(X, rows)


def _check_teacher(distiller) -> None:
    if getattr(distiller, "_teacher", None) is None:
        raise ValueError(
            f"teacher_proba=None, but the teacher of this {type(distiller).__name__} "
            "cannot be asked: it was precomputed, or stripped. Pass "
            "teacher_proba=P, its probabilities of these rows."
        )


def _read_teacher(teacher_proba, model, classes: NDArray, n_rows: int, kept) -> Answer:
    proba, silent = read_table(teacher_proba, model, classes, n_rows)
    proba, kept = _unscaled(proba, teacher_proba), slice(None) if kept is None else kept
    if silent is not None and silent[kept].any():
        raise ValueError(
            f"teacher_proba says nothing about {silent[kept].sum()} of {n_rows} rows "
            "(NaN or 0 throughout); leave these rows out of the report."
        )
    return Answer.of_proba(proba[kept])


def _unscaled(proba: NDArray[np.float64], given) -> NDArray[np.float64]:
    """Rows as they were given where scaling only rounded them: ties stay ties."""
    given = np.asarray(given)
    if given.dtype.kind != "f" or given.shape != proba.shape:
        return proba
    same = np.isclose(given, proba, rtol=1e-14, atol=0).all(axis=1, keepdims=True)
    return np.where(same, given, proba)


def _ask_teacher(distiller, X) -> tuple[Answer, list[Answer | None]]:
    teacher: Any = distiller._teacher
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
    members: list[Answer | None] = [None] * len(teacher.members)
    for k, output in zip(teacher.voters, outputs, strict=True):
        proba = teacher_distributions(output, distiller.classes_)
        members[k] = Answer.of_proba(proba)
    return Answer.of_proba(teacher_distributions(said, distiller.classes_)), members


def _ask(model, X, classes: NDArray, name: str) -> Answer:
    """A fitted classifier; columns go by label, and labels that y lacks are left."""
    if not hasattr(model, "predict_proba"):
        return Answer(_codes_of(np.asarray(model.predict(X)), classes, name), None)
    proba = np.asarray(model.predict_proba(X), dtype=np.float64)
    strange = ~np.isfinite(proba).all(axis=1)
    if strange.any():
        row = int(np.flatnonzero(strange)[0])
        raise ValueError(
            f"{name}.predict_proba says NaN or inf about {strange.sum()} rows, the "
            f"first of them row {row}; mend the model, or leave these rows out."
        )
    theirs = np.asarray(model.classes_)
    codes = _codes_of(theirs[proba.argmax(axis=1)], classes, name)
    said = TeacherOutput(proba, "probabilities", theirs)
    return Answer(codes, align_columns(said, classes).values)


def _codes_of(labels: NDArray, classes: NDArray, name: str) -> NDArray[np.intp]:
    """Positions of predicted labels, of whatever kind they are."""
    position = {label: k for k, label in enumerate(classes.tolist())}
    found, where = np.unique(labels, return_inverse=True)
    codes = np.array([position.get(label, -1) for label in found.tolist()], np.intp)
    if (codes < 0).any():
        strange = found[codes < 0].tolist()
        raise ValueError(
            f"{name} predicts {strange[:5]}, labels that the distiller does not know "
            f"({listed(classes)}); fit both on the same labels."
        )
    return codes[where.reshape(-1)]


def _given(baseline, classes: NDArray, n_rows: int, kept) -> Answer:
    table = np.asarray(baseline)
    if table.shape != (n_rows, len(classes)):
        raise ValueError(
            f"baseline has shape {table.shape}; it must be ({n_rows}, {len(classes)}): "
            "a row for each row of X, and a column for each of the classes "
            f"{listed(classes)} in this order."
        )
    table = table[:, _order_of(baseline, classes)]
    table = table if kept is None else table[kept]
    proba, _ = read_proba(table, "baseline")
    return Answer.of_proba(_unscaled(proba, table))


def _order_of(baseline, classes: NDArray) -> list[int]:
    """Where each class has its column: by name, if a frame has the labels as names."""
    columns = np.asarray(getattr(baseline, "columns", [])).tolist()
    if set(columns).isdisjoint(classes.tolist()):
        return list(range(len(classes)))
    if set(columns) != set(classes.tolist()):
        raise ValueError(
            f"baseline has the columns {columns[:8]}, and the classes are "
            f"{listed(classes)}; give a column for each of the classes."
        )
    return [columns.index(label) for label in classes.tolist()]
