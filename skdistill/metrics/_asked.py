"""What the teacher of a model says about rows: asked, or read off a table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from skdistill._rows import n_rows_of
from skdistill._sklearn_compat import take_rows
from skdistill.metrics._said import SUM_TOLERANCE, listed
from skdistill.targets import (
    ScoreKind,
    TeacherOutput,
    read_columns,
    share_labels,
    teacher_distributions,
)

_PASS_A_TABLE = (
    "Pass what a teacher says about the rows, scorer(estimator, X, y, "
    "teacher_proba=P); in a search of scikit-learn switch on metadata routing, and "
    "have P sliced by the folds with scorer.set_score_request(teacher_proba='said') "
    "and fit(X, y, said=P). A DistillationClassifierCV wants the scorer itself as "
    "scoring, and no function around it."
)


class Found(NamedTuple):
    """The distiller inside a model, and the rows as it sees them."""

    distiller: Any
    X: Any


class Answers(NamedTuple):
    """What teacher and student say about the same rows.

    Parameters
    ----------
    teacher : ndarray of shape (n_rows, n_classes)
        Probabilities.
    student : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Labels or probabilities.
    weight : array-like of shape (n_rows,) or None
        Weights of the rows.
    """

    teacher: NDArray
    student: NDArray
    weight: Any


def find_distiller(model, X=None) -> Found | None:
    """Look through pipelines and searches for what has a teacher and a student.

    Parameters
    ----------
    model : estimator
        Fitted.
    X : array-like of shape (n_rows, n_features), default=None
        Rows, which the steps before the distiller transform, if any are given.

    Returns
    -------
    Found or None
        None if the last step of all is no distiller.
    """
    while True:
        if hasattr(model, "teacher_predict_proba") or hasattr(model, "teacher_output"):
            return Found(model, X)
        if isinstance(model, Pipeline):
            before, model = model[:-1], model[-1]
            X = before.transform(X) if len(before) and X is not None else X
        elif hasattr(model, "search_"):  # of a choice by budget
            model = model.search_
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return None


def ask_own_teacher(model, X, cure: str = _PASS_A_TABLE) -> NDArray[np.float64]:
    """Ask the teacher that a fitted model holds.

    Parameters
    ----------
    model : estimator
        Fitted.
    X : array-like of shape (n_rows, n_features)
        Rows, as the model takes them.
    cure : str
        What to do where there is none.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Probabilities, in the order of the model's `classes_`.

    Raises
    ------
    ValueError
        If there is none that could be asked.
    """
    found = find_distiller(model, X)
    if found is None or not hasattr(found.distiller, "teacher_predict_proba"):
        raise ValueError(
            f"{type(model).__name__} holds no teacher that could be asked: it is no "
            f"distiller, its teacher is 'precomputed', or it was stripped. {cure}"
        )
    return found.distiller.teacher_predict_proba(found.X)


def pair_up(
    model, X, student: NDArray, teacher_proba, weight, cure: str = _PASS_A_TABLE
) -> Answers:
    """Put what the teacher says beside what a fitted model said.

    Parameters
    ----------
    model : classifier
        Fitted.
    X : array-like of shape (n_rows, n_features)
        Rows, as the model takes them.
    student : ndarray of shape (n_rows,) or (n_rows, n_classes)
        What the model said about them.
    teacher_proba : array-like of shape (n_rows, n_columns) or None
        What the teacher says; None asks the model's own.
    weight : array-like of shape (n_rows,) or None
        Weights of the rows.
    cure : str
        What to do where there is nobody to ask.

    Returns
    -------
    Answers
        About the rows of which the teacher says anything.

    Raises
    ------
    ValueError
        If there is nobody to ask, or `teacher_proba` does not fit.
    """
    if teacher_proba is None:
        return Answers(ask_own_teacher(model, X, cure), student, weight)
    classes = np.asarray(model.classes_)
    teacher, silent = read_table(teacher_proba, model, classes, n_rows_of(X))
    if silent is None:
        return Answers(teacher, student, weight)
    spoken = np.flatnonzero(~silent)
    weight = None if weight is None else take_rows(weight, spoken)
    return Answers(teacher[spoken], student[spoken], weight)


def read_table(
    teacher_proba, model, classes: NDArray, n_rows: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_] | None]:
    """Read a table of what a teacher said.

    Parameters
    ----------
    teacher_proba : array-like of shape (n_rows, n_columns) or (n_rows,)
        Probabilities, in the order of `classes` or of the columns of a frame. One
        column is about the second of two classes. A model whose `fit` reads such
        tables says what else they may hold (votes, logits) and names the columns.
    model : estimator
        Fitted.
    classes : ndarray of shape (n_classes,)
        Its labels.
    n_rows : int
        Rows that it is about.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes)
        In the order of `classes`.
    silent : ndarray of shape (n_rows,), bool, or None
        Rows of nothing but NaN or 0, about which nobody spoke; None if there are none.

    Raises
    ------
    ValueError
        If it does not fit the rows or the classes, or cannot be read for sure.
    """
    found = find_distiller(model)
    distiller: Any = None if found is None else found.distiller
    reads = _reads(distiller)
    is_logits = reads and distiller.teacher_output == "logits"
    kind: ScoreKind = "logits" if is_logits else "probabilities"
    table = _as_columns(teacher_proba, kind, n_rows)
    columns = _columns_of(teacher_proba, distiller, classes)
    if len(columns) != table.shape[1]:
        raise ValueError(
            f"teacher_proba has {table.shape[1]} columns for the classes "
            f"{listed(columns)}; give one for each, in this order, or a frame with the "
            "labels as names of its columns. If some classes are rare, stratify the "
            "folds."
        )
    silent = _silent(table, kind)
    if silent is not None:
        table[silent] = 1.0 / len(columns)
    _check_table(table, kind, scaled=not reads)
    return teacher_distributions(TeacherOutput(table, kind, columns), classes), silent


def _reads(distiller) -> bool:
    """Whether its `fit` reads such a table."""
    given = (getattr(distiller, name, None) for name in ("teacher", "teacher_cv"))
    return any(isinstance(value, str) and value == "precomputed" for value in given)


def _as_columns(teacher_proba, kind: ScoreKind, n_rows: int) -> NDArray[np.float64]:
    table = read_columns(teacher_proba, kind, n_rows)
    if table.ndim != 2 or len(table) != n_rows:
        raise ValueError(
            f"teacher_proba has shape {np.shape(teacher_proba)}, and X has {n_rows} "
            f"rows; give one row for each, shape ({n_rows}, n_classes). If a search is "
            "to slice it with its folds, request it: scorer.set_score_request("
            "teacher_proba=True), with metadata routing."
        )
    return table


def _columns_of(teacher_proba, distiller, classes: NDArray) -> NDArray:
    """Labels of the columns: a frame's own, the distiller's, or those of the model."""
    own = getattr(teacher_proba, "columns", None)
    if own is not None and share_labels(np.asarray(own), classes):
        return np.asarray(own)
    named = getattr(distiller, "teacher_classes", None)
    if named is None or np.asarray(named).tolist() == classes.tolist():
        return classes
    if _reads(distiller):
        return np.asarray(named)
    # They name what the teacher gives; who made this table, nobody knows.
    raise ValueError(
        f"teacher_proba may have its columns in the order of teacher_classes="
        f"{listed(np.asarray(named))} or of the classes {listed(classes)}; give it as "
        "a frame with the labels as names of its columns."
    )


def _silent(table: NDArray, kind: ScoreKind) -> NDArray[np.bool_] | None:
    nothing = np.isnan(table)
    if kind == "probabilities":
        nothing |= table == 0
    silent = nothing.all(axis=1)
    if silent.any() and silent.all():
        raise ValueError(
            "teacher_proba says nothing about any of these rows (NaN or 0 throughout); "
            "there is nothing to compare with."
        )
    return silent if silent.any() else None


def _check_table(table: NDArray, kind: ScoreKind, *, scaled: bool) -> None:
    """Raise if a row is none of its kind; `scaled` ones have to sum to 1 already."""
    good = ~(np.isnan(table) | np.isposinf(table)).any(axis=1)
    if kind == "probabilities":
        good &= (table >= 0).all(axis=1)
        if scaled:
            good &= np.abs(table.sum(axis=1) - 1.0) <= SUM_TOLERANCE
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise ValueError(
            f"teacher_proba holds no {kind}: row {row} is "
            f"{np.array2string(table[row], precision=4, threshold=6)}. Of logits "
            "skdistill.targets.soften(logits, 'logits') makes probabilities."
        )
