"""What teacher and student say of the same rows, given or asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skdistill.metrics._asked import Answers, ask_own_teacher, pair_up
from skdistill.metrics._said import (
    check_same_columns,
    check_same_rows,
    codes_of,
    name_columns,
    read_labels,
    read_names,
    read_scores,
)

_CURE = "Use what the teacher said: teacher_proba=P, or from_predictions."


def ask_both(model, X, method: str, teacher_proba, sample_weight) -> Answers:
    """Ask a fitted model and its teacher about rows.

    Parameters
    ----------
    model : classifier
        A fitted distiller, a search for one, or a pipeline that ends in one; any other
        classifier with `teacher_proba`.
    X : array-like of shape (n_rows, n_features)
        Rows, as the model takes them.
    method : {"predict_proba", "predict"}
        What the model is asked.
    teacher_proba : array-like of shape (n_rows, n_columns) or None
        What the teacher says; None asks it.
    sample_weight : array-like of shape (n_rows,) or None
        Weights of the rows.

    Returns
    -------
    Answers

    Raises
    ------
    ValueError
        If there is nobody to ask, or `teacher_proba` does not fit.
    """
    if not hasattr(model, method):
        raise ValueError(
            f"{type(model).__name__} has no {method}, of which this picture is made; "
            "give a classifier that has it."
        )
    student = np.asarray(getattr(model, method)(X))
    return pair_up(model, X, student, teacher_proba, sample_weight, _CURE)


def ask_teacher(model, X) -> NDArray[np.float64]:
    """Ask the teacher that a fitted model holds; clear if it holds none."""
    return ask_own_teacher(model, X, _CURE)


def read_both(teacher, student, labels) -> tuple[NDArray, NDArray, NDArray]:
    """Find the class that each side says of each row.

    Parameters
    ----------
    teacher, student : array-like of shape (n_rows,) or (n_rows, n_classes)
        Labels, or scores of which the largest counts.
    labels : array-like of shape (n_classes,) or None
        The classes, in the order of columns.

    Returns
    -------
    teacher, student : ndarray of shape (n_rows,), intp
        Positions in the classes.
    classes : ndarray of shape (n_classes,)
        `labels`; or the labels that were said, sorted; or 0, 1, ...
    """
    sides = {
        name: read_scores(side, name) if np.ndim(side) == 2 else read_labels(side, name)
        for name, side in {"teacher": teacher, "student": student}.items()
    }
    check_same_rows(**sides)
    tables = {name: side for name, side in sides.items() if side.ndim == 2}
    said = [side for side in sides.values() if side.ndim == 1]
    n_columns = check_same_columns(**tables) if tables else None
    if labels is not None:
        classes = read_names(labels, n_columns)
    elif n_columns is None:
        classes = np.union1d(*said)
    else:
        classes = name_columns(None, n_columns, *said) if said else np.arange(n_columns)
    codes = [
        side.argmax(axis=1) if side.ndim == 2 else codes_of(side, classes, name)
        for name, side in sides.items()
    ]
    return codes[0], codes[1], classes
